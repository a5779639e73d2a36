/* Talking to an ssh-agent: one question, one answer, within a deadline. */
#include "client/agent.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/sshwire.h"

/* Message numbers of PROTOCOL.agent. */
enum {
	REQUEST_IDENTITIES = 11,
	IDENTITIES_ANSWER = 12,
	SIGN_REQUEST = 13,
	SIGN_RESPONSE = 14
};

#define FLAG_RSA_SHA2_512 4
#define ANSWER_MAX (1024 * 1024)
#define REQUEST_MAX 65536
/* Somebody may have to find and touch a security token. */
#define ANSWER_NS (120 * CLOCK_NS_PER_S)

static int
nonsense(struct err *err)
{
	return err_set(err, ERR_PEER, 0,
		"the ssh-agent refused, or its answer makes no sense");
}

/* ---- answers ---------------------------------------------------------- */

int
agent_read_keys(struct span answer, struct arena *arena,
	struct agent_keys *ret_keys, struct err *err)
{
	struct sshwire in = sshwire_of(answer);
	const uint8_t type = sshwire_u8(&in);
	const uint32_t n = sshwire_u32(&in);
	struct agent_key *keys = NULL;

	if (in.bad || type != IDENTITIES_ANSWER || n > AGENT_KEYS_MAX)
		return nonsense(err);
	keys = ARENA_ARRAY(arena, struct agent_key, n + 1);
	if (keys == NULL)
		return err_set_memory(err);
	for (uint32_t i = 0; i < n; i++) {
		keys[i].blob = sshwire_string(&in);
		keys[i].comment = sshwire_string(&in);
	}
	if (!sshwire_end(&in))
		return nonsense(err);
	*ret_keys = (struct agent_keys){ keys, n };
	return 0;
}

int
agent_read_signature(
	struct span answer, struct span *ret_signature, struct err *err)
{
	struct sshwire in = sshwire_of(answer);
	const uint8_t type = sshwire_u8(&in);
	struct span signature = sshwire_string(&in);

	if (!sshwire_end(&in) || type != SIGN_RESPONSE || signature.len == 0)
		return nonsense(err);
	*ret_signature = signature;
	return 0;
}

/* ---- the socket ------------------------------------------------------- */

int
agent_open(int *ret_fd, struct err *err)
{
	const char *path = getenv("SSH_AUTH_SOCK");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (path == NULL || path[0] == '\0')
		return err_set(err, ERR_INPUT, 0,
			"there is no ssh-agent: SSH_AUTH_SOCK is not set");
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, ERR_INPUT, 0, "SSH_AUTH_SOCK is too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set_errno(err, "socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) !=
		0) {
		(void)err_set(err, ERR_INPUT, 0,
			"the ssh-agent of SSH_AUTH_SOCK cannot be reached: %s",
			strerror(errno));
		(void)close(fd);
		return ERR_INPUT;
	}
	*ret_fd = fd;
	return 0;
}

static int
send_all(int fd, struct span bytes, struct err *err)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return nonsense(err);
		bytes = span_skip(bytes, (size_t)n);
	}
	return 0;
}

/* Exactly len bytes, before end_ns of the boot clock. */
static int
receive(int fd, uint8_t *out, size_t len, int64_t end_ns, struct err *err)
{
	while (len > 0) {
		const int64_t left = end_ns - clock_boot_ns(clock_system());
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (left <= 0)
			return err_set(err, ERR_TIMEOUT, 0,
				"the ssh-agent does not answer");
		if (poll(&poll_fd, 1, (int)(left / 1000000) + 1) <= 0)
			continue;
		n = recv(fd, out, len, 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return nonsense(err);
		out += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The answer's body goes into memory of its own length, known beforehand. */
static int
receive_answer(
	int fd, struct arena *arena, struct span *ret_answer, struct err *err)
{
	const int64_t end_ns = clock_boot_ns(clock_system()) + ANSWER_NS;
	uint8_t head[4], *body = NULL;
	struct sshwire in = sshwire_of(span_of(head, sizeof(head)));
	size_t len;
	int rc = receive(fd, head, sizeof(head), end_ns, err);

	if (rc != 0)
		return rc;
	len = sshwire_u32(&in);
	if (len == 0 || len > ANSWER_MAX)
		return nonsense(err);
	body = arena_alloc(arena, len, 1);
	if (body == NULL)
		return err_set_memory(err);
	rc = receive(fd, body, len, end_ns, err);
	if (rc == 0)
		*ret_answer = span_of(body, len);
	return rc;
}

/* body is what stands behind the length. */
static int
ask(int fd, const struct buf *body, struct arena *arena,
	struct span *ret_answer, struct err *err)
{
	struct buf message;
	int rc = buf_check(body, err);

	if (rc != 0)
		return rc;
	buf_init(&message, REQUEST_MAX + 4);
	(void)sshwire_add_string(&message, buf_span(body));
	rc = buf_check(&message, err);
	if (rc == 0)
		rc = send_all(fd, buf_span(&message), err);
	buf_clear(&message);
	return rc != 0 ? rc : receive_answer(fd, arena, ret_answer, err);
}

/* ---- questions -------------------------------------------------------- */

int
agent_list(int fd, struct arena *arena, struct agent_keys *ret_keys,
	struct err *err)
{
	struct span answer;
	struct buf body;
	int rc;

	buf_init(&body, REQUEST_MAX);
	(void)buf_add_char(&body, REQUEST_IDENTITIES);
	rc = ask(fd, &body, arena, &answer, err);
	buf_clear(&body);
	return rc != 0 ? rc : agent_read_keys(answer, arena, ret_keys, err);
}

int
agent_sign(int fd, struct span blob, struct span data, struct arena *arena,
	struct span *ret_signature, struct err *err)
{
	struct span answer;
	struct buf body;
	int rc;

	buf_init(&body, REQUEST_MAX);
	(void)buf_add_char(&body, SIGN_REQUEST);
	(void)sshwire_add_string(&body, blob);
	(void)sshwire_add_string(&body, data);
	(void)buf_add_u32be(&body, FLAG_RSA_SHA2_512);
	rc = ask(fd, &body, arena, &answer, err);
	buf_clear(&body);
	return rc != 0 ? rc : agent_read_signature(answer, ret_signature, err);
}
