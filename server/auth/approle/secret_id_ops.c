/* role/:role/secret-id…: make, list, look up and destroy secret ids. */
#include <string.h>

#include "lib/json.h"
#include "server/api/cap.h"
#include "server/auth/approle/approle.h"
#include "server/auth/approle/secret_id.h"
#include "server/auth/cidr_list.h"
#include "server/auth/login.h"
#include "server/core/expire.h"

#define PAGE 500
#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define NEVER "0001-01-01T00:00:00Z" /* how clients read that there is none */

struct secret_in {
	struct secret_view secret_id;
	const char *metadata, *secret_id_accessor;
	struct str_list cidr_list, token_bound_cidrs;
	int64_t ttl, num_uses;
};

#define NEW_FIELDS                                                                                 \
	FIELD_STR(struct secret_in, metadata, .len_max = 16384,                                    \
		.doc = "A JSON object of texts, as a text; shown in the token's metadata."),       \
		FIELD_LIST(struct secret_in, cidr_list, .len_max = 16384,                          \
			.doc = "Blocks of addresses that may log in with it, within the role's."), \
		FIELD_LIST(struct secret_in, token_bound_cidrs,                                    \
			.len_max = 16384,                                                          \
			.doc = "Blocks of addresses of its tokens, within the role's."),           \
		FIELD_DURATION(struct secret_in, ttl,                                              \
			.doc = "Lifetime, within the role's; 0 is the role's."),                   \
		FIELD_INT(struct secret_in, num_uses, .max = INT32_MAX,                            \
			.doc = "Number of logins, within the role's; 0 is the role's.")

static const struct field new_fields[] = { NEW_FIELDS, FIELD_END };

static const struct field custom_fields[] = {
	FIELD_SECRET(struct secret_in, secret_id, .flags = FIELD_REQUIRED,
		.len_max = 1024, .doc = "The secret id to be."),
	NEW_FIELDS,
	FIELD_END,
};

static const struct field text_fields[] = {
	FIELD_SECRET(struct secret_in, secret_id, .flags = FIELD_REQUIRED,
		.len_max = 1024, .doc = "The secret id."),
	FIELD_END,
};

static const struct field accessor_fields[] = {
	FIELD_STR(struct secret_in, secret_id_accessor, .flags = FIELD_REQUIRED,
		.len_max = 64, .doc = "The secret id's accessor."),
	FIELD_END,
};

/* ---- the role of the path -------------------------------------------------
 */

/* A request about secret ids of one role. */
struct call {
	struct req *req;
	const char *name; /* of the role */
	struct login_record by;
	const struct approle_role *role;
	struct approle_secrets secrets;
	struct approle_secret_id secret; /* found */
};

static int
no_role(const struct call *call, int status, struct err *err)
{
	err_clear(err);
	return err_set(err, status == 404 ? ERR_ABSENT : ERR_INPUT, status,
		"role \"%.64s\" does not exist", call->name);
}

/* status: how a role that is not there is answered. */
static int
begin_call(struct req *req, struct call *call, int status, struct err *err)
{
	int rc;

	*call = (struct call){ .req = req,
		.name = arena_strlower(req->arena, req_capture(req, "role")) };
	if (call->name == NULL)
		return err_set_memory(err);
	rc = login_record_find(
		req, &approle_role_record, call->name, &call->by, err);
	if (rc == ERR_ABSENT)
		return no_role(call, status, err);
	call->role = call->by.record;
	return rc != 0
		? rc
		: approle_secrets_of(req, call->role, &call->secrets, err);
}

/* ---- make -------------------------------------------------------------------
 */

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
	const struct secret_in *in = req->in;
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
take_blocks(const struct call *call, const char *field,
	const struct str_list *sent, const struct str_list *roles,
	struct str_list *blocks, struct err *err)
{
	int rc;

	*blocks = *sent;
	rc = token_check_cidrs(call->req, field, blocks, err);
	if (rc != 0 || cidr_list_covers(roles, blocks))
		return rc;
	return err_set(err, ERR_INPUT, 400,
		"CIDR blocks in '%s' of the secret ID should be a subset of those of the role",
		field);
}

static int
take_limits(const struct call *call, struct approle_secret_id *secret,
	int64_t *ttl_s, struct err *err)
{
	const struct secret_in *in = call->req->in;
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
	struct call call;
	struct approle_secret_draft draft;
	int64_t ttl_s;
};

static int
take_wishes(struct making *making, struct err *err)
{
	const struct call *call = &making->call;
	const struct secret_in *in = call->req->in;
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
	const struct call *call = &making->call;
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
	const struct secret_in *in = req->in;
	struct making *making = ARENA_NEW(req->arena, struct making);
	const struct lease *lease;
	int rc;

	if (making == NULL)
		return err_set_memory(err);
	lease = &making->draft.secret.lease;
	rc = begin_call(req, &making->call, 404, err);
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

/* ---- list -------------------------------------------------------------------
 */

struct listing {
	struct call call;
	struct store_tx *tx;
	struct arena *page; /* of the rows at hand */
	struct value *names;
	uint64_t after;
	size_t n_seen; /* in this page */
};

static int
add_accessor(void *ctx, const struct lease *lease, struct err *err)
{
	struct listing *listing = ctx;
	struct arena *arena = listing->call.req->arena;
	char accessor[ROWID_TEXT_MAX];
	int rc;

	listing->n_seen++;
	listing->after = lease->ref.row;
	if (!lease_is_live(listing->tx, lease))
		return 0;
	rc = approle_secret_accessor(
		listing->tx, &listing->call.secrets, lease, accessor, err);
	if (rc != 0)
		return rc;
	return value_add(listing->names, value_string(arena, accessor))
		? 0
		: err_set_memory(err);
}

static int
read_rows(struct store_tx *tx, void *ctx, struct err *err)
{
	struct listing *listing = ctx;

	listing->tx = tx;
	listing->n_seen = 0;
	return lease_rows(tx, listing->call.secrets.path, listing->after, PAGE,
		listing->page, add_accessor, listing, err);
}

static int
list_secrets(struct req *req, struct reply *reply, struct err *err)
{
	struct listing listing = { .names = value_list(req->arena) };
	int rc = begin_call(req, &listing.call, 400, err);

	if (rc != 0)
		return rc;
	do {
		listing.page = arena_new(PAGE_MEMORY_MAX);
		if (listing.page == NULL)
			return err_set_memory(err);
		rc = req_read(req, read_rows, &listing, err);
		arena_free(&listing.page);
	} while (rc == 0 && listing.n_seen == PAGE);
	if (rc == 0)
		reply_keys(reply, listing.names);
	return rc;
}

/* ---- look up and destroy
 * ------------------------------------------------------ */

static bool
is_by_accessor(const struct req *req)
{
	const struct secret_in *in = req->in;

	return in->secret_id_accessor != NULL;
}

static int
find_secret(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;
	const struct secret_in *in = call->req->in;

	return is_by_accessor(call->req)
		? approle_secret_by_accessor(tx, &call->secrets,
			  span_str(in->secret_id_accessor), &call->secret, err)
		: approle_secret_by_text(tx, &call->secrets, in->secret_id,
			  &call->secret, err);
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

static struct value *
map_value(struct arena *arena, const struct str_map *map)
{
	struct value *object = value_object(arena);

	for (size_t i = 0; i < map->n; i++) {
		if (!value_set_str(arena, object, map->keys[i], map->values[i]))
			return NULL;
	}
	return object;
}

struct looking {
	struct call call;
	char accessor[ROWID_TEXT_MAX];
};

static void
show_secret(const struct looking *looking, struct reply *reply)
{
	const struct approle_secret_id *secret = &looking->call.secret;
	const struct lease *lease = &secret->lease;
	struct arena *arena = reply->req->arena;

	reply_value(reply, "cidr_list",
		reply_strings(
			arena, secret->cidr_list.items, secret->cidr_list.n));
	reply_time_ns(reply, "creation_time", lease->issue_ns);
	if (lease->expire_s == 0)
		reply_str(reply, "expiration_time", NEVER);
	else
		reply_time_ns(reply, "expiration_time",
			lease->expire_s * CLOCK_NS_PER_S);
	reply_time_ns(reply, "last_updated_time",
		lease->last_renewal_ns != 0 ? lease->last_renewal_ns
					    : lease->issue_ns);
	reply_value(reply, "metadata", map_value(arena, &secret->metadata));
	reply_str(reply, "secret_id_accessor", looking->accessor);
	reply_int(reply, "secret_id_num_uses", secret->num_uses);
	reply_int(reply, "secret_id_ttl", lease->ttl_s);
	reply_value(reply, "token_bound_cidrs",
		reply_strings(arena, secret->token_bound_cidrs.items,
			secret->token_bound_cidrs.n));
}

static int
find_and_name(struct store_tx *tx, void *ctx, struct err *err)
{
	struct looking *looking = ctx;
	struct call *call = &looking->call;
	int rc = find_secret(tx, call, err);

	return rc != 0 ? rc
		       : approle_secret_accessor(tx, &call->secrets,
				 &call->secret.lease, looking->accessor, err);
}

static int
look_up(struct req *req, struct reply *reply, struct err *err)
{
	struct looking looking;
	int rc = begin_call(req, &looking.call, 404, err);

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
	struct call *call = ctx;
	int rc = find_secret(tx, call, err);

	return rc != 0 ? rc : lease_delete(tx, &call->secret.lease, err);
}

static int
destroy(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct call call;
	int rc = begin_call(req, &call, 404, err);

	if (rc == 0)
		rc = settle_absent(
			req, req_write(req, delete_secret, &call, err), err);
	return rc;
}

#define SECRET_ROW(op_path, op_verb, op_fields, op_handler, op_summary, ...)   \
	{                                                                      \
		.path = "role/:role/" op_path, .verb = (op_verb),              \
		.in_size = sizeof(struct secret_in), .fields = (op_fields),    \
		.handler = (op_handler), .summary = op_summary, __VA_ARGS__    \
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

/* By the secret id or by its accessor: look up, destroy, destroy by DELETE. */
#define FIND_ROW(op_path, op_verb, op_fields, op_handler, op_summary)          \
	SECRET_ROW(op_path, op_verb, op_fields, op_handler, op_summary,        \
		.errors = { { 404, "no such role, or no such accessor" } })
#define FIND_ROWS(op_path, op_fields, what)                                    \
	FIND_ROW(op_path "/lookup", OP_UPDATE, op_fields, look_up,             \
		"Look up a secret id" what "."),                               \
		FIND_ROW(op_path "/destroy", OP_UPDATE, op_fields, destroy,    \
			"Destroy a secret id" what "."),                       \
		FIND_ROW(op_path "/destroy", OP_DELETE, op_fields, destroy,    \
			"Destroy a secret id" what ".")

const struct op approle_secret_id_ops[] = {
	SECRET_ROW("secret-id", OP_UPDATE, new_fields, make_secret,
		"Make a secret id.", .out = MADE,
		.errors = { { 400, "a wish that the role does not allow" },
			{ 404, "no such role" } }),
	SECRET_ROW("custom-secret-id", OP_UPDATE, custom_fields, make_secret,
		"Take a text of the caller's as a secret id.", .out = MADE,
		.errors = { { 400, "one that is there already, or a wish that the role does not allow" },
			{ 404, "no such role" } }),
	{
		.path = "role/:role/secret-id",
		.verb = OP_LIST,
		.handler = list_secrets,
		.summary = "List the accessors of a role's secret ids.",
		.errors = { { 400, "no such role" } },
	},
	FIND_ROWS("secret-id", text_fields, ""),
	FIND_ROWS("secret-id-accessor", accessor_fields, " by its accessor"),
	OP_END,
};
