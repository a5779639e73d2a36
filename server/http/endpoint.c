/* Listening sockets: addresses to bound descriptors, and their TLS contexts. */
#include "server/http/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "lib/log.h"
#include "lib/netaddr.h"
#include "lib/number.h"
#include "lib/tls.h"

struct guard endpoint_guard;

#define BACKLOG 1024
#define HOST_MAX 256
#define REQUEST_SIZE_DEFAULT 33554432
#define SOCKET_FLAGS (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

/* "host:port", "[v6]:port" or ":port" into its two parts. */
static int
split_address(const char *address, char host[HOST_MAX], const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	size_t len;

	if (colon == NULL || colon[1] == '\0')
		return ERR_INPUT;
	len = (size_t)(colon - address);
	if (len >= 2 && address[0] == '[' && colon[-1] == ']') {
		address++;
		len -= 2;
	} else if (memchr(address, ':', len) != NULL) {
		return ERR_INPUT;
	}
	if (len >= HOST_MAX)
		return ERR_INPUT;
	memcpy(host, address, len);
	host[len] = '\0';
	*ret_port = colon + 1;
	return 0;
}

/* No host means every address of both families, as in the peer. */
static int
bind_info(const struct addrinfo *info, bool is_any)
{
	int fd = socket(info->ai_family, SOCKET_FLAGS, 0);
	int on = 1, off = 0;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (info->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			is_any ? &off : &on, sizeof(on));
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
		listen(fd, BACKLOG) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int
bind_first(const struct addrinfo *infos, bool is_any)
{
	int fd = -1;

	/* "::" takes both families; 0.0.0.0 is for systems without IPv6. */
	for (const struct addrinfo *info = infos; is_any && info != NULL;
		info = info->ai_next)
		if (fd < 0 && info->ai_family == AF_INET6)
			fd = bind_info(info, true);
	for (const struct addrinfo *info = infos; fd < 0 && info != NULL;
		info = info->ai_next)
		fd = bind_info(info, is_any);
	return fd;
}

static void
learn_bound(struct endpoint *endpoint)
{
	struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
	struct sockaddr *sa = (struct sockaddr *)&bound;
	socklen_t len = sizeof(bound);
	struct netaddr addr = { .family = 0 };
	char port[8];
	uint64_t number = 0;

	if (getsockname(endpoint->fd, sa, &len) != 0)
		return;
	if (netaddr_from_sockaddr(sa, &addr) == 0)
		endpoint->is_local = netaddr_is_loopback(&addr);
	if (getnameinfo(sa, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV) ==
			0 &&
		number_parse_u64(span_str(port), UINT16_MAX, &number) == 0)
		endpoint->port = (int)number;
}

static int
open_tcp(struct endpoint *endpoint, struct err *err)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	const char *address = endpoint->settings->address, *port = NULL;
	struct addrinfo *infos = NULL;
	char host[HOST_MAX];
	int failed;

	if (split_address(address, host, &port) != 0)
		return err_set(err, ERR_INPUT, 400,
			"listener address \"%s\" is not host:port", address);
	failed = getaddrinfo(
		host[0] != '\0' ? host : NULL, port, &hints, &infos);
	if (failed != 0)
		return err_set(err, ERR_INPUT, 400,
			"listener address \"%s\": %s", address,
			gai_strerror(failed));
	endpoint->fd = bind_first(infos, host[0] == '\0');
	freeaddrinfo(infos);
	if (endpoint->fd < 0)
		return err_set(err, ERR_SYSTEM, 500,
			"listener address \"%s\" cannot be bound: %s", address,
			strerrordesc_np(errno));
	learn_bound(endpoint);
	return 0;
}

/* A socket that nobody answers on is left over from a crash. */
static bool
is_stale(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	bool is_refused;

	if (fd < 0)
		return false;
	is_refused = connect(fd, (const struct sockaddr *)addr,
			     sizeof(*addr)) != 0 &&
		errno == ECONNREFUSED;
	(void)close(fd);
	return is_refused;
}

static int
clear_way(const struct sockaddr_un *addr, struct err *err)
{
	struct stat st;

	if (lstat(addr->sun_path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode) || !is_stale(addr))
		return err_set(err, ERR_EXISTS, 500,
			"listener path %s is in use", addr->sun_path);
	(void)unlink(addr->sun_path);
	return 0;
}

/* Nobody can connect before listen, so the mode is right from the start. */
static int
bind_unix(struct endpoint *endpoint, const struct sockaddr_un *addr)
{
	int64_t wanted = endpoint->settings->socket_mode;
	mode_t mode = wanted > 0 ? (mode_t)wanted & 0777 : 0660;
	struct stat st;

	endpoint->fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	if (endpoint->fd < 0 ||
		bind(endpoint->fd, (const struct sockaddr *)addr,
			sizeof(*addr)) != 0 ||
		chmod(addr->sun_path, mode) != 0 ||
		lstat(addr->sun_path, &st) != 0 ||
		listen(endpoint->fd, BACKLOG) != 0)
		return ERR_SYSTEM;
	endpoint->socket_inode = st.st_ino;
	return 0;
}

static int
open_unix(struct endpoint *endpoint, struct err *err)
{
	const char *path = endpoint->settings->path;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = path != NULL ? strlen(path) : 0;
	int rc;

	if (len == 0 || len >= sizeof(addr.sun_path))
		return err_set(err, ERR_INPUT, 400,
			"listener path \"%s\" is empty or longer than %zu "
			"bytes",
			len > 0 ? path : "", sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, len);
	rc = clear_way(&addr, err);
	if (rc != 0)
		return rc;
	endpoint->is_unix = true;
	endpoint->is_local = true;
	if (bind_unix(endpoint, &addr) != 0)
		return err_set(err, ERR_SYSTEM, 500,
			"listener path %s cannot be bound: %s", path,
			strerrordesc_np(errno));
	return 0;
}

static const char *
or_empty(const char *str)
{
	return str != NULL ? str : "";
}

static bool
wants_tls(const struct endpoint *endpoint)
{
	return !endpoint->is_unix && !endpoint->settings->tls_disable;
}

static int
load_tls(const struct listener_settings *listener, SSL_CTX **ret_ctx,
	struct err *err)
{
	const struct tls_server_settings settings = {
		.cert_file = or_empty(listener->tls_cert_file),
		.key_file = or_empty(listener->tls_key_file),
		.min_version = or_empty(listener->tls_min_version),
		.max_version = or_empty(listener->tls_max_version),
		.client_ca_file = or_empty(listener->tls_client_ca_file),
		.require_client_cert =
			listener->tls_require_and_verify_client_cert,
		.disable_client_certs = listener->tls_disable_client_certs,
	};

	if (settings.cert_file[0] == '\0' || settings.key_file[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"listener %s needs tls_cert_file and tls_key_file, or "
			"tls_disable = true",
			or_empty(listener->address));
	return tls_server_ctx_new(&settings, ret_ctx, err);
}

int
endpoint_reload_tls(struct endpoint *endpoint, struct err *err)
{
	SSL_CTX *fresh = NULL, *old;
	int rc;

	if (!wants_tls(endpoint))
		return 0;
	rc = load_tls(endpoint->settings, &fresh, err);
	if (rc != 0)
		return rc;
	lock_take(&endpoint->lock, &endpoint_guard);
	old = endpoint->tls;
	endpoint->tls = fresh;
	lock_give(&endpoint->lock, &endpoint_guard);
	tls_ctx_free(&old);
	return 0;
}

SSL_CTX *
endpoint_hold_tls(struct endpoint *endpoint)
{
	SSL_CTX *tls;

	lock_take(&endpoint->lock, &endpoint_guard);
	tls = endpoint->tls;
	if (tls != NULL)
		(void)SSL_CTX_up_ref(tls);
	lock_give(&endpoint->lock, &endpoint_guard);
	return tls;
}

/* The listener's own size, else the server's, else 32 MiB; negative: none. */
static size_t
find_body_max(const struct listener_settings *settings, int64_t server_max)
{
	int64_t size = settings->max_request_size != 0
		? settings->max_request_size
		: server_max;

	if (size == 0)
		size = REQUEST_SIZE_DEFAULT;
	return size < 0 ? SIZE_MAX / 2 : (size_t)size;
}

/* What others than this host can reach and an operator should know of. */
static void
warn_of_reach(const struct endpoint *endpoint)
{
	if (endpoint->is_local)
		return;
	if (!wants_tls(endpoint))
		log_warn(
			"plain HTTP: whoever is on the network reads tokens and passwords",
			LOG_STR("address", endpoint->settings->address));
	if (endpoint->settings->unauthenticated_rekey)
		log_warn(
			"whoever reaches this address may begin or cancel a rekey",
			LOG_STR("address", endpoint->settings->address));
}

int
endpoint_open(struct endpoint *endpoint,
	const struct listener_settings *settings, int64_t request_size_max,
	struct err *err)
{
	int rc;

	*endpoint = (struct endpoint){
		.settings = settings,
		.fd = -1,
		.is_unix = strcmp(settings->type, "unix") == 0,
		.body_max = find_body_max(settings, request_size_max),
	};
	(void)pthread_mutex_init(&endpoint->lock, NULL);
	rc = endpoint_reload_tls(endpoint, err);
	if (rc == 0)
		rc = endpoint->is_unix ? open_unix(endpoint, err)
				       : open_tcp(endpoint, err);
	if (rc == 0)
		warn_of_reach(endpoint);
	else
		endpoint_close(endpoint);
	return rc;
}

void
endpoint_close(struct endpoint *endpoint)
{
	struct stat st;

	if (endpoint->settings == NULL)
		return;
	if (endpoint->fd >= 0)
		(void)close(endpoint->fd);
	if (endpoint->socket_inode != 0 &&
		lstat(endpoint->settings->path, &st) == 0 &&
		st.st_ino == endpoint->socket_inode)
		(void)unlink(endpoint->settings->path);
	tls_ctx_free(&endpoint->tls);
	(void)pthread_mutex_destroy(&endpoint->lock);
	*endpoint = (struct endpoint){ .fd = -1 };
}
