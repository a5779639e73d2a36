/*
 * Machines with sshd and a POSIX shell, over SSH as root, by sudo, or as the
 * user itself. The command is the same text always: what it runs comes over
 * standard input, and so does all that is said of the key, a line each. The
 * script changes nothing before it reads "commit" (authorized_keys.sh).
 */
#include <string.h>

#include "server/engines/ssh/profiles/doctor.h"
#include "server/engines/ssh/profiles/profile_step.h"
#include "server/engines/ssh/profiles/target_scripts.h"

#define NOTHING_CHANGED 65 /* the scripts' own status */
#define COMMAND                                                                \
	"/bin/sh -c 'eval \"$(dd bs=1 count={reach_root_size} 2>/dev/null)\"'"
#define INPUT(action, key)                                                     \
	"{reach_root}{username}\n{authorized_keys_size}\n{authorized_keys}"    \
	"sallyport-keys 1\n" action "\n{username}\n" key

static const struct profile_verdict verdicts[] = {
	{ .status = 0, .text = "\nsallyport: done\n", .is_good = true },
	{ .status = 0,
		.why = "the shell ended well without having run the installer" },
	{ .status = NOTHING_CHANGED,
		.text = "sallyport: ",
		.left_nothing = true },
	{ .status = PROFILE_ANY,
		.text = "a password is required",
		.why = "sudo wants a password: it needs NOPASSWD for this user" },
	{ .status = PROFILE_ANY,
		.text = "is not allowed to execute",
		.why = "sudo does not allow this user to run the installer" },
	{ .status = PROFILE_ANY,
		.text = "is not in the sudoers file",
		.why = "this user may not use sudo" },
	{ .status = PROFILE_ANY,
		.text = "you must have a tty to run sudo",
		.why = "sudo wants a terminal: take requiretty off for this user" },
	{ .status = PROFILE_ANY,
		.text = "sudo: not found",
		.why = "this user is not root, and there is no sudo" },
	{ 0 },
};

static int
set_scripts(struct profile_run *run, struct err *err)
{
	int rc = profile_set_sized(
		run, "reach_root", target_script_reach_root, err);

	return rc != 0 ? rc
		       : profile_set_sized(run, "authorized_keys",
				 target_script_authorized_keys, err);
}

static int
add_key(struct profile_run *run, char *words, struct err *err)
{
	struct profile_key key = { .username = strsep(&words, " ") };
	char *base64 = words != NULL ? strchr(words, ' ') : NULL;
	char *tag = base64 != NULL ? strchr(base64 + 1, ' ') : NULL;

	if (tag == NULL)
		return profile_fail(run, err, "a line of the list is cut off");
	*tag = '\0';
	key.public_key = words;
	key.tag = tag + 1;
	return profile_add_key(run, &key, err);
}

/* "sallyport: key <user> <type> <base64> <tag>" */
static int
read_keys(struct profile_run *run, struct err *err)
{
	const struct span prefix = span_str("sallyport: key ");
	struct span rest = run->output;
	int rc = 0;

	while (rc == 0 && rest.len > 0) {
		const uint8_t *end = memchr(rest.data, '\n', rest.len);
		const struct span line = span_of(rest.data,
			end != NULL ? (size_t)(end - rest.data) : rest.len);
		char *words;

		rest = span_skip(rest, line.len + 1);
		if (!span_has_prefix(line, prefix))
			continue;
		words = arena_strndup(run->arena, line.data + prefix.len,
			line.len - prefix.len);
		rc = words != NULL ? add_key(run, words, err)
				   : err_set_memory(err);
	}
	return rc;
}

#define KEY "{tag}\n{public_key}\n{options}\n{expire_s}\n{expire_utc}\n"

static const struct profile_step install[] = {
	{ .kind = PROFILE_HOOK, .name = "prepare", .hook = set_scripts },
	{ .kind = PROFILE_EXEC,
		.name = "add the key",
		.installs = true,
		.command = COMMAND,
		.input = INPUT("install", KEY),
		.await = "sallyport: ready",
		.more = "commit\n",
		.verdicts = verdicts },
	{ .kind = PROFILE_END },
};

static const struct profile_step take_off[] = {
	{ .kind = PROFILE_HOOK, .name = "prepare", .hook = set_scripts },
	{ .kind = PROFILE_EXEC,
		.name = "remove the key",
		.command = COMMAND,
		.input = INPUT("remove", KEY),
		.await = "sallyport: ready",
		.more = "commit\n",
		.verdicts = verdicts },
	{ .kind = PROFILE_END },
};

static const struct profile_step list[] = {
	{ .kind = PROFILE_HOOK, .name = "prepare", .hook = set_scripts },
	{ .kind = PROFILE_EXEC,
		.name = "list the keys",
		.is_list = true,
		.command = COMMAND,
		.input = INPUT("list", "\n\n\n0\n\n"),
		.verdicts = verdicts },
	{ .kind = PROFILE_HOOK, .name = "read the list", .hook = read_keys },
	{ .kind = PROFILE_END },
};

const struct profile profile_linux = {
	.name = "linux",
	.doc = "A machine with sshd and a POSIX shell: authorized_keys of the user, as root or by sudo.",
	.instructions =
		"Put the public half of the key into authorized_keys of the admin user, and let\n"
		"that user change other users' authorized_keys: as root, or by one line of sudo,\n"
		"either narrow, with the script that this server sends installed beside it,\n"
		"\n"
		"    ADMIN ALL=(root) NOPASSWD: /usr/libexec/sallyport/authorized-keys \"\"\n"
		"\n"
		"or broad:\n"
		"\n"
		"    ADMIN ALL=(ALL) NOPASSWD: ALL\n",
	.knows_expiry = true,
	.steps = { [PROFILE_INSTALL] = install,
		[PROFILE_REMOVE] = take_off,
		[PROFILE_LIST] = list },
	.doctor = doctor_linux,
};
