/* What a run knows of the machine behind each end that a call can have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/engines/ssh/profiles/profile_step.h"
#include "tests/support/in_arena.h"
#include "tests/unit/ssh/stub_outbound.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"
#define TAG "sallyport:abcdefABCDEF0123456789xy"
#define READY "hello\n\nsallyport: ready\n"
#define DONE READY "sallyport: done\n"

static struct outbound_ssh_answer answer;
static struct outbound_ssh_result result;
static int call_rc;

static int
say(UNUSED const struct outbound_ssh *call,
	struct outbound_ssh_answer *ret_answer)
{
	*ret_answer = answer;
	return call_rc;
}

/* ---- runs ---------------------------------------------------------------- */

static const struct profile_job job = { .host = "box",
	.port = 22,
	.source = "",
	.admin_user = "admin",
	.url = "https://box/rest",
	.ca_cert = "",
	.tls_pin = "",
	.api_user = "admin",
	.deadline_ms = 60000,
	.username = "alice",
	.tag = TAG,
	.public_key = KEY,
	.options = "",
	.install_script = "#!/bin/sh\n",
	.accept_password_lockout = true };

static int
run(const char *profile, struct profile_result *ret_result)
{
	stub_ssh = say;
	return profile_run(NULL, profile_find(profile), PROFILE_INSTALL, &job,
		arena, ret_result, NULL);
}

static int
install(const char *profile, enum outbound_ssh_end end, int status,
	const char *output, bool *ret_may_be_there)
{
	struct profile_result got;
	int rc;

	call_rc = 0;
	result = (struct outbound_ssh_result){
		.exit_status = status, .signal = "", .output = span_str(output)
	};
	answer = (struct outbound_ssh_answer){ .end = end,
		.why = "why",
		.host_key = "",
		.fingerprint = "",
		.banner = "",
		.results = &result,
		.n_results = output != NULL };
	rc = run(profile, &got);
	*ret_may_be_there = got.may_be_there;
	return rc;
}

/* One row for each way in which a login and the one command can end. */
static const struct {
	enum outbound_ssh_end end;
	int status;
	const char *output; /* NULL: not begun */
	int rc;
	bool may_be_there;
} ends[] = {
	{ OUTBOUND_SSH_DONE, 0, DONE, 0, true },
	{ OUTBOUND_SSH_DONE, 0, "", ERR_PEER, false },
	{ OUTBOUND_SSH_DONE, 0, READY, ERR_PEER, true },
	{ OUTBOUND_SSH_DONE, 0, "x\r\nsallyport: ready\r\nsallyport: done\r\n",
		ERR_PEER, true },
	{ OUTBOUND_SSH_DONE, 65, "sallyport: no", ERR_PEER, false },
	{ OUTBOUND_SSH_DONE, 65, READY "sallyport: no", ERR_PEER, false },
	{ OUTBOUND_SSH_DONE, 1, READY, ERR_PEER, true },
	{ OUTBOUND_SSH_DONE, 66, READY "sallyport: no", ERR_PEER, true },
	{ OUTBOUND_SSH_DONE, -1, READY, ERR_PEER, true },
	{ OUTBOUND_SSH_DONE, 1, "not sallyport: ready\n", ERR_PEER, false },
	{ OUTBOUND_SSH_LOST, -1, "", ERR_PEER, false },
	{ OUTBOUND_SSH_LOST, -1, READY, ERR_PEER, true },
	{ OUTBOUND_SSH_LOST, -1, "sallyport: ready\r\n", ERR_PEER, true },
	{ OUTBOUND_SSH_LOST, -1, "sallyport: ready", ERR_PEER, false },
	{ OUTBOUND_SSH_LATE, -1, READY, ERR_TIMEOUT, true },
	{ OUTBOUND_SSH_LATE, -1, "", ERR_TIMEOUT, false },
	{ OUTBOUND_SSH_NO_CONNECTION, 0, NULL, ERR_PEER, false },
	{ OUTBOUND_SSH_NO_AGREEMENT, 0, NULL, ERR_PEER, false },
	{ OUTBOUND_SSH_HOST_KEY, 0, NULL, ERR_PEER, false },
	{ OUTBOUND_SSH_REFUSED, 0, NULL, ERR_PEER, false },
	{ OUTBOUND_SSH_STEP, 0, NULL, ERR_PEER, false },
};

static void
what_may_be_there_follows_from_the_end(void **state)
{
	static const char *const names[] = { "linux", "script" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends) * ARRAY_LEN(names); i++) {
		const size_t at = i / ARRAY_LEN(names);
		bool may_be_there = !ends[at].may_be_there;
		int rc = install(names[i % ARRAY_LEN(names)], ends[at].end,
			ends[at].status, ends[at].output, &may_be_there);

		if (rc != ends[at].rc ||
			(rc != 0 && may_be_there != ends[at].may_be_there))
			fail_msg("row %zu, %s: %d, %d", at,
				names[i % ARRAY_LEN(names)], rc, may_be_there);
	}
}

static void
a_call_that_failed_here_may_have_been_made(void **state)
{
	static const struct {
		int rc;
		bool may_be_there;
	} calls[] = {
		{ ERR_MEMORY, true },
		{ ERR_PEER, true },
		{ ERR_TIMEOUT, true },
		{ ERR_BUSY, false },
		{ ERR_SEALED, false },
		{ ERR_INPUT, false },
	};

	static const char *const names[] = { "linux", "script" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(calls) * ARRAY_LEN(names); i++) {
		const size_t at = i / ARRAY_LEN(names);
		struct profile_result got;

		call_rc = calls[at].rc;
		assert_int_equal(
			run(names[i % ARRAY_LEN(names)], &got), calls[at].rc);
		assert_int_equal(got.may_be_there, calls[at].may_be_there);
	}
}

static void
what_cannot_be_a_line_is_not_sent(void **state)
{
	static const size_t texts[] = {
		offsetof(struct profile_job, host),
		offsetof(struct profile_job, source),
		offsetof(struct profile_job, admin_user),
		offsetof(struct profile_job, url),
		offsetof(struct profile_job, api_user),
		offsetof(struct profile_job, username),
		offsetof(struct profile_job, tag),
		offsetof(struct profile_job, public_key),
		offsetof(struct profile_job, options),
	};
	static const char *const evil[] = { "a\nb", "a\rb", "\x1b[2J", "\t",
		"a\x7f", "commit\n" };

	(void)state;
	/* Were it sent, this would be another error. */
	stub_ssh = say;
	call_rc = ERR_MEMORY;
	for (size_t p = 0; profiles[p] != NULL; p++) {
		if (profiles[p]->steps[PROFILE_INSTALL] == NULL)
			continue;
		for (size_t i = 0; i < ARRAY_LEN(texts) * ARRAY_LEN(evil);
			i++) {
			struct profile_job bad = job;
			struct profile_result got;

			memcpy((char *)&bad + texts[i / ARRAY_LEN(evil)],
				&evil[i % ARRAY_LEN(evil)],
				sizeof(const char *));
			assert_int_equal(
				profile_run(NULL, profiles[p], PROFILE_INSTALL,
					&bad, arena, &got, NULL),
				ERR_INPUT);
			assert_false(got.may_be_there);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_be_there_follows_from_the_end),
		cmocka_unit_test(a_call_that_failed_here_may_have_been_made),
		cmocka_unit_test(what_cannot_be_a_line_is_not_sent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
