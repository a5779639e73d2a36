/*
 * targets/:name/sweep, reconcile: the keys of ours that lie on a target, held
 * against the leases. A key is listed before leases are: one that a caller is
 * getting meanwhile has its lease first, and is known.
 */
#include <string.h>

#include "server/engines/ssh/dynamic/dynamic_key.h"
#include "server/engines/ssh/profiles/profile_step.h"
#include "server/engines/ssh/targets/tables.h"
#include "server/engines/ssh/targets/target_call.h"

/* Calls of one request: the list, and removals. */
#define CALLS_MAX 6

struct drift {
	struct target_call call;
	struct profile_result there; /* keys of ours that it has */
	bool *known;                 /* of each: a lease says so */
	struct profile_key *others;  /* keys of another server */
	size_t n_others;
	struct str_list mounts;    /* of the type, by uuid */
	const struct mount *mount; /* the one that is */
	struct value *missing;     /* leases of ours whose key is not there */
	int64_t n_leases, n_pending;
};

/* ---- leases ------------------------------------------------------------- */

static bool
is_here(const struct drift *drift, const struct dynamic_place *place)
{
	const struct ssh_target *target = drift->call.target;

	if (place->target[0] != '\0' && drift->mount == drift->call.req->mount)
		return strcmp(place->target, drift->call.name) == 0;
	return strcmp(place->host, target->host) == 0 &&
		place->port == target->port;
}

/* Mark the keys of a tag as known; whether there is one. */
static bool
mark_known(struct drift *drift, const char *tag)
{
	bool found = false;

	for (size_t i = 0; i < drift->there.n_keys; i++) {
		if (strcmp(drift->there.keys[i].tag, tag) != 0)
			continue;
		drift->known[i] = true;
		found = true;
	}
	return found;
}

struct naming {
	const struct drift *drift;
	const struct lease *lease;
	const char *id;
};

static int
name_lease(struct store_tx *tx, void *ctx, struct err *err)
{
	struct naming *naming = ctx;
	const struct mount *mount = naming->drift->mount;
	struct arena *arena = naming->drift->call.req->arena;
	const char *uuid = NULL, *path = NULL;
	char id[LEASE_ID_MAX];
	int rc = lease_path_of(
		tx, naming->lease->ref.path, arena, &uuid, &path, err);

	if (rc == 0)
		rc = lease_id_format(tx_barrier(tx), mount->uuid, mount->path,
			path, naming->lease, id, err);
	if (rc == 0) {
		naming->id = arena_strdup(arena, id);
		rc = naming->id != NULL ? 0 : err_set_memory(err);
	}
	return rc;
}

static int
add_missing(struct drift *drift, const struct lease *lease,
	const struct dynamic_place *place, struct err *err)
{
	struct req *req = drift->call.req;
	struct naming naming = { .drift = drift, .lease = lease };
	struct value *one = value_object(req->arena);
	int rc = store_read(req->server->store, name_lease, &naming, err);

	if (rc != 0)
		return rc;
	return value_set_str(req->arena, one, "lease_id", naming.id) &&
			value_set_str(
				req->arena, one, "username", place->username) &&
			value_set_str(req->arena, one, "tag", place->tag) &&
			value_set(req->arena, one, "expire_time",
				reply_time_value(
					req->arena, lease->expire_s)) &&
			value_add(drift->missing, one)
		? 0
		: err_set_memory(err);
}

/* Only a live lease promises that its key is there. */
static int
look_at_lease(void *ctx, const struct lease *lease,
	const struct dynamic_place *place, struct err *err)
{
	struct drift *drift = ctx;
	const bool is_there = mark_known(drift, place->tag);

	if (drift->mount != drift->call.req->mount || !is_here(drift, place))
		return 0;
	drift->n_leases++;
	if (lease->state != LEASE_LIVE)
		drift->n_pending++;
	else if (!is_there)
		return add_missing(drift, lease, place, err);
	return 0;
}

static int
add_mount(void *ctx, const struct mount *mount, struct err *err)
{
	struct drift *drift = ctx;
	struct arena *arena = drift->call.req->arena;
	const char *uuid;

	if (mount->type != drift->call.req->mount->type)
		return 0;
	uuid = arena_strdup(arena, mount->uuid);
	return uuid != NULL && str_list_add(arena, &drift->mounts, uuid)
		? 0
		: err_set_memory(err);
}

/*
 * Another mount of this server may have keys on the same machine. By uuid: one
 * that moves meanwhile has its leases still.
 */
static int
look_at_mounts(struct drift *drift, struct err *err)
{
	struct req *req = drift->call.req;
	struct mounts *mounts = req->server->mounts;
	int rc = mounts_each(mounts, add_mount, drift, err);

	for (size_t i = 0; rc == 0 && i < drift->mounts.n; i++) {
		struct mount *mount =
			mounts_find_uuid(mounts, drift->mounts.items[i]);

		if (mount == NULL)
			continue;
		drift->mount = strcmp(mount->uuid, req->mount->uuid) == 0
			? req->mount
			: mount;
		rc = dynamic_key_each(
			req->server, mount, look_at_lease, drift, err);
		mount_unref(mounts, &mount);
	}
	return rc;
}

/* Keys that another server put there, which may be live: no business of ours.
 */
static int
set_others_apart(struct drift *drift, struct err *err)
{
	struct req *req = drift->call.req;
	struct profile_result *there = &drift->there;
	const size_t n_all = there->n_keys;
	const char *mark = NULL;
	int rc = dynamic_key_mark(req->server, req->arena, &mark, err);

	if (rc != 0)
		return rc;
	drift->others = ARENA_ARRAY(req->arena, struct profile_key, n_all + 1);
	if (drift->others == NULL)
		return err_set_memory(err);
	there->n_keys = 0;
	for (size_t i = 0; i < n_all; i++) {
		const struct profile_key key = there->keys[i];

		if (span_has_prefix(span_str(key.tag), span_str(mark)))
			there->keys[there->n_keys++] = key;
		else
			drift->others[drift->n_others++] = key;
	}
	return 0;
}

static int
find_drift(struct req *req, struct drift *drift, struct err *err)
{
	struct target_call *call = &drift->call;
	int rc = target_call_begin(req, CALLS_MAX, call, err);

	if (rc == 0)
		rc = target_call_login(call, err);
	if (rc != 0)
		return rc;
	drift->missing = value_list(req->arena);
	call->job.deadline_ms = clock_left_ms(
		clock_system(), call->end_ns, call->job.deadline_ms);
	rc = profile_run(req->server->outbound, call->profile, PROFILE_LIST,
		&call->job, req->arena, &drift->there, err);
	if (rc == 0)
		rc = set_others_apart(drift, err);
	if (rc != 0)
		return rc;
	drift->known = ARENA_ARRAY(req->arena, bool, drift->there.n_keys + 1);
	if (drift->known == NULL || drift->missing == NULL)
		return err_set_memory(err);
	return look_at_mounts(drift, err);
}

/* ---- keys without a lease ------------------------------------------------ */

/* What a target says is a name or tag is not yet one. */
static bool
is_ours(const struct profile_key *key)
{
	const size_t tag_len = strlen(key->tag);
	struct err err = { 0 };

	return profile_check_user(key->username, &err) == 0 &&
		profile_find_tag(span_str(key->tag)).len == tag_len;
}

static struct value *
show_key(struct arena *arena, const struct profile_key *key, const char *state,
	const char *why)
{
	struct value *one = value_object(arena);

	return value_set_str(arena, one, "username", key->username) &&
			value_set_str(arena, one, "tag", key->tag) &&
			value_set_str(arena, one, "fingerprint",
				pins_fingerprint(key->public_key, arena)) &&
			value_set_str(arena, one, "state", state) &&
			value_set_str(arena, one, "why", why)
		? one
		: NULL;
}

static int
remove_key(struct drift *drift, const struct profile_key *key, struct err *err)
{
	struct target_call *call = &drift->call;
	struct profile_job job = call->job;
	struct profile_result result;

	if (!is_ours(key))
		return err_set(
			err, ERR_PEER, 500, "its name or tag is none of ours");
	job.username = key->username;
	job.tag = key->tag;
	job.public_key = key->public_key;
	job.deadline_ms =
		clock_left_ms(clock_system(), call->end_ns, job.deadline_ms);
	if (job.deadline_ms == 0)
		return err_set(
			err, ERR_TIMEOUT, 500, "no time was left: sweep again");
	return profile_run(call->req->server->outbound, call->profile,
		PROFILE_REMOVE, &job, call->req->arena, &result, err);
}

/* Those that no lease knows; with removes, after an attempt at each. */
static int
list_unknown(struct drift *drift, bool removes, struct value **ret_list,
	struct err *err)
{
	struct arena *arena = drift->call.req->arena;
	struct value *list = value_list(arena);

	for (size_t i = 0; i < drift->there.n_keys; i++) {
		const struct profile_key *key = &drift->there.keys[i];
		const char *state = "unknown";
		struct err why = { 0 };

		if (drift->known[i])
			continue;
		if (removes)
			state = remove_key(drift, key, &why) == 0 ? "removed"
								  : "failed";
		if (!value_add(list, show_key(arena, key, state, why.message)))
			return err_set_memory(err);
	}
	if (list == NULL)
		return err_set_memory(err);
	*ret_list = list;
	return 0;
}

/* What others put there: shown, and nothing else is done with it. */
static struct value *
list_shown(const struct drift *drift, const struct profile_key *keys, size_t n,
	const char *called)
{
	struct arena *arena = drift->call.req->arena;
	struct value *list = value_list(arena);

	for (size_t i = 0; i < n; i++) {
		struct value *one = value_object(arena);

		if (!value_set_str(arena, one, "username", keys[i].username) ||
			!value_set_str(arena, one, called, keys[i].tag) ||
			!value_set_str(arena, one, "fingerprint",
				pins_fingerprint(keys[i].public_key, arena)) ||
			!value_add(list, one))
			return NULL;
	}
	return list;
}

static struct value *
list_others(const struct drift *drift)
{
	return list_shown(drift, drift->others, drift->n_others, "tag");
}

/* ---- operations --------------------------------------------------------- */

struct sweep_in {
	bool remove;
};

static const struct field sweep_fields[] = {
	FIELD_BOOL(struct sweep_in, remove,
		.doc = "Take them off; else they are shown alone."),
	FIELD_END,
};

static int
sweep_target(struct req *req, struct reply *reply, struct err *err)
{
	const struct sweep_in *in = req->in;
	struct drift drift = { .n_leases = 0 };
	struct value *unknown = NULL;
	int rc = find_drift(req, &drift, err);

	if (rc == 0)
		rc = list_unknown(&drift, in->remove, &unknown, err);
	if (rc != 0)
		return rc;
	reply_str(reply, "target", drift.call.name);
	reply_int(reply, "keys", (int64_t)drift.there.n_keys);
	reply_value(reply, "unknown", unknown);
	reply_value(reply, "others", list_others(&drift));
	return 0;
}

static int
reconcile_target(struct req *req, struct reply *reply, struct err *err)
{
	struct drift drift = { .n_leases = 0 };
	struct value *unknown = NULL;
	int rc = find_drift(req, &drift, err);

	if (rc == 0)
		rc = list_unknown(&drift, false, &unknown, err);
	if (rc != 0)
		return rc;
	reply_str(reply, "target", drift.call.name);
	reply_int(reply, "keys", (int64_t)drift.there.n_keys);
	reply_int(reply, "leases", drift.n_leases);
	reply_int(reply, "pending", drift.n_pending);
	reply_value(reply, "unknown", unknown);
	reply_value(reply, "missing", drift.missing);
	reply_value(reply, "others", list_others(&drift));
	reply_value(reply, "foreign",
		list_shown(&drift, drift.there.foreign, drift.there.n_foreign,
			"comment"));
	return 0;
}

#define KEYS_ERRORS                                                            \
	{ 400, "its record lacks what the call needs" },                       \
		{ 404, "there is no such target" },                            \
		{ 500, "its keys could not be listed" },                       \
	{                                                                      \
		503, "too many calls to other servers are under way"           \
	}

const struct op ssh_target_keys_ops[] = {
	{
		.path = "targets/:name/sweep",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct sweep_in),
		.fields = sweep_fields,
		.handler = sweep_target,
		.summary = "Find keys of ours on a target that no lease knows.",
		.text = "A key is ours where its comment is sallyport:, the first eight digits of\n"
			"this server's cluster_id, and the end of a lease's id. Leases of every ssh\n"
			"mount of this server count. Each of unknown has a state: unknown, removed or\n"
			"failed, with why. others are keys of another server: they stay.",
		.errors = { KEYS_ERRORS },
	},
	{
		.path = "targets/:name/reconcile",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.handler = reconcile_target,
		.summary = "Compare the keys on a target with the leases.",
		.text = "missing are live leases whose key is not there, as on a device that was\n"
			"reset: revoking them succeeds. unknown are keys without a lease. pending\n"
			"counts leases that are being installed or taken back. others are keys of\n"
			"another server, foreign those of nobody's, where the profile lists them.\n"
			"Nothing changes.",
		.errors = { KEYS_ERRORS },
	},
	OP_END,
};
