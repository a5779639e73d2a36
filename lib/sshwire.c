/* Reading and writing SSH's integers and strings. */
#include "lib/sshwire.h"

#include "lib/cursor.h"

/* gcc 12 does not see that what a cursor takes of NULL has no bytes. */
#ifdef SALLYPORT_ANALYZER
#pragma GCC diagnostic ignored "-Wanalyzer-null-dereference"
#endif

struct sshwire
sshwire_of(struct span bytes)
{
	return (struct sshwire){ .rest = bytes };
}

static uint64_t
take_number(struct sshwire *in, size_t len)
{
	return cursor_take_number(&in->rest, &in->bad, len);
}

uint8_t
sshwire_u8(struct sshwire *in)
{
	return (uint8_t)take_number(in, 1);
}

uint32_t
sshwire_u32(struct sshwire *in)
{
	return (uint32_t)take_number(in, 4);
}

uint64_t
sshwire_u64(struct sshwire *in)
{
	return take_number(in, 8);
}

struct span
sshwire_string(struct sshwire *in)
{
	const uint32_t len = sshwire_u32(in);

	return cursor_take(&in->rest, &in->bad, len);
}

struct span
sshwire_mpint(struct sshwire *in)
{
	struct span bytes = sshwire_string(in);

	if (bytes.len > 1 && bytes.data[0] == 0 && bytes.data[1] >= 0x80)
		return span_skip(bytes, 1);
	if (bytes.len == 0 || bytes.data[0] == 0 || bytes.data[0] >= 0x80) {
		in->bad = true;
		return SPAN_NONE;
	}
	return bytes;
}

bool
sshwire_end(const struct sshwire *in)
{
	return !in->bad && in->rest.len == 0;
}

int
sshwire_add_string(struct buf *out, struct span bytes)
{
	int rc = bytes.len > UINT32_MAX
		? ERR_LIMIT
		: buf_add_u32be(out, (uint32_t)bytes.len);

	return rc != 0 ? rc : buf_add_span(out, bytes);
}

int
sshwire_add_mpint(struct buf *out, struct span magnitude)
{
	const bool high = magnitude.len > 0 && magnitude.data[0] >= 0x80;
	int rc = magnitude.len >= UINT32_MAX
		? ERR_LIMIT
		: buf_add_u32be(out, (uint32_t)magnitude.len + high);

	if (rc == 0 && high)
		rc = buf_add_char(out, 0);
	return rc != 0 ? rc : buf_add_span(out, magnitude);
}
