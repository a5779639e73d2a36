/* What others ask of the queue: a row now, all below a prefix, a machine again.
 */
#include "server/core/takeback_ask.h"

#include <string.h>

#include "lib/blocking.h"
#include "server/core/mount.h"
#include "server/core/server.h"
#include "server/core/takeback.h"
#include "server/core/takeback_inside.h"

#define BELOW_PAGE 64

/* ---- for whoever waits -------------------------------------------------- */

/* Wait for one's turn. *ret_waited: somebody else had it before. */
static struct machine *
wait_for_machine(struct takeback *takeback, const struct subject *subject,
	bool *ret_waited)
{
	struct machine *machine;

	*ret_waited = false;
	blocking_begin();
	lock_take(&takeback->mutex, &takeback_guard);
	machine = takeback_find_machine(
		takeback, subject->mount_uuid, subject->machine);
	if (machine != NULL) {
		machine->n_waiting++;
		while (machine->busy) {
			*ret_waited = true;
			lock_wait(&takeback->work, &takeback->mutex,
				&takeback_guard);
		}
		machine->n_waiting--;
		machine->busy = true;
	}
	lock_give(&takeback->mutex, &takeback_guard);
	blocking_end();
	return machine;
}

struct probing {
	struct rowref ref;
	struct arena *arena;
	bool queued;
	struct lease lease;
};

static int
probe(struct store_tx *tx, void *ctx, struct err *err)
{
	struct probing *probing = ctx;
	int rc = lease_get(
		tx, probing->ref, probing->arena, &probing->lease, err);

	probing->queued = rc == 0 && lease_is_queued(&probing->lease);
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return 0;
}

/*
 * Whoever waited while the machine proved to be of no use has had his try: it
 * was the one before.
 */
static int
try_now(struct takeback *takeback, struct machine *machine, struct rowref ref,
	bool waited, struct err *err)
{
	struct err cause = { 0 };
	int rc;

	if (waited && takeback_is_off(takeback, machine)) {
		rc = takeback_put_off(takeback, machine, &ref, 1, err);
		return rc != 0
			? rc
			: err_set(err, ERR_PEER, 500, "%s", machine->why);
	}
	machine->off_until_s = 0;
	rc = takeback_try_row(takeback, machine, ref, true, &cause, err);
	if (rc == 0 && cause.code != 0) {
		*err = cause;
		rc = cause.code;
	}
	return rc;
}

int
takeback_now(struct takeback *takeback, struct rowref ref, struct err *err)
{
	struct probing probing = { .ref = ref,
		.arena = arena_new(TAKEBACK_MEMORY_MAX) };
	struct subject subject = { 0 };
	struct machine *machine;
	bool waited;
	int rc;

	if (probing.arena == NULL)
		return err_set_memory(err);
	rc = store_read(takeback->server->store, probe, &probing, err);
	if (rc != 0 || !probing.queued)
		goto out;
	rc = takeback_locate(
		takeback, &probing.lease, probing.arena, &subject, err);
	if (rc != 0)
		goto out;
	machine = wait_for_machine(takeback, &subject, &waited);
	if (machine == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	rc = try_now(takeback, machine, ref, waited, err);
	takeback_leave_machine(takeback, machine, true);
out:
	mount_unref(takeback->server->mounts, &subject.mount);
	arena_free(&probing.arena);
	return rc;
}

int
takeback_below(struct takeback *takeback, const char *mount_uuid,
	const char *prefix, int64_t end_ns, struct err *err)
{
	const struct clock *clock = takeback->server->clock;
	struct rowref refs[BELOW_PAGE];
	size_t n = BELOW_PAGE;
	int rc = 0;

	takeback_notice(takeback);
	while (rc == 0 && n > 0) {
		rc = lease_queue_below(takeback->server->store, mount_uuid,
			prefix, BELOW_PAGE, refs, &n, err);
		for (size_t i = 0; rc == 0 && i < n; i++) {
			if (clock_boot_ns(clock) > end_ns)
				return err_set(err, ERR_TIMEOUT, 500,
					"leases are still being taken back");
			rc = takeback_now(takeback, refs[i], err);
		}
	}
	return rc;
}

/* ---- for whoever mends -------------------------------------------------- */

/* A machine, and the rows of a page that wait for it. */
struct mended {
	const char *mount_uuid, *machine;
	struct rowref *refs;
	size_t n;
};

/* One that is being tried, or put there, is left to whoever does. */
static int
note_waiting(struct takeback *takeback, struct mended *mended,
	const struct lease *lease, struct err *err)
{
	struct arena *arena = arena_new(TAKEBACK_MEMORY_MAX);
	struct subject subject = { 0 };
	int rc = 0;

	if (arena == NULL)
		return err_set_memory(err);
	if (!lease->takeback.is_claimed && !lease->takeback.is_installing)
		rc = takeback_locate(takeback, lease, arena, &subject, err);
	if (rc == 0 && subject.machine != NULL &&
		strcmp(subject.machine, mended->machine) == 0 &&
		strcmp(subject.mount_uuid, mended->mount_uuid) == 0)
		mended->refs[mended->n++] = lease->ref;
	mount_unref(takeback->server->mounts, &subject.mount);
	arena_free(&arena);
	return rc;
}

static int
hurry_page(struct takeback *takeback, struct look *look, struct mended *mended,
	struct err *err)
{
	struct store *store = takeback->server->store;
	const struct lease_failure none = { .next_try_s = store_now_s(store) };
	int rc;

	look->leases = ARENA_ARRAY(look->arena, struct lease, TAKEBACK_PAGE);
	mended->refs = ARENA_ARRAY(look->arena, struct rowref, TAKEBACK_PAGE);
	mended->n = 0;
	if (look->leases == NULL || mended->refs == NULL)
		return err_set_memory(err);
	rc = store_read(store, takeback_read_page, look, err);
	for (size_t i = 0; rc == 0 && i < look->n; i++)
		rc = note_waiting(takeback, mended, &look->leases[i], err);
	return rc != 0 || mended->n == 0
		? rc
		: lease_queue_failed(
			  store, mended->refs, mended->n, &none, err);
}

static void
forget_off(struct takeback *takeback, const struct mended *mended)
{
	lock_take(&takeback->mutex, &takeback_guard);
	for (struct machine *at = takeback->machines; at != NULL;
		at = at->next) {
		if (strcmp(at->name, mended->machine) == 0 &&
			strcmp(at->mount_uuid, mended->mount_uuid) == 0)
			at->off_until_s = 0;
	}
	lock_give(&takeback->mutex, &takeback_guard);
}

int
takeback_again(struct takeback *takeback, const char *mount_uuid,
	const char *machine, struct err *err)
{
	struct mended mended = { .mount_uuid = mount_uuid, .machine = machine };
	struct look look = { .page = { .until_s = INT64_MAX,
				     .limit = TAKEBACK_PAGE,
				     .ret_more = true } };
	int rc = 0;

	forget_off(takeback, &mended);
	while (rc == 0 && look.page.ret_more) {
		look.arena = arena_new(TAKEBACK_MEMORY_MAX);
		rc = look.arena == NULL
			? err_set_memory(err)
			: hurry_page(takeback, &look, &mended, err);
		arena_free(&look.arena);
		look.page.after = look.page.ret_end;
	}
	takeback_notice(takeback);
	return rc;
}
