/* A pipe between ssh's standard error and ours. */
#include "client/jump.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/say.h"
#include "lib/base.h"
#include "lib/fsutil.h"

#define PART_MAX 4096
#define OPTION "ProxyJump"

/* "ProxyJump=x", "proxyjump x" */
static bool
is_option(const char *text)
{
	const size_t len = strlen(OPTION);

	return strncasecmp(text, OPTION, len) == 0 &&
		strchr("= \t", text[len]) != NULL && text[len] != '\0';
}

bool
jump_is_asked(char *const *words, int n_words)
{
	for (int i = 0; i < n_words; i++) {
		const char *word = words[i];

		if (strncmp(word, "-J", 2) == 0)
			return true;
		if (strncmp(word, "-o", 2) != 0)
			continue;
		if (is_option(word + 2 + strspn(word + 2, " ")))
			return true;
		if (word[2] == '\0' && i + 1 < n_words &&
			is_option(words[i + 1]))
			return true;
	}
	return false;
}

bool
jump_open(struct jump *jump)
{
	*jump = (struct jump){ .fds = { -1, -1 } };
	if (pipe2(jump->fds, O_CLOEXEC) != 0)
		return false;
	/* A process that ssh left behind keeps its end. */
	if (fcntl(jump->fds[0], F_SETFL, O_NONBLOCK) == 0)
		return true;
	(void)close(jump->fds[0]);
	(void)close(jump->fds[1]);
	jump->fds[0] = jump->fds[1] = -1;
	return false;
}

void
jump_prepare(const struct jump *jump)
{
	if (jump->fds[1] >= 0)
		(void)dup2(jump->fds[1], STDERR_FILENO);
}

/* The phrase may come in two parts. */
static void
look(struct jump *jump, const char *part, size_t len)
{
	char text[sizeof(jump->end) + PART_MAX];
	const size_t n = jump->end_len + len;

	memcpy(text, jump->end, jump->end_len);
	memcpy(text + jump->end_len, part, len);
	if (memmem(text, n, JUMP_PHRASE, strlen(JUMP_PHRASE)) != NULL)
		jump->is_refused = true;
	jump->end_len = n < sizeof(jump->end) ? n : sizeof(jump->end);
	memcpy(jump->end, text + n - jump->end_len, jump->end_len);
}

/* Pass on what is there. False: it is all, for now or for good. */
static bool
pass_on(struct jump *jump)
{
	char part[PART_MAX];
	const ssize_t len = read(jump->fds[0], part, sizeof(part));

	if (len <= 0)
		return false;
	(void)fd_write_all(STDERR_FILENO, part, (size_t)len, NULL);
	look(jump, part, (size_t)len);
	return true;
}

static size_t
polls(const void *ctx, struct pollfd *fds)
{
	const struct jump *jump = ctx;

	fds[0] = (struct pollfd){ .fd = jump->fds[0], .events = POLLIN };
	return 1;
}

static void
serve(void *ctx, const struct pollfd *fds, size_t n)
{
	if (n > 0 && fds[0].revents != 0)
		(void)pass_on(ctx);
}

struct child_service
jump_service(struct jump *jump)
{
	return (struct child_service){ polls, serve, jump };
}

void
jump_close(struct jump *jump)
{
	if (jump->fds[0] < 0)
		return;
	(void)close(jump->fds[1]);
	while (pass_on(jump))
		;
	(void)close(jump->fds[0]);
	if (jump->is_refused)
		say_warning(
			"The host that the connection jumps through forwards nothing. Its administrator can change that: on RouterOS by /ip ssh set forwarding-enabled=local, with OpenSSH by AllowTcpForwarding in sshd_config.");
}
