/* Between the files of the takeback. */
#ifndef SALLYPORT_SERVER_CORE_TAKEBACK_INSIDE_H
#define SALLYPORT_SERVER_CORE_TAKEBACK_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/lock.h"
#include "storage/lease.h"

#define TAKEBACK_CALLERS 8
#define TAKEBACK_THREADS (1 + TAKEBACK_CALLERS)
#define TAKEBACK_PAGE 500 /* rows in a look at the queue */
#define TAKEBACK_MEMORY_MAX ((size_t)64 * 1024 * 1024)

struct mount;
struct server;

extern struct guard takeback_guard;

/*
 * A machine with rows to take back. refs and what they come with belong to
 * whoever has set busy, else to whoever has the lock.
 */
struct machine {
	char mount_uuid[37];
	char *name;
	struct rowref *refs; /* due */
	size_t n_refs, cap;
	uint32_t attempts; /* most of one of them */
	bool busy;
	int n_waiting; /* in takeback_ask.c, for their turn */
	/*
	 * Of no use until then, and why; 0: not known to be, or mended, which
	 * others may say at any time.
	 */
	_Atomic int64_t off_until_s;
	char why[LEASE_ERROR_MAX + 1];
	struct machine *next;
};

struct takeback {
	struct server *server;
	pthread_mutex_t mutex;
	pthread_cond_t look; /* there may be something in the queue */
	pthread_cond_t work; /* a machine is free */
	pthread_t threads[TAKEBACK_THREADS];
	size_t n_threads GUARDED_BY(takeback_guard);
	bool stopping GUARDED_BY(takeback_guard);
	bool noticed GUARDED_BY(takeback_guard);
	struct machine *machines GUARDED_BY(takeback_guard);
	bool failing; /* the last look did; its thread's own */
	/* What came of rows could not be written down, at the last machine. */
	bool stuck GUARDED_BY(takeback_guard);
	_Atomic uint64_t n_done, n_failed;
};

/* What a row is about; mount: held, or NULL. */
struct subject {
	const char *mount_uuid;
	struct mount *mount;
	const char *machine;
};

/* A page of the queue. */
struct look {
	struct lease_queue_page page;
	struct arena *arena;
	struct lease *leases;
	size_t n;
};

/* A store_fn: the rows of look->page, in look->leases. */
int takeback_read_page(struct store_tx *tx, void *ctx, struct err *err);

/* The one of this name, new where there was none; NULL: no memory. */
struct machine *takeback_find_machine(struct takeback *takeback,
	const char *mount_uuid, const char *name) REQUIRES(takeback_guard);

/* Of no use for now. */
bool takeback_is_off(
	const struct takeback *takeback, const struct machine *machine);

/*
 * Of which mount the row is, and on which machine. What cannot be told is of a
 * machine of its own: its turn will say why.
 */
int takeback_locate(struct takeback *takeback, const struct lease *lease,
	struct arena *arena, struct subject *ret_subject, struct err *err);

/*
 * Claim, call, write down what came of it. The caller has the machine. cause
 * is what the call said; the return says whether the queue itself works.
 */
int takeback_try_row(struct takeback *takeback, struct machine *machine,
	struct rowref ref, bool is_forced, struct err *cause, struct err *err);

/* These rows of a machine that is off wait as long as it does. */
int takeback_put_off(struct takeback *takeback, const struct machine *machine,
	const struct rowref *refs, size_t n, struct err *err);

/* again: look at once, for what became due meanwhile was passed by. */
void takeback_leave_machine(
	struct takeback *takeback, struct machine *machine, bool again);

#endif
