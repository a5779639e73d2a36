/*
 * Rows of what lies on other machines: nothing that ends a row deletes them,
 * all of it queues them, and the queue survives.
 */
#include <string.h>

#include "storage/lease_row.h"
#include "tests/unit/storage/rows.h"

#define INSTALL_S 60 /* an install is over after so long */

static const struct rowref no_owner = { 0, 0 };

static struct lease
new_dynamic(struct rows *rows, const char *path, struct rowref owner,
	enum lease_state state)
{
	struct lease lease = rows_new_otp(rows, path, owner, 600);

	lease.kind = LEASE_DYNAMIC;
	lease.state = state;
	if (state == LEASE_INSTALLING)
		lease.takeback.next_try_s = rows_now_s(rows) + INSTALL_S;
	return lease;
}

static struct rowref
add_dynamic(struct rows *rows, const char *path, struct rowref owner)
{
	struct lease lease = new_dynamic(rows, path, owner, LEASE_LIVE);

	assert_int_equal(rows_insert(rows, &lease), 0);
	return lease.ref;
}

static struct lease
get(struct rows *rows, struct rowref ref)
{
	struct lease lease;

	assert_int_equal(rows_get(rows, ref, &lease), 0);
	return lease;
}

/* Queued once, found by nothing else. */
static void
assert_queued(struct rows *rows, size_t n)
{
	assert_int_equal(rows_count_keys(rows, "queue/"), n);
	assert_int_equal(rows_count_keys(rows, "own/"), 0);
	assert_int_equal(rows_count_due(rows), 0);
}

static void
expire(struct rows *rows)
{
	int64_t next_s;

	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
}

/* ---- what ends a row ---------------------------------------------------- */

static void
end_by_expiry(struct rows *rows, struct rowref ref, struct rowref owner)
{
	(void)ref;
	(void)owner;
	rows_wait(rows, 600);
	expire(rows);
}

static void
end_by_revoke(struct rows *rows, struct rowref ref, struct rowref owner)
{
	(void)owner;
	assert_int_equal(
		lease_revoke_tree(rows->store, ref, rows_err(rows)), 0);
}

static void
end_by_token(struct rows *rows, struct rowref ref, struct rowref owner)
{
	(void)ref;
	assert_int_equal(
		lease_revoke_tree(rows->store, owner, rows_err(rows)), 0);
}

static void
end_by_prefix(struct rows *rows, struct rowref ref, struct rowref owner)
{
	(void)ref;
	(void)owner;
	assert_int_equal(lease_revoke_prefix(
				 rows->store, MOUNT, "creds", rows_err(rows)),
		0);
}

static int
mark(struct store_tx *tx, void *ctx, struct err *err)
{
	struct lease *lease = ctx, copy = *lease;

	return lease_mark_revoking(tx, &copy, err);
}

static void
end_by_mark(struct rows *rows, struct rowref ref, struct rowref owner)
{
	struct lease lease = get(rows, ref);

	(void)owner;
	assert_int_equal(
		store_write(rows->store, mark, &lease, rows_err(rows)), 0);
}

static void (*const ends[])(
	struct rows *rows, struct rowref ref, struct rowref owner) = {
	end_by_expiry,
	end_by_revoke,
	end_by_token,
	end_by_prefix,
	end_by_mark,
};

static void
whatever_ends_a_row_queues_it_for_now(void **state)
{
	struct rows *rows = *state;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct rowref owner = rows_add_token(rows, no_owner, 3600);
		struct rowref ref = add_dynamic(rows, "creds/web", owner);
		struct lease lease;

		ends[i](rows, ref, owner);
		lease = get(rows, ref);
		assert_int_equal(lease.state, LEASE_REVOKING);
		assert_int_equal(lease.owner.row, 0);
		assert_int_equal(lease.takeback.next_try_s, rows_now_s(rows));
		/* Again, from all sides: it stays, and stays where it is. */
		rows_wait(rows, 1);
		for (size_t j = 0; j < ARRAY_LEN(ends); j++)
			ends[j](rows, ref, owner);
		lease_revoke_tree(rows->store, owner, rows_err(rows));
		assert_int_equal(get(rows, ref).takeback.next_try_s,
			lease.takeback.next_try_s);
		assert_queued(rows, 1);
		assert_int_equal(
			lease_queue_done(rows->store, ref, rows_err(rows)), 0);
		assert_queued(rows, 0);
		assert_int_equal(rows_count_keys(rows, "row/"), 0);
	}
}

/* A thing that is on its way cannot be removed before it is there. */
static void
an_install_that_is_revoked_is_taken_back_behind_its_end(void **state)
{
	struct rows *rows = *state;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct rowref owner = rows_add_token(rows, no_owner, 3600);
		struct lease lease =
			new_dynamic(rows, "creds/web", owner, LEASE_INSTALLING);
		int64_t over_s = lease.takeback.next_try_s;

		assert_int_equal(rows_insert(rows, &lease), 0);
		ends[i](rows, lease.ref, owner);
		if (over_s < rows_now_s(rows))
			over_s = rows_now_s(rows);
		lease = get(rows, lease.ref);
		assert_int_equal(lease.state, LEASE_REVOKING);
		assert_int_equal(lease.takeback.next_try_s, over_s);
		lease_revoke_tree(rows->store, owner, rows_err(rows));
		assert_queued(rows, 1);
		assert_int_equal(lease_queue_done(rows->store, lease.ref,
					 rows_err(rows)),
			0);
	}
}

static void
an_install_that_never_ended_is_taken_back(void **state)
{
	struct rows *rows = *state;
	struct lease lease =
		new_dynamic(rows, "creds/web", no_owner, LEASE_INSTALLING);

	assert_int_equal(rows_insert(rows, &lease), 0);
	rows_wait(rows, INSTALL_S - 1);
	expire(rows);
	assert_int_equal(rows_state(rows, lease.ref), LEASE_INSTALLING);
	rows_wait(rows, 1);
	expire(rows);
	assert_int_equal(rows_state(rows, lease.ref), LEASE_REVOKING);
	assert_queued(rows, 1);
}

struct ending {
	struct rows *rows;
	const struct lease *lease;
	bool good, live;
};

static int
end_install(struct store_tx *tx, void *ctx, struct err *err)
{
	struct ending *ending = ctx;

	return lease_end_install(tx, ending->lease, ending->good,
		ending->rows->arena, &ending->live, err);
}

static bool
ended_live(struct rows *rows, const struct lease *lease, bool good)
{
	struct ending ending = { rows, lease, good, false };

	assert_int_equal(
		store_write(rows->store, end_install, &ending, rows_err(rows)),
		0);
	return ending.live;
}

static void
a_row_is_live_once_its_install_ended_well(void **state)
{
	struct rows *rows = *state;
	struct lease lease =
		new_dynamic(rows, "creds/web", no_owner, LEASE_INSTALLING);

	assert_int_equal(rows_insert(rows, &lease), 0);
	assert_true(ended_live(rows, &lease, true));
	assert_int_equal(rows_state(rows, lease.ref), LEASE_LIVE);
	rows_wait(rows, INSTALL_S);
	expire(rows);
	assert_int_equal(rows_state(rows, lease.ref), LEASE_LIVE);
	rows_wait(rows, 600 - INSTALL_S);
	expire(rows);
	assert_queued(rows, 1);
}

static void
an_install_that_failed_or_came_late_is_queued_for_now(void **state)
{
	struct rows *rows = *state;
	struct lease lease;

	/* 0: it failed; 1: revoked meanwhile; 2: forced away meanwhile. */
	for (int i = 0; i < 3; i++) {
		lease = new_dynamic(
			rows, "creds/web", no_owner, LEASE_INSTALLING);
		assert_int_equal(rows_insert(rows, &lease), 0);
		if (i > 0)
			end_by_revoke(rows, lease.ref, no_owner);
		if (i > 1)
			assert_int_equal(lease_force(rows->store, lease.ref,
						 rows_err(rows)),
				0);
		assert_false(ended_live(rows, &lease, i > 0));
		assert_int_equal(get(rows, lease.ref).state, LEASE_REVOKING);
		assert_int_equal(get(rows, lease.ref).takeback.next_try_s,
			rows_now_s(rows));
		assert_queued(rows, 1);
		assert_int_equal(lease_queue_done(rows->store, lease.ref,
					 rows_err(rows)),
			0);
	}
}

/* ---- the queue ---------------------------------------------------------- */

static bool
claim(struct rows *rows, struct rowref ref, bool is_forced,
	struct lease *ret_lease)
{
	struct lease_claim claim = {
		.ref = ref, .claim_s = 120, .is_forced = is_forced
	};

	assert_int_equal(lease_queue_claim(rows->store, &claim, rows->arena,
				 rows_err(rows)),
		0);
	*ret_lease = claim.ret_lease;
	return claim.ret_claimed;
}

static void
put_off(struct rows *rows, struct rowref ref, const char *why, int64_t wait_s)
{
	struct lease_failure failure = {
		.why = why,
		.next_try_s = rows_now_s(rows) + wait_s,
		.counts = true,
	};

	assert_int_equal(lease_queue_failed(rows->store, &ref, 1, &failure,
				 rows_err(rows)),
		0);
}

struct again {
	struct rows *rows;
	const struct lease *lease;
	struct lease_again again;
	bool is_there, live;
};

static int
begin_again(struct store_tx *tx, void *ctx, struct err *err)
{
	struct again *again = ctx;

	again->again.over_s = tx_now_s(tx) + INSTALL_S;
	return lease_begin_renewal(
		tx, again->lease, &again->again, again->rows->arena, err);
}

static int
end_again(struct store_tx *tx, void *ctx, struct err *err)
{
	struct again *again = ctx;

	return lease_end_renewal(tx, again->lease, &again->again,
		again->is_there, again->rows->arena, &again->live, err);
}

static void
begin_renewal(struct again *again)
{
	assert_int_equal(store_write(again->rows->store, begin_again, again,
				 rows_err(again->rows)),
		0);
}

static bool
renewed_live(struct again *again)
{
	assert_int_equal(store_write(again->rows->store, end_again, again,
				 rows_err(again->rows)),
		0);
	return again->live;
}

/* What is put there again cannot be removed before it is there. */
static void
a_renewal_that_is_revoked_is_taken_back_behind_its_end(void **state)
{
	struct rows *rows = *state;
	struct lease lease;

	/* 0: it ends; 1: nothing came; 2: its server died. */
	for (int i = 0; i < 3; i++) {
		struct again again = { rows, &lease, { 0 }, i == 0, true };
		int64_t over_s = i == 2 ? INSTALL_S : 0;

		lease = new_dynamic(rows, "creds/web", no_owner, LEASE_LIVE);
		assert_int_equal(rows_insert(rows, &lease), 0);
		begin_renewal(&again);
		assert_int_equal(rows_state(rows, lease.ref), LEASE_LIVE);
		end_by_revoke(rows, lease.ref, no_owner);
		assert_int_equal(get(rows, lease.ref).takeback.next_try_s,
			rows_now_s(rows) + INSTALL_S);
		assert_true(get(rows, lease.ref).takeback.is_installing);
		if (i < 2)
			assert_false(renewed_live(&again));
		assert_int_equal(get(rows, lease.ref).takeback.next_try_s,
			rows_now_s(rows) + over_s);
		assert_int_equal(
			get(rows, lease.ref).takeback.is_installing, i == 2);
		assert_int_equal(lease_queue_done(rows->store, lease.ref,
					 rows_err(rows)),
			0);
	}
}

static void
renewals_that_meet_are_all_waited_for(void **state)
{
	struct rows *rows = *state;
	struct lease lease;

	/* Whichever ends first, the row waits for the other one. */
	for (int i = 0; i < 2; i++) {
		struct again both[2] = { { rows, &lease, { 0 }, true, false },
			{ rows, &lease, { 0 }, true, false } };

		lease = new_dynamic(rows, "creds/web", no_owner, LEASE_LIVE);
		assert_int_equal(rows_insert(rows, &lease), 0);
		begin_renewal(&both[0]);
		begin_renewal(&both[1]);
		assert_true(renewed_live(&both[i]));
		end_by_revoke(rows, lease.ref, no_owner);
		assert_true(get(rows, lease.ref).takeback.is_installing);
		assert_false(renewed_live(&both[1 - i]));
		/* The last to begin knows not whether the first has ended. */
		assert_int_equal(
			get(rows, lease.ref).takeback.is_installing, i == 0);
		assert_in_range(get(rows, lease.ref).takeback.next_try_s,
			rows_now_s(rows), rows_now_s(rows) + INSTALL_S);
		assert_int_equal(lease_queue_done(rows->store, lease.ref,
					 rows_err(rows)),
			0);
	}
}

static void
a_renewal_that_is_over_delays_nobody(void **state)
{
	struct rows *rows = *state;
	struct lease lease =
		new_dynamic(rows, "creds/web", no_owner, LEASE_LIVE);
	struct again again = { rows, &lease, { 0 }, true, false };

	assert_int_equal(rows_insert(rows, &lease), 0);
	begin_renewal(&again);
	assert_true(renewed_live(&again));
	end_by_revoke(rows, lease.ref, no_owner);
	assert_int_equal(
		get(rows, lease.ref).takeback.next_try_s, rows_now_s(rows));
	/* Forced away, it is put back by what came all the same. */
	again.live = true;
	assert_int_equal(
		lease_force(rows->store, lease.ref, rows_err(rows)), 0);
	assert_false(renewed_live(&again));
	assert_queued(rows, 1);
	assert_int_equal(
		store_write(rows->store, begin_again, &again, rows_err(rows)),
		ERR_INPUT);
}

static void
one_claim_wins_and_is_over_in_time(void **state)
{
	struct rows *rows = *state;
	struct rowref ref = add_dynamic(rows, "creds/web", no_owner);
	struct lease lease;

	assert_false(claim(rows, ref, true, &lease)); /* it is live */
	end_by_revoke(rows, ref, no_owner);
	assert_true(claim(rows, ref, false, &lease));
	assert_true(
		span_equal(lease.data, span_str("{\"username\":\"ubuntu\"}")));
	assert_false(claim(rows, ref, false, &lease));
	rows_wait(rows, 119);
	assert_false(claim(rows, ref, false, &lease));
	assert_true(claim(rows, ref, true, &lease));
	rows_wait(rows, 120);
	assert_true(claim(rows, ref, false, &lease));
	assert_queued(rows, 1);
}

/* What was claimed when its server ended is due; all else stays as it was. */
static void
claims_of_a_dead_server_are_released(void **state)
{
	struct rows *rows = *state;
	struct lease fresh =
		new_dynamic(rows, "creds/web", no_owner, LEASE_INSTALLING);
	const struct rowref claimed = add_dynamic(rows, "creds/web", no_owner);
	const struct rowref failed = add_dynamic(rows, "creds/web", no_owner);
	struct lease lease;

	assert_int_equal(rows_insert(rows, &fresh), 0);
	end_by_prefix(rows, claimed, no_owner);
	put_off(rows, claimed, "no route to host", 0);
	put_off(rows, failed, "no route to host", 0);
	assert_true(claim(rows, claimed, false, &lease));
	assert_true(claim(rows, failed, false, &lease));
	put_off(rows, failed, "no route to host", 500);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			lease_queue_release(rows->store, rows_err(rows)), 0);
		lease = get(rows, claimed);
		assert_int_equal(lease.takeback.next_try_s, rows_now_s(rows));
		assert_int_equal(lease.takeback.attempts, 1);
		assert_false(lease.takeback.is_claimed);
		lease = get(rows, failed);
		assert_int_equal(
			lease.takeback.next_try_s, rows_now_s(rows) + 500);
		assert_int_equal(lease.takeback.attempts, 2);
		lease = get(rows, fresh.ref);
		assert_true(lease.takeback.is_installing);
		assert_int_equal(lease.takeback.next_try_s,
			rows_now_s(rows) + INSTALL_S);
	}
	assert_true(claim(rows, claimed, false, &lease));
	assert_false(claim(rows, failed, false, &lease));
	assert_false(claim(rows, fresh.ref, true, &lease));
	assert_queued(rows, 3);
}

/* More of them than a page holds, all of the same second. */
static void
claims_are_released_however_many_there_are(void **state)
{
	enum { N = 1100 };
	struct rows *rows = *state;
	struct rowref refs[N];
	struct lease lease;

	for (int i = 0; i < N; i++) {
		refs[i] = add_dynamic(rows, "creds/web", no_owner);
		end_by_mark(rows, refs[i], no_owner);
		assert_true(claim(rows, refs[i], false, &lease));
	}
	assert_int_equal(lease_queue_release(rows->store, rows_err(rows)), 0);
	for (int i = 0; i < N; i++)
		assert_true(claim(rows, refs[i], false, &lease));
}

static void
a_failure_is_kept_with_its_cause(void **state)
{
	struct rows *rows = *state;
	struct rowref ref = add_dynamic(rows, "creds/web", no_owner);
	char lengthy[LEASE_ERROR_MAX + 100];
	struct lease lease;

	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	end_by_revoke(rows, ref, no_owner);
	put_off(rows, ref, "no route to host", 4);
	lease = get(rows, ref);
	assert_int_equal(lease.takeback.attempts, 1);
	assert_int_equal(lease.takeback.next_try_s, rows_now_s(rows) + 4);
	assert_true(
		span_equal(lease.takeback.why, span_str("no route to host")));
	put_off(rows, ref, lengthy, 8);
	lease = get(rows, ref);
	assert_int_equal(lease.takeback.attempts, 2);
	assert_int_equal(lease.takeback.why.len, LEASE_ERROR_MAX);
	assert_true(
		span_equal(lease.data, span_str("{\"username\":\"ubuntu\"}")));
	assert_queued(rows, 1);
}

struct looking {
	struct rows *rows;
	struct lease_queue_page page;
	uint64_t seen[16];
	size_t n;
};

static int
see(void *ctx, const struct lease *lease, struct err *err)
{
	struct looking *looking = ctx;

	(void)err;
	looking->seen[looking->n++] = lease->ref.row;
	return 0;
}

static int
look(struct store_tx *tx, void *ctx, struct err *err)
{
	struct looking *looking = ctx;

	looking->n = 0;
	return lease_queue_rows(
		tx, &looking->page, looking->rows->arena, see, looking, err);
}

/* However large a row could be made, why it stays is written into it. */
static void
a_failure_of_the_largest_row_is_kept_too(void **state)
{
	struct rows *rows = *state;
	static uint8_t bytes[65536];
	char why[LEASE_ERROR_MAX + 1] = "";
	struct lease lease =
		new_dynamic(rows, "creds/web", no_owner, LEASE_LIVE);
	size_t len = sizeof(bytes);

	do
		lease.data = span_of(bytes, len--);
	while (rows_insert(rows, &lease) != 0);
	assert_in_range(len, 60000, sizeof(bytes) - 2);
	end_by_revoke(rows, lease.ref, no_owner);
	memset(why, 'x', LEASE_ERROR_MAX);
	put_off(rows, lease.ref, why, 60);
	assert_int_equal(get(rows, lease.ref).takeback.attempts, 1);
}

static void
the_queue_is_read_in_order_of_time_page_by_page(void **state)
{
	static const int64_t waits_s[] = { 30, 10, 20, 5, 40 };
	static const size_t order[] = { 3, 1, 2, 0 };
	struct rows *rows = *state;
	struct looking looking = { .rows = rows,
		.page = { .until_s = rows_now_s(rows) + 30,
			.limit = 3,
			.ret_more = true } };
	struct rowref refs[5];
	size_t n = 0;

	for (size_t i = 0; i < 5; i++) {
		refs[i] = add_dynamic(
			rows, i % 2 == 0 ? "creds/a" : "creds/b", no_owner);
		end_by_revoke(rows, refs[i], no_owner);
		put_off(rows, refs[i], "down", waits_s[i]);
	}
	while (looking.page.ret_more) {
		assert_int_equal(
			store_read(rows->store, look, &looking, rows_err(rows)),
			0);
		for (size_t i = 0; i < looking.n; i++)
			assert_int_equal(looking.seen[i], refs[order[n++]].row);
		looking.page.after = looking.page.ret_end;
	}
	assert_int_equal(n, 4);
}

static struct lease_queue_size
size_of(struct rows *rows, const char *mount)
{
	struct lease_queue_size size;

	assert_int_equal(
		lease_queue_size(rows->store, mount, &size, rows_err(rows)), 0);
	return size;
}

static void
rows_of_many_failures_are_irrevocable_too(void **state)
{
	struct rows *rows = *state;
	struct rowref ref = add_dynamic(rows, "creds/web", no_owner);

	end_by_revoke(rows, ref, no_owner);
	for (uint64_t i = 1; i < 9; i++) {
		put_off(rows, ref, "down", 1);
		assert_int_equal(size_of(rows, NULL).n_pending, 1);
		assert_int_equal(size_of(rows, MOUNT).n_irrevocable, i >= 6);
		assert_int_equal(size_of(rows, MOUNT_2).n_pending, 0);
	}
}

static void
force_ends_what_lies_below_a_prefix(void **state)
{
	struct rows *rows = *state;
	struct rowref refs[8];
	size_t n = 0;

	for (int i = 0; i < 1200; i++)
		end_by_revoke(rows,
			add_dynamic(rows,
				i % 2 == 0 ? "creds/web" : "creds/web2",
				no_owner),
			no_owner);
	(void)add_dynamic(rows, "creds/web", no_owner); /* live */
	assert_int_equal(lease_queue_below(rows->store, MOUNT, "creds/web/", 8,
				 refs, &n, rows_err(rows)),
		0);
	assert_int_equal(n, 8);
	assert_int_equal(lease_force_prefix(rows->store, MOUNT, "creds/web",
				 rows_err(rows)),
		0);
	assert_int_equal(size_of(rows, MOUNT).n_pending, 600);
	assert_int_equal(rows_count_keys(rows, "row/"), 601);
	assert_int_equal(
		lease_force_prefix(rows->store, MOUNT_2, "", rows_err(rows)),
		0);
	assert_int_equal(size_of(rows, MOUNT).n_pending, 600);
	assert_int_equal(
		lease_force_prefix(rows->store, MOUNT, "", rows_err(rows)), 0);
	assert_int_equal(size_of(rows, MOUNT).n_pending, 0);
}

/* More than a page of rows that stay, with others between them. */
static void
a_sweep_passes_by_what_is_queued(void **state)
{
	struct rows *rows = *state;

	for (int i = 0; i < 1100; i++) {
		(void)add_dynamic(rows, "creds/web", no_owner);
		if (i % 100 == 0)
			rows_add_otp(rows, "creds/web", no_owner, 600);
	}
	for (int i = 0; i < 2; i++) {
		end_by_prefix(rows, no_owner, no_owner);
		assert_queued(rows, 1100);
		assert_int_equal(rows_count_keys(rows, "row/"), 1100);
	}
}

static void
a_big_token_is_ended_in_steps(void **state)
{
	struct rows *rows = *state;
	struct rowref token = rows_add_token(rows, no_owner, 3600);

	for (int i = 0; i < 1100; i++)
		(void)add_dynamic(rows, "creds/web", token);
	end_by_token(rows, no_owner, token);
	assert_queued(rows, 1100);
	assert_int_equal(rows_state(rows, token), 0);
}

static void
a_row_that_cannot_be_read_stops_nobody(void **state)
{
	struct rows *rows = *state;
	struct rowref token = rows_add_token(rows, no_owner, 3600);
	struct rowref bad = add_dynamic(rows, "creds/web", token);
	struct rowref good = add_dynamic(rows, "creds/web", token);
	struct row_key key = row_key(bad);
	struct looking looking = { .rows = rows,
		.page = { .until_s = INT64_MAX, .limit = 10 } };

	assert_int_equal(rows_put_raw(rows, row_key_span(&key),
				 span_str("no row of ours")),
		0);
	end_by_token(rows, no_owner, token);
	assert_int_equal(rows_state(rows, token), 0);
	assert_int_equal(rows_count_keys(rows, "own/"), 0);
	assert_int_equal(rows_state(rows, good), LEASE_REVOKING);
	/* It may be mended, and is due then. */
	assert_int_equal(rows_count_due(rows), 1);
	assert_int_equal(rows_count_keys(rows, "row/"), 2);
	key = row_key(good);
	assert_int_equal(rows_put_raw(rows, row_key_span(&key),
				 span_str("no row of ours")),
		0);
	assert_int_equal(
		store_read(rows->store, look, &looking, rows_err(rows)), 0);
	assert_int_equal(looking.n, 0);
}

static void
they_are_counted_as_leases(void **state)
{
	struct rows *rows = *state;
	uint64_t n = 0;

	(void)add_dynamic(rows, "creds/web", no_owner);
	end_by_revoke(rows, add_dynamic(rows, "creds/web", no_owner), no_owner);
	assert_int_equal(lease_count(rows->store, &n, rows_err(rows)), 0);
	assert_int_equal(n, 2);
}

#define EACH(test)                                                             \
	cmocka_unit_test_setup_teardown(test, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(whatever_ends_a_row_queues_it_for_now),
		EACH(an_install_that_is_revoked_is_taken_back_behind_its_end),
		EACH(an_install_that_never_ended_is_taken_back),
		EACH(a_row_is_live_once_its_install_ended_well),
		EACH(an_install_that_failed_or_came_late_is_queued_for_now),
		EACH(a_renewal_that_is_revoked_is_taken_back_behind_its_end),
		EACH(renewals_that_meet_are_all_waited_for),
		EACH(a_renewal_that_is_over_delays_nobody),
		EACH(one_claim_wins_and_is_over_in_time),
		EACH(claims_of_a_dead_server_are_released),
		EACH(claims_are_released_however_many_there_are),
		EACH(a_failure_is_kept_with_its_cause),
		EACH(a_failure_of_the_largest_row_is_kept_too),
		EACH(the_queue_is_read_in_order_of_time_page_by_page),
		EACH(rows_of_many_failures_are_irrevocable_too),
		EACH(force_ends_what_lies_below_a_prefix),
		EACH(a_sweep_passes_by_what_is_queued),
		EACH(a_big_token_is_ended_in_steps),
		EACH(a_row_that_cannot_be_read_stops_nobody),
		EACH(they_are_counted_as_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
