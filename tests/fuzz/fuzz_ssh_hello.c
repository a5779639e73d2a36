/*
 * The first bytes of an SSH server: what is read is printable and lies in
 * them, and what a part of them has decided the whole does not change.
 */
#include <stdlib.h>

#include "server/outbound/ssh_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
check_text(struct span text, struct span in)
{
	must(text.len == 0 ||
		(text.data >= in.data &&
			text.data + text.len <= in.data + in.len));
	for (size_t i = 0; i < text.len; i++)
		must(text.data[i] >= ' ' && text.data[i] <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct span bytes = span_of(data, len);
	struct ssh_hello hello, half;
	const int rc = ssh_hello_parse(bytes, &hello);
	const int half_rc = ssh_hello_parse(span_of(data, len / 2), &half);

	must(half_rc == ERR_ABSENT || half_rc == rc);
	if (rc != 0)
		return 0;
	must(span_has_prefix(hello.banner, span_str("SSH-")));
	check_text(hello.banner, bytes);
	for (int i = 0; i < SSH_HELLO_LISTS; i++) {
		check_text(hello.lists[i], bytes);
		must(half_rc != 0 || span_equal(hello.lists[i], half.lists[i]));
	}
	return 0;
}
