/* Wrapping tokens: the answer once, to the right text, and given back. */
#include <pthread.h>
#include <string.h>

#include "storage/cubbyhole.h"
#include "storage/wrapping.h"
#include "tests/unit/storage/rows.h"

#define N_TAKERS 32
#define TTL_S 60

struct wrapped {
	struct rows *rows;
	struct token_draft draft;
	struct token token;
	struct wrapped_answer answer;
	struct wrapping_name name;
	bool used;
};

static int
insert(struct store_tx *tx, void *ctx, struct err *err)
{
	struct wrapped *wrapped = ctx;

	return wrapping_insert(
		tx, &wrapped->draft, &wrapped->token, &wrapped->answer, err);
}

static int
parse(struct wrapped *wrapped, const char *text)
{
	return wrapping_parse(wrapped->rows->barrier, MOUNT_TOKENS,
		secret_view_of(text, strlen(text)), &wrapped->name);
}

/* A new one that stands for body. */
static int
wrap(struct rows *rows, struct span body, struct wrapped *wrapped)
{
	const int64_t now_s = rows_now_s(rows);
	int rc;

	*wrapped = (struct wrapped){ .rows = rows,
		.token = { .display_name = "token",
			.path = "ssh/creds/web",
			.entity_id = "",
			.role = "",
			.creation_ttl_s = TTL_S },
		.answer = { .status = 202,
			.content_type = "text/x",
			.body = body } };
	wrapped->token.lease.issue_ns = now_s * CLOCK_NS_PER_S;
	wrapped->token.lease.expire_s = now_s + TTL_S;
	wrapped->token.lease.max_s = now_s + TTL_S;
	wrapped->token.lease.ttl_s = TTL_S;
	rc = token_draft(rows->store, rows->barrier,
		&(struct token_place){
			MOUNT_TOKENS, MOUNT_TOKENS, "sys/wrapping/wrap" },
		SPAN_NONE, &wrapped->draft, rows_err(rows));
	if (rc == 0)
		rc = store_write(rows->store, insert, wrapped, rows_err(rows));
	return rc != 0 ? rc : parse(wrapped, wrapped->draft.text);
}

static int
take(struct store_tx *tx, void *ctx, struct err *err)
{
	struct wrapped *wrapped = ctx;

	return wrapping_take(tx, &wrapped->name, wrapped->rows->arena,
		&wrapped->token, &wrapped->answer, &wrapped->used, err);
}

static int
take_now(struct wrapped *wrapped)
{
	wrapped->answer = (struct wrapped_answer){ .status = 0 };
	return store_write(
		wrapped->rows->store, take, wrapped, rows_err(wrapped->rows));
}

static int
give_back(struct store_tx *tx, void *ctx, struct err *err)
{
	struct wrapped *wrapped = ctx;

	return wrapping_give_back(
		tx, wrapped->draft.ref, wrapped->rows->arena, err);
}

static int
give_back_now(struct wrapped *wrapped)
{
	return store_write(wrapped->rows->store, give_back, wrapped,
		rows_err(wrapped->rows));
}

static void
the_answer_comes_back_byte_for_byte_and_once(void **state)
{
	struct rows *rows = *state;
	struct wrapped wrapped;

	assert_int_equal(wrap(rows, span_of("a\0b\xff", 4), &wrapped), 0);
	assert_int_equal(take_now(&wrapped), 0);
	assert_int_equal(wrapped.answer.status, 202);
	assert_string_equal(wrapped.answer.content_type, "text/x");
	assert_true(span_equal(wrapped.answer.body, span_of("a\0b\xff", 4)));
	assert_false(wrapped.used);
	assert_true(token_is_wrapping(&wrapped.token));
	assert_string_equal(wrapped.token.path, "ssh/creds/web");
	/* Again: the row says that it was there. */
	assert_int_equal(take_now(&wrapped), ERR_ABSENT);
	assert_true(wrapped.used);
}

static void
an_empty_answer_is_an_answer(void **state)
{
	struct rows *rows = *state;
	struct wrapped wrapped;

	assert_int_equal(wrap(rows, SPAN_NONE, &wrapped), 0);
	assert_int_equal(take_now(&wrapped), 0);
	assert_int_equal(wrapped.answer.body.len, 0);
	assert_int_equal(wrapped.answer.status, 202);
}

static void
it_ends_with_its_time_unused(void **state)
{
	struct rows *rows = *state;
	struct wrapped wrapped;

	assert_int_equal(wrap(rows, span_str("x"), &wrapped), 0);
	rows_wait(rows, TTL_S);
	assert_int_equal(take_now(&wrapped), ERR_ABSENT);
	assert_false(wrapped.used);
}

static void
only_its_own_text_takes_it(void **state)
{
	struct rows *rows = *state;
	struct wrapped wrapped;
	struct token_draft plain;

	assert_int_equal(wrap(rows, span_str("x"), &wrapped), 0);
	/* The row of the right number under another MAC. */
	wrapped.name.mac[0] ^= 1;
	assert_int_equal(take_now(&wrapped), ERR_ABSENT);
	assert_false(wrapped.used);
	assert_int_equal(parse(&wrapped, "s.none"), ERR_ABSENT);
	assert_int_equal(parse(&wrapped, wrapped.draft.text + 4), ERR_ABSENT);
	/* An ordinary token stands for no answer and stays as it is. */
	assert_int_equal(rows_insert_token(rows, (struct rowref){ 0, 0 }, TTL_S,
				 0, "", &plain),
		0);
	assert_int_equal(parse(&wrapped, plain.text), 0);
	assert_int_equal(take_now(&wrapped), ERR_ABSENT);
	assert_int_equal(rows_state(rows, plain.ref), LEASE_LIVE);
	assert_int_equal(parse(&wrapped, wrapped.draft.text), 0);
	assert_int_equal(take_now(&wrapped), 0);
}

static void
given_back_it_is_taken_once_more(void **state)
{
	struct rows *rows = *state;
	struct wrapped wrapped;

	assert_int_equal(wrap(rows, span_str("x"), &wrapped), 0);
	/* What nobody took cannot be given back. */
	assert_int_equal(give_back_now(&wrapped), ERR_ABSENT);
	assert_int_equal(take_now(&wrapped), 0);
	assert_int_equal(give_back_now(&wrapped), 0);
	assert_int_equal(take_now(&wrapped), 0);
	assert_true(span_equal(wrapped.answer.body, span_str("x")));
}

static void
a_told_answer_leaves_no_bytes_and_is_not_given_back(void **state)
{
	struct rows *rows = *state;
	struct wrapped wrapped;

	assert_int_equal(wrap(rows, span_str("x"), &wrapped), 0);
	assert_int_equal(rows_count_keys(rows, "cub/"), 1);
	assert_int_equal(take_now(&wrapped), 0);
	wrapping_forget(rows->store, wrapped.draft.ref);
	/* Any write behind it carries the deletion. */
	assert_int_equal(rows_insert_token(rows, (struct rowref){ 0, 0 }, TTL_S,
				 0, "", NULL),
		0);
	assert_int_equal(rows_count_keys(rows, "cub/"), 0);
	assert_int_equal(give_back_now(&wrapped), ERR_ABSENT);
	assert_int_equal(rows_state(rows, wrapped.draft.ref), LEASE_USED);
}

static void
an_untaken_answer_goes_with_its_token(void **state)
{
	struct rows *rows = *state;
	struct wrapped wrapped;
	int64_t next_s = 0;

	assert_int_equal(wrap(rows, span_str("x"), &wrapped), 0);
	rows_wait(rows, TTL_S);
	assert_int_equal(rows_expire_all(rows, 50, &next_s), 0);
	assert_int_equal(rows_state(rows, wrapped.draft.ref), 0);
	assert_int_equal(rows_count_keys(rows, "cub/"), 0);
}

static void
too_large_an_answer_is_refused_whole(void **state)
{
	static char large[STORE_VALUE_MAX];
	struct rows *rows = *state;
	struct wrapped wrapped;

	assert_int_equal(
		wrap(rows, span_of(large, sizeof(large)), &wrapped), ERR_LIMIT);
	assert_string_equal(
		rows->err.message, "the answer is too large to be wrapped");
	assert_int_equal(rows_state(rows, wrapped.draft.ref), 0);
	assert_int_equal(rows_count_keys(rows, "cub/"), 0);
}

static void *
race(void *ctx)
{
	struct wrapped *wrapped = ctx;
	struct rows rows = *wrapped->rows;
	struct err err = { 0 };
	int *rc = (int *)&wrapped->answer.status;

	rows.arena = arena_new(1024 * 1024);
	wrapped->rows = &rows;
	*rc = store_write(rows.store, take, wrapped, &err);
	arena_free(&rows.arena);
	wrapped->rows = NULL;
	wrapped->used = err.status == 0 && *rc == 0;
	return NULL;
}

static void
of_racing_takers_one_gets_it(void **state)
{
	struct rows *rows = *state;
	struct wrapped wrapped, takers[N_TAKERS];
	pthread_t threads[N_TAKERS];
	size_t n_won = 0;

	assert_int_equal(wrap(rows, span_str("x"), &wrapped), 0);
	for (size_t i = 0; i < N_TAKERS; i++) {
		takers[i] = wrapped;
		assert_int_equal(
			pthread_create(&threads[i], NULL, race, &takers[i]), 0);
	}
	for (size_t i = 0; i < N_TAKERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		n_won += takers[i].used;
	}
	assert_int_equal(n_won, 1);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_answer_comes_back_byte_for_byte_and_once),
		TEST(an_empty_answer_is_an_answer),
		TEST(it_ends_with_its_time_unused),
		TEST(only_its_own_text_takes_it),
		TEST(given_back_it_is_taken_once_more),
		TEST(a_told_answer_leaves_no_bytes_and_is_not_given_back),
		TEST(an_untaken_answer_goes_with_its_token),
		TEST(too_large_an_answer_is_refused_whole),
		TEST(of_racing_takers_one_gets_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
