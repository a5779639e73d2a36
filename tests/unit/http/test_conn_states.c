/*
 * Every phase of a connection with everything that can happen to it there
 * (reliability.md L66): what comes is answered, refused with a close, or
 * waits; nothing else, and the listener goes on.
 */
#include "server/http/listener.h"

#include <errno.h>

#include "tests/support/figures.h"
#include "tests/unit/http/listener_fixture.h"

#define GOOD "GET /v1/x HTTP/1.1\r\n" HOST "\r\n"
#define BAD "\x01\r\n\r\n"
#define ALL_MAX (64 << 20)

enum event {
	EVENT_GOOD, /* the rest of a request, or a whole one */
	EVENT_BAD,  /* bytes that no request has */
	EVENT_END,  /* the client ends its sending */
	EVENT_RESET,
	EVENT_DEADLINE,
	EVENT_STOP, /* the service stops */
	EVENT_COUNT
};

/*
 * How a phase is reached, and what each event then leads to: the statuses of
 * all answers, then "open" or "end". A reset is seen by nobody: only that the
 * listener goes on. NULL: nothing outside shows when it has come.
 */
struct phase {
	const char *name, *lead;
	size_t n_answers; /* to wait for before the event */
	const char *good; /* bytes of EVENT_GOOD */
	bool is_held;     /* the work waits until the event has come */
	const char *outcomes[EVENT_COUNT];
};

/*
 * A whole request stands before each half one: its answer shows that the half
 * has been read.
 */
static const struct phase phases[] = {
	{ "before the first request", "", 0, GOOD, false,
		{ "200 open", "400 end", "end", "", "end", "end" } },
	{ "between requests", GOOD, 1, GOOD, false,
		{ "200 200 open", "200 400 end", "200 end", "", "200 end",
			"200 end" } },
	{ "in the head", GOOD "GET /v1/x HTTP/1.1\r\nHo", 1, "st: h\r\n\r\n",
		false,
		{ "200 200 open", "200 400 end", "200 end", "", "200 408 end",
			"200 503 end" } },
	{ "in the body",
		GOOD "PUT /v1/x HTTP/1.1\r\n" HOST
		     "Transfer-Encoding: chunked\r\n\r\n3\r\na",
		1, "bc\r\n0\r\n\r\n", false,
		{ "200 200 open", "200 400 end", "200 end", "", "200 408 end",
			"200 503 end" } },
	{ "at work", GOOD "GET /v1/work HTTP/1.1\r\n" HOST "\r\n", 1, GOOD,
		true,
		{ "200 200 200 open", "200 200 400 end", "200 200 end", "",
			"200 200 open", "200 200 end" } },
	{ "sending", "GET /v1/huge HTTP/1.1\r\n" HOST "\r\n", 0, GOOD, false,
		{ "200 200 open", "200 400 end", "200 end", "", NULL,
			"200 end" } },
	{ "behind a refusal", GOOD "\n", 2, GOOD, false,
		{ "200 400 end", "200 400 end", "200 400 end", "",
			"200 400 end", "200 400 end" } },
};

/* All that came on one connection. */
struct heard {
	char *text;
	size_t len;
};

/* The status of the answer that is whole at *at, which moves behind it. */
static bool
next_answer(const struct heard *heard, size_t *at, char status[4])
{
	const char *text = heard->text + *at;
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = strstr(text, "Content-Length: ");
	size_t len;

	if (end == NULL || length == NULL || length > end)
		return false;
	len = (size_t)(end + 4 - text) + strtoul(length + 16, NULL, 10);
	if (heard->len - *at < len)
		return false;
	(void)snprintf(status, 4, "%.3s", text + strlen("HTTP/1.1 "));
	*at += len;
	return true;
}

static size_t
count_answers(const struct heard *heard)
{
	size_t at = 0, n = 0;
	char status[4];

	while (next_answer(heard, &at, status))
		n++;
	return n;
}

/* Read until n answers are whole, or the end; true: the end has come. */
static bool
hear_until(int fd, struct heard *heard, size_t n)
{
	while (count_answers(heard) < n) {
		ssize_t got = recv(fd, heard->text + heard->len,
			ALL_MAX - heard->len - 1, 0);

		if (got <= 0)
			return true;
		heard->len += (size_t)got;
		heard->text[heard->len] = '\0';
	}
	return false;
}

/* "200 400 end": what was heard, as the table writes it. */
static void
describe(const struct heard *heard, bool ended, char out[64])
{
	size_t at = 0, len = 0;
	char status[4];

	out[0] = '\0';
	while (len < 40 && next_answer(heard, &at, status))
		len += (size_t)snprintf(out + len, 64 - len, "%s ", status);
	if (at < heard->len)
		len += (size_t)snprintf(out + len, 64 - len, "rest ");
	(void)snprintf(out + len, 64 - len, "%s", ended ? "end" : "open");
}

static void
reset(int fd)
{
	const struct linger linger = { .l_onoff = 1 };

	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
		0);
}

static void *
stop_slowly(void *ctx)
{
	(void)ctx;
	listener_stop(&listener, 60000);
	return NULL;
}

/* Past every deadline, for as long as the server takes to see it. */
static void
push_clock(int fd, const struct phase *phase)
{
	if (phase->is_held || strcmp(phase->name, "behind a refusal") == 0)
		pushed_ns += 100 * CLOCK_NS_PER_S;
	else
		assert_true(push_clock_until_heard(fd, 100, ""));
}

static void
fire(int fd, const struct phase *phase, enum event event, pthread_t *stopper)
{
	if (event == EVENT_GOOD)
		say(fd, phase->good);
	else if (event == EVENT_BAD)
		(void)send(fd, BAD, strlen(BAD), MSG_NOSIGNAL);
	else if (event == EVENT_END)
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
	else if (event == EVENT_RESET)
		reset(fd);
	else if (event == EVENT_DEADLINE)
		push_clock(fd, phase);
	else
		assert_int_equal(
			pthread_create(stopper, NULL, stop_slowly, NULL), 0);
}

static void
assert_listener_goes_on(void)
{
	int fd = dial();

	say(fd, GOOD);
	assert_starts(hear(fd, 1), "HTTP/1.1 200 OK\r\n");
	(void)close(fd);
}

static size_t
answers_of(const char *outcome)
{
	size_t n = 0;

	for (; *outcome >= '0' && *outcome <= '9'; outcome += 4)
		n++;
	return n;
}

/* One field of the grid; true: as the table says. */
static bool
try(const struct phase *phase, enum event event, struct heard *heard)
{
	const char *wanted = phase->outcomes[event];
	bool stays_open, ended;
	pthread_t stopper;
	char got[64] = "";
	int fd;

	if (wanted == NULL)
		return true;
	stays_open = strstr(wanted, "open") != NULL;
	(void)setup(NULL);
	start();
	hold(phase->is_held);
	heard->len = 0;
	heard->text[0] = '\0';
	fd = dial();
	if (phase->lead[0] != '\0')
		say(fd, phase->lead);
	(void)hear_until(fd, heard, phase->n_answers);
	if (phase->is_held)
		wait_until(&n_in_work, 1);
	fire(fd, phase, event, &stopper);
	hold(false);
	if (event != EVENT_RESET) {
		ended = hear_until(
			fd, heard, stays_open ? answers_of(wanted) : SIZE_MAX);
		describe(heard, ended, got);
	}
	(void)close(fd);
	if (event == EVENT_STOP)
		(void)pthread_join(stopper, NULL);
	else
		assert_listener_goes_on();
	listener_stop(&listener, 0);
	if (strcmp(got, wanted) == 0)
		return true;
	print_message("# %s, event %d: wanted \"%s\", got \"%s\"\n",
		phase->name, (int)event, wanted, got);
	return false;
}

static void
each_event_in_each_phase_has_its_outcome(void **state)
{
	struct heard heard = { .text = malloc(ALL_MAX) };
	size_t n = 0, failures = 0;

	(void)state;
	assert_non_null(heard.text);
	for (size_t i = 0; i < ARRAY_LEN(phases); i++)
		for (unsigned event = 0; event < EVENT_COUNT; event++, n++)
			failures += !try(&phases[i], event, &heard);
	free(heard.text);
	figures_report("L66", n, failures, "phases with events");
	assert_int_equal(failures, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			each_event_in_each_phase_has_its_outcome, teardown),
	};

	log_set_level(LOG_OFF);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
