/*
 * Connections are served in turn from a poll loop that is somebody else's. A
 * request is small and its answer too: whoever sends more than a request may
 * have, or does not take its answer, is put off.
 */
#include "client/agent_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/agent_bind.h"
#include "lib/sshcert.h"

/* Message numbers of PROTOCOL.agent. */
enum {
	AGENT_FAILURE = 5,
	AGENT_SUCCESS = 6,
	REQUEST_IDENTITIES = 11,
	IDENTITIES_ANSWER = 12,
	SIGN_REQUEST = 13,
	SIGN_RESPONSE = 14,
	EXTENSION = 27
};

#define FLAG_RSA_SHA2_512 4
#define COMMENT "sallyport"
#define CONNS_MAX (AGENT_SERVER_POLLS - 1)
#define REQUEST_MAX 65536
#define LENGTH 4

struct agent_conn {
	int fd; /* -1: free */
	struct buf in;
	struct agent_talk talk;
};

struct agent_server {
	int fd;
	agent_choose_fn *choose;
	void *ctx;
	struct agent_conn conns[CONNS_MAX];
};

void
agent_talk_init(struct agent_talk *talk)
{
	*talk = (struct agent_talk){ .identity = NULL };
	buf_init(&talk->bound, REQUEST_MAX);
}

void
agent_talk_clear(struct agent_talk *talk)
{
	buf_clear(&talk->bound);
	agent_talk_init(talk);
}

int
agent_server_new(int listen_fd, agent_choose_fn *choose, void *ctx,
	struct agent_server **ret_agent, struct err *err)
{
	struct agent_server *agent = calloc(1, sizeof(*agent));

	if (agent == NULL) {
		(void)close(listen_fd);
		return err_set_memory(err);
	}
	agent->fd = listen_fd;
	agent->choose = choose;
	agent->ctx = ctx;
	for (size_t i = 0; i < CONNS_MAX; i++) {
		agent->conns[i].fd = -1;
		buf_init(&agent->conns[i].in, LENGTH + REQUEST_MAX);
		agent_talk_init(&agent->conns[i].talk);
	}
	*ret_agent = agent;
	return 0;
}

static void
close_conn(struct agent_conn *conn)
{
	if (conn->fd >= 0)
		(void)close(conn->fd);
	conn->fd = -1;
	buf_clear(&conn->in);
	agent_talk_clear(&conn->talk);
}

void
agent_server_free(struct agent_server **agent)
{
	if (*agent == NULL)
		return;
	for (size_t i = 0; i < CONNS_MAX; i++)
		close_conn(&(*agent)->conns[i]);
	(void)close((*agent)->fd);
	free(*agent);
	*agent = NULL;
}

/* ---- where to ---------------------------------------------------------- */

/* What the client has bound last; false: nothing. */
static bool
read_bound(const struct agent_talk *talk, struct agent_bind *ret_bind)
{
	return talk->bound.len > 0 &&
		agent_bind_read(buf_span(&talk->bound), ret_bind) == 0;
}

/*
 * A connection is bound once to where somebody logs in; hosts by way of which
 * it is forwarded may come before that.
 */
static bool
take_binding(struct agent_talk *talk, struct span contents)
{
	struct agent_bind before, bind;

	if (agent_bind_read(contents, &bind) != 0)
		return false;
	if (read_bound(talk, &before) && !before.forwarding)
		return span_equal(before.session, bind.session) &&
			span_equal(before.host_key, bind.host_key);
	talk->forwarded = talk->forwarded || bind.forwarding;
	talk->identity = NULL;
	buf_reset(&talk->bound);
	return buf_add_span(&talk->bound, contents) == 0;
}

/*
 * False: an extension that we do not have, or a binding that is refused. ssh
 * goes on then, and perhaps forwards what it could not say that it forwards.
 */
static bool
take_extension(struct agent_talk *talk, struct sshwire *in)
{
	const struct span name = sshwire_string(in);

	if (in->bad || !span_equal(name, span_str(AGENT_BIND_NAME)))
		return false;
	if (!take_binding(talk, in->rest))
		talk->refused = true;
	return !talk->refused;
}

/* A host that forwards is where nobody logs in. */
static const struct agent_identity *
choose_identity(struct agent_server *agent, struct agent_talk *talk)
{
	struct agent_destination destination = { .forwarded = talk->forwarded };
	struct agent_bind bind;

	if (read_bound(talk, &bind) && !bind.forwarding)
		destination.host_key = bind.host_key;
	talk->identity =
		talk->refused ? NULL : agent->choose(agent->ctx, &destination);
	return talk->identity;
}

/* ---- answers ---------------------------------------------------------- */

static void
add_identities(
	struct agent_server *agent, struct agent_talk *talk, struct buf *out)
{
	const struct agent_identity *identity = choose_identity(agent, talk);
	const bool listed = identity != NULL && identity->blob.len > 0;

	(void)buf_add_char(out, IDENTITIES_ANSWER);
	(void)buf_add_u32be(out, listed);
	if (!listed)
		return;
	(void)sshwire_add_string(out, identity->blob);
	(void)sshwire_add_string(out, span_str(COMMENT));
}

/* The key, or a certificate of it: another may have been listed meanwhile. */
static bool
is_of(const struct agent_identity *identity, struct span key)
{
	const struct span own = sshkeypair_public(identity->pair);
	struct sshcert cert;

	return span_equal(key, own) ||
		(sshcert_parse(key, &cert) == 0 && sshcert_is_of(&cert, own));
}

/* Whoever said where he logs in, logs in there. */
static bool
may_sign(const struct agent_talk *talk, struct span key, struct span data)
{
	struct agent_bind bind;

	if (talk->refused)
		return false;
	return !read_bound(talk, &bind) || bind.forwarding ||
		agent_bind_fits(&bind, key, data);
}

/* NULL: whatever the key has. An RSA key signs as ssh asks it to. */
static const char *
algorithm_of(struct span key, uint32_t flags)
{
	struct sshwire in = sshwire_of(key);

	if (!span_has_prefix(sshwire_string(&in), span_str("ssh-rsa")))
		return NULL;
	return (flags & FLAG_RSA_SHA2_512) != 0 ? "rsa-sha2-512" : NULL;
}

/* False, with nothing added: not our key, or no such request. */
static bool
add_signature(struct agent_server *agent, struct agent_talk *talk,
	struct sshwire *in, struct buf *out)
{
	const struct span key = sshwire_string(in);
	const struct span data = sshwire_string(in);
	const uint32_t flags = sshwire_u32(in);
	const struct agent_identity *identity = talk->identity;
	struct buf signature;
	bool good;

	if (!sshwire_end(in) || !may_sign(talk, key, data))
		return false;
	if (identity == NULL)
		identity = choose_identity(agent, talk);
	if (identity == NULL || !is_of(identity, key))
		return false;
	buf_init(&signature, REQUEST_MAX);
	good = sshkeypair_sign(identity->pair, algorithm_of(key, flags), false,
		       data, &signature, NULL) == 0;
	if (good) {
		(void)buf_add_char(out, SIGN_RESPONSE);
		(void)sshwire_add_string(out, buf_span(&signature));
	}
	buf_clear(&signature);
	return good;
}

int
agent_server_answer(struct agent_server *agent, struct agent_talk *talk,
	struct span request, struct buf *out, struct err *err)
{
	struct sshwire in = sshwire_of(request);
	const uint8_t type = sshwire_u8(&in);

	if (type == REQUEST_IDENTITIES && sshwire_end(&in))
		add_identities(agent, talk, out);
	else if (type == EXTENSION && take_extension(talk, &in))
		(void)buf_add_char(out, AGENT_SUCCESS);
	else if (type != SIGN_REQUEST || !add_signature(agent, talk, &in, out))
		(void)buf_add_char(out, AGENT_FAILURE);
	return buf_check(out, err);
}

/* ---- connections ------------------------------------------------------ */

static size_t
agent_polls(const void *ctx, struct pollfd *fds)
{
	const struct agent_server *agent = ctx;
	size_t n = 0;

	fds[n++] = (struct pollfd){ .fd = agent->fd, .events = POLLIN };
	for (size_t i = 0; i < CONNS_MAX; i++)
		fds[n++] = (struct pollfd){ .fd = agent->conns[i].fd,
			.events = POLLIN };
	return n;
}

/* One more than we hold is turned away. */
static void
take_connection(struct agent_server *agent)
{
	const int fd = private_accept(agent->fd);

	for (size_t i = 0; fd >= 0 && i < CONNS_MAX; i++) {
		if (agent->conns[i].fd < 0) {
			agent->conns[i].fd = fd;
			return;
		}
	}
	if (fd >= 0)
		(void)close(fd);
}

/* The body of the request that stands at the front; false: not all is there. */
static bool
whole_request(const struct agent_conn *conn, struct span *ret_body)
{
	struct sshwire in = sshwire_of(buf_span(&conn->in));

	*ret_body = sshwire_string(&in);
	return !in.bad;
}

static int
send_answer(int fd, struct span body)
{
	struct buf framed;
	ssize_t sent = -1;

	buf_init(&framed, LENGTH + body.len);
	if (sshwire_add_string(&framed, body) == 0)
		sent = send(fd, framed.data, framed.len,
			MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_clear(&framed);
	return sent == (ssize_t)(LENGTH + body.len) ? 0 : ERR_PEER;
}

/* Requests that are whole, one after the other. */
static int
answer_requests(struct agent_server *agent, struct agent_conn *conn)
{
	struct span body;
	int rc = 0;

	while (rc == 0 && whole_request(conn, &body)) {
		struct span rest =
			span_skip(buf_span(&conn->in), LENGTH + body.len);
		struct buf answer, left;

		buf_init(&answer, REQUEST_MAX);
		buf_init(&left, LENGTH + REQUEST_MAX);
		rc = agent_server_answer(
			agent, &conn->talk, body, &answer, NULL);
		if (rc == 0)
			rc = send_answer(conn->fd, buf_span(&answer));
		if (rc == 0)
			rc = buf_add_span(&left, rest);
		buf_clear(&answer);
		buf_clear(&conn->in);
		conn->in = left;
	}
	return rc;
}

static void
serve_conn(struct agent_server *agent, struct agent_conn *conn)
{
	uint8_t bytes[4096];
	const ssize_t n = recv(conn->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || buf_add(&conn->in, bytes, (size_t)n) != 0 ||
		answer_requests(agent, conn) != 0)
		close_conn(conn);
}

static void
serve_agent(void *ctx, const struct pollfd *fds, size_t n)
{
	struct agent_server *agent = ctx;

	for (size_t i = 1; i < n; i++) {
		if (fds[i].revents != 0)
			serve_conn(agent, &agent->conns[i - 1]);
	}
	if (n > 0 && fds[0].revents != 0)
		take_connection(agent);
}

struct child_service
agent_server_service(struct agent_server *agent)
{
	return (struct child_service){ agent_polls, serve_agent, agent };
}
