/* Shamir's shares: round trips, refusals, layout, and that shares look random.
 */
#include "server/keeper/shamir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/codec.h"
#include "tests/support/figures.h"

#define SECRET_LEN 5
#define SHARE_LEN (SECRET_LEN + 1)

static const uint8_t secret_bytes_of_test[SECRET_LEN] = { 0x00, 0x01, 0x7f,
	0x80, 0xff };

static struct secret_view
test_secret(void)
{
	return secret_view_of(secret_bytes_of_test, SECRET_LEN);
}

/* Combine the shares whose bits stand in mask. */
static int
combine_subset(const uint8_t *shares, unsigned n, unsigned mask, uint8_t *out)
{
	uint8_t chosen[8 * SHARE_LEN];
	unsigned i, k = 0;

	for (i = 0; i < n; i++) {
		if ((mask & (1U << i)) != 0)
			memcpy(chosen + SHARE_LEN * k++, shares + SHARE_LEN * i,
				SHARE_LEN);
	}
	return shamir_combine(chosen, k, SHARE_LEN, out, NULL);
}

/* Every subset of every (n, t) up to 6: t or more give it, fewer do not. */
static void
every_subset_that_is_large_enough_gives_the_secret(void **state)
{
	uint8_t shares[6 * SHARE_LEN], out[SECRET_LEN];
	unsigned n, t, mask;

	(void)state;
	for (n = 2; n <= 6; n++) {
		for (t = 2; t <= n; t++) {
			assert_int_equal(
				shamir_split(test_secret(), n, t, shares, NULL),
				0);
			for (mask = 1; mask < 1U << n; mask++) {
				unsigned k = (unsigned)__builtin_popcount(mask);
				bool same;

				if (k < 2)
					continue;
				assert_int_equal(
					combine_subset(shares, n, mask, out),
					0);
				same = memcmp(out, secret_bytes_of_test,
					       SECRET_LEN) == 0;
				/* A wrong guess hits once in 2^40. */
				assert_int_equal(same, k >= t);
			}
		}
	}
}

static void
two_hundred_and_fifty_five_shares_work(void **state)
{
	static uint8_t shares[255 * SHARE_LEN];
	uint8_t out[SECRET_LEN];

	(void)state;
	assert_int_equal(
		shamir_split(test_secret(), 255, 255, shares, NULL), 0);
	assert_int_equal(shamir_combine(shares, 255, SHARE_LEN, out, NULL), 0);
	assert_memory_equal(out, secret_bytes_of_test, SECRET_LEN);
}

static void
indices_are_distinct_never_zero_and_in_random_order(void **state)
{
	uint8_t shares[5 * SHARE_LEN];
	unsigned round, i, k, ascending = 0;

	(void)state;
	for (round = 0; round < 200; round++) {
		bool sorted = true;

		assert_int_equal(
			shamir_split(test_secret(), 5, 3, shares, NULL), 0);
		for (i = 0; i < 5; i++) {
			uint8_t index = shares[i * SHARE_LEN + SECRET_LEN];

			assert_int_not_equal(index, 0);
			for (k = 0; k < i; k++)
				assert_int_not_equal(index,
					shares[k * SHARE_LEN + SECRET_LEN]);
			if (i > 0 &&
				index < shares[(i - 1) * SHARE_LEN +
						SECRET_LEN])
				sorted = false;
		}
		ascending += sorted;
	}
	/* 1 in 120 by chance. */
	assert_true(ascending < 40);
}

static void
split_refuses_bad_counts(void **state)
{
	static const unsigned bad[][2] = { { 0, 0 }, { 1, 1 }, { 2, 1 },
		{ 2, 0 }, { 2, 3 }, { 256, 2 } };
	static uint8_t shares[256 * SHARE_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(shamir_split(test_secret(), bad[i][0],
					 bad[i][1], shares, NULL),
			ERR_INPUT);
}

/* All pairs of indices: equal ones and zeros are refused, others are not. */
static void
combine_refuses_index_zero_and_repeats(void **state)
{
	uint8_t shares[2 * SHARE_LEN] = { 0 }, out[SECRET_LEN];
	size_t failures = 0;
	unsigned a, b;

	(void)state;
	for (a = 0; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			bool good = a != 0 && b != 0 && a != b;

			shares[SECRET_LEN] = (uint8_t)a;
			shares[SHARE_LEN + SECRET_LEN] = (uint8_t)b;
			failures += shamir_combine(shares, 2, SHARE_LEN, out,
					    NULL) != (good ? 0 : ERR_INPUT);
		}
	}
	figures_report("L26", 256 * 256, failures, "pairs of indices");
	assert_int_equal(failures, 0);
	assert_int_equal(
		shamir_combine(shares, 1, SHARE_LEN, out, NULL), ERR_INPUT);
	assert_int_equal(shamir_combine(shares, 2, 1, out, NULL), ERR_INPUT);
}

/* Made with logarithm tables over the generator 0xe5, as the peer's are. */
static void
shares_of_the_peers_layout_combine(void **state)
{
	static const char *const texts[] = {
		"a9b7edb0a5fd2d8514327ea0f184d3021b6e2d1302384f55684fe7f7258c2de101",
		"f0e36277451e5059bda4b640ca1d826b4ed70fe64bc45b741fa14d0f372c39df02",
		"46a207ec336f88da7116c8a55cbcff8f5daa5cc86f4966b8f22daa64eab0c6984d",
		"4cab19a3ec454a1dd443c0cece55319670f9d2115f61abfdac98e4eae65125c7ff"
	};
	uint8_t shares[3 * 33], out[32];
	size_t i, k, len;
	unsigned left_out;

	(void)state;
	for (left_out = 0; left_out < 4; left_out++) {
		for (i = 0, k = 0; i < 4; i++) {
			if (i == left_out)
				continue;
			assert_int_equal(hex_decode(span_str(texts[i]),
						 shares + 33 * k++, 33, &len),
				0);
		}
		assert_int_equal(shamir_combine(shares, 3, 33, out, NULL), 0);
		for (i = 0; i < 32; i++)
			assert_int_equal(out[i], 0xe0 + i);
	}
}

/* How far counts[from] to counts[255] lie from all being the same. */
static double
chi_square(const uint64_t counts[256], unsigned from)
{
	double chi = 0, expected = 0;
	unsigned i;

	for (i = from; i < 256; i++)
		expected += (double)counts[i];
	expected /= 256 - from;
	for (i = from; i < 256; i++) {
		double off = (double)counts[i] - expected;

		chi += off * off / expected;
	}
	return chi;
}

/*
 * The bytes of shares of one fixed secret, all zeros, are uniform
 * (reliability.md L26): 10^6 of them for each shape, 255 degrees of freedom;
 * 400 is passed by chance once in 10^8 runs. A top coefficient that is never 0
 * would leave no zeros among those of 2 of 2, which alone gives 3,900.
 */
static void
share_bytes_are_uniform(void **state)
{
	static const unsigned shapes[][2] = { { 2, 2 }, { 3, 2 }, { 5, 3 },
		{ 10, 10 } };
	static const uint8_t zeros[1000];
	static uint8_t shares[10 * (sizeof(zeros) + 1)];
	size_t rounds = figures_count("SHARE_BYTES", 1000000, 10000000) / 1000;
	size_t failures = 0, shape, round, i;

	(void)state;
	for (shape = 0; shape < ARRAY_LEN(shapes); shape++) {
		uint64_t counts[256] = { 0 };

		for (round = 0; round < rounds; round++) {
			assert_int_equal(
				shamir_split(
					secret_view_of(zeros, sizeof(zeros)),
					shapes[shape][0], shapes[shape][1],
					shares, NULL),
				0);
			for (i = 0; i < sizeof(zeros); i++)
				counts[shares[i]]++;
		}
		failures += chi_square(counts, 0) >= 400;
	}
	figures_report("L26", shape * rounds * 1000, failures,
		"bytes of shares, chi-square");
	assert_int_equal(failures, 0);
}

/* Each of the 255 indices is as likely as any other. */
static void
indices_are_uniform(void **state)
{
	uint8_t shares[5 * SHARE_LEN];
	uint64_t counts[256] = { 0 };
	size_t n = figures_count("SHARE_INDICES", 100000, 1000000), i, k;
	bool is_uniform;

	(void)state;
	for (i = 0; i < n; i += 5) {
		assert_int_equal(
			shamir_split(test_secret(), 5, 3, shares, NULL), 0);
		for (k = 0; k < 5; k++)
			counts[shares[k * SHARE_LEN + SECRET_LEN]]++;
	}
	is_uniform = chi_square(counts, 1) < 400 && counts[0] == 0;
	figures_report("L26", n, !is_uniform, "indices, chi-square");
	assert_true(is_uniform);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_subset_that_is_large_enough_gives_the_secret),
		cmocka_unit_test(two_hundred_and_fifty_five_shares_work),
		cmocka_unit_test(
			indices_are_distinct_never_zero_and_in_random_order),
		cmocka_unit_test(split_refuses_bad_counts),
		cmocka_unit_test(combine_refuses_index_zero_and_repeats),
		cmocka_unit_test(shares_of_the_peers_layout_combine),
		cmocka_unit_test(share_bytes_are_uniform),
		cmocka_unit_test(indices_are_uniform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
