/* operator tls-init: an authority of one's own, and a listener's certificate.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli.h"
#include "client/commands.h"
#include "client/say.h"
#include "client/x509make.h"
#include "lib/fsutil.h"

#define DAYS_MAX 36500
#define PEM_MAX (64 * 1024)
#define HOST_MAX 256

struct tls_options {
	const char *dir, *ca_dir, *ca_name;
	struct flag_list names;
	int64_t days, ca_days;
};

static const struct flag tls_flags[] = {
	TEXT_FLAG(struct tls_options, dir, "dir", .initial = ".",
		.help = "Where the files go; it must be there."),
	LIST_FLAG(struct tls_options, names, "san",
		.help = "A name or address of the server; may be repeated."),
	INT_FLAG(struct tls_options, days, "days", .initial = "397",
		.help = "How long the server's certificate is good."),
	INT_FLAG(struct tls_options, ca_days, "ca-days", .initial = "3650",
		.help = "How long the authority is good."),
	TEXT_FLAG(struct tls_options, ca_name, "ca-name",
		.help = "What the authority is called."),
	TEXT_FLAG(struct tls_options, ca_dir, "ca-dir",
		.help = "Where ca.crt and ca.key of an earlier run are: make no new ones."),
	FLAG_END,
};

/* What the files are made of, and who may read them. */
enum file_kind { CA_CERT, CA_KEY, SERVER_CERT, SERVER_KEY, FILE_KINDS };

static const struct {
	const char *name;
	mode_t mode;
} files[FILE_KINDS] = {
	[CA_CERT] = { "ca.crt", 0644 },
	[CA_KEY] = { "ca.key", 0600 },
	[SERVER_CERT] = { "tls.crt", 0644 },
	[SERVER_KEY] = { "tls.key", 0600 },
};

struct tls_work {
	struct cli *cli;
	const struct tls_options *wanted;
	char host[HOST_MAX];
	struct flag_list names;
	struct x509make authority, server;
	const char *paths[FILE_KINDS];
	enum file_kind first; /* of those that are written */
};

/* ---- names -------------------------------------------------------------- */

static void
add_name(struct flag_list *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcasecmp(names->items[i], name) == 0)
			return;
	}
	if (names->n < FLAG_LIST_MAX)
		names->items[names->n++] = name;
}

/* What was asked for, else the machine's name; and always the machine itself.
 */
static void
choose_names(struct tls_work *work)
{
	static const char *const own[] = { "localhost", "127.0.0.1", "::1" };
	const struct flag_list *asked = &work->wanted->names;

	for (size_t i = 0; i < asked->n; i++)
		add_name(&work->names, asked->items[i]);
	if (asked->n == 0 && x509make_name_is_good(work->host))
		add_name(&work->names, work->host);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		add_name(&work->names, own[i]);
}

/* ---- files -------------------------------------------------------------- */

/* The whole path of a directory, which the printed steps name. */
static const char *
find_dir(struct cli *cli, const char *dir, struct err *err)
{
	char *whole = realpath(dir, NULL);
	const char *copy =
		whole != NULL ? arena_strdup(cli->arena, whole) : NULL;

	if (whole == NULL)
		(void)err_set(
			err, ERR_INPUT, 400, "%s: %s", dir, strerror(errno));
	free(whole);
	return copy;
}

static int
choose_paths(struct tls_work *work, struct err *err)
{
	const struct tls_options *wanted = work->wanted;
	const char *dir = find_dir(work->cli, wanted->dir, err);
	const char *ca_dir = work->first > CA_KEY
		? find_dir(work->cli, wanted->ca_dir, err)
		: dir;

	if (dir == NULL || ca_dir == NULL)
		return err_set(err, ERR_MEMORY, 500, "out of memory");
	for (size_t i = 0; i < FILE_KINDS; i++) {
		const bool is_ca = i == CA_CERT || i == CA_KEY;
		struct stat there;

		work->paths[i] = arena_printf(work->cli->arena, "%s/%s",
			is_ca ? ca_dir : dir, files[i].name);
		if (work->paths[i] == NULL)
			return err_set_memory(err);
		if (i >= work->first && lstat(work->paths[i], &there) == 0)
			return err_set(err, ERR_EXISTS, 400,
				"%s is there already, and nothing is overwritten",
				work->paths[i]);
	}
	return 0;
}

static int
write_one(struct tls_work *work, enum file_kind kind, struct err *err)
{
	const bool is_ca = kind == CA_CERT || kind == CA_KEY;
	const struct x509make *made = is_ca ? &work->authority : &work->server;
	struct buf text;
	int rc;

	buf_init(&text, PEM_MAX);
	rc = kind == CA_KEY || kind == SERVER_KEY
		? x509make_key_pem(made, &text)
		: x509make_cert_pem(made, &text);
	if (rc != 0)
		rc = err_set(
			err, rc, 500, "%s cannot be encoded", files[kind].name);
	else
		rc = file_write_new(work->paths[kind], files[kind].mode,
			buf_span(&text), err);
	buf_clear(&text);
	return rc;
}

/* All of them or none. */
static int
write_files(struct tls_work *work, struct err *err)
{
	for (size_t i = work->first; i < FILE_KINDS; i++) {
		int rc = write_one(work, (enum file_kind)i, err);

		if (rc == 0)
			continue;
		while (i-- > (size_t)work->first)
			(void)unlink(work->paths[i]);
		return rc;
	}
	return 0;
}

/* ---- what to do with them ----------------------------------------------- */

static void
print_files(const struct tls_work *work)
{
	static const char *const what[FILE_KINDS] = {
		[CA_CERT] = "the authority: give it to every client",
		[CA_KEY] = "its key: keep it off this machine",
		[SERVER_CERT] = "the server's certificate",
		[SERVER_KEY] = "its key: only the server reads it",
	};

	printf("Success! Written:\n\n");
	for (size_t i = work->first; i < FILE_KINDS; i++)
		printf("    %s  (%s)\n", work->paths[i], what[i]);
	printf("\nThe server answers to:");
	for (size_t i = 0; i < work->names.n; i++)
		printf(" %s", work->names.items[i]);
	printf("\n");
}

static int
print_fingerprint(const struct tls_work *work)
{
	struct buf text;
	int rc;

	buf_init(&text, 1024);
	rc = x509make_fingerprint(&work->authority, &text);
	if (rc == 0)
		printf("SHA-256 of the authority, to compare where it is trusted:\n  %s\n",
			buf_str(&text));
	buf_clear(&text);
	return rc;
}

static void
print_steps(const struct tls_work *work)
{
	const char *ca = work->paths[CA_CERT];
	const char *host = work->names.items[0];
	const bool is_v6 = strchr(host, ':') != NULL;

	printf("\n1. The server's configuration (its user must own %s):\n\n"
	       "    listener \"tcp\" {\n"
	       "      address       = \"0.0.0.0:8200\"\n"
	       "      tls_cert_file = \"%s\"\n"
	       "      tls_key_file  = \"%s\"\n"
	       "    }\n\n",
		files[SERVER_KEY].name, work->paths[SERVER_CERT],
		work->paths[SERVER_KEY]);
	printf("2. The command line, curl, and sallyport-helper on each host:\n\n"
	       "    export SALLYPORT_CACERT=%s\n"
	       "    curl --cacert %s https://%s%s%s:8200/v1/sys/health\n"
	       "    ca_cert = \"%s\"\n\n",
		ca, ca, is_v6 ? "[" : "", host, is_v6 ? "]" : "", ca);
	printf("3. Every program of a Debian machine (browsers keep stores of their own:\n"
	       "   import ca.crt there as an authority for web sites):\n\n"
	       "    cp %s /usr/local/share/ca-certificates/sallyport-ca.crt\n"
	       "    update-ca-certificates\n\n",
		ca);
	printf("4. RouterOS: upload ca.crt, then\n\n"
	       "    /certificate import file-name=ca.crt passphrase=\"\" trusted=yes\n\n");
	printf("Before the certificate ends in %lld days: make the next with -ca-dir, move\n"
	       "the two files over the old ones and reload the server.\n",
		(long long)work->wanted->days);
}

/* ---- the command -------------------------------------------------------- */

static int
make_certificates(struct tls_work *work, struct err *err)
{
	const struct tls_options *wanted = work->wanted;
	const char *name = wanted->ca_name;
	int rc;

	if (name[0] == '\0')
		name = arena_printf(
			work->cli->arena, "Sallyport CA %.40s", work->host);
	if (name == NULL)
		return err_set_memory(err);
	rc = work->first > CA_KEY
		? x509make_load(work->paths[CA_CERT], work->paths[CA_KEY],
			  &work->authority, err)
		: x509make_authority(
			  name, wanted->ca_days, &work->authority, err);
	return rc != 0
		? rc
		: x509make_server(&work->authority, work->names.items,
			  work->names.n, wanted->days, &work->server, err);
}

static int
check_options(const struct tls_options *wanted)
{
	if (wanted->days < 1 || wanted->days > DAYS_MAX ||
		wanted->ca_days < 1 || wanted->ca_days > DAYS_MAX)
		return cli_usage("-days and -ca-days must be between 1 and %d",
			DAYS_MAX);
	for (size_t i = 0; i < wanted->names.n; i++) {
		if (!x509make_name_is_good(wanted->names.items[i]))
			return cli_usage(
				"invalid value \"%.128s\" for flag -san: must be a name of a host or an address",
				wanted->names.items[i]);
	}
	return EXIT_DONE;
}

static int
run_tls_init(struct cli *cli, void *options, int argc, char **argv)
{
	const struct tls_options *wanted = options;
	struct tls_work work = { .cli = cli,
		.wanted = wanted,
		.first = wanted->ca_dir[0] != '\0' ? SERVER_CERT : CA_CERT };
	struct err err = { 0 };
	int rc = check_options(wanted);

	(void)argc;
	(void)argv;
	if (rc != EXIT_DONE)
		return rc;
	(void)gethostname(work.host, sizeof(work.host) - 1);
	choose_names(&work);
	rc = choose_paths(&work, &err);
	if (rc == 0)
		rc = make_certificates(&work, &err);
	if (rc == 0)
		rc = write_files(&work, &err);
	if (rc == 0) {
		print_files(&work);
		rc = print_fingerprint(&work);
		print_steps(&work);
	} else {
		say_error("Error making certificates: %s", err.message);
	}
	x509make_clear(&work.server);
	x509make_clear(&work.authority);
	return rc == 0 ? EXIT_DONE : EXIT_USAGE;
}

const struct command cmd_operator_tls_init = {
	.name = "operator tls-init",
	.summary =
		"Make an authority and a server certificate; tell how to trust it.",
	.usage = "[options]",
	.text = "  Writes ca.crt, ca.key, tls.crt and tls.key and overwrites nothing. The\n"
		"  certificate holds for each -san (without one, for this machine's name) and\n"
		"  for localhost, 127.0.0.1 and ::1. Needs no server.\n\n"
		"    $ sallyport operator tls-init -dir=/etc/sallyport -san=sp.example.org\n"
		"    $ sallyport operator tls-init -dir=. -ca-dir=/media/safe -san=10.0.0.5",
	.rows = tls_flags,
	.options_size = sizeof(struct tls_options),
	.run = run_tls_init,
};
