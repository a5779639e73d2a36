/*
 * RouterOS 7 over REST: https alone, HTTP Basic. PUT adds, DELETE removes, all
 * values are strings, and every name that is ours to choose is a dotted one.
 * Keys are picked out here, not by a query, since the comment of a key has
 * another name from 7.23 on (key-owner, info).
 */
#include "lib/clock.h"
#include "server/engines/ssh/profiles/profile_step.h"
#include "server/engines/ssh/profiles/routeros.h"

/* The device itself gives up after 60 s. */
#define LIMIT_MS 20000

#define KEYS "/rest/user/ssh-keys"

static const struct profile_verdict refusals[] = {
	{ 400, "Session closed", false, false,
		"no answer in time: the device closed the session" },
	{ 400, "wrong format", false, true, ROUTEROS_NO_ED25519 },
	{ 400, NULL, false, true, NULL },
	{ 401, NULL, false, true,
		"the device does not let api_user in: wrong api_secret, or a group without the policy rest-api" },
	{ 406, NULL, false, true, NULL },
	{ PROFILE_ANY, "not enough permissions", false, true,
		"the group of api_user lacks a policy: it needs rest-api, read, write and policy" },
	{ 0 },
};

/* A key that went meanwhile is as good as removed. */
static const struct profile_verdict removals[] = {
	{ 404, NULL, true, false, NULL },
	{ 400, "Session closed", false, false,
		"no answer in time: the device closed the session" },
	{ PROFILE_ANY, "not enough permissions", false, true,
		"the group of api_user lacks a policy: it needs rest-api, read, write and policy" },
	{ 0 },
};

static int
limit_time(struct profile_run *run, UNUSED struct err *err)
{
	const int64_t end_ns =
		clock_boot_ns(clock_system()) + LIMIT_MS * CLOCK_NS_PER_MS;

	if (run->end_ns > end_ns)
		run->end_ns = end_ns;
	return 0;
}

static int
begin_install(struct profile_run *run, struct err *err)
{
	(void)limit_time(run, err);
	return run->job->accept_password_lockout
		? 0
		: profile_set(run, "guarded", "yes", err);
}

static int
take_list(
	struct profile_run *run, const struct value **ret_list, struct err *err)
{
	int rc = profile_answer(run, ret_list, err);

	if (rc == 0 && (*ret_list)->type != VALUE_LIST)
		rc = profile_fail(run, err, "the answer is no list");
	return rc;
}

/* A user with a key already is locked out already. */
static int
look_at_keys(struct profile_run *run, struct err *err)
{
	const struct value *keys = NULL;
	int rc = take_list(run, &keys, err);

	if (rc != 0 || keys->n == 0)
		return rc;
	return profile_set(run, "guarded", "", err);
}

static struct span
member(const struct value *object, const char *name)
{
	const struct value *found = value_find(object, name);

	return found != NULL ? value_text(found) : SPAN_NONE;
}

static int
check_lockout(struct profile_run *run, struct err *err)
{
	const struct value *settings = NULL;
	int rc = profile_answer(run, &settings, err);

	if (rc != 0 ||
		!routeros_key_ends_password(
			member(settings, ROUTEROS_PASSWORDS),
			member(settings, ROUTEROS_PASSWORDS_723)))
		return rc;
	return profile_fail(run, err, ROUTEROS_LOCKOUT, run->job->username);
}

static struct span
tag_of(const struct value *key)
{
	struct span tag = profile_find_tag(member(key, "info"));

	return tag.len > 0 ? tag : profile_find_tag(member(key, "key-owner"));
}

static int
check_is_there(struct profile_run *run, struct err *err)
{
	const struct value *key = NULL;
	int rc = profile_answer(run, &key, err);

	if (rc != 0 || span_equal(tag_of(key), span_str(run->job->tag)))
		return rc;
	return profile_fail(run, err, "the key is not there");
}

static const struct profile_step install[] = {
	{
		.kind = PROFILE_HOOK,
		.name = "begin",
		.hook = begin_install,
	},
	{
		.kind = PROFILE_REST,
		.name = "list the user's keys",
		.when = "guarded",
		.method = "GET",
		.command = KEYS "?user={username}&.proplist=.id",
		.verdicts = refusals,
	},
	{
		.kind = PROFILE_HOOK,
		.name = "list the user's keys",
		.when = "guarded",
		.hook = look_at_keys,
	},
	{
		.kind = PROFILE_REST,
		.name = "read the settings of SSH",
		.when = "guarded",
		.method = "GET",
		.command = "/rest/ip/ssh",
		.verdicts = refusals,
	},
	{
		.kind = PROFILE_HOOK,
		.name = "keep logins by password",
		.when = "guarded",
		.hook = check_lockout,
	},
	{
		.kind = PROFILE_REST,
		.name = "add the key",
		.installs = true,
		.method = "PUT",
		.command = KEYS,
		.members =
			(const struct profile_member[]){
				{ "user", "{username}", NULL },
				{ "key", "{public_key} {tag}", NULL },
				{ 0 },
			},
		.verdicts = refusals,
	},
	{
		.kind = PROFILE_HOOK,
		.name = "look for the key",
		.hook = check_is_there,
	},
	{ .kind = PROFILE_END },
};

/* Those of the job's tag as lines in {ids}, without their star. */
static int
find_ids(struct profile_run *run, struct err *err)
{
	const struct value *keys = NULL;
	const char *ids = "";
	int rc = take_list(run, &keys, err);

	if (rc != 0)
		return rc;
	VALUE_EACH (key, keys) {
		const char *id = value_find_str(key, ".id", "");

		if (id[0] == '*' &&
			span_equal(tag_of(key), span_str(run->job->tag)))
			ids = arena_printf(run->arena, "%s%s\n", ids, id + 1);
		if (ids == NULL)
			return err_set_memory(err);
	}
	return profile_set(run, "ids", ids, err);
}

#define LIST_STEP                                                              \
	{                                                                      \
		.kind = PROFILE_REST, .name = "list the keys",                 \
		.method = "GET",                                               \
		.command = KEYS "?.proplist=.id,user,key-owner,info",          \
		.verdicts = refusals,                                          \
	}
#define BEGIN_STEP                                                             \
	{                                                                      \
		.kind = PROFILE_HOOK, .name = "begin", .hook = limit_time,     \
	}

static const struct profile_step remove_key[] = {
	BEGIN_STEP,
	LIST_STEP,
	{
		.kind = PROFILE_HOOK,
		.name = "list the keys",
		.hook = find_ids,
	},
	{
		.kind = PROFILE_REST,
		.name = "remove the key",
		.each = "ids",
		.method = "DELETE",
		.command = KEYS "/*{each}",
		.verdicts = removals,
	},
	{ .kind = PROFILE_END },
};

static int
list_keys(struct profile_run *run, struct err *err)
{
	const struct value *keys = NULL;
	int rc = take_list(run, &keys, err);

	if (rc != 0)
		return rc;
	VALUE_EACH (one, keys) {
		const struct span tag = tag_of(one);
		const struct profile_key key = {
			.username = value_find_str(one, "user", ""),
			.tag = arena_strndup(run->arena, tag.data, tag.len),
			.public_key = "",
		};

		if (key.tag == NULL)
			return err_set_memory(err);
		rc = tag.len > 0 ? profile_add_key(run, &key, err) : 0;
		if (rc != 0)
			return rc;
	}
	return 0;
}

static const struct profile_step list[] = {
	BEGIN_STEP,
	LIST_STEP,
	{
		.kind = PROFILE_HOOK,
		.name = "list the keys",
		.hook = list_keys,
	},
	{ .kind = PROFILE_END },
};

const struct profile profile_routeros_rest = {
	.name = "routeros-rest",
	.doc = "RouterOS 7.10 and later over REST: https with a CA or a pin, HTTP Basic.",
	.instructions =
		"As an administrator: /user group add name=sallyport-rest policy=rest-api,read,write,policy; "
		"/user add name=sallyport-rest group=sallyport-rest password=(api_secret of the target); "
		"give the service www-ssl a certificate: /ip service set www-ssl certificate=(name) disabled=no",
	.speaks_rest = true,
	.steps = { [PROFILE_INSTALL] = install,
		[PROFILE_REMOVE] = remove_key,
		[PROFILE_LIST] = list },
	.doctor = routeros_rest_doctor,
};
