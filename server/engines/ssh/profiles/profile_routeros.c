/*
 * RouterOS over SSH: a key is a file that is uploaded and imported. There is
 * no shell, and a command is one line in a channel of its own. Exit statuses
 * came with version 7, so what is printed decides; what was done is looked for
 * at the end of each run. The comment of a key has another name from 7.23 on
 * (key-owner, info): both are tried, neither is relied on.
 */
#include <string.h>

#include "server/engines/ssh/profiles/profile_step.h"
#include "server/engines/ssh/profiles/routeros.h"

#define RIGHTS                                                                 \
	"the admin user's group lacks a policy: it needs ssh, ftp, read, write and policy"

/* What the console prints when it does not do as told. */
#define REFUSALS(rights, format)                                               \
	{ PROFILE_ANY, "not enough permissions", false, true, rights },        \
		{ PROFILE_ANY, "wrong format", false, true, format },          \
		{ PROFILE_ANY, "failure:", false, true, NULL },                \
		{ PROFILE_ANY, "bad command name", false, true, NULL },        \
		{ PROFILE_ANY, "syntax error", false, true, NULL },            \
		{ PROFILE_ANY, "expected ", false, true, NULL },               \
		{ PROFILE_ANY, "does not match any value", false, true,        \
			NULL },                                                \
		{ PROFILE_ANY, "no such item", false, true, NULL },            \
	{                                                                      \
		0                                                              \
	}

static const struct profile_verdict refusals[] = { REFUSALS(
	RIGHTS, ROUTEROS_NO_ED25519) };
/* In the device's own words. */
static const struct profile_verdict own_words[] = { REFUSALS(NULL, NULL) };

/* Of the two names that a comment may have one is not known. */
static const struct profile_verdict removals[] = {
	{ PROFILE_ANY, "not enough permissions", false, true, RIGHTS },
	{ PROFILE_ANY, NULL, true, false, NULL },
	{ 0 },
};

/* {key_file} is of this lease alone, so that a removal finds it too. */
static int
set_key_file(struct profile_run *run, const char *end, struct err *err)
{
	const char *lease = profile_get(run, "lease");
	const char *name =
		arena_printf(run->arena, "sallyport-%s%s", lease, end);

	if (lease[0] == '\0')
		return profile_fail(run, err, "the key has no tag");
	if (name == NULL)
		return err_set_memory(err);
	return profile_set(run, "key_file", name, err);
}

static int
name_file(struct profile_run *run, struct err *err)
{
	return set_key_file(run, ".pub", err);
}

static int
begin_install(struct profile_run *run, struct err *err)
{
	int rc = name_file(run, err);

	return rc != 0 || run->job->accept_password_lockout
		? rc
		: profile_set(run, "guarded", "yes", err);
}

/* No key yet, and the first one would end logins by password. */
static int
check_lockout(struct profile_run *run, struct err *err)
{
	struct span keys = profile_output(run, "list the user's keys");
	const struct span settings =
		profile_output(run, "read the settings of SSH");
	struct span line;

	while (routeros_next_line(&keys, &line)) {
		if (routeros_column(line, "user").data != NULL)
			return 0;
	}
	if (!routeros_key_ends_password(
		    routeros_setting(settings, ROUTEROS_PASSWORDS),
		    routeros_setting(settings, ROUTEROS_PASSWORDS_723)))
		return 0;
	return profile_fail(run, err, ROUTEROS_LOCKOUT, run->job->username);
}

static bool
has_tag(const struct profile_run *run, struct span printed)
{
	const char *tag = run->job->tag;
	struct span line;

	while (routeros_next_line(&printed, &line)) {
		if (span_equal(profile_find_tag(line), span_str(tag)))
			return true;
	}
	return false;
}

static int
check_is_there(struct profile_run *run, struct err *err)
{
	return has_tag(run, run->output)
		? 0
		: profile_fail(run, err, "the key is not there");
}

static int
check_is_gone(struct profile_run *run, struct err *err)
{
	return has_tag(run, run->output)
		? profile_fail(run, err, "the key is still there")
		: 0;
}

static const struct profile_step install[] = {
	{
		.kind = PROFILE_HOOK,
		.name = "begin",
		.hook = begin_install,
	},
	{
		.kind = PROFILE_EXEC,
		.name = "list the user's keys",
		.is_list = true,
		.when = "guarded",
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command = "/user ssh-keys print terse where user={username}",
		.verdicts = refusals,
	},
	{
		.kind = PROFILE_EXEC,
		.name = "read the settings of SSH",
		.when = "guarded",
		.command = "/ip ssh print",
		.verdicts = refusals,
	},
	{
		.kind = PROFILE_HOOK,
		.name = "keep logins by password",
		.when = "guarded",
		.hook = check_lockout,
	},
	{
		.kind = PROFILE_UPLOAD,
		.name = "upload the key",
		.command = "{key_file}",
		.input = "{public_key} {tag}\n",
	},
	{
		.kind = PROFILE_EXEC,
		.name = "import the key",
		.installs = true,
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command =
			"/user ssh-keys import public-key-file={key_file} user={username}",
		.verdicts = refusals,
	},
	{
		/* An import takes the file with it, a refusal does not. */
		.kind = PROFILE_EXEC,
		.name = "delete the file",
		.may_fail = true,
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command = "/file remove [find where name={key_file}]",
	},
	{
		.kind = PROFILE_EXEC,
		.name = "look for the key",
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command = "/user ssh-keys print terse where user={username}",
		.verdicts = refusals,
	},
	{
		.kind = PROFILE_HOOK,
		.name = "look for the key",
		.hook = check_is_there,
	},
	{ .kind = PROFILE_END },
};

static const struct profile_step remove_key[] = {
	{
		.kind = PROFILE_HOOK,
		.name = "begin",
		.hook = name_file,
	},
	{
		.kind = PROFILE_EXEC,
		.name = "remove the key",
		.verdicts = removals,
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command = "/user ssh-keys remove [find where key-owner={tag}]",
	},
	{
		.kind = PROFILE_EXEC,
		.name = "remove the key",
		.verdicts = removals,
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command = "/user ssh-keys remove [find where info={tag}]",
	},
	{
		.kind = PROFILE_EXEC,
		.name = "delete the file",
		.may_fail = true,
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command = "/file remove [find where name={key_file}]",
	},
	{
		.kind = PROFILE_EXEC,
		.name = "look for the key",
		.command = "/user ssh-keys print terse",
		.verdicts = refusals,
	},
	{
		.kind = PROFILE_HOOK,
		.name = "remove the key",
		.hook = check_is_gone,
	},
	{ .kind = PROFILE_END },
};

/* ---- the device as a client ---------------------------------------------- */

#define PRIVATE "/user ssh-keys private "

static int
name_private_file(struct profile_run *run, struct err *err)
{
	return set_key_file(run, "", err);
}

static int
check_is_forgotten(struct profile_run *run, struct err *err)
{
	const char *lease = profile_get(run, "lease");

	return memmem(run->output.data, run->output.len, lease,
		       strlen(lease)) != NULL
		? profile_fail(run, err, "the key is still there")
		: 0;
}

#define BEGIN_PRIVATE                                                          \
	{                                                                      \
		.kind = PROFILE_HOOK, .name = "begin",                         \
		.hook = name_private_file,                                     \
	}

/* Even one that was refused leaves no file behind. */
#define DELETE_PRIVATE_FILE                                                    \
	{                                                                      \
		.kind = PROFILE_EXEC, .name = "delete the file",               \
		.may_fail = true, .quote = PROFILE_QUOTE_ROUTEROS,             \
		.command = "/file remove [find where name={key_file}]",        \
	}

static const struct profile_step deliver[] = {
	BEGIN_PRIVATE,
	{
		.kind = PROFILE_UPLOAD,
		.name = "upload the key",
		.command = "{key_file}",
		.input = "{private_key}",
	},
	{
		.kind = PROFILE_EXEC,
		.name = "import the key",
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command = PRIVATE
		"import user={username} private-key-file={key_file}",
		.verdicts = own_words,
	},
	DELETE_PRIVATE_FILE,
	{ .kind = PROFILE_END },
};

/*
 * What it is known by there is its comment or the name of its file, under one
 * of the two names.
 */
static const struct profile_step forget[] = {
	BEGIN_PRIVATE,
	{
		.kind = PROFILE_EXEC,
		.name = "remove the key",
		.verdicts = removals,
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command = PRIVATE "remove [find where key-owner~{lease}]",
	},
	{
		.kind = PROFILE_EXEC,
		.name = "remove the key",
		.verdicts = removals,
		.quote = PROFILE_QUOTE_ROUTEROS,
		.command = PRIVATE "remove [find where info~{lease}]",
	},
	DELETE_PRIVATE_FILE,
	{
		.kind = PROFILE_EXEC,
		.name = "look for the key",
		.command = PRIVATE "print terse",
		.verdicts = refusals,
	},
	{
		.kind = PROFILE_HOOK,
		.name = "look for the key",
		.hook = check_is_forgotten,
	},
	{ .kind = PROFILE_END },
};

/* ---- listing ------------------------------------------------------------- */

static const char *
copy(struct profile_run *run, struct span text)
{
	return arena_strndup(run->arena, text.data, text.len);
}

/* Public keys are not shown by RouterOS. */
static int
list_keys(struct profile_run *run, struct err *err)
{
	struct span printed = run->output, line;
	int rc = 0;

	while (rc == 0 && routeros_next_line(&printed, &line)) {
		const struct span tag = profile_find_tag(line);
		const struct profile_key key = {
			.username = copy(run, routeros_column(line, "user")),
			.tag = copy(run, tag),
			.public_key = "",
		};

		if (key.username == NULL || key.tag == NULL)
			rc = err_set_memory(err);
		else if (tag.len > 0)
			rc = profile_add_key(run, &key, err);
	}
	return rc;
}

static const struct profile_step list[] = {
	{
		.kind = PROFILE_EXEC,
		.name = "list the keys",
		.is_list = true,
		.command = "/user ssh-keys print terse",
		.verdicts = refusals,
	},
	{
		.kind = PROFILE_HOOK,
		.name = "list the keys",
		.hook = list_keys,
	},
	{ .kind = PROFILE_END },
};

const struct profile profile_routeros = {
	.name = "routeros",
	.doc = "RouterOS 6 and 7 over SSH: the key is uploaded and imported.",
	.instructions =
		"Run what `sallyport target export -format=rsc` prints, or as an administrator: "
		"/user group add name=sallyport policy=ssh,ftp,read,write,policy; "
		"/user add name=sallyport group=sallyport password=(a long one that nobody needs); "
		"upload the public key of the target's key; "
		"/user ssh-keys import public-key-file=(that file) user=sallyport",
	.steps = { [PROFILE_INSTALL] = install,
		[PROFILE_REMOVE] = remove_key,
		[PROFILE_LIST] = list,
		[PROFILE_DELIVER] = deliver,
		[PROFILE_FORGET] = forget },
	.doctor = routeros_doctor,
};
