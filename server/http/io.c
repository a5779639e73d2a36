/*
 * The I/O thread. Other threads leave arrivals and finished requests in its
 * inbox and wake it once for a batch. Deadlines are lists in order, one for
 * each phase, since every connection of a phase has the same time; a tick
 * looks at their heads.
 */
#include "server/http/io.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "server/api/req.h"
#include "server/core/worker.h"
#include "server/http/conn.h"

struct guard io_guard;

#define TICK_MS 250
#define SLOTS_FIRST 64

/* Seconds, each for the whole phase, however the bytes trickle (R40). */
static const int64_t phase_s[CONN_PHASE_COUNT] = {
	[CONN_HANDSHAKE] = 10,
	[CONN_IDLE] = 90,
	[CONN_HEAD] = 10,
	[CONN_BODY] = 30,
	[CONN_WORK] = 0, /* the pipeline's own deadline */
	[CONN_WRITE] = 30,
	[CONN_LINGER] = 2,
};

static int64_t
now_ns(const struct io *io)
{
	return clock_boot_ns(io->server->clock);
}

const char *
io_date(struct io *io)
{
	int64_t now_s = clock_wall_ns(io->server->clock) / CLOCK_NS_PER_S;

	if (now_s != io->date_s) {
		reply_out_format_date(now_s, io->date);
		io->date_s = now_s;
	}
	return io->date;
}

static void
list_remove(struct conn_list *list, struct conn *conn)
{
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		list->first = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	else
		list->last = conn->prev;
	conn->prev = NULL;
	conn->next = NULL;
}

static void
list_append(struct conn_list *list, struct conn *conn)
{
	conn->prev = list->last;
	if (list->last != NULL)
		list->last->next = conn;
	else
		list->first = conn;
	list->last = conn;
}

/* Tell the accepter how long the oldest idle connection has been so. */
static void
publish_idle(struct io *io)
{
	const struct conn *first = io->phases[CONN_IDLE].first;

	atomic_store_explicit(&io->idle_due_ns,
		first != NULL ? first->due_ns : INT64_MAX,
		memory_order_relaxed);
}

void
io_set_phase(struct io *io, struct conn *conn, enum conn_phase phase)
{
	if (conn->phase != CONN_PHASE_COUNT)
		list_remove(&io->phases[conn->phase], conn);
	conn->phase = phase;
	if (phase != CONN_PHASE_COUNT) {
		conn->due_ns = now_ns(io) + phase_s[phase] * CLOCK_NS_PER_S;
		list_append(&io->phases[phase], conn);
	}
	publish_idle(io);
}

static int
grow_slots(struct io *io)
{
	uint32_t n = io->n_slots == 0 ? SLOTS_FIRST : io->n_slots * 2;
	struct conn **slots = reallocarray(io->slots, n, sizeof(struct conn *));
	uint32_t *generations;

	if (slots == NULL)
		return ERR_MEMORY;
	io->slots = slots;
	generations = reallocarray(io->generations, n, sizeof(*generations));
	if (generations == NULL)
		return ERR_MEMORY;
	io->generations = generations;
	for (uint32_t i = io->n_slots; i < n; i++) {
		slots[i] = NULL;
		generations[i] = 0;
	}
	io->n_slots = n;
	return 0;
}

/* Slots that were given back are found by looking: connections are long. */
static uint32_t
find_slot(const struct io *io)
{
	uint32_t i = 0;

	while (io->slots[i] != NULL)
		i++;
	return i;
}

int
io_add_conn(struct io *io, struct conn *conn)
{
	if (io->n_used == io->n_slots && grow_slots(io) != 0)
		return ERR_MEMORY;
	conn->slot = find_slot(io);
	conn->generation = ++io->generations[conn->slot];
	io->slots[conn->slot] = conn;
	io->n_used++;
	return 0;
}

void
io_remove_conn(struct io *io, struct conn *conn)
{
	io_set_phase(io, conn, CONN_PHASE_COUNT);
	io->slots[conn->slot] = NULL;
	io->n_used--;
	atomic_fetch_sub(io->n_conns, 1);
}

bool
io_is_stopping(const struct io *io)
{
	return io->stop_ns != 0;
}

void
ticket_free(struct ticket **ticket)
{
	struct req *req = (*ticket)->req;

	/* The ticket itself lies in the request's arena. */
	buf_clear(&(*ticket)->body);
	*ticket = NULL;
	req_free(&req);
}

/* True where the thread must be woken. */
static bool
note_work(struct io *io) REQUIRES(io_guard)
{
	bool was_woken = io->woken;

	io->woken = true;
	return !was_woken;
}

static void
wake_up(struct io *io)
{
	uint64_t one = 1;

	/* An eventfd that cannot take one more is readable already. */
	if (write(io->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void
io_adopt(struct io *io, int fd, struct endpoint *endpoint,
	const struct netaddr *peer)
{
	struct arrival *arrival = malloc(sizeof(*arrival));
	bool must_wake;

	if (arrival == NULL) {
		(void)close(fd);
		atomic_fetch_sub(io->n_conns, 1);
		return;
	}
	*arrival = (struct arrival){
		.endpoint = endpoint,
		.peer = *peer,
		.fd = fd,
	};
	lock_take(&io->lock, &io_guard);
	*io->arrivals_end = arrival;
	io->arrivals_end = &arrival->next;
	must_wake = note_work(io);
	lock_give(&io->lock, &io_guard);
	if (must_wake)
		wake_up(io);
}

void
io_shed(struct io *io)
{
	bool must_wake;

	lock_take(&io->lock, &io_guard);
	io->shed++;
	must_wake = note_work(io);
	lock_give(&io->lock, &io_guard);
	if (must_wake)
		wake_up(io);
}

/* The thread is joined and no ticket is out. */
static void
free_io(struct io *io)
{
	(void)close(io->wake_fd);
	(void)pthread_mutex_destroy(&io->lock);
	free(io);
}

/* The thread has ended: only the request is left to be freed. */
static void
drop_late(struct io *io, struct ticket *ticket)
{
	bool is_last;

	lock_take(&io->lock, &io_guard);
	is_last = --io->outstanding == 0;
	lock_give(&io->lock, &io_guard);
	ticket_free(&ticket);
	if (is_last)
		free_io(io);
}

void
io_post(struct ticket *ticket)
{
	struct io *io = ticket->io;
	bool must_wake = false, closed;

	/* pthread_equal first: submitting belongs to the thread itself. */
	if (pthread_equal(pthread_self(), io->thread) != 0 &&
		io->submitting == ticket) {
		io->is_done_inline = true;
		return;
	}
	lock_take(&io->lock, &io_guard);
	closed = io->closed;
	if (!closed) {
		ticket->next = NULL;
		*io->done_end = ticket;
		io->done_end = &ticket->next;
		must_wake = note_work(io);
	}
	lock_give(&io->lock, &io_guard);
	if (closed)
		drop_late(io, ticket);
	else if (must_wake)
		wake_up(io);
}

static void
deliver(struct io *io, struct ticket *ticket)
{
	struct conn *conn = io->slots[ticket->slot];

	io->outstanding--;
	if (conn == NULL || conn->generation != ticket->generation)
		ticket_free(&ticket);
	else
		conn_finish(conn, ticket);
}

static void
begin_stop(struct io *io, int64_t grace_ms)
{
	io->stop_ns = now_ns(io) + grace_ms * CLOCK_NS_PER_MS;
	for (uint32_t i = 0; i < io->n_slots; i++)
		if (io->slots[i] != NULL)
			conn_stop(io->slots[i]);
}

/* Everything that other threads left, taken at once. */
struct inbox {
	struct arrival *arrivals;
	struct ticket *done;
	size_t shed;
	int64_t grace_ms;
};

static struct inbox
take_inbox(struct io *io)
{
	struct inbox inbox;

	lock_take(&io->lock, &io_guard);
	inbox = (struct inbox){
		.arrivals = io->arrivals,
		.done = io->done,
		.shed = io->shed,
		.grace_ms = io->grace_ms,
	};
	io->arrivals = NULL;
	io->arrivals_end = &io->arrivals;
	io->done = NULL;
	io->done_end = &io->done;
	io->shed = 0;
	io->woken = false;
	lock_give(&io->lock, &io_guard);
	return inbox;
}

static void
end_if_stopped(struct io *io)
{
	if (io_is_stopping(io) &&
		(io->n_used == 0 || now_ns(io) >= io->stop_ns))
		(void)event_base_loopbreak(io->base);
}

static void
on_wake(evutil_socket_t fd, short what UNUSED, void *ctx)
{
	struct io *io = ctx;
	struct inbox inbox;
	uint64_t n;

	/* Emptied before the inbox is taken: what comes later wakes again. */
	if (read(fd, &n, sizeof(n)) < 0)
		n = 0;
	inbox = take_inbox(io);
	while (inbox.done != NULL) {
		struct ticket *ticket = inbox.done;

		inbox.done = ticket->next;
		deliver(io, ticket);
	}
	while (inbox.arrivals != NULL) {
		struct arrival *arrival = inbox.arrivals;

		inbox.arrivals = arrival->next;
		conn_start(io, arrival);
		free(arrival);
	}
	for (; inbox.shed > 0 && io->phases[CONN_IDLE].first != NULL;
		inbox.shed--)
		conn_close(io->phases[CONN_IDLE].first);
	if (inbox.grace_ms >= 0 && !io_is_stopping(io))
		begin_stop(io, inbox.grace_ms);
	end_if_stopped(io);
}

static void
on_tick(evutil_socket_t fd UNUSED, short what UNUSED, void *ctx)
{
	struct io *io = ctx;
	int64_t due_ns = now_ns(io);

	for (size_t i = 0; i < CONN_PHASE_COUNT; i++) {
		struct conn *conn;

		while (phase_s[i] != 0 &&
			(conn = io->phases[i].first) != NULL &&
			conn->due_ns <= due_ns)
			conn_expire(conn);
	}
	workers_look_after(io->server->workers);
	end_if_stopped(io);
}

/* After the loop: whoever posts from now on frees for itself. */
static void
close_all(struct io *io)
{
	struct inbox inbox;

	for (uint32_t i = 0; i < io->n_slots; i++)
		if (io->slots[i] != NULL)
			conn_close(io->slots[i]);
	inbox = take_inbox(io);
	while (inbox.arrivals != NULL) {
		struct arrival *arrival = inbox.arrivals;

		inbox.arrivals = arrival->next;
		(void)close(arrival->fd);
		free(arrival);
		atomic_fetch_sub(io->n_conns, 1);
	}
	while (inbox.done != NULL) {
		struct ticket *ticket = inbox.done;

		inbox.done = ticket->next;
		deliver(io, ticket);
	}
}

static void *
run(void *ctx)
{
	struct io *io = ctx;

	(void)pthread_setname_np(pthread_self(), "io");
	(void)event_base_dispatch(io->base);
	close_all(io);
	return NULL;
}

static int
make_events(struct io *io)
{
	const struct timeval period = { .tv_usec = TICK_MS * 1000 };

	io->base = event_base_new();
	if (io->base == NULL)
		return ERR_MEMORY;
	io->wake = event_new(
		io->base, io->wake_fd, EV_READ | EV_PERSIST, on_wake, io);
	io->tick = event_new(io->base, -1, EV_PERSIST, on_tick, io);
	if (io->wake == NULL || io->tick == NULL ||
		event_add(io->wake, NULL) != 0 ||
		event_add(io->tick, &period) != 0)
		return ERR_MEMORY;
	return 0;
}

static void
free_events(struct io *io)
{
	if (io->wake != NULL)
		event_free(io->wake);
	if (io->tick != NULL)
		event_free(io->tick);
	if (io->base != NULL)
		event_base_free(io->base);
	free(io->slots);
	free(io->generations);
}

/* Signals are main's; SIGPIPE from OpenSSL's writes is nobody's. */
static int
start_thread(struct io *io)
{
	sigset_t all, old;
	int failed;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&io->thread, NULL, run, io);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return failed == 0 ? 0 : ERR_SYSTEM;
}

int
io_start(struct server *server, _Atomic size_t *n_conns, struct io **ret_io,
	struct err *err)
{
	struct io *io = calloc(1, sizeof(*io));

	if (io == NULL)
		return err_set_memory(err);
	guard_unshared(&io_guard);
	io->server = server;
	io->n_conns = n_conns;
	io->idle_due_ns = INT64_MAX;
	io->grace_ms = -1;
	io->arrivals_end = &io->arrivals;
	io->done_end = &io->done;
	io->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	(void)pthread_mutex_init(&io->lock, NULL);
	if (io->wake_fd < 0 || make_events(io) != 0 || start_thread(io) != 0) {
		free_events(io);
		free_io(io);
		return err_set(err, ERR_SYSTEM, 500,
			"an I/O thread could not be started");
	}
	*ret_io = io;
	return 0;
}

void
io_stop(struct io *io, int64_t grace_ms)
{
	lock_take(&io->lock, &io_guard);
	io->grace_ms = grace_ms;
	lock_give(&io->lock, &io_guard);
	wake_up(io);
}

void
io_join(struct io **io)
{
	struct io *last = *io;
	bool is_unused;

	*io = NULL;
	(void)pthread_join(last->thread, NULL);
	free_events(last);
	lock_take(&last->lock, &io_guard);
	while (last->done != NULL) {
		struct ticket *ticket = last->done;

		last->done = ticket->next;
		last->outstanding--;
		ticket_free(&ticket);
	}
	last->closed = true;
	is_unused = last->outstanding == 0;
	lock_give(&last->lock, &io_guard);
	if (is_unused)
		free_io(last);
}
