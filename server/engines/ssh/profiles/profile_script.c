/*
 * Machines where the role's own install_script adds and removes keys: it is
 * run as the admin user with the peer's three arguments (spec/ssh-engine.md
 * 5.4), from a directory that is removed behind it. Its own status decides.
 */
#include "server/engines/ssh/profiles/profile_step.h"
#include "server/engines/ssh/profiles/target_scripts.h"

#define NOTHING_RUN 65 /* run_script.sh's own status */

static const struct profile_verdict verdicts[] = {
	{ .status = NOTHING_RUN, .text = "sallyport: ", .left_nothing = true },
	{ .status = 0, .text = "\nsallyport: done\n", .is_good = true },
	{ .status = 0,
		.why = "the shell ended well without having run the script" },
	{ 0 },
};

static int
set_scripts(struct profile_run *run, struct err *err)
{
	int rc = profile_set_sized(
		run, "run_script", target_script_run_script, err);

	return rc != 0 ? rc
		       : profile_set_sized(run, "install_script",
				 run->job->install_script, err);
}

#define STEP(word)                                                                      \
	.kind = PROFILE_EXEC, .name = "run install_script",                             \
	.command =                                                                      \
		"/bin/sh -c 'eval \"$(dd bs=1 count={run_script_size} 2>/dev/null)\"'", \
	.input =                                                                        \
		"{run_script}" word                                                     \
		"\n{username}\n{line}\n{install_script_size}\n{install_script}",        \
	.await = "sallyport: ready", .more = "commit\n", .verdicts = verdicts

static const struct profile_step install[] = {
	{ .kind = PROFILE_HOOK, .name = "prepare", .hook = set_scripts },
	{ STEP("install"), .installs = true },
	{ .kind = PROFILE_END },
};

static const struct profile_step take_off[] = {
	{ .kind = PROFILE_HOOK, .name = "prepare", .hook = set_scripts },
	{ STEP("uninstall") },
	{ .kind = PROFILE_END },
};

const struct profile profile_script = {
	.name = "script",
	.doc = "The role's install_script, run as the admin user with three arguments.",
	.instructions =
		"Put the public half of the key into authorized_keys of the admin user. The\n"
		"script is run as that user; where it needs more it uses sudo, which must not\n"
		"ask for a password.\n",
	.needs_script = true,
	.steps = { [PROFILE_INSTALL] = install, [PROFILE_REMOVE] = take_off },
};
