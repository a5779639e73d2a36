/*
 * ssh is started by execvp, never by a shell. We stay to hand over the
 * password and to clean up, also when a signal ends us.
 */
#include "client/sshrun.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/askpass.h"
#include "client/child.h"
#include "client/home.h"
#include "client/jump.h"
#include "client/say.h"
#include "lib/fsutil.h"

#define OUTPUT_MAX 65536
#define WORDS_MAX 16

/* ---- asking ssh about itself -------------------------------------------- */

/* Run a program and collect what it prints on both streams. */
static int
collect_output(const struct sshrun *run, char *const *words, struct buf *out,
	int *ret_status)
{
	int fds[2];
	pid_t pid;
	int status = 0;
	int rc;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return ERR_SYSTEM;
	pid = fork();
	if (pid == 0) {
		(void)sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
		if (dup2(fds[1], 1) >= 0 && dup2(fds[1], 2) >= 0)
			(void)execvp(words[0], words);
		_exit(CHILD_NOT_STARTED);
	}
	(void)close(fds[1]);
	rc = pid < 0 ? ERR_SYSTEM : fd_read_all(fds[0], out, NULL);
	(void)close(fds[0]);
	if (pid > 0 && waitpid(pid, &status, 0) != pid)
		rc = ERR_SYSTEM;
	*ret_status =
		WIFEXITED(status) ? WEXITSTATUS(status) : CHILD_NOT_STARTED;
	return rc;
}

static char *
copy(struct cli *cli, const char *text)
{
	return arena_strdup(cli->arena, text);
}

bool
sshrun_has_askpass(struct cli *cli, const struct sshrun *run)
{
	char *const words[] = { copy(cli, run->executable), copy(cli, "-V"),
		NULL };
	const char *version;
	struct buf out;
	int status = 0;
	bool good = true;

	buf_init(&out, OUTPUT_MAX);
	if (collect_output(run, words, &out, &status) == 0) {
		version = strstr(buf_str(&out), "OpenSSH_");
		if (version != NULL) {
			char *end = NULL;
			const long major = strtol(version + 8, &end, 10);
			const long minor =
				*end == '.' ? strtol(end + 1, NULL, 10) : 0;

			good = major > 8 || (major == 8 && minor >= 4);
		}
	}
	buf_clear(&out);
	return good;
}

/* Words in front, then our own options, then the user's words. */
static char **
build_words(struct cli *cli, const struct sshrun *run, const char *const *front,
	size_t n_front)
{
	char **words = ARENA_ARRAY(cli->arena, char *,
		(size_t)run->n_words + run->n_options + n_front + WORDS_MAX);
	size_t n = 0;

	if (words == NULL)
		return NULL;
	while (n < n_front) {
		words[n] = copy(cli, front[n]);
		n++;
	}
	for (size_t i = 0; i < run->n_options; i++)
		words[n++] = copy(cli, run->options[i]);
	if (run->known_hosts[0] != '\0')
		words[n++] = arena_printf(cli->arena,
			"-o UserKnownHostsFile=%s", run->known_hosts);
	if (run->port[0] != '\0') {
		words[n++] = copy(cli, "-p");
		words[n++] = copy(cli, run->port);
	}
	if (run->strict[0] != '\0')
		words[n++] = arena_printf(
			cli->arena, "-o StrictHostKeyChecking=%s", run->strict);
	for (int i = 0; i < run->n_words; i++)
		words[n++] = run->words[i];
	for (size_t i = 0; i < n; i++) {
		if (words[i] == NULL)
			return NULL;
	}
	return words;
}

/* ---- the host's key ----------------------------------------------------- */

/* The value of a line "name value…" of ssh -G, up to its end; or NULL. */
static char *
effective(struct cli *cli, const char *config, const char *name)
{
	const size_t len = strlen(name);

	for (const char *line = config; *line != '\0';) {
		const size_t line_len = strcspn(line, "\n");

		if (line_len > len && line[len] == ' ' &&
			strncmp(line, name, len) == 0)
			return arena_strndup(
				cli->arena, line + len + 1, line_len - len - 1);
		line += line_len + (line[line_len] == '\n');
	}
	return NULL;
}

static bool
file_knows(struct cli *cli, const struct sshrun *run, const char *path,
	const char *name)
{
	char *const words[] = { copy(cli, "ssh-keygen"), copy(cli, "-F"),
		copy(cli, name), copy(cli, "-f"),
		copy(cli, home_expand(cli->arena, path)), NULL };
	struct buf out;
	int status = 0;
	bool known;

	buf_init(&out, OUTPUT_MAX);
	known = collect_output(run, words, &out, &status) == 0 && status == 0 &&
		out.len > 0;
	buf_clear(&out);
	return known;
}

/* Any file of a blank-separated list knows a key of the name. */
static bool
files_know(
	struct cli *cli, const struct sshrun *run, char *list, const char *name)
{
	char *rest = list;
	const char *path;

	while (list != NULL && (path = strsep(&rest, " ")) != NULL) {
		if (path[0] != '\0' && file_knows(cli, run, path, name))
			return true;
	}
	return false;
}

/* "[host]:port" but for port 22, as known_hosts has it. */
static const char *
lookup_name(struct cli *cli, const char *config)
{
	const char *alias = effective(cli, config, "hostkeyalias");
	const char *host = effective(cli, config, "hostname");
	const char *port = effective(cli, config, "port");

	if (alias != NULL && strcmp(alias, "none") != 0)
		return alias;
	if (host == NULL || port == NULL || strcmp(port, "22") == 0)
		return host;
	return arena_printf(cli->arena, "[%s]:%s", host, port);
}

bool
sshrun_key_is_unknown(
	struct cli *cli, const struct sshrun *run, const char **ret_name)
{
	const char *const front[] = { run->executable, "-G" };
	char **words = build_words(cli, run, front, ARRAY_LEN(front));
	const char *strict;
	struct buf out;
	int status = 0;
	bool unknown = false;

	if (words == NULL)
		return false;
	buf_init(&out, OUTPUT_MAX);
	if (collect_output(run, words, &out, &status) == 0 && status == 0) {
		const char *config = buf_str(&out);

		strict = effective(cli, config, "stricthostkeychecking");
		*ret_name = lookup_name(cli, config);
		unknown = strict != NULL && *ret_name != NULL &&
			(strcmp(strict, "ask") == 0 ||
				strcmp(strict, "true") == 0 ||
				strcmp(strict, "yes") == 0) &&
			!files_know(cli, run,
				effective(cli, config, "userknownhostsfile"),
				*ret_name) &&
			!files_know(cli, run,
				effective(cli, config, "globalknownhostsfile"),
				*ret_name);
	}
	buf_clear(&out);
	return unknown;
}

/* ---- the session -------------------------------------------------------- */

struct session {
	struct askpass askpass;
	struct jump jump;
	bool with_askpass, use_sshpass;
	struct secret_view password;
};

/* As the peer writes it: "no such file or directory". */
static const char *
reason(int number)
{
	return number == ENOENT ? "no such file or directory"
				: strerror(number);
}

/* In the process that becomes ssh. */
static void
set_environment(const void *ctx)
{
	const struct session *session = ctx;
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char otp[256], pid[32];

	jump_prepare(&session->jump);
	if (session->use_sshpass) {
		const size_t n = session->password.len < sizeof(otp)
			? session->password.len
			: 0;

		memcpy(otp, session->password.data, n);
		otp[n] = '\0';
		(void)setenv("SSHPASS", otp, 1);
	} else if (session->with_askpass && len > 0) {
		self[len] = '\0';
		(void)setenv("SSH_ASKPASS", self, 1);
		(void)setenv("SSH_ASKPASS_REQUIRE", "force", 1);
		(void)setenv(ASKPASS_VARIABLE, session->askpass.path, 1);
		(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
		(void)setenv(ASKPASS_SESSION, pid, 1);
	}
}

static size_t
askpass_polls(const void *ctx, struct pollfd *fds)
{
	const struct session *session = ctx;

	fds[0] = (struct pollfd){ .fd = session->askpass.fd, .events = POLLIN };
	return 1;
}

static void
serve_askpass(void *ctx, const struct pollfd *fds, size_t n)
{
	struct session *session = ctx;

	if (n > 0 && (fds[0].revents & POLLIN) != 0)
		(void)askpass_serve(&session->askpass, session->password);
}

/* The exit status of ssh; false where it never ran. */
static bool
run_session(struct session *session, const struct sshrun *run,
	char *const *words, int *ret_status)
{
	struct child_service services[CHILD_SERVICES_MAX] = {
		{ askpass_polls, serve_askpass, session },
	};
	struct child child = {
		.words = words,
		.prepare = set_environment,
		.ctx = session,
		.services = services,
		.n_services = 1,
		.old_mask = run->old_mask,
	};
	struct err err = { 0 };

	if (session->with_askpass &&
		askpass_open(&session->askpass, &err) != 0) {
		(void)cli_usage("failed to prepare the password prompt: %s",
			err_reason(&err));
		return false;
	}
	if (run->agent != NULL)
		services[child.n_services++] = agent_server_service(run->agent);
	if (jump_is_asked(run->words, run->n_words) &&
		jump_open(&session->jump))
		services[child.n_services++] = jump_service(&session->jump);
	if (child_run(&child, ret_status))
		return true;
	(void)cli_usage("failed to run ssh command: fork/exec %s: %s", words[0],
		reason(*ret_status));
	return false;
}

int
sshrun_session(struct cli *cli, const struct sshrun *run,
	struct secret_view password, bool with_askpass, bool use_sshpass)
{
	struct session session = { .askpass = { .fd = -1 },
		.jump = { .fds = { -1, -1 } },
		.with_askpass = with_askpass && !use_sshpass,
		.use_sshpass = use_sshpass,
		.password = password };
	const char *const typed[] = { "sshpass", "-e", run->executable };
	const char *const asked[] = { run->executable,
		"-o NumberOfPasswordPrompts=1" };
	char **words = use_sshpass
		? build_words(cli, run, typed, ARRAY_LEN(typed))
		: build_words(cli, run, asked, with_askpass ? 2 : 1);
	int status = 0;
	bool ran;

	if (words == NULL)
		return EXIT_SERVER;
	ran = run_session(&session, run, words, &status);
	askpass_close(&session.askpass);
	jump_close(&session.jump);
	if (!ran)
		return EXIT_SERVER;
	if (status != 0)
		say_error("failed to run ssh command: exit status %d", status);
	return status;
}
