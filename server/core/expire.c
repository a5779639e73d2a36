/*
 * One thread that takes back what is due; it also saves the audit heads, looks
 * for damage and renews the store's key. It wakes for the next due second, or
 * after a second at the latest, since the audit heads move meanwhile and the
 * store's clock is not the one that threads sleep by.
 */
#include "server/core/expire.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "lib/lock.h"
#include "lib/log.h"
#include "server/core/audit_devices.h"
#include "server/core/key_watch.h"
#include "server/core/scrubber.h"
#include "server/core/server.h"
#include "server/core/takeback.h"
#include "storage/lease.h"

#define STEP 500
#define NEVER INT64_MAX

static struct guard expire_guard;

struct expire {
	struct server *server;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	pthread_t thread;
	bool running GUARDED_BY(expire_guard);
	bool stopping GUARDED_BY(expire_guard);
	_Atomic int64_t next_s; /* earliest due second known, or NEVER */
	bool failing;           /* the last round did; the thread's own */
	bool clock_off;         /* the thread's own too */
	struct scrubber scrubber;
	struct key_watch key_watch;
};

int
expire_new(struct server *server, struct expire **ret_expire, struct err *err)
{
	struct expire *expire = calloc(1, sizeof(*expire));

	if (expire == NULL)
		return err_set_memory(err);
	expire->server = server;
	pthread_mutex_init(&expire->mutex, NULL);
	lock_init_cond(&expire->wake);
	*ret_expire = expire;
	return 0;
}

void
expire_free(struct expire **expire)
{
	if (*expire == NULL)
		return;
	expire_stop(*expire);
	pthread_mutex_destroy(&(*expire)->mutex);
	pthread_cond_destroy(&(*expire)->wake);
	free(*expire);
	*expire = NULL;
}

static bool
is_stopping(struct expire *expire)
{
	bool stopping;

	lock_take(&expire->mutex, &expire_guard);
	stopping = expire->stopping;
	lock_give(&expire->mutex, &expire_guard);
	return stopping;
}

/* Make due_s the next due second, if it is earlier than the one known. */
static bool
bring_forward(struct expire *expire, int64_t due_s)
{
	int64_t known = atomic_load(&expire->next_s);

	while (due_s < known) {
		if (atomic_compare_exchange_weak(
			    &expire->next_s, &known, due_s))
			return true;
	}
	return false;
}

/* Take back all that is due now, in bounded steps. */
static void
take_back(struct expire *expire)
{
	struct err err = { 0 };
	int64_t next_s = 0;
	bool more = true;
	int rc = 0;

	/* What is noticed from here on must not be forgotten. */
	atomic_store(&expire->next_s, NEVER);
	while (rc == 0 && more && !is_stopping(expire))
		rc = lease_expire_due(
			expire->server->store, STEP, &more, &next_s, &err);
	takeback_notice(expire->server->takeback);
	log_failing(&expire->failing, rc != 0 && rc != ERR_SEALED ? &err : NULL,
		"expired leases cannot be taken back",
		"expired leases are taken back again");
	if (rc != 0 || more)
		(void)bring_forward(expire, 0);
	else if (next_s > 0)
		(void)bring_forward(expire, next_s);
}

/* ns from now until the next thing to do, at most a second. */
static int64_t
time_to_sleep(const struct expire *expire)
{
	int64_t next_s = atomic_load(&expire->next_s);
	int64_t now_ns = store_now_ns(expire->server->store);
	int64_t left_ns = CLOCK_NS_PER_S;

	if (next_s < now_ns / CLOCK_NS_PER_S + 1)
		left_ns = next_s * CLOCK_NS_PER_S - now_ns;
	/* After a failure what is due stays due: try again in a second. */
	if (left_ns <= 0 && expire->failing)
		left_ns = CLOCK_NS_PER_S;
	return left_ns < 0 ? 0 : left_ns;
}

/* Sleep until something is due, noticed, or to be ended. */
static void
sleep_until_due(struct expire *expire)
{
	struct timespec until;
	int64_t left_ns, end_ns;

	lock_take(&expire->mutex, &expire_guard);
	left_ns = time_to_sleep(expire);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	end_ns = until.tv_nsec + left_ns;
	until.tv_sec += end_ns / CLOCK_NS_PER_S;
	until.tv_nsec = end_ns % CLOCK_NS_PER_S;
	if (!expire->stopping && left_ns > 0)
		(void)lock_wait_until(
			&expire->wake, &expire->mutex, &until, &expire_guard);
	lock_give(&expire->mutex, &expire_guard);
}

/* One log line when wall time jumps away, one when it is back. */
static void
note_clock(struct expire *expire)
{
	const int64_t ahead_s = store_clock_skew_s(expire->server->store);

	if (ahead_s != 0 && !expire->clock_off)
		log_warn(
			"the wall clock jumped and is not followed; \"sallyport operator clock-reset\" follows it",
			LOG_INT("ahead_s", ahead_s));
	else if (ahead_s == 0 && expire->clock_off)
		log_info("the wall clock is right again");
	expire->clock_off = ahead_s != 0;
}

static void *
run(void *arg)
{
	struct expire *expire = arg;

	while (!is_stopping(expire)) {
		if (atomic_load(&expire->next_s) <=
			store_now_s(expire->server->store))
			take_back(expire);
		note_clock(expire);
		audit_devices_save_heads(expire->server);
		scrubber_tick(&expire->scrubber, expire->server);
		key_watch_tick(&expire->key_watch, expire->server);
		sleep_until_due(expire);
	}
	return NULL;
}

int
expire_start(struct expire *expire, struct err *err)
{
	sigset_t all, old;
	int errnum = 0;

	lock_take(&expire->mutex, &expire_guard);
	if (!expire->running) {
		expire->stopping = false;
		expire->failing = false;
		expire->scrubber = (struct scrubber){ 0 };
		expire->key_watch = (struct key_watch){ 0 };
		atomic_store(&expire->next_s, 0);
		sigfillset(&all);
		(void)pthread_sigmask(SIG_SETMASK, &all, &old);
		errnum = pthread_create(&expire->thread, NULL, run, expire);
		(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
		expire->running = errnum == 0;
	}
	lock_give(&expire->mutex, &expire_guard);
	if (errnum == 0)
		return 0;
	errno = errnum;
	return err_set_errno(err, "expiry thread");
}

void
expire_stop(struct expire *expire)
{
	bool running;

	lock_take(&expire->mutex, &expire_guard);
	running = expire->running;
	expire->running = false;
	expire->stopping = true;
	pthread_cond_signal(&expire->wake);
	lock_give(&expire->mutex, &expire_guard);
	if (running)
		pthread_join(expire->thread, NULL);
}

void
expire_notice(struct expire *expire, int64_t due_s)
{
	if (!bring_forward(expire, due_s))
		return;
	lock_take(&expire->mutex, &expire_guard);
	pthread_cond_signal(&expire->wake);
	lock_give(&expire->mutex, &expire_guard);
}
