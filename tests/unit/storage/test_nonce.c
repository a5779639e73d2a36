/* No nonce comes twice, and each use of a key counts (reliability.md R32). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "storage/barrier.h"
#include "tests/support/figures.h"

#define NONCE_AT 5
#define NONCE 24

static int
compare_nonces(const void *a, const void *b)
{
	return memcmp(a, b, NONCE);
}

static void
no_nonce_comes_twice(void **state)
{
	const size_t n = figures_count("NONCES", 1000000, 10000000);
	uint8_t(*nonces)[NONCE] = calloc(n, sizeof(*nonces));
	struct barrier *barrier = barrier_new_keyring(1000);
	uint64_t n_twice = 0, n_counted = 0;
	int64_t installed_s = 0;
	uint32_t term = 0;
	struct buf sealed;

	(void)state;
	assert_non_null(nonces);
	buf_init(&sealed, 4096);
	for (size_t i = 0; i < n; i++) {
		buf_reset(&sealed);
		assert_int_equal(0,
			barrier_seal(barrier, span_str("k"), span_str("v"),
				&sealed, NULL));
		memcpy(nonces[i], sealed.data + NONCE_AT, NONCE);
	}
	qsort(nonces, n, sizeof(*nonces), compare_nonces);
	for (size_t i = 1; i < n; i++)
		n_twice += compare_nonces(nonces[i - 1], nonces[i]) == 0;
	barrier_status(barrier, &term, &installed_s, &n_counted);
	figures_report("R32", n, n_twice, "nonces");
	assert_int_equal(n_twice, 0);
	assert_int_equal(n_counted, n);
	buf_clear(&sealed);
	barrier_free(&barrier);
	free(nonces);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_nonce_comes_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
