/* Answers of an ssh-agent, whole, cut short and made up. */
#include "client/agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sshwire.h"

/* An answer with two keys. */
static void
make_keys(struct buf *out)
{
	buf_init(out, 4096);
	(void)buf_add_char(out, 12);
	(void)buf_add_u32be(out, 2);
	(void)sshwire_add_string(out, span_str("blob one"));
	(void)sshwire_add_string(out, span_str("comment"));
	(void)sshwire_add_string(out, span_str("blob two"));
	(void)sshwire_add_string(out, SPAN_NONE);
}

static void
keys_are_read_and_nothing_else(void **state)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct agent_keys keys;
	struct err err = { 0 };
	struct buf answer;

	(void)state;
	make_keys(&answer);
	assert_int_equal(
		agent_read_keys(buf_span(&answer), arena, &keys, &err), 0);
	assert_int_equal(keys.n, 2);
	assert_true(span_equal(keys.items[1].blob, span_str("blob two")));
	for (size_t len = 0; len < answer.len; len++)
		assert_int_equal(agent_read_keys(span_of(answer.data, len),
					 arena, &keys, &err),
			ERR_PEER);
	(void)buf_add_char(&answer, 0);
	assert_int_equal(agent_read_keys(buf_span(&answer), arena, &keys, &err),
		ERR_PEER);
	buf_clear(&answer);
	arena_free(&arena);
}

/* Each byte takes each value: it is read within its bounds, or refused. */
static void
no_answer_reads_past_its_end(void **state)
{
	struct err err = { 0 };
	struct buf answer;

	(void)state;
	make_keys(&answer);
	for (size_t at = 0; at < answer.len; at++) {
		for (int byte = 0; byte < 256; byte++) {
			struct arena *arena = arena_new(1024 * 1024);
			uint8_t *copy = malloc(answer.len);
			struct agent_keys keys = { .n = 0 };

			assert_non_null(copy);
			memcpy(copy, answer.data, answer.len);
			copy[at] = (uint8_t)byte;
			if (agent_read_keys(span_of(copy, answer.len), arena,
				    &keys, &err) == 0)
				assert_int_equal(keys.n, 2);
			free(copy);
			arena_free(&arena);
		}
	}
	buf_clear(&answer);
}

static void
a_signature_is_one_string(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int rc;
	} cases[] = {
		{ "\x0e\0\0\0\2ab", 7, 0 },
		{ "\x0e\0\0\0\2ab", 6, ERR_PEER },
		{ "\x0e\0\0\0\2abc", 8, ERR_PEER },
		{ "\x0e\0\0\0\0", 5, ERR_PEER },
		{ "\x05", 1, ERR_PEER },
		{ "\x0c\0\0\0\2ab", 7, ERR_PEER },
		{ "\x0e\xff\xff\xff\xff", 5, ERR_PEER },
		{ "", 0, ERR_PEER },
	};
	struct span signature;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };

		assert_int_equal(agent_read_signature(
					 span_of(cases[i].bytes, cases[i].len),
					 &signature, &err),
			cases[i].rc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_read_and_nothing_else),
		cmocka_unit_test(no_answer_reads_past_its_end),
		cmocka_unit_test(a_signature_is_one_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
