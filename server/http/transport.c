/* Non-blocking reads and writes over a socket, with or without OpenSSL. */
#include "server/http/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "lib/tls.h"

int
transport_open(struct transport *transport, int fd, SSL_CTX *tls)
{
	*transport = (struct transport){ .fd = fd };
	if (tls == NULL)
		return 0;
	transport->tls = SSL_new(tls);
	if (transport->tls == NULL || SSL_set_fd(transport->tls, fd) != 1) {
		SSL_free(transport->tls);
		transport->tls = NULL;
		ERR_clear_error();
		return ERR_MEMORY;
	}
	SSL_set_accept_state(transport->tls);
	(void)SSL_set_mode(transport->tls,
		SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return 0;
}

void
transport_close(struct transport *transport)
{
	if (transport->tls != NULL) {
		if (!transport->failed && SSL_is_init_finished(transport->tls))
			(void)SSL_shutdown(transport->tls);
		SSL_free(transport->tls);
		ERR_clear_error();
	}
	if (transport->fd >= 0)
		(void)close(transport->fd);
	*transport = (struct transport){ .fd = -1 };
}

/* One certificate as DER; data NULL: no memory. */
static struct span
der_of(X509 *cert, struct arena *arena)
{
	unsigned char *der = NULL;
	const int len = i2d_X509(cert, &der);
	struct span copy = SPAN_NONE;

	if (len > 0)
		copy = arena_dup(arena, span_of(der, (size_t)len));
	OPENSSL_free(der);
	ERR_clear_error();
	return copy;
}

int
transport_peer_certs(const struct transport *transport, struct arena *arena,
	struct span *ret_certs, size_t cap, size_t *ret_n)
{
	X509 *leaf = transport->tls != NULL
		? SSL_get0_peer_certificate(transport->tls)
		: NULL;
	STACK_OF(X509) * others;
	size_t n = 0;

	*ret_n = 0;
	if (leaf == NULL || cap == 0)
		return 0;
	/* A server's view: the chain is without the peer's own. */
	others = SSL_get_peer_cert_chain(transport->tls);
	ret_certs[n++] = der_of(leaf, arena);
	for (int i = 0; i < sk_X509_num(others) && n < cap; i++)
		ret_certs[n++] = der_of(sk_X509_value(others, i), arena);
	for (size_t i = 0; i < n; i++) {
		if (ret_certs[i].data == NULL)
			return ERR_MEMORY;
	}
	*ret_n = n;
	return 0;
}

const char *
transport_peer_serial(const struct transport *transport, struct arena *arena)
{
	X509 *leaf = transport->tls != NULL
		? SSL_get0_peer_certificate(transport->tls)
		: NULL;

	return leaf == NULL ? "" : tls_cert_serial(leaf, arena);
}

/* What an OpenSSL call that gave no bytes means. */
static int
tls_result(struct transport *transport, int got)
{
	int reason = SSL_get_error(transport->tls, got);

	transport->wants_write = reason == SSL_ERROR_WANT_WRITE;
	if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE)
		return ERR_BUSY;
	if (reason == SSL_ERROR_ZERO_RETURN)
		return ERR_ABSENT;
	transport->failed = true;
	ERR_clear_error();
	return ERR_PEER;
}

/* What a system call that gave -1 means. */
static int
plain_result(struct transport *transport)
{
	if (errno == EAGAIN || errno == EINTR)
		return ERR_BUSY;
	transport->failed = true;
	return ERR_PEER;
}

static void
drop_tls(struct transport *transport)
{
	SSL_free(transport->tls);
	transport->tls = NULL;
	ERR_clear_error();
}

int
transport_handshake(struct transport *transport)
{
	int got;

	if (transport->tls == NULL)
		return 0;
	ERR_clear_error();
	got = SSL_do_handshake(transport->tls);
	if (got == 1)
		return 0;
	if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
		drop_tls(transport);
		return ERR_INPUT;
	}
	return tls_result(transport, got);
}

int
transport_read(
	struct transport *transport, void *data, size_t size, size_t *ret_len)
{
	ssize_t n;

	if (transport->tls != NULL) {
		int got;

		ERR_clear_error();
		got = SSL_read_ex(transport->tls, data, size, ret_len);
		return got == 1 ? 0 : tls_result(transport, got);
	}
	n = recv(transport->fd, data, size, 0);
	if (n < 0)
		return plain_result(transport);
	if (n == 0)
		return ERR_ABSENT;
	*ret_len = (size_t)n;
	return 0;
}

int
transport_write(struct transport *transport, const void *data, size_t size,
	size_t *ret_len)
{
	ssize_t n;

	if (transport->tls != NULL) {
		int got;

		ERR_clear_error();
		got = SSL_write_ex(transport->tls, data, size, ret_len);
		return got == 1 ? 0 : tls_result(transport, got);
	}
	n = send(transport->fd, data, size, MSG_NOSIGNAL);
	if (n < 0)
		return plain_result(transport);
	*ret_len = (size_t)n;
	return 0;
}

bool
transport_has_pending(const struct transport *transport)
{
	return transport->tls != NULL && SSL_has_pending(transport->tls) == 1;
}

bool
transport_is_broken(const struct transport *transport)
{
	int code = 0;
	socklen_t len = sizeof(code);

	return getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &code, &len) !=
		0 ||
		code != 0;
}

void
transport_end_writing(struct transport *transport)
{
	if (transport->tls != NULL)
		(void)SSL_shutdown(transport->tls);
	(void)shutdown(transport->fd, SHUT_WR);
	transport->failed = true;
}
