/* Both ends of the one-shot socket. */
#include "client/askpass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PROMPT_MAX 1024
#define PASSWORD_MAX 256
#define WANTED "assword"
#define PEER_TIMEOUT_S 5

static struct sockaddr_un
address_of(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	return addr;
}

/* Memory-backed, where the machine has such a place for us. */
static const char *
base_directory(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (runtime != NULL && runtime[0] == '/' && strlen(runtime) < 32 &&
		access(runtime, W_OK) == 0)
		return runtime;
	return "/tmp";
}

int
askpass_open(struct askpass *askpass, struct err *err)
{
	struct sockaddr_un addr;

	*askpass = (struct askpass){ .fd = -1 };
	(void)snprintf(askpass->directory, sizeof(askpass->directory),
		"%s/sallyport-ssh-XXXXXX", base_directory());
	if (mkdtemp(askpass->directory) == NULL) {
		askpass->directory[0] = '\0';
		return err_set_errno(err, "mkdtemp");
	}
	(void)snprintf(askpass->path, sizeof(askpass->path), "%s/askpass",
		askpass->directory);
	addr = address_of(askpass->path);
	askpass->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (askpass->fd < 0 ||
		bind(askpass->fd, (const struct sockaddr *)&addr,
			sizeof(addr)) != 0 ||
		listen(askpass->fd, 1) != 0)
		return err_set_errno(err, "askpass socket");
	return 0;
}

void
askpass_close(struct askpass *askpass)
{
	if (askpass->fd >= 0)
		(void)close(askpass->fd);
	askpass->fd = -1;
	if (askpass->path[0] != '\0')
		(void)unlink(askpass->path);
	if (askpass->directory[0] != '\0')
		(void)rmdir(askpass->directory);
	askpass->path[0] = askpass->directory[0] = '\0';
}

static bool
is_our_user(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		peer.uid == geteuid();
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
	const int fd = accept4(askpass->fd, NULL, NULL, SOCK_CLOEXEC);
	bool given = false;

	if (fd < 0)
		return false;
	if (is_our_user(fd) && asks_for_password(fd))
		given = send(fd, password.data, password.len, MSG_NOSIGNAL) ==
			(ssize_t)password.len;
	(void)close(fd);
	if (given)
		askpass_close(askpass);
	return given;
}

int
askpass_main(const char *prompt)
{
	const char *path = getenv(ASKPASS_VARIABLE);
	struct sockaddr_un addr = address_of(path != NULL ? path : "");
	char password[PASSWORD_MAX];
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = -1;

	if (fd >= 0 &&
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
