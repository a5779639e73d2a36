/* The callers' end, with an other side that this test plays. */
#include "server/keeper/link.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/keeper/frame.h"
#include "server/keeper/keeper.h"

/* A call, and whether it is over. */
struct asked {
	struct link_job job; /* the first member */
	struct buf out;
	sem_t over;
};

struct fixture {
	struct link *link;
	int there;
	struct asked one, two;
	struct err err;
};

static void
note_end(struct link_job *job)
{
	(void)sem_post(&((struct asked *)(void *)job)->over);
}

static void
asked_init(struct asked *asked)
{
	buf_init(&asked->out, KEEPER_MESSAGE_MAX);
	(void)sem_init(&asked->over, 0, 0);
	asked->job.out = &asked->out;
	asked->job.done = note_end;
}

static int
setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	int ends[2];

	memset(f, 0, sizeof(*f));
	asked_init(&f->one);
	asked_init(&f->two);
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
	buf_clear(&f->one.out);
	buf_clear(&f->two.out);
	return 0;
}

static void
answer(struct fixture *f, uint32_t id, struct span body)
{
	struct buf bytes;

	buf_init(&bytes, KEEPER_MESSAGE_MAX);
	assert_int_equal(frame_add(&bytes, id, body), 0);
	assert_int_equal(frame_send(f->there, buf_span(&bytes)), 0);
	buf_clear(&bytes);
}

/* What came of it, once it is over. */
static int
wait_for(struct asked *asked)
{
	while (sem_wait(&asked->over) != 0)
		continue;
	return asked->job.rc;
}

/* What is asked now fails in every way of asking. */
static void
assert_ended(struct fixture *f)
{
	link_begin(f->link, span_str("?"), &f->one.job);
	assert_int_equal(wait_for(&f->one), ERR_PEER);
	assert_int_equal(
		link_call(f->link, span_str("?"), &f->one.out, &f->err),
		ERR_PEER);
	assert_int_equal(f->err.status, 500);
}

static void
an_answer_finds_its_call(void **state)
{
	struct fixture *f = *state;

	link_begin(f->link, span_str("?"), &f->one.job);
	link_begin(f->link, span_str("?"), &f->two.job);
	answer(f, 2, span_str("two"));
	assert_int_equal(wait_for(&f->two), 0);
	assert_string_equal(buf_str(&f->two.out), "two");
	answer(f, 1, span_str("one"));
	assert_int_equal(wait_for(&f->one), 0);
	assert_string_equal(buf_str(&f->one.out), "one");
	/* One that comes when none is left. */
	link_begin(f->link, span_str("?"), &f->two.job);
	answer(f, 3, span_str("three"));
	assert_int_equal(wait_for(&f->two), 0);
	assert_string_equal(buf_str(&f->two.out), "three");
}

/* Calls could never be answered again: the other side has to end as well. */
static void
what_answers_no_call_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[64];
	ssize_t n;

	link_begin(f->link, span_str("?"), &f->one.job);
	answer(f, 99, span_str("nobody's"));
	assert_int_equal(wait_for(&f->one), ERR_PEER);
	assert_ended(f);
	do {
		n = recv(f->there, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (n > 0);
	assert_int_equal(n, 0);
}

static void
all_that_wait_hear_of_the_end(void **state)
{
	struct fixture *f = *state;

	link_begin(f->link, span_str("?"), &f->one.job);
	link_begin(f->link, span_str("?"), &f->two.job);
	assert_int_equal(shutdown(f->there, SHUT_RDWR), 0);
	assert_int_equal(wait_for(&f->one), ERR_PEER);
	assert_int_equal(wait_for(&f->two), ERR_PEER);
	assert_ended(f);
}

static void
a_call_that_is_too_long_is_no_hindrance(void **state)
{
	static const uint8_t zeros[KEEPER_MESSAGE_MAX + 1];
	struct fixture *f = *state;

	link_begin(f->link, span_of(zeros, sizeof(zeros)), &f->one.job);
	assert_int_equal(wait_for(&f->one), ERR_LIMIT);
	link_begin(f->link, span_str("?"), &f->two.job);
	answer(f, 2, span_str("two"));
	assert_int_equal(wait_for(&f->two), 0);
	assert_string_equal(buf_str(&f->two.out), "two");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_finds_its_call),
		TEST(what_answers_no_call_ends_the_connection),
		TEST(all_that_wait_hear_of_the_end),
		TEST(a_call_that_is_too_long_is_no_hindrance),
	};

	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
