/* login with a token, print token. */
#include <string.h>

#include "client/commands.h"
#include "client/flags.h"
#include "client/kv_args.h"
#include "client/output.h"
#include "client/token_file.h"

#define STORED_TEXT                                                                           \
	"Success! You are now authenticated. The token information displayed below\n"         \
	"is already stored in the token helper. You do NOT need to run \"sallyport login\"\n" \
	"again. Future Vault requests will automatically use this token.\n"

struct login_options {
	const char *method, *path;
	bool no_store, no_print, token_only;
};

static const struct flag login_flags[] = {
	TEXT_FLAG(struct login_options, method, "method", .initial = "token",
		.help = "How to log in."),
	TEXT_FLAG(struct login_options, path, "path",
		.help = "Where the method is mounted."),
	BOOL_FLAG(struct login_options, no_store, "no-store",
		.help = "Do not store the token."),
	BOOL_FLAG(struct login_options, no_print, "no-print",
		.help = "Print nothing."),
	BOOL_FLAG(struct login_options, token_only, "token-only",
		.help = "Print the token alone and do not store it."),
	FLAG_END,
};

/* The token of the words: TOKEN, "-", token=…, or asked for. */
static int
choose_token(struct cli *cli, int argc, char **argv, const char **ret_token,
	bool *ret_lookup, struct err *err)
{
	const bool bare = argc > 0 && strchr(argv[0], '=') == NULL;
	struct value *data = NULL;
	struct span text;
	int rc = kv_args_parse(cli, bare ? argc - 1 : argc,
		bare ? argv + 1 : argv, &data, err);

	if (rc != 0)
		return rc;
	*ret_lookup =
		strcmp(value_find_str(data, "lookup", "true"), "false") != 0;
	*ret_token = value_find_str(data, "token", NULL);
	if (bare)
		*ret_token = argv[0];
	if (bare && strcmp(argv[0], "-") == 0) {
		rc = cli_read_stdin(cli, &text, err);
		if (rc != 0)
			return rc;
		while (text.len > 0 && text.data[text.len - 1] == '\n')
			text.len--;
		*ret_token = arena_strndup(cli->arena, text.data, text.len);
	}
	if (*ret_token == NULL)
		rc = cli_read_hidden(cli, stderr,
			"Token (will be hidden): ", ret_token, err);
	return rc;
}

static struct value *
strings_of(struct cli *cli, const struct value *list)
{
	return list != NULL ? value_copy(cli->arena, list)
			    : value_null(cli->arena);
}

/* An answer of lookup-self as the auth block that a login prints. */
static struct value *
auth_of_lookup(struct cli *cli, const char *token)
{
	const struct value *data = value_find(cli->answer.json, "data");
	struct arena *arena = cli->arena;
	struct value *auth = value_object(arena);
	struct value *answer = value_object(arena);

	(void)value_set_str(arena, auth, "client_token", token);
	(void)value_set_str(
		arena, auth, "accessor", value_find_str(data, "accessor", ""));
	(void)value_set(arena, auth, "policies",
		strings_of(cli, value_find(data, "policies")));
	(void)value_set(arena, auth, "token_policies",
		strings_of(cli, value_find(data, "policies")));
	(void)value_set(arena, auth, "identity_policies", value_null(arena));
	(void)value_set(arena, auth, "metadata",
		strings_of(cli, value_find(data, "meta")));
	(void)value_set_bool(
		arena, auth, "orphan", value_find_bool(data, "orphan", false));
	(void)value_set_str(arena, auth, "entity_id",
		value_find_str(data, "entity_id", ""));
	(void)value_set_int(
		arena, auth, "lease_duration", value_find_int(data, "ttl", 0));
	(void)value_set_bool(arena, auth, "renewable",
		value_find_bool(data, "renewable", false));
	(void)value_set_str(arena, answer, "request_id",
		value_find_str(cli->answer.json, "request_id", ""));
	(void)value_set_str(arena, answer, "lease_id", "");
	(void)value_set_int(arena, answer, "lease_duration", 0);
	(void)value_set_bool(arena, answer, "renewable", false);
	(void)value_set(arena, answer, "auth", auth);
	return answer;
}

static int
print_login(
	struct cli *cli, const struct login_options *wanted, const char *token)
{
	const bool whole = cli->options.field[0] == '\0';

	if (whole && cli->format == FORMAT_TABLE && !wanted->no_store)
		printf(STORED_TEXT "\n");
	if (wanted->no_store && whole)
		fprintf(stderr,
			"The token was not stored in token helper. Set the VAULT_TOKEN environment variable or pass the token below with each request to Vault.\n\n");
	if (flags_env("TOKEN") != NULL)
		fprintf(stderr,
			"WARNING! The VAULT_TOKEN environment variable is set! The value of this variable will take precedence; if this is unwanted please unset VAULT_TOKEN or update its value accordingly.\n\n");
	return output_secret(cli, auth_of_lookup(cli, token));
}

/* The token is good where the server tells of one. */
static int
look_up_self(struct cli *cli, struct err *err)
{
	if (!cli_call(cli, "GET", "auth/token/lookup-self", NULL, err))
		return ERR_PEER;
	if (value_find(value_find(cli->answer.json, "data"), "accessor") !=
		NULL)
		return 0;
	return err_set(err, ERR_PEER, 0,
		"the server's answer tells of no token; is it the right server?");
}

static int
run_login(struct cli *cli, void *options, int argc, char **argv)
{
	struct login_options *wanted = options;
	const char *token = NULL;
	bool lookup = true;
	struct err err = { 0 };

	if (strcmp(wanted->method, "token") != 0)
		return cli_usage(
			"Unknown auth method: %s. Use \"sallyport auth list\" to see the complete list of auth methods. Additionally, some auth methods are only available via the HTTP API.",
			wanted->method);
	if (wanted->token_only) {
		wanted->no_store = true;
		cli->options.field = "token";
	}
	if (wanted->no_store && wanted->no_print)
		return cli_usage(
			"-no-store and -no-print cannot be used together");
	if (choose_token(cli, argc, argv, &token, &lookup, &err) != 0)
		return cli_fail("Error authenticating", &err);
	cli->token = secret_view_of(token, strlen(token));
	cli->token_read = true;
	if (lookup && look_up_self(cli, &err) != 0)
		return cli_fail("Error authenticating", &err);
	if (!wanted->no_store &&
		token_file_write(cli->arena, cli->token, &err) != 0)
		return cli_fail("Error storing token", &err);
	return wanted->no_print ? EXIT_DONE : print_login(cli, wanted, token);
}

const struct command cmd_login = {
	.name = "login",
	.summary = "Log in and store the token.",
	.usage = "[options] [TOKEN | K=V ...]",
	.text = "  Without TOKEN it is asked for; - reads it from standard input.\n\n"
		"    $ sallyport login",
	.flags = COMMAND_FORMAT | COMMAND_FIELD,
	.args_max = -1,
	.rows = login_flags,
	.options_size = sizeof(struct login_options),
	.run = run_login,
};

static int
run_print_token(struct cli *cli, void *options, int argc, char **argv)
{
	struct err err = { 0 };

	(void)options;
	(void)argc;
	(void)argv;
	if (cli_load_token(cli, &err) != 0)
		return cli_fail("Error reading token", &err);
	printf("%.*s\n", (int)cli->token.len, (const char *)cli->token.data);
	return EXIT_DONE;
}

const struct command cmd_print_token = {
	.name = "print token",
	.summary = "Print the token that would be used.",
	.usage = "",
	.text = "    $ sallyport print token",
	.run = run_print_token,
};
