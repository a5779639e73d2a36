/*
 * Any bytes as JSON: what is read and written is read again as the same, and
 * a tree that was sorted twice is a tree that was sorted once.
 */
#include <stdlib.h>

#include "lib/json.h"
#include "lib/jsonw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Write value and read it back; the second writing must be the same bytes. */
static void
check_again(struct arena *arena, const struct value *value, int indent)
{
	struct value *again = NULL;
	struct buf first, second;

	buf_init(&first, 16 << 20);
	buf_init(&second, 16 << 20);
	jsonw_value(&first, value, indent);
	if (json_parse(buf_span(&first), &json_limits_trusted, arena, &again,
		    NULL) != 0)
		abort();
	jsonw_value(&second, again, indent);
	if (!span_equal(buf_span(&first), buf_span(&second)))
		abort();
	buf_clear(&first);
	buf_clear(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(64 << 20);
	struct value *value = NULL, *copy = NULL;
	struct err err = { 0 };

	if (arena == NULL)
		return 0;
	json_setup();
	if (json_parse(span_of(data, size), &json_limits_trusted, arena, &value,
		    &err) == 0) {
		check_again(arena, value, 0);
		copy = value_copy(arena, value);
		if (copy == NULL)
			abort();
		value_sort(copy);
		check_again(arena, copy, 2);
	} else if (err.code == 0 || err.message[0] == '\0') {
		abort();
	}
	arena_free(&arena);
	return 0;
}
