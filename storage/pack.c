/* The binary form of stored records; see storage/pack.h. */
#include "storage/pack.h"

#include <string.h>

#include "lib/cursor.h"

void
pack_u8(struct buf *buf, uint8_t n)
{
	buf_add(buf, &n, 1);
}

void
pack_u32(struct buf *buf, uint32_t n)
{
	buf_add_u32be(buf, n);
}

void
pack_u64(struct buf *buf, uint64_t n)
{
	buf_add_u64be(buf, n);
}

void
pack_i64(struct buf *buf, int64_t n)
{
	buf_add_u64be(buf, (uint64_t)n);
}

void
pack_str(struct buf *buf, const char *str)
{
	size_t len = str != NULL ? strlen(str) : 0;

	if (len > UINT16_MAX) {
		buf->rc = ERR_LIMIT;
		return;
	}
	pack_u8(buf, (uint8_t)(len >> 8));
	pack_u8(buf, (uint8_t)(len & 0xff));
	if (len > 0)
		buf_add(buf, str, len);
}

struct unpack
unpack_of(struct span bytes)
{
	return (struct unpack){ .rest = bytes };
}

static struct span
take(struct unpack *in, size_t len)
{
	return cursor_take(&in->rest, &in->bad, len);
}

static uint64_t
take_number(struct unpack *in, size_t len)
{
	return cursor_take_number(&in->rest, &in->bad, len);
}

uint8_t
unpack_u8(struct unpack *in)
{
	return (uint8_t)take_number(in, 1);
}

uint32_t
unpack_u32(struct unpack *in)
{
	return (uint32_t)take_number(in, 4);
}

uint64_t
unpack_u64(struct unpack *in)
{
	return take_number(in, 8);
}

int64_t
unpack_i64(struct unpack *in)
{
	return (int64_t)take_number(in, 8);
}

void
unpack_bytes(struct unpack *in, void *out, size_t len)
{
	struct span bytes = take(in, len);

	memset(out, 0, len);
	if (bytes.len > 0)
		memcpy(out, bytes.data, bytes.len);
}

const char *
unpack_str(struct unpack *in, struct arena *arena)
{
	struct span text = take(in, (size_t)take_number(in, 2));
	const char *str = "";

	if (text.len > 0)
		str = arena_strndup(arena, text.data, text.len);
	if (str == NULL)
		in->bad = true;
	return str != NULL ? str : "";
}

int
unpack_end(const struct unpack *in, const char *what, struct err *err)
{
	if (!in->bad && in->rest.len == 0)
		return 0;
	(void)err_set(err, ERR_INTERNAL, 500, "internal error");
	(void)err_wrap(err, "%s is malformed", what);
	return ERR_INTERNAL;
}
