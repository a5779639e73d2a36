/* The lines of all issuers that hosts are to trust now. */
#include "server/engines/ssh/ca/trusted_keys.h"

#include "server/engines/ssh/ca/issuer.h"

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

int
ssh_trusted_keys(struct req *req, struct span *ret_text, struct err *err)
{
	struct lines lines = { .req = req };
	struct span copy = SPAN_NONE;
	struct err why = { 0 };
	int rc;

	buf_init(&lines.text, LINES_MAX);
	rc = req_read(req, collect, &lines, &why);
	if (rc == 0)
		copy = arena_dup(req->arena, buf_span(&lines.text));
	buf_clear(&lines.text);
	if (rc == ERR_INPUT)
		return err_set(err, ERR_INPUT, 404, "%s", why.message);
	if (rc != 0) {
		*err = why;
		return rc;
	}
	if (copy.data == NULL)
		return err_set_memory(err);
	*ret_text = copy;
	return 0;
}
