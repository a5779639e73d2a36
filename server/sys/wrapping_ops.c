/* wrapping: wrap, unwrap, look up and rewrap (spec/core-api.md 5.1). */
#include <string.h>

#include "lib/json.h"
#include "server/api/wrap.h"
#include "server/sys/tables.h"

#define JSON_TYPE "application/json"
#define PREFIX "error validating wrapping token: "

struct wrapping_in {
	struct secret_view token;
};

static const struct field token_fields[] = {
	FIELD_SECRET(struct wrapping_in, token, .len_max = 255,
		.doc = "The wrapping token; the caller's own if left out."),
	FIELD_END,
};

static const struct op_out lookup_out[] = {
	{ "creation_path", FIELD_TYPE_STR, "What was asked for." },
	{ "creation_time", FIELD_TYPE_STR, "When." },
	{ "creation_ttl", FIELD_TYPE_INT, "Its lifetime in seconds." },
	{ NULL, FIELD_TYPE_STR, NULL },
};

static int
wrap_data(struct req *req, struct reply *reply, struct err *err)
{
	if (req->wrap_ttl_s == 0)
		return err_set(err, ERR_INPUT, 400,
			"endpoint requires response wrapping to be used");
	reply->data = req->data != NULL ? value_copy(req->arena, req->data)
					: value_object(req->arena);
	return reply->data != NULL ? 0 : err_set_memory(err);
}

/* What was sent as the wrapping token, or the caller's own. */
static int
text_of(struct req *req, struct secret_view *ret_text, struct err *err)
{
	const struct wrapping_in *in = req->in;
	const struct value *sent = value_find(req->data, "token");

	if (sent != NULL && sent->type == VALUE_STRING && in->token.len == 0)
		return err_set(err, ERR_INPUT, 400,
			PREFIX "empty token in request body");
	*ret_text = in->token.len > 0 ? in->token : req->own_token;
	return ret_text->len > 0
		? 0
		: err_set(err, ERR_INPUT, 400, PREFIX "token is empty");
}

/* The audit log sees the answer itself, not its bytes. */
static int
read_inside(struct req *req, const struct wrapped_answer *answer,
	struct reply *reply, struct err *err)
{
	struct value *inside = NULL;
	int rc;

	if (strcmp(answer->content_type, JSON_TYPE) != 0)
		return 0;
	rc = json_parse(
		answer->body, &json_limits_trusted, req->arena, &inside, err);
	if (rc != 0)
		return err_set(err, rc, 500, "internal error");
	reply->unwrapped = inside;
	return 0;
}

static int
unwrap(struct req *req, struct reply *reply, struct err *err)
{
	struct wrapped_answer answer;
	struct secret_view text;
	int rc = text_of(req, &text, err);

	if (rc == 0)
		rc = wrap_take(req, text, &answer, err);
	if (rc == 0)
		rc = read_inside(req, &answer, reply, err);
	if (rc != 0)
		return rc;
	reply_raw(reply, answer.content_type, answer.body);
	reply->status = answer.status;
	return 0;
}

static int
rewrap(struct req *req, struct reply *reply, struct err *err)
{
	struct secret_view text;
	int rc = text_of(req, &text, err);

	return rc != 0 ? rc : wrap_take_over(req, text, reply, err);
}

struct look_ctx {
	struct req *req;
	struct wrapping_name name;
	struct token token;
	bool used;
};

static int
look(struct store_tx *tx, void *ctx, struct err *err)
{
	struct look_ctx *looking = ctx;

	return wrapping_get(tx, &looking->name, looking->req->arena,
		&looking->token, &looking->used, err);
}

static int
look_up(struct req *req, struct reply *reply, struct err *err)
{
	struct look_ctx looking = { .req = req };
	struct secret_view text;
	int rc = text_of(req, &text, err);

	if (rc == 0)
		rc = wrap_parse(req, text, &looking.name, err);
	if (rc != 0)
		return rc;
	rc = req_read(req, look, &looking, err);
	if (rc == ERR_ABSENT)
		return wrap_refuse(req, looking.used, err);
	if (rc != 0)
		return rc;
	reply_str(reply, "creation_path", looking.token.path);
	reply_time_ns(reply, "creation_time", looking.token.lease.issue_ns);
	reply_int(reply, "creation_ttl", looking.token.creation_ttl_s);
	return 0;
}

#define WRAPPING_OP(op_path, op_verb, op_flags, op_handler, op_summary, ...)   \
	{                                                                      \
		.path = op_path, .verb = op_verb,                              \
		.flags = OP_WRAPPING | (op_flags),                             \
		.in_size = sizeof(struct wrapping_in), .fields = token_fields, \
		.handler = op_handler, .summary = op_summary,                  \
		.errors = { { 400, "no such wrapping token" } }, __VA_ARGS__   \
	}

const struct op sys_wrapping_ops[] = {
	{
		.path = "wrapping/wrap",
		.verb = OP_UPDATE,
		.flags = OP_ANY_DATA,
		.handler = wrap_data,
		.summary = "Wrap what is sent.",
		.text = "The header X-Vault-Wrap-TTL says for how long.",
		.errors = { { 400, "no X-Vault-Wrap-TTL" } },
	},
	WRAPPING_OP("wrapping/unwrap", OP_UPDATE, 0, unwrap,
		"Hand in a wrapping token for what it stands for, once.",
		.text = "The answer is the one that was wrapped, byte for byte."),
	WRAPPING_OP("wrapping/lookup", OP_UPDATE, OP_UNAUTHENTICATED, look_up,
		"Look up a wrapping token; it stays good.", .out = lookup_out),
	WRAPPING_OP("wrapping/lookup", OP_READ, OP_UNAUTHENTICATED, look_up,
		"Look up a wrapping token; it stays good.", .out = lookup_out),
	WRAPPING_OP("wrapping/rewrap", OP_UPDATE, 0, rewrap,
		"Move what a wrapping token stands for to a new one."),
	OP_END,
};
