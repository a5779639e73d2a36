/*
 * Growable bytes with a largest size fixed at the start, wiped when cleared.
 * A failed add leaves the buffer as it was and marks it failed, so a run of
 * adds may be checked once at its end with buf_check.
 */
#ifndef SALLYPORT_LIB_BUF_H
#define SALLYPORT_LIB_BUF_H

#include "lib/err.h"
#include "lib/span.h"

struct buf {
	uint8_t *data; /* always followed by a NUL once something was added */
	size_t len;
	size_t cap;
	size_t size_max;
	int rc; /* 0, or why an add failed: ERR_MEMORY, ERR_LIMIT */
};

/* An empty buffer that refuses to hold more than size_max bytes. */
void buf_init(struct buf *buf, size_t size_max);

/* Wipe and free; the buffer may be used again with the same size_max. */
void buf_clear(struct buf *buf);

/* Wipe the content, keep the memory. */
void buf_reset(struct buf *buf);

int buf_add(struct buf *buf, const void *data, size_t len);

static inline int
buf_add_span(struct buf *buf, struct span span)
{
	return buf_add(buf, span.data, span.len);
}

/* Inline: the length of a constant string is known where it is added. */
static inline int
buf_add_str(struct buf *buf, const char *str)
{
	return buf_add(buf, str, strlen(str));
}

static inline int
buf_add_char(struct buf *buf, char c)
{
	if (buf->rc != 0 || buf->cap - buf->len < 2)
		return buf_add(buf, &c, 1);
	buf->data[buf->len++] = (uint8_t)c;
	buf->data[buf->len] = '\0';
	return 0;
}

int buf_addf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
int buf_add_int(struct buf *buf, int64_t n); /* in decimal */
int buf_add_uint(struct buf *buf, uint64_t n);
int buf_add_u32be(struct buf *buf, uint32_t n);
int buf_add_u64be(struct buf *buf, uint64_t n);

/* Room for len more bytes at the end; NULL on failure. Add to len by hand. */
uint8_t *buf_reserve(struct buf *buf, size_t len);

/* 0 where every add so far worked, else the code, recorded in err. */
int buf_check(const struct buf *buf, struct err *err) WARN_UNUSED;

/* The content as a view; valid until the next add. */
static inline struct span
buf_span(const struct buf *buf)
{
	return span_of(buf->data, buf->len);
}

/* The content as a string ("" when empty); valid until the next add. */
const char *buf_str(const struct buf *buf);

#endif
