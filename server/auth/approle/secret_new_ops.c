/* role/:role/secret-id, custom-secret-id: make one. */
#include <string.h>

#include "lib/cidr_list.h"
#include "lib/json.h"
#include "server/api/cap.h"
#include "server/auth/approle/approle.h"
#include "server/auth/approle/secret_call.h"
#include "server/core/expire.h"

struct new_in {
	struct secret_view secret_id;
	const char *metadata;
	struct str_list cidr_list, token_bound_cidrs;
	int64_t ttl, num_uses;
};

#define NEW_FIELDS                                                                                 \
	FIELD_STR(struct new_in, metadata, .flags = FIELD_JSON,                                    \
		.len_max = 16384,                                                                  \
		.doc = "A JSON object of texts, or its text; shown in the token's metadata."),     \
		FIELD_LIST(struct new_in, cidr_list, .len_max = 16384,                             \
			.doc = "Blocks of addresses that may log in with it, within the role's."), \
		FIELD_LIST(struct new_in, token_bound_cidrs, .len_max = 16384,                     \
			.doc = "Blocks of addresses of its tokens, within the role's."),           \
		FIELD_DURATION(struct new_in, ttl,                                                 \
			.doc = "Lifetime, within the role's; 0 is the role's."),                   \
		FIELD_INT(struct new_in, num_uses, .max = INT32_MAX,                               \
			.doc = "Number of logins, within the role's; 0 is the role's.")

static const struct field new_fields[] = { NEW_FIELDS, FIELD_END };

static const struct field custom_fields[] = {
	FIELD_SECRET(struct new_in, secret_id, .flags = FIELD_REQUIRED,
		.len_max = 1024, .doc = "The secret id to be."),
	NEW_FIELDS,
	FIELD_END,
};

static int
bad_metadata(struct err *err, const char *why)
{
	err_clear(err);
	return err_set(
		err, ERR_INPUT, 400, "failed to parse metadata: %s", why);
}

static int
parse_metadata(struct req *req, struct str_map *metadata, struct err *err)
{
	const struct new_in *in = req->in;
	struct value *object = NULL;

	if (in->metadata[0] == '\0')
		return 0;
	if (json_parse(span_str(in->metadata), &json_limits_request, req->arena,
		    &object, err) != 0)
		return bad_metadata(err, "not JSON");
	if (object->type != VALUE_OBJECT)
		return bad_metadata(err, "not an object");
	metadata->keys = ARENA_ARRAY(req->arena, const char *, object->n);
	metadata->values = ARENA_ARRAY(req->arena, const char *, object->n);
	if (object->n > 0 &&
		(metadata->keys == NULL || metadata->values == NULL))
		return err_set_memory(err);
	VALUE_EACH (member, object) {
		if (member->type != VALUE_STRING ||
			strlen(member->str) != member->len)
			return bad_metadata(err, "a value that is no text");
		metadata->keys[metadata->n] = member->key;
		metadata->values[metadata->n++] = member->str;
	}
	return 0;
}

/* Blocks of a new secret id: narrower than the role's, or the same. */
static int
take_blocks(const struct approle_call *call, const char *field,
	const struct str_list *sent, const struct str_list *roles,
	struct str_list *blocks, struct err *err)
{
	int rc;

	*blocks = *sent;
	rc = cidr_list_check(call->req->arena, field, blocks, err);
	if (rc != 0 || cidr_list_covers(roles, blocks))
		return rc;
	return err_set(err, ERR_INPUT, 400,
		"CIDR blocks in '%s' of the secret ID should be a subset of those of the role",
		field);
}

static int
take_limits(const struct approle_call *call, struct approle_secret_id *secret,
	int64_t *ttl_s, struct err *err)
{
	const struct new_in *in = call->req->in;
	const struct approle_role *role = call->role;
	const int64_t max_s =
		mount_max_ttl_s(call->req->server, call->req->mount);

	if (in->ttl < 0)
		return err_set(err, ERR_INPUT, 400, "ttl cannot be negative");
	if (role->secret_id_ttl > 0 && in->ttl > role->secret_id_ttl)
		return err_set(err, ERR_INPUT, 400,
			"ttl cannot be longer than the role's secret_id_ttl");
	if (role->secret_id_num_uses > 0 &&
		in->num_uses > role->secret_id_num_uses)
		return err_set(err, ERR_INPUT, 400,
			"num_uses cannot be higher than the role's secret_id_num_uses");
	*ttl_s = in->ttl > 0 ? in->ttl : role->secret_id_ttl;
	if (*ttl_s > max_s) {
		req_warn_cap(call->req, *ttl_s, max_s);
		*ttl_s = max_s;
	}
	secret->num_uses =
		in->num_uses > 0 ? in->num_uses : role->secret_id_num_uses;
	return 0;
}

struct making {
	struct approle_call call;
	struct approle_secret_draft draft;
	int64_t ttl_s;
};

static int
take_wishes(struct making *making, struct err *err)
{
	const struct approle_call *call = &making->call;
	const struct new_in *in = call->req->in;
	struct approle_secret_id *secret = &making->draft.secret;
	int rc;

	if (!call->role->bind_secret_id)
		return err_set(err, ERR_INPUT, 400,
			"bind_secret_id is not set on the role");
	rc = parse_metadata(call->req, &secret->metadata, err);
	if (rc == 0)
		rc = take_blocks(call, "cidr_list", &in->cidr_list,
			&call->role->secret_id_bound_cidrs, &secret->cidr_list,
			err);
	if (rc == 0)
		rc = take_blocks(call, "token_bound_cidrs",
			&in->token_bound_cidrs, &call->role->token.bound_cidrs,
			&secret->token_bound_cidrs, err);
	return rc != 0 ? rc : take_limits(call, secret, &making->ttl_s, err);
}

static int
insert_secret(struct store_tx *tx, void *ctx, struct err *err)
{
	struct making *making = ctx;
	const struct approle_call *call = &making->call;
	int rc = login_record_check(tx, &call->by, call->req->arena, err);

	return rc != 0 ? rc
		       : approle_secret_insert(tx, &call->secrets,
				 &making->draft, making->ttl_s, err);
}

static void
reply_secret(const struct making *making, struct reply *reply)
{
	const struct approle_secret_draft *draft = &making->draft;

	reply_span(
		reply, "secret_id", span_of(draft->text.data, draft->text.len));
	reply_str(reply, "secret_id_accessor", draft->accessor);
	reply_int(reply, "secret_id_num_uses", draft->secret.num_uses);
	reply_int(reply, "secret_id_ttl", making->ttl_s);
}

static int
make_secret(struct req *req, struct reply *reply, struct err *err)
{
	const struct new_in *in = req->in;
	struct making *making = ARENA_NEW(req->arena, struct making);
	const struct lease *lease;
	int rc;

	if (making == NULL)
		return err_set_memory(err);
	lease = &making->draft.secret.lease;
	rc = approle_call_begin(req, 404, &making->call, err);
	if (rc == 0)
		rc = take_wishes(making, err);
	if (rc == 0)
		rc = approle_secret_draw(&making->call.secrets, in->secret_id,
			&making->draft, err);
	if (rc == 0)
		rc = req_write(req, insert_secret, making, err);
	if (rc != 0)
		return rc;
	if (lease->expire_s != 0)
		expire_notice(req->server->expire, lease->expire_s);
	reply_secret(making, reply);
	return 0;
}

#define MADE                                                                   \
	(const struct op_out[])                                                \
	{                                                                      \
		{ "secret_id", FIELD_TYPE_SECRET, "The secret id." },          \
			{ "secret_id_accessor", FIELD_TYPE_STR,                \
				"Its accessor." },                             \
			{ "secret_id_num_uses", FIELD_TYPE_INT,                \
				"Logins it is good for; 0 is any number." },   \
			{ "secret_id_ttl", FIELD_TYPE_INT,                     \
				"Its lifetime in seconds; 0 is for ever." },   \
		{                                                              \
			NULL, FIELD_TYPE_STR, NULL                             \
		}                                                              \
	}

#define NEW_ROW(op_path, op_fields, op_summary, when)                          \
	{                                                                      \
		.path = "role/:role/" op_path, .verb = OP_UPDATE,              \
		.in_size = sizeof(struct new_in), .fields = (op_fields),       \
		.handler = make_secret, .summary = op_summary, .out = MADE,    \
		.errors = {                                                    \
			{ 400, when },                                         \
			{ 404, "no such role" }                                \
		}                                                              \
	}

const struct op approle_secret_new_ops[] = {
	NEW_ROW("secret-id", new_fields, "Make a secret id.",
		"a wish that the role does not allow"),
	NEW_ROW("custom-secret-id", custom_fields,
		"Take a text of the caller's as a secret id.",
		"one that is there already, or a wish that the role does not allow"),
	OP_END,
};
