/* Both ends of the one-shot socket. */
#include "client/askpass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PROMPT_MAX 1024
#define PASSWORD_MAX 256
#define WANTED "assword"
#define PEER_TIMEOUT_S 5

int
askpass_open(struct askpass *askpass, struct err *err)
{
	int rc;

	*askpass = (struct askpass){ .fd = -1 };
	rc = private_dir_open(&askpass->dir, err);
	if (rc == 0)
		rc = private_dir_listen(&askpass->dir, "askpass", askpass->path,
			&askpass->fd, err);
	return rc;
}

void
askpass_close(struct askpass *askpass)
{
	if (askpass->fd >= 0)
		(void)close(askpass->fd);
	askpass->fd = -1;
	private_dir_close(&askpass->dir);
}

static bool
asks_for_password(int fd)
{
	const struct timeval limit = { .tv_sec = PEER_TIMEOUT_S };
	char prompt[PROMPT_MAX + 1];
	ssize_t n;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	n = recv(fd, prompt, PROMPT_MAX, 0);
	if (n <= 0)
		return false;
	prompt[n] = '\0';
	return strstr(prompt, WANTED) != NULL;
}

bool
askpass_serve(struct askpass *askpass, struct secret_view password)
{
	const int fd = private_accept(askpass->fd);
	bool given = false;

	if (fd < 0)
		return false;
	if (asks_for_password(fd))
		given = send(fd, password.data, password.len, MSG_NOSIGNAL) ==
			(ssize_t)password.len;
	(void)close(fd);
	if (given)
		askpass_close(askpass);
	return given;
}

static struct sockaddr_un
address_of(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	return addr;
}

/* ---- who asks ----------------------------------------------------------- */

struct process {
	pid_t parent; /* 0: nobody knows */
	char name[32];
};

/* Of "pid (name) state parent …". */
static struct process
look_at(pid_t pid)
{
	struct process process = { .parent = 0 };
	char path[64], text[256] = "";
	char *end;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return process;
	if (fgets(text, sizeof(text), file) != NULL &&
		(end = strrchr(text, ')')) != NULL && end[1] == ' ') {
		*end = '\0';
		(void)snprintf(process.name, sizeof(process.name), "%.31s",
			text + strcspn(text, "("));
		process.parent = (pid_t)strtol(end + 3, NULL, 10);
	}
	(void)fclose(file);
	return process;
}

/*
 * An ssh below the session's own is the one to a jump host, which would get
 * the password of the host behind it. Programs around ssh are none.
 */
static bool
is_for_a_jump(void)
{
	const char *text = getenv(ASKPASS_SESSION);
	const pid_t session =
		text != NULL ? (pid_t)strtol(text, NULL, 10) : getppid();
	const struct process asks = look_at(getppid());
	struct process above = asks;

	for (pid_t pid = getppid(); pid != session && above.parent > 1;) {
		pid = above.parent;
		above = look_at(pid);
		if (strcmp(above.name, asks.name) == 0)
			return true;
	}
	return false;
}

int
askpass_main(const char *prompt)
{
	const char *path = getenv(ASKPASS_VARIABLE);
	struct sockaddr_un addr = address_of(path != NULL ? path : "");
	char password[PASSWORD_MAX];
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = -1;

	if (fd >= 0 && !is_for_a_jump() &&
		connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) ==
			0 &&
		send(fd, prompt, strlen(prompt), MSG_NOSIGNAL) > 0)
		n = recv(fd, password, sizeof(password), 0);
	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return EXIT_FAILURE;
	(void)fwrite(password, 1, (size_t)n, stdout);
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
	secret_wipe(password, sizeof(password));
	return EXIT_SUCCESS;
}
