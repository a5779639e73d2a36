/* Where a dynamic key is to lie: from role and target to a lease, and back. */
#include "server/engines/ssh/dynamic/dynamic_lease.h"

#include <string.h>

#include "server/engines/ssh/dynamic/delivery.h"
#include "server/engines/ssh/profiles/pins.h"
#include "server/engines/ssh/records/named_key.h"
#include "server/engines/ssh/records/target.h"

#define SCRIPT_MAX 65536
#define OPTIONS_MAX 8192
#define LINUX "linux"
#define SCRIPT "script"

#define ROW(type, member, max)                                                 \
	FIELD_##type(struct dynamic_lease, member, .len_max = (max))

static const struct field fields[] = {
	ROW(STR, role, 0),
	ROW(STR, target, 0),
	ROW(STR, host, 0),
	ROW(INT, port, 0),
	ROW(STR, source, 0),
	ROW(STR, profile, 0),
	ROW(STR, admin_user, 0),
	ROW(STR, key, 0),
	ROW(INT, key_version, 0),
	ROW(LIST, host_keys, PINS_TEXT_MAX),
	ROW(STR, host_key_policy, 0),
	ROW(BOOL, legacy_crypto, 0),
	ROW(BOOL, accept_password_lockout, 0),
	ROW(INT, timeout_s, 0),
	ROW(STR, username, 0),
	ROW(STR, tag, 0),
	ROW(STR, public_key, 0),
	ROW(STR, options, OPTIONS_MAX),
	ROW(BOOL, expiry_time, 0),
	ROW(STR, install_script, SCRIPT_MAX),
	ROW(STR, deliver, 0),
	ROW(STR, deliver_user, 0),
	FIELD_END,
};

int
dynamic_lease_pack(const struct dynamic_lease *plan, struct arena *arena,
	struct span *ret_data, struct err *err)
{
	int rc =
		record_pack(fields, plan, LEASE_DATA_MAX, arena, ret_data, err);

	if (rc != ERR_LIMIT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_INPUT, 400,
		"the role's install_script, host_keys and key_option_specs are too long for a lease together");
}

int
dynamic_lease_unpack(struct span data, struct arena *arena,
	struct dynamic_lease **ret_plan, struct err *err)
{
	void *plan = NULL;
	int rc = record_unpack(
		fields, sizeof(struct dynamic_lease), data, arena, &plan, err);

	if (rc == 0)
		*ret_plan = plan;
	return rc;
}

/* ---- role and target ----------------------------------------------------- */

/* The target that is named; NULL where the address is none's. */
static int
find_target(struct req *req, const struct dynamic_wish *wish,
	const char **ret_name, const struct ssh_target **ret_target,
	struct err *err)
{
	struct store *store = req->server->store;
	const struct kv *kv = &req->mount->kv;
	int rc;

	*ret_name = wish->target;
	*ret_target = NULL;
	if (wish->target[0] != '\0')
		rc = target_read(
			store, kv, wish->target, req->arena, ret_target, err);
	else
		rc = target_find_by_address(store, kv, wish->ip,
			wish->role->port, req->arena, ret_name, ret_target,
			err);
	if (rc == ERR_ABSENT && wish->target[0] != '\0') {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"target \"%.64s\" not found", wish->target);
	}
	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = 0;
	}
	return rc;
}

/* The role's text; else the target's; else what everybody has. */
static const char *
first_of(const char *role, const char *target, const char *fallback)
{
	if (role[0] != '\0')
		return role;
	return target != NULL && target[0] != '\0' ? target : fallback;
}

/* from= for the address that the key will be used from. */
static int
add_from(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_lease *plan, struct err *err)
{
	char caller[NETADDR_TEXT_MAX];
	const char *from = wish->own_source;

	if (!wish->role->bind_source_address ||
		(from != NULL && from[0] == '\0'))
		return 0;
	if (from == NULL && req->peer.family == 0)
		return err_set(err, ERR_INPUT, 400,
			"bind_source_address needs a caller with an address");
	if (from == NULL) {
		netaddr_format(&req->peer, caller);
		from = caller;
	}
	plan->options = arena_printf(req->arena, "%s%sfrom=\"%s\"",
		plan->options, plan->options[0] != '\0' ? "," : "", from);
	return plan->options != NULL ? 0 : err_set_memory(err);
}

static int
check_plan(const struct dynamic_lease *plan, struct err *err)
{
	const struct profile *profile = profile_find(plan->profile);

	if (profile == NULL)
		return err_set(err, ERR_INPUT, 400, "unknown profile \"%.64s\"",
			plan->profile);
	if (profile->steps[PROFILE_INSTALL] == NULL)
		return err_set(err, ERR_INPUT, 400,
			"profile \"%s\" puts no keys on: people do",
			plan->profile);
	if (profile->speaks_rest && plan->target[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"profile \"%s\" needs a target", plan->profile);
	if (!profile->speaks_rest && plan->key[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"no key to log in with: neither the role nor a target names one");
	if (!profile->speaks_rest && plan->admin_user[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"no user to log in as: neither the role nor a target names one");
	return profile_check_user(plan->username, err);
}

int
dynamic_lease_plan(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_lease *ret_plan, struct err *err)
{
	static const struct ssh_target none = { .user = "",
		.key = "",
		.host_key_policy = "",
		.profile = "",
		.source_address = "" };
	const struct ssh_role *role = wish->role;
	const struct ssh_target *found = NULL, *target;
	const char *script = role->install_script;
	const char *name = "";
	int rc = find_target(req, wish, &name, &found, err);

	if (rc != 0)
		return rc;
	target = found != NULL ? found : &none;
	*ret_plan = (struct dynamic_lease){
		.role = wish->role_name,
		.target = found != NULL ? name : "",
		.host = wish->ip[0] != '\0' ? wish->ip : target->host,
		.port = found != NULL ? target->port : role->port,
		.source = first_of(
			role->source_address, target->source_address, ""),
		.profile = first_of(role->profile,
			script[0] != '\0' ? SCRIPT : target->profile, LINUX),
		.admin_user = first_of(role->admin_user, target->user, ""),
		.key = first_of(role->key, target->key, ""),
		.host_keys = role->host_keys,
		.host_key_policy = first_of(role->host_key_policy,
			target->host_key_policy, "strict"),
		.legacy_crypto = role->legacy_crypto || target->legacy_crypto,
		.accept_password_lockout = role->accept_password_lockout ||
			target->accept_password_lockout,
		.timeout_s = found != NULL && target->timeout > 0
			? target->timeout
			: TARGET_TIMEOUT_S,
		.username = wish->username,
		.tag = "",
		.public_key = "",
		.options = role->key_option_specs,
		.expiry_time = role->expiry_time,
		.install_script = script,
		.deliver = "",
		.deliver_user = "",
	};
	rc = delivery_plan(req, wish, ret_plan, err);
	if (rc == 0)
		rc = add_from(req, wish, ret_plan, err);
	return rc != 0 ? rc : check_plan(ret_plan, err);
}

/* ---- a job --------------------------------------------------------------- */

static int
add_pins(struct arena *arena, const struct str_list *more,
	struct str_list *pins, struct err *err)
{
	for (size_t i = 0; i < more->n; i++) {
		const char *pin = arena_strdup(arena, more->items[i]);

		if (pin == NULL || !str_list_add(arena, pins, pin))
			return err_set_memory(err);
	}
	return 0;
}

/* What the role knows now: a pin may have come since the lease was made. */
static int
add_role_pins(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, struct arena *arena,
	struct str_list *pins, struct err *err)
{
	struct compiled *ref = NULL;
	const void *found = NULL;
	int rc = record_find(server->store, &mount->kv, &ssh_role_record,
		plan->role, &ref, &found, err);
	const struct ssh_role *role = found;

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc == 0 && ssh_role_is_dynamic(role))
		rc = add_pins(arena, &role->host_keys, pins, err);
	compiled_unref(&ref);
	return rc;
}

static int
gather_pins(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, struct arena *arena,
	struct str_list *ret_pins, struct err *err)
{
	struct str_list learned = { NULL, 0 };
	int rc = target_pins(server->store, &mount->kv, plan->host, plan->port,
		arena, &learned, err);

	*ret_pins = (struct str_list){ NULL, 0 };
	if (rc == 0)
		rc = add_pins(arena, &plan->host_keys, ret_pins, err);
	if (rc == 0)
		rc = add_pins(arena, &learned, ret_pins, err);
	return rc != 0
		? rc
		: add_role_pins(server, mount, plan, arena, ret_pins, err);
}

/* What only the target's record has: how to speak REST to it. */
static int
add_api(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, struct arena *arena,
	struct profile_job *job, struct err *err)
{
	const struct ssh_target *target = NULL;
	int rc;

	job->url = job->ca_cert = job->tls_pin = job->api_user = "";
	if (plan->target[0] == '\0')
		return 0;
	rc = target_read(
		server->store, &mount->kv, plan->target, arena, &target, err);
	if (rc == ERR_ABSENT && !profile_find(plan->profile)->speaks_rest) {
		err_clear(err);
		return 0;
	}
	if (rc != 0)
		return rc;
	job->url = target->url;
	job->ca_cert = target->ca_cert;
	job->tls_pin = target->tls_pin;
	job->api_user = target->api_user;
	job->api_secret = target->api_secret;
	return add_pins(arena, &target->host_keys, &job->host_keys, err);
}

int
dynamic_lease_machine(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, struct arena *arena,
	struct profile_job *ret_job, struct err *err)
{
	struct profile_job job = {
		.host = plan->host,
		.port = plan->port,
		.source = plan->source,
		.admin_user = plan->admin_user,
		.legacy_crypto = plan->legacy_crypto,
		.accept_password_lockout = plan->accept_password_lockout,
		.deadline_ms = plan->timeout_s * 1000,
		.username = plan->username,
		.tag = plan->tag,
		.public_key = plan->public_key,
		.options = plan->options,
		.install_script = plan->install_script,
	};
	int rc = profile_find(plan->profile) != NULL
		? pins_policy(plan->host_key_policy, &job.policy, err)
		: err_set(err, ERR_INPUT, 500, "unknown profile \"%.64s\"",
			  plan->profile);

	if (rc == 0)
		rc = gather_pins(
			server, mount, plan, arena, &job.host_keys, err);
	if (rc == 0)
		rc = add_api(server, mount, plan, arena, &job, err);
	if (rc == 0)
		*ret_job = job;
	return rc;
}

int
dynamic_lease_job(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, int64_t key_version, int64_t expire_s,
	struct arena *arena, struct profile_job *ret_job, struct err *err)
{
	struct profile_job job;
	int rc = dynamic_lease_machine(server, mount, plan, arena, &job, err);

	if (rc == 0 && !profile_find(plan->profile)->speaks_rest)
		rc = named_key_open(server, &mount->kv, plan->key, key_version,
			arena, &job.admin_key, err);
	if (rc != 0)
		return rc;
	job.expire_s = plan->expiry_time ? expire_s : 0;
	*ret_job = job;
	return 0;
}
