/* role/:role/secret-id…: list, look up and destroy secret ids. */
#include "server/api/row_ids.h"
#include "server/auth/approle/approle.h"
#include "server/auth/approle/secret_call.h"

#define NEVER "0001-01-01T00:00:00Z" /* how clients read that there is none */

struct secret_in {
	struct secret_view secret_id;
	const char *secret_id_accessor;
};

static const struct field text_fields[] = {
	FIELD_SECRET(struct secret_in, secret_id, .flags = FIELD_REQUIRED,
		.len_max = 1024, .doc = "The secret id."),
	FIELD_END,
};

static const struct field no_fields[] = { FIELD_END };

static const struct field accessor_fields[] = {
	FIELD_STR(struct secret_in, secret_id_accessor, .flags = FIELD_REQUIRED,
		.len_max = 64, .doc = "The secret id's accessor."),
	FIELD_END,
};

/* ---- list ------------------------------------------------------------- */

static bool
is_live(const struct lease *lease)
{
	return lease->state == LEASE_LIVE;
}

static int
list_secrets(struct req *req, struct reply *reply, struct err *err)
{
	struct row_ids ids = { .mount_uuid = req->mount->uuid,
		.kind = ROWID_SECRET_ACCESSOR,
		.wants = is_live };
	struct value *names = value_list(req->arena);
	struct approle_call call;
	int rc = approle_call_begin(req, 400, &call, err);

	if (rc != 0)
		return rc;
	if (names == NULL)
		return err_set_memory(err);
	ids.path = call.secrets.path;
	rc = row_ids_add(req, &ids, names, err);
	if (rc == 0)
		reply_keys(reply, names);
	return rc;
}

/* ---- look up and destroy ---------------------------------------------- */

struct looking {
	struct approle_call call;
	struct approle_secret_id secret;
	char accessor[ROWID_TEXT_MAX];
};

static bool
is_by_accessor(const struct req *req)
{
	const struct secret_in *in = req->in;

	return in->secret_id_accessor != NULL;
}

static int
find_secret(struct store_tx *tx, void *ctx, struct err *err)
{
	struct looking *looking = ctx;
	const struct approle_call *call = &looking->call;
	const struct secret_in *in = call->req->in;

	return is_by_accessor(call->req)
		? approle_secret_by_accessor(tx, &call->secrets,
			  span_str(in->secret_id_accessor), &looking->secret,
			  err)
		: approle_secret_by_text(tx, &call->secrets, in->secret_id,
			  &looking->secret, err);
}

/*
 * An unknown secret id is nothing to tell of, an unknown accessor is. It is not
 * echoed: a 404's text stands in the audit log in clear.
 */
static int
settle_absent(const struct req *req, int rc, struct err *err)
{
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	if (!is_by_accessor(req))
		return 0;
	return err_set(err, ERR_ABSENT, 404,
		"failed to find accessor entry for secret_id_accessor");
}

static void
show_secret(const struct looking *looking, struct reply *reply)
{
	const struct approle_secret_id *secret = &looking->secret;
	const struct lease *lease = &secret->lease;
	struct arena *arena = reply->req->arena;

	reply_value(
		reply, "cidr_list", value_of_list(arena, &secret->cidr_list));
	reply_time_ns(reply, "creation_time", lease->issue_ns);
	if (lease->expire_s == 0)
		reply_str(reply, "expiration_time", NEVER);
	else
		reply_time_s(reply, "expiration_time", lease->expire_s);
	reply_time_ns(reply, "last_updated_time",
		lease->last_renewal_ns != 0 ? lease->last_renewal_ns
					    : lease->issue_ns);
	reply_value(reply, "metadata", value_of_map(arena, &secret->metadata));
	reply_str(reply, "secret_id_accessor", looking->accessor);
	reply_int(reply, "secret_id_num_uses", secret->num_uses);
	reply_int(reply, "secret_id_ttl", lease->ttl_s);
	reply_value(reply, "token_bound_cidrs",
		value_of_list(arena, &secret->token_bound_cidrs));
}

static int
find_and_name(struct store_tx *tx, void *ctx, struct err *err)
{
	struct looking *looking = ctx;
	int rc = find_secret(tx, looking, err);

	return rc != 0
		? rc
		: approle_secret_accessor(tx, &looking->call.secrets,
			  &looking->secret.lease, looking->accessor, err);
}

static int
look_up(struct req *req, struct reply *reply, struct err *err)
{
	struct looking looking;
	int rc = approle_call_begin(req, 404, &looking.call, err);

	if (rc != 0)
		return rc;
	rc = req_read(req, find_and_name, &looking, err);
	if (rc == 0)
		show_secret(&looking, reply);
	return settle_absent(req, rc, err);
}

static int
delete_secret(struct store_tx *tx, void *ctx, struct err *err)
{
	struct looking *looking = ctx;
	int rc = find_secret(tx, looking, err);

	return rc != 0 ? rc : lease_delete(tx, &looking->secret.lease, err);
}

static int
destroy(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct looking looking;
	int rc = approle_call_begin(req, 404, &looking.call, err);

	if (rc == 0)
		rc = settle_absent(
			req, req_write(req, delete_secret, &looking, err), err);
	return rc;
}

/* By the secret id or by its accessor: look up, destroy, destroy by DELETE. */
#define FIND_ROW(op_path, op_verb, op_fields, op_handler, op_summary)          \
	{                                                                      \
		.path = "role/:role/" op_path, .verb = (op_verb),              \
		.in_size = sizeof(struct secret_in), .fields = (op_fields),    \
		.handler = (op_handler), .summary = op_summary, .errors = {    \
			{ 404, "no such role, or no such accessor" }           \
		}                                                              \
	}
#define FIND_ROWS(op_path, op_fields, what)                                    \
	FIND_ROW(op_path "/lookup", OP_UPDATE, op_fields, look_up,             \
		"Look up a secret id" what "."),                               \
		FIND_ROW(op_path "/destroy", OP_UPDATE, op_fields, destroy,    \
			"Destroy a secret id" what "."),                       \
		FIND_ROW(op_path "/destroy", OP_DELETE, op_fields, destroy,    \
			"Destroy a secret id" what ".")

const struct op approle_secret_id_ops[] = {
	{
		.path = "role/:role/secret-id",
		.verb = OP_LIST,
		.in_size = sizeof(struct secret_in),
		.fields = no_fields, /* all at once: accessors have no order */
		.handler = list_secrets,
		.summary = "List the accessors of a role's secret ids.",
		.errors = { { 400, "no such role" } },
	},
	FIND_ROWS("secret-id", text_fields, ""),
	FIND_ROWS("secret-id-accessor", accessor_fields, " by its accessor"),
	OP_END,
};
