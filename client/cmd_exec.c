/*
 * exec: run one command on a host with a key that exists for it alone. The
 * server logs in, not we: what comes back is what the command said.
 */
#include <string.h>

#include "client/commands.h"
#include "client/flags.h"
#include "client/output.h"
#include "client/say.h"
#include "client/ssh_call.h"
#include "lib/codec.h"

#define COMMAND_MAX 8192
#define STREAM_MAX ((size_t)1024 * 1024)

struct exec_options {
	const char *role, *mount_point, *target, *user, *source;
	int64_t timeout;
	bool explain;
};

static const struct flag exec_flags[] = {
	TEXT_FLAG(struct exec_options, role, "role",
		.help = "Role to ask; looked up by the host's address if left out."),
	TEXT_FLAG(struct exec_options, target, "target",
		.help = "Name of a target, in the place of a host."),
	TEXT_FLAG(struct exec_options, user, "user",
		.help = "User to run it as; the role's default user if left out."),
	DURATION_FLAG(struct exec_options, timeout, "timeout",
		.help = "How long the command may take; the role's if left out."),
	TEXT_FLAG(struct exec_options, source, "b",
		.help = "Address of the server to connect from, IPv4 or IPv6."),
	BOOL_FLAG(struct exec_options, explain, "explain",
		.help = "Say which rules hold and which is the first that does not; run nothing."),
	TEXT_FLAG(struct exec_options, mount_point, "mount-point",
		.initial = "ssh/", .help = "Where the engine is mounted."),
	FLAG_END,
};

/* One run: where, and what. */
struct exec_call {
	struct ssh_call ssh;
	const struct exec_options *options;
	const char *command;
};

/* ---- what is asked for -------------------------------------------------- */

/* One line, as ssh makes one of its words. */
static int
join_words(struct exec_call *call, int argc, char **argv)
{
	struct buf line;
	int rc;

	buf_init(&line, COMMAND_MAX);
	for (int i = 0; i < argc; i++) {
		if (i > 0)
			(void)buf_add_char(&line, ' ');
		(void)buf_add_str(&line, argv[i]);
	}
	rc = buf_check(&line, NULL);
	if (rc == 0)
		call->command =
			arena_strdup(call->ssh.cli->arena, buf_str(&line));
	buf_clear(&line);
	return rc == 0 && call->command != NULL
		? EXIT_DONE
		: cli_usage("The command is too long: at most %d bytes",
			  COMMAND_MAX);
}

/* [user@]host, an address of which the server is asked about. */
static int
read_host(struct exec_call *call, char *word)
{
	struct sshargs *args = &call->ssh.args;
	struct err err = { 0 };

	if (sshargs_parse(call->ssh.cli->arena, 1, &word, args, &err) != 0)
		return cli_usage("Error parsing the host: \"%s\"", err.message);
	if (args->port[0] != '\0')
		return cli_usage(
			"The port is the role's or the target's: leave it out");
	if (sshargs_resolve(args->host, call->ssh.ip, &err) != 0)
		return cli_usage(
			"Error resolving the hostname: \"%s\"", err.message);
	return EXIT_DONE;
}

static int
read_words(struct exec_call *call, int argc, char **argv)
{
	const struct exec_options *options = call->options;
	const bool by_target = options->target[0] != '\0';
	const int used = by_target ? 0 : 1;
	int rc = EXIT_DONE;

	if (argc <= used)
		return cli_usage(
			"Not enough arguments (expected at least %d, got %d)",
			used + 1, argc);
	if (by_target && options->role[0] == '\0')
		return cli_usage("With -target, say which role with -role");
	if (by_target)
		call->ssh.target = options->target;
	else
		rc = read_host(call, argv[0]);
	if (options->user[0] != '\0')
		call->ssh.args.user = options->user;
	return rc == EXIT_DONE ? join_words(call, argc - used, argv + used)
			       : rc;
}

/* ---- asking ------------------------------------------------------------- */

/* Members that were said; the rest is the role's. */
static struct value *
body_of(const struct exec_call *call, bool exact)
{
	const struct exec_options *options = call->options;

	const struct {
		const char *name, *text;
	} members[] = {
		{ "ip", call->ssh.ip },
		{ "target", options->target },
		{ "username", call->ssh.args.user },
		{ "command", call->command },
		{ "source_address", options->source },
		{ "encoding", exact ? "base64" : "" },
	};
	struct arena *arena = call->ssh.cli->arena;
	struct value *body = value_object(arena);

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (members[i].text[0] != '\0')
			(void)value_set_str(
				arena, body, members[i].name, members[i].text);
	}
	if (options->timeout != 0)
		(void)value_set_int(arena, body, "timeout", options->timeout);
	if (options->explain)
		(void)value_set_bool(arena, body, "explain", true);
	return body;
}

static bool
call_server(const struct exec_call *call, bool exact, struct err *err)
{
	struct cli *cli = call->ssh.cli;

	return cli_call(cli, "PUT",
		arena_printf(cli->arena, "%s/exec/%s", call->ssh.mount,
			call->ssh.role),
		body_of(call, exact), err);
}

static int
ask_explain(struct ssh_call *ssh, struct err *err)
{
	return call_server(ssh->wish, false, err) ? EXIT_DONE : EXIT_SERVER;
}

static int
explain(struct exec_call *call)
{
	static const struct ssh_mode mode = {
		.name = "exec",
		.verb = "exec",
		.ask = ask_explain,
		.allowed =
			"runs the command where the machine lets the server in: it was not asked. Nothing was run now.",
		.refused = "does not run the command.",
	};

	call->ssh.wish = call;
	return ssh_explain(&call->ssh, &mode);
}

/* ---- what came back ----------------------------------------------------- */

static void
print_stream(const struct value *data, const char *name, FILE *out)
{
	const struct value *text = value_find(data, name);
	struct buf bytes;

	buf_init(&bytes, STREAM_MAX);
	if (text != NULL && base64_decode(value_text(text), &bytes) == 0)
		(void)fwrite(bytes.data, 1, bytes.len, out);
	buf_clear(&bytes);
	(void)fflush(out);
}

/* As far as the command's own words go, and what they do not say. */
static void
print_plain(const struct value *data)
{
	const char *why = value_find_str(data, "error", "");

	print_stream(data, "stdout", stdout);
	print_stream(data, "stderr", stderr);
	if (value_find_bool(data, "truncated", false))
		say_error(
			"The output is longer: the server keeps no more of it");
	if (why[0] != '\0')
		say_error("%s", why);
}

/* The command's; -1: nobody knows it. */
static int
status_of(const struct value *data)
{
	const int64_t code = value_find_int(data, "exit-code", -1);

	return code >= 0 ? (int)(code & 0xff) : EXIT_SERVER;
}

static int
print(struct exec_call *call, bool plain)
{
	struct cli *cli = call->ssh.cli;
	const struct value *answer = cli->answer.json;
	const struct value *data = value_find(answer, "data");
	int rc;

	if (output_is_wrapped(answer))
		return output_secret(cli, answer);
	if (plain) {
		(void)output_warnings(answer);
		print_plain(data);
	} else if (cli->options.field[0] != '\0') {
		rc = output_secret(cli, answer);
		if (rc != EXIT_DONE)
			return rc;
	} else {
		output_value(cli, data);
	}
	return status_of(data);
}

static int
run_command(struct exec_call *call)
{
	struct cli *cli = call->ssh.cli;
	const bool plain =
		cli->format == FORMAT_TABLE && cli->options.field[0] == '\0';
	struct err err = { 0 };
	int rc = call->ssh.role[0] != '\0' ? EXIT_DONE
					   : ssh_find_role(&call->ssh);

	if (rc != EXIT_DONE)
		return rc;
	cli->doing = arena_printf(cli->arena, "Running it on %s",
		call->ssh.target != NULL ? call->ssh.target
					 : call->ssh.args.host);
	if (call_server(call, plain, &err) && cli->answer.json != NULL)
		return print(call, plain);
	return cli_fail("Error running the command", &err);
}

static int
run_exec(struct cli *cli, void *options, int argc, char **argv)
{
	struct exec_call call = { .ssh = { .cli = cli,
					  .args = { .user = "", .host = "" } },
		.options = options,
		.command = "" };
	int rc;

	call.ssh.mount = cli_clean_path(cli, call.options->mount_point);
	call.ssh.role = call.options->role;
	cli->more_s = SSH_INSTALL_S + call.options->timeout;
	rc = read_words(&call, argc, argv);
	if (rc != EXIT_DONE)
		return rc;
	return call.options->explain ? explain(&call) : run_command(&call);
}

const struct command cmd_exec = {
	.name = "exec",
	.summary = "Run one command on a host with a key made for it.",
	.usage = "[options] [user@]host command …",
	.text = "  The server puts a new key on the host, logs in with it, runs the command\n"
		"  and takes the key off again. The role says which commands, users and hosts\n"
		"  are allowed, and for how long. No terminal, and nothing on standard input.\n\n"
		"    $ sallyport exec -role=ops deploy@10.0.0.7 systemctl is-active web\n"
		"    $ sallyport exec -format=json -role=ros -target=edge1 /ip/address/print\n\n"
		"  Why may I not, or where would it go? Nothing is run by asking:\n\n"
		"    $ sallyport exec -explain -role=ops deploy@10.0.0.7 systemctl stop web\n\n"
		"  The exit status is the command's; 128 and the signal's number where one\n"
		"  ended it; 2 where the server could not run it or lost sight of it.",
	.flags = COMMAND_FORMAT | COMMAND_FIELD | COMMAND_TAIL,
	.args_max = -1,
	.rows = exec_flags,
	.options_size = sizeof(struct exec_options),
	.run = run_exec,
};
