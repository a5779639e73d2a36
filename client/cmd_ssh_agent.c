/*
 * ssh-agent: plain ssh, git, rsync and Ansible log in with certificates. A key
 * in memory is listed under a certificate that is asked for when ssh wants to
 * log in and the last one is about to end.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/agent_server.h"
#include "client/cert_store.h"
#include "client/commands.h"
#include "client/flags.h"
#include "client/sign_key.h"
#include "lib/clock.h"
#include "lib/sshcert.h"

#define RENEWAL_MAX ((size_t)16 * 1024 * 1024)

struct agent_options {
	const char *role, *mount_point, *valid_principals, *socket;
};

static const struct flag agent_flags[] = {
	TEXT_FLAG(struct agent_options, role, "role", .help = "Role to ask."),
	TEXT_FLAG(struct agent_options, mount_point, "mount-point",
		.initial = "ssh/", .help = "Where the engine is mounted."),
	TEXT_FLAG(struct agent_options, valid_principals, "valid-principals",
		.help = "Names to log in as; the role's default user if left out."),
	TEXT_FLAG(struct agent_options, socket, "socket",
		.help = "Path of the socket; one of our own if left out."),
	FLAG_END,
};

struct agent_run {
	struct cli *cli;
	struct sign_wish wish;
	struct sshkeypair *pair;
	struct buf certificate; /* blob; empty before the first */
	uint64_t good_until_s;
	struct private_dir dir;
	char path[PRIVATE_PATH_MAX];
	struct agent_server *agent;
};

/* ---- certificates ------------------------------------------------------ */

static int
keep_certificate(struct agent_run *run, const char *line)
{
	struct sshcert cert;
	struct span blob;
	struct err err = { 0 };

	if (sshkey_parse_line(span_str(line), run->cli->arena, &blob) != 0 ||
		sshcert_parse(blob, &cert) != 0) {
		(void)err_set(&err, ERR_PEER, 0,
			"the server's certificate cannot be read");
		return cli_fail("failed to sign public key", &err);
	}
	run->good_until_s = cert.before_s;
	buf_reset(&run->certificate);
	return buf_add_span(&run->certificate, blob) == 0 ? EXIT_DONE
							  : EXIT_SERVER;
}

/*
 * In memory of its own, since an agent may run for months; with the token as
 * it is now, since somebody may have logged in again.
 */
static int
renew_certificate(struct agent_run *run)
{
	struct cli *cli = run->cli;
	struct arena *kept = cli->arena;
	const char *line = NULL;
	int rc = EXIT_SERVER;

	cli->arena = arena_new(RENEWAL_MAX);
	if (cli->arena != NULL) {
		rc = sign_key(cli, &run->wish, &line);
		if (rc == EXIT_DONE)
			rc = keep_certificate(run, line);
	}
	/* Both lay in it. */
	cli->answer = (struct apiclient_answer){ 0 };
	cli->token_read = false;
	arena_free(&cli->arena);
	cli->arena = kept;
	return rc;
}

static bool
is_good(const struct agent_run *run)
{
	const int64_t now_s = clock_wall_ns(clock_system()) / CLOCK_NS_PER_S;

	return run->good_until_s > (uint64_t)now_s + CERT_LEFT_S;
}

/* The agent is about to list its key. */
static void
freshen(void *ctx, struct agent_server *agent)
{
	struct agent_run *run = ctx;
	const bool good = is_good(run) || renew_certificate(run) == EXIT_DONE;

	agent_server_certify(
		agent, good ? buf_span(&run->certificate) : SPAN_NONE);
}

/* ---- the agent --------------------------------------------------------- */

/* In the process that becomes the command. */
static void
set_environment(const void *ctx)
{
	const struct agent_run *run = ctx;

	(void)setenv("SSH_AUTH_SOCK", run->path, 1);
}

static int
start_agent(struct agent_run *run, const char *socket_path)
{
	struct err err = { 0 };
	int fd, rc;

	if (socket_path[0] != '\0') {
		if (strlen(socket_path) < sizeof(run->path))
			memcpy(run->path, socket_path, strlen(socket_path) + 1);
		rc = private_listen(socket_path, &fd, &err);
		if (rc != 0)
			run->path[0] = '\0';
	} else {
		rc = private_dir_open(&run->dir, &err);
		if (rc == 0)
			rc = private_dir_listen(
				&run->dir, "agent", run->path, &fd, &err);
	}
	if (rc == 0)
		rc = agent_server_new(fd, run->pair, &run->agent, &err);
	if (rc != 0)
		return cli_fail("failed to start the agent", &err);
	agent_server_on_list(run->agent, freshen, run);
	return EXIT_DONE;
}

/* Until the command ends; without one, until a signal. */
static int
serve(struct agent_run *run, char **words)
{
	const struct child_service service = agent_server_service(run->agent);
	struct child child = {
		.words = words,
		.prepare = set_environment,
		.ctx = run,
		.services = &service,
		.n_services = 1,
	};
	int status = 0;

	if (words == NULL) {
		printf("SSH_AUTH_SOCK=%s; export SSH_AUTH_SOCK;\n", run->path);
		(void)fflush(stdout);
	}
	child_hold_signals(&child.old_mask);
	if (child_run(&child, &status))
		return status;
	(void)cli_usage("failed to run %s: %s",
		words == NULL ? "an agent" : words[0], strerror(status));
	return EXIT_SERVER;
}

static void
clear(struct agent_run *run)
{
	agent_server_free(&run->agent);
	if (run->path[0] != '\0')
		(void)unlink(run->path);
	private_dir_close(&run->dir);
	sshkeypair_free(&run->pair);
	buf_clear(&run->certificate);
}

static int
prepare(struct agent_run *run, const struct agent_options *options)
{
	struct err err = { 0 };

	run->wish.mount = cli_clean_path(run->cli, options->mount_point);
	run->wish.role = options->role;
	run->wish.principals = options->valid_principals;
	if (sshkeypair_generate("ed25519", 0, &run->pair, &err) != 0)
		return cli_fail("failed to make a key", &err);
	run->wish.public_line =
		sshkey_line(run->cli->arena, sshkeypair_public(run->pair));
	if (run->wish.public_line == NULL)
		return EXIT_SERVER;
	/* What is refused now would be refused at each login. */
	return renew_certificate(run);
}

static int
run_ssh_agent(struct cli *cli, void *options, int argc, char **argv)
{
	const struct agent_options *wanted = options;
	struct agent_run run = { .cli = cli };
	int rc;

	if (wanted->role[0] == '\0')
		return cli_usage("Missing role: say it with -role");
	buf_init(&run.certificate, SSHCERT_BLOB_MAX);
	rc = prepare(&run, wanted);
	if (rc == EXIT_DONE)
		rc = start_agent(&run, wanted->socket);
	if (rc == EXIT_DONE)
		rc = serve(&run, argc > 0 ? argv : NULL);
	clear(&run);
	return rc;
}

const struct command cmd_ssh_agent = {
	.name = "ssh-agent",
	.summary = "Let plain ssh log in with certificates.",
	.usage = "[options] [command and its arguments]",
	.text = "  An agent with one key in memory. When ssh asks it for keys, it gets the\n"
		"  key's certificate; one that is about to end is replaced first. With a\n"
		"  command, the agent is for that command and ends with it:\n\n"
		"    $ sallyport ssh-agent -role=ca-ops ansible-playbook site.yml\n"
		"    $ sallyport ssh-agent -role=ca-ops rsync -a site/ deploy@web1:\n\n"
		"  Without one it runs until a signal ends it. IdentityAgent in\n"
		"  ~/.ssh/config gives each host the agent of its role:\n\n"
		"    $ sallyport ssh-agent -role=ca-ops -socket=$HOME/.ssh/ops.sock",
	.flags = COMMAND_TAIL,
	.args_max = -1,
	.rows = agent_flags,
	.options_size = sizeof(struct agent_options),
	.run = run_ssh_agent,
};
