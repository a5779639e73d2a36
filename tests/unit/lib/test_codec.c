/* Hex and base64: the RFC's vectors, and what must be refused. */
#include "lib/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
hex_goes_both_ways(void **state)
{
	uint8_t bytes[4] = { 0x00, 0x9a, 0xff, 0x10 }, back[4];
	char text[9];
	size_t len = 0;

	(void)state;
	hex_encode(bytes, sizeof(bytes), text);
	assert_string_equal(text, "009aff10");
	assert_int_equal(hex_decode(span_str("009AfF10"), back, 4, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(back, bytes, 4);
}

static void
a_uuid_has_its_groups(void **state)
{
	static const uint8_t bytes[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
		12, 13, 14, 255 };
	char text[HEX_UUID_MAX];

	(void)state;
	hex_encode_uuid(bytes, text);
	assert_string_equal(text, "00010203-0405-0607-0809-0a0b0c0d0eff");
}

static void
hex_refuses_odd_long_and_foreign_text(void **state)
{
	static const char *const bad[] = { "0", "0g", "x0", " 00", "0011223344",
		"0`", "0@" };
	uint8_t out[4];
	size_t len = 99, i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			hex_decode(span_str(bad[i]), out, 4, &len), ERR_INPUT);
	assert_int_equal(len, 99);
}

static void
base64_matches_the_rfc(void **state)
{
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" } };
	struct buf buf;
	size_t i;

	(void)state;
	buf_init(&buf, 100);
	for (i = 0; i < ARRAY_LEN(pairs); i++) {
		buf_reset(&buf);
		assert_int_equal(base64_encode(span_str(pairs[i][0]), &buf), 0);
		assert_string_equal(buf_str(&buf), pairs[i][1]);
		buf_reset(&buf);
		assert_int_equal(base64_decode(span_str(pairs[i][1]), &buf), 0);
		assert_string_equal(buf_str(&buf), pairs[i][0]);
	}
	buf_clear(&buf);
}

static void
base64_refuses_sloppy_text(void **state)
{
	static const char *const bad[] = { "Zg",
		"Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n",
		"Zm 9", "Zm-_", "Zg==Zg==", "=Zg=", "Zm9vZg" };
	struct buf buf;
	size_t i;

	(void)state;
	buf_init(&buf, 100);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
			base64_decode(span_str(bad[i]), &buf), ERR_INPUT);
		assert_int_equal(buf.len, 0);
	}
	buf_clear(&buf);
}

static void
base64_respects_the_buffer_limit(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 3);
	assert_int_equal(base64_encode(span_str("x"), &buf), ERR_LIMIT);
	buf_clear(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(a_uuid_has_its_groups),
		cmocka_unit_test(hex_refuses_odd_long_and_foreign_text),
		cmocka_unit_test(base64_matches_the_rfc),
		cmocka_unit_test(base64_refuses_sloppy_text),
		cmocka_unit_test(base64_respects_the_buffer_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
