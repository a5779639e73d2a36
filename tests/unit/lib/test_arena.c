/* Request memory: cap, alignment, wiping, the pool under threads. */
#include "lib/arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
memory_is_zeroed_and_aligned(void **state)
{
	struct arena *arena = arena_new(100000);
	int i;

	(void)state;
	assert_non_null(arena);
	for (i = 1; i < 200; i++) {
		uint8_t *p = arena_alloc(arena, 1, (size_t)i);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_int_equal(p[0] | p[i - 1], 0);
		memset(p, 0xff, (size_t)i);
		assert_non_null(arena_strdup(arena, "odd"));
	}
	arena_free(&arena);
	assert_null(arena);
	arena_free(&arena);
}

static void
the_cap_is_exact(void **state)
{
	struct arena *arena = arena_new(40000);

	(void)state;
	assert_non_null(arena_alloc(arena, 2, 10000));
	assert_non_null(arena_alloc(arena, 1, 20000));
	assert_int_equal(arena_used(arena), 40000);
	assert_null(arena_alloc(arena, 1, 1));
	assert_null(arena_strdup(arena, ""));
	arena_free(&arena);
}

static void
an_overflowing_product_is_refused(void **state)
{
	struct arena *arena = arena_new(SIZE_MAX);

	(void)state;
	assert_null(arena_alloc(arena, SIZE_MAX / 2, 3));
	assert_null(arena_alloc(arena, 1, SIZE_MAX - 8));
	assert_null(arena_strndup(arena, "", SIZE_MAX));
	arena_free(&arena);
}

static void
strings_are_copied(void **state)
{
	struct arena *arena = arena_new(1000);
	struct span span;

	(void)state;
	assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
	assert_string_equal(arena_printf(arena, "%s/%d", "x", 7), "x/7");
	span = arena_dup(arena, span_of("a\0b", 3));
	assert_int_equal(span.len, 3);
	assert_memory_equal(span.data, "a\0b", 4);
	assert_non_null(arena_dup(arena, SPAN_NONE).data);
	arena_free(&arena);
}

/* What had no place where it was tried first is not met there later. */
static void
a_text_that_does_not_fit_leaves_no_trace(void **state)
{
	static const uint8_t nothing[100];
	struct arena *small = arena_new(sizeof(nothing));
	struct arena *large = arena_new(SIZE_MAX);
	const char *text;

	(void)state;
	assert_null(arena_printf(small, "%0200d", 7));
	assert_memory_equal(arena_alloc(small, 1, sizeof(nothing)), nothing,
		sizeof(nothing));
	text = arena_printf(large, "%0*d", 2 * ARENA_CHUNK, 7);
	assert_non_null(text);
	assert_int_equal(strlen(text), 2 * ARENA_CHUNK);
	assert_memory_equal(arena_alloc(large, 1, sizeof(nothing)), nothing,
		sizeof(nothing));
	arena_free(&small);
	arena_free(&large);
}

static void
small_things_still_fit_behind_a_large_one(void **state)
{
	struct arena *arena = arena_new(1 << 20);
	char *a = NULL, *b = NULL;

	(void)state;
	a = arena_strdup(arena, "a");
	assert_non_null(arena_alloc(arena, 1, 100000));
	b = arena_strdup(arena, "b");
	assert_ptr_equal(b, a + 2);
	arena_free(&arena);
}

static void
a_returned_chunk_comes_back_wiped(void **state)
{
	struct arena *arena = NULL;
	uint8_t *first = NULL, *again = NULL;
	size_t i;

	(void)state;
	arena_pool_drain();
	arena = arena_new(20000);
	first = arena_alloc(arena, 1, 4000);
	memset(first, 0x5a, 4000);
	arena_free(&arena);
	arena = arena_new(20000);
	again = arena_alloc(arena, 1, 8000);
	assert_ptr_equal(first, again);
	for (i = 0; i < 8000; i++)
		assert_int_equal(again[i], 0);
	arena_free(&arena);
	arena_pool_drain();
}

static void *
churn(void *ctx)
{
	bool *ok = ctx;
	int i, j;

	for (i = 0; i < 200; i++) {
		struct arena *arena = arena_new(200000);

		for (j = 0; j < 20; j++) {
			uint8_t *p = arena_alloc(arena, 1, 3000);

			if (p == NULL || p[0] != 0 || p[2999] != 0)
				*ok = false;
			else
				memset(p, i + j + 1, 3000);
		}
		arena_free(&arena);
	}
	return NULL;
}

static void
threads_share_the_pool(void **state)
{
	pthread_t threads[4];
	bool ok[4] = { true, true, true, true };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, churn, &ok[i]), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_true(ok[i]);
	}
	arena_pool_drain();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(the_cap_is_exact),
		cmocka_unit_test(an_overflowing_product_is_refused),
		cmocka_unit_test(strings_are_copied),
		cmocka_unit_test(a_text_that_does_not_fit_leaves_no_trace),
		cmocka_unit_test(small_things_still_fit_behind_a_large_one),
		cmocka_unit_test(a_returned_chunk_comes_back_wiped),
		cmocka_unit_test(threads_share_the_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
