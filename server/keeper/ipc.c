/* Reading and writing the fields of a message. */
#include "server/keeper/ipc.h"

#include <string.h>

struct ipc_message
ipc_read(struct span bytes)
{
	return (struct ipc_message){ .rest = bytes };
}

/* The next len bytes; empty, and the message bad, where there are fewer. */
static struct span
take(struct ipc_message *message, size_t len)
{
	struct span taken = span_of(message->rest.data, len);

	if (message->bad || len > message->rest.len) {
		message->bad = true;
		return SPAN_NONE;
	}
	message->rest = span_skip(message->rest, len);
	return taken;
}

static uint32_t
decode_u32(const uint8_t bytes[4])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
		(uint32_t)bytes[2] << 8 | bytes[3];
}

uint8_t
ipc_take_byte(struct ipc_message *message)
{
	struct span byte = take(message, 1);

	return byte.len == 0 ? 0 : byte.data[0];
}

struct span
ipc_take_field(struct ipc_message *message, size_t len_max)
{
	struct span head = take(message, 4);
	uint32_t len;

	if (head.len == 0)
		return SPAN_NONE;
	len = decode_u32(head.data);
	if (len > len_max) {
		message->bad = true;
		return SPAN_NONE;
	}
	return take(message, len);
}

const uint8_t *
ipc_take_exactly(struct ipc_message *message, size_t len)
{
	struct span field = ipc_take_field(message, len);

	if (field.len == len)
		return field.data;
	message->bad = true;
	return NULL;
}

void
ipc_take_name(struct ipc_message *message, char out[IPC_NAME_MAX])
{
	const struct span field = ipc_take_field(message, IPC_NAME_MAX - 1);

	if (field.len > 0)
		memcpy(out, field.data, field.len);
	out[field.len] = '\0';
}

uint32_t
ipc_take_u32(struct ipc_message *message)
{
	const uint8_t *bytes = ipc_take_exactly(message, 4);

	return bytes == NULL ? 0 : decode_u32(bytes);
}

uint64_t
ipc_take_u64(struct ipc_message *message)
{
	const uint8_t *bytes = ipc_take_exactly(message, 8);

	return bytes == NULL
		? 0
		: (uint64_t)decode_u32(bytes) << 32 | decode_u32(bytes + 4);
}

int
ipc_end(const struct ipc_message *message, struct err *err)
{
	if (!message->bad && message->rest.len == 0)
		return 0;
	return err_set(err, ERR_PEER, 500, "internal error");
}

void
ipc_add_field(struct buf *buf, struct span field)
{
	if (field.len > UINT32_MAX)
		buf->rc = ERR_LIMIT;
	buf_add_u32be(buf, (uint32_t)field.len);
	buf_add_span(buf, field);
}

void
ipc_add_secret(struct buf *buf, struct secret_view field)
{
	ipc_add_field(buf, span_of(field.data, field.len));
}

void
ipc_add_u32(struct buf *buf, uint32_t n)
{
	buf_add_u32be(buf, 4);
	buf_add_u32be(buf, n);
}

void
ipc_add_u64(struct buf *buf, uint64_t n)
{
	buf_add_u32be(buf, 8);
	buf_add_u64be(buf, n);
}
