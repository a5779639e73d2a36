/*
 * Two ways to look: the first bytes of a connection, read raw, say what the
 * server would agree to; a key exchange for each type of key shows the key.
 */
#include "server/outbound/ssh_scan.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "lib/sshkey.h"
#include "server/outbound/host_key.h"
#include "server/outbound/ssh_hello.h"
#include "server/outbound/ssh_peer.h"

#define OUR_BANNER "SSH-2.0-sallyport_" SALLYPORT_VERSION "\r\n"

struct scanning {
	const struct outbound_scan *asked;
	int64_t deadline_ns;
	const struct halt *halt;
	struct arena *arena;
	struct outbound_ssh_offer offer;
};

/* ---- the first bytes ----------------------------------------------------- */

/* Whatever has come, into buf. */
static int
receive(const struct scanning *scanning, int fd, struct buf *buf,
	struct err *err)
{
	struct pollfd polled[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = scanning->halt->fd, .events = POLLIN },
	};
	uint8_t part[4096];
	ssize_t n;

	if (poll(polled, ARRAY_LEN(polled),
		    tcp_left_ms(scanning->deadline_ns)) == 0)
		return err_set(err, ERR_TIMEOUT, 502, "no answer in time");
	if (halt_is_on(scanning->halt))
		return err_set(err, ERR_PEER, 502, HALT_WHY);
	n = recv(fd, part, sizeof(part), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return err_set(err, ERR_PEER, 502,
			"the connection was lost before it said what it offers");
	if (buf_add(buf, part, (size_t)n) != 0)
		return err_set(err, ERR_PEER, 502, "it is no SSH server");
	return 0;
}

static int
read_hello(struct scanning *scanning, struct buf *buf,
	struct ssh_hello *ret_hello, struct err *err)
{
	const struct outbound_scan *asked = scanning->asked;
	struct tcp tcp;
	int parsed = ERR_ABSENT;
	int rc = tcp_connect(asked->host, asked->port, asked->source,
		scanning->deadline_ns, scanning->halt, &tcp, err);

	if (rc != 0)
		return rc;
	/* A new connection has room for a line. */
	(void)send(tcp.fd, OUR_BANNER, strlen(OUR_BANNER),
		MSG_DONTWAIT | MSG_NOSIGNAL);
	while (rc == 0 && parsed == ERR_ABSENT) {
		rc = receive(scanning, tcp.fd, buf, err);
		if (rc == 0)
			parsed = ssh_hello_parse(buf_span(buf), ret_hello);
	}
	tcp_close(&tcp);
	if (rc == 0 && parsed != 0)
		rc = err_set(err, ERR_PEER, 502, "it is no SSH server");
	return rc;
}

static const char *
text_of(const struct scanning *scanning, struct span span)
{
	return arena_strndup(scanning->arena, span.data, span.len);
}

static int
take_hello(struct scanning *scanning, const struct ssh_hello *hello,
	struct err *err)
{
	struct outbound_ssh_offer *offer = &scanning->offer;

	offer->banner = text_of(scanning, hello->banner);
	offer->kex = text_of(scanning, hello->lists[SSH_HELLO_KEX]);
	offer->host_key_types =
		text_of(scanning, hello->lists[SSH_HELLO_HOST_KEY_TYPES]);
	offer->ciphers = text_of(scanning, hello->lists[SSH_HELLO_CIPHERS]);
	offer->macs = text_of(scanning, hello->lists[SSH_HELLO_MACS]);
	if (offer->banner == NULL || offer->kex == NULL ||
		offer->host_key_types == NULL || offer->ciphers == NULL ||
		offer->macs == NULL)
		return err_set_memory(err);
	return 0;
}

static int
look(struct scanning *scanning, struct err *err)
{
	struct ssh_hello hello;
	struct buf buf;
	int rc;

	buf_init(&buf, SSH_HELLO_MAX);
	rc = read_hello(scanning, &buf, &hello, err);
	if (rc == 0)
		rc = take_hello(scanning, &hello, err);
	buf_clear(&buf);
	return rc;
}

/* ---- the keys ------------------------------------------------------------ */

/* *ret_line: NULL where nothing else was agreed on, or the key is too weak. */
static int
show_key(struct scanning *scanning, const struct ssh_peer_settings *settings,
	const char **ret_line, struct err *err)
{
	enum outbound_ssh_end end;
	struct span blob = SPAN_NONE;
	struct ssh_peer peer;
	int rc = ssh_peer_open(settings, &peer, &end, err);

	if (rc == 0 && end == OUTBOUND_SSH_NO_CONNECTION)
		rc = err_set(err, ERR_PEER, 502, "%s", peer.why);
	if (rc == 0 && end == OUTBOUND_SSH_DONE)
		rc = ssh_peer_host_key(&peer, scanning->arena, &blob, err);
	ssh_peer_close(&peer);
	if (rc != 0 || end != OUTBOUND_SSH_DONE)
		return rc;
	*ret_line = sshkey_line(scanning->arena, blob);
	return *ret_line == NULL ? err_set_memory(err) : 0;
}

static int
show_keys(struct scanning *scanning, struct err *err)
{
	const struct outbound_scan *asked = scanning->asked;
	const unsigned offered =
		host_key_types_of(scanning->offer.host_key_types);
	const struct host_key_pins none = { 0 };
	struct ssh_peer_settings settings = { .host = asked->host,
		.port = asked->port,
		.source = asked->source,
		.user = "scan",
		.legacy_crypto = true,
		.deadline_ns = scanning->deadline_ns,
		.halt = scanning->halt };
	const char **lines =
		ARENA_ARRAY(scanning->arena, const char *, HOST_KEY_TYPES);
	const char *line;
	int rc = lines == NULL ? err_set_memory(err) : 0;

	for (unsigned i = 0; i < HOST_KEY_TYPES && rc == 0; i++) {
		if ((offered & 1U << i) == 0)
			continue;
		line = NULL;
		settings.host_key_algorithms = host_key_algorithms(
			&none, 1U << i, true, scanning->arena);
		rc = settings.host_key_algorithms == NULL
			? err_set_memory(err)
			: show_key(scanning, &settings, &line, err);
		if (rc == 0 && line != NULL)
			lines[scanning->offer.n_host_keys++] = line;
	}
	scanning->offer.host_keys = lines;
	return rc;
}

int
ssh_scan(const struct outbound_scan *asked, const struct halt *halt,
	struct arena *arena, struct outbound_ssh_offer *ret_offer,
	struct err *err)
{
	struct scanning scanning = {
		.asked = asked,
		.deadline_ns = tcp_deadline(asked->deadline_ms),
		.halt = halt,
		.arena = arena,
	};
	int rc = look(&scanning, err);

	if (rc == 0)
		rc = show_keys(&scanning, err);
	if (rc == 0)
		*ret_offer = scanning.offer;
	return rc;
}
