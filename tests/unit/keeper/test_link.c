/* The callers' end, with an other side that this test plays. */
#include "server/keeper/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/keeper/frame.h"
#include "server/keeper/keeper.h"

struct fixture {
	struct link *link;
	int there;
	struct buf out;
	struct err err;
};

static int
setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	int ends[2];

	memset(f, 0, sizeof(*f));
	buf_init(&f->out, KEEPER_MESSAGE_MAX);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 ||
		link_new(ends[0], &f->link, &f->err) != 0)
		return -1;
	f->there = ends[1];
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	(void)close(f->there);
	link_free(&f->link, 1);
	buf_clear(&f->out);
	return 0;
}

/* The answer to a call, there before the call is made. */
static void
answer(struct fixture *f, uint32_t id, struct span body)
{
	struct buf bytes;

	buf_init(&bytes, KEEPER_MESSAGE_MAX);
	assert_int_equal(frame_add(&bytes, id, body), 0);
	assert_int_equal(frame_send(f->there, buf_span(&bytes)), 0);
	buf_clear(&bytes);
}

static int
call(struct fixture *f, struct span in)
{
	err_clear(&f->err);
	buf_reset(&f->out);
	return link_call(f->link, in, &f->out, &f->err);
}

static void
an_answer_finds_its_call(void **state)
{
	struct fixture *f = *state;

	answer(f, 1, span_str("one"));
	assert_int_equal(call(f, span_str("?")), 0);
	assert_string_equal(buf_str(&f->out), "one");
	answer(f, 2, span_str("two"));
	assert_int_equal(call(f, span_str("?")), 0);
	assert_string_equal(buf_str(&f->out), "two");
}

/* Calls could never be answered again: the other side has to end as well. */
static void
what_answers_no_call_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[64];
	ssize_t n;

	answer(f, 99, span_str("nobody's"));
	assert_int_equal(call(f, span_str("?")), ERR_PEER);
	assert_int_equal(f->err.status, 500);
	assert_int_equal(call(f, span_str("?")), ERR_PEER);
	do {
		n = recv(f->there, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (n > 0);
	assert_int_equal(n, 0);
}

static void
a_call_that_is_too_long_is_no_hindrance(void **state)
{
	static const uint8_t zeros[KEEPER_MESSAGE_MAX + 1];
	struct fixture *f = *state;

	assert_int_equal(call(f, span_of(zeros, sizeof(zeros))), ERR_LIMIT);
	answer(f, 2, span_str("two"));
	assert_int_equal(call(f, span_str("?")), 0);
	assert_string_equal(buf_str(&f->out), "two");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_finds_its_call),
		TEST(what_answers_no_call_ends_the_connection),
		TEST(a_call_that_is_too_long_is_no_hindrance),
	};

	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
