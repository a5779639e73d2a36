/* Taking back: trees, orphans, prefixes, expiry, and what a crash leaves. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/lease_row.h"
#include "tests/unit/storage/rows.h"

static const struct rowref no_owner = { 0, 0 };

/* Nothing is left of any row, its index entries included. */
static void
assert_empty(struct rows *rows)
{
	assert_int_equal(rows_count_keys(rows, "row/"), 0);
	assert_int_equal(rows_count_keys(rows, "own/"), 0);
	assert_int_equal(rows_count_keys(rows, "alias/"), 0);
	assert_int_equal(rows_count_due(rows), 0);
}

/* width children below each of depth levels of tokens, passwords between. */
static struct rowref
grow_tree(struct rows *rows, int depth, int width, int n_otps)
{
	struct rowref root = rows_add_token(rows, no_owner, 3600);
	struct rowref at = root;

	for (int level = 0; level < depth; level++) {
		struct rowref next = at;

		for (int i = 0; i < width; i++)
			next = rows_add_token(rows, at, 3600);
		for (int i = 0; i < n_otps; i++)
			rows_add_otp(rows, "creds/web", at, 600);
		at = next;
	}
	return root;
}

static void
a_token_takes_all_below_it_along(void **state)
{
	struct rows *rows = *state;
	struct rowref other = rows_add_token(rows, no_owner, 3600);
	struct rowref theirs = rows_add_otp(rows, "creds/web", other, 600);
	struct rowref root = grow_tree(rows, 5, 200, 200);

	assert_int_equal(rows_count_keys(rows, "row/"), 2003);
	assert_int_equal(
		lease_revoke_tree(rows->store, root, rows_err(rows)), 0);
	assert_int_equal(rows_count_keys(rows, "row/"), 2);
	assert_int_equal(rows_state(rows, theirs), LEASE_LIVE);
	assert_int_equal(
		lease_revoke_tree(rows->store, other, rows_err(rows)), 0);
	assert_empty(rows);
}

static void
revoking_what_is_not_there_is_success(void **state)
{
	struct rows *rows = *state;
	struct rowref ref = rows_add_otp(rows, "creds/web", no_owner, 600);

	for (int i = 0; i < 2; i++)
		assert_int_equal(
			lease_revoke_tree(rows->store, ref, rows_err(rows)), 0);
	assert_empty(rows);
}

struct stepping {
	struct rows *rows;
	struct rowref ref;
	size_t budget;
	bool done;
};

static int
step(struct store_tx *tx, void *ctx, struct err *err)
{
	struct stepping *stepping = ctx;

	return lease_revoke_step(tx, stepping->ref, stepping->budget,
		stepping->rows->arena, &stepping->done, err);
}

static void
steps_are_bounded_and_get_to_the_end(void **state)
{
	struct rows *rows = *state;
	const size_t budgets[] = { 1, 8, 9, 50 };

	for (size_t i = 0; i < ARRAY_LEN(budgets); i++) {
		struct stepping stepping = { rows, grow_tree(rows, 40, 2, 1),
			budgets[i], false };
		size_t before = rows_count_keys(rows, "row/"), n = 0;

		for (; !stepping.done; n++) {
			size_t left;

			assert_int_equal(store_write(rows->store, step,
						 &stepping, rows_err(rows)),
				0);
			left = rows_count_keys(rows, "row/");
			assert_in_range(before - left, 0,
				budgets[i] > 8 ? budgets[i] : 8);
			before = left;
			assert_in_range(n, 0, 1000);
		}
		assert_empty(rows);
	}
}

static void
a_chain_deeper_than_a_step_goes_as_well(void **state)
{
	struct rows *rows = *state;
	struct rowref root = grow_tree(rows, 1500, 1, 0);

	assert_int_equal(
		lease_revoke_tree(rows->store, root, rows_err(rows)), 0);
	assert_empty(rows);
}

static void
the_first_step_kills_the_token_itself(void **state)
{
	struct rows *rows = *state;
	struct stepping stepping = { rows, grow_tree(rows, 2, 20, 20), 8,
		false };

	assert_int_equal(
		store_write(rows->store, step, &stepping, rows_err(rows)), 0);
	assert_false(stepping.done);
	assert_int_equal(rows_state(rows, stepping.ref), LEASE_REVOKING);
}

static void
expiry_finishes_what_a_crash_left(void **state)
{
	struct rows *rows = *state;
	struct stepping stepping = { rows, grow_tree(rows, 5, 30, 30), 20,
		false };
	int64_t next_s;

	assert_int_equal(
		store_write(rows->store, step, &stepping, rows_err(rows)), 0);
	assert_false(stepping.done);
	assert_int_equal(rows_expire_all(rows, 50, &next_s), 0);
	assert_int_equal(next_s, 0);
	assert_empty(rows);
}

/* In a process of its own: a tree, some steps of its revoke, and no more. */
static void
revoke_and_die(struct rows *rows)
{
	struct stepping stepping = { .rows = rows, .budget = 20 };

	if (rows_open_file(rows) != 0)
		_exit(1);
	stepping.ref = grow_tree(rows, 3, 10, 10);
	for (int i = 0; i < 2; i++) {
		if (store_write(rows->store, step, &stepping, NULL) != 0)
			_exit(2);
	}
	_exit(rows_state(rows, stepping.ref) == LEASE_REVOKING ? 0 : 3);
}

static void
a_revoke_cut_off_by_the_end_of_the_process_is_finished(void **state)
{
	struct rows *rows = *state;
	int status = -1;
	int64_t next_s;
	pid_t child = fork();

	if (child == 0)
		revoke_and_die(rows);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(rows_open_file(rows), 0);
	assert_in_range(rows_count_keys(rows, "row/"), 1, 60);
	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
	assert_int_equal(next_s, 0);
	assert_empty(rows);
}

/* ---- orphans ------------------------------------------------------------ */

static void
an_orphaning_revoke_passes_children_that_are_gone_or_damaged(void **state)
{
	struct rows *rows = *state;
	struct rowref token = rows_add_token(rows, no_owner, 3600);
	struct rowref gone = rows_add_token(rows, token, 3600);
	struct rowref damaged = rows_add_token(rows, token, 3600);
	struct rowref child = rows_add_token(rows, token, 3600);
	struct row_key gone_key = row_key(gone), damaged_key = row_key(damaged);

	assert_int_equal(
		rows_put_raw(rows, row_key_span(&gone_key), SPAN_NONE), 0);
	assert_int_equal(rows_put_raw(rows, row_key_span(&damaged_key),
				 span_str("nonsense")),
		0);
	assert_int_equal(
		lease_revoke_orphan(rows->store, token, rows_err(rows)), 0);
	assert_int_equal(rows_state(rows, token), 0);
	assert_int_equal(rows_state(rows, child), LEASE_LIVE);
	assert_int_equal(rows_count_keys(rows, "own/"), 0);
}

static void
children_of_an_orphaning_revoke_live_on(void **state)
{
	struct rows *rows = *state;
	struct rowref token = rows_add_token(rows, no_owner, 3600);
	struct rowref child = rows_add_token(rows, token, 3600);
	struct rowref grandchild = rows_add_token(rows, child, 3600);
	struct rowref theirs = rows_add_otp(rows, "creds/web", child, 600);
	struct rowref own = rows_add_otp(rows, "creds/web", token, 600);
	struct lease lease;

	for (int i = 0; i < 1100; i++)
		rows_add_token(rows, token, 3600);
	assert_int_equal(
		lease_revoke_orphan(rows->store, token, rows_err(rows)), 0);
	assert_int_equal(rows_state(rows, token), 0);
	assert_int_equal(rows_state(rows, own), 0);
	assert_int_equal(rows_state(rows, theirs), LEASE_LIVE);
	assert_int_equal(rows_get(rows, child, &lease), 0);
	assert_int_equal(lease.state, LEASE_LIVE);
	assert_true(lease.owner.row == 0);
	assert_int_equal(rows_count_keys(rows, "row/"), 1103);
	assert_int_equal(rows_count_keys(rows, "own/"), 2);
	assert_int_equal(
		lease_revoke_tree(rows->store, child, rows_err(rows)), 0);
	assert_int_equal(rows_state(rows, grandchild), 0);
	assert_int_equal(
		lease_revoke_orphan(rows->store, token, rows_err(rows)), 0);
}

/* ---- prefixes ----------------------------------------------------------- */

static void
a_prefix_takes_whole_segments_of_its_mount(void **state)
{
	struct rows *rows = *state;
	struct rowref token = rows_add_token(rows, no_owner, 3600);
	struct rowref web = rows_add_otp(rows, "creds/web", token, 600);
	struct rowref below = rows_add_otp(rows, "creds/web/x", token, 600);
	struct rowref web2 = rows_add_otp(rows, "creds/web2", token, 600);

	for (int i = 0; i < 1100; i++)
		rows_add_otp(rows, "creds/web", token, 600);
	assert_int_equal(
		lease_revoke_prefix(rows->store, MOUNT_2, "", rows_err(rows)),
		0);
	assert_int_equal(lease_revoke_prefix(rows->store, MOUNT, "creds/we",
				 rows_err(rows)),
		0);
	assert_int_equal(rows_state(rows, web), LEASE_LIVE);
	assert_int_equal(lease_revoke_prefix(rows->store, MOUNT, "creds/web",
				 rows_err(rows)),
		0);
	assert_int_equal(rows_state(rows, web), 0);
	assert_int_equal(rows_state(rows, below), 0);
	assert_int_equal(rows_state(rows, web2), LEASE_LIVE);
	assert_int_equal(rows_count_keys(rows, "row/"), 2);
	assert_int_equal(
		lease_revoke_prefix(rows->store, MOUNT, "", rows_err(rows)), 0);
	assert_int_equal(rows_count_keys(rows, "row/"), 1);
	assert_int_equal(rows_count_keys(rows, "own/"), 0);
}

static void
a_prefix_of_tokens_takes_their_trees(void **state)
{
	struct rows *rows = *state;

	grow_tree(rows, 3, 300, 100);
	grow_tree(rows, 1, 0, 2);
	assert_int_equal(lease_revoke_prefix(rows->store, MOUNT_TOKENS,
				 "auth/token", rows_err(rows)),
		0);
	assert_empty(rows);
}

static void
more_paths_than_a_page_are_all_taken(void **state)
{
	struct rows *rows = *state;
	char path[] = "creds/aaa";

	for (int i = 0; i < 600; i++) {
		path[6] = (char)('a' + i / 100);
		path[7] = (char)('a' + (7 * i) % 10);
		path[8] = (char)('a' + i / 10 % 10);
		rows_add_otp(rows, path, no_owner, 600);
	}
	assert_in_range(rows_count_keys(rows, "path/"), 500, 601);
	assert_int_equal(lease_revoke_prefix(
				 rows->store, MOUNT, "creds", rows_err(rows)),
		0);
	assert_empty(rows);
}

/* ---- expiry ------------------------------------------------------------- */

static void
due_rows_go_and_others_stay(void **state)
{
	struct rows *rows = *state;
	struct rowref later = rows_add_otp(rows, "creds/web", no_owner, 120);
	struct rowref soon = rows_add_otp(rows, "creds/web", no_owner, 60);
	int64_t next_s;

	for (int i = 0; i < 1300; i++)
		rows_add_otp(rows, "creds/web", no_owner, 30);
	rows_wait(rows, 59);
	assert_int_equal(rows_expire_all(rows, 500, &next_s), 0);
	assert_int_equal(rows_count_keys(rows, "row/"), 2);
	assert_int_equal(next_s, START_S + 60);
	assert_int_equal(rows_state(rows, soon), LEASE_LIVE);
	rows_wait(rows, 1);
	assert_int_equal(rows_expire_all(rows, 500, &next_s), 0);
	assert_int_equal(rows_state(rows, soon), 0);
	assert_int_equal(rows_state(rows, later), LEASE_LIVE);
	assert_int_equal(next_s, START_S + 120);
	rows_wait(rows, 60);
	assert_int_equal(rows_expire_all(rows, 500, &next_s), 0);
	assert_int_equal(next_s, 0);
	assert_empty(rows);
}

static void
an_expired_token_takes_its_tree_along(void **state)
{
	struct rows *rows = *state;
	int64_t next_s;

	grow_tree(rows, 3, 40, 40);
	rows_wait(rows, 599);
	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
	assert_int_equal(rows_count_keys(rows, "row/"), 241);
	rows_wait(rows, 3600 - 599);
	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
	assert_empty(rows);
}

static void
a_large_tree_does_not_hold_up_others(void **state)
{
	struct rows *rows = *state;
	struct stepping stepping = { rows, grow_tree(rows, 1, 0, 2000), 8,
		false };
	struct rowref due = rows_add_otp(rows, "creds/db", no_owner, 1);
	int64_t next_s;
	bool more;

	assert_int_equal(
		store_write(rows->store, step, &stepping, rows_err(rows)), 0);
	rows_wait(rows, 1);
	assert_int_equal(lease_expire_due(rows->store, 100, &more, &next_s,
				 rows_err(rows)),
		0);
	assert_true(more);
	assert_int_equal(rows_state(rows, stepping.ref), LEASE_REVOKING);
	assert_int_equal(rows_state(rows, due), 0);
}

static int
add_due(struct store_tx *tx, void *ctx, struct err *err)
{
	struct row_key key = row_key(*(const struct rowref *)ctx);

	return tx_due_put(tx, START_S + 10, row_key_span(&key), err);
}

static void
a_due_entry_that_the_row_does_not_say_is_dropped(void **state)
{
	struct rows *rows = *state;
	struct rowref ref = rows_add_otp(rows, "creds/web", no_owner, 60);
	int64_t next_s;

	assert_int_equal(
		store_write(rows->store, add_due, &ref, rows_err(rows)), 0);
	rows_wait(rows, 10);
	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
	assert_int_equal(rows_state(rows, ref), LEASE_LIVE);
	assert_int_equal(next_s, START_S + 60);
	assert_int_equal(rows_count_due(rows), 1);
}

/* ---- rows that cannot be read ------------------------------------------ */

static void
spoil(struct rows *rows, struct rowref ref)
{
	struct row_key key = row_key(ref);

	assert_int_equal(
		rows_put_raw(rows, row_key_span(&key), span_str("?")), 0);
}

static void
an_unreadable_row_shields_no_sibling(void **state)
{
	struct rows *rows = *state;
	struct rowref root = rows_add_token(rows, no_owner, 3600);
	struct rowref child = rows_add_token(rows, root, 3600);
	struct rowref grandchild = rows_add_token(rows, child, 3600);
	struct rowref otp = rows_add_otp(rows, "creds/web", root, 600);
	struct rowref otp_2 = rows_add_otp(rows, "creds/web", root, 600);
	struct rowref below = rows_add_otp(rows, "creds/web", child, 600);
	int64_t next_s;

	rows_add_otp(rows, "creds/web", grandchild, 600);
	spoil(rows, otp);
	spoil(rows, child);
	assert_int_equal(
		lease_revoke_tree(rows->store, root, rows_err(rows)), 0);
	assert_int_equal(rows_state(rows, otp_2), 0);
	assert_int_equal(rows_state(rows, below), 0);
	assert_int_equal(rows_count_keys(rows, "row/"), 0);
	assert_int_equal(rows_count_keys(rows, "own/"), 0);
	/* The due entries of what could not be read are swept out. */
	rows_wait(rows, 3600);
	assert_int_equal(rows_expire_all(rows, 100, &next_s), 0);
	assert_empty(rows);
}

static void
an_unreadable_row_does_not_stop_expiry(void **state)
{
	struct rows *rows = *state;
	struct rowref bad = rows_add_otp(rows, "creds/web", no_owner, 10);
	struct rowref good = rows_add_otp(rows, "creds/web", no_owner, 20);
	int64_t next_s;

	spoil(rows, bad);
	rows_wait(rows, 20);
	assert_int_equal(rows_expire_all(rows, 1, &next_s), 0);
	assert_int_equal(rows_state(rows, good), 0);
	assert_int_equal(next_s, START_S + 20 + 3600);
	assert_int_equal(rows_count_keys(rows, "row/"), 1);
}

static void
a_prefix_takes_unreadable_rows_along(void **state)
{
	struct rows *rows = *state;
	struct rowref bad = rows_add_otp(rows, "creds/web", no_owner, 10);
	struct rowref good = rows_add_otp(rows, "creds/web", no_owner, 20);
	struct rowref last = rows_add_otp(rows, "creds/x", no_owner, 20);

	spoil(rows, bad);
	assert_int_equal(lease_revoke_prefix(
				 rows->store, MOUNT, "creds", rows_err(rows)),
		0);
	assert_int_equal(rows_count_keys(rows, "row/"), 0);
	assert_int_equal(rows_state(rows, good), 0);
	assert_int_equal(rows_state(rows, last), 0);
}

static void
an_unreadable_token_can_be_revoked(void **state)
{
	struct rows *rows = *state;
	struct rowref root = rows_add_token(rows, no_owner, 3600);
	struct rowref child = rows_add_token(rows, root, 3600);
	struct rowref otp = rows_add_otp(rows, "creds/web", child, 600);

	spoil(rows, root);
	assert_int_equal(
		lease_revoke_tree(rows->store, root, rows_err(rows)), 0);
	assert_int_equal(rows_state(rows, child), 0);
	assert_int_equal(rows_state(rows, otp), 0);
	assert_int_equal(rows_count_keys(rows, "row/"), 0);
	assert_int_equal(rows_count_keys(rows, "own/"), 0);
}

#define ROWS_TEST(test)                                                        \
	cmocka_unit_test_setup_teardown(test, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROWS_TEST(a_token_takes_all_below_it_along),
		ROWS_TEST(revoking_what_is_not_there_is_success),
		ROWS_TEST(steps_are_bounded_and_get_to_the_end),
		ROWS_TEST(a_chain_deeper_than_a_step_goes_as_well),
		ROWS_TEST(the_first_step_kills_the_token_itself),
		ROWS_TEST(expiry_finishes_what_a_crash_left),
		cmocka_unit_test_setup_teardown(
			a_revoke_cut_off_by_the_end_of_the_process_is_finished,
			rows_setup_file, rows_teardown_file),
		ROWS_TEST(
			an_orphaning_revoke_passes_children_that_are_gone_or_damaged),
		ROWS_TEST(children_of_an_orphaning_revoke_live_on),
		ROWS_TEST(a_prefix_takes_whole_segments_of_its_mount),
		ROWS_TEST(a_prefix_of_tokens_takes_their_trees),
		ROWS_TEST(more_paths_than_a_page_are_all_taken),
		ROWS_TEST(due_rows_go_and_others_stay),
		ROWS_TEST(an_expired_token_takes_its_tree_along),
		ROWS_TEST(a_large_tree_does_not_hold_up_others),
		ROWS_TEST(a_due_entry_that_the_row_does_not_say_is_dropped),
		ROWS_TEST(an_unreadable_row_shields_no_sibling),
		ROWS_TEST(an_unreadable_row_does_not_stop_expiry),
		ROWS_TEST(a_prefix_takes_unreadable_rows_along),
		ROWS_TEST(an_unreadable_token_can_be_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
