/*
 * One file in the home directory. ~/.vault (or $VAULT_CONFIG_PATH) may name a
 * program that is run by the shell with get or store (spec/cli.md 1.2).
 */
#include "client/token_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/flags.h"
#include "client/home.h"
#include "lib/fsutil.h"
#include "lib/hcl.h"

#define TOKEN_MAX 4096
#define CONFIG_MAX 65536

/* The one key that the file may have. */
static int
check_config(const struct value *document, struct err *err)
{
	VALUE_EACH (member, document) {
		if (strcmp(member->key, "token_helper") != 0)
			return err_set(err, ERR_INPUT, 400,
				"invalid key '%.128s' on line %d", member->key,
				member->line);
		if (member->type != VALUE_STRING)
			return err_set(err, ERR_INPUT, 400,
				"token_helper must be text, on line %d",
				member->line);
	}
	return 0;
}

/* The program that keeps the token, or NULL. */
static int
helper_program(struct arena *arena, const char **ret_program, struct err *err)
{
	const char *path = flags_env("CONFIG_PATH");
	struct value *document = NULL;
	struct err cause = { 0 };
	struct buf text;
	int rc = 0;

	*ret_program = NULL;
	path = path != NULL ? home_expand(arena, path)
			    : home_path(arena, ".vault");
	if (path == NULL || access(path, F_OK) != 0)
		return 0;
	buf_init(&text, CONFIG_MAX);
	if (file_read(path, &text, &cause) != 0 ||
		hcl_parse(arena_dup(arena, buf_span(&text)), arena, &document,
			&cause) != 0 ||
		check_config(document, &cause) != 0)
		rc = err_set(err, ERR_INPUT, 400,
			"failed to get token helper: error parsing config file at \"%s\": %.512s",
			path, err_reason(&cause));
	else
		*ret_program = value_find_str(document, "token_helper", NULL);
	buf_clear(&text);
	if (*ret_program != NULL && (*ret_program)[0] == '\0')
		*ret_program = NULL;
	return rc;
}

static void __attribute__((noreturn))
become_program(const char *program, const char *verb, int in, int out)
{
	const char *shell = getenv("SHELL");
	char line[4096];
	size_t len = strlen(program);

	if (shell == NULL || shell[0] != '/')
		shell = "/bin/sh";
	if (len + strlen(verb) + 2 > sizeof(line) || dup2(in, 0) < 0 ||
		dup2(out, 1) < 0)
		_exit(127);
	memcpy(line, program, len);
	line[len] = ' ';
	memcpy(line + len + 1, verb, strlen(verb) + 1);
	(void)execl(shell, shell, "-c", line, (char *)NULL);
	_exit(127);
}

/* A program that reads nothing decides by its exit status all the same. */
static int
give_bytes(int fd, struct span bytes, struct err *err)
{
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct sigaction old;
	int rc;

	(void)sigaction(SIGPIPE, &ignored, &old);
	rc = fd_write_all(fd, bytes.data, bytes.len, err);
	if (rc != 0 && errno == EPIPE) {
		err_clear(err);
		rc = 0;
	}
	(void)sigaction(SIGPIPE, &old, NULL);
	return rc;
}

/* Run "<program> <verb>" with bytes in; what it prints goes to out. */
static int
run_program(const char *program, const char *verb, struct span in,
	struct buf *out, struct err *err)
{
	int to[2] = { -1, -1 };
	int from[2] = { -1, -1 };
	int status = 0;
	pid_t pid;
	int rc;

	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
		return err_set_errno(err, "pipe2");
	pid = fork();
	if (pid == 0)
		become_program(program, verb, to[0], from[1]);
	(void)close(to[0]);
	(void)close(from[1]);
	rc = pid < 0 ? err_set_errno(err, "fork") : give_bytes(to[1], in, err);
	(void)close(to[1]);
	if (rc == 0)
		rc = fd_read_all(from[0], out, err);
	(void)close(from[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid &&
		(!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		rc = err_set(err, ERR_INPUT, 400,
			"the token helper \"%.256s %s\" failed", program, verb);
	return rc;
}

/* Without white space at either end. */
static int
keep_trimmed(struct arena *arena, struct span text,
	struct secret_view *ret_token, struct err *err)
{
	struct span copy;

	while (text.len > 0 && isspace(text.data[0]))
		text = span_skip(text, 1);
	while (text.len > 0 && isspace(text.data[text.len - 1]))
		text.len--;
	copy = arena_dup(arena, text);
	if (copy.data == NULL && text.len > 0)
		return err_set_memory(err);
	*ret_token = secret_view_of(copy.data, copy.len);
	return 0;
}

int
token_file_read(
	struct arena *arena, struct secret_view *ret_token, struct err *err)
{
	const char *program = NULL;
	const char *path = home_path(arena, ".vault-token");
	struct buf text;
	int rc = helper_program(arena, &program, err);

	if (rc != 0)
		return rc;
	buf_init(&text, TOKEN_MAX);
	if (program != NULL)
		rc = run_program(program, "get", SPAN_NONE, &text, err);
	else if (path != NULL && access(path, F_OK) == 0)
		rc = file_read(path, &text, err);
	if (rc == 0)
		rc = keep_trimmed(arena, buf_span(&text), ret_token, err);
	buf_clear(&text);
	return rc;
}

int
token_file_write(struct arena *arena, struct secret_view token, struct err *err)
{
	const struct span bytes = span_of(token.data, token.len);
	const char *program = NULL;
	const char *path = home_path(arena, ".vault-token");
	struct buf out;
	int rc = helper_program(arena, &program, err);

	if (rc != 0)
		return rc;
	if (program == NULL && path == NULL)
		return err_set(err, ERR_INPUT, 400,
			"HOME is not set: there is no place for the token");
	if (program == NULL)
		return file_write_atomic(path, bytes, 0600, err);
	buf_init(&out, TOKEN_MAX);
	rc = run_program(program, "store", bytes, &out, err);
	buf_clear(&out);
	return rc;
}
