/* sys/capabilities: the same answer by token, by accessor, for oneself. */
#include "tests/unit/sys/sys_fixture.h"

#define RULES                                                                  \
	"path \"a/*\" { capabilities = [\"update\", \"read\"] }\n"             \
	"path \"a/no\" { capabilities = [\"deny\"] }"

static const char *token, *accessor;

static int
setup_token(void **state)
{
	if (setup(state) != 0)
		return 1;
	token = api_make_token(fixture, RULES,
		"{\"policies\":[\"mine\"],\"no_default_policy\":true}");
	api_call(fixture, OP_UPDATE, "auth/token/lookup",
		body_of("token", token), &reply);
	accessor = value_find_str(reply.data, "accessor", NULL);
	return accessor == NULL;
}

static void
ask(const char *path, const char *who, const char *id, const char *paths)
{
	char body[512];

	(void)snprintf(body, sizeof(body), "{\"%s\":\"%s\",\"paths\":%s}", who,
		id, paths);
	api_call(fixture, OP_UPDATE, path, body, &reply);
}

static void
assert_holds(const char *text)
{
	assert_int_equal(reply.status, 200);
	if (strstr(reply.body, text) == NULL)
		fail_msg("no %s in %.400s", text, reply.body);
}

static void
one_path_is_answered_twice(void **state)
{
	(void)state;
	ask("sys/capabilities", "token", token, "[\"a/b\"]");
	assert_holds(
		"\"data\":{\"a/b\":[\"read\",\"update\"],\"capabilities\":[\"read\",\"update\"]}");
	ask("sys/capabilities-accessor", "accessor", accessor, "\"a/b\"");
	assert_holds("\"a/b\":[\"read\",\"update\"],\"capabilities\":[");
}

static void
several_paths_are_keys_alone(void **state)
{
	(void)state;
	ask("sys/capabilities", "token", token, "\"a/b,a/no,z\"");
	assert_holds(
		"\"data\":{\"a/b\":[\"read\",\"update\"],\"a/no\":[\"deny\"],\"z\":[\"deny\"]}");
	ask("sys/capabilities", "token", fixture->root, "[\"z\"]");
	assert_holds("\"z\":[\"root\"]");
}

static void
everybody_may_ask_for_oneself(void **state)
{
	const char *plain =
		api_make_token(fixture, RULES, "{\"policies\":[\"mine\"]}");

	(void)state;
	api_call_as(fixture, plain, "POST", "sys/capabilities-self",
		"{\"path\":\"a/b\",\"token\":\"ignored\"}", &reply);
	assert_holds("\"capabilities\":[\"read\",\"update\"]");
}

static void
askers_are_told_what_is_wrong(void **state)
{
#define LISTED(text) "1 error occurred:\n\t* " text "\n\n"
	static const struct api_step steps[] = {
		{ "POST", "sys/capabilities", "{\"paths\":\"a\"}", 400,
			LISTED("no token found"), NULL },
		{ "POST", "sys/capabilities",
			"{\"token\":\"x\",\"paths\":\"a\"}", 400,
			LISTED("invalid token"), NULL },
		{ "POST", "sys/capabilities", "{\"token\":\"x\"}", 400,
			"paths must be supplied", NULL },
		{ "POST", "sys/capabilities-accessor", "{\"paths\":\"a\"}", 400,
			"missing accessor", NULL },
		{ "POST", "sys/capabilities-accessor",
			"{\"accessor\":\"x\",\"paths\":\"a\"}", 400,
			LISTED("invalid accessor"), NULL },
		{ "POST", "sys/capabilities-self", "{}", 400,
			"paths must be supplied", NULL },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_token, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_path_is_answered_twice),
		TEST(several_paths_are_keys_alone),
		TEST(everybody_may_ask_for_oneself),
		TEST(askers_are_told_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
