/*
 * Time: renewals against a model, in random steps on a clock by hand
 * (reliability.md L13).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/random.h"
#include "tests/support/figures.h"
#include "tests/unit/storage/rows.h"

static const struct rowref no_owner = { 0, 0 };

struct renewing {
	struct rows *rows;
	struct rowref ref;
	struct lease_renewal renewal;
	bool live;           /* just before */
	struct lease before; /* as it was read */
	struct lease after;
	int64_t max_s; /* -1: as stored */
};

static int
renew(struct store_tx *tx, void *ctx, struct err *err)
{
	struct renewing *renewing = ctx;
	struct arena *arena = arena_new(ARENA_CHUNK);
	int rc = lease_get(tx, renewing->ref, arena, &renewing->before, err);

	if (rc == 0) {
		renewing->live = lease_is_live(tx, &renewing->before);
		renewing->after = renewing->before;
		if (renewing->max_s >= 0)
			renewing->after.max_s = renewing->max_s;
		rc = lease_renew(tx, &renewing->after, &renewing->renewal, err);
	}
	if (rc == 0)
		rc = lease_update(tx, &renewing->before, &renewing->after, err);
	renewing->before.data = renewing->after.data = SPAN_NONE;
	arena_free(&arena);
	return rc;
}

static int
try_renewal(struct renewing *renewing)
{
	return store_write(renewing->rows->store, renew, renewing,
		rows_err(renewing->rows));
}

static struct renewing
renewing_new(struct rows *rows, int64_t ttl_s, int64_t max_ttl_s)
{
	struct lease lease = rows_new_otp(rows, "creds/web", no_owner, ttl_s);

	lease.renewable = true;
	lease.max_s = max_ttl_s > 0 ? rows_now_s(rows) + max_ttl_s : 0;
	assert_int_equal(rows_insert(rows, &lease), 0);
	return (struct renewing){ .rows = rows, .ref = lease.ref, .max_s = -1 };
}

static void
a_renewal_counts_from_now_and_adds_nothing(void **state)
{
	struct rows *rows = *state;
	struct renewing renewing = renewing_new(rows, 600, 0);

	rows_wait(rows, 100);
	renewing.renewal = (struct lease_renewal){ .increment_s = 50 };
	assert_int_equal(try_renewal(&renewing), 0);
	assert_true(renewing.after.expire_s == START_S + 150);
	assert_int_equal(renewing.after.ttl_s, 50);
	assert_false(renewing.renewal.ret_capped);
	assert_true(renewing.after.last_renewal_ns ==
		(START_S + 100) * CLOCK_NS_PER_S);
}

static void
the_ttl_is_period_then_increment_then_default(void **state)
{
	static const struct {
		int64_t increment_s, default_s, period_s, want_s;
	} cases[] = {
		{ 50, 70, 90, 90 },
		{ 50, 70, 0, 50 },
		{ 0, 70, 0, 70 },
		{ -5, 70, -5, 70 },
		{ 0, 0, 0, 600 },
	};
	struct rows *rows = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct renewing renewing = renewing_new(rows, 600, 0);

		renewing.renewal = (struct lease_renewal){
			.increment_s = cases[i].increment_s,
			.default_s = cases[i].default_s,
			.period_s = cases[i].period_s,
		};
		assert_int_equal(try_renewal(&renewing), 0);
		assert_int_equal(renewing.after.ttl_s, cases[i].want_s);
	}
}

static void
a_renewal_is_cut_at_the_maximum(void **state)
{
	struct rows *rows = *state;
	struct renewing renewing = renewing_new(rows, 600, 700);

	rows_wait(rows, 200);
	renewing.renewal = (struct lease_renewal){ .increment_s = 500 };
	assert_int_equal(try_renewal(&renewing), 0);
	assert_false(renewing.renewal.ret_capped);
	renewing.renewal = (struct lease_renewal){ .increment_s = 501 };
	assert_int_equal(try_renewal(&renewing), 0);
	assert_true(renewing.renewal.ret_capped);
	assert_int_equal(renewing.after.ttl_s, 500);
	renewing.renewal = (struct lease_renewal){ .period_s = 800 };
	assert_int_equal(try_renewal(&renewing), 0);
	assert_int_equal(renewing.after.ttl_s, 500);
}

static void
past_the_maximum_nothing_is_renewed(void **state)
{
	struct rows *rows = *state;
	struct renewing renewing = renewing_new(rows, 600, 0);

	rows_wait(rows, 100);
	renewing.max_s = START_S + 100;
	assert_int_equal(try_renewal(&renewing), ERR_INPUT);
	assert_string_equal(
		rows->err.message, "past the max TTL, cannot renew");
	assert_int_equal(rows->err.status, 400);
	renewing.max_s = START_S + 101;
	assert_int_equal(try_renewal(&renewing), 0);
	assert_int_equal(renewing.after.ttl_s, 1);
}

static void
a_ttl_past_all_numbers_is_refused(void **state)
{
	struct rows *rows = *state;
	struct renewing renewing = renewing_new(rows, 600, 0);

	renewing.renewal.increment_s = INT64_MAX;
	assert_int_equal(try_renewal(&renewing), ERR_INPUT);
	assert_int_equal(rows->err.status, 400);
}

static void
what_is_not_renewable_stays_as_it_is(void **state)
{
	struct rows *rows = *state;
	struct renewing renewing = { .rows = rows, .max_s = -1 };

	renewing.ref = rows_add_otp(rows, "creds/web", no_owner, 600);
	renewing.renewal.increment_s = 50;
	assert_int_equal(try_renewal(&renewing), ERR_INPUT);
	assert_string_equal(rows->err.message, "lease is not renewable");
	assert_int_equal(rows->err.status, 400);
	assert_int_equal(rows_get(rows, renewing.ref, &renewing.after), 0);
	assert_true(renewing.after.expire_s == START_S + 600);
}

static void
under_a_second_left_is_expired(void **state)
{
	struct rows *rows = *state;
	struct renewing renewing = renewing_new(rows, 10, 0);

	renewing.renewal.increment_s = 10;
	rows_wait(rows, 9);
	assert_int_equal(try_renewal(&renewing), 0); /* a second is left */
	rows_wait(rows, 9);
	atomic_fetch_add(&rows->now_ns, 1);
	assert_int_equal(try_renewal(&renewing), ERR_INPUT);
	assert_string_equal(rows->err.message, "lease expired");
	assert_int_equal(rows->err.status, 400);
	rows_wait(rows, 100);
	assert_int_equal(try_renewal(&renewing), ERR_INPUT);
	assert_string_equal(rows->err.message, "lease expired");
}

static void
a_renewal_moves_what_expiry_looks_at(void **state)
{
	struct rows *rows = *state;
	struct renewing renewing = renewing_new(rows, 10, 0);
	int64_t next_s;

	renewing.renewal.increment_s = 30;
	assert_int_equal(try_renewal(&renewing), 0);
	assert_int_equal(rows_count_due(rows), 1);
	rows_wait(rows, 29);
	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
	assert_int_equal(next_s, START_S + 30);
	assert_int_equal(rows_state(rows, renewing.ref), LEASE_LIVE);
	rows_wait(rows, 1);
	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
	assert_int_equal(rows_state(rows, renewing.ref), 0);
}

static void
a_shorter_renewal_is_expired_at_its_own_time(void **state)
{
	struct rows *rows = *state;
	struct renewing renewing = renewing_new(rows, 600, 0);
	int64_t next_s;

	renewing.renewal.increment_s = 5;
	assert_int_equal(try_renewal(&renewing), 0);
	rows_wait(rows, 5);
	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
	assert_int_equal(rows_state(rows, renewing.ref), 0);
	assert_int_equal(next_s, 0);
}

/* ---- the model ---------------------------------------------------------- */

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* What a refusal must have been for, NULL where it must have worked. */
static const char *
refusal(const struct renewing *renewing, int64_t now_ns)
{
	const struct lease *before = &renewing->before;

	if (!before->renewable)
		return "lease is not renewable";
	if (before->expire_s * CLOCK_NS_PER_S - now_ns < CLOCK_NS_PER_S)
		return "lease expired";
	return NULL;
}

static void
check_renewal(const struct renewing *renewing, int rc)
{
	int64_t now_ns = atomic_load(&renewing->rows->now_ns);
	const struct lease *after = &renewing->after;
	const char *why = refusal(renewing, now_ns);
	int64_t now_s = now_ns / CLOCK_NS_PER_S, ttl_s;

	if (why != NULL) {
		assert_int_equal(rc, ERR_INPUT);
		assert_string_equal(renewing->rows->err.message, why);
		return;
	}
	assert_int_equal(rc, 0);
	ttl_s = renewing->renewal.period_s > 0 ? renewing->renewal.period_s
		: renewing->renewal.increment_s > 0
		? renewing->renewal.increment_s
		: renewing->renewal.default_s;
	if (after->max_s != 0)
		ttl_s = least(ttl_s, after->max_s - now_s);
	assert_int_equal(after->ttl_s, ttl_s);
	assert_true(after->expire_s == now_s + ttl_s);
	assert_true(after->expire_s > now_s);
	assert_true(after->max_s == 0 || after->expire_s <= after->max_s);
}

/* One life: renewals and waits until the time has run out. */
static size_t
live_once(struct rows *rows, size_t steps)
{
	struct renewing renewing;
	int64_t end_s, next_s;
	size_t n = 0;

	renewing = renewing_new(rows, 1 + (int64_t)random_below(100),
		random_below(4) == 0 ? 0 : 100 + (int64_t)random_below(900));
	do {
		atomic_fetch_add(&rows->now_ns,
			(int64_t)random_below(20 * (uint64_t)CLOCK_NS_PER_S));
		renewing.renewal = (struct lease_renewal){
			.increment_s = (int64_t)random_below(120) - 20,
			.default_s = 1 + (int64_t)random_below(60),
			.period_s = random_below(5) == 0 ? 40 : 0,
		};
		check_renewal(&renewing, try_renewal(&renewing));
		assert_int_equal(renewing.live,
			atomic_load(&rows->now_ns) / CLOCK_NS_PER_S <
				renewing.before.expire_s);
	} while (renewing.live && ++n < steps);
	end_s = renewing.before.expire_s;
	if (!renewing.live)
		assert_true(end_s <= rows_now_s(rows));
	rows_wait(rows, 200);
	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
	assert_int_equal(rows_state(rows, renewing.ref), 0);
	return n + 1;
}

/* How far the steps came, for the report of a test that did not end. */
static size_t n_steps;
static bool all_good;

static void
no_step_leads_past_the_end_or_to_no_end(void **state)
{
	const size_t steps = figures_count("LEASE_TIME_STEPS", 100000, 1000000);

	while (n_steps < steps)
		n_steps += live_once(*state, steps - n_steps);
	assert_int_equal(rows_count_due(*state), 0);
	all_good = true;
}

static int
report_steps(void **state)
{
	figures_report("L13", n_steps, !all_good, "steps of a lease's time");
	return rows_teardown(state);
}

#define ROWS_TEST(test)                                                        \
	cmocka_unit_test_setup_teardown(test, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROWS_TEST(a_renewal_counts_from_now_and_adds_nothing),
		ROWS_TEST(the_ttl_is_period_then_increment_then_default),
		ROWS_TEST(a_renewal_is_cut_at_the_maximum),
		ROWS_TEST(past_the_maximum_nothing_is_renewed),
		ROWS_TEST(a_ttl_past_all_numbers_is_refused),
		ROWS_TEST(what_is_not_renewable_stays_as_it_is),
		ROWS_TEST(under_a_second_left_is_expired),
		ROWS_TEST(a_renewal_moves_what_expiry_looks_at),
		ROWS_TEST(a_shorter_renewal_is_expired_at_its_own_time),
		cmocka_unit_test_setup_teardown(
			no_step_leads_past_the_end_or_to_no_end, rows_setup,
			report_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
