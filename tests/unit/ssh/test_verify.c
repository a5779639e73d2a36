/* verify as hosts call it: words, shapes, the limit on guesses. */
#include "server/api/miss_limit.h"
#include "tests/unit/ssh/ssh_fixture.h"

static void
set_peer(const char *text)
{
	assert_int_equal(netaddr_parse(span_str(text), &fixture->peer), 0);
}

static void
the_echo_word_is_answered(void **state)
{
	(void)state;
	assert_int_equal(verify("verify-echo-request"), 200);
	assert_string_equal(value_find_str(reply.data, "message", ""),
		"verify-echo-response");
	assert_not_found(verify("verify-echo-request "));
}

static void
what_is_no_password_is_not_found(void **state)
{
	static const char *const bodies[] = { "{}", "{\"otp\":\"\"}",
		"{\"otp\":null}", "{\"otp\":\"x\"}",
		"{\"otp\":\"2f8c1a90-6b7d-e311-c04f-97a5d8e1b236\"}",
		"{\"otp\":\"../../sys/raw\"}" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bodies); i++) {
		api_call_as(
			fixture, NULL, "POST", "ssh/verify", bodies[i], &reply);
		assert_not_found(reply.status);
	}
}

static void
guesses_of_one_source_are_limited(void **state)
{
	const char *otp = issue_as(fixture->root);
	int status = 400;
	int i;

	(void)state;
	set_peer("198.51.100.1");
	for (i = 0; i < 2 * MISS_LIMIT_BURST && status == 400; i++)
		status = verify("2f8c1a90-6b7d-e311-c04f-97a5d8e1b236");
	assert_int_equal(status, 429);
	assert_true(i > MISS_LIMIT_BURST);
	assert_true(reply.retry_after_s > 0);
	/* A right one still passes from there, and guesses from elsewhere. */
	assert_int_equal(verify(otp), 200);
	set_peer("198.51.100.2");
	assert_not_found(verify("2f8c1a90-6b7d-e311-c04f-97a5d8e1b236"));
}

static void
a_spent_password_is_no_guess(void **state)
{
	const char *otp = issue_as(fixture->root);
	int i;

	(void)state;
	set_peer("198.51.100.3");
	assert_int_equal(verify(otp), 200);
	for (i = 0; i < MISS_LIMIT_BURST + 50; i++)
		assert_not_found(verify(otp));
}

static void
other_verbs_are_refused(void **state)
{
	(void)state;
	api_call_as(fixture, NULL, "GET", "ssh/verify", NULL, &reply);
	assert_int_equal(reply.status, 405);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(the_echo_word_is_answered),
		MOUNTED(what_is_no_password_is_not_found),
		MOUNTED(guesses_of_one_source_are_limited),
		MOUNTED(a_spent_password_is_no_guess),
		MOUNTED(other_verbs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
