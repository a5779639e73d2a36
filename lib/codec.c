/* Hex and base64; table-driven encoders, strict decoders. */
#include "lib/codec.h"

#include <string.h>

#include "lib/secret.h"

void
hex_encode(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

void
hex_encode_uuid(const uint8_t bytes[16], char out[HEX_UUID_MAX])
{
	static const uint8_t groups[] = { 4, 2, 2, 2, 6 };
	size_t i;

	for (i = 0; i < ARRAY_LEN(groups); i++) {
		if (i > 0)
			*out++ = '-';
		hex_encode(bytes, groups[i], out);
		bytes += groups[i];
		out += 2 * groups[i];
	}
}

/* The value of a hex digit; -1 where c is none. */
static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
hex_decode(struct span text, uint8_t *out, size_t cap, size_t *ret_len)
{
	size_t len = text.len / 2, i;

	if (text.len % 2 != 0 || len > cap)
		return ERR_INPUT;
	for (i = 0; i < text.len; i++) {
		if (hex_value(text.data[i]) < 0)
			return ERR_INPUT;
	}
	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(16 * hex_value(text.data[2 * i]) +
			hex_value(text.data[2 * i + 1]));
	*ret_len = len;
	return 0;
}

/* Groups of four digits, the last one filled up with '='. */
static int
encode_digits(struct span data, const char *digits, struct buf *out)
{
	const uint8_t *in = data.data;
	size_t left;
	uint8_t *room = NULL;

	if (data.len > SIZE_MAX / 2)
		return out->rc = ERR_LIMIT;
	room = buf_reserve(out, (data.len + 2) / 3 * 4);
	if (room == NULL)
		return out->rc;
	for (left = data.len; left > 0; in += 3) {
		size_t n = left < 3 ? left : 3;
		uint32_t group = (uint32_t)in[0] << 16;

		if (n > 1)
			group |= (uint32_t)in[1] << 8;
		if (n > 2)
			group |= in[2];
		*room++ = (uint8_t)digits[group >> 18];
		*room++ = (uint8_t)digits[group >> 12 & 63];
		*room++ = n > 1 ? (uint8_t)digits[group >> 6 & 63] : '=';
		*room++ = n > 2 ? (uint8_t)digits[group & 63] : '=';
		left -= n;
	}
	out->len += (data.len + 2) / 3 * 4;
	return 0;
}

int
base64_encode(struct span data, struct buf *out)
{
	return encode_digits(data,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		out);
}

int
base64url_encode(struct span data, struct buf *out)
{
	int rc = encode_digits(data,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
		out);

	while (rc == 0 && out->len > 0 && out->data[out->len - 1] == '=')
		out->len--;
	return rc;
}

/* Six bits of a digit, and of which alphabet it is one; 0: of none. */
#define PLAIN 0x40
#define URL 0x80
#define TWO(c, v) [c] = PLAIN | URL | (v), [(c) + 1] = PLAIN | URL | ((v) + 1)
#define TEN(c, v)                                                              \
	TWO(c, v), TWO((c) + 2, (v) + 2), TWO((c) + 4, (v) + 4),               \
		TWO((c) + 6, (v) + 6), TWO((c) + 8, (v) + 8)
#define SIX(c, v) TWO(c, v), TWO((c) + 2, (v) + 2), TWO((c) + 4, (v) + 4)

static const uint8_t values[256] = {
	TEN('A', 0),
	TEN('K', 10),
	SIX('U', 20),
	TEN('a', 26),
	TEN('k', 36),
	SIX('u', 46),
	TEN('0', 52),
	['+'] = PLAIN | 62,
	['/'] = PLAIN | 63,
	['-'] = URL | 62,
	['_'] = URL | 63,
};

/* One group of n digits, two to four, which stand for n - 1 bytes. */
static int
decode_group(const uint8_t *in, size_t n, uint8_t alphabet, uint8_t out[3])
{
	const uint8_t first = values[in[0]], second = values[in[1]];
	const uint8_t third = n > 2 ? values[in[2]] : alphabet;
	const uint8_t last = n > 3 ? values[in[3]] : alphabet;
	const uint32_t group = (uint32_t)(first & 63) << 18 |
		(uint32_t)(second & 63) << 12 | (uint32_t)(third & 63) << 6 |
		(uint32_t)(last & 63);

	if ((first & second & third & last & alphabet) == 0)
		return ERR_INPUT;
	/* Spare bits must be zero, so that each text has one meaning. */
	if ((group & ((1U << (8 * (4 - n))) - 1)) != 0)
		return ERR_INPUT;
	out[0] = (uint8_t)(group >> 16);
	out[1] = (uint8_t)(group >> 8);
	out[2] = (uint8_t)group;
	return 0;
}

/* Digits alone, without padding. */
static int
decode_digits(struct span digits, uint8_t alphabet, struct buf *out)
{
	size_t len = digits.len / 4 * 3, rest = digits.len % 4;
	uint8_t group[3], *room = NULL;

	if (rest == 1)
		return ERR_INPUT;
	len += rest > 0 ? rest - 1 : 0;
	room = buf_reserve(out, len);
	if (room == NULL)
		return out->rc;
	for (size_t i = 0; i < digits.len; i += 4) {
		size_t n = digits.len - i < 4 ? digits.len - i : 4;

		if (decode_group(digits.data + i, n, alphabet, group) != 0) {
			secret_wipe(out->data + out->len, len);
			return ERR_INPUT;
		}
		for (size_t k = 0; k < n - 1; k++)
			*room++ = group[k];
	}
	secret_wipe(group, sizeof(group));
	out->len += len;
	return 0;
}

static size_t
count_padding(struct span text)
{
	if (text.len == 0 || text.data[text.len - 1] != '=')
		return 0;
	return text.data[text.len - 2] == '=' ? 2 : 1;
}

int
base64_decode(struct span text, struct buf *out)
{
	if (text.len % 4 != 0)
		return ERR_INPUT;
	return decode_digits(
		span_of(text.data, text.len - count_padding(text)), PLAIN, out);
}

int
base64url_decode(struct span text, struct buf *out)
{
	return decode_digits(text, URL, out);
}

const char *
base64_text(struct arena *arena, struct span data)
{
	const char *copy = NULL;
	struct buf text;

	buf_init(&text, 4 * (data.len / 3 + 1) + 1);
	if (base64_encode(data, &text) == 0)
		copy = arena_strdup(arena, buf_str(&text));
	buf_clear(&text);
	return copy;
}

int
base64_bytes(struct arena *arena, const char *text, struct span *ret_data)
{
	struct span data = SPAN_NONE;
	struct buf bytes;
	int rc;

	buf_init(&bytes, strlen(text));
	rc = base64_decode(span_str(text), &bytes);
	if (rc == 0)
		data = arena_dup(arena, buf_span(&bytes));
	buf_clear(&bytes);
	if (rc == 0 && data.data == NULL)
		rc = ERR_MEMORY;
	if (rc == 0)
		*ret_data = data;
	return rc;
}
