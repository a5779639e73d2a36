/* Rows one at a time: stored, read, used once, found by id, counted. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "storage/lease_row.h"
#include "tests/unit/storage/rows.h"

#define N_RACERS 64

static const struct rowref no_owner = { 0, 0 };

static void
a_row_comes_back_as_it_was_stored(void **state)
{
	struct rows *rows = *state;
	struct rowref token = rows_add_token(rows, no_owner, 3600);
	struct lease lease = rows_new_otp(rows, "creds/web", token, 600);
	struct lease read;

	lease.max_s = lease.expire_s + 1;
	lease.last_renewal_ns = 5;
	lease.misses = 2;
	assert_int_equal(rows_insert(rows, &lease), 0);
	assert_int_equal(rows_get(rows, lease.ref, &read), 0);
	assert_int_equal(read.ref.path, lease.ref.path);
	assert_true(read.ref.row == lease.ref.row);
	assert_int_equal(read.kind, LEASE_OTP);
	assert_int_equal(read.state, LEASE_LIVE);
	assert_false(read.renewable);
	assert_true(read.issue_ns == lease.issue_ns);
	assert_true(read.expire_s == lease.expire_s);
	assert_true(read.max_s == lease.max_s);
	assert_int_equal(read.ttl_s, 600);
	assert_int_equal(read.last_renewal_ns, 5);
	assert_true(read.owner.row == token.row);
	assert_int_equal(read.owner.path, token.path);
	assert_memory_equal(read.salt, lease.salt, ROWID_SALT);
	assert_memory_equal(read.mac, lease.mac, ROWID_MAC);
	assert_int_equal(read.misses, 2);
	assert_string_equal(read.request_id, lease.request_id);
	assert_true(span_equal(read.data, lease.data));
}

static void
an_absent_row_is_404_without_a_text(void **state)
{
	struct rows *rows = *state;
	struct lease lease;

	assert_int_equal(
		rows_get(rows, (struct rowref){ 1, 999 }, &lease), ERR_ABSENT);
	assert_int_equal(rows->err.status, 404);
	assert_string_equal(rows->err.message, "");
}

static void
a_taken_number_is_refused(void **state)
{
	struct rows *rows = *state;
	struct lease lease = rows_new_otp(rows, "creds/web", no_owner, 600);

	assert_int_equal(rows_insert(rows, &lease), 0);
	assert_int_equal(rows_insert(rows, &lease), ERR_EXISTS);
}

static void
no_row_lives_for_ever_by_a_zero(void **state)
{
	struct rows *rows = *state;
	struct lease lease = rows_new_otp(rows, "creds/web", no_owner, 600);

	lease.expire_s = 0;
	assert_int_equal(rows_insert(rows, &lease), ERR_INTERNAL);
	lease.expire_s = -1;
	assert_int_equal(rows_insert(rows, &lease), ERR_INTERNAL);
	assert_int_equal(rows_state(rows, lease.ref), 0);
	assert_int_equal(rows_count_due(rows), 0);
}

static void
a_live_row_with_its_data_is_small(void **state)
{
	struct rows *rows = *state;
	struct lease lease = rows_new_otp(rows, "creds/web", no_owner, 600);
	struct row_key key = row_key(lease.ref);
	struct buf bytes, sealed;

	lease.data = span_str("{\"ip\":\"192.0.2.77\",\"username\":\"ubuntu\","
			      "\"role_name\":\"otp-web\"}");
	buf_init(&bytes, 4096);
	buf_init(&sealed, 4096);
	assert_int_equal(lease_encode(&lease, &bytes, NULL), 0);
	assert_int_equal(barrier_seal(rows->barrier, row_key_span(&key),
				 buf_span(&bytes), &sealed, NULL),
		0);
	assert_in_range(sealed.len, 1, 300);
	buf_clear(&bytes);
	buf_clear(&sealed);
}

static void
bytes_that_are_no_row_are_refused(void **state)
{
	struct rows *rows = *state;
	struct lease lease = rows_new_otp(rows, "creds/web", no_owner, 600);
	struct lease read;
	struct buf bytes;

	buf_init(&bytes, 4096);
	lease.data = SPAN_NONE;
	assert_int_equal(lease_encode(&lease, &bytes, NULL), 0);
	assert_int_equal(
		lease_decode(lease.ref, buf_span(&bytes), &read, NULL), 0);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(lease_decode(lease.ref,
					 span_of(bytes.data, len), &read, NULL),
			ERR_INTERNAL);
	for (size_t i = 0; i < 3; i++) { /* version, kind, state */
		bytes.data[i] ^= 0x40;
		assert_int_equal(
			lease_decode(lease.ref, buf_span(&bytes), &read, NULL),
			ERR_INTERNAL);
		bytes.data[i] ^= 0x40;
	}
	buf_clear(&bytes);
}

/* ---- owners ------------------------------------------------------------- */

static void
a_row_needs_a_live_owner(void **state)
{
	struct rows *rows = *state;
	struct rowref token = rows_add_token(rows, no_owner, 60);
	struct rowref otp = rows_add_otp(rows, "creds/web", no_owner, 600);
	struct lease lease = rows_new_otp(rows, "creds/web", token, 600);

	rows_wait(rows, 60);
	assert_int_equal(rows_insert(rows, &lease), ERR_DENIED);
	assert_string_equal(rows->err.message, "permission denied");
	assert_int_equal(rows->err.status, 403);
	assert_int_equal(lease_revoke_tree(rows->store, token, NULL), 0);
	assert_int_equal(rows_insert(rows, &lease), ERR_DENIED);
	lease.owner = otp;
	assert_int_equal(rows_insert(rows, &lease), ERR_DENIED);
	assert_int_equal(rows_state(rows, lease.ref), 0);
}

struct dying {
	struct rows *rows;
	struct rowref token;
	struct lease before, after;
	bool deletes;
	int rc; /* of the insertion after the token's end */
};

/* All in one batch, which has found the token live before. */
static int
end_owner(struct store_tx *tx, void *ctx, struct err *err)
{
	struct dying *dying = ctx;
	struct lease token, dead;
	int rc = lease_insert(tx, &dying->before, err);

	if (rc == 0)
		rc = lease_get(
			tx, dying->token, dying->rows->arena, &token, err);
	if (rc != 0)
		return rc;
	dead = token;
	dead.state = LEASE_REVOKING;
	rc = dying->deletes ? lease_delete(tx, &token, err)
			    : lease_update(tx, &token, &dead, err);
	dying->rc = lease_insert(tx, &dying->after, NULL);
	return rc;
}

static void
an_owner_that_ends_in_the_same_batch_owns_no_more(void **state)
{
	struct rows *rows = *state;

	for (int i = 0; i < 2; i++) {
		struct rowref token = rows_add_token(rows, no_owner, 60);
		struct dying dying = {
			.rows = rows,
			.token = token,
			.before = rows_new_otp(rows, "creds/web", token, 60),
			.after = rows_new_otp(rows, "creds/web", token, 60),
			.deletes = i == 1,
		};

		assert_int_equal(store_write(rows->store, end_owner, &dying,
					 rows_err(rows)),
			0);
		assert_int_equal(dying.rc, ERR_DENIED);
		assert_int_equal(rows_state(rows, dying.after.ref), 0);
	}
}

/* ---- used once ---------------------------------------------------------- */

struct taking {
	struct rows *rows;
	struct rowref ref;
	struct arena *arena;
	int rc;
};

static int
take_otp(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct taking *taking = ctx;
	struct lease old, used;
	int rc = lease_get(tx, taking->ref, taking->arena, &old, err);

	if (rc != 0)
		return rc;
	if (!lease_is_live(tx, &old))
		return lease_absent(err);
	used = old;
	used.state = LEASE_USED;
	return lease_update(tx, &old, &used, err);
}

static void *
race(void *ctx)
{
	struct taking *taking = ctx;

	taking->arena = arena_new(ARENA_CHUNK);
	taking->rc = store_write(taking->rows->store, take_otp, taking, NULL);
	arena_free(&taking->arena);
	return NULL;
}

static void
one_of_many_racers_takes_a_password(void **state)
{
	struct rows *rows = *state;

	for (int round = 0; round < 20; round++) {
		struct taking racers[N_RACERS];
		pthread_t threads[N_RACERS];
		int winners = 0;
		struct rowref ref =
			rows_add_otp(rows, "creds/web", no_owner, 600);

		for (size_t i = 0; i < N_RACERS; i++) {
			racers[i] = (struct taking){ rows, ref, NULL, 1 };
			assert_int_equal(pthread_create(&threads[i], NULL, race,
						 &racers[i]),
				0);
		}
		for (size_t i = 0; i < N_RACERS; i++) {
			pthread_join(threads[i], NULL);
			assert_true(racers[i].rc == 0 ||
				racers[i].rc == ERR_ABSENT);
			winners += racers[i].rc == 0;
		}
		assert_int_equal(winners, 1);
		assert_int_equal(rows_state(rows, ref), LEASE_USED);
	}
}

static int
take(struct rows *rows, struct rowref ref)
{
	struct taking taking = { rows, ref, rows->arena, 0 };

	return store_write(rows->store, take_otp, &taking, rows_err(rows));
}

static void
a_row_is_dead_at_its_time_though_still_there(void **state)
{
	struct rows *rows = *state;
	struct rowref a = rows_add_otp(rows, "creds/web", no_owner, 60);
	struct rowref b = rows_add_otp(rows, "creds/web", no_owner, 60);

	rows_wait(rows, 59);
	assert_int_equal(take(rows, a), 0);
	rows_wait(rows, 1);
	assert_int_equal(take(rows, b), ERR_ABSENT);
	assert_int_equal(rows_state(rows, b), LEASE_LIVE);
}

/* ---- paths and ids ------------------------------------------------------ */

static uint32_t
number_of(struct rows *rows, const char *mount, const char *path)
{
	uint32_t number = 0;

	assert_int_equal(lease_path_number(rows->store, mount, path, &number,
				 rows_err(rows)),
		0);
	return number;
}

static void
only_numbers_that_were_given_pass(void **state)
{
	struct rows *rows = *state;
	uint32_t last;

	(void)number_of(rows, MOUNT, "creds/web");
	assert_int_equal(lease_path_check(rows->store, 0, NULL), ERR_ABSENT);
	for (int i = 0; i < 2; i++) {
		last = number_of(rows, MOUNT_2, i == 0 ? "creds/a" : "creds/b");
		assert_int_equal(lease_path_check(rows->store, last, NULL), 0);
		assert_int_equal(lease_path_check(rows->store, last + 1, NULL),
			ERR_ABSENT);
	}
	assert_int_equal(lease_path_check(rows->store, 1, NULL), 0);
}

static void
a_path_keeps_its_number_and_shares_it_with_none(void **state)
{
	struct rows *rows = *state;
	uint32_t web = number_of(rows, MOUNT, "creds/web");

	assert_int_not_equal(web, 0);
	assert_int_equal(number_of(rows, MOUNT, "creds/web"), web);
	assert_int_not_equal(number_of(rows, MOUNT, "creds/db"), web);
	assert_int_not_equal(number_of(rows, MOUNT_2, "creds/web"), web);
	assert_int_equal(number_of(rows, MOUNT, "creds/web"), web);
}

struct numbering {
	struct rows *rows;
	pthread_barrier_t *start;
	const char *path;
	uint32_t number;
};

static void *
number_path(void *ctx)
{
	struct numbering *numbering = ctx;

	(void)pthread_barrier_wait(numbering->start);
	(void)lease_path_number(numbering->rows->store, MOUNT, numbering->path,
		&numbering->number, NULL);
	return NULL;
}

static void
race_for_path(struct rows *rows, const char *path)
{
	struct numbering racers[8];
	pthread_t threads[ARRAY_LEN(racers)];
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, ARRAY_LEN(racers));
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		racers[i] = (struct numbering){ rows, &start, path, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, number_path,
					 &racers[i]),
			0);
	}
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		pthread_join(threads[i], NULL);
		assert_int_not_equal(racers[i].number, 0);
		assert_int_equal(racers[i].number, racers[0].number);
	}
	pthread_barrier_destroy(&start);
}

static void
racers_for_a_new_path_get_one_number(void **state)
{
	char path[32];

	for (int i = 0; i < 50; i++) {
		(void)snprintf(path, sizeof(path), "creds/race%d", i);
		race_for_path(*state, path);
	}
}

static void
a_path_that_is_too_long_is_refused(void **state)
{
	struct rows *rows = *state;
	char path[STORE_KEY_MAX + 1];
	uint32_t number;

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(lease_path_number(rows->store, MOUNT, path, &number,
				 rows_err(rows)),
		ERR_LIMIT);
}

struct finding {
	struct rows *rows;
	const char *mount, *path, *tail;
	struct lease lease;
	const char *ret_mount, *ret_path;
};

static int
find_tail(struct store_tx *tx, void *ctx, struct err *err)
{
	struct finding *finding = ctx;
	int rc = lease_find_by_tail(tx, finding->rows->barrier, finding->mount,
		finding->path, span_str(finding->tail), finding->rows->arena,
		&finding->lease, err);

	return rc != 0 ? rc
		       : lease_path_of(tx, finding->lease.ref.path,
				 finding->rows->arena, &finding->ret_mount,
				 &finding->ret_path, err);
}

static int
find(struct rows *rows, const char *mount, const char *path, const char *tail,
	struct finding *finding)
{
	*finding = (struct finding){ rows, mount, path, tail, { .ttl_s = 0 },
		NULL, NULL };
	return store_read(rows->store, find_tail, finding, rows_err(rows));
}

static void
a_lease_id_leads_to_its_row(void **state)
{
	struct rows *rows = *state;
	struct lease lease = rows_new_otp(rows, "creds/web", no_owner, 600);
	const char *tail = NULL;
	char id[LEASE_ID_MAX];
	struct finding finding;

	assert_int_equal(rows_insert(rows, &lease), 0);
	assert_int_equal(lease_id_format(rows->barrier, MOUNT, "ssh/",
				 "creds/web", &lease, id, NULL),
		0);
	assert_int_equal(strncmp(id, "ssh/creds/web/", 14), 0);
	tail = id + 14;
	assert_int_equal(strlen(tail), 24);
	assert_int_equal(find(rows, MOUNT, "creds/web", tail, &finding), 0);
	assert_true(finding.lease.ref.row == lease.ref.row);
	assert_string_equal(finding.ret_mount, MOUNT);
	assert_string_equal(finding.ret_path, "creds/web");
	assert_int_equal(
		find(rows, MOUNT, "creds/db", tail, &finding), ERR_ABSENT);
	assert_int_equal(
		find(rows, MOUNT_2, "creds/web", tail, &finding), ERR_ABSENT);
	assert_int_equal(
		find(rows, MOUNT, "creds/web", "0", &finding), ERR_ABSENT);
}

static void
a_tail_with_another_salt_is_absent(void **state)
{
	struct rows *rows = *state;
	struct lease lease = rows_new_otp(rows, "creds/web", no_owner, 600);
	char tail[ROWID_TEXT_MAX];
	struct finding finding;

	assert_int_equal(rows_insert(rows, &lease), 0);
	lease.salt[0] ^= 1;
	assert_int_equal(rowid_format(rows->barrier, ROWID_LEASE, MOUNT,
				 lease.ref, lease.salt, tail, NULL),
		0);
	assert_int_equal(
		find(rows, MOUNT, "creds/web", tail, &finding), ERR_ABSENT);
}

static void
a_lease_id_that_is_too_long_is_refused(void **state)
{
	struct rows *rows = *state;
	struct lease lease = rows_new_otp(rows, "creds/web", no_owner, 600);
	char path[LEASE_ID_MAX], id[LEASE_ID_MAX];

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(lease_id_format(rows->barrier, MOUNT, "ssh/", path,
				 &lease, id, NULL),
		ERR_LIMIT);
}

/* ---- walks -------------------------------------------------------------- */

struct walked {
	struct rows *rows;
	const char *prefix;
	uint32_t path;
	uint64_t after;
	char names[256];
	uint64_t row[8];
	size_t n;
};

static int
add_path(void *ctx, UNUSED uint32_t number, const char *path,
	UNUSED struct err *err)
{
	struct walked *walked = ctx;
	size_t len = strlen(walked->names);

	(void)snprintf(
		walked->names + len, sizeof(walked->names) - len, "%s ", path);
	return 0;
}

static int
walk_paths(struct store_tx *tx, void *ctx, struct err *err)
{
	struct walked *walked = ctx;

	walked->names[0] = '\0';
	return lease_paths(tx, MOUNT, walked->prefix, walked->rows->arena,
		add_path, walked, err);
}

static void
path_prefixes_end_at_segments(void **state)
{
	static const struct {
		const char *prefix, *names;
	} cases[] = {
		{ "", "a creds/web creds/web/x creds/web2 " },
		{ "creds", "creds/web creds/web/x creds/web2 " },
		{ "creds/", "creds/web creds/web/x creds/web2 " },
		{ "creds/web", "creds/web creds/web/x " },
		{ "creds/web/", "creds/web creds/web/x " },
		{ "creds/we", "" },
		{ "creds/web2", "creds/web2 " },
		/* Private ones are walked by who asks for them alone. */
		{ "/", "/secret-id/x /secret-id/x/y /secret-id/z " },
		{ "/secret-id", "/secret-id/x /secret-id/x/y /secret-id/z " },
		{ "/secret-id/x", "/secret-id/x /secret-id/x/y " },
		{ "secret-id", "" },
	};
	struct rows *rows = *state;

	number_of(rows, MOUNT, "creds/web2");
	number_of(rows, MOUNT, "creds/web");
	number_of(rows, MOUNT, "creds/web/x");
	number_of(rows, MOUNT, "a");
	number_of(rows, MOUNT, "/secret-id/x");
	number_of(rows, MOUNT, "/secret-id/x/y");
	number_of(rows, MOUNT, "/secret-id/z");
	number_of(rows, MOUNT_2, "creds/web/other");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct walked walked = { rows, cases[i].prefix, 0, 0, "", { 0 },
			0 };

		assert_int_equal(store_read(rows->store, walk_paths, &walked,
					 rows_err(rows)),
			0);
		assert_string_equal(walked.names, cases[i].names);
	}
}

static int
add_lease(void *ctx, const struct lease *lease, UNUSED struct err *err)
{
	struct walked *walked = ctx;

	walked->row[walked->n++] = lease->ref.row;
	return 0;
}

static int
walk_rows(struct store_tx *tx, void *ctx, struct err *err)
{
	struct walked *walked = ctx;

	walked->n = 0;
	return lease_rows(tx, walked->path, walked->after, 2,
		walked->rows->arena, add_lease, walked, err);
}

static void
rows_of_a_path_come_by_pages_in_order(void **state)
{
	struct rows *rows = *state;
	struct rowref refs[3];
	struct walked walked = { .rows = rows };

	for (size_t i = 0; i < 3; i++) {
		refs[i] = rows_add_otp(rows, "creds/web", no_owner, 60);
		rows_add_otp(rows, "creds/db", no_owner, 60);
	}
	walked.path = refs[0].path;
	assert_int_equal(store_read(rows->store, walk_rows, &walked, NULL), 0);
	assert_int_equal(walked.n, 2);
	assert_true(walked.row[0] == refs[0].row);
	assert_true(walked.row[1] == refs[1].row);
	walked.after = walked.row[1];
	assert_int_equal(store_read(rows->store, walk_rows, &walked, NULL), 0);
	assert_int_equal(walked.n, 1);
	assert_true(walked.row[0] == refs[2].row);
}

static void
the_count_is_of_all_rows_but_tokens(void **state)
{
	struct rows *rows = *state;
	struct rowref token = rows_add_token(rows, no_owner, 3600);
	uint64_t n = 99;

	assert_int_equal(lease_count(rows->store, &n, NULL), 0);
	assert_int_equal(n, 0);
	for (int i = 0; i < 1200; i++)
		rows_add_otp(rows, i % 3 == 0 ? "creds/web" : "creds/db",
			i % 2 == 0 ? token : no_owner, 600);
	rows_add_token(rows, token, 60);
	assert_int_equal(lease_count(rows->store, &n, NULL), 0);
	assert_int_equal(n, 1200);
}

#define ROWS_TEST(test)                                                        \
	cmocka_unit_test_setup_teardown(test, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROWS_TEST(a_row_comes_back_as_it_was_stored),
		ROWS_TEST(an_absent_row_is_404_without_a_text),
		ROWS_TEST(a_taken_number_is_refused),
		ROWS_TEST(no_row_lives_for_ever_by_a_zero),
		ROWS_TEST(a_live_row_with_its_data_is_small),
		ROWS_TEST(bytes_that_are_no_row_are_refused),
		ROWS_TEST(a_row_needs_a_live_owner),
		ROWS_TEST(an_owner_that_ends_in_the_same_batch_owns_no_more),
		ROWS_TEST(one_of_many_racers_takes_a_password),
		ROWS_TEST(a_row_is_dead_at_its_time_though_still_there),
		ROWS_TEST(only_numbers_that_were_given_pass),
		ROWS_TEST(a_path_keeps_its_number_and_shares_it_with_none),
		ROWS_TEST(racers_for_a_new_path_get_one_number),
		ROWS_TEST(a_path_that_is_too_long_is_refused),
		ROWS_TEST(a_lease_id_leads_to_its_row),
		ROWS_TEST(a_tail_with_another_salt_is_absent),
		ROWS_TEST(a_lease_id_that_is_too_long_is_refused),
		ROWS_TEST(path_prefixes_end_at_segments),
		ROWS_TEST(rows_of_a_path_come_by_pages_in_order),
		ROWS_TEST(the_count_is_of_all_rows_but_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
