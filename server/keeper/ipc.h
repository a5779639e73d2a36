/*
 * The form of messages between the main process and its seams: an op or code
 * byte, then fields of u32 length (big-endian) and bytes; numbers are fields
 * of four bytes, or eight. Reading never goes past the message, whatever it
 * holds.
 */
#ifndef SALLYPORT_SERVER_KEEPER_IPC_H
#define SALLYPORT_SERVER_KEEPER_IPC_H

#include "lib/buf.h"
#include "lib/secret.h"

/* A message being read. A failed take gives nothing and marks it bad. */
struct ipc_message {
	struct span rest;
	bool bad;
};

/* Start reading; the bytes stay the caller's. */
struct ipc_message ipc_read(struct span bytes);

uint8_t ipc_take_byte(struct ipc_message *message);

/* A field of at most len_max bytes, as a view into the message. */
struct span ipc_take_field(struct ipc_message *message, size_t len_max);

/* A field of exactly len bytes; NULL where it is not. */
const uint8_t *ipc_take_exactly(struct ipc_message *message, size_t len);

/* A short field as text, of a type or algorithm: "" where there is none. */
#define IPC_NAME_MAX 65
void ipc_take_name(struct ipc_message *message, char out[IPC_NAME_MAX]);

/* A number field; 0 where there is none. */
uint32_t ipc_take_u32(struct ipc_message *message);
uint64_t ipc_take_u64(struct ipc_message *message);

/* 0 where every take worked and nothing is left; else ERR_PEER, 500. */
int ipc_end(const struct ipc_message *message, struct err *err);

/* Writing; failures show in buf_check. */
void ipc_add_field(struct buf *buf, struct span field);
void ipc_add_secret(struct buf *buf, struct secret_view field);
void ipc_add_u32(struct buf *buf, uint32_t n);
void ipc_add_u64(struct buf *buf, uint64_t n);

#endif
