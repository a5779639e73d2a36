/*
 * secrets and auth: enable, list, disable, tune; secrets move; mount, the
 * oldest name of secrets enable. Both groups differ in paths, words and a
 * column.
 */
#include <string.h>

#include "client/commands.h"
#include "client/login_methods.h"
#include "client/output.h"
#include "lib/duration.h"

struct mount_options {
	const char *path, *description, *listing_visibility;
	int64_t default_lease_ttl, max_lease_ttl; /* s */
	bool force_no_cache, local, seal_wrap, external_entropy_access;
	const char *plugin_name, *version, *token_type;
	struct flag_list options, request_keys, response_keys, headers,
		response_headers;
	bool detailed;
};

/* What the two groups call things. */
struct mount_kind {
	const char *what;         /* "secrets engine" */
	const char *path, *tuned; /* "sys/mounts/": mount at, tune at */
	const char *not_listed;
	const char *column, *setting; /* of the detailed list */
};

static const struct mount_kind secrets_kind = {
	.what = "secrets engine",
	.path = "sys/mounts/",
	.tuned = "sys/mounts/",
	.not_listed = "Error listing secrets engines",
	.column = "Force No Cache",
	.setting = "force_no_cache",
};

static const struct mount_kind auth_kind = {
	.what = "auth method",
	.path = "sys/auth/",
	.tuned = "sys/mounts/auth/",
	.not_listed = "Error listing enabled authentication methods",
	.column = "Token Type",
	.setting = "token_type",
};

static const struct mount_kind *
kind_of(const struct cli *cli)
{
	return strncmp(cli->command->name, "auth ", 5) == 0 ? &auth_kind
							    : &secrets_kind;
}

/* "Error <doing> <what> <words>" before the server's own. */
static int
fail(struct cli *cli, const char *doing, const char *words,
	const struct err *err)
{
	const char *what = arena_printf(
		cli->arena, "Error %s %s %s", doing, kind_of(cli)->what, words);

	return cli_fail(what != NULL ? what : "Error", err);
}

#define COMMON_FLAGS                                                           \
	TEXT_FLAG(struct mount_options, description, "description",            \
		.help = "A text for people."),                                 \
		DURATION_FLAG(struct mount_options, default_lease_ttl,         \
			"default-lease-ttl", .help = "Lifetime of leases."),   \
		DURATION_FLAG(struct mount_options, max_lease_ttl,             \
			"max-lease-ttl",                                       \
			.help = "Longest lifetime of leases."),                \
		TEXT_FLAG(struct mount_options, listing_visibility,            \
			"listing-visibility", .help = "hidden or unauth."),    \
		LIST_FLAG(struct mount_options, request_keys,                  \
			"audit-non-hmac-request-keys",                         \
			.help = "Key that stays clear in the audit log."),     \
		LIST_FLAG(struct mount_options, response_keys,                 \
			"audit-non-hmac-response-keys",                        \
			.help = "Key that stays clear in the audit log."),     \
		LIST_FLAG(struct mount_options, headers,                       \
			"passthrough-request-headers",                         \
			.help = "Header to pass."),                            \
		LIST_FLAG(struct mount_options, response_headers,              \
			"allowed-response-headers",                            \
			.help = "Header to allow."),                           \
		MAP_FLAG(struct mount_options, options, "options",             \
			.help = "k=v; may be repeated."),                      \
		TEXT_FLAG(struct mount_options, version, "version",            \
			.help = "Version of the engine.")

#define ENABLE_FLAGS                                                           \
	TEXT_FLAG(struct mount_options, path, "path",                          \
		.help = "Where to mount it; its type's name if left out."),    \
		COMMON_FLAGS,                                                  \
		TEXT_FLAG(struct mount_options, plugin_name, "plugin-name",    \
			.help = "Not available on this server."),              \
		BOOL_FLAG(struct mount_options, local, "local",                \
			.help = "Kept and shown."),                            \
		BOOL_FLAG(struct mount_options, seal_wrap, "seal-wrap",        \
			.help = "Kept and shown."),                            \
		BOOL_FLAG(struct mount_options, external_entropy_access,       \
			"external-entropy-access", .help = "Kept and shown.")

static const struct flag enable_flags[] = {
	ENABLE_FLAGS,
	BOOL_FLAG(struct mount_options, force_no_cache, "force-no-cache",
		.help = "Kept and shown."),
	FLAG_END,
};

static const struct flag tune_flags[] = { COMMON_FLAGS, FLAG_END };

#define TOKEN_TYPE_FLAG                                                        \
	TEXT_FLAG(struct mount_options, token_type, "token-type",              \
		.help = "Type of the tokens that it gives.")

static const struct flag auth_enable_flags[] = { ENABLE_FLAGS, TOKEN_TYPE_FLAG,
	FLAG_END };

static const struct flag auth_tune_flags[] = { COMMON_FLAGS, TOKEN_TYPE_FLAG,
	FLAG_END };

static const struct flag list_flags[] = {
	BOOL_FLAG(struct mount_options, detailed, "detailed",
		.help = "Every setting."),
	FLAG_END,
};

/* A lease time as the peer's command writes it; 0 as given, < 0 "system". */
static void
set_ttl(struct cli *cli, struct value *config, const char *name, int64_t s,
	const char *zero)
{
	char text[DURATION_TEXT_MAX];

	duration_format_s(s, text);
	(void)value_set_str(cli->arena, config, name,
		s == 0          ? zero
			: s < 0 ? "system"
				: text);
}

static void
set_list(struct cli *cli, struct value *config, const char *name,
	const struct flag_list *list)
{
	struct value *items = value_list(cli->arena);

	for (size_t i = 0; i < list->n; i++)
		(void)value_add(
			items, value_string(cli->arena, list->items[i]));
	if (list->n > 0)
		(void)value_set(cli->arena, config, name, items);
}

static struct value *
options_of(struct cli *cli, const struct mount_options *wanted)
{
	struct value *options = value_object(cli->arena);

	for (size_t i = 0; i < wanted->options.n; i++) {
		const char *item = wanted->options.items[i];
		const char *equals = strchr(item, '=');
		char *key = arena_strndup(
			cli->arena, item, (size_t)(equals - item));

		if (key != NULL)
			(void)value_set_str(
				cli->arena, options, key, equals + 1);
	}
	if (wanted->version[0] != '\0')
		(void)value_set_str(
			cli->arena, options, "version", wanted->version);
	return options->n > 0 ? options : value_null(cli->arena);
}

static void
set_common(struct cli *cli, struct value *config,
	const struct mount_options *wanted, const char *zero)
{
	(void)value_set(cli->arena, config, "options", options_of(cli, wanted));
	set_ttl(cli, config, "default_lease_ttl", wanted->default_lease_ttl,
		zero);
	set_ttl(cli, config, "max_lease_ttl", wanted->max_lease_ttl, zero);
	(void)value_set_bool(
		cli->arena, config, "force_no_cache", wanted->force_no_cache);
	if (wanted->listing_visibility[0] != '\0')
		(void)value_set_str(cli->arena, config, "listing_visibility",
			wanted->listing_visibility);
	if (wanted->token_type != NULL && wanted->token_type[0] != '\0')
		(void)value_set_str(
			cli->arena, config, "token_type", wanted->token_type);
	set_list(cli, config, "audit_non_hmac_request_keys",
		&wanted->request_keys);
	set_list(cli, config, "audit_non_hmac_response_keys",
		&wanted->response_keys);
	set_list(cli, config, "passthrough_request_headers", &wanted->headers);
	set_list(cli, config, "allowed_response_headers",
		&wanted->response_headers);
}

static struct value *
enable_body(
	struct cli *cli, const struct mount_options *wanted, const char *type)
{
	struct arena *arena = cli->arena;
	struct value *config = value_object(arena);
	struct value *body = value_object(arena);

	set_common(cli, config, wanted, "0s");
	(void)value_set_str(arena, body, "type", type);
	(void)value_set_str(arena, body, "description", wanted->description);
	(void)value_set(arena, body, "config", config);
	(void)value_set_bool(arena, body, "local", wanted->local);
	(void)value_set_bool(arena, body, "seal_wrap", wanted->seal_wrap);
	(void)value_set_bool(arena, body, "external_entropy_access",
		wanted->external_entropy_access);
	(void)value_set(arena, body, "options", options_of(cli, wanted));
	return body;
}

/* Mount the type of the one argument; *ret_path: where. */
static bool
mount_type(struct cli *cli, const struct mount_options *wanted,
	const char *type, const char **ret_path, struct err *err)
{
	*ret_path = wanted->path[0] != '\0' ? wanted->path : type;
	if (wanted->plugin_name[0] != '\0') {
		(void)err_set(err, ERR_INPUT, 400,
			"plugins are not available: leave -plugin-name out");
		return false;
	}
	return cli_call(cli, "POST",
		cli_path(cli, kind_of(cli)->path, *ret_path),
		enable_body(cli, wanted, type), err);
}

static int
run_enable(struct cli *cli, void *options, int argc, char **argv)
{
	const char *path = NULL;
	struct err err = { 0 };

	(void)argc;
	if (!mount_type(cli, options, argv[0], &path, &err))
		return cli_fail("Error enabling", &err);
	printf("Success! Enabled the %s secrets engine at: %s\n", argv[0],
		cli_with_slash(cli, path));
	return EXIT_DONE;
}

const struct command cmd_secrets_enable = {
	.name = "secrets enable",
	.summary = "Mount a secrets engine.",
	.usage = "[options] TYPE",
	.text = "    $ sallyport secrets enable -path=ssh-prod ssh",
	.args_min = 1,
	.args_max = 1,
	.rows = enable_flags,
	.options_size = sizeof(struct mount_options),
	.run = run_enable,
};

static int
run_mount(struct cli *cli, void *options, int argc, char **argv)
{
	const char *path = NULL;
	struct err err = { 0 };

	(void)argc;
	if (!mount_type(cli, options, argv[0], &path, &err))
		return cli_fail("Mount error", &err);
	printf("Successfully mounted '%s' at '%s'!\n", argv[0], path);
	return EXIT_DONE;
}

const struct command cmd_mount = {
	.name = "mount",
	.summary = "The oldest name of secrets enable.",
	.usage = "[options] TYPE",
	.text = "    $ sallyport mount ssh",
	.args_min = 1,
	.args_max = 1,
	.rows = enable_flags,
	.options_size = sizeof(struct mount_options),
	.run = run_mount,
};

static int
run_disable(struct cli *cli, void *options, int argc, char **argv)
{
	const struct mount_kind *kind = kind_of(cli);
	const char *path = cli_with_slash(cli, argv[0]);
	struct err err = { 0 };

	(void)options;
	(void)argc;
	if (!cli_call(cli, "DELETE", cli_path(cli, kind->path, argv[0]), NULL,
		    &err))
		return fail(cli, "disabling",
			arena_printf(cli->arena, "at %s", path), &err);
	printf("Success! Disabled the %s (if it existed) at: %s\n", kind->what,
		path);
	return EXIT_DONE;
}

const struct command cmd_secrets_disable = {
	.name = "secrets disable",
	.summary = "Unmount a secrets engine; its leases are revoked.",
	.usage = "[options] PATH",
	.text = "    $ sallyport secrets disable ssh-prod",
	.args_min = 1,
	.args_max = 1,
	.run = run_disable,
};

static int
run_tune(struct cli *cli, void *options, int argc, char **argv)
{
	const struct mount_kind *kind = kind_of(cli);
	const struct mount_options *wanted = options;
	struct value *body = value_object(cli->arena);
	const char *path = cli_with_slash(cli, argv[0]);
	struct err err = { 0 };

	(void)argc;
	set_common(cli, body, wanted, "");
	if (wanted->description[0] != '\0')
		(void)value_set_str(
			cli->arena, body, "description", wanted->description);
	if (!cli_call(cli, "POST",
		    arena_printf(cli->arena, "%s%stune", kind->tuned, path),
		    body, &err))
		return fail(cli, "tuning", path, &err);
	printf("Success! Tuned the %s at: %s\n", kind->what, path);
	return EXIT_DONE;
}

const struct command cmd_secrets_tune = {
	.name = "secrets tune",
	.summary = "Change the settings of a mount.",
	.usage = "[options] PATH",
	.text = "  A lease time of 0 stays as it is, a negative one is the system's.\n\n"
		"    $ sallyport secrets tune -default-lease-ttl=5m ssh",
	.args_min = 1,
	.args_max = 1,
	.rows = tune_flags,
	.options_size = sizeof(struct mount_options),
	.run = run_tune,
};

static int
run_move(struct cli *cli, void *options, int argc, char **argv)
{
	struct value *body = value_object(cli->arena);
	const char *from = cli_with_slash(cli, argv[0]);
	const char *to = cli_with_slash(cli, argv[1]);
	struct err err = { 0 };

	(void)options;
	(void)argc;
	(void)value_set_str(cli->arena, body, "from", from);
	(void)value_set_str(cli->arena, body, "to", to);
	if (!cli_call(cli, "POST", "sys/remount", body, &err))
		return fail(cli, "moving",
			arena_printf(cli->arena, "%s to %s", from, to), &err);
	printf("Success! Moved secrets engine %s to: %s\n", from, to);
	return EXIT_DONE;
}

const struct command cmd_secrets_move = {
	.name = "secrets move",
	.summary = "Move a mount; its leases are revoked.",
	.usage = "[options] SOURCE DESTINATION",
	.text = "    $ sallyport secrets move ssh ssh-old",
	.args_min = 2,
	.args_max = 2,
	.run = run_move,
};

static const char *
ttl_cell(struct cli *cli, const struct value *mount, const char *name)
{
	const char *type = value_find_str(mount, "type", "");
	const int64_t s = value_find_int(value_find(mount, "config"), name, 0);
	const char *text;

	if (strcmp(type, "system") == 0 || strcmp(type, "cubbyhole") == 0)
		return "n/a";
	if (s == 0)
		return "system";
	text = arena_printf(cli->arena, "%lld", (long long)s);
	return text != NULL ? text : "";
}

static const char *
member_cell(struct cli *cli, const struct value *object, const char *name)
{
	const struct value *member = value_find(object, name);

	if (member == NULL || member->type == VALUE_NULL)
		return strcmp(name, "options") == 0 ? "map[]" : "";
	return output_cell(cli, member);
}

static void
add_detailed_row(
	struct cli *cli, struct table *table, const struct value *mount)
{
	const struct value *config = value_find(mount, "config");

	TABLE_ADD(table, mount->key, member_cell(cli, mount, "type"),
		member_cell(cli, mount, "accessor"),
		ttl_cell(cli, mount, "default_lease_ttl"),
		ttl_cell(cli, mount, "max_lease_ttl"),
		member_cell(cli, config, kind_of(cli)->setting),
		value_find_bool(mount, "local", false) ? "local" : "replicated",
		member_cell(cli, mount, "seal_wrap"),
		member_cell(cli, mount, "external_entropy_access"),
		member_cell(cli, mount, "options"),
		member_cell(cli, mount, "description"),
		member_cell(cli, mount, "uuid"));
}

static int
run_list(struct cli *cli, void *options, int argc, char **argv)
{
	const struct mount_kind *kind = kind_of(cli);
	const struct mount_options *wanted = options;
	struct table table = { .arena = cli->arena };
	struct value *mounts;
	struct err err = { 0 };

	(void)argc;
	(void)argv;
	if (!cli_call(cli, "GET", cli_clean_path(cli, kind->path), NULL, &err))
		return cli_fail(kind->not_listed, &err);
	mounts = value_copy(cli->arena, value_find(cli->answer.json, "data"));
	if (mounts == NULL || mounts->type != VALUE_OBJECT)
		return cli_usage("the server listed no mounts");
	value_sort(mounts);
	if (cli->format != FORMAT_TABLE) {
		output_value(cli, mounts);
		return EXIT_DONE;
	}
	if (wanted->detailed)
		TABLE_ADD(&table, "Path", "Plugin", "Accessor", "Default TTL",
			"Max TTL", kind->column, "Replication", "Seal Wrap",
			"External Entropy Access", "Options", "Description",
			"UUID");
	else
		TABLE_ADD(&table, "Path", "Type", "Accessor", "Description");
	VALUE_EACH (mount, mounts) {
		if (wanted->detailed)
			add_detailed_row(cli, &table, mount);
		else
			TABLE_ADD(&table, mount->key,
				member_cell(cli, mount, "type"),
				member_cell(cli, mount, "accessor"),
				member_cell(cli, mount, "description"));
	}
	table_print(&table);
	return EXIT_DONE;
}

const struct command cmd_secrets_list = {
	.name = "secrets list",
	.summary = "List the mounts of secrets engines.",
	.usage = "[options]",
	.text = "    $ sallyport secrets list -detailed",
	.flags = COMMAND_FORMAT,
	.rows = list_flags,
	.options_size = sizeof(struct mount_options),
	.run = run_list,
};

/* ---- auth --------------------------------------------------------------- */

static int
run_auth_enable(struct cli *cli, void *options, int argc, char **argv)
{
	const char *path = NULL;
	const char *what;
	struct err err = { 0 };

	(void)argc;
	if (mount_type(cli, options, argv[0], &path, &err)) {
		printf("Success! Enabled %s auth method at: %s\n", argv[0],
			cli_with_slash(cli, path));
		return EXIT_DONE;
	}
	what = arena_printf(cli->arena, "Error enabling %s auth", argv[0]);
	return cli_fail(what != NULL ? what : "Error enabling", &err);
}

const struct command cmd_auth_enable = {
	.name = "auth enable",
	.summary = "Enable an auth method.",
	.usage = "[options] TYPE",
	.text = "    $ sallyport auth enable -path=people userpass",
	.args_min = 1,
	.args_max = 1,
	.rows = auth_enable_flags,
	.options_size = sizeof(struct mount_options),
	.run = run_auth_enable,
};

const struct command cmd_auth_disable = {
	.name = "auth disable",
	.summary = "Disable an auth method; its tokens are revoked.",
	.usage = "[options] PATH",
	.text = "    $ sallyport auth disable people",
	.args_min = 1,
	.args_max = 1,
	.run = run_disable,
};

const struct command cmd_auth_tune = {
	.name = "auth tune",
	.summary = "Change the settings of an auth method.",
	.usage = "[options] PATH",
	.text = "  A lease time of 0 stays as it is, a negative one is the system's.\n\n"
		"    $ sallyport auth tune -default-lease-ttl=8h people",
	.args_min = 1,
	.args_max = 1,
	.rows = auth_tune_flags,
	.options_size = sizeof(struct mount_options),
	.run = run_tune,
};

const struct command cmd_auth_list = {
	.name = "auth list",
	.summary = "List the auth methods.",
	.usage = "[options]",
	.text = "    $ sallyport auth list -detailed",
	.flags = COMMAND_FORMAT,
	.rows = list_flags,
	.options_size = sizeof(struct mount_options),
	.run = run_list,
};

/* The type of the auth method at a path; NULL: none there, or an error. */
static const char *
type_at(struct cli *cli, const char *path, struct err *err)
{
	const struct value *found;

	if (!cli_call(cli, "GET", "sys/auth", NULL, err))
		return NULL;
	found = value_find(value_find(cli->answer.json, "data"), path);
	return value_find_str(found, "type", NULL);
}

static int
run_auth_help(struct cli *cli, void *options, int argc, char **argv)
{
	const struct login_method *method = login_method_find(argv[0]);
	const char *path = cli_with_slash(cli, argv[0]);
	const char *type = argv[0];
	struct err err = { 0 };

	(void)options;
	(void)argc;
	if (method == NULL)
		type = type_at(cli, path, &err);
	if (err.code != 0)
		return cli_fail("Error listing auth methods", &err);
	if (type == NULL)
		return cli_usage(
			"No auth method available on the server at \"%s\"",
			path);
	method = login_method_find(type);
	if (method == NULL) {
		(void)cli_usage(
			"No method-specific CLI handler available for auth method \"%s\"",
			argv[0]);
		return EXIT_SERVER;
	}
	login_method_help(method);
	return EXIT_DONE;
}

const struct command cmd_auth_help = {
	.name = "auth help",
	.summary = "Tell how to log in by an auth method.",
	.usage = "[options] TYPE|PATH",
	.text = "    $ sallyport auth help userpass",
	.args_min = 1,
	.args_max = 1,
	.run = run_auth_help,
};
