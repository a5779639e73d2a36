/*
 * A dynamic key's way: its row, its pair, the machine, the row again. Nothing
 * is sent before the row says that something may lie there; what happens
 * behind that is found out again by whoever finds the row (server/core/
 * takeback.h).
 */
#include "server/engines/ssh/dynamic/dynamic_key.h"

#include <string.h>

#include "server/api/new_row.h"
#include "server/core/expire.h"
#include "server/core/key_pool.h"
#include "server/core/seal.h"
#include "server/core/takeback.h"
#include "server/core/takeback_ask.h"
#include "server/engines/ssh/dynamic/delivery.h"
#include "server/engines/ssh/dynamic/dynamic_lease.h"
#include "server/engines/ssh/dynamic/dynamic_role.h"
#include "server/engines/ssh/dynamic/lease_walk.h"
#include "server/engines/ssh/profiles/profile_step.h"
#include "server/engines/ssh/records/named_key.h"
#include "server/engines/ssh/records/target.h"

#define FOLDER "creds/"
#define DELIVERY_FAILED "failed to deliver the private key"
#define RENEW_FAILED "failed to renew the key in target"
#define ADD_FAILED "failed to add public key to authorized_keys file in target"

/* ---- the row ------------------------------------------------------------- */

struct issue {
	struct req *req;
	const struct dynamic_wish *wish;
	struct dynamic_lease plan;
	struct lease lease;
	struct dynamic_issued *issued;
	struct key_pool_pair pair;
	bool is_live;
};

int
dynamic_key_mark(struct server *server, struct arena *arena,
	const char **ret_mark, struct err *err)
{
	struct seal_status status;
	const char *mark;

	seal_get_status(server->seal, &status);
	if (strlen(status.cluster_id) < PROFILE_TAG_SERVER_DIGITS)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	mark = arena_printf(arena, "%s%.*s:", PROFILE_TAG,
		PROFILE_TAG_SERVER_DIGITS, status.cluster_id);
	if (mark == NULL)
		return err_set_memory(err);
	*ret_mark = mark;
	return 0;
}

/* The row's number, its lease id, and the tag that ends as that does. */
static int
name_row(struct issue *issue, struct barrier *barrier, const char *path,
	struct err *err)
{
	struct req *req = issue->req;
	const struct mount *mount = req->mount;
	const char *mark = NULL;
	uint32_t number = 0;
	int rc = lease_path_number(
		req->server->store, mount->uuid, path, &number, err);

	if (rc == 0)
		rc = req_new_row(
			req, LEASE_DYNAMIC, number, &issue->lease, err);
	if (rc == 0)
		rc = lease_id_format(barrier, mount->uuid, mount->path, path,
			&issue->lease, issue->issued->lease_id, err);
	if (rc == 0)
		rc = dynamic_key_mark(req->server, req->arena, &mark, err);
	if (rc != 0)
		return rc;
	issue->plan.tag = arena_printf(req->arena, "%s%s", mark,
		strrchr(issue->issued->lease_id, '/') + 1);
	return issue->plan.tag != NULL ? 0 : err_set_memory(err);
}

/* Everything that a closure may not draw. */
static int
prepare_row(struct issue *issue, struct err *err)
{
	struct req *req = issue->req;
	const char *path =
		arena_printf(req->arena, FOLDER "%s", issue->wish->role_name);
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	int rc;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = path != NULL ? name_row(issue, barrier, path, err)
			  : err_set_memory(err);
	seal_release_barrier(req->server->seal);
	return rc;
}

/* The version of the key that logs in is not forgotten from here on. */
static int
insert_row(struct store_tx *tx, void *ctx, struct err *err)
{
	struct issue *issue = ctx;
	const struct dynamic_wish *wish = issue->wish;
	struct req *req = issue->req;
	struct lease *lease = &issue->lease;
	struct named_key_info key = { .version = 0 };
	int rc = 0;

	if (issue->plan.key[0] != '\0')
		rc = named_key_get(tx, &req->mount->kv, issue->plan.key,
			req->arena, &key, err);
	issue->plan.key_version = key.version;
	if (rc == 0)
		rc = dynamic_lease_pack(
			&issue->plan, req->arena, &lease->data, err);
	if (rc != 0)
		return rc;
	lease->state = LEASE_INSTALLING;
	lease->renewable = true;
	lease->issue_ns = tx_now_ns(tx);
	lease->ttl_s = wish->ttl_s;
	lease->expire_s = tx_now_s(tx) + wish->ttl_s;
	lease->max_s = tx_now_s(tx) + wish->max_ttl_s;
	lease->owner = token_owner(req->token);
	lease->takeback.next_try_s =
		tx_now_s(tx) + issue->plan.timeout_s + DYNAMIC_MARGIN_S;
	if (issue->plan.deliver[0] != '\0')
		lease->takeback.next_try_s += TARGET_TIMEOUT_MAX_S;
	/* How it ends is not known yet. */
	req->fact_status = -1;
	return lease_insert(tx, lease, err);
}

static int
store_row(struct issue *issue, struct err *err)
{
	struct req *req = issue->req;
	int rc = prepare_row(issue, err);

	if (rc != 0)
		return rc;
	req->lease_id = arena_strdup(req->arena, issue->issued->lease_id);
	if (req->lease_id == NULL)
		return err_set_memory(err);
	rc = req_write(req, insert_row, issue, err);
	if (rc != 0)
		req->lease_id = NULL;
	else
		expire_notice(
			req->server->expire, issue->lease.takeback.next_try_s);
	return rc;
}

static int
end_well(struct store_tx *tx, void *ctx, struct err *err)
{
	struct issue *issue = ctx;

	return lease_end_install(tx, &issue->lease, true, issue->req->arena,
		&issue->is_live, err);
}

static int
end_badly(struct store_tx *tx, void *ctx, struct err *err)
{
	struct issue *issue = ctx;

	return lease_end_install(tx, &issue->lease, false, issue->req->arena,
		&issue->is_live, err);
}

/* Nothing lies there: the row goes, but for one that is in the queue now. */
static int
drop_row(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct issue *issue = ctx;
	struct lease lease;
	int rc =
		lease_get(tx, issue->lease.ref, issue->req->arena, &lease, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	return rc == 0 && lease.state == LEASE_INSTALLING
		? lease_delete(tx, &lease, err)
		: rc;
}

/* What cannot be written now, expiry finds when the install is over. */
static void
give_up(struct issue *issue, bool may_be_there)
{
	struct server *server = issue->req->server;

	issue->req->lease_id = NULL;
	if (store_write(server->store, may_be_there ? end_badly : drop_row,
		    issue, NULL) == 0 &&
		may_be_there)
		takeback_notice(server->takeback);
}

/* ---- the machine --------------------------------------------------------- */

/* A key that was shown where none is pinned yet is the one from now on. */
static int
pin_shown(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, const struct profile_job *job,
	const struct profile_result *result, struct err *err)
{
	if (job->policy != OUTBOUND_HOST_KEY_TOFU || job->host_keys.n > 0 ||
		result->host_key[0] == '\0')
		return 0;
	return target_pin(server, &mount->kv, plan->host, plan->port,
		result->host_key, err);
}

/* For a login by ourselves: what the machine is known by. */
static void
note_way(struct issue *issue, const struct profile_job *job,
	const struct profile_result *result)
{
	struct dynamic_issued *issued = issue->issued;
	const char *const own = issue->wish->own_source;

	issued->host_keys = job->host_keys;
	issued->policy = job->policy;
	if (result->host_key[0] != '\0') {
		issued->host_keys = (struct str_list){ NULL, 0 };
		(void)str_list_add(issue->req->arena, &issued->host_keys,
			result->host_key);
		issued->policy = OUTBOUND_HOST_KEY_STRICT;
	}
	issued->source = own != NULL && own[0] != '\0' ? own : job->source;
	issued->legacy_crypto = job->legacy_crypto;
}

static int
put_key(struct issue *issue, bool *ret_may_be_there, struct err *err)
{
	struct req *req = issue->req;
	struct server *server = req->server;
	const struct dynamic_lease *plan = &issue->plan;
	struct profile_result result = { .may_be_there = false };
	struct profile_job job;
	int rc = dynamic_lease_job(server, req->mount, plan, plan->key_version,
		issue->lease.expire_s, req->arena, &job, err);

	if (rc == 0)
		rc = profile_run(server->outbound, profile_find(plan->profile),
			PROFILE_INSTALL, &job, req->arena, &result, err);
	*ret_may_be_there = result.may_be_there;
	if (rc == 0) {
		*ret_may_be_there = true;
		rc = pin_shown(server, req->mount, plan, &job, &result, err);
	}
	if (rc == 0)
		note_way(issue, &job, &result);
	return rc;
}

/* The caller's words for what went wrong on the machine. */
static int
say_failed(int rc, const char *what, struct err *err)
{
	char why[ERR_MESSAGE_MAX];

	if (rc == ERR_BUSY || rc == ERR_SEALED || rc == ERR_MEMORY)
		return rc;
	memcpy(why, err->message, sizeof(why));
	err_clear(err);
	return err_set(err, rc, 500, "%s: %s", what, why);
}

static int
install(struct issue *issue, struct err *err)
{
	struct server *server = issue->req->server;
	bool may_be_there = false;
	int rc = put_key(issue, &may_be_there, err);

	if (rc != 0) {
		give_up(issue, may_be_there);
		return say_failed(rc, ADD_FAILED, err);
	}
	rc = delivery_put(server, issue->req->mount, &issue->plan,
		issue->pair.text, issue->req->arena, err);
	if (rc != 0) {
		give_up(issue, true);
		return say_failed(rc, DELIVERY_FAILED, err);
	}
	rc = store_write(server->store, end_well, issue, err);
	if (rc == 0 && !issue->is_live) {
		takeback_notice(server->takeback);
		rc = err_set(err, ERR_DENIED, 500,
			ADD_FAILED ": the lease was revoked meanwhile");
	}
	if (rc != 0)
		issue->req->lease_id = NULL;
	else
		expire_notice(server->expire, issue->lease.expire_s);
	return rc;
}

int
dynamic_key_issue(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_issued *ret_issued, struct err *err)
{
	struct issue *issue = ARENA_NEW(req->arena, struct issue);
	const struct ssh_role *role = wish->role;
	int rc;

	if (issue == NULL)
		return err_set_memory(err);
	issue->req = req;
	issue->wish = wish;
	issue->issued = ret_issued;
	rc = dynamic_lease_plan(req, wish, &issue->plan, err);
	if (rc == 0)
		rc = key_pool_take(req->server->key_pool,
			role->dynamic_key_type, dynamic_role_key_bits(role),
			req->arena, &issue->pair, err);
	if (rc != 0)
		return rc;
	issue->plan.public_key = issue->pair.public_key;
	rc = store_row(issue, err);
	if (rc == 0)
		rc = install(issue, err);
	if (rc != 0)
		return rc;
	ret_issued->ref = issue->lease.ref;
	ret_issued->ttl_s = wish->ttl_s;
	ret_issued->host = issue->plan.host;
	ret_issued->port = issue->plan.port;
	ret_issued->profile = issue->plan.profile;
	ret_issued->tag = issue->plan.tag;
	ret_issued->deliver = issue->plan.deliver;
	ret_issued->deliver_user = issue->plan.deliver_user;
	if (issue->plan.deliver[0] == '\0')
		ret_issued->private_key = issue->pair.text;
	return 0;
}

int
dynamic_key_end(
	struct req *req, const struct dynamic_issued *issued, struct err *err)
{
	struct server *server = req->server;
	int rc = lease_revoke_tree(server->store, issued->ref, err);

	return rc != 0 ? rc : takeback_now(server->takeback, issued->ref, err);
}

/* ---- what leases do ------------------------------------------------------ */

/* A lease's removal; at end_ns its claim may be anybody's. */
struct removal {
	struct server *server;
	const struct mount *mount;
	const struct dynamic_lease *plan;
	struct arena *arena;
	int64_t end_ns; /* of the boot clock */
	struct profile_result result;
};

static int
remove_key(struct removal *removal, int64_t key_version, struct err *err)
{
	const struct dynamic_lease *plan = removal->plan;
	struct server *server = removal->server;
	struct profile_job job;
	int rc = dynamic_lease_job(server, removal->mount, plan, key_version, 0,
		removal->arena, &job, err);

	if (rc != 0)
		return rc;
	job.deadline_ms =
		clock_left_ms(server->clock, removal->end_ns, job.deadline_ms);
	return profile_run(server->outbound, profile_find(plan->profile),
		PROFILE_REMOVE, &job, removal->arena, &removal->result, err);
}

/*
 * Whether what went wrong says something of the machine rather than of this
 * one key: a home that hangs must not hold up the others of its machine.
 */
static bool
is_of_machine(const struct profile_result *result)
{
	return result->end == OUTBOUND_SSH_NO_CONNECTION ||
		result->end == OUTBOUND_SSH_NO_AGREEMENT ||
		result->end == OUTBOUND_SSH_HOST_KEY ||
		result->end == OUTBOUND_SSH_REFUSED;
}

static int
take_back(struct server *server, const struct mount *mount,
	const struct lease *lease, struct arena *arena, struct err *err)
{
	struct removal removal = { .server = server,
		.mount = mount,
		.arena = arena,
		.end_ns = clock_boot_ns(server->clock) +
			TAKEBACK_CALL_MAX_S * CLOCK_NS_PER_S };
	struct dynamic_lease *plan = NULL;
	int rc = dynamic_lease_unpack(lease->data, arena, &plan, err);

	if (rc != 0)
		return rc;
	removal.plan = plan;
	if (plan->deliver[0] != '\0')
		removal.end_ns -= DELIVERY_TAKE_BACK_S * CLOCK_NS_PER_S;
	rc = remove_key(&removal, plan->key_version, err);
	/* The machine may know the key that came behind it alone. */
	if (rc == ERR_ABSENT || removal.result.end == OUTBOUND_SSH_REFUSED) {
		err_clear(err);
		rc = remove_key(&removal, 0, err);
	}
	if ((rc == ERR_PEER || rc == ERR_TIMEOUT) &&
		!is_of_machine(&removal.result))
		rc = ERR_LIMIT;
	if (rc == 0)
		delivery_take_back(server, mount, plan, arena);
	return rc;
}

/* As the queue knows it; NULL: no memory. */
static const char *
machine_at(const char *host, int64_t port, struct arena *arena)
{
	return arena_printf(arena, "%s %lld", host, (long long)port);
}

int
dynamic_key_again(
	struct req *req, const char *host, int64_t port, struct err *err)
{
	const char *machine = machine_at(host, port, req->arena);

	return machine == NULL ? err_set_memory(err)
			       : takeback_again(req->server->takeback,
					 req->mount->uuid, machine, err);
}

static int
name_machine(const struct lease *lease, struct arena *arena,
	const char **ret_name, struct err *err)
{
	struct dynamic_lease *plan = NULL;
	int rc = dynamic_lease_unpack(lease->data, arena, &plan, err);

	if (rc != 0)
		return rc;
	*ret_name = machine_at(plan->host, plan->port, arena);
	return *ret_name != NULL ? 0 : err_set_memory(err);
}

struct renewal {
	const struct lease *lease;
	const struct dynamic_lease *plan;
	struct lease_again again;
	struct arena *arena;
	bool may_be_there, is_live;
};

static int
begin_renewal(struct store_tx *tx, void *ctx, struct err *err)
{
	struct renewal *renewal = ctx;

	renewal->again.over_s =
		tx_now_s(tx) + renewal->plan->timeout_s + DYNAMIC_MARGIN_S;
	return lease_begin_renewal(
		tx, renewal->lease, &renewal->again, renewal->arena, err);
}

static int
end_renewal(struct store_tx *tx, void *ctx, struct err *err)
{
	struct renewal *renewal = ctx;

	return lease_end_renewal(tx, renewal->lease, &renewal->again,
		renewal->may_be_there, renewal->arena, &renewal->is_live, err);
}

/* What may lie there by now belongs to a lease, and be it a revoked one. */
static int
settle(struct server *server, struct renewal *renewal, struct err *err)
{
	int rc = store_write(server->store, end_renewal, renewal, err);

	if (rc == 0 && !renewal->is_live) {
		takeback_notice(server->takeback);
		rc = err_set(err, ERR_INPUT, 400, "lease is not renewable");
	}
	return rc;
}

static int
renew(struct req *req, const struct mount *mount, const struct lease *lease,
	int64_t expire_s, struct err *err)
{
	struct profile_result result = { .may_be_there = false };
	struct server *server = req->server;
	const struct profile *profile;
	struct dynamic_lease *plan = NULL;
	struct renewal renewal = { .lease = lease, .arena = req->arena };
	struct profile_job job;
	int rc = dynamic_lease_unpack(lease->data, req->arena, &plan, err);

	if (rc != 0)
		return rc;
	profile = profile_find(plan->profile);
	if (!plan->expiry_time || (profile != NULL && !profile->knows_expiry))
		return 0;
	rc = dynamic_lease_job(server, mount, plan, plan->key_version, expire_s,
		req->arena, &job, err);
	if (rc != 0)
		return say_failed(rc, RENEW_FAILED, err);
	renewal.plan = plan;
	rc = store_write(server->store, begin_renewal, &renewal, err);
	if (rc != 0)
		return rc;
	rc = profile_run(server->outbound, profile, PROFILE_INSTALL, &job,
		req->arena, &result, err);
	renewal.may_be_there = rc == 0 || result.may_be_there;
	if (rc == 0)
		return settle(server, &renewal, err);
	(void)settle(server, &renewal, NULL);
	return say_failed(rc, RENEW_FAILED, err);
}

const struct lease_hooks ssh_lease_hooks = {
	.take_back = take_back,
	.target = name_machine,
	.renew = renew,
};

/* ---- walks --------------------------------------------------------------- */

struct walk {
	dynamic_key_fn *fn;
	void *ctx;
};

static int
visit(void *ctx, const struct lease *lease, struct arena *arena,
	struct err *err)
{
	const struct walk *walk = ctx;
	struct dynamic_lease *plan = NULL;
	int rc = dynamic_lease_unpack(lease->data, arena, &plan, err);

	if (rc != 0)
		return rc;
	const struct dynamic_place place = {
		.target = plan->target,
		.host = plan->host,
		.port = plan->port,
		.profile = plan->profile,
		.username = plan->username,
		.key = plan->key,
		.key_version = plan->key_version,
		.tag = plan->tag,
		.public_key = plan->public_key,
	};
	return walk->fn(walk->ctx, lease, &place, err);
}

int
dynamic_key_each(struct server *server, const struct mount *mount,
	dynamic_key_fn *fn, void *ctx, struct err *err)
{
	struct walk walk = { .fn = fn, .ctx = ctx };

	return lease_walk(server, mount, LEASE_DYNAMIC, visit, &walk, err);
}
