/* login by any method, print token. */
#include <string.h>

#include "client/commands.h"
#include "client/flags.h"
#include "client/kv_args.h"
#include "client/login_methods.h"
#include "client/output.h"
#include "client/say.h"
#include "client/token_file.h"

#define STORED_TEXT                                                            \
	"Success! You are now authenticated. The token information displayed " \
	"below is already stored in the token helper. You do NOT need to run " \
	"\"sallyport login\" again. Future Vault requests will automatically " \
	"use this token.\n"

struct login_options {
	const char *method, *path;
	bool no_store, no_print, token_only;
};

static const struct flag login_flags[] = {
	TEXT_FLAG(struct login_options, method, "method", .initial = "token",
		.help = "How to log in; auth help METHOD tells more."),
	TEXT_FLAG(struct login_options, path, "path",
		.help = "Where the method is mounted; its name if left out."),
	BOOL_FLAG(struct login_options, no_store, "no-store",
		.help = "Do not store the token."),
	BOOL_FLAG(struct login_options, no_print, "no-print",
		.help = "Print nothing."),
	BOOL_FLAG(struct login_options, token_only, "token-only",
		.help = "Print the token alone and do not store it."),
	FLAG_END,
};

/* K=V words; of the token method the first may be the token itself or "-". */
static int
read_words(struct cli *cli, const struct login_method *method, int argc,
	char **argv, struct value **ret_words, struct err *err)
{
	if (strcmp(method->name, "token") == 0 && argc > 0 &&
		strchr(argv[0], '=') == NULL) {
		argv[0] = arena_printf(cli->arena, "token=%s", argv[0]);
		if (argv[0] == NULL)
			return err_set_memory(err);
	}
	return kv_args_read(cli, argc, argv, ret_words, err);
}

/*
 * The answer of a login: with a token, or wrapped. What is wrapped is taken
 * out, if wanted, with the wrapping token as the caller's own.
 */
static int
take_out(struct cli *cli, bool wanted, bool *ret_wrapped, struct err *err)
{
	const struct value *wrap = value_find(cli->answer.json, "wrap_info");
	const char *wrapping = value_find_str(wrap, "token", NULL);

	*ret_wrapped = false;
	if (value_find_str(value_find(cli->answer.json, "auth"), "client_token",
		    NULL) != NULL)
		return 0;
	if (wrapping == NULL)
		return err_set(err, ERR_PEER, 0,
			"no auth or wrapping info in response");
	if (value_find_str(wrap, "wrapped_accessor", "")[0] == '\0')
		return err_set(err, ERR_PEER, 0,
			"wrapped response does not contain a token");
	*ret_wrapped = !wanted;
	if (!wanted)
		return 0;
	cli_use_token(cli, wrapping);
	cli->options.wrap_ttl = 0;
	if (!cli_call(cli, "PUT", "sys/wrapping/unwrap", NULL, err))
		return ERR_PEER;
	return take_out(cli, false, ret_wrapped, err);
}

static int
print_wrapped(struct cli *cli, const struct login_options *wanted)
{
	if (wanted->token_only)
		cli->options.field = "wrapping_token";
	return output_secret(cli, cli->answer.json);
}

static void
warn_of_variable(void)
{
	if (flags_env("TOKEN") != NULL)
		say_warning(
			"WARNING! The VAULT_TOKEN environment variable is set! The value of this variable will take precedence; if this is unwanted please unset VAULT_TOKEN or update its value accordingly.");
}

static int
print_login(struct cli *cli, const struct login_options *wanted)
{
	const bool whole = cli->options.field[0] == '\0';

	if (wanted->no_print)
		return EXIT_DONE;
	if (whole && cli->format == FORMAT_TABLE && !wanted->no_store)
		say_text(stdout, STORED_TEXT);
	return output_secret(cli, cli->answer.json);
}

/* Into the token helper; a token that finds no place there is shown. */
static int
keep_token(struct cli *cli)
{
	const char *token = value_find_str(
		value_find(cli->answer.json, "auth"), "client_token", "");
	struct err err = { 0 };

	cli_use_token(cli, token);
	if (token_file_write(cli->arena, cli->token, &err) == 0) {
		warn_of_variable();
		return EXIT_DONE;
	}
	say_error("Error storing token: %s", err_reason(&err));
	say_warning(
		"Authentication was successful, but the token was not persisted. The resulting token is shown below for your records.");
	(void)output_secret(cli, cli->answer.json);
	return EXIT_SERVER;
}

static int
finish(struct cli *cli, const struct login_options *wanted)
{
	struct err err = { 0 };
	bool is_wrapped = false;
	int rc;

	if (take_out(cli, !wanted->no_store, &is_wrapped, &err) != 0)
		return cli_fail("Error extracting token", &err);
	if (is_wrapped)
		return print_wrapped(cli, wanted);
	if (!wanted->no_store) {
		rc = keep_token(cli);
		if (rc != EXIT_DONE)
			return rc;
	} else if (!wanted->token_only) {
		say_warning(
			"The token was not stored in token helper. Set the VAULT_TOKEN environment variable or pass the token below with each request to Vault.");
	}
	return print_login(cli, wanted);
}

static int
run_login(struct cli *cli, void *options, int argc, char **argv)
{
	struct login_options *wanted = options;
	const struct login_method *method =
		login_method_find(cli_clean_path(cli, wanted->method));
	struct value *words = NULL;
	struct err err = { 0 };

	if (method == NULL) {
		say_long_error(
			"Unknown auth method: %s. Use \"sallyport auth list\" to see the complete list of auth methods. Additionally, some auth methods are only available via the HTTP API.",
			wanted->method);
		return EXIT_USAGE;
	}
	if (wanted->token_only) {
		wanted->no_store = true;
		cli->options.field = "token";
	}
	if (wanted->no_store && wanted->no_print)
		return cli_usage(
			"-no-store and -no-print cannot be used together");
	if (read_words(cli, method, argc, argv, &words, &err) != 0)
		return cli_usage(
			"Error parsing configuration: %s", err.message);
	if (login_method_run(cli, method, wanted->path, words, &err) != 0)
		return cli_fail("Error authenticating", &err);
	return finish(cli, wanted);
}

const struct command cmd_login = {
	.name = "login",
	.summary = "Log in and store the token.",
	.usage = "[options] [TOKEN | K=V ...]",
	.text = "  Without TOKEN it is asked for; - reads it from standard input. What the\n"
		"  other methods take is told by auth help METHOD; a password or token that\n"
		"  is left out is asked for, k=- reads one from standard input, k=@file from\n"
		"  a file. The token is kept in ~/.vault-token or by the token helper.\n\n"
		"    $ sallyport login\n"
		"    $ sallyport login -method=userpass username=ann\n"
		"    $ sallyport login -method=jwt -token-only role=ci jwt=- <job.jwt",
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
