/*
 * What was sealed opens under its own key and with all its bits, else not at
 * all (reliability.md R31).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/barrier.h"
#include "tests/support/figures.h"
#include "tests/unit/storage/sealed_fixture.h"

#define N_SWAPS 10000

static bool
opens(struct fixture *fixture, size_t key, struct span sealed)
{
	struct arena *arena = arena_new(1 << 20);
	struct span value;
	int rc = barrier_open(fixture->barrier,
		span_str(fixture->records[key].key), sealed, arena, &value,
		NULL);

	arena_free(&arena);
	return rc != ERR_CRYPTO;
}

static void
each_flipped_bit_is_refused(void **state)
{
	struct fixture *fixture = *state;
	uint64_t n = 0, n_opened = 0;

	for (size_t i = 0; i < N_RECORDS; i++) {
		struct buf *bytes = &fixture->records[i].bytes;

		for (size_t bit = 0; bit < bytes->len * 8; bit++, n++) {
			bytes->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			n_opened += opens(fixture, i, buf_span(bytes));
			bytes->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_true(opens(fixture, i, buf_span(bytes)));
	}
	figures_report("R31", n, n_opened, "flipped bits");
	assert_int_equal(n_opened, 0);
}

static void
each_cut_is_refused(void **state)
{
	struct fixture *fixture = *state;
	const struct buf *bytes = &fixture->records[N_RECORDS - 1].bytes;

	for (size_t len = 0; len < bytes->len; len++)
		assert_false(opens(
			fixture, N_RECORDS - 1, span_of(bytes->data, len)));
}

static void
values_cannot_be_swapped(void **state)
{
	struct fixture *fixture = *state;
	uint64_t n_opened = 0;

	for (size_t i = 0; i < N_SWAPS; i++) {
		size_t from = i % N_RECORDS;
		size_t to = (from + 1 + i / N_RECORDS % (N_RECORDS - 1)) %
			N_RECORDS;

		n_opened += opens(
			fixture, to, buf_span(&fixture->records[from].bytes));
	}
	figures_report("R31", N_SWAPS, n_opened, "swapped records");
	assert_int_equal(n_opened, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_flipped_bit_is_refused),
		cmocka_unit_test(each_cut_is_refused),
		cmocka_unit_test(values_cannot_be_swapped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
