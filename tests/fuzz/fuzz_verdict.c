/*
 * Any bytes as a frame and as the helper's line: a frame that is read writes
 * as the same bytes; no line without the nonce is a yes.
 */
#include <stdlib.h>
#include <string.h>

#include "helper/verdict.h"

#define NONCE "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_frame(struct span bytes)
{
	struct verdict_frame frame;
	struct err err = { 0 };
	struct buf out;

	if (verdict_frame_read(bytes, &frame, &err) != 0)
		return;
	buf_init(&out, 2 * VERDICT_FRAME_MAX);
	/* Flags that nobody knows are dropped: compare what they leave. */
	if (bytes.len <= VERDICT_FRAME_MAX &&
		(verdict_frame_write(&frame, &out, &err) != 0 ||
			out.len != bytes.len))
		abort();
	buf_clear(&out);
}

static void
check_line(struct span bytes)
{
	static const char wanted[] = "sallyport " NONCE " allow ";
	struct verdict_line line;

	verdict_line_read(NONCE, bytes, &line);
	if (verdict_is_allow(line.verdict) &&
		!span_has_prefix(bytes, span_str(wanted)))
		abort();
	for (const char *at = line.role; *at != '\0'; at++) {
		if (*at <= ' ' || *at > '~')
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_frame(span_of(data, size));
	check_line(span_of(data, size));
	return 0;
}
