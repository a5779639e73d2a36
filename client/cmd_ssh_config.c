/* ssh-config: this user's ssh trusts the hosts that a CA has signed. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/commands.h"
#include "client/flags.h"
#include "client/home.h"
#include "client/host_authority.h"
#include "lib/fsutil.h"

#define KNOWN_HOSTS_MAX ((size_t)64 * 1024 * 1024)

struct config_options {
	const char *mount_point, *patterns, *file;
	bool write;
};

static const struct flag config_flags[] = {
	TEXT_FLAG(struct config_options, mount_point, "host-key-mount-point",
		.env = "SSH_HOST_KEY_MOUNT_POINT",
		.help = "Mount whose CA signs the keys of hosts."),
	TEXT_FLAG(struct config_options, patterns, "host-key-hostnames",
		.initial = "*", .env = "SSH_HOST_KEY_HOSTNAMES",
		.help = "Hosts that this CA is trusted for; a comma list of patterns."),
	BOOL_FLAG(struct config_options, write, "write",
		.help = "Put the lines into the known_hosts file."),
	TEXT_FLAG(struct config_options, file, "user-known-hosts-file",
		.env = "SSH_USER_KNOWN_HOSTS_FILE",
		.help = "That file, instead of ~/.ssh/known_hosts."),
	FLAG_END,
};

/* Where a link in its place leads to; NULL: no home, or no memory. */
static const char *
known_hosts_path(struct arena *arena, const char *wanted)
{
	const char *path = home_expand(arena, wanted);
	const char *directory = home_path(arena, ".ssh");
	char real[PATH_MAX];

	if (wanted[0] == '\0') {
		if (directory == NULL)
			return NULL;
		(void)mkdir(directory, 0700);
		path = home_path(arena, ".ssh/known_hosts");
	}
	if (path != NULL && realpath(path, real) != NULL)
		return arena_strdup(arena, real);
	return path;
}

/* Append what is not ours of a file's text: lines that end otherwise. */
static void
keep_others(struct buf *out, const char *text, const char *comment)
{
	const size_t n = strlen(comment);

	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");
		const bool ours = len > n && text[len - n - 1] == ' ' &&
			memcmp(text + len - n, comment, n) == 0;

		if (!ours) {
			(void)buf_add(out, text, len);
			(void)buf_add_char(out, '\n');
		}
		text += len + (text[len] == '\n');
	}
}

/* Our lines behind the others, which stay as they are. */
static int
write_lines(const char *path, const char *lines, const char *comment,
	struct err *err)
{
	struct buf before, after;
	struct stat st;
	mode_t mode = 0600;
	int rc = 0;

	buf_init(&before, KNOWN_HOSTS_MAX);
	buf_init(&after, KNOWN_HOSTS_MAX);
	if (stat(path, &st) == 0) {
		mode = st.st_mode & 0777;
		rc = file_read(path, &before, err);
	}
	keep_others(&after, buf_str(&before), comment);
	(void)buf_add_str(&after, lines);
	if (rc == 0)
		rc = buf_check(&after, err);
	if (rc == 0)
		rc = file_write_atomic(path, buf_span(&after), mode, err);
	buf_clear(&before);
	buf_clear(&after);
	return rc;
}

/* By which our lines are found again: whose CA it is. */
static const char *
comment_of(struct cli *cli, const char *mount)
{
	const char *address =
		apiclient_without_password(cli->arena, cli_address(cli));

	return address == NULL
		? NULL
		: arena_printf(cli->arena, "sallyport:%s/%s", address, mount);
}

static int
run_ssh_config(struct cli *cli, void *options, int argc, char **argv)
{
	const struct config_options *wanted = options;
	const char *mount = cli_clean_path(cli, wanted->mount_point);
	const char *lines = NULL, *comment, *path;
	struct err err = { 0 };
	int rc;

	(void)argc;
	(void)argv;
	if (mount[0] == '\0')
		return cli_usage(
			"Missing mount: say it with -host-key-mount-point");
	comment = comment_of(cli, mount);
	if (comment == NULL)
		return EXIT_SERVER;
	rc = host_authority_lines(
		cli, mount, wanted->patterns, comment, &lines);
	if (rc != EXIT_DONE)
		return rc;
	if (!wanted->write) {
		(void)fputs(lines, stdout);
		return EXIT_DONE;
	}
	path = known_hosts_path(cli->arena, wanted->file);
	if (path == NULL)
		return cli_usage("there is no home directory: name the file "
				 "with -user-known-hosts-file");
	if (write_lines(path, lines, comment, &err) != 0)
		return cli_usage(
			"failed to write %s: %s", path, err_reason(&err));
	printf("Success! Wrote the CA of %s/ to: %s\n", mount, path);
	return EXIT_DONE;
}

const struct command cmd_ssh_config = {
	.name = "ssh-config",
	.summary = "Trust the hosts that a CA has signed.",
	.usage = "[options]",
	.text = "  Prints the @cert-authority lines for known_hosts, or writes them there in\n"
		"  the place of those that an earlier run wrote; other lines stay as they\n"
		"  are. During a rotation both keys are named.\n\n"
		"    $ sallyport ssh-config -host-key-mount-point=hosts \\\n"
		"        -host-key-hostnames='*.example.com' -write",
	.args_max = 0,
	.rows = config_flags,
	.options_size = sizeof(struct config_options),
	.run = run_ssh_config,
};
