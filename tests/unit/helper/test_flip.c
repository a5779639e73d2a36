/*
 * One flipped bit is never a yes (reliability.md L69): not in the verdict, not
 * on the helper's line, not in the code that a decision on the server returns.
 */
#include "helper/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/figures.h"

#define NONCE "0123456789abcdef0123456789abcdef"
#define HEAD "sallyport " NONCE " "

static const uint32_t refusals[] = { VERDICT_DENY, VERDICT_UNAVAILABLE,
	VERDICT_CONFIG, 0, 1, UINT32_MAX };

static void
no_flipped_bit_makes_an_allow(void **state UNUSED)
{
	size_t n = 0, failures = 0;

	assert_true(verdict_is_allow(VERDICT_ALLOW));
	for (unsigned bit = 0; bit < 32; bit++, n++)
		failures += verdict_is_allow(VERDICT_ALLOW ^ (1U << bit));
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		failures += verdict_is_allow(refusals[i]);
		for (unsigned bit = 0; bit < 32; bit++, n++)
			failures += verdict_is_allow(refusals[i] ^ (1U << bit));
	}
	figures_report("L69", n, failures, "flips of a verdict");
	assert_int_equal(failures, 0);
}

/* Two flips do not help either, nor do ten. */
static void
verdicts_lie_far_apart(void **state UNUSED)
{
	static const uint32_t all[] = { VERDICT_ALLOW, VERDICT_DENY,
		VERDICT_UNAVAILABLE, VERDICT_CONFIG, 0, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		for (size_t k = 0; k < i; k++)
			assert_true(__builtin_popcount(all[i] ^ all[k]) >= 12);
}

static uint32_t
verdict_of(const char *text, size_t len)
{
	struct verdict_line line;

	verdict_line_read(NONCE, span_of(text, len), &line);
	return line.verdict;
}

static size_t
flip_all(const char *word, size_t *failures)
{
	char text[256];
	size_t len = (size_t)snprintf(
		text, sizeof(text), HEAD "%s otp 10.0.0.7 r -\n", word);
	/* What follows says which role, and is logged only. */
	size_t end = strlen(HEAD) + strlen(word) + 1;

	for (size_t i = 0; i < 8 * end; i++) {
		text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
		*failures += verdict_is_allow(verdict_of(text, len));
		text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
	}
	return 8 * end;
}

static void
no_flipped_bit_of_a_line_makes_a_yes(void **state UNUSED)
{
	static const char *const words[] = { "allow", "deny", "unavailable",
		"config" };
	static const char yes[] = HEAD "allow otp 10.0.0.7 r -\n";
	size_t n = 0, failures = 0;

	assert_true(verdict_is_allow(verdict_of(yes, sizeof(yes) - 1)));
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		n += flip_all(words[i], &failures);
	figures_report("L69", n, failures, "flips of a verdict's line");
	assert_int_equal(failures, 0);
}

/* 0 lets a request pass: no code of a refusal is one flip away from it. */
static void
no_flipped_bit_of_a_refusal_is_success(void **state UNUSED)
{
	static const int codes[] = { ERR_INPUT, ERR_ABSENT, ERR_DENIED,
		ERR_EXISTS, ERR_MEMORY, ERR_LIMIT, ERR_SYSTEM, ERR_STORAGE,
		ERR_FULL, ERR_SEALED, ERR_CRYPTO, ERR_BUSY, ERR_TIMEOUT,
		ERR_AUDIT, ERR_PEER, ERR_INTERNAL };
	size_t n = 0, failures = 0;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		for (unsigned bit = 0; bit < 32; bit++, n++)
			failures += ((uint32_t)codes[i] ^ (1U << bit)) == 0;
	figures_report("L69", n, failures, "flips of an error code");
	assert_int_equal(failures, 0);
	/* A code that is new and not listed here moves the last one. */
	assert_int_equal(ERR_INTERNAL, -(int)ARRAY_LEN(codes));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_flipped_bit_makes_an_allow),
		cmocka_unit_test(verdicts_lie_far_apart),
		cmocka_unit_test(no_flipped_bit_of_a_line_makes_a_yes),
		cmocka_unit_test(no_flipped_bit_of_a_refusal_is_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
