/* policy: list, read, write, delete. */
#include <ctype.h>
#include <string.h>

#include "client/commands.h"
#include "client/output.h"
#include "client/say.h"
#include "lib/fsutil.h"

#define POLICY_MAX (1024 * 1024)

/* Names are lower case without blanks at their ends. */
static char *
policy_name(struct cli *cli, const char *word)
{
	char *name = cli_clean_path(cli, word);

	for (size_t i = 0; name != NULL && name[i] != '\0'; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	return name;
}

static int
run_list(struct cli *cli, void *options, int argc, char **argv)
{
	struct value *query = value_object(cli->arena);
	const struct value *keys;
	struct err err = { 0 };

	(void)options;
	(void)argc;
	(void)argv;
	(void)value_set_str(cli->arena, query, "list", "true");
	if (!cli_call_query(cli, "GET", "sys/policies/acl", query, &err))
		return cli_fail("Error listing policies", &err);
	keys = value_find(value_find(cli->answer.json, "data"), "keys");
	if (cli->format != FORMAT_TABLE && keys != NULL) {
		output_value(cli, keys);
		return EXIT_DONE;
	}
	VALUE_EACH (key, keys)
		printf("%s\n", value_str(key, ""));
	return EXIT_DONE;
}

const struct command cmd_policy_list = {
	.name = "policy list",
	.summary = "List the policies.",
	.usage = "[options]",
	.text = "    $ sallyport policy list",
	.flags = COMMAND_FORMAT,
	.run = run_list,
};

static int
run_read(struct cli *cli, void *options, int argc, char **argv)
{
	const char *name = policy_name(cli, argv[0]);
	const char *policy;
	struct err err = { 0 };

	(void)options;
	(void)argc;
	if (!cli_call(cli, "GET", cli_path(cli, "sys/policies/acl/", name),
		    NULL, &err)) {
		if (err.status != 404)
			return cli_fail("Error reading policy", &err);
		(void)cli_usage("No policy named: %s", name);
		return EXIT_SERVER;
	}
	policy = value_find_str(
		value_find(cli->answer.json, "data"), "policy", "");
	if (cli->format != FORMAT_TABLE) {
		struct value *out = value_object(cli->arena);

		(void)value_set_str(cli->arena, out, "policy", policy);
		output_value(cli, out);
		return EXIT_DONE;
	}
	printf("%s\n", policy);
	return EXIT_DONE;
}

const struct command cmd_policy_read = {
	.name = "policy read",
	.summary = "Print a policy.",
	.usage = "[options] NAME",
	.text = "    $ sallyport policy read default",
	.flags = COMMAND_FORMAT,
	.args_min = 1,
	.args_max = 1,
	.run = run_read,
};

static int
read_policy_text(struct cli *cli, const char *path, struct span *ret_text,
	struct err *err)
{
	struct buf text;
	int rc;

	if (strcmp(path, "-") == 0)
		return cli_read_stdin(cli, ret_text, err);
	buf_init(&text, POLICY_MAX);
	rc = file_read(path, &text, err);
	if (rc == 0)
		*ret_text = arena_dup(cli->arena, buf_span(&text));
	buf_clear(&text);
	return rc;
}

static int
run_write(struct cli *cli, void *options, int argc, char **argv)
{
	const char *name = policy_name(cli, argv[0]);
	struct value *body = value_object(cli->arena);
	struct span text;
	struct err err = { 0 };

	(void)options;
	(void)argc;
	if (read_policy_text(cli, argv[1], &text, &err) != 0) {
		say_error("Error opening policy file: %s: %s", argv[1],
			err_reason(&err));
		return EXIT_SERVER;
	}
	(void)value_set(
		cli->arena, body, "policy", value_span(cli->arena, text));
	if (!cli_call(cli, "PUT", cli_path(cli, "sys/policies/acl/", name),
		    body, &err))
		return cli_fail("Error uploading policy", &err);
	printf("Success! Uploaded policy: %s\n", name);
	return EXIT_DONE;
}

const struct command cmd_policy_write = {
	.name = "policy write",
	.summary = "Create or replace a policy from a file.",
	.usage = "[options] NAME FILE|-",
	.text = "    $ sallyport policy write web web.hcl",
	.args_min = 2,
	.args_max = 2,
	.run = run_write,
};

static int
run_delete(struct cli *cli, void *options, int argc, char **argv)
{
	const char *name = policy_name(cli, argv[0]);
	struct err err = { 0 };
	const char *what;

	(void)options;
	(void)argc;
	if (cli_call(cli, "DELETE", cli_path(cli, "sys/policies/acl/", name),
		    NULL, &err)) {
		printf("Success! Deleted policy: %s\n", name);
		return EXIT_DONE;
	}
	what = arena_printf(cli->arena, "Error deleting %s", name);
	return cli_fail(what != NULL ? what : "Error deleting", &err);
}

const struct command cmd_policy_delete = {
	.name = "policy delete",
	.summary = "Delete a policy.",
	.usage = "[options] NAME",
	.text = "    $ sallyport policy delete web",
	.args_min = 1,
	.args_max = 1,
	.run = run_delete,
};
