/*
 * Any bytes as hex and base64, and into both: what is written reads back, and
 * what is read has no second spelling but the case of hex digits.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/codec.h"
#include "lib/json.h"
#include "lib/jsonw.h"

#define INPUT_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_hex(struct span in)
{
	char text[2 * INPUT_MAX + 1];
	uint8_t bytes[INPUT_MAX];
	size_t len = 0;

	hex_encode(in.data, in.len, text);
	if (hex_decode(span_str(text), bytes, sizeof(bytes), &len) != 0 ||
		len != in.len || memcmp(bytes, in.data, len) != 0)
		abort();
	if (hex_decode(in, bytes, sizeof(bytes), &len) != 0)
		return;
	hex_encode(bytes, len, text);
	if (2 * len != in.len ||
		strncasecmp(text, (const char *)in.data, in.len) != 0)
		abort();
}

static void
check_base64(struct span in)
{
	struct buf text, bytes, again;

	buf_init(&text, 2 * INPUT_MAX);
	buf_init(&bytes, INPUT_MAX);
	buf_init(&again, 2 * INPUT_MAX);
	if (base64_encode(in, &text) != 0 ||
		base64_decode(buf_span(&text), &bytes) != 0 ||
		!span_equal(buf_span(&bytes), in))
		abort();
	buf_reset(&bytes);
	if (base64_decode(in, &bytes) == 0 &&
		(base64_encode(buf_span(&bytes), &again) != 0 ||
			!span_equal(buf_span(&again), in)))
		abort();
	buf_clear(&text);
	buf_clear(&bytes);
	buf_clear(&again);
}

/* Whatever is written as a JSON string can be read, as good UTF-8. */
static void
check_json_string(struct span in)
{
	struct arena *arena = arena_new(1 << 20);
	struct value *value = NULL;
	struct buf text;

	buf_init(&text, 8 * INPUT_MAX);
	jsonw_string(&text, in);
	if (arena == NULL ||
		json_parse(buf_span(&text), &json_limits_trusted, arena, &value,
			NULL) != 0 ||
		value->type != VALUE_STRING)
		abort();
	for (size_t i = 0, n; i < value->len; i += n) {
		n = span_utf8_len(span_of(value->str + i, value->len - i));
		if (n == 0)
			abort();
	}
	buf_clear(&text);
	arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);

	if (size == 0 || size > INPUT_MAX)
		return 0;
	json_setup();
	check_hex(in);
	check_base64(in);
	check_json_string(in);
	return 0;
}
