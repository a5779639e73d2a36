/* Messages behind their headers, into a stream and out of one. */
#include "server/keeper/frame.h"

#include <errno.h>
#include <sys/socket.h>

#include "lib/secret.h"
#include "lib/sshwire.h"
#include "server/keeper/keeper.h"

#define FRAME_VERSION 1
#define FIRST_WORD ((uint32_t)FRAME_VERSION << 24)
#define READ_MAX 32768
#define INBOX_MAX (2 * (KEEPER_MESSAGE_MAX + FRAME_HEAD) + READ_MAX)

int
frame_add(struct buf *out, uint32_t id, struct span body)
{
	const size_t len = out->len;
	const int rc_before = out->rc;
	int rc;

	if (body.len > KEEPER_MESSAGE_MAX)
		return ERR_LIMIT;
	(void)buf_add_u32be(out, FIRST_WORD);
	(void)buf_add_u32be(out, id);
	(void)buf_add_u32be(out, (uint32_t)body.len);
	rc = buf_add_span(out, body);
	if (rc != 0) {
		out->len = len;
		out->rc = rc_before;
	}
	return rc;
}

void
inbox_init(struct inbox *inbox)
{
	buf_init(&inbox->buf, INBOX_MAX);
	inbox->taken = 0;
}

void
inbox_clear(struct inbox *inbox)
{
	buf_clear(&inbox->buf);
	inbox->taken = 0;
}

/* Bytes that were taken do not stay, and make room. */
static void
drop_taken(struct inbox *inbox)
{
	struct buf *buf = &inbox->buf;
	const size_t rest = buf->len - inbox->taken;

	if (inbox->taken == 0)
		return;
	memmove(buf->data, buf->data + inbox->taken, rest);
	secret_wipe(buf->data + rest, inbox->taken);
	buf->len = rest;
	inbox->taken = 0;
}

uint8_t *
inbox_reserve(struct inbox *inbox, size_t len)
{
	drop_taken(inbox);
	return buf_reserve(&inbox->buf, len);
}

void
inbox_added(struct inbox *inbox, size_t len)
{
	inbox->buf.len += len;
}

int
inbox_receive(struct inbox *inbox, int fd)
{
	uint8_t *at = inbox_reserve(inbox, READ_MAX);
	ssize_t n;

	if (at == NULL)
		return ERR_MEMORY;
	do {
		n = recv(fd, at, READ_MAX, 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? ERR_ABSENT : ERR_SYSTEM;
	inbox_added(inbox, (size_t)n);
	return 0;
}

int
inbox_peek(const struct inbox *inbox, struct frame *ret_frame)
{
	struct sshwire in =
		sshwire_of(span_skip(buf_span(&inbox->buf), inbox->taken));
	uint32_t first, id, len;

	if (in.rest.len < FRAME_HEAD)
		return 0;
	first = sshwire_u32(&in);
	id = sshwire_u32(&in);
	len = sshwire_u32(&in);
	if (first != FIRST_WORD || len > KEEPER_MESSAGE_MAX)
		return ERR_PEER;
	if (in.rest.len < len)
		return 0;
	*ret_frame = (struct frame){ id, span_of(in.rest.data, len) };
	return 1;
}

void
inbox_take(struct inbox *inbox, const struct frame *frame)
{
	inbox->taken += FRAME_HEAD + frame->body.len;
	if (inbox->taken < inbox->buf.len)
		return;
	buf_reset(&inbox->buf);
	inbox->taken = 0;
}

int
frame_send(int fd, struct span bytes)
{
	while (bytes.len > 0) {
		const ssize_t n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return ERR_SYSTEM;
		if (n > 0)
			bytes = span_skip(bytes, (size_t)n);
	}
	return 0;
}
