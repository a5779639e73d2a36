/*
 * ssh-agent: plain ssh, git, rsync and Ansible log in with certificates. For
 * each destination of a map, and for all others, there is a key in memory; it
 * is listed under a certificate that is asked for when ssh wants to log in
 * there and the last one is about to end.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/agent_map.h"
#include "client/agent_server.h"
#include "client/cert_store.h"
#include "client/commands.h"
#include "client/flags.h"
#include "client/home.h"
#include "client/host_key.h"
#include "client/sign_key.h"
#include "lib/clock.h"
#include "lib/fsutil.h"
#include "lib/sshcert.h"

#define RENEWAL_MAX ((size_t)16 * 1024 * 1024)
#define KNOWN_HOSTS_MAX ((size_t)64 * 1024 * 1024)
#define MAP_MAX ((size_t)1024 * 1024)
#define MAP_DEFAULT "sallyport/ssh-agent.hcl"

struct agent_options {
	const char *role, *mount_point, *valid_principals, *socket, *map;
	bool allow_forwarding;
};

static const struct flag agent_flags[] = {
	TEXT_FLAG(struct agent_options, role, "role",
		.help = "Role to ask where the map has no destination that fits."),
	TEXT_FLAG(struct agent_options, mount_point, "mount-point",
		.help = "Where the engine is mounted; \"ssh\" if left out."),
	TEXT_FLAG(struct agent_options, valid_principals, "valid-principals",
		.help = "Names to log in as; the role's default user if left out."),
	TEXT_FLAG(struct agent_options, socket, "socket",
		.help = "Path of the socket; one of our own if left out."),
	TEXT_FLAG(struct agent_options, map, "map",
		.help = "File that gives hosts their roles; ~/.config/" MAP_DEFAULT
			" if left out and there."),
	BOOL_FLAG(struct agent_options, allow_forwarding, "allow-forwarding",
		.help = "Serve those too who ask from other hosts (ssh -A)."),
	FLAG_END,
};

/* A key of ours, and its certificate for the hosts of one place. */
struct holder {
	struct sign_wish wish;
	struct sshkeypair *pair;
	struct buf certificate; /* blob; empty before the first */
	uint64_t good_until_s;
	struct agent_identity identity;
};

struct agent_run {
	struct cli *cli;
	struct agent_map map;
	struct holder *holders; /* of the map's places; the last: of all else */
	bool allow_forwarding;
	struct private_dir dir;
	char path[PRIVATE_PATH_MAX];
	struct agent_server *agent;
};

/* ---- certificates ------------------------------------------------------ */

static int
keep_certificate(struct cli *cli, struct holder *holder, const char *line)
{
	struct sshcert cert;
	struct span blob;
	struct err err = { 0 };

	if (sshkey_parse_line(span_str(line), cli->arena, &blob) != 0 ||
		sshcert_parse(blob, &cert) != 0) {
		(void)err_set(&err, ERR_PEER, 0,
			"the server's certificate cannot be read");
		return cli_fail("failed to sign public key", &err);
	}
	holder->good_until_s = 0;
	buf_reset(&holder->certificate);
	if (buf_add_span(&holder->certificate, blob) != 0)
		return EXIT_SERVER;
	holder->good_until_s = cert.before_s;
	holder->identity = (struct agent_identity){ holder->pair,
		buf_span(&holder->certificate) };
	return EXIT_DONE;
}

/*
 * In memory of its own, since an agent may run for months; with the token as
 * it is now, since somebody may have logged in again.
 */
static int
renew_certificate(struct cli *cli, struct holder *holder)
{
	struct arena *kept = cli->arena;
	const char *line = NULL;
	int rc = EXIT_SERVER;

	cli->arena = arena_new(RENEWAL_MAX);
	if (cli->arena != NULL) {
		rc = sign_key(cli, &holder->wish, &line);
		if (rc == EXIT_DONE)
			rc = keep_certificate(cli, holder, line);
	}
	/* Both lay in it. */
	cli->answer = (struct apiclient_answer){ 0 };
	cli->token_read = false;
	arena_free(&cli->arena);
	cli->arena = kept;
	return rc;
}

static int64_t
wall_s(void)
{
	return clock_wall_ns(clock_system()) / CLOCK_NS_PER_S;
}

static bool
is_good(const struct holder *holder)
{
	return holder->good_until_s > (uint64_t)wall_s() + CERT_LEFT_S;
}

/* ---- destinations ------------------------------------------------------ */

/* Those that are there, one behind the other. */
static void
read_known_hosts(
	const struct agent_map *map, struct arena *arena, struct buf *out)
{
	for (size_t i = 0; i < map->known_hosts.n; i++) {
		const char *path =
			home_expand(arena, map->known_hosts.items[i]);
		struct buf text;

		buf_init(&text, KNOWN_HOSTS_MAX);
		if (file_read(path, &text, NULL) == 0) {
			(void)buf_add_span(out, buf_span(&text));
			(void)buf_add_char(out, '\n');
		}
		buf_clear(&text);
	}
}

/* The first of the map's places that fits; else the number of places. */
static size_t
find_place(const struct agent_map *map, struct span blob)
{
	struct arena *arena = arena_new(RENEWAL_MAX);
	struct host_key key;
	struct buf known_hosts;
	size_t i = map->n_places;

	if (arena == NULL)
		return i;
	buf_init(&known_hosts, KNOWN_HOSTS_MAX);
	if (host_key_read(blob, wall_s(), arena, &key) == 0) {
		read_known_hosts(map, arena, &known_hosts);
		for (i = 0; i < map->n_places; i++) {
			if (host_key_is(&key, buf_span(&known_hosts),
				    map->places[i].patterns))
				break;
		}
	}
	buf_clear(&known_hosts);
	arena_free(&arena);
	return i;
}

/* Somebody wants to log in there; NULL: not with us. */
static const struct agent_identity *
choose(void *ctx, const struct agent_destination *destination)
{
	struct agent_run *run = ctx;
	struct holder *holder = &run->holders[run->map.n_places];

	if (destination->forwarded && !run->allow_forwarding)
		return NULL;
	if (destination->host_key.len > 0)
		holder = &run->holders[find_place(
			&run->map, destination->host_key)];
	if (holder->wish.role[0] == '\0')
		return NULL;
	return is_good(holder) ||
			renew_certificate(run->cli, holder) == EXIT_DONE
		? &holder->identity
		: NULL;
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
		rc = agent_server_new(fd, choose, run, &run->agent, &err);
	return rc == 0 ? EXIT_DONE
		       : cli_fail("failed to start the agent", &err);
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
	for (size_t i = 0; run->holders != NULL && i <= run->map.n_places;
		i++) {
		sshkeypair_free(&run->holders[i].pair);
		buf_clear(&run->holders[i].certificate);
	}
}

/* ---- what is wanted ---------------------------------------------------- */

/* -map, or the user's own file where there is one; NULL: none. */
static const char *
map_path(struct cli *cli, const struct agent_options *options)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *path;

	if (options->map[0] != '\0')
		return home_expand(cli->arena, options->map);
	path = config != NULL && config[0] == '/'
		? arena_printf(cli->arena, "%s/" MAP_DEFAULT, config)
		: home_path(cli->arena, ".config/" MAP_DEFAULT);
	return path != NULL && access(path, F_OK) == 0 ? path : NULL;
}

/* The map; the words of the command line stand above its own. */
static int
read_map(struct agent_run *run, const struct agent_options *options)
{
	struct agent_place *otherwise = &run->map.otherwise;
	const char *path = map_path(run->cli, options);
	struct err err = { 0 };
	struct buf text;
	int rc = 0;

	buf_init(&text, MAP_MAX);
	if (path != NULL)
		rc = file_read(path, &text, &err);
	if (rc == 0)
		rc = agent_map_read(
			buf_span(&text), run->cli->arena, &run->map, &err);
	buf_clear(&text);
	if (rc != 0)
		return cli_usage("failed to read the map %s: %s", path,
			err_reason(&err));
	if (options->role[0] != '\0')
		otherwise->role = options->role;
	if (options->mount_point[0] != '\0')
		otherwise->mount_point = options->mount_point;
	if (options->valid_principals[0] != '\0')
		otherwise->valid_principals = options->valid_principals;
	if (otherwise->role[0] == '\0' && run->map.n_places == 0)
		return cli_usage("Missing role: say it with -role");
	return EXIT_DONE;
}

static int
make_holder(
	struct cli *cli, const struct agent_place *place, struct holder *holder)
{
	struct err err = { 0 };

	buf_init(&holder->certificate, SSHCERT_BLOB_MAX);
	holder->wish.mount = cli_clean_path(cli, place->mount_point);
	holder->wish.role = place->role;
	holder->wish.principals = place->valid_principals;
	if (sshkeypair_generate("ed25519", 0, &holder->pair, &err) != 0)
		return cli_fail("failed to make a key", &err);
	holder->wish.public_line =
		sshkey_line(cli->arena, sshkeypair_public(holder->pair));
	return holder->wish.public_line != NULL ? EXIT_DONE : EXIT_SERVER;
}

static int
prepare(struct agent_run *run)
{
	const size_t n = run->map.n_places;
	int rc = EXIT_DONE;

	run->holders = ARENA_ARRAY(run->cli->arena, struct holder, n + 1);
	if (run->holders == NULL)
		return EXIT_SERVER;
	for (size_t i = 0; rc == EXIT_DONE && i <= n; i++)
		rc = make_holder(run->cli,
			i < n ? &run->map.places[i] : &run->map.otherwise,
			&run->holders[i]);
	/* What is refused now would be refused at each login. */
	if (rc == EXIT_DONE && run->map.otherwise.role[0] != '\0')
		rc = renew_certificate(run->cli, &run->holders[n]);
	return rc;
}

static int
run_ssh_agent(struct cli *cli, void *options, int argc, char **argv)
{
	const struct agent_options *wanted = options;
	struct agent_run run = { .cli = cli,
		.allow_forwarding = wanted->allow_forwarding,
		.map = { .otherwise = { .role = "" } } };
	int rc = read_map(&run, wanted);

	if (rc == EXIT_DONE)
		rc = prepare(&run);
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
	.text = "  An agent with keys in memory. When ssh asks it for keys, it gets one with\n"
		"  its certificate; one that is about to end is replaced first. With a\n"
		"  command, the agent is for that command and ends with it:\n\n"
		"    $ sallyport ssh-agent -role=ca-ops ansible-playbook site.yml\n"
		"    $ sallyport ssh-agent -role=ca-ops rsync -a site/ deploy@web1:\n\n"
		"  Without one it runs until a signal ends it:\n\n"
		"    $ sallyport ssh-agent -role=ca-ops -socket=$HOME/.ssh/ops.sock\n\n"
		"  A map gives each host the role that signs for it. ssh (8.9 and later) tells\n"
		"  the agent which host it is by the key that the host has shown, and\n"
		"  known_hosts says whose key that is:\n\n"
		"    destination \"*.prod.example.com,!db*.prod.example.com\" {\n"
		"      role = \"ca-ops\"\n"
		"    }\n\n"
		"  -role, or role in the map, is for all others. Who asks from another host,\n"
		"  through ssh -A, gets nothing without -allow-forwarding.",
	.flags = COMMAND_TAIL,
	.args_max = -1,
	.rows = agent_flags,
	.options_size = sizeof(struct agent_options),
	.run = run_ssh_agent,
};
