/*
 * One thread looks through the queue, at least once a second, and sorts what
 * is due by machines; the others each take a machine that nobody is at and go
 * through its rows. A machine is on the list while there is something to do or
 * to remember of it.
 */
#include "server/core/takeback.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/blocking.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "server/core/mount.h"
#include "server/core/server.h"
#include "server/core/takeback_audit.h"
#include "server/core/takeback_inside.h"
#include "server/outbound/outbound.h"

/* A call, and the time it takes to begin it: then somebody else may try. */
#define CLAIM_S (TAKEBACK_CALL_MAX_S + 30)

#define WAIT_MAX_S 600
#define LOOK_MAX 20000 /* rows that are sorted in one go */

struct guard takeback_guard;

int
takeback_new(
	struct server *server, struct takeback **ret_takeback, struct err *err)
{
	struct takeback *takeback = calloc(1, sizeof(*takeback));

	if (takeback == NULL)
		return err_set_memory(err);
	takeback->server = server;
	pthread_mutex_init(&takeback->mutex, NULL);
	lock_init_cond(&takeback->look);
	lock_init_cond(&takeback->work);
	*ret_takeback = takeback;
	return 0;
}

/* ---- machines ----------------------------------------------------------- */

static void
machine_free(struct machine *machine)
{
	free(machine->name);
	free(machine->refs);
	free(machine);
}

void
takeback_free(struct takeback **takeback)
{
	struct takeback *old = *takeback;
	struct machine *next;

	if (old == NULL)
		return;
	takeback_stop(old);
	guard_unshared(&takeback_guard);
	for (struct machine *at = old->machines; at != NULL; at = next) {
		next = at->next;
		machine_free(at);
	}
	pthread_mutex_destroy(&old->mutex);
	pthread_cond_destroy(&old->look);
	pthread_cond_destroy(&old->work);
	free(old);
	*takeback = NULL;
}

struct machine *
takeback_find_machine(struct takeback *takeback, const char *mount_uuid,
	const char *name) REQUIRES(takeback_guard)
{
	struct machine *machine = takeback->machines;

	while (machine != NULL &&
		(strcmp(machine->name, name) != 0 ||
			strcmp(machine->mount_uuid, mount_uuid) != 0))
		machine = machine->next;
	if (machine != NULL)
		return machine;
	machine = calloc(1, sizeof(*machine));
	if (machine == NULL)
		return NULL;
	machine->name = strdup(name);
	if (machine->name == NULL) {
		free(machine);
		return NULL;
	}
	(void)snprintf(machine->mount_uuid, sizeof(machine->mount_uuid), "%s",
		mount_uuid);
	machine->next = takeback->machines;
	takeback->machines = machine;
	return machine;
}

bool
takeback_is_off(const struct takeback *takeback, const struct machine *machine)
{
	return machine->off_until_s > store_now_s(takeback->server->store);
}

/* Forget what the last look found; machines that it was all about go. */
static void
forget_found(struct takeback *takeback)
{
	struct machine **link = &takeback->machines;

	lock_take(&takeback->mutex, &takeback_guard);
	while (*link != NULL) {
		struct machine *machine = *link;

		if (machine->busy || machine->n_waiting > 0) {
			link = &machine->next;
			continue;
		}
		machine->n_refs = 0;
		machine->attempts = 0;
		if (takeback_is_off(takeback, machine)) {
			link = &machine->next;
			continue;
		}
		*link = machine->next;
		machine_free(machine);
	}
	lock_give(&takeback->mutex, &takeback_guard);
}

static int
add_ref(struct machine *machine, const struct lease *lease, struct err *err)
{
	if (machine->n_refs == machine->cap) {
		size_t cap = machine->cap == 0 ? 16 : machine->cap * 2;
		struct rowref *grown =
			reallocarray(machine->refs, cap, sizeof(*grown));

		if (grown == NULL)
			return err_set_memory(err);
		machine->refs = grown;
		machine->cap = cap;
	}
	machine->refs[machine->n_refs++] = lease->ref;
	if (machine->attempts < lease->takeback.attempts)
		machine->attempts = lease->takeback.attempts;
	return 0;
}

/* ---- one row ------------------------------------------------------------ */

struct locating {
	uint32_t path;
	struct arena *arena;
	const char *mount_uuid;
};

static int
read_mount(struct store_tx *tx, void *ctx, struct err *err)
{
	struct locating *locating = ctx;
	const char *path;

	return lease_path_of(tx, locating->path, locating->arena,
		&locating->mount_uuid, &path, err);
}

static const struct lease_hooks *
hooks_of(const struct mount *mount)
{
	return mount != NULL ? mount->type->lease_hooks : NULL;
}

int
takeback_locate(struct takeback *takeback, const struct lease *lease,
	struct arena *arena, struct subject *ret_subject, struct err *err)
{
	struct locating locating = { .path = lease->ref.path, .arena = arena };
	struct subject subject = { 0 };
	struct err ignored = { 0 };
	int rc =
		store_read(takeback->server->store, read_mount, &locating, err);

	if (rc != 0)
		return rc;
	subject.mount_uuid = locating.mount_uuid;
	subject.mount =
		mounts_find_uuid(takeback->server->mounts, locating.mount_uuid);
	if (hooks_of(subject.mount) == NULL ||
		hooks_of(subject.mount)
				->target(lease, arena, &subject.machine,
					&ignored) != 0)
		subject.machine = arena_printf(
			arena, "row %llu", (unsigned long long)lease->ref.row);
	*ret_subject = subject;
	return subject.machine != NULL ? 0 : err_set_memory(err);
}

/* As much as is kept of why a try failed, in characters that show. */
static void
copy_why(char out[LEASE_ERROR_MAX + 1], const struct err *err)
{
	const char *text =
		err->message[0] != '\0' ? err->message : "internal error";
	size_t i;

	for (i = 0; i < LEASE_ERROR_MAX && text[i] != '\0'; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = '\0';
}

/* Not each try: when it begins to fail, and when it is a matter for people. */
static bool
is_news(uint32_t attempts)
{
	return attempts == 1 || attempts == LEASE_MANY_ATTEMPTS;
}

/* It says nothing of the machine or the lease: not made, or cut off by us. */
static bool
was_no_try(const struct takeback *takeback, int rc)
{
	return rc == ERR_BUSY || rc == ERR_SEALED ||
		outbound_is_halted(takeback->server->outbound);
}

static int
take_back(struct takeback *takeback, const struct mount *mount,
	const struct lease *lease, struct arena *arena, struct err *err)
{
	struct server *server = takeback->server;
	char why[LEASE_ERROR_MAX + 1];
	int rc = hooks_of(mount)->take_back(server, mount, lease, arena, err);

	if (rc == 0) {
		takeback_tell(server, mount, lease, NULL);
	} else if (!was_no_try(takeback, rc) &&
		is_news(lease->takeback.attempts + 1)) {
		copy_why(why, err);
		takeback_tell(server, mount, lease, why);
	}
	return rc;
}

static int
call(struct takeback *takeback, const struct lease *lease, struct arena *arena,
	struct err *err)
{
	struct server *server = takeback->server;
	struct subject subject = { 0 };
	int rc = takeback_locate(takeback, lease, arena, &subject, err);

	if (rc == 0 && hooks_of(subject.mount) == NULL)
		rc = err_set(err, ERR_INTERNAL, 500,
			"nothing can take this lease back");
	else if (rc == 0)
		rc = take_back(takeback, subject.mount, lease, arena, err);
	mount_unref(server->mounts, &subject.mount);
	return rc;
}

/* 1, 2, 4, … 600 s, and up to a quarter on top, so that not all come at once.
 */
static int64_t
wait_s(uint32_t attempts)
{
	int64_t s = attempts < 10 ? INT64_C(1) << attempts : WAIT_MAX_S;

	if (s > WAIT_MAX_S)
		s = WAIT_MAX_S;
	return s + (int64_t)random_below((uint64_t)s / 4 + 1);
}

static void
log_failure(const struct machine *machine, uint32_t attempts, const char *why)
{
	if (is_news(attempts))
		log_warn(attempts == 1
				? "a lease could not be taken back; the queue goes on"
				: "a lease is irrevocable until its machine is mended or it is forced",
			LOG_STR("machine", machine->name),
			LOG_INT("attempts", attempts), LOG_STR("error", why));
}

/* The machine, not the row: all its rows wait as long as the oldest would. */
static void
note_off(struct machine *machine, uint32_t attempts, const char *why,
	int64_t now_s)
{
	if (machine->attempts < attempts)
		machine->attempts = attempts;
	machine->off_until_s = now_s + wait_s(machine->attempts);
	(void)snprintf(machine->why, sizeof(machine->why), "%s", why);
}

static int
note_failure(struct takeback *takeback, struct machine *machine,
	const struct lease *lease, int rc, const struct err *cause,
	struct err *err)
{
	const uint32_t attempts = lease->takeback.attempts;
	int64_t now_s = store_now_s(takeback->server->store);
	char why[LEASE_ERROR_MAX + 1];
	struct lease_failure failure = { .next_try_s = now_s + 1 };

	if (!was_no_try(takeback, rc)) {
		copy_why(why, cause);
		failure = (struct lease_failure){ why, now_s + wait_s(attempts),
			true };
		if (rc == ERR_PEER || rc == ERR_TIMEOUT) {
			lock_take(&takeback->mutex, &takeback_guard);
			note_off(machine, attempts, why, now_s);
			failure.next_try_s = machine->off_until_s;
			lock_give(&takeback->mutex, &takeback_guard);
		}
		atomic_fetch_add(&takeback->n_failed, 1);
		log_failure(machine, attempts + 1, why);
	}
	return lease_queue_failed(
		takeback->server->store, &lease->ref, 1, &failure, err);
}

int
takeback_try_row(struct takeback *takeback, struct machine *machine,
	struct rowref ref, bool is_forced, struct err *cause, struct err *err)
{
	struct store *store = takeback->server->store;
	struct lease_claim claim = {
		.ref = ref, .claim_s = CLAIM_S, .is_forced = is_forced
	};
	struct arena *arena = arena_new(TAKEBACK_MEMORY_MAX);
	int rc, called;

	if (arena == NULL)
		return err_set_memory(err);
	rc = lease_queue_claim(store, &claim, arena, err);
	if (rc == 0 && is_forced && claim.ret_waits)
		(void)err_set(cause, ERR_BUSY, 500,
			"it is being put there; it will be removed behind that");
	if (rc != 0 || !claim.ret_claimed)
		goto out;
	called = call(takeback, &claim.ret_lease, arena, cause);
	if (called != 0) {
		rc = note_failure(takeback, machine, &claim.ret_lease, called,
			cause, err);
		goto out;
	}
	atomic_fetch_add(&takeback->n_done, 1);
	rc = lease_queue_done(store, ref, err);
out:
	arena_free(&arena);
	return rc;
}

/* ---- a machine ---------------------------------------------------------- */

/* One that has rows and nobody; those that failed least come first. */
static struct machine *
take_machine(struct takeback *takeback)
{
	struct machine *best = NULL;

	lock_take(&takeback->mutex, &takeback_guard);
	for (struct machine *at = takeback->machines;
		at != NULL && !takeback->stopping; at = at->next) {
		if (!at->busy && at->n_waiting == 0 && at->n_refs > 0 &&
			(best == NULL || at->attempts < best->attempts))
			best = at;
	}
	if (best != NULL)
		best->busy = true;
	else if (!takeback->stopping)
		lock_wait(&takeback->work, &takeback->mutex, &takeback_guard);
	lock_give(&takeback->mutex, &takeback_guard);
	return best;
}

void
takeback_leave_machine(
	struct takeback *takeback, struct machine *machine, bool again)
{
	lock_take(&takeback->mutex, &takeback_guard);
	machine->busy = false;
	machine->n_refs = 0;
	machine->attempts = 0;
	takeback->noticed = takeback->noticed || again;
	pthread_cond_signal(&takeback->look);
	pthread_cond_broadcast(&takeback->work);
	lock_give(&takeback->mutex, &takeback_guard);
}

/* Somebody waits for the machine, or all of it is to end. */
static bool
is_wanted_back(struct takeback *takeback, const struct machine *machine)
{
	bool wanted;

	lock_take(&takeback->mutex, &takeback_guard);
	wanted = takeback->stopping || machine->n_waiting > 0;
	lock_give(&takeback->mutex, &takeback_guard);
	return wanted;
}

int
takeback_put_off(struct takeback *takeback, const struct machine *machine,
	const struct rowref *refs, size_t n, struct err *err)
{
	struct lease_failure failure = { machine->why, machine->off_until_s,
		true };

	return lease_queue_failed(
		takeback->server->store, refs, n, &failure, err);
}

/* Go through its rows, until one shows that the others may as well wait. */
static int
work_off(struct takeback *takeback, struct machine *machine, struct err *err)
{
	size_t i = 0;
	int rc = 0;

	while (rc == 0 && i < machine->n_refs &&
		!takeback_is_off(takeback, machine) &&
		!is_wanted_back(takeback, machine)) {
		struct err cause = { 0 };

		rc = takeback_try_row(takeback, machine, machine->refs[i++],
			false, &cause, err);
	}
	if (rc == 0 && i < machine->n_refs &&
		takeback_is_off(takeback, machine))
		rc = takeback_put_off(takeback, machine, machine->refs + i,
			machine->n_refs - i, err);
	return rc;
}

/*
 * What could not be written down is due as before: the next look, which comes
 * by itself, is soon enough to try again.
 */
static void
work_and_leave(struct takeback *takeback, struct machine *machine)
{
	struct err err = { 0 };
	int rc = work_off(takeback, machine, &err);

	lock_take(&takeback->mutex, &takeback_guard);
	log_failing(&takeback->stuck, rc != 0 && rc != ERR_SEALED ? &err : NULL,
		"the queue of leases to take back cannot be written",
		"the queue of leases to take back is written again");
	lock_give(&takeback->mutex, &takeback_guard);
	takeback_leave_machine(takeback, machine, rc == 0);
}

static void *
run_caller(void *arg)
{
	struct takeback *takeback = arg;
	bool stopping = false;

	while (!stopping) {
		struct machine *machine = take_machine(takeback);

		if (machine != NULL)
			work_and_leave(takeback, machine);
		lock_take(&takeback->mutex, &takeback_guard);
		stopping = takeback->stopping;
		lock_give(&takeback->mutex, &takeback_guard);
	}
	return NULL;
}

/* ---- looking ------------------------------------------------------------ */

static int
keep_lease(void *ctx, const struct lease *lease, UNUSED struct err *err)
{
	struct look *look = ctx;

	look->leases[look->n++] = *lease;
	return 0;
}

int
takeback_read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct look *look = ctx;

	look->n = 0;
	return lease_queue_rows(
		tx, &look->page, look->arena, keep_lease, look, err);
}

static int
read_due_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct look *look = ctx;

	look->page.until_s = tx_now_s(tx);
	return takeback_read_page(tx, look, err);
}

static int
sort_row(struct takeback *takeback, const struct lease *lease,
	struct arena *arena, struct err *err)
{
	struct subject subject = { 0 };
	struct machine *machine;
	int rc = takeback_locate(takeback, lease, arena, &subject, err);

	if (rc == 0) {
		lock_take(&takeback->mutex, &takeback_guard);
		machine = takeback_find_machine(
			takeback, subject.mount_uuid, subject.machine);
		if (machine == NULL)
			rc = err_set_memory(err);
		else if (!machine->busy)
			rc = add_ref(machine, lease, err);
		lock_give(&takeback->mutex, &takeback_guard);
	}
	mount_unref(takeback->server->mounts, &subject.mount);
	return rc;
}

static int
sort_page(struct takeback *takeback, struct look *look, struct err *err)
{
	int rc;

	look->arena = arena_new(TAKEBACK_MEMORY_MAX);
	if (look->arena != NULL)
		look->leases =
			ARENA_ARRAY(look->arena, struct lease, TAKEBACK_PAGE);
	rc = look->leases == NULL
		? err_set_memory(err)
		: store_read(takeback->server->store, read_due_page, look, err);
	for (size_t i = 0; rc == 0 && i < look->n; i++)
		rc = sort_row(takeback, &look->leases[i], look->arena, err);
	arena_free(&look->arena);
	look->leases = NULL;
	look->page.after = look->page.ret_end;
	return rc;
}

/* Sort all that is due by machines. */
static void
look_through(struct takeback *takeback)
{
	struct look look = { .page = { .limit = TAKEBACK_PAGE,
				     .ret_more = true } };
	struct err err = { 0 };
	int rc = 0;

	forget_found(takeback);
	for (size_t n = 0; rc == 0 && look.page.ret_more && n < LOOK_MAX;
		n += TAKEBACK_PAGE)
		rc = sort_page(takeback, &look, &err);
	log_failing(&takeback->failing,
		rc != 0 && rc != ERR_SEALED ? &err : NULL,
		"the queue of leases to take back cannot be read",
		"the queue of leases to take back is read again");
	lock_take(&takeback->mutex, &takeback_guard);
	pthread_cond_broadcast(&takeback->work);
	lock_give(&takeback->mutex, &takeback_guard);
}

/* Until somebody says so, or a second has passed. False: end. */
static bool
sleep_until_noticed(struct takeback *takeback)
{
	struct timespec until;
	bool goes_on;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	lock_take(&takeback->mutex, &takeback_guard);
	while (!takeback->stopping && !takeback->noticed &&
		lock_wait_until(&takeback->look, &takeback->mutex, &until,
			&takeback_guard) == 0)
		;
	takeback->noticed = false;
	goes_on = !takeback->stopping;
	lock_give(&takeback->mutex, &takeback_guard);
	return goes_on;
}

static void *
run_looker(void *arg)
{
	struct takeback *takeback = arg;

	do
		look_through(takeback);
	while (sleep_until_noticed(takeback));
	return NULL;
}

/* ---- start, stop, notice ------------------------------------------------ */

static int
start_thread(struct takeback *takeback, void *(*run)(void *arg))
	REQUIRES(takeback_guard)
{
	int errnum = pthread_create(
		&takeback->threads[takeback->n_threads], NULL, run, takeback);

	if (errnum == 0)
		takeback->n_threads++;
	return errnum;
}

int
takeback_start(struct takeback *takeback, struct err *err)
{
	sigset_t all, old;
	int errnum = 0;
	int rc = lease_queue_release(takeback->server->store, err);

	if (rc != 0)
		return rc;
	lock_take(&takeback->mutex, &takeback_guard);
	if (takeback->n_threads == 0) {
		takeback->stopping = false;
		takeback->failing = false;
		takeback->stuck = false;
		sigfillset(&all);
		(void)pthread_sigmask(SIG_SETMASK, &all, &old);
		errnum = start_thread(takeback, run_looker);
		while (errnum == 0 && takeback->n_threads < TAKEBACK_THREADS)
			errnum = start_thread(takeback, run_caller);
		(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	lock_give(&takeback->mutex, &takeback_guard);
	if (errnum == 0)
		return 0;
	takeback_stop(takeback);
	errno = errnum;
	return err_set_errno(err, "threads that take leases back");
}

void
takeback_stop(struct takeback *takeback)
{
	size_t n;

	lock_take(&takeback->mutex, &takeback_guard);
	n = takeback->n_threads;
	takeback->n_threads = 0;
	takeback->stopping = true;
	pthread_cond_broadcast(&takeback->look);
	pthread_cond_broadcast(&takeback->work);
	lock_give(&takeback->mutex, &takeback_guard);
	for (size_t i = 0; i < n; i++)
		pthread_join(takeback->threads[i], NULL);
}

void
takeback_notice(struct takeback *takeback)
{
	lock_take(&takeback->mutex, &takeback_guard);
	takeback->noticed = true;
	pthread_cond_signal(&takeback->look);
	lock_give(&takeback->mutex, &takeback_guard);
}

void
takeback_count(struct takeback *takeback, struct takeback_counts *ret_counts)
{
	ret_counts->n_done = atomic_load(&takeback->n_done);
	ret_counts->n_failed = atomic_load(&takeback->n_failed);
}
