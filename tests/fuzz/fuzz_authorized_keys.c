/*
 * Any text as authorized_keys: a line put into it is there once and comes out
 * without a trace, and no other line is changed by either.
 */
#include <stdlib.h>

#include "lib/authorized_keys.h"

#define KEY                                                                    \
	"ssh-ed25519 "                                                         \
	"AAAAC3NzaC1lZDI1NTE5AAAAIJJxtJeGsp9WmVmSaFVnrgI4tjQ5KV/vTY2bf6pBDzgl"
#define LINE                                                                   \
	"expiry-time=\"203001010000Z\" " KEY                                   \
	" sallyport:01234567:0123456789abcdef"
#define ROOM 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line that is not ours; counts those that are. */
static bool
next_other(struct span *rest, struct span *ret_text, size_t *n_ours)
{
	struct authorized_line line;

	while (authorized_keys_next(rest, &line)) {
		if (!authorized_line_has(&line, KEY)) {
			*ret_text = line.text;
			return true;
		}
		(*n_ours)++;
	}
	return false;
}

/* The other lines of both are the same, and b has n_wanted of ours. */
static size_t
compare(struct span a, struct span b, size_t n_wanted)
{
	struct span line_a, line_b;
	size_t n_a = 0, n_b = 0;

	while (next_other(&a, &line_a, &n_a)) {
		if (!next_other(&b, &line_b, &n_b) ||
			!span_equal(line_a, line_b))
			abort();
	}
	if (next_other(&b, &line_b, &n_b) || n_b != n_wanted)
		abort();
	return n_a;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span text = span_of(data, size);
	struct buf with, without;
	size_t n_before, n = 0;

	buf_init(&with, size + sizeof(LINE) + ROOM);
	buf_init(&without, size + sizeof(LINE) + ROOM);
	if (authorized_keys_put(text, LINE, &with, NULL) != 0)
		abort();
	n_before = compare(text, buf_span(&with), 1);
	if (authorized_keys_drop(buf_span(&with), KEY, &without, &n, NULL) !=
			0 ||
		n != 1)
		abort();
	(void)compare(buf_span(&with), buf_span(&without), 0);
	if (n_before == 0 && !span_equal(buf_span(&without), text))
		abort();
	buf_clear(&with);
	buf_clear(&without);
	return 0;
}
