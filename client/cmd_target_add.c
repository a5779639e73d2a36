/*
 * target add: a record, and the host keys that it is known by, which are never
 * taken unseen: named beforehand, confirmed on a terminal, or accepted by a
 * flag that says so. A record whose keys nobody confirmed does not stay.
 */
#include <string.h>
#include <unistd.h>

#include "client/commands.h"
#include "client/kv_args.h"
#include "client/output.h"
#include "client/say.h"
#include "client/target_call.h"
#include "client/target_dest.h"
#include "client/target_setup.h"

struct add_options {
	const char *mount_point;
	const char *key, *profile;
	struct flag_list host_keys;
	bool accept_host_key, instructions;
	struct target_setup_options setup;
};

static const struct flag add_flags[] = {
	TARGET_MOUNT_FLAG(struct add_options),
	TEXT_FLAG(struct add_options, key, "key",
		.help = "Name of the key that the server logs in with (keypair list)."),
	TEXT_FLAG(struct add_options, profile, "profile", .initial = "linux",
		.help = "How the machine takes keys (list ssh/profiles)."),
	LIST_FLAG(struct add_options, host_keys, "host-key",
		.help = "A host key of it, or its SHA256 fingerprint; may be repeated."),
	BOOL_FLAG(struct add_options, accept_host_key, "accept-host-key",
		.help = "Pin the host keys that it shows now, without asking."),
	BOOL_FLAG(struct add_options, instructions, "instructions",
		.help = "Print how to make a machine ready for -profile; add nothing."),
	TARGET_SETUP_FLAGS(struct add_options),
	FLAG_END,
};

/* ---- instructions ------------------------------------------------------- */

static int
print_instructions(struct cli *cli, const struct add_options *wanted)
{
	const char *mount = cli_clean_path(cli, wanted->mount_point);
	const char *path = arena_printf(
		cli->arena, "%s/profiles/%s", mount, wanted->profile);
	struct err err = { 0 };

	if (path == NULL)
		return cli_usage("out of memory");
	if (!cli_call(cli, "GET", path, NULL, &err))
		return cli_fail("Error reading profile", &err);
	printf("%s\n",
		value_find_str(value_find(cli->answer.json, "data"),
			"instructions", ""));
	return EXIT_DONE;
}

/* ---- the record --------------------------------------------------------- */

/* What the flags and words say, as fields of targets/:name. */
static int
build_body(struct cli *cli, const struct add_options *wanted, int argc,
	char **argv, struct value **ret_body, struct err *err)
{
	struct value *body = NULL, *keys = value_list(cli->arena);
	struct target_dest dest;
	int rc = target_dest_parse(cli->arena, argv[1], &dest, err);

	if (rc == 0)
		rc = kv_args_parse(cli, argc - 2, argv + 2, &body, err);
	if (rc != 0)
		return rc;
	(void)value_set_str(cli->arena, body, "host", dest.host);
	if (dest.port != 0)
		(void)value_set_int(cli->arena, body, "port", dest.port);
	if (dest.user[0] != '\0')
		(void)value_set_str(cli->arena, body, "user", dest.user);
	if (wanted->key[0] != '\0')
		(void)value_set_str(cli->arena, body, "key", wanted->key);
	(void)value_set_str(cli->arena, body, "profile", wanted->profile);
	for (size_t i = 0; i < wanted->host_keys.n; i++)
		(void)value_add(keys,
			value_string(cli->arena, wanted->host_keys.items[i]));
	if (wanted->host_keys.n > 0)
		(void)value_set(cli->arena, body, "host_keys", keys);
	*ret_body = body;
	return 0;
}

/* A strict record without keys, that logs in over SSH, has to get some. */
static bool
needs_keys(const struct value *body)
{
	const char *policy = value_find_str(body, "host_key_policy", "strict");

	return value_find(body, "host_keys") == NULL &&
		(strcmp(policy, "strict") == 0 || policy[0] == '\0') &&
		(value_find(body, "url") == NULL ||
			value_find(body, "key") != NULL);
}

/* ---- its keys ----------------------------------------------------------- */

/* Scan, show, ask, pin. False: nothing is pinned, and err says why. */
static bool
pin_shown(struct cli *cli, const struct add_options *wanted, const char *name,
	struct err *err)
{
	const char *scan_path =
		target_path(cli, wanted->mount_point, name, "/scan");
	const char *repin_path =
		target_path(cli, wanted->mount_point, name, "/repin");
	struct value *body = value_object(cli->arena), *fingerprints;
	const struct value *scan;

	if (!target_post(cli, scan_path, NULL, "Scanning", name, err))
		return false;
	scan = value_find(cli->answer.json, "data");
	fingerprints = target_fingerprints(cli, scan, NULL);
	if (cli->format == FORMAT_TABLE)
		target_print_keys(cli, scan);
	if (!wanted->accept_host_key && !target_confirm(cli, fingerprints)) {
		(void)err_set(err, ERR_INPUT, 400,
			"its host keys were not confirmed");
		return false;
	}
	(void)value_set(cli->arena, body, "fingerprints", fingerprints);
	return target_post(cli, repin_path, body, "Pinning", name, err);
}

/* 0: there is none of that name; else the exit code, all said. */
static int
refuse_existing(struct cli *cli, const char *path, const char *name)
{
	struct err err = { 0 };

	if (cli_call(cli, "GET", path, NULL, &err)) {
		say_error("Error adding target: \"%s\" is there already", name);
		return EXIT_SERVER;
	}
	return err.status == 404 ? EXIT_DONE
				 : cli_fail("Error adding target", &err);
}

/* With -method the machine is set up too; its url may say which one it is. */
static int
set_up(struct cli *cli, const struct add_options *wanted, int argc, char **argv)
{
	const bool has_dest = argc > 1 && strchr(argv[1], '=') == NULL;
	struct value *body = NULL;
	struct err err = { 0 };
	int rc;

	if (argc < 1)
		return cli_usage("Not enough arguments (expected 1, got 0)");
	rc = has_dest ? build_body(cli, wanted, argc, argv, &body, &err)
		      : kv_args_parse(cli, argc - 1, argv + 1, &body, &err);
	if (rc != 0)
		return cli_usage("%s", err.message);
	return target_setup_run(cli,
		target_path(cli, wanted->mount_point, argv[0], ""),
		&wanted->setup, body);
}

static int
run_add(struct cli *cli, void *options, int argc, char **argv)
{
	const struct add_options *wanted = options;
	const char *name = argc > 0 ? argv[0] : "", *path;
	struct value *body = NULL;
	struct err err = { 0 }, ignored = { 0 };
	int rc;

	if (wanted->instructions)
		return print_instructions(cli, wanted);
	if (wanted->setup.method[0] != '\0')
		return set_up(cli, wanted, argc, argv);
	if (argc < 2)
		return cli_usage(
			"Not enough arguments (expected at least 2, got %d)",
			argc);
	if (build_body(cli, wanted, argc, argv, &body, &err) != 0)
		return cli_usage("%s", err.message);
	if (needs_keys(body) && !wanted->accept_host_key &&
		isatty(STDIN_FILENO) != 1)
		return cli_usage(
			"There is no terminal to confirm host keys at: give -host-key or -accept-host-key");
	path = target_path(cli, wanted->mount_point, name, "");
	rc = refuse_existing(cli, path, name);
	if (rc != EXIT_DONE)
		return rc;
	if (!cli_call(cli, "PUT", path, body, &err))
		return cli_fail("Error adding target", &err);
	if (needs_keys(body) && !pin_shown(cli, wanted, name, &err)) {
		(void)cli_call(cli, "DELETE", path, NULL, &ignored);
		return cli_fail("Error adding target", &err);
	}
	printf("Success! Added target: %s\n", name);
	return EXIT_DONE;
}

const struct command cmd_target_add = {
	.name = "target add",
	.summary = "Add a machine that keys are put on.",
	.usage = "[options] NAME [USER@]HOST[:PORT] [K=V ...]",
	.text = "  K=V words are other fields of ssh/targets/NAME. The host keys that it\n"
		"  shows are pinned when you confirm them.\n\n"
		"    $ sallyport target add -key=admin web1 root@10.0.0.7\n"
		"    $ sallyport target add -profile=routeros -key=r \\\n"
		"        -host-key=SHA256:… core admin@[fe80::1%eth0]:2222\n"
		"    $ sallyport target add -method=semi-automatic \\\n"
		"        -url=https://nas.example nas1",
	.args_max = -1,
	.rows = add_flags,
	.options_size = sizeof(struct add_options),
	.run = run_add,
};
