/* The client's side of SFTP, as little of it as writing a file takes. */
#include "server/outbound/sftp_put.h"

#include <stdio.h>

#include "lib/sshwire.h"

#define SFTP_VERSION 3
#define ANSWER_MAX 16384
#define REQUEST_MAX 65536
#define PIECE_MAX 32000 /* every server takes packets of 34000 bytes */

enum packet {
	PACKET_INIT = 1,
	PACKET_VERSION = 2,
	PACKET_OPEN = 3,
	PACKET_CLOSE = 4,
	PACKET_WRITE = 6,
	PACKET_STATUS = 101,
	PACKET_HANDLE = 102
};

enum awaited { AWAIT_VERSION, AWAIT_HANDLE, AWAIT_WRITTEN, AWAIT_CLOSED };

/* Of OPEN: write, create, truncate; of a new file: permissions alone. */
#define OPEN_FLAGS 0x1a
#define ATTRIBUTES 0x04
#define MODE 0600

/* ---- requests ------------------------------------------------------------ */

static void
begin(struct sftp_put *put, struct buf *body, enum packet type)
{
	buf_init(body, REQUEST_MAX);
	(void)buf_add_char(body, (char)type);
	(void)buf_add_u32be(body, ++put->id);
}

static void
finish(struct sftp_put *put, struct buf *body, enum awaited awaited)
{
	buf_reset(&put->request);
	(void)sshwire_add_string(&put->request, buf_span(body));
	if (body->rc != 0 || put->request.rc != 0) {
		(void)snprintf(put->why, sizeof(put->why), "no memory");
		put->state = SFTP_PUT_FAILED;
	}
	put->awaited = (int)awaited;
	buf_clear(body);
}

static void
request_open(struct sftp_put *put)
{
	struct buf body;

	begin(put, &body, PACKET_OPEN);
	(void)sshwire_add_string(&body, put->path);
	(void)buf_add_u32be(&body, OPEN_FLAGS);
	(void)buf_add_u32be(&body, ATTRIBUTES);
	(void)buf_add_u32be(&body, MODE);
	finish(put, &body, AWAIT_HANDLE);
}

static void
request_write(struct sftp_put *put)
{
	struct span piece = put->content;
	struct buf body;

	if (piece.len > PIECE_MAX)
		piece.len = PIECE_MAX;
	begin(put, &body, PACKET_WRITE);
	(void)sshwire_add_string(&body, buf_span(&put->handle));
	(void)buf_add_u64be(&body, put->offset);
	(void)sshwire_add_string(&body, piece);
	put->offset += piece.len;
	put->content = span_skip(put->content, piece.len);
	finish(put, &body, AWAIT_WRITTEN);
}

static void
request_close(struct sftp_put *put)
{
	struct buf body;

	begin(put, &body, PACKET_CLOSE);
	(void)sshwire_add_string(&body, buf_span(&put->handle));
	finish(put, &body, AWAIT_CLOSED);
}

static void
request_next(struct sftp_put *put)
{
	if (put->content.len > 0)
		request_write(put);
	else
		request_close(put);
}

/* ---- answers ------------------------------------------------------------- */

static void
fail(struct sftp_put *put, const char *why)
{
	(void)snprintf(put->why, sizeof(put->why), "%s", why);
	put->state = SFTP_PUT_FAILED;
}

static void
take_handle(struct sftp_put *put, struct sshwire *in)
{
	const struct span handle = sshwire_string(in);

	if (put->awaited != AWAIT_HANDLE || !sshwire_end(in) ||
		buf_add_span(&put->handle, handle) != 0) {
		fail(put, "it gave no good handle");
		return;
	}
	request_next(put);
}

static void
fail_status(struct sftp_put *put, uint32_t code, struct span text)
{
	const int len =
		text.len < SFTP_PUT_WHY_MAX ? (int)text.len : SFTP_PUT_WHY_MAX;

	(void)snprintf(put->why, sizeof(put->why), "status %u%s%.*s", code,
		len == 0 ? "" : ", ", len,
		len == 0 ? "" : (const char *)text.data);
	put->state = SFTP_PUT_FAILED;
}

/* Success is none where a handle was asked for. */
static void
take_status(struct sftp_put *put, struct sshwire *in)
{
	const uint32_t code = sshwire_u32(in);
	const struct span text = sshwire_string(in);

	if (code != 0 || put->awaited == AWAIT_HANDLE)
		fail_status(put, code, text);
	else if (put->awaited == AWAIT_CLOSED)
		put->state = SFTP_PUT_DONE;
	else
		request_next(put);
}

static void
take_packet(struct sftp_put *put, struct span packet)
{
	struct sshwire in = sshwire_of(packet);
	const uint8_t type = sshwire_u8(&in);
	const uint32_t number = sshwire_u32(&in);

	if (put->awaited == AWAIT_VERSION) {
		if (type == PACKET_VERSION && number == SFTP_VERSION && !in.bad)
			request_open(put);
		else
			fail(put, "it does not speak SFTP 3");
	} else if (in.bad || number != put->id ||
		(type != PACKET_HANDLE && type != PACKET_STATUS))
		fail(put, "it answered what was not asked");
	else if (type == PACKET_HANDLE)
		take_handle(put, &in);
	else
		take_status(put, &in);
}

/* ---- the whole of it ----------------------------------------------------- */

void
sftp_put_init(struct sftp_put *put, const char *path, struct span content)
{
	struct buf body;

	*put = (struct sftp_put){ .path = span_str(path), .content = content };
	buf_init(&put->handle, SFTP_PUT_HANDLE_MAX);
	buf_init(&put->partial, ANSWER_MAX);
	buf_init(&put->request, REQUEST_MAX);
	buf_init(&body, REQUEST_MAX);
	(void)buf_add_char(&body, PACKET_INIT);
	(void)buf_add_u32be(&body, SFTP_VERSION);
	finish(put, &body, AWAIT_VERSION);
}

void
sftp_put_clear(struct sftp_put *put)
{
	buf_clear(&put->handle);
	buf_clear(&put->partial);
	buf_clear(&put->request);
}

bool
sftp_put_take(struct sftp_put *put, struct span bytes)
{
	struct sshwire in;
	struct span packet;

	if (put->state != SFTP_PUT_BUSY)
		return false;
	if (buf_add_span(&put->partial, bytes) != 0) {
		fail(put, "its answer is too long");
		return true;
	}
	in = sshwire_of(buf_span(&put->partial));
	packet = sshwire_string(&in);
	if (in.bad)
		return false;
	if (sshwire_end(&in))
		take_packet(put, packet);
	else
		fail(put, "it answered what was not asked");
	buf_reset(&put->partial);
	return true;
}
