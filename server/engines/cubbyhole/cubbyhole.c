/* cubbyhole/: read, write, list and delete in the caller's own space. */
#include "server/engines/cubbyhole/cubbyhole.h"

#include <string.h>

#include "server/api/wrap.h"
#include "storage/cubbyhole.h"

/* Names looked at in one snapshot. */
#define PAGE 500

#define ANSWER "response"
#define ANSWER_IS_OLD                                                          \
	"Reading from 'cubbyhole/response' is deprecated. Please use sys/wrapping/unwrap to unwrap responses, as it provides additional security checks and other benefits."

struct call {
	struct req *req;
	struct kv kv;
	const char *name;
	struct value *value; /* read or to be written */
	bool exists;
};

static int
begin(struct req *req, struct call *ret_call, struct err *err)
{
	if (req->token->batch)
		return err_set(err, ERR_INPUT, 400,
			"cubbyhole operations are only supported by \"service\" type tokens");
	*ret_call = (struct call){ .req = req,
		.kv = cubbyhole_of(req->token->lease.ref),
		.name = req_capture(req, "path") };
	return 0;
}

/* ---- read --------------------------------------------------------------- */

/* The answer that a wrapping token stands for, as text: it is spent by that. */
static int
read_answer(struct req *req, struct reply *reply, struct err *err)
{
	struct wrapped_answer answer;
	int rc = wrap_take(req, req->own_token, &answer, err);

	if (rc != 0)
		return rc;
	req_warn(req, ANSWER_IS_OLD);
	reply_span(reply, ANSWER, answer.body);
	return 0;
}

static int
get_value(struct store_tx *tx, void *ctx, struct err *err)
{
	struct call *call = ctx;

	return kv_get(
		tx, &call->kv, call->name, call->req->arena, &call->value, err);
}

static int
read_value(struct req *req, struct reply *reply, struct err *err)
{
	struct call call;
	int rc = begin(req, &call, err);

	if (rc == 0 && token_is_wrapping(req->token))
		return read_answer(req, reply, err);
	if (rc == 0)
		rc = req_read(req, get_value, &call, err);
	if (rc == 0)
		reply->data = call.value;
	return rc;
}

/* ---- list --------------------------------------------------------------- */

struct listing {
	struct call call;
	const char *prefix; /* with its '/', or "" */
	const char *after;  /* the last name seen, behind the prefix */
	const char *last;   /* the last key, which folders repeat */
	struct value *keys;
	size_t n_seen;
};

static int
add_key(void *ctx, const char *name, UNUSED const struct value *value,
	struct err *err)
{
	struct listing *listing = ctx;
	struct arena *arena = listing->call.req->arena;
	size_t len = strcspn(name, "/");
	const char *key;

	listing->n_seen++;
	listing->after = name;
	if (name[len] == '/')
		len++;
	if (listing->last != NULL && strlen(listing->last) == len &&
		memcmp(listing->last, name, len) == 0)
		return 0;
	key = arena_strndup(arena, name, len);
	listing->last = key;
	return key != NULL && value_add(listing->keys, value_string(arena, key))
		? 0
		: err_set_memory(err);
}

static int
scan_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct listing *listing = ctx;

	listing->n_seen = 0;
	return kv_names(tx, &listing->call.kv, listing->prefix, listing->after,
		PAGE, listing->call.req->arena, add_key, listing, err);
}

static int
list_values(struct req *req, struct reply *reply, struct err *err)
{
	struct listing listing = { .keys = value_list(req->arena) };
	int rc = begin(req, &listing.call, err);

	if (rc != 0)
		return rc;
	listing.prefix = "";
	if (listing.call.name[0] != '\0')
		listing.prefix =
			arena_printf(req->arena, "%s/", listing.call.name);
	if (listing.prefix == NULL || listing.keys == NULL)
		return err_set_memory(err);
	do {
		rc = req_read(req, scan_page, &listing, err);
	} while (rc == 0 && listing.n_seen == PAGE);
	if (rc == 0)
		reply_keys(reply, listing.keys);
	return rc;
}

/* ---- write, delete ------------------------------------------------------ */

/*
 * Nothing is put beside a token that is gone: it would stay for ever. One that
 * is being revoked takes with it whatever is there.
 */
static int
check_there(struct store_tx *tx, const struct req *req, struct err *err)
{
	struct lease row;
	int rc = lease_get(tx, req->token->lease.ref, req->arena, &row, err);

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_DENIED, 403, "permission denied");
}

static int
put_value(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct call *call = ctx;
	int rc = check_there(tx, call->req, err);

	return rc != 0 ? rc
		       : kv_put(tx, &call->kv, call->name, call->value, err);
}

static int
write_value(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct call call;
	int rc = begin(req, &call, err);

	if (rc != 0)
		return rc;
	if (req->data == NULL || req->data->n == 0)
		return err_set(err, ERR_INPUT, 400, "missing data fields");
	call.value = value_copy(req->arena, req->data);
	return call.value != NULL ? req_write(req, put_value, &call, err)
				  : err_set_memory(err);
}

static int
drop_value(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct call *call = ctx;

	return kv_delete(tx, &call->kv, call->name, err);
}

static int
delete_value(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct call call;
	int rc = begin(req, &call, err);

	return rc != 0 ? rc : req_write(req, drop_value, &call, err);
}

static int
look(struct store_tx *tx, void *ctx, UNUSED struct err *err)
{
	struct call *call = ctx;

	call->exists = kv_exists(tx, &call->kv, call->name);
	return 0;
}

static int
value_exists(struct req *req, bool *ret_exists, struct err *err)
{
	struct call call;
	int rc = begin(req, &call, err);

	if (rc == 0)
		rc = req_read(req, look, &call, err);
	if (rc == 0)
		*ret_exists = call.exists;
	return rc;
}

static const struct op cubbyhole_ops[] = {
	{
		.path = ":path",
		.verb = OP_READ,
		.flags = OP_REST,
		.handler = read_value,
		.summary = "Read what the caller's token keeps.",
	},
	{
		.path = "",
		.verb = OP_LIST,
		.handler = list_values,
		.summary = "List what the caller's token keeps.",
	},
	{
		.path = ":path",
		.verb = OP_LIST,
		.flags = OP_REST,
		.handler = list_values,
		.summary = "List what the caller's token keeps below a path.",
	},
	{
		.path = ":path",
		.verb = OP_UPDATE,
		.flags = OP_REST | OP_EXISTENCE | OP_ANY_DATA,
		.handler = write_value,
		.exists = value_exists,
		.summary = "Keep what is sent, in place of what was there.",
		.errors = { { 400, "nothing was sent" } },
	},
	{
		.path = ":path",
		.verb = OP_DELETE,
		.flags = OP_REST,
		.handler = delete_value,
		.summary = "Delete what the caller's token keeps.",
	},
	OP_END,
};

static const struct op *const cubbyhole_tables[] = { cubbyhole_ops, NULL };

const struct mount_type cubbyhole_mount_type = {
	.name = "cubbyhole",
	.description =
		"A space for each token, which no other token can see, not even root's. It\n"
		"is gone with its token.",
	.builtin = true,
	.tables = cubbyhole_tables,
};
