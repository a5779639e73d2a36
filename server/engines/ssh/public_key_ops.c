/* public_key: what hosts put into TrustedUserCAKeys, without a token. */
#include <string.h>

#include "server/engines/ssh/issuer.h"
#include "server/engines/ssh/tables.h"

#define LINES_MAX (4 * 1024 * 1024)

struct lines {
	struct req *req;
	struct buf text;
};

/* A line as it is stored, on a line of its own. */
static void
add_line(struct lines *lines, const char *line)
{
	struct buf *text = &lines->text;

	if (text->len > 0 && text->data[text->len - 1] != '\n')
		(void)buf_add_char(text, '\n');
	(void)buf_add_str(text, line);
}

/* The default, then those that are coming and going, in one snapshot. */
static int
collect(struct store_tx *tx, void *ctx, struct err *err)
{
	struct lines *lines = ctx;
	struct ssh_issuers issuers;
	struct ssh_issuer issuer;
	int rc;

	buf_reset(&lines->text);
	rc = ssh_issuer_find_tx(
		tx, lines->req, SSH_ISSUER_DEFAULT, &issuer, err);
	if (rc == 0)
		rc = ssh_issuers_get(tx, lines->req, &issuers, err);
	if (rc != 0)
		return rc;
	add_line(lines, issuer.public_key);
	for (size_t i = 0; i < issuers.listed.n; i++) {
		rc = ssh_issuer_find_tx(
			tx, lines->req, issuers.listed.items[i], &issuer, err);
		if (rc != 0)
			return rc;
		if (ssh_issuer_is_listed(&issuer, tx_now_s(tx)))
			add_line(lines, issuer.public_key);
	}
	return buf_check(&lines->text, err);
}

/* The answer's bytes live in the request's arena. */
static int
answer_text(
	struct req *req, struct reply *reply, struct span text, struct err *err)
{
	struct span copy = arena_dup(req->arena, text);

	if (copy.data == NULL)
		return err_set_memory(err);
	reply_tagged(reply, "text/plain", copy);
	return 0;
}

static int
read_public_key(struct req *req, struct reply *reply, struct err *err)
{
	struct lines lines = { .req = req };
	struct err why = { 0 };
	int rc;

	buf_init(&lines.text, LINES_MAX);
	rc = req_read(req, collect, &lines, &why);
	if (rc == 0)
		rc = answer_text(req, reply, buf_span(&lines.text), err);
	else if (rc == ERR_INPUT)
		rc = err_set(err, ERR_INPUT, 404, "%s", why.message);
	else
		*err = why;
	buf_clear(&lines.text);
	return rc;
}

/* Of one that was deleted too, by its id, as long as it is kept. */
static int
read_issuer_public_key(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer issuer;
	int rc = ssh_issuer_find_kept(
		req, req_capture(req, "issuer_ref"), &issuer, err);

	return rc != 0
		? rc
		: answer_text(req, reply, span_str(issuer.public_key), err);
}

const struct op ssh_public_key_ops[] = {
	{
		.path = "public_key",
		.verb = OP_READ,
		.flags = OP_UNAUTHENTICATED | OP_RAW,
		.handler = read_public_key,
		.summary = "Fetch the keys that hosts trust, as plain text.",
		.text = "One line, the default issuer's. During a rotation those follow that are\n"
			"announced or were the default not long ago. For sshd's\n"
			"TrustedUserCAKeys: curl -f -o /etc/ssh/trusted.pem .../public_key.",
		.errors = { { 404, "there is no default issuer" } },
	},
	{
		.path = "issuer/:issuer_ref/public_key",
		.verb = OP_READ,
		.flags = OP_UNAUTHENTICATED | OP_RAW,
		.handler = read_issuer_public_key,
		.summary = "Fetch the public key of one issuer, as plain text.",
		.text = "Of a deleted one too, by its id, as long as it is kept.",
		.errors = { { 400, "there is no such issuer" } },
	},
	OP_END,
};
