/* leases: look up, list, renew and revoke by lease id. */
#include <string.h>

#include "server/api/cap.h"
#include "server/api/reply.h"
#include "server/api/revoke.h"
#include "server/core/expire.h"
#include "server/core/seal.h"
#include "server/sys/lease_find.h"
#include "server/sys/tables.h"

struct lease_in {
	const char *lease_id, *url_lease_id;
	int64_t increment; /* s */
	bool sync;
};

#define LEASE_ID_FIELD                                                         \
	FIELD_STR(struct lease_in, lease_id, .len_max = LEASE_ID_MAX,          \
		.doc = "Id of the lease.")
#define SYNC_FIELD                                                             \
	FIELD_BOOL(struct lease_in, sync, .initial = "true",                   \
		.doc = "Wait for the end; false answers 202.")

static const struct field lookup_fields[] = { LEASE_ID_FIELD, FIELD_END };

static const struct field renew_fields[] = {
	LEASE_ID_FIELD,
	FIELD_STR(struct lease_in, url_lease_id, .len_max = LEASE_ID_MAX,
		.flags = FIELD_HIDDEN, .doc = "Old name of lease_id."),
	FIELD_DURATION(struct lease_in, increment,
		.doc = "New lifetime from now; the usual one if left out."),
	FIELD_END,
};

static const struct field revoke_fields[] = {
	LEASE_ID_FIELD,
	FIELD_STR(struct lease_in, url_lease_id, .len_max = LEASE_ID_MAX,
		.flags = FIELD_HIDDEN, .doc = "Old name of lease_id."),
	SYNC_FIELD,
	FIELD_END,
};

static const struct field sync_fields[] = { SYNC_FIELD, FIELD_END };

struct type_in {
	const char *type, *limit;
};

static const struct field type_fields[] = {
	FIELD_STR(struct type_in, type, .len_max = 32, .flags = FIELD_QUERY,
		.doc = "\"irrevocable\"."),
	FIELD_STR(struct type_in, limit, .len_max = 16, .flags = FIELD_QUERY,
		.doc = "How many at most, or \"none\"."),
	FIELD_END,
};

/* The id of the body, or of the path where the row has it there. */
static int
lease_id_of(const struct req *req, const char **ret_id, struct err *err)
{
	const struct lease_in *in = req->in;
	const char *id = in->lease_id;

	if (req->n_captures > 0)
		id = req_capture(req, "lease_id");
	else if (id[0] == '\0' && in->url_lease_id != NULL)
		id = in->url_lease_id;
	if (id[0] == '\0')
		return err_set(
			err, ERR_INPUT, 400, "lease_id must be specified");
	*ret_id = id;
	return 0;
}

/* ---- look up ---------------------------------------------------------- */

static int
lookup_lease(struct req *req, struct reply *reply, struct err *err)
{
	struct lease lease;
	const char *id = NULL;
	int64_t now_s = req_now_s(req);
	int rc = lease_id_of(req, &id, err);

	if (rc != 0)
		return rc;
	rc = lease_find(req, id, &lease, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "invalid lease");
	}
	if (rc != 0)
		return rc;
	reply_str(reply, "id", id);
	reply_time_ns(reply, "issue_time", lease.issue_ns);
	reply_time_ns(reply, "expire_time", lease.expire_s * CLOCK_NS_PER_S);
	reply_time_ns(reply, "last_renewal", lease.last_renewal_ns);
	reply_bool(reply, "renewable", lease.renewable);
	reply_int(
		reply, "ttl", lease.expire_s == 0 ? 0 : lease.expire_s - now_s);
	return 0;
}

static int
list_leases(struct req *req, struct reply *reply, struct err *err)
{
	const char *prefix =
		req->n_captures > 0 ? req_capture(req, "prefix") : "";
	struct value *keys = NULL;
	int rc = lease_list_level(req, prefix, &keys, err);

	if (rc == 0)
		reply_keys(reply, keys);
	return rc;
}

/* ---- renew ------------------------------------------------------------ */

struct renew_ctx {
	struct req *req;
	struct lease lease;
	struct lease_renewal renewal;
};

static int
renew_row(struct store_tx *tx, void *ctx, struct err *err)
{
	struct renew_ctx *renew = ctx;
	struct lease old;
	int rc = lease_get(tx, renew->lease.ref, renew->req->arena, &old, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "lease not found");
	}
	if (rc != 0)
		return rc;
	renew->lease = old;
	rc = lease_renew(tx, &renew->lease, &renew->renewal, err);
	return rc != 0 ? rc : lease_update(tx, &old, &renew->lease, err);
}

static int
renew_lease(struct req *req, struct reply *reply, struct err *err)
{
	const struct lease_in *in = req->in;
	struct renew_ctx renew = { .req = req,
		.renewal = { .increment_s = in->increment } };
	const char *id = NULL;
	int rc = lease_id_of(req, &id, err);

	if (rc != 0)
		return rc;
	rc = lease_find(req, id, &renew.lease, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "lease not found");
	}
	if (rc != 0)
		return rc;
	if (renew.lease.kind == LEASE_TOKEN)
		return err_set(err, ERR_INPUT, 400,
			"tokens cannot be renewed through this endpoint");
	renew.renewal.default_s = renew.lease.ttl_s;
	rc = req_write(req, renew_row, &renew, err);
	if (rc != 0)
		return rc;
	req_warn_renewal_cap(req, &renew.lease, &renew.renewal);
	expire_notice(req->server->expire, renew.lease.expire_s);
	reply_lease(reply, id, renew.lease.renewable, renew.lease.ttl_s);
	return 0;
}

/* ---- revoke ----------------------------------------------------------- */

/* sync=false may answer before the end; here the end has come already. */
static void
answer_revoked(const struct req *req, struct reply *reply)
{
	const struct lease_in *in = req->in;

	if (!in->sync)
		reply->status = 202;
}

static int
revoke_lease(struct req *req, struct reply *reply, struct err *err)
{
	struct lease lease;
	const char *id = NULL;
	int rc = lease_id_of(req, &id, err);

	if (rc != 0)
		return rc;
	rc = lease_find(req, id, &lease, err);
	if (rc == ERR_ABSENT)
		err_clear(err);
	else if (rc == 0)
		rc = req_revoke_row(req, lease.ref, err);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	answer_revoked(req, reply);
	return 0;
}

static int
revoke_prefix(struct req *req, struct reply *reply, struct err *err)
{
	const char *prefix = req_capture(req, "prefix");
	struct lease lease;
	int rc = lease_find(req, prefix, &lease, err);

	if (rc == 0) {
		rc = req_revoke_row(req, lease.ref, err);
	} else if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = req_announce(req, err);
		if (rc == 0)
			rc = lease_revoke_below(req, prefix, err);
	}
	if (rc == 0)
		answer_revoked(req, reply);
	return rc;
}

/* ---- the rest --------------------------------------------------------- */

static int
tidy_leases(UNUSED struct req *req, struct reply *reply, UNUSED struct err *err)
{
	reply_tidy_started(reply);
	return 0;
}

static int
check_irrevocable(const struct req *req, struct err *err)
{
	const struct type_in *in = req->in;

	if (strcmp(in->type, "irrevocable") == 0)
		return 0;
	return err_set(err, ERR_ABSENT, 404, "%s", "");
}

/* Every kind of lease there is so far can always be taken back. */
static int
count_leases(struct req *req, struct reply *reply, struct err *err)
{
	int rc = check_irrevocable(req, err);

	if (rc != 0)
		return rc;
	reply_value(reply, "counts", value_object(req->arena));
	reply_int(reply, "lease_count", 0);
	return 0;
}

static int
read_leases(struct req *req, struct reply *reply, struct err *err)
{
	int rc = check_irrevocable(req, err);

	if (rc != 0)
		return rc;
	reply_int(reply, "lease_count", 0);
	reply_value(reply, "leases", value_list(req->arena));
	return 0;
}

#define LEASE_OP(op_path, op_fields, op_handler, op_summary, ...)              \
	{                                                                      \
		.path = op_path, .verb = OP_UPDATE,                            \
		.in_size = sizeof(struct lease_in), .fields = op_fields,       \
		.handler = op_handler, .summary = op_summary, __VA_ARGS__      \
	}

#define RENEW_OPS(op_path, ...)                                                \
	LEASE_OP(op_path, renew_fields, renew_lease, "Renew a lease.",         \
		.errors = { { 400, "unknown, expired or not renewable" } },    \
		__VA_ARGS__),                                                  \
		LEASE_OP(op_path "/:lease_id", renew_fields, renew_lease,      \
			"Renew a lease.", .flags = OP_REST,                    \
			.errors = { { 400,                                     \
				"unknown, expired or not renewable" } },       \
			__VA_ARGS__)

#define REVOKE_OPS(op_path, ...)                                               \
	LEASE_OP(op_path, revoke_fields, revoke_lease,                         \
		"Revoke a lease: what it stands for works no more.",           \
		__VA_ARGS__),                                                  \
		LEASE_OP(op_path "/:lease_id", revoke_fields, revoke_lease,    \
			"Revoke a lease: what it stands for works no more.",   \
			.flags = OP_REST, __VA_ARGS__)

#define REVOKE_BELOW_OPS(op_prefix, ...)                                       \
	LEASE_OP(op_prefix "revoke-prefix/:prefix", sync_fields,               \
		revoke_prefix, "Revoke every lease below a path.",             \
		.flags = OP_SUDO | OP_REST, __VA_ARGS__),                      \
		LEASE_OP(op_prefix "revoke-force/:prefix", sync_fields,        \
			revoke_prefix,                                         \
			"Revoke every lease below a path, whatever fails.",    \
			.flags = OP_SUDO | OP_REST, __VA_ARGS__)

const struct op sys_leases_ops[] = {
	LEASE_OP("leases/lookup", lookup_fields, lookup_lease,
		"Look up a lease.", .errors = { { 400, "no such lease" } }),
	{
		.path = "leases/lookup",
		.verb = OP_LIST,
		.flags = OP_SUDO,
		.handler = list_leases,
		.summary = "List the paths that have leases.",
	},
	{
		.path = "leases/lookup/:prefix",
		.verb = OP_LIST,
		.flags = OP_SUDO | OP_REST,
		.handler = list_leases,
		.summary = "List the leases and folders below a path.",
	},
	RENEW_OPS("leases/renew", .text = NULL),
	REVOKE_OPS("leases/revoke", .text = NULL),
	REVOKE_BELOW_OPS("leases/", .text = NULL),
	{
		.path = "leases/tidy",
		.verb = OP_UPDATE,
		.handler = tidy_leases,
		.summary =
			"Accepted for old clients: the store keeps itself tidy.",
	},
	{
		.path = "leases/count",
		.verb = OP_READ,
		.in_size = sizeof(struct type_in),
		.fields = type_fields,
		.handler = count_leases,
		.summary = "Count the leases that could not be revoked.",
		.errors = { { 404, "another type than irrevocable" } },
	},
	{
		.path = "leases",
		.verb = OP_READ,
		.in_size = sizeof(struct type_in),
		.fields = type_fields,
		.handler = read_leases,
		.summary = "List the leases that could not be revoked.",
		.errors = { { 404, "another type than irrevocable" } },
	},
	RENEW_OPS("renew", .alias_of = "leases/renew"),
	REVOKE_OPS("revoke", .alias_of = "leases/revoke"),
	REVOKE_BELOW_OPS("", .alias_of = "leases/revoke-prefix/:prefix"),
	OP_END,
};
