/* Integers from whole inputs, digit by digit: strtol tolerates too much. */
#include "lib/number.h"

/* The value of a digit in bases up to 16; 255 where c is none. */
static unsigned
digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10U;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10U;
	return 255;
}

static int
parse_digits(struct span text, unsigned base, uint64_t *ret_n)
{
	uint64_t n = 0;
	size_t i;

	if (text.len == 0)
		return ERR_INPUT;
	for (i = 0; i < text.len; i++) {
		unsigned digit = digit_value(text.data[i]);

		if (digit >= base)
			return ERR_INPUT;
		if (__builtin_mul_overflow(n, base, &n) ||
			__builtin_add_overflow(n, digit, &n))
			return ERR_INPUT;
	}
	*ret_n = n;
	return 0;
}

/* Cut a sign off; true where it was a minus. */
static bool
take_sign(struct span *text)
{
	bool minus = text->len > 0 && text->data[0] == '-';

	if (minus || (text->len > 0 && text->data[0] == '+'))
		*text = span_skip(*text, 1);
	return minus;
}

static int
apply_sign(uint64_t n, bool minus, int64_t *ret_n)
{
	if (n > (uint64_t)INT64_MAX + minus)
		return ERR_INPUT;
	*ret_n = minus ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

int
number_parse_u64(struct span text, uint64_t max, uint64_t *ret_n)
{
	uint64_t n;

	if (parse_digits(text, 10, &n) != 0 || n > max)
		return ERR_INPUT;
	*ret_n = n;
	return 0;
}

int
number_parse_i64(struct span text, int64_t min, int64_t max, int64_t *ret_n)
{
	bool minus = take_sign(&text);
	uint64_t u;
	int64_t n;

	if (parse_digits(text, 10, &u) != 0 || apply_sign(u, minus, &n) != 0)
		return ERR_INPUT;
	if (n < min || n > max)
		return ERR_INPUT;
	*ret_n = n;
	return 0;
}

/* Cut a prefix such as 0x off and say which base it names. */
static unsigned
take_base(struct span *text)
{
	static const struct {
		char letter;
		unsigned base;
	} prefixes[] = { { 'x', 16 }, { 'o', 8 }, { 'b', 2 } };

	size_t i;

	if (text->len < 2 || text->data[0] != '0')
		return 10;
	for (i = 0; i < ARRAY_LEN(prefixes); i++) {
		if ((text->data[1] | 0x20) != prefixes[i].letter)
			continue;
		*text = span_skip(*text, 2);
		return prefixes[i].base;
	}
	return 8;
}

int
number_parse_api(struct span text, int64_t *ret_n)
{
	bool minus = take_sign(&text);
	unsigned base = take_base(&text);
	uint64_t n;

	if (parse_digits(text, base, &n) != 0)
		return ERR_INPUT;
	return apply_sign(n, minus, ret_n);
}

int
number_parse_bool(struct span text, bool *ret_on)
{
	static const char *const words[][2] = { { "0", "1" }, { "f", "t" },
		{ "F", "T" }, { "false", "true" }, { "False", "True" },
		{ "FALSE", "TRUE" } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		for (size_t on = 0; on < 2; on++) {
			if (!span_equal(text, span_str(words[i][on])))
				continue;
			*ret_on = on == 1;
			return 0;
		}
	}
	return ERR_INPUT;
}
