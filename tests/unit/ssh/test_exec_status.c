/* How a command ended, as the answer of exec says it. */
#include "server/engines/ssh/exec_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NO_STATUS (-1)

static struct outbound_ssh_answer
answer_of(enum outbound_ssh_end end, const struct outbound_ssh_result *result)
{
	return (struct outbound_ssh_answer){ .end = end,
		.why = "",
		.results = result,
		.n_results = result != NULL };
}

static void
every_end_has_a_code_and_a_name(void **state)
{
	static const struct {
		enum outbound_ssh_end end;
		int exit_status;
		const char *signal;
		int code;
		const char *name;
	} cases[] = {
		{ OUTBOUND_SSH_DONE, 0, "", 0, "exited" },
		{ OUTBOUND_SSH_DONE, 7, "", 7, "exited" },
		{ OUTBOUND_SSH_STEP, 255, "", 255, "exited" },
		{ OUTBOUND_SSH_DONE, NO_STATUS, "TERM", 143, "signaled" },
		{ OUTBOUND_SSH_STEP, NO_STATUS, "KILL", 137, "signaled" },
		{ OUTBOUND_SSH_DONE, NO_STATUS, "odd@example", 128,
			"signaled" },
		{ OUTBOUND_SSH_DONE, NO_STATUS, "", -1, "lost" },
		{ OUTBOUND_SSH_LOST, NO_STATUS, "", -1, "lost" },
		{ OUTBOUND_SSH_LATE, NO_STATUS, "", -1, "timeout" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct outbound_ssh_result result = {
			.exit_status = cases[i].exit_status,
			.signal = cases[i].signal
		};
		const struct outbound_ssh_answer answer =
			answer_of(cases[i].end, &result);
		const struct exec_status status = exec_status_of(&answer);

		assert_true(exec_was_begun(&answer));
		assert_int_equal(status.code, cases[i].code);
		assert_string_equal(status.name, cases[i].name);
		assert_int_equal(status.why[0] != '\0', status.code == -1);
	}
}

/* Only these may be tried again. */
static void
what_came_to_no_command_was_not_begun(void **state)
{
	static const enum outbound_ssh_end ends[] = {
		OUTBOUND_SSH_NO_CONNECTION, OUTBOUND_SSH_NO_AGREEMENT,
		OUTBOUND_SSH_HOST_KEY, OUTBOUND_SSH_REFUSED, OUTBOUND_SSH_LOST
	};
	const struct outbound_ssh_result refused = { .exit_status = NO_STATUS,
		.signal = "" };
	struct outbound_ssh_answer answer;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		answer = answer_of(ends[i], NULL);
		assert_false(exec_was_begun(&answer));
	}
	/* The channel was opened, and the command not taken. */
	answer = answer_of(OUTBOUND_SSH_STEP, &refused);
	assert_false(exec_was_begun(&answer));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_end_has_a_code_and_a_name),
		cmocka_unit_test(what_came_to_no_command_was_not_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
