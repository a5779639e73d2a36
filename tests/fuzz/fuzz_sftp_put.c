/*
 * An SFTP server that says anything, in pieces of the first byte's size: every
 * request is one whole packet, and it comes to an end or waits for more.
 */
#include <stdlib.h>

#include "lib/sshwire.h"
#include "server/outbound/sftp_put.h"

#define CONTENT_LEN 70000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_request(const struct sftp_put *put)
{
	struct sshwire in = sshwire_of(buf_span(&put->request));

	if (sshwire_string(&in).len == 0 || !sshwire_end(&in))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t content[CONTENT_LEN];
	const size_t size = len == 0 || data[0] == 0 ? 1 : data[0];
	struct span rest = span_skip(span_of(data, len), 1);
	struct sftp_put put;

	sftp_put_init(&put, "file", span_of(content, sizeof(content)));
	check_request(&put);
	for (; rest.len > 0; rest = span_skip(rest, size)) {
		const uint32_t id = put.id;
		const struct span piece =
			span_of(rest.data, rest.len < size ? rest.len : size);

		if (sftp_put_take(&put, piece) && put.state == SFTP_PUT_BUSY &&
			put.id != id + 1)
			abort();
		check_request(&put);
	}
	if (put.state == SFTP_PUT_DONE && put.content.len != 0)
		abort();
	sftp_put_clear(&put);
	return 0;
}
