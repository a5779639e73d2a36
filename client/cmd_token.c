/* token: create, lookup, renew, revoke, capabilities. */
#include <string.h>

#include "client/commands.h"
#include "client/output.h"

struct create_options {
	const char *id, *display_name, *role, *type, *entity_alias;
	int64_t ttl, explicit_max_ttl, period; /* s */
	bool renewable, orphan, no_default_policy;
	int64_t use_limit;
	struct flag_list policies, metadata;
};

static const struct flag create_flags[] = {
	TEXT_FLAG(
		struct create_options, id, "id", .help = "Its id; needs sudo."),
	TEXT_FLAG(struct create_options, display_name, "display-name",
		.help = "A name for the audit log."),
	DURATION_FLAG(
		struct create_options, ttl, "ttl", .help = "Its lifetime."),
	DURATION_FLAG(struct create_options, explicit_max_ttl,
		"explicit-max-ttl", .help = "Longest life, renewals included."),
	DURATION_FLAG(struct create_options, period, "period",
		.help = "Each renewal gives this long."),
	BOOL_FLAG(struct create_options, renewable, "renewable",
		.initial = "true", .help = "Can be renewed."),
	BOOL_FLAG(struct create_options, orphan, "orphan",
		.help = "Has no parent; needs sudo."),
	BOOL_FLAG(struct create_options, no_default_policy, "no-default-policy",
		.help = "Without the default policy."),
	INT_FLAG(struct create_options, use_limit, "use-limit",
		.help = "How many requests it is good for; 0 is any number."),
	TEXT_FLAG(struct create_options, role, "role",
		.help = "Token role to make it from."),
	TEXT_FLAG(struct create_options, type, "type", .initial = "service",
		.help = "Type of token."),
	MAP_FLAG(struct create_options, metadata, "metadata",
		.help = "k=v; may be repeated."),
	LIST_FLAG(struct create_options, policies, "policy",
		.help = "Name of a policy; may be repeated."),
	TEXT_FLAG(struct create_options, entity_alias, "entity-alias",
		.help = "Only together with a role."),
	FLAG_END,
};

static void
add_policies(struct cli *cli, struct value *body, const struct flag_list *list)
{
	struct value *names = value_list(cli->arena);

	for (size_t i = 0; i < list->n; i++)
		(void)value_add(
			names, value_string(cli->arena, list->items[i]));
	if (list->n > 0)
		(void)value_set(cli->arena, body, "policies", names);
}

static void
add_metadata(struct cli *cli, struct value *body, const struct flag_list *list)
{
	struct value *meta = value_object(cli->arena);

	for (size_t i = 0; i < list->n; i++) {
		const char *equals = strchr(list->items[i], '=');
		char *key = arena_strndup(cli->arena, list->items[i],
			(size_t)(equals - list->items[i]));

		if (key != NULL)
			(void)value_set_str(cli->arena, meta, key, equals + 1);
	}
	if (list->n > 0)
		(void)value_set(cli->arena, body, "meta", meta);
}

/* The members and their order as the peer's command sends them. */
static struct value *
create_body(struct cli *cli, const struct create_options *wanted)
{
	struct arena *arena = cli->arena;
	struct value *body = value_object(arena);

	add_policies(cli, body, &wanted->policies);
	(void)value_set_str(
		arena, body, "ttl", output_duration(cli, wanted->ttl));
	(void)value_set_str(arena, body, "explicit_max_ttl",
		output_duration(cli, wanted->explicit_max_ttl));
	(void)value_set_str(
		arena, body, "period", output_duration(cli, wanted->period));
	(void)value_set_str(arena, body, "display_name", wanted->display_name);
	(void)value_set_int(arena, body, "num_uses", wanted->use_limit);
	(void)value_set_bool(arena, body, "renewable",
		wanted->renewable && strcmp(wanted->type, "batch") != 0);
	(void)value_set_str(arena, body, "type", wanted->type);
	(void)value_set_str(arena, body, "entity_alias", wanted->entity_alias);
	if (wanted->id[0] != '\0')
		(void)value_set_str(arena, body, "id", wanted->id);
	add_metadata(cli, body, &wanted->metadata);
	if (wanted->orphan)
		(void)value_set_bool(arena, body, "no_parent", true);
	if (wanted->no_default_policy)
		(void)value_set_bool(arena, body, "no_default_policy", true);
	return body;
}

static int
run_create(struct cli *cli, void *options, int argc, char **argv)
{
	const struct create_options *wanted = options;
	const char *path = "auth/token/create";
	struct err err = { 0 };

	(void)argc;
	(void)argv;
	if (wanted->role[0] != '\0')
		path = cli_path(cli, "auth/token/create/", wanted->role);
	if (!cli_call(cli, "POST", path, create_body(cli, wanted), &err))
		return cli_fail("Error creating token", &err);
	return output_secret(cli, cli->answer.json);
}

const struct command cmd_token_create = {
	.name = "token create",
	.summary = "Create a token.",
	.usage = "[options]",
	.text = "    $ sallyport token create -policy=web -ttl=1h",
	.flags = COMMAND_FORMAT | COMMAND_FIELD,
	.rows = create_flags,
	.options_size = sizeof(struct create_options),
	.run = run_create,
};

struct one_options {
	bool accessor, self;
	int64_t increment; /* s */
	const char *mode;
};

static const struct flag lookup_flags[] = {
	BOOL_FLAG(struct one_options, accessor, "accessor",
		.help = "The argument is an accessor."),
	FLAG_END,
};

static int
run_lookup(struct cli *cli, void *options, int argc, char **argv)
{
	const struct one_options *wanted = options;
	struct value *body = value_object(cli->arena);
	struct err err = { 0 };
	bool good;

	if (wanted->accessor && argc == 0)
		return cli_usage(
			"Not enough arguments with -accessor (expected 1, got 0)");
	if (argc == 0) {
		good = cli_call(
			cli, "GET", "auth/token/lookup-self", NULL, &err);
	} else {
		(void)value_set_str(cli->arena, body,
			wanted->accessor ? "accessor" : "token", argv[0]);
		good = cli_call(cli, "POST",
			wanted->accessor ? "auth/token/lookup-accessor"
					 : "auth/token/lookup",
			body, &err);
	}
	return good ? output_secret(cli, cli->answer.json)
		    : cli_fail("Error looking up token", &err);
}

const struct command cmd_token_lookup = {
	.name = "token lookup",
	.summary = "Look up a token; the own one without argument.",
	.usage = "[options] [TOKEN | -accessor ACCESSOR]",
	.text = "    $ sallyport token lookup",
	.flags = COMMAND_FORMAT,
	.args_max = 1,
	.rows = lookup_flags,
	.options_size = sizeof(struct one_options),
	.run = run_lookup,
};

static const struct flag renew_flags[] = {
	BOOL_FLAG(struct one_options, accessor, "accessor",
		.help = "The argument is an accessor."),
	DURATION_FLAG(struct one_options, increment, "increment",
		.help = "New lifetime from now."),
	DURATION_FLAG(struct one_options, increment, "i",
		.help = "The same as -increment."),
	FLAG_END,
};

static int
run_renew(struct cli *cli, void *options, int argc, char **argv)
{
	const struct one_options *wanted = options;
	struct value *body = value_object(cli->arena);
	const char *path = "auth/token/renew-self";
	struct err err = { 0 };

	if (wanted->accessor && argc == 0)
		return cli_usage(
			"Not enough arguments with -accessor (expected 1, got 0)");
	(void)value_set_int(cli->arena, body, "increment", wanted->increment);
	if (argc > 0) {
		path = wanted->accessor ? "auth/token/renew-accessor"
					: "auth/token/renew";
		(void)value_set_str(cli->arena, body,
			wanted->accessor ? "accessor" : "token", argv[0]);
	}
	if (!cli_call(cli, "PUT", path, body, &err))
		return cli_fail("Error renewing token", &err);
	return output_secret(cli, cli->answer.json);
}

const struct command cmd_token_renew = {
	.name = "token renew",
	.summary = "Renew a token; the own one without argument.",
	.usage = "[options] [TOKEN | -accessor ACCESSOR]",
	.text = "    $ sallyport token renew -increment=1h",
	.flags = COMMAND_FORMAT,
	.args_max = 1,
	.rows = renew_flags,
	.options_size = sizeof(struct one_options),
	.run = run_renew,
};

static const struct flag revoke_flags[] = {
	BOOL_FLAG(struct one_options, accessor, "accessor",
		.help = "The argument is an accessor."),
	BOOL_FLAG(struct one_options, self, "self",
		.help = "Revoke the own token."),
	TEXT_FLAG(struct one_options, mode, "mode",
		.help = "\"orphan\" keeps the children, \"path\" revokes a prefix."),
	FLAG_END,
};

/* Which words do not go together, in the peer's words. */
static int
check_revoke(const struct one_options *wanted, int argc)
{
	if (wanted->self && wanted->accessor)
		return cli_usage("Cannot use -self with -accessor!");
	if (wanted->self && wanted->mode[0] != '\0')
		return cli_usage("Cannot use -self with -mode!");
	if (wanted->accessor && wanted->mode[0] != '\0')
		return cli_usage(
			"Cannot use -accessor with -mode=%s!", wanted->mode);
	if (wanted->self && argc > 0)
		return cli_usage(
			"Too many arguments with -self (expected 0, got %d)",
			argc);
	if (!wanted->self && argc == 0 && wanted->accessor)
		return cli_usage(
			"Not enough arguments with -accessor (expected 1, got 0)");
	if (!wanted->self && argc == 0)
		return cli_usage(
			"Not enough arguments (expected 1 or -self, got 0)");
	if (wanted->mode[0] != '\0' && strcmp(wanted->mode, "orphan") != 0 &&
		strcmp(wanted->mode, "path") != 0)
		return cli_usage("Invalid mode: %s", wanted->mode);
	return EXIT_DONE;
}

static int
run_revoke(struct cli *cli, void *options, int argc, char **argv)
{
	const struct one_options *wanted = options;
	struct value *body = value_object(cli->arena);
	const char *path = "auth/token/revoke";
	struct err err = { 0 };
	int rc = check_revoke(wanted, argc);

	if (rc != EXIT_DONE)
		return rc;
	if (wanted->self)
		path = "auth/token/revoke-self";
	else if (wanted->accessor)
		path = "auth/token/revoke-accessor";
	else if (strcmp(wanted->mode, "orphan") == 0)
		path = "auth/token/revoke-orphan";
	else if (strcmp(wanted->mode, "path") == 0)
		path = cli_path(cli, "sys/leases/revoke-prefix/", argv[0]);
	if (argc > 0 && strcmp(wanted->mode, "path") != 0)
		(void)value_set_str(cli->arena, body,
			wanted->accessor ? "accessor" : "token", argv[0]);
	if (!cli_call(cli, "PUT", path, body, &err))
		return cli_fail("Error revoking token", &err);
	printf("Success! Revoked token (if it existed)\n");
	return EXIT_DONE;
}

const struct command cmd_token_revoke = {
	.name = "token revoke",
	.summary = "Revoke a token, its children and its leases.",
	.usage = "[options] [TOKEN | -accessor ACCESSOR | -self]",
	.text = "    $ sallyport token revoke -self",
	.args_max = 1,
	.rows = revoke_flags,
	.options_size = sizeof(struct one_options),
	.run = run_revoke,
};

static int
run_capabilities(struct cli *cli, void *options, int argc, char **argv)
{
	struct value *body = value_object(cli->arena);
	const struct value *names;
	struct err err = { 0 };

	(void)options;
	(void)value_set_str(cli->arena, body, "path", argv[argc - 1]);
	if (argc == 2)
		(void)value_set_str(cli->arena, body, "token", argv[0]);
	if (!cli_call(cli, "POST",
		    argc == 2 ? "sys/capabilities" : "sys/capabilities-self",
		    body, &err))
		return cli_fail("Error listing capabilities", &err);
	names = value_find(
		value_find(cli->answer.json, "data"), "capabilities");
	if (names == NULL)
		return cli_usage("the server named no capabilities");
	if (cli->format != FORMAT_TABLE) {
		output_value(cli, names);
		return EXIT_DONE;
	}
	VALUE_EACH (name, names)
		printf("%s%s", name != value_first(names) ? ", " : "",
			value_str(name, ""));
	printf("\n");
	return EXIT_DONE;
}

const struct command cmd_token_capabilities = {
	.name = "token capabilities",
	.summary = "Tell what a token may do on a path.",
	.usage = "[options] [TOKEN] PATH",
	.text = "    $ sallyport token capabilities ssh/creds/otp-web",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 2,
	.rows = NULL,
	.run = run_capabilities,
};
