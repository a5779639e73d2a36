/* Log lines: both forms, levels, escaping, one write each. */
#include "lib/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2];

/* A packet socket: each write arrives as one packet. */
static int
setup(void **state)
{
	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0)
		return -1;
	log_set_fd(ends[0]);
	log_set_level(LOG_TRACE);
	log_set_json(false);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	log_set_fd(2);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* The next packet, its time cut off; "" where none waits. */
static const char *
take_line(void)
{
	static char line[70000];
	ssize_t n = recv(ends[1], line, sizeof(line) - 1, MSG_DONTWAIT);

	line[n > 0 ? n : 0] = '\0';
	return n > 24 && line[0] != '{' ? line + 25 : line;
}

static void
text_lines_have_level_message_and_fields(void **state)
{
	(void)state;
	log_info("started");
	assert_string_equal(take_line(), "[INFO]  started\n");
	log_warn("slow", LOG_STR("path", "a/b"), LOG_INT("ms", -3),
		LOG_BOOL("tls", true));
	assert_string_equal(
		take_line(), "[WARN]  slow: path=a/b ms=-3 tls=true\n");
	log_error("odd", LOG_STR("a", "x y"), LOG_STR("b", ""),
		LOG_STR("c", NULL), LOG_STR("d", "k=v"));
	assert_string_equal(take_line(),
		"[ERROR] odd: a=\"x y\" b=\"\" c=\"\" d=\"k=v\"\n");
}

static void
the_time_is_utc_with_milliseconds(void **state)
{
	const char *line = NULL;
	size_t i;
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";

	(void)state;
	log_info("x");
	line = take_line() - 25;
	for (i = 0; form[i] != '\0'; i++) {
		if (form[i] == 'd')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], form[i]);
	}
}

static void
json_lines_are_json(void **state)
{
	const char *line = NULL;

	(void)state;
	log_set_json(true);
	log_info("hi \"you\"", LOG_STR("k", "v\n"), LOG_INT("n", 5),
		LOG_BOOL("b", false));
	line = take_line();
	assert_ptr_equal(strstr(line,
				 "{\"@level\":\"info\",\"@message\":"
				 "\"hi \\\"you\\\"\",\"@timestamp\":\"2"),
		line);
	assert_string_equal(strstr(line, "Z\""),
		"Z\",\"k\":\"v\\n\",\"n\":5,\"b\":false}\n");
}

static void
control_bytes_never_get_through(void **state)
{
	const char *line = NULL;

	(void)state;
	log_info("a\nb\x1b[0m", LOG_STR("k", "x\n2026 [INFO] forged\x1b\x9b"));
	line = take_line();
	assert_string_equal(line,
		"[INFO]  a b [0m: k=\"x\\n2026 [INFO] forged\\u001b"
		"\xef\xbf\xbd\"\n");
}

static void
lines_below_the_level_are_dropped(void **state)
{
	(void)state;
	log_set_level(LOG_WARN);
	log_info("no");
	log_debug("no");
	log_warn("yes");
	assert_string_equal(take_line(), "[WARN]  yes\n");
	assert_string_equal(take_line(), "");
	log_set_level(LOG_OFF);
	log_error("no");
	assert_string_equal(take_line(), "");
}

static void
long_values_are_cut(void **state)
{
	static char longest[20000];
	int saved;

	(void)state;
	memset(longest, 'y', sizeof(longest) - 1);
	errno = 77;
	log_info("long", LOG_STR("k", longest));
	saved = errno;
	assert_int_equal(saved, 77);
	assert_int_equal(
		strlen(take_line()), strlen("[INFO]  long: k=\n") + 4096);
}

static void
level_names_are_known(void **state)
{
	enum log_level level = LOG_OFF;

	(void)state;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("ERR", &level), 0);
	assert_int_equal(level, LOG_ERROR);
	assert_int_equal(log_level_parse("Warning", &level), 0);
	assert_int_equal(level, LOG_WARN);
	assert_int_equal(log_level_parse("loud", &level), ERR_INPUT);
	assert_int_equal(level, LOG_WARN);
}

static void
work_that_fails_and_mends_is_told_once(void **state)
{
	struct err err = { 0 };
	bool failing = false;

	(void)state;
	(void)err_set(&err, ERR_STORAGE, 503, "no");
	log_failing(&failing, NULL, "broken", "mended");
	log_failing(&failing, &err, "broken", "mended");
	log_failing(&failing, &err, "broken", "mended");
	assert_non_null(strstr(take_line(), "broken: error=no"));
	log_failing(&failing, NULL, "broken", "mended");
	log_failing(&failing, NULL, "broken", "mended");
	assert_non_null(strstr(take_line(), "mended"));
	assert_string_equal(take_line(), "");
	assert_false(failing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_lines_have_level_message_and_fields),
		TEST(the_time_is_utc_with_milliseconds),
		TEST(json_lines_are_json),
		TEST(control_bytes_never_get_through),
		TEST(lines_below_the_level_are_dropped),
		TEST(long_values_are_cut),
		TEST(level_names_are_known),
		TEST(work_that_fails_and_mends_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
