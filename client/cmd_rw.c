/* read, write, delete, list: any path of the API; unwrap. */
#include <string.h>

#include "client/commands.h"
#include "client/kv_args.h"
#include "client/output.h"
#include "client/say.h"

static const char *
what_of(struct cli *cli, const char *verb, const char *path)
{
	const char *what = arena_printf(cli->arena, "Error %s %s", verb, path);

	return what != NULL ? what : verb;
}

static int
run_read(struct cli *cli, void *options, int argc, char **argv)
{
	const char *path = cli_clean_path(cli, argv[0]);
	struct value *query = NULL;
	struct err err = { 0 };

	(void)options;
	if (kv_args_parse(cli, argc - 1, argv + 1, &query, &err) != 0)
		return cli_usage("%s", err.message);
	cli->takes_text = cli->format == FORMAT_RAW;
	if (!cli_call_query(cli, "GET", path, query, &err)) {
		if (err.status != 404)
			return cli_fail(what_of(cli, "reading", path), &err);
		if (output_warnings(cli->answer.json))
			return EXIT_DONE;
		(void)cli_usage("No value found at %s", path);
		return EXIT_SERVER;
	}
	if (cli->answer.json != NULL)
		return output_secret(cli, cli->answer.json);
	if (cli->takes_text && cli->answer.body.len > 0) {
		output_value(cli, NULL);
		return EXIT_DONE;
	}
	(void)cli_usage("No value found at %s", path);
	return EXIT_SERVER;
}

const struct command cmd_read = {
	.name = "read",
	.summary = "Read data from a path.",
	.usage = "[options] PATH [K=V ...]",
	.text = "  K=V words are sent as the query.\n\n"
		"    $ sallyport read ssh/roles/otp-web",
	.flags = COMMAND_FORMAT | COMMAND_FIELD,
	.args_min = 1,
	.args_max = -1,
	.run = run_read,
};

struct write_options {
	bool force;
};

static const struct flag write_flags[] = {
	BOOL_FLAG(struct write_options, force, "force",
		.help = "Write even without data."),
	BOOL_FLAG(struct write_options, force, "f",
		.help = "The same as -force."),
	FLAG_END,
};

static int
run_write(struct cli *cli, void *options, int argc, char **argv)
{
	const struct write_options *wanted = options;
	const char *path = cli_clean_path(cli, argv[0]);
	struct value *data = NULL;
	struct err err = { 0 };

	if (argc == 1 && !wanted->force)
		return cli_usage("Must supply data or use -force");
	if (kv_args_parse(cli, argc - 1, argv + 1, &data, &err) != 0)
		return cli_usage("%s", err.message);
	if (!cli_call(cli, "PUT", path, data, &err))
		return cli_fail(what_of(cli, "writing data to", path), &err);
	if (cli->answer.json != NULL)
		return output_secret(cli, cli->answer.json);
	if (cli->format == FORMAT_TABLE)
		printf("Success! Data written to: %s\n", path);
	return EXIT_DONE;
}

const struct command cmd_write = {
	.name = "write",
	.summary = "Write data to a path.",
	.usage = "[options] PATH [K=V ...]",
	.text = "  k=v is text, k=@file a file's content, k=- standard input; @file and -\n"
		"  alone are JSON objects.\n\n"
		"    $ sallyport write ssh/roles/otp-web key_type=otp default_user=deploy \\\n"
		"          cidr_list=10.0.0.0/24",
	.flags = COMMAND_FORMAT | COMMAND_FIELD,
	.args_min = 1,
	.args_max = -1,
	.rows = write_flags,
	.options_size = sizeof(struct write_options),
	.run = run_write,
};

static int
run_delete(struct cli *cli, void *options, int argc, char **argv)
{
	const char *path = cli_clean_path(cli, argv[0]);
	struct value *query = NULL;
	struct err err = { 0 };

	(void)options;
	if (kv_args_parse(cli, argc - 1, argv + 1, &query, &err) != 0)
		return cli_usage("%s", err.message);
	if (!cli_call_query(cli, "DELETE", path, query, &err))
		return cli_fail(what_of(cli, "deleting", path), &err);
	printf("Success! Data deleted (if it existed) at: %s\n", path);
	return EXIT_DONE;
}

const struct command cmd_delete = {
	.name = "delete",
	.summary = "Delete what stands at a path.",
	.usage = "[options] PATH [K=V ...]",
	.text = "  K=V words are sent as the query.\n\n"
		"    $ sallyport delete ssh/roles/otp-web\n"
		"    $ sallyport delete ssh/tidy/certs safety_buffer=24h",
	.flags = COMMAND_AT_LEAST,
	.args_min = 1,
	.args_max = -1,
	.run = run_delete,
};

/* Where the server stopped before the end, whatever it found until there. */
static void
report_more(const struct value *data)
{
	const char *after = value_find_str(data, "next_after", "");

	if (after[0] != '\0')
		say_warning("There is more: go on with after=%s", after);
}

/* The peer takes one word here. */
static int
read_filters(struct cli *cli, int argc, char **argv, struct value **ret_query)
{
	struct err err = { 0 };

	if (argc > 1 && strchr(argv[1], '=') == NULL)
		return cli_usage(
			"Too many arguments (expected 1, got %d)", argc);
	if (kv_args_parse(cli, argc - 1, argv + 1, ret_query, &err) != 0)
		return cli_usage("%s", err.message);
	return EXIT_DONE;
}

static int
run_list(struct cli *cli, void *options, int argc, char **argv)
{
	const char *path = cli_clean_path(cli, argv[0]);
	const struct value *data, *keys;
	struct value *query = NULL;
	struct err err = { 0 };

	(void)options;
	if (read_filters(cli, argc, argv, &query) != EXIT_DONE)
		return EXIT_USAGE;
	(void)value_set_str(cli->arena, query, "list", "true");
	if (!cli_call_query(cli, "GET", path, query, &err)) {
		if (err.status != 404)
			return cli_fail(what_of(cli, "listing", path), &err);
		return output_no_list(cli, "No value found at", path);
	}
	if (output_is_wrapped(cli->answer.json))
		return output_secret(cli, cli->answer.json);
	data = value_find(cli->answer.json, "data");
	report_more(data);
	keys = value_find(data, "keys");
	if (keys == NULL || keys->type != VALUE_LIST)
		return output_no_list(cli, "No entries found at", path);
	return output_keys(cli, keys);
}

const struct command cmd_list = {
	.name = "list",
	.summary = "List the names below a path.",
	.usage = "[options] PATH [K=V ...]",
	.text = "  K=V words are sent as the query: what a list is filtered by.\n\n"
		"    $ sallyport list ssh/roles\n"
		"    $ sallyport list ssh/certs principal=alice live=true limit=20",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = -1,
	.run = run_list,
};

/* ---- unwrap ------------------------------------------------------------- */

/* The object that was wrapped may hold nothing at all. */
static bool
is_empty(const struct value *answer)
{
	const struct value *data = value_find(answer, "data");
	const struct value *auth = value_find(answer, "auth");

	return (data == NULL || data->type == VALUE_NULL) &&
		(auth == NULL || auth->type == VALUE_NULL) &&
		!output_is_wrapped(answer);
}

static bool
is_own(const struct cli *cli, const char *token)
{
	return strlen(token) == cli->token.len &&
		memcmp(token, cli->token.data, cli->token.len) == 0;
}

/*
 * TOKEN goes into the body where another token is the caller's own; else it
 * is the caller's. The answer is never wrapped once more.
 */
static int
run_unwrap(struct cli *cli, void *options, int argc, char **argv)
{
	const char *token = argc > 0 ? argv[0] : "";
	struct value *body = NULL;
	struct err err = { 0 };

	(void)options;
	if (cli_load_token(cli, &err) != 0)
		return cli_fail("Error unwrapping", &err);
	if (token[0] != '\0' && cli->token.len > 0 && !is_own(cli, token)) {
		body = value_object(cli->arena);
		(void)value_set_str(cli->arena, body, "token", token);
	} else if (token[0] != '\0') {
		cli_use_token(cli, token);
	}
	cli->options.wrap_ttl = 0;
	if (!cli_call(cli, "PUT", "sys/wrapping/unwrap", body, &err))
		return cli_fail("Error unwrapping", &err);
	if (cli->answer.json != NULL && !is_empty(cli->answer.json))
		return output_secret(cli, cli->answer.json);
	if (cli->format == FORMAT_TABLE)
		printf("Successfully unwrapped. There was no data in the wrapped secret.\n");
	return EXIT_DONE;
}

const struct command cmd_unwrap = {
	.name = "unwrap",
	.summary = "Take out what a wrapping token holds; once.",
	.usage = "[options] [TOKEN]",
	.text = "  Without TOKEN the own token is the wrapping token.\n\n"
		"    $ sallyport unwrap hvs.Lk2pVfW8qZr0aYt6JcXbN1eT",
	.flags = COMMAND_FORMAT | COMMAND_FIELD,
	.args_max = 1,
	.run = run_unwrap,
};
