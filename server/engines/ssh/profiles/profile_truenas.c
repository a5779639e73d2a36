/*
 * TrueNAS: keys stand in its user database and not on its disk, where they
 * would be overwritten. Over REST a user's text of keys is read, our line
 * changed in it, the text written, and read again to see that it is what was
 * written (docs/truenas.md names the calls). The API has no way to change one
 * line, so that changes of ours at one machine are made by turns.
 */
#include <string.h>

#include "lib/authorized_keys.h"
#include "server/engines/ssh/profiles/profile_step.h"
#include "server/engines/ssh/profiles/truenas_api.h"

#define USERS_PATH "/api/v2.0/user"
#define USER_PATH USERS_PATH "?username={username}"
#define TEXT_MAX ((size_t)256 * 1024) /* of a user's keys */

/* ---- what the API says --------------------------------------------------- */

static int
see_write(struct profile_run *run, struct err *err)
{
	const struct value *answer = NULL;
	const char *message = "";

	if (run->status >= 200 && run->status < 300)
		return 0;
	if (profile_answer(run, &answer, NULL) == 0)
		message = truenas_message(answer);
	return profile_fail(run, err, "status %d%s%s", run->status,
		message[0] != '\0' ? ": " : "", message);
}

/* The user of the job in an answer to USER_PATH. *ret_user NULL: none. */
static int
find_user(
	struct profile_run *run, const struct value **ret_user, struct err *err)
{
	const struct value *answer = NULL, *at;
	int rc = profile_answer(run, &answer, err);

	if (rc != 0)
		return rc;
	if (answer->type != VALUE_LIST)
		return profile_fail(run, err, "the answer is no list");
	for (at = answer->first; at != NULL; at = at->next) {
		if (strcmp(value_find_str(at, "username", ""),
			    run->job->username) == 0)
			break;
	}
	*ret_user = at;
	return 0;
}

/* ---- the user's text of keys --------------------------------------------- */

/* What is to be written, and of whom. */
static int
set_wanted(struct profile_run *run, const struct value *user,
	const struct buf *wanted, struct err *err)
{
	const char *id = arena_printf(
		run->arena, "%lld", (long long)value_find_int(user, "id", 0));
	int rc = id != NULL ? profile_set(run, "id", id, err)
			    : err_set_memory(err);

	return rc == 0 ? profile_set(run, "wanted", buf_str(wanted), err) : rc;
}

static int
put_line(struct profile_run *run, struct err *err)
{
	const struct value *user = NULL;
	struct buf wanted;
	int rc = find_user(run, &user, err);

	if (rc != 0)
		return rc;
	if (user == NULL)
		return profile_fail(
			run, err, "there is no user %s", run->job->username);
	buf_init(&wanted, TEXT_MAX);
	rc = authorized_keys_put(
		span_str(value_find_str(user, "sshpubkey", "")),
		profile_get(run, "line"), &wanted, err);
	if (rc == 0)
		rc = set_wanted(run, user, &wanted, err);
	buf_clear(&wanted);
	return rc;
}

/* Where the user or the line is gone, so is the key: nothing is written. */
static int
drop_line(struct profile_run *run, struct err *err)
{
	const struct value *user = NULL;
	struct buf wanted;
	size_t n = 0;
	int rc = find_user(run, &user, err);

	if (rc != 0)
		return rc;
	buf_init(&wanted, TEXT_MAX);
	rc = authorized_keys_drop(
		span_str(value_find_str(user, "sshpubkey", "")),
		run->job->public_key, &wanted, &n, err);
	if (rc == 0 && n > 0)
		rc = set_wanted(run, user, &wanted, err);
	buf_clear(&wanted);
	return rc;
}

/* It keeps the text without the blanks around it. */
static int
compare(struct profile_run *run, struct err *err)
{
	const struct value *user = NULL;
	int rc = find_user(run, &user, err);

	if (rc == 0 &&
		!span_equal(span_trim(span_str(
				    value_find_str(user, "sshpubkey", ""))),
			span_trim(span_str(profile_get(run, "wanted")))))
		rc = profile_fail(run, err,
			"the keys of %s are not what was written: somebody else changed them",
			run->job->username);
	return rc;
}

static int
add_keys_of(struct profile_run *run, const struct value *user, struct err *err)
{
	struct span rest = span_str(value_find_str(user, "sshpubkey", ""));
	struct authorized_line line;
	int rc = 0;

	while (rc == 0 && authorized_keys_next(&rest, &line)) {
		const struct span tag = profile_find_tag(line.comment);
		const struct span name = tag.len > 0 ? tag : line.comment;
		const struct profile_key key = {
			.username = value_find_str(user, "username", ""),
			.tag = arena_strndup(run->arena, name.data, name.len),
			.public_key = arena_strndup(
				run->arena, line.key.data, line.key.len),
		};

		if (line.key.len == 0)
			continue;
		if (key.tag == NULL || key.public_key == NULL)
			rc = err_set_memory(err);
		else if (tag.len > 0)
			rc = profile_add_key(run, &key, err);
		else
			rc = profile_add_foreign(run, &key, err);
	}
	return rc;
}

static int
list_keys(struct profile_run *run, struct err *err)
{
	const struct value *answer = NULL, *at;
	int rc = profile_answer(run, &answer, err);

	if (rc == 0 && answer->type != VALUE_LIST)
		rc = profile_fail(run, err, "the answer is no list");
	for (at = rc == 0 ? answer->first : NULL; rc == 0 && at != NULL;
		at = at->next)
		rc = add_keys_of(run, at, err);
	return rc;
}

/* ---- the tables ---------------------------------------------------------- */

static const struct profile_verdict read_verdicts[] = {
	{ .status = 401, .why = "it does not take api_secret" },
	{ .status = 404, .why = "there is no TrueNAS API at this URL" },
	{ 0 },
};

/* What it refuses it has not done; see_write says why. */
static const struct profile_verdict write_verdicts[] = {
	{ .status = 401, .left_nothing = true },
	{ .status = 404, .left_nothing = true },
	{ .status = 422, .left_nothing = true },
	{ 0 },
};

static const struct profile_member write_members[] = {
	{ .name = "sshpubkey", .text = "{wanted}" },
	{ 0 },
};

#define READ_USER                                                              \
	{                                                                      \
		.kind = PROFILE_REST, .name = "read the user's keys",          \
		.method = "GET", .command = USER_PATH,                         \
		.verdicts = read_verdicts                                      \
	}
#define HOOK(fn, what)                                                         \
	{                                                                      \
		.kind = PROFILE_HOOK, .name = (what), .hook = (fn)             \
	}
/* From here on only where there is something to write. */
#define WRITE_USER(adds)                                                       \
	{ .kind = PROFILE_REST,                                                \
		.name = "write the user's keys",                               \
		.when = "id",                                                  \
		.installs = (adds),                                            \
		.may_fail = true,                                              \
		.verdicts = write_verdicts,                                    \
		.method = "PUT",                                               \
		.command = USERS_PATH "/id/{id}",                              \
		.members = write_members },                                    \
		{ .kind = PROFILE_HOOK,                                        \
			.name = "write the user's keys",                       \
			.when = "id",                                          \
			.hook = see_write },                                   \
		{ .kind = PROFILE_REST,                                        \
			.name = "read the user's keys again",                  \
			.when = "id",                                          \
			.method = "GET",                                       \
			.command = USER_PATH,                                  \
			.verdicts = read_verdicts },                           \
	{                                                                      \
		.kind = PROFILE_HOOK, .name = "compare the user's keys",       \
		.when = "id", .hook = compare                                  \
	}

static const struct profile_step install_steps[] = {
	READ_USER,
	HOOK(put_line, "add our key"),
	WRITE_USER(true),
	{ .kind = PROFILE_END },
};

static const struct profile_step remove_steps[] = {
	READ_USER,
	HOOK(drop_line, "take our key out"),
	WRITE_USER(false),
	{ .kind = PROFILE_END },
};

static const struct profile_step list_steps[] = {
	{ .kind = PROFILE_REST,
		.name = "read the users' keys",
		.method = "GET",
		.command = USERS_PATH,
		.verdicts = read_verdicts },
	HOOK(list_keys, "find our keys"),
	{ .kind = PROFILE_END },
};

const struct profile profile_truenas = {
	.name = "truenas",
	.doc = "TrueNAS CORE 13: keys in its user database, over its REST API.",
	.instructions =
		"1. System > General: the web interface answers over HTTPS; note its certificate's authority, or its pin.\n"
		"2. Services: SSH runs; for user root, \"Log in as Root with Password\" is not needed.\n"
		"3. sallyport target add --method=semi-automatic does the rest, given root's password once.\n"
		"By hand: Accounts > Users > root > Edit > \"SSH Public Key\": paste the public key on a line of its own, behind what stands there;\n"
		"the gear at the top right > API Keys > Add: give the key to the target as api_secret.\n",
	.speaks_rest = true,
	.takes_turns = true,
	.steps = {
		[PROFILE_INSTALL] = install_steps,
		[PROFILE_REMOVE] = remove_steps,
		[PROFILE_LIST] = list_steps,
	},
};
