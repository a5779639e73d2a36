/*
 * Growable bytes. Growing copies into new memory and wipes the old, since a
 * buffer may hold a secret; realloc would leave a copy behind.
 */
#include "lib/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/secret.h"

#define CAP_MIN 512

void
buf_init(struct buf *buf, size_t size_max)
{
	*buf = (struct buf){ .size_max = size_max };
}

void
buf_clear(struct buf *buf)
{
	secret_wipe(buf->data, buf->cap);
	free(buf->data);
	buf_init(buf, buf->size_max);
}

void
buf_reset(struct buf *buf)
{
	secret_wipe(buf->data, buf->len);
	buf->len = 0;
	buf->rc = 0;
}

/* The next capacity that holds need bytes and a NUL: doubled, but capped. */
static size_t
next_cap(const struct buf *buf, size_t need)
{
	size_t cap = buf->cap < CAP_MIN ? CAP_MIN : buf->cap;

	while (cap <= need)
		cap *= 2;
	return cap > buf->size_max ? buf->size_max + 1 : cap;
}

static int
move(struct buf *buf, size_t need)
{
	size_t cap = next_cap(buf, need);
	uint8_t *data = malloc(cap);

	if (data == NULL)
		return buf->rc = ERR_MEMORY;
	if (buf->len > 0)
		memcpy(data, buf->data, buf->len);
	secret_wipe(buf->data, buf->cap);
	free(buf->data);
	buf->data = data;
	buf->cap = cap;
	return 0;
}

/* Capacity for len more bytes and a NUL. */
static int
grow(struct buf *buf, size_t len)
{
	size_t need;

	if (buf->rc != 0)
		return buf->rc;
	/* No object is larger than PTRDIFF_MAX; this leaves room for a NUL. */
	if (!size_add(buf->len, len, &need) || need > buf->size_max ||
		need >= PTRDIFF_MAX / 2)
		return buf->rc = ERR_LIMIT;
	return need >= buf->cap ? move(buf, need) : 0;
}

/* As buf_reserve, but what the room holds is not zero. */
static inline uint8_t *
make_room(struct buf *buf, size_t len)
{
	bool fits = buf->rc == 0 && len < buf->cap - buf->len;

	if (!fits && grow(buf, len) != 0)
		return NULL;
	return buf->data + buf->len;
}

uint8_t *
buf_reserve(struct buf *buf, size_t len)
{
	uint8_t *room = make_room(buf, len);

	/* However few bytes the caller adds, a NUL follows them. */
	if (room != NULL)
		memset(room, 0, len + 1);
	return room;
}

int
buf_add(struct buf *buf, const void *data, size_t len)
{
	uint8_t *room = make_room(buf, len);

	if (room == NULL)
		return buf->rc;
	if (len > 0)
		memcpy(room, data, len);
	room[len] = '\0';
	buf->len += len;
	return 0;
}

int
buf_add_uint(struct buf *buf, uint64_t n)
{
	char digits[20]; /* of the largest number */
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return buf_add(buf, digits + i, sizeof(digits) - i);
}

int
buf_add_int(struct buf *buf, int64_t n)
{
	/* Negated as unsigned, which the smallest number stands too. */
	if (n < 0 && buf_add_char(buf, '-') == 0)
		return buf_add_uint(buf, 0 - (uint64_t)n);
	return n < 0 ? buf->rc : buf_add_uint(buf, (uint64_t)n);
}

int
buf_addf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	uint8_t *room = NULL;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0)
		return buf->rc = ERR_INTERNAL;
	room = buf_reserve(buf, (size_t)len);
	if (room == NULL)
		return buf->rc;
	va_start(args, fmt);
	vsnprintf((char *)room, (size_t)len + 1, fmt, args);
	va_end(args);
	buf->len += (size_t)len;
	return 0;
}

int
buf_add_u32be(struct buf *buf, uint32_t n)
{
	uint8_t bytes[4];
	int i;

	for (i = 3; i >= 0; i--, n >>= 8)
		bytes[i] = (uint8_t)n;
	return buf_add(buf, bytes, sizeof(bytes));
}

int
buf_add_u64be(struct buf *buf, uint64_t n)
{
	uint8_t bytes[8];
	int i;

	for (i = 7; i >= 0; i--, n >>= 8)
		bytes[i] = (uint8_t)n;
	return buf_add(buf, bytes, sizeof(bytes));
}

int
buf_check(const struct buf *buf, struct err *err)
{
	if (buf->rc == ERR_MEMORY)
		return err_set_memory(err);
	if (buf->rc == ERR_LIMIT)
		return err_set(err, ERR_LIMIT, 500, "output too large");
	if (buf->rc != 0)
		return err_set(err, buf->rc, 500, "internal error");
	return 0;
}

const char *
buf_str(const struct buf *buf)
{
	return buf->len == 0 ? "" : (const char *)buf->data;
}
