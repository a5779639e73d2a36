/* Messages of a stream: whole however they arrive, and nothing else. */
#include "server/keeper/frame.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "server/keeper/keeper.h"

#define STREAM_MAX ((size_t)1 << 20)

static void
arrive(struct inbox *inbox, struct span bytes)
{
	uint8_t *at = inbox_reserve(inbox, bytes.len);

	assert_non_null(at);
	memcpy(at, bytes.data, bytes.len);
	inbox_added(inbox, bytes.len);
}

static void
expect(struct inbox *inbox, uint32_t id, const char *body)
{
	struct frame frame;

	assert_int_equal(inbox_peek(inbox, &frame), 1);
	assert_int_equal(frame.id, id);
	assert_true(span_equal(frame.body, span_str(body)));
	inbox_take(inbox, &frame);
}

static void
messages_are_whole_in_whatever_pieces_they_come(void **state)
{
	struct inbox inbox;
	struct frame frame;
	struct buf stream;
	struct span rest;

	(void)state;
	for (size_t piece = 1; piece < 40; piece++) {
		uint32_t id = 7;

		inbox_init(&inbox);
		buf_init(&stream, STREAM_MAX);
		assert_int_equal(frame_add(&stream, 7, span_str("seven")), 0);
		assert_int_equal(frame_add(&stream, 8, SPAN_NONE), 0);
		assert_int_equal(frame_add(&stream, 9, span_str("nine")), 0);
		rest = buf_span(&stream);
		while (rest.len > 0) {
			const size_t len = rest.len < piece ? rest.len : piece;
			static const char *const bodies[] = { "seven", "",
				"nine" };

			arrive(&inbox, span_of(rest.data, len));
			rest = span_skip(rest, len);
			while (inbox_peek(&inbox, &frame) == 1) {
				expect(&inbox, id, bodies[id - 7]);
				id++;
			}
		}
		assert_int_equal(id, 10);
		assert_int_equal(inbox.buf.len, 0);
		inbox_clear(&inbox);
		buf_clear(&stream);
	}
}

static void
what_was_taken_is_wiped(void **state)
{
	struct inbox inbox;
	struct buf stream;

	(void)state;
	inbox_init(&inbox);
	buf_init(&stream, STREAM_MAX);
	assert_int_equal(frame_add(&stream, 1, span_str("a secret")), 0);
	arrive(&inbox, buf_span(&stream));
	expect(&inbox, 1, "a secret");
	assert_null(memmem(inbox.buf.data, inbox.buf.cap, "secret", 6));
	/* So too where more follows, too short to come to lie over it. */
	assert_int_equal(frame_add(&stream, 2, SPAN_NONE), 0);
	arrive(&inbox, buf_span(&stream));
	expect(&inbox, 1, "a secret");
	assert_non_null(inbox_reserve(&inbox, 1));
	assert_null(memmem(inbox.buf.data, inbox.buf.cap, "secret", 6));
	expect(&inbox, 2, "");
	inbox_clear(&inbox);
	buf_clear(&stream);
}

static void
a_header_that_is_none_is_refused(void **state)
{
	static const uint8_t heads[][FRAME_HEAD] = {
		{ 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 },
		{ 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 },
		{ 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0 },
		{ 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1 },
		{ 1, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct inbox inbox;
		struct frame frame;

		inbox_init(&inbox);
		arrive(&inbox, span_of(heads[i], FRAME_HEAD));
		assert_int_equal(inbox_peek(&inbox, &frame), ERR_PEER);
		inbox_clear(&inbox);
	}
}

static void
a_message_that_is_too_long_is_not_written(void **state)
{
	static const uint8_t zeros[KEEPER_MESSAGE_MAX + 1];
	struct buf stream;

	(void)state;
	buf_init(&stream, STREAM_MAX);
	assert_int_equal(frame_add(&stream, 1, span_of(zeros, sizeof(zeros))),
		ERR_LIMIT);
	assert_int_equal(stream.len, 0);
	assert_int_equal(
		frame_add(&stream, 1, span_of(zeros, sizeof(zeros) - 1)), 0);
	buf_clear(&stream);
}

/* A stream without room for one message has room for the next. */
static void
what_does_not_fit_leaves_nothing_behind(void **state)
{
	struct inbox inbox;
	struct buf stream;

	(void)state;
	inbox_init(&inbox);
	buf_init(&stream, 2 * FRAME_HEAD);
	assert_int_equal(
		frame_add(&stream, 1, span_str("thirteen long")), ERR_LIMIT);
	assert_int_equal(frame_add(&stream, 2, span_str("short")), 0);
	arrive(&inbox, buf_span(&stream));
	expect(&inbox, 2, "short");
	assert_int_equal(inbox.buf.len, 0);
	inbox_clear(&inbox);
	buf_clear(&stream);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			messages_are_whole_in_whatever_pieces_they_come),
		cmocka_unit_test(what_was_taken_is_wiped),
		cmocka_unit_test(a_header_that_is_none_is_refused),
		cmocka_unit_test(a_message_that_is_too_long_is_not_written),
		cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
