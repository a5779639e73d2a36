/* leases: look up, list, renew and revoke by lease id. */

#include "server/api/cap.h"
#include "server/api/reply.h"
#include "server/api/revoke.h"
#include "server/core/expire.h"
#include "server/core/takeback.h"
#include "server/core/takeback_ask.h"
#include "server/sys/lease_find.h"
#include "server/sys/tables.h"

/* So long a revoke below a prefix waits for other machines, since it came. */
#define REVOKE_WAIT_S 50

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

/* For a lease that lies on another machine, or may, and is not live. */
static void
reply_takeback(struct reply *reply, const struct lease *lease)
{
	const struct lease_takeback *takeback = &lease->takeback;
	const bool queued = lease_is_queued(lease);

	if (!queued && lease->state != LEASE_INSTALLING)
		return;
	reply_str(reply, "state", queued ? "revoke_pending" : "installing");
	if (!queued)
		return;
	reply_bool(reply, "irrevocable",
		takeback->attempts >= LEASE_MANY_ATTEMPTS);
	reply_int(reply, "attempts", takeback->attempts);
	reply_time_s(reply, "next_try", takeback->next_try_s);
	reply_span(reply, "last_error", takeback->why);
}

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
	reply_time_s(reply, "expire_time", lease.expire_s);
	reply_time_ns(reply, "last_renewal", lease.last_renewal_ns);
	reply_bool(reply, "renewable", lease.renewable);
	reply_int(
		reply, "ttl", lease.expire_s == 0 ? 0 : lease.expire_s - now_s);
	reply_takeback(reply, &lease);
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
	struct lease old, lease;
	struct lease_renewal renewal;
	int64_t told_s; /* the end that its machine knows; 0: none does */
};

static int
draft_renewal(struct store_tx *tx, void *ctx, struct err *err)
{
	struct renew_ctx *renew = ctx;
	int rc = lease_get(
		tx, renew->lease.ref, renew->req->arena, &renew->old, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "lease not found");
	}
	if (rc != 0)
		return rc;
	renew->lease = renew->old;
	return lease_renew(tx, &renew->lease, &renew->renewal, err);
}

static int
renew_row(struct store_tx *tx, void *ctx, struct err *err)
{
	struct renew_ctx *renew = ctx;
	struct lease *lease = &renew->lease;
	int rc = draft_renewal(tx, ctx, err);

	if (rc != 0)
		return rc;
	/* Time went by while it was told. */
	if (renew->told_s != 0 && lease->expire_s > renew->told_s) {
		lease->expire_s = renew->told_s;
		lease->ttl_s = lease->expire_s - tx_now_s(tx);
	}
	return lease_update(tx, &renew->old, lease, err);
}

/*
 * What lies on another machine may end there by itself: that is to know the new
 * end before anybody relies on it.
 */
static int
tell_machine(struct renew_ctx *renew, const char *id, struct err *err)
{
	struct req *req = renew->req;
	struct mount *mount = mounts_find(req->server->mounts, id);
	int rc = 0;

	if (mount != NULL && mount->type->lease_hooks != NULL) {
		rc = req_read(req, draft_renewal, renew, err);
		renew->told_s = renew->lease.expire_s;
		if (rc == 0)
			rc = mount->type->lease_hooks->renew(
				req, mount, &renew->old, renew->told_s, err);
	}
	mount_unref(req->server->mounts, &mount);
	return rc;
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
	if (renew.lease.kind == LEASE_DYNAMIC)
		rc = tell_machine(&renew, id, err);
	if (rc == 0)
		rc = req_write(req, renew_row, &renew, err);
	if (rc != 0)
		return rc;
	req_warn_renewal_cap(req, &renew.lease, &renew.renewal);
	expire_notice(req->server->expire, renew.lease.expire_s);
	reply_lease(reply, id, renew.lease.renewable, renew.lease.ttl_s);
	return 0;
}

/* ---- revoke ----------------------------------------------------------- */

/*
 * sync=false may answer before the end, which comes for what lies on other
 * machines alone. With sync=true the first try failed, in err, or is over.
 */
static int
answer_revoked(
	const struct req *req, struct reply *reply, int rc, struct err *err)
{
	const struct lease_in *in = req->in;
	const struct err cause = *err;

	if (!in->sync)
		reply->status = 202;
	if (rc == 0)
		return 0;
	err_clear(err);
	return err_set(err, rc, 500,
		"failed to revoke entry: resp: (*logical.Response)(nil) err: %s",
		cause.message);
}

/* One lease; its queue goes on whatever this returns. */
static int
revoke_row(struct req *req, struct reply *reply, struct rowref ref,
	struct err *err)
{
	const struct lease_in *in = req->in;
	int rc = req_revoke_row(req, ref, err);

	if (rc != 0)
		return rc;
	if (in->sync)
		rc = takeback_now(req->server->takeback, ref, err);
	return answer_revoked(req, reply, rc, err);
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
	if (rc == 0)
		return revoke_row(req, reply, lease.ref, err);
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return answer_revoked(req, reply, 0, err);
}

static int
revoke_below(struct req *req, const char *mount_uuid, const char *rest,
	struct err *err)
{
	return lease_revoke_prefix(req->server->store, mount_uuid, rest, err);
}

static int
wait_below(struct req *req, const char *mount_uuid, const char *rest,
	struct err *err)
{
	return takeback_below(req->server->takeback, mount_uuid, rest,
		req->start_ns + REVOKE_WAIT_S * CLOCK_NS_PER_S, err);
}

static int
force_below(struct req *req, const char *mount_uuid, const char *rest,
	struct err *err)
{
	return lease_force_prefix(req->server->store, mount_uuid, rest, err);
}

/* All are dead before the first is waited for. */
static int
revoke_all_below(struct req *req, const char *prefix, struct err *err)
{
	int rc = req_announce(req, err);

	if (rc == 0)
		rc = lease_each_below(req, prefix, revoke_below, err);
	takeback_notice(req->server->takeback);
	return rc;
}

static int
revoke_prefix(struct req *req, struct reply *reply, struct err *err)
{
	const struct lease_in *in = req->in;
	const char *prefix = req_capture(req, "prefix");
	struct lease lease;
	int rc = lease_find(req, prefix, &lease, err);

	if (rc == 0)
		return revoke_row(req, reply, lease.ref, err);
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	rc = revoke_all_below(req, prefix, err);
	if (rc != 0)
		return rc;
	if (in->sync)
		rc = lease_each_below(req, prefix, wait_below, err);
	return answer_revoked(req, reply, rc, err);
}

/* The rows go, whether what they stand for can be removed or not. */
static int
revoke_force(struct req *req, struct reply *reply, struct err *err)
{
	const char *prefix = req_capture(req, "prefix");
	struct lease lease;
	int rc = lease_find(req, prefix, &lease, err);

	if (rc == 0) {
		rc = req_revoke_row(req, lease.ref, err);
		if (rc == 0)
			rc = lease_force(req->server->store, lease.ref, err);
	} else if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = revoke_all_below(req, prefix, err);
		if (rc == 0)
			rc = lease_each_below(req, prefix, force_below, err);
	}
	return rc != 0 ? rc : answer_revoked(req, reply, 0, err);
}

/* ---- the rest --------------------------------------------------------- */

static int
tidy_leases(UNUSED struct req *req, struct reply *reply, UNUSED struct err *err)
{
	reply_tidy_started(reply);
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

#define REVOKE_PREFIX_OP(op_path, ...)                                         \
	LEASE_OP(op_path, sync_fields, revoke_prefix,                          \
		"Revoke every lease below a path.",                            \
		.flags = OP_SUDO | OP_REST, __VA_ARGS__)
#define REVOKE_FORCE_OP(op_path, ...)                                          \
	LEASE_OP(op_path, sync_fields, revoke_force,                           \
		"Revoke every lease below a path, whatever fails.",            \
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
	REVOKE_PREFIX_OP("leases/revoke-prefix/:prefix", .text = NULL),
	REVOKE_FORCE_OP("leases/revoke-force/:prefix", .text = NULL),
	{
		.path = "leases/tidy",
		.verb = OP_UPDATE,
		.handler = tidy_leases,
		.summary =
			"Accepted for old clients: the store keeps itself tidy.",
	},
	RENEW_OPS("renew", .alias_of = "leases/renew"),
	REVOKE_OPS("revoke", .alias_of = "leases/revoke"),
	REVOKE_PREFIX_OP("revoke-prefix/:prefix",
		.alias_of = "leases/revoke-prefix/:prefix"),
	REVOKE_FORCE_OP("revoke-force/:prefix",
		.alias_of = "leases/revoke-force/:prefix"),
	OP_END,
};
