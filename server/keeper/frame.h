/*
 * Messages on the socket between main and keeper, each behind a header of
 * twelve bytes: version, three zeros, the number by which the answer finds its
 * call, the length (both u32, big-endian). A message that is not so ends the
 * connection: there is no way to find the next one.
 *
 * A message has at most KEEPER_MESSAGE_MAX bytes: 64 KiB, since a keyring with
 * all its old keys is one; others stay far below.
 */
#ifndef SALLYPORT_SERVER_KEEPER_FRAME_H
#define SALLYPORT_SERVER_KEEPER_FRAME_H

#include "lib/buf.h"

#define FRAME_HEAD 12

struct frame {
	uint32_t id;
	struct span body; /* in the inbox, until the next call on it */
};

/*
 * Append a message. ERR_LIMIT for one that is too long, ERR_MEMORY: others may
 * still fit.
 */
int frame_add(struct buf *out, uint32_t id, struct span body);

/* What came in and was not taken yet; embedded. */
struct inbox {
	struct buf buf;
	size_t taken;
};

void inbox_init(struct inbox *inbox);
void inbox_clear(struct inbox *inbox);

/* Room for len more bytes behind what is there; NULL: no memory. */
uint8_t *inbox_reserve(struct inbox *inbox, size_t len);
void inbox_added(struct inbox *inbox, size_t len);

/*
 * Wait on a socket for more bytes and read what is there: 0, ERR_ABSENT at its
 * end, ERR_SYSTEM, ERR_MEMORY.
 */
int inbox_receive(struct inbox *inbox, int fd);

/* Whether a whole message is there: 1, 0, or ERR_PEER for what is none. */
int inbox_peek(const struct inbox *inbox, struct frame *ret_frame);

/* Go on behind the message that inbox_peek showed; it is wiped. */
void inbox_take(struct inbox *inbox, const struct frame *frame);

/* All of it, whatever the signals. ERR_SYSTEM. */
int frame_send(int fd, struct span bytes);

#endif
