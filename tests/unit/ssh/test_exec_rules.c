/* What exec may run: which commands, for how long, from where. */
#include "server/engines/ssh/exec_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NO_COMMANDS "role is not configured to allow any commands"
#define NOT_ALLOWED "command is not allowed by role"
#define ONE_LINE "command must be one line, without CR and LF"

/* Why a command is refused under one pattern; "": it is not. */
static const char *
refusal(const char *pattern, const char *command)
{
	static struct err err;
	const char *items[] = { "uptime", pattern };
	const struct str_list allowed = { items, pattern != NULL ? 2 : 0 };
	const char *found = NULL;

	err = (struct err){ 0 };
	if (exec_rules_check_command(&allowed, command, &found, &err) == 0) {
		assert_ptr_equal(found, items[strcmp(command, items[0]) != 0]);
		return "";
	}
	assert_null(found);
	assert_int_equal(err.code, ERR_INPUT);
	assert_int_equal(err.status, 400);
	return err.message;
}

static void
a_pattern_is_matched_by_the_whole_command(void **state)
{
	static const struct {
		const char *pattern, *command, *refusal;
	} cases[] = {
		{ "df -h", "df -h", "" },
		{ "df -h", "uptime", "" },
		{ "df -h", "df -h /", NOT_ALLOWED },
		{ "df -h", "df", NOT_ALLOWED },
		{ "df -h", " df -h", NOT_ALLOWED },
		{ "df -h", "DF -H", NOT_ALLOWED },
		{ "df *", "df -h /var", "" },
		{ "df *", "df", NOT_ALLOWED },
		{ "*", "anything; at > all", "" },
		{ "*", "a\nb", ONE_LINE },
		{ "*", "a\r", ONE_LINE },
		{ "/ip/address/print where interface=*",
			"/ip/address/print where interface=ether1", "" },
		{ "df *", "", "missing command" },
		{ NULL, "df", NO_COMMANDS },
		{ NULL, "", "missing command" },
		{ "", "", "missing command" },
		{ "", "x", NOT_ALLOWED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(refusal(cases[i].pattern, cases[i].command),
			cases[i].refusal);
}

/* "systemctl restart *" is no shell for whoever may restart things. */
static void
a_star_stands_for_nothing_that_ends_a_command(void **state)
{
	static const char *const tails[] = { "web; reboot", "web&reboot",
		"web|sh", "web >/etc/passwd", "web </etc/shadow", "$(reboot)",
		"`reboot`", "${x}", "web #", "'web", "\"web\"", "web\\",
		"{a,b}", "[:reboot]", "web)", "web (x" };
	char command[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		(void)snprintf(command, sizeof(command), "systemctl restart %s",
			tails[i]);
		assert_string_equal(
			refusal("systemctl restart *", command), NOT_ALLOWED);
		assert_string_equal(refusal("*", command), "");
		assert_string_equal(refusal("**", command), NOT_ALLOWED);
	}
	assert_string_equal(
		refusal("systemctl restart *", "systemctl restart web@1"), "");
}

static void
what_a_pattern_has_itself_may_stand_there(void **state)
{
	(void)state;
	assert_string_equal(refusal("journalctl -u * | tail -n *",
				    "journalctl -u web | tail -n 5"),
		"");
	assert_string_equal(refusal("journalctl -u * | tail -n *",
				    "journalctl -u a | tail -n 1 | sh"),
		NOT_ALLOWED);
	assert_string_equal(refusal("echo '*'", "echo 'a b'"), "");
	assert_string_equal(refusal("echo '*'", "echo 'a' 'b'"), NOT_ALLOWED);
}

static void
the_role_s_time_bounds_what_is_asked(void **state)
{
	struct err err = { 0 };
	int64_t found_s = 0;

	(void)state;
	assert_int_equal(exec_rules_timeout_s(0, 30, &found_s, &err), 0);
	assert_int_equal(found_s, 30);
	assert_int_equal(exec_rules_timeout_s(5, 30, &found_s, &err), 0);
	assert_int_equal(found_s, 5);
	assert_int_equal(exec_rules_timeout_s(30, 30, &found_s, &err), 0);
	assert_int_equal(found_s, 30);
	assert_int_equal(
		exec_rules_timeout_s(31, 30, &found_s, &err), ERR_INPUT);
	assert_string_equal(
		err.message, "timeout is larger than maximum allowed 30");
}

static void
a_source_is_an_address(void **state)
{
	static const struct {
		const char *text, *found; /* NULL: refused */
	} cases[] = {
		{ "", "" },
		{ "10.0.0.1", "10.0.0.1" },
		{ "2001:DB8:0::1", "2001:db8::1" },
		{ "::ffff:10.0.0.1", "10.0.0.1" },
		{ "10.0.0.1/32", NULL },
		{ "eth0", NULL },
		{ "10.0.0.1 ", NULL },
		{ "010.0.0.1", NULL },
	};

	char found[NETADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };
		const int rc = exec_rules_source(cases[i].text, found, &err);

		assert_int_equal(rc, cases[i].found != NULL ? 0 : ERR_INPUT);
		if (rc == 0)
			assert_string_equal(found, cases[i].found);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_is_matched_by_the_whole_command),
		cmocka_unit_test(a_star_stands_for_nothing_that_ends_a_command),
		cmocka_unit_test(what_a_pattern_has_itself_may_stand_there),
		cmocka_unit_test(the_role_s_time_bounds_what_is_asked),
		cmocka_unit_test(a_source_is_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
