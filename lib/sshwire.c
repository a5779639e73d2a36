/* Reading and writing SSH's integers and strings. */
#include "lib/sshwire.h"

struct sshwire
sshwire_of(struct span bytes)
{
	return (struct sshwire){ .rest = bytes };
}

/* The next len bytes; an empty span, and bad, where they are not there. */
static struct span
take(struct sshwire *in, size_t len)
{
	struct span taken = SPAN_NONE;

	if (in->bad || in->rest.len < len) {
		in->bad = true;
		return taken;
	}
	taken = span_of(in->rest.data, len);
	in->rest = span_skip(in->rest, len);
	return taken;
}

/* Big-endian; 0 where the bytes are not there. */
static uint64_t
take_number(struct sshwire *in, size_t len)
{
	struct span bytes = take(in, len);
	uint64_t n = 0;

	for (size_t i = 0; i < bytes.len; i++)
		n = n << 8 | bytes.data[i];
	return n;
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
	return take(in, sshwire_u32(in));
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
