/* The life of a one-time password: taken once, or never. */
#include <ctype.h>
#include <pthread.h>

#include "tests/unit/ssh/ssh_fixture.h"

#define RACERS 64

static void
a_password_opens_what_was_asked_once(void **state)
{
	const char *otp = issue_as(fixture->root);

	(void)state;
	assert_int_equal(verify(otp), 200);
	assert_string_equal(
		value_find_str(reply.data, "username", ""), "ubuntu");
	assert_string_equal(value_find_str(reply.data, "ip", ""), "10.1.2.3");
	assert_string_equal(value_find_str(reply.data, "role_name", ""), "web");
	assert_not_found(verify(otp));
}

struct race {
	pthread_barrier_t start;
	const char *otp;
	_Atomic int won, refused;
};

/* Each racer has an arena of its own: the fixture's is for one thread. */
static void *
run_racer(void *ctx)
{
	struct race *race = ctx;
	struct api_fixture own = *fixture;
	struct api_reply answer;
	char body[128];

	own.arena = arena_new(1024 * 1024);
	(void)snprintf(body, sizeof(body), "{\"otp\":\"%s\"}", race->otp);
	pthread_barrier_wait(&race->start);
	api_call(&own, OP_UPDATE, "ssh/verify", body, &answer);
	race->won += answer.status == 200;
	race->refused += answer.status == 400;
	arena_free(&own.arena);
	return NULL;
}

static void
one_of_64_racers_wins(void **state)
{
	struct race race = { .otp = issue_as(fixture->root) };
	pthread_t threads[RACERS];
	size_t i;

	(void)state;
	pthread_barrier_init(&race.start, NULL, RACERS);
	for (i = 0; i < RACERS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, run_racer, &race), 0);
	for (i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&race.start);
	assert_int_equal(race.won, 1);
	assert_int_equal(race.refused, RACERS - 1);
}

static void
hints_that_fit_pass_and_others_spend_nothing(void **state)
{
	static const struct {
		const char *hints;
		bool fits;
	} cases[] = {
		{ ",\"username\":\"ubuntu\"", true },
		{ ",\"username\":\"\"", true },
		{ ",\"ip\":\"192.0.2.1,10.1.2.3\"", true },
		{ ",\"ip\":[\"::ffff:10.1.2.3\"]", true },
		{ ",\"role\":\"db,web\"", true },
		{ ",\"role\":\"*\"", true },
		{ ",\"host\":\"h1\"", true },
		{ ",\"username\":\"root\"", false },
		{ ",\"username\":\"Ubuntu\"", false },
		{ ",\"ip\":\"10.1.2.4\"", false },
		{ ",\"ip\":\"nonsense\"", false },
		{ ",\"role\":\"db\"", false },
		{ ",\"role\":\"*,db\"", false },
		{ ",\"username\":\"ubuntu\",\"ip\":\"10.1.2.4\"", false },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *otp = issue_as(fixture->root);
		const int status = verify_at("ssh/", otp, cases[i].hints);

		if (cases[i].fits != (status == 200))
			fail_msg("%s: %d", cases[i].hints, status);
		assert_int_equal(
			verify(otp) == 200, cases[i].fits ? false : true);
	}
}

static void
the_third_wrong_hint_destroys(void **state)
{
	const char *otp = issue_as(fixture->root);
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_not_found(
			verify_at("ssh/", otp, ",\"username\":\"root\""));
	assert_not_found(verify(otp));
}

static void
another_mount_knows_nothing_of_it(void **state)
{
	const char *otp = issue_as(fixture->root);

	(void)state;
	assert_int_equal(api_mount(fixture, "ssh", "other/"), 0);
	assert_not_found(verify_at("other/", otp, ""));
	assert_int_equal(verify(otp), 200);
}

static void
it_ends_with_its_time(void **state)
{
	const char *late = issue_as(fixture->root);
	const char *in_time = issue_as(fixture->root);
	const int64_t ttl_s = value_find_int(reply.json, "lease_duration", 0);

	(void)state;
	assert_int_equal(ttl_s, 600);
	fixture->clock_ahead_ns = (ttl_s - 60) * CLOCK_NS_PER_S;
	assert_int_equal(verify(in_time), 200);
	fixture->clock_ahead_ns = ttl_s * CLOCK_NS_PER_S;
	assert_not_found(verify(late));
}

static void
it_dies_with_the_token_that_asked(void **state)
{
	const char *token = api_make_token(
		fixture, USE_ANY_CREDS, "{\"policies\":[\"mine\"]}");
	const char *otp = issue_as(token);

	(void)state;
	api_call_as(
		fixture, token, "POST", "auth/token/revoke-self", NULL, &reply);
	assert_int_equal(reply.status, 204);
	assert_not_found(verify(otp));
}

static void
it_dies_with_its_lease(void **state)
{
	const char *otp = issue_as(fixture->root);
	char body[600];

	(void)state;
	(void)snprintf(body, sizeof(body), "{\"lease_id\":\"%s\"}",
		value_find_str(reply.json, "lease_id", ""));
	api_call(fixture, OP_UPDATE, "sys/leases/revoke", body, &reply);
	assert_int_equal(reply.status, 204);
	assert_not_found(verify(otp));
}

/* None of these may reach the row, nor spend it (reliability.md L20). */
static void
only_the_one_spelling_counts(void **state)
{
	const char *otp = issue_as(fixture->root);
	char upper[64] = "", bare[64] = "", forms[8][96];
	size_t i, n = 0;

	(void)state;
	for (i = 0; otp[i] != '\0'; i++) {
		upper[i] = (char)toupper((unsigned char)otp[i]);
		if (otp[i] != '-')
			bare[n++] = otp[i];
	}
	(void)snprintf(forms[0], sizeof(forms[0]), "%s\\n", otp);
	(void)snprintf(forms[1], sizeof(forms[1]), " %s", otp);
	(void)snprintf(forms[2], sizeof(forms[2]), "%s ", otp);
	(void)snprintf(forms[3], sizeof(forms[3]), "%s\\u0000", otp);
	(void)snprintf(forms[4], sizeof(forms[4]), "{%s}", otp);
	(void)snprintf(forms[5], sizeof(forms[5]), "%s", bare);
	(void)snprintf(forms[6], sizeof(forms[6]), "%s0", otp);
	(void)snprintf(forms[7], sizeof(forms[7]), "%s", upper);
	for (i = 0; i < ARRAY_LEN(forms); i++) {
		if (strcmp(forms[i], otp) != 0)
			assert_int_equal(verify(forms[i]), 400);
	}
	assert_int_equal(verify(otp), 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_password_opens_what_was_asked_once),
		MOUNTED(one_of_64_racers_wins),
		MOUNTED(hints_that_fit_pass_and_others_spend_nothing),
		MOUNTED(the_third_wrong_hint_destroys),
		MOUNTED(another_mount_knows_nothing_of_it),
		MOUNTED(it_ends_with_its_time),
		MOUNTED(it_dies_with_the_token_that_asked),
		MOUNTED(it_dies_with_its_lease),
		MOUNTED(only_the_one_spelling_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
