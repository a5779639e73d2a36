/*
 * What the worst JSON of 1 MiB costs (reliability.md R45), and what happens
 * where memory runs out. Our calls of malloc and free are wrapped and counted;
 * jansson's memory comes through them.
 */
#include "lib/json.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "tests/support/figures.h"

#define TEXT_MAX (1 << 20)
#define COST_MAX (8 << 20)

static struct {
	size_t now, peak;
	size_t n_left;  /* allocations until one fails */
	size_t n_dirty; /* blocks of jansson's that were freed unwiped */
	bool in_parser;
} heap;

void *__real_malloc(size_t len);
void __real_free(void *memory);
void *__wrap_malloc(size_t len);
void __wrap_free(void *memory);

void *
__wrap_malloc(size_t len)
{
	void *memory = NULL;

	if (heap.n_left-- == 0)
		return NULL;
	memory = __real_malloc(len);
	heap.now += malloc_usable_size(memory);
	if (heap.now > heap.peak)
		heap.peak = heap.now;
	return memory;
}

/* lib/json.c keeps a block's length in front of what jansson gets. */
static bool
is_wiped(const void *memory)
{
	const uint8_t *bytes = memory;
	size_t len, i;

	memcpy(&len, memory, sizeof(len));
	for (i = 0; i < len; i++) {
		if (bytes[sizeof(max_align_t) + i] != 0)
			return false;
	}
	return true;
}

void
__wrap_free(void *memory)
{
	if (heap.in_parser && memory != NULL && !is_wiped(memory))
		heap.n_dirty++;
	heap.now -= malloc_usable_size(memory);
	__real_free(memory);
}

static int
setup(void **state)
{
	(void)state;
	heap.n_left = SIZE_MAX;
	json_setup();
	return 0;
}

/* The repeated text between front and back, up to 1 MiB in all. */
static void
fill(struct buf *buf, const char *front, const char *repeated, const char *back,
	size_t n_max)
{
	size_t i;

	buf_init(buf, TEXT_MAX);
	buf_add_str(buf, front);
	for (i = 0; i < n_max &&
		buf->len + strlen(repeated) + strlen(back) <= TEXT_MAX;
		i++)
		buf_add_str(buf, repeated);
	buf_add_str(buf, back);
	assert_int_equal(buf_check(buf, NULL), 0);
}

/* Parse within the request's limits; gives the verdict and the cost. */
static int
parse(const struct buf *text, size_t *ret_cost)
{
	struct arena *arena = arena_new(COST_MAX);
	struct value *value = NULL;
	size_t before = heap.now;
	int rc;

	heap.peak = heap.now;
	heap.in_parser = true;
	rc = json_parse(
		buf_span(text), &json_limits_request, arena, &value, NULL);
	heap.in_parser = false;
	*ret_cost = heap.peak - before + arena_used(arena);
	assert_int_equal(heap.now, before);
	arena_free(&arena);
	return rc;
}

struct bomb {
	const char *front, *repeated, *back;
	size_t n_max;
	int rc;
};

static const struct bomb bombs[] = {
	{ "", "[", "", SIZE_MAX, ERR_LIMIT },
	{ "", "{\"a\":", "", SIZE_MAX, ERR_LIMIT },
	{ "", "[{\"\":", "", SIZE_MAX, ERR_LIMIT },
	{ "", "]", "", SIZE_MAX, ERR_INPUT },
	{ "", "}", "", SIZE_MAX, ERR_INPUT },
	{ "", ",", "", SIZE_MAX, ERR_INPUT },
	{ "[", ",", "]", SIZE_MAX, ERR_INPUT },
	{ "", "[]", "", SIZE_MAX, ERR_LIMIT },
	{ "[", "\"\",", "\"\"]", SIZE_MAX, ERR_LIMIT },
	{ "[", "1,", "1]", SIZE_MAX, ERR_LIMIT },
	{ "[", "-0,", "0]", SIZE_MAX, ERR_LIMIT },
	{ "[", "1e9,", "1]", SIZE_MAX, ERR_LIMIT },
	{ "[", "null,", "1]", SIZE_MAX, ERR_LIMIT },
	{ "[", "{},", "{}]", SIZE_MAX, ERR_LIMIT },
	{ "[", "[],", "[]]", SIZE_MAX, ERR_LIMIT },
	{ "{", "\"a\":1,", "\"a\":1}", SIZE_MAX, ERR_LIMIT },
	{ "{", "\"a\":{},", "\"b\":1}", SIZE_MAX, ERR_LIMIT },
	{ "[", "{},", "{}]", 3998, 0 },
	{ "[", "{},", "{}]", 3999, ERR_LIMIT },
	{ "[", "[[]],", "[]]", 1999, 0 },
	{ "[", "{\"a\":{}},", "[]]", 999, 0 },
	{ "[", "\"\",", "\"\"]", 999, 0 },
	{ "\"", "a", "\"", SIZE_MAX, 0 },
	{ "\"", "\\u0000", "\"", SIZE_MAX, 0 },
	{ "\"", "\\n", "\"", SIZE_MAX, 0 },
	{ "\"", "\\uD834\\uDD1E", "\"", SIZE_MAX, 0 },
	{ "\"", "\\uD834", "\"", SIZE_MAX, ERR_INPUT },
	{ "\"", "\xc3\xa9", "\"", SIZE_MAX, 0 },
	{ "\"", "\xc3", "\"", SIZE_MAX, ERR_INPUT },
	{ "{\"", "k", "\":0}", SIZE_MAX, 0 },
	{ "", "9", "", SIZE_MAX, ERR_INPUT },
	{ "-", "9", "", SIZE_MAX, ERR_INPUT },
	{ "0.", "9", "", SIZE_MAX, 0 },
	{ "1e", "0", "", SIZE_MAX, 0 },
	{ "1e-", "9", "", SIZE_MAX, 0 },
	{ "", "1 ", "", SIZE_MAX, ERR_LIMIT },
	{ "1", " ", "", SIZE_MAX, 0 },
	{ "1", "\n", "", SIZE_MAX, 0 },
	{ "", " ", "", SIZE_MAX, ERR_INPUT },
	{ "", "\"", "", SIZE_MAX, ERR_LIMIT },
	{ "\"", "\\", "", SIZE_MAX, ERR_INPUT },
	{ "", "\xef\xbb\xbf", "", SIZE_MAX, ERR_INPUT },
	{ "", "tru", "", SIZE_MAX, ERR_INPUT },
};

/* Within the promise; and what is over a limit costs nothing at all. */
static bool
is_cheap(const struct buf *text, int *ret_rc)
{
	size_t cost = 0;

	*ret_rc = parse(text, &cost);
	return cost < COST_MAX && (*ret_rc != ERR_LIMIT || cost == 0);
}

static void
the_worst_text_of_a_mebibyte_costs_below_eight(void **state)
{
	size_t failures = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bombs); i++) {
		struct buf text;
		int rc = 0;

		fill(&text, bombs[i].front, bombs[i].repeated, bombs[i].back,
			bombs[i].n_max);
		if (!is_cheap(&text, &rc) || rc != bombs[i].rc) {
			print_message("# %s%s…: %d\n", bombs[i].front,
				bombs[i].repeated, rc);
			failures++;
		}
		buf_clear(&text);
	}
	figures_report("R45", ARRAY_LEN(bombs), failures, "own bombs");
	assert_int_equal(failures, 0);
}

/* Values that cost much for their length; a list of them stays valid. */
static const char *const costly[] = { "1", "\"\"", "{}", "[]", "null",
	"{\"k\":1}", "[[[[]]]]", "1.5e300", "\"\\u00e9\"", "{\"a\":{\"b\":[]}}",
	"-1", "[1,2,3]", "{\"a\":\"b\",\"c\":\"d\"}",
	"\"0123456789abcdef0123456789abcdef\"" };

/* A list of up to a few thousand of them, and a string to the mebibyte. */
static void
fill_at_random(struct buf *text, uint32_t *seed)
{
	size_t n, i;

	*seed = *seed * 1664525 + 1013904223;
	n = *seed >> 20;
	buf_init(text, TEXT_MAX);
	buf_add_str(text, "[\"\"");
	for (i = 0; i < n; i++) {
		*seed = *seed * 1664525 + 1013904223;
		buf_add_str(text, ",");
		buf_add_str(text, costly[(*seed >> 16) % ARRAY_LEN(costly)]);
	}
	buf_add_str(text, ",\"");
	while (text->len < TEXT_MAX - 2)
		buf_add_char(text, 'x');
	buf_add_str(text, "\"]");
	assert_int_equal(buf_check(text, NULL), 0);
}

static void
mixtures_near_the_limits_cost_below_eight_too(void **state)
{
	size_t n = figures_count("JSON_BOMBS", 50, 20000), n_good = 0;
	size_t failures = 0;
	uint32_t seed = 20261121;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct buf text;
		int rc = 0;

		fill_at_random(&text, &seed);
		failures +=
			!is_cheap(&text, &rc) || (rc != 0 && rc != ERR_LIMIT);
		n_good += rc == 0;
		buf_clear(&text);
	}
	figures_report("R45", n, failures, "mixtures near the limits");
	assert_int_equal(failures, 0);
	assert_true(n_good > 0 && n_good < n);
}

static void
what_jansson_frees_is_wiped(void **state)
{
	struct buf text;
	size_t cost;

	(void)state;
	fill(&text, "{\"otp\":[", "\"secret\",", "{}]}", 100);
	heap.n_dirty = 0;
	assert_int_equal(parse(&text, &cost), 0);
	assert_int_equal(heap.n_dirty, 0);
	buf_clear(&text);
}

static void
every_failing_allocation_is_an_error_of_memory(void **state)
{
	static const char text[] =
		"{\"a\":[1,2.5,\"x\\u00e9\",null,true],\"b\":{\"c\":{}}}";
	int rc = ERR_MEMORY;
	size_t n, before;

	(void)state;
	for (n = 0; rc == ERR_MEMORY; n++) {
		struct arena *arena = arena_new(100000);
		struct value *value = NULL;

		before = heap.now;
		heap.n_left = n;
		rc = json_parse(span_str(text), &json_limits_request, arena,
			&value, NULL);
		heap.n_left = SIZE_MAX;
		assert_int_equal(heap.now, before);
		assert_true((value != NULL) == (rc == 0));
		arena_free(&arena);
	}
	assert_int_equal(rc, 0);
	assert_true(n > 10);
}

static void
every_size_of_arena_is_survived(void **state)
{
	static const char text[] = "{\"a\":[1,\"x\"],\"b\":{\"c\":{}}}";
	int rc = ERR_MEMORY;
	size_t size;

	(void)state;
	for (size = 0; rc == ERR_MEMORY; size++) {
		struct arena *arena = arena_new(size);
		struct value *value = NULL;

		rc = json_parse(span_str(text), &json_limits_request, arena,
			&value, NULL);
		arena_free(&arena);
	}
	assert_int_equal(rc, 0);
	assert_true(size > 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_worst_text_of_a_mebibyte_costs_below_eight),
		cmocka_unit_test(mixtures_near_the_limits_cost_below_eight_too),
		cmocka_unit_test(what_jansson_frees_is_wiped),
		cmocka_unit_test(
			every_failing_allocation_is_an_error_of_memory),
		cmocka_unit_test(every_size_of_arena_is_survived),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
