/*
 * A private half on its way to a device and off it again. It goes to none but
 * a target whose host key is pinned, whatever the policy of that is; the
 * target's record is asked anew each time.
 */
#include "server/engines/ssh/dynamic/delivery.h"

#include "lib/log.h"
#include "server/engines/ssh/records/named_key.h"
#include "server/engines/ssh/records/target.h"

#define TAKE_BACK_MS (DELIVERY_TAKE_BACK_S * 1000)

static int
check_target(const struct ssh_target *target, const char *name, struct err *err)
{
	const struct profile *profile = profile_find(target->profile);

	if (profile == NULL || profile->steps[PROFILE_DELIVER] == NULL)
		return err_set(err, ERR_INPUT, 400,
			"profile \"%.64s\" of target \"%.64s\" takes no private keys",
			target->profile, name);
	if (target->user[0] == '\0' || target->key[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"target \"%.64s\" has no %s of its own to log in with",
			name, target->user[0] == '\0' ? "user" : "key");
	if (target->host_keys.n == 0)
		return err_set(err, ERR_INPUT, 400,
			"target \"%.64s\" has no host key pinned: no private key is sent there",
			name);
	return 0;
}

static int
check_role(const struct dynamic_wish *wish, struct err *err)
{
	if (!str_list_has(&wish->role->deliver_to, wish->deliver))
		return err_set(err, ERR_INPUT, 400,
			"target \"%.64s\" is not among the role's deliver_to",
			wish->deliver);
	if (wish->role->bind_source_address)
		return err_set(err, ERR_INPUT, 400,
			"bind_source_address makes keys for their caller alone: they cannot be delivered");
	return 0;
}

int
delivery_plan(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_lease *plan, struct err *err)
{
	const struct ssh_target *target = NULL;
	const char *name = wish->deliver;
	int rc;

	if (name == NULL || name[0] == '\0')
		return 0;
	rc = check_role(wish, err);
	if (rc == 0)
		rc = target_read(req->server->store, &req->mount->kv, name,
			req->arena, &target, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"target \"%.64s\" not found", name);
	}
	if (rc == 0)
		rc = check_target(target, name, err);
	if (rc != 0)
		return rc;
	plan->deliver = name;
	plan->deliver_user = wish->deliver_user[0] != '\0' ? wish->deliver_user
							   : target->user;
	return profile_check_user(plan->deliver_user, err);
}

static int
run(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, enum profile_action action,
	struct secret_view private_key, struct arena *arena, struct err *err)
{
	const struct ssh_target *target = NULL;
	struct profile_result result;
	struct profile_job job;
	int rc = target_read(
		server->store, &mount->kv, plan->deliver, arena, &target, err);

	if (rc == 0)
		rc = check_target(target, plan->deliver, err);
	if (rc == 0)
		rc = target_job(target, &job, err);
	if (rc == 0)
		rc = named_key_open(server, &mount->kv, target->key, 0, arena,
			&job.admin_key, err);
	if (rc != 0)
		return rc;
	job.policy = OUTBOUND_HOST_KEY_STRICT;
	job.username = plan->deliver_user;
	job.tag = plan->tag;
	job.private_key = private_key;
	if (action == PROFILE_FORGET && job.deadline_ms > TAKE_BACK_MS)
		job.deadline_ms = TAKE_BACK_MS;
	return profile_run(server->outbound, profile_find(target->profile),
		action, &job, arena, &result, err);
}

int
delivery_put(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, struct secret_view private_key,
	struct arena *arena, struct err *err)
{
	return plan->deliver[0] == '\0'
		? 0
		: run(server, mount, plan, PROFILE_DELIVER, private_key, arena,
			  err);
}

void
delivery_take_back(struct server *server, const struct mount *mount,
	const struct dynamic_lease *plan, struct arena *arena)
{
	struct err err = { 0 };

	if (plan->deliver[0] != '\0' &&
		run(server, mount, plan, PROFILE_FORGET,
			(struct secret_view){ NULL, 0 }, arena, &err) != 0)
		log_warn(
			"a private key that opens nothing any more was left on its device",
			LOG_STR("target", plan->deliver),
			LOG_STR("username", plan->deliver_user),
			LOG_STR("key", plan->tag), LOG_STR("why", err.message));
}
