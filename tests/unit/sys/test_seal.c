/* sys/init, sys/unseal, sys/seal as operators call them. */
#include "lib/codec.h"
#include "tests/unit/sys/sys_fixture.h"

#define BAD_CONFIG "invalid seal configuration: "

static void
wrong_numbers_are_told_before_initialised_already(void **state)
{
	static const struct api_step steps[] = {
		{ "GET", "sys/init", NULL, 200, NULL,
			"{\"initialized\":true}" },
		{ "POST", "sys/init", "{}", 400,
			BAD_CONFIG "shares must be at least one", NULL },
		{ "POST", "sys/init", "{\"secret_shares\":256}", 400,
			BAD_CONFIG "shares must be less than 256", NULL },
		{ "POST", "sys/init", "{\"secret_shares\":5}", 400,
			BAD_CONFIG "threshold must be at least one", NULL },
		{ "POST", "sys/init",
			"{\"secret_shares\":5,\"secret_threshold\":6}", 400,
			BAD_CONFIG "threshold cannot be larger than shares",
			NULL },
		{ "POST", "sys/init",
			"{\"secret_shares\":5,\"secret_threshold\":1}", 400,
			BAD_CONFIG
			"threshold must be greater than one for multiple shares",
			NULL },
		{ "POST", "sys/init",
			"{\"secret_shares\":1,\"secret_threshold\":1,\"pgp_keys\":[\"x\"]}",
			400, NULL, "PGP" },
		{ "POST", "sys/init",
			"{\"secret_shares\":5,\"secret_threshold\":3}", 400,
			"Vault is already initialized", NULL },
	};

	(void)state;
	api_run_steps_as(fixture, NULL, steps, ARRAY_LEN(steps));
}

static const char *
share_text(void)
{
	static char text[2 * sizeof(fixture->share) + 1];

	hex_encode(fixture->share, fixture->share_len, text);
	return text;
}

static void
a_sealed_server_does_nothing_until_unsealed(void **state)
{
	static const struct api_step sealed[] = {
		{ "GET", "sys/seal-status", NULL, 200, NULL,
			"\"sealed\":true,\"t\":1,\"n\":1,\"progress\":0" },
		{ "GET", "sys/mounts", NULL, 503, NULL, NULL },
		{ "POST", "ssh/verify", "{\"otp\":\"x\"}", 503, NULL, NULL },
		{ "POST", "sys/unseal", "{\"reset\":true}", 200, NULL,
			"\"sealed\":true" },
		{ "POST", "sys/unseal", "{}", 400,
			"'key' must be specified in request body as JSON, or 'reset' set to true",
			NULL },
		{ "POST", "sys/unseal", "{\"key\":\"%%%\"}", 400,
			"'key' must be a valid hex or base64 string", NULL },
		{ "POST", "sys/unseal", "{\"key\":\"c2hvcnQ=\"}", 400,
			"invalid key: key is shorter than minimum 16 bytes",
			NULL },
		{ "POST", "sys/unseal",
			"{\"key\":\"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\"}",
			400, "invalid key: key is longer than maximum 33 bytes",
			NULL },
		{ "POST", "sys/unseal",
			"{\"key\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}",
			400, NULL, "Unseal failed, invalid key" },
	};
	static const struct api_step open[] = {
		{ "GET", "sys/mounts", NULL, 200, NULL, "\"ssh/\"" },
		{ "POST", "sys/unseal", "{\"reset\":true}", 400,
			"vault is unsealed", NULL },
	};

	(void)state;
	api_call(fixture, OP_UPDATE, "sys/seal", NULL, &reply);
	assert_int_equal(reply.status, 204);
	API_RUN_STEPS(fixture, sealed);
	api_call_as(fixture, NULL, "POST", "sys/unseal",
		body_of("key", share_text()), &reply);
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(reply.body, "\"sealed\":false"));
	API_RUN_STEPS(fixture, open);
}

static void
a_share_is_taken_in_base64_too(void **state)
{
	struct buf text;

	(void)state;
	api_call(fixture, OP_UPDATE, "sys/seal", NULL, &reply);
	buf_init(&text, 128);
	assert_int_equal(
		base64_encode(
			span_of(fixture->share, fixture->share_len), &text),
		0);
	api_call_as(fixture, NULL, "POST", "sys/unseal",
		body_of("key", buf_str(&text)), &reply);
	buf_clear(&text);
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(reply.body, "\"sealed\":false"));
}

static void
sealing_needs_sudo(void **state)
{
	const char *token = api_make_token(fixture,
		"path \"sys/seal\" { capabilities = [\"update\"] }",
		"{\"policies\":[\"mine\"]}");

	(void)state;
	api_call_as(fixture, token, "POST", "sys/seal", NULL, &reply);
	assert_int_equal(reply.status, 403);
	api_call_as(fixture, NULL, "POST", "sys/seal", NULL, &reply);
	assert_int_equal(reply.status, 400);
	api_call(fixture, OP_READ, "sys/seal", NULL, &reply);
	assert_int_equal(reply.status, 405);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(wrong_numbers_are_told_before_initialised_already),
		MOUNTED(a_sealed_server_does_nothing_until_unsealed),
		MOUNTED(a_share_is_taken_in_base64_too),
		MOUNTED(sealing_needs_sudo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
