/*
 * The accepter: one thread that waits on all listening sockets and deals
 * connections to the I/O threads in turn. It pauses at the connection cap and
 * when descriptors run out; no single connection ends it (reliability.md L37,
 * R43).
 */
#include "server/http/listener.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/http/endpoint.h"
#include "server/http/io.h"

#define IO_THREADS_MAX 64
#define IO_THREADS_USUAL 4
/* For the store (two for each of 16 readers), audit devices and the like. */
#define FDS_RESERVED 48
#define FDS_CONNECTIONS_MIN 4
#define PAUSE_MS 50
#define ACCEPTS_AT_ONCE 64

struct listener {
	struct server *server;
	struct endpoint endpoints[LISTENERS_MAX];
	size_t n_endpoints;
	struct io *ios[IO_THREADS_MAX];
	size_t n_ios, next_io;
	size_t conns_max;
	_Atomic size_t n_conns;
	int wake_fd; /* written to once, to stop the accepter */
	pthread_t accepter;
	bool is_accepting;
};

static size_t
count_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	if (dir == NULL)
		return FDS_RESERVED;
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

/*
 * What the descriptor limit leaves for connections. A limit that leaves nothing
 * for the store and the audit log would show only under load, so it is refused.
 */
static int
find_conns_max(const struct server_settings *settings, size_t *ret_max,
	struct err *err)
{
	struct rlimit limit = { .rlim_cur = 1024 };
	size_t taken = count_open_fds() + FDS_RESERVED;
	size_t n;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < taken + FDS_CONNECTIONS_MIN)
		return err_set(err, ERR_INPUT, 500,
			"the limit of open files is %llu, and %zu are needed",
			(unsigned long long)limit.rlim_cur,
			taken + FDS_CONNECTIONS_MIN);
	n = (size_t)limit.rlim_cur - taken;
	if (settings->connections_max > 0 &&
		(size_t)settings->connections_max < n)
		n = (size_t)settings->connections_max;
	*ret_max = n;
	return 0;
}

static size_t
find_n_ios(const struct server_settings *settings)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int64_t n = settings->io_threads;

	if (n <= 0)
		n = cores < IO_THREADS_USUAL ? cores : IO_THREADS_USUAL;
	if (n > IO_THREADS_MAX)
		n = IO_THREADS_MAX;
	return n < 1 ? 1 : (size_t)n;
}

/* True where one was accepted; the next I/O thread has it. */
static bool
accept_one(struct listener *listener, struct endpoint *endpoint)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(from);
	struct netaddr peer = { .family = 0 };
	int fd = accept4(endpoint->fd, (struct sockaddr *)&from, &len,
		SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return false;
	(void)netaddr_from_sockaddr((const struct sockaddr *)&from, &peer);
	atomic_fetch_add(&listener->n_conns, 1);
	io_adopt(listener->ios[listener->next_io], fd, endpoint, &peer);
	listener->next_io = (listener->next_io + 1) % listener->n_ios;
	return true;
}

static bool
is_full(const struct listener *listener)
{
	return atomic_load(&listener->n_conns) >= listener->conns_max;
}

/* errno of a failed accept says that the machine is short of something. */
static bool
is_shortage(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOBUFS ||
		code == ENOMEM;
}

/* False where accepting should pause for a moment. */
static bool
accept_some(struct listener *listener, struct endpoint *endpoint)
{
	for (size_t i = 0; i < ACCEPTS_AT_ONCE; i++) {
		/* Full just now says nothing about somebody waiting. */
		if (is_full(listener))
			return i > 0;
		errno = 0;
		if (!accept_one(listener, endpoint))
			return !is_shortage(errno);
	}
	return true;
}

/* At the cap: whoever is idle for longest makes room. */
static void
make_room(struct listener *listener)
{
	struct io *oldest = NULL;
	int64_t due_ns = INT64_MAX;

	for (size_t i = 0; i < listener->n_ios; i++) {
		int64_t io_due_ns = atomic_load_explicit(
			&listener->ios[i]->idle_due_ns, memory_order_relaxed);

		if (io_due_ns < due_ns) {
			due_ns = io_due_ns;
			oldest = listener->ios[i];
		}
	}
	if (oldest != NULL)
		io_shed(oldest);
}

/* Wait a moment for room, or for the stop. */
static void
pause_accepting(struct listener *listener, struct pollfd *wake, bool *is_paused)
{
	if (!*is_paused)
		log_warn("accepting connections pauses",
			LOG_INT("connections",
				(int64_t)atomic_load(&listener->n_conns)));
	*is_paused = true;
	make_room(listener);
	(void)poll(wake, 1, PAUSE_MS);
}

static void *
run_accepter(void *ctx)
{
	struct listener *listener = ctx;
	size_t n = listener->n_endpoints;
	struct pollfd fds[LISTENERS_MAX + 1];
	bool is_paused = false;

	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = listener->endpoints[i].fd,
			.events = POLLIN };
	fds[n] = (struct pollfd){ .fd = listener->wake_fd, .events = POLLIN };
	while (fds[n].revents == 0) {
		bool has_room = true;

		if (poll(fds, n + 1, -1) < 0)
			continue;
		for (size_t i = 0; i < n; i++)
			if (fds[i].revents != 0)
				has_room = accept_some(listener,
						   &listener->endpoints[i]) &&
					has_room;
		if (has_room)
			is_paused = false;
		else
			pause_accepting(listener, &fds[n], &is_paused);
	}
	return NULL;
}

static int
start_accepter(struct listener *listener)
{
	sigset_t all, old;
	int failed;

	listener->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (listener->wake_fd < 0)
		return ERR_SYSTEM;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(
		&listener->accepter, NULL, run_accepter, listener);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	listener->is_accepting = failed == 0;
	return failed == 0 ? 0 : ERR_SYSTEM;
}

static int
open_endpoints(struct listener *listener, struct err *err)
{
	const struct server_settings *settings = listener->server->settings;

	for (size_t i = 0; i < settings->n_listeners; i++) {
		int rc = endpoint_open(&listener->endpoints[i],
			&settings->listeners[i], settings->max_request_size,
			err);

		if (rc != 0)
			return rc;
		listener->n_endpoints++;
	}
	return 0;
}

static int
start_threads(struct listener *listener, struct err *err)
{
	size_t n = find_n_ios(listener->server->settings);
	int rc;

	while (listener->n_ios < n) {
		rc = io_start(listener->server, &listener->n_conns,
			&listener->ios[listener->n_ios], err);

		if (rc != 0)
			return rc;
		listener->n_ios++;
	}
	rc = find_conns_max(
		listener->server->settings, &listener->conns_max, err);
	if (rc != 0)
		return rc;
	if (start_accepter(listener) != 0)
		return err_set(err, ERR_SYSTEM, 500,
			"the accepter could not be started");
	return 0;
}

int
listener_start(
	struct server *server, struct listener **ret_listener, struct err *err)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int rc;

	if (listener == NULL)
		return err_set_memory(err);
	listener->server = server;
	listener->wake_fd = -1;
	rc = open_endpoints(listener, err);
	if (rc == 0)
		rc = start_threads(listener, err);
	if (rc == 0)
		*ret_listener = listener;
	else
		listener_stop(&listener, 0);
	return rc;
}

int
listener_reload_tls(struct listener *listener, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < listener->n_endpoints; i++) {
		int one = endpoint_reload_tls(&listener->endpoints[i], err);

		if (rc == 0)
			rc = one;
	}
	return rc;
}

static void
stop_accepter(struct listener *listener)
{
	uint64_t one = 1;

	if (listener->is_accepting &&
		write(listener->wake_fd, &one, sizeof(one)) > 0)
		(void)pthread_join(listener->accepter, NULL);
	if (listener->wake_fd >= 0)
		(void)close(listener->wake_fd);
}

void
listener_stop(struct listener **listener, int64_t grace_ms)
{
	struct listener *old = *listener;

	*listener = NULL;
	if (old == NULL)
		return;
	stop_accepter(old);
	for (size_t i = 0; i < old->n_ios; i++)
		io_stop(old->ios[i], grace_ms);
	for (size_t i = 0; i < old->n_ios; i++)
		io_join(&old->ios[i]);
	for (size_t i = 0; i < old->n_endpoints; i++)
		endpoint_close(&old->endpoints[i]);
	free(old);
}

int
listener_port(const struct listener *listener, size_t i)
{
	return i < listener->n_endpoints ? listener->endpoints[i].port : 0;
}
