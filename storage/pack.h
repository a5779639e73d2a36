/*
 * The binary form of stored records: big-endian numbers, strings behind a
 * length of 16 bits. Writing goes to a struct buf; reading stops at the first
 * thing that does not fit and says so once, at the end.
 */
#ifndef SALLYPORT_STORAGE_PACK_H
#define SALLYPORT_STORAGE_PACK_H

#include "lib/arena.h"
#include "lib/buf.h"

void pack_u8(struct buf *buf, uint8_t n);
void pack_u32(struct buf *buf, uint32_t n);
void pack_u64(struct buf *buf, uint64_t n);
void pack_i64(struct buf *buf, int64_t n);

/* A string of at most 65,535 bytes (NULL is ""); longer fails the buffer. */
void pack_str(struct buf *buf, const char *str);

struct unpack {
	struct span rest;
	bool bad; /* something did not fit, or memory ran out */
};

struct unpack unpack_of(struct span bytes);

/* Numbers, 0 once the record is bad. */
uint8_t unpack_u8(struct unpack *in);
uint32_t unpack_u32(struct unpack *in);
uint64_t unpack_u64(struct unpack *in);
int64_t unpack_i64(struct unpack *in);

/* len bytes to out; zeros once the record is bad. */
void unpack_bytes(struct unpack *in, void *out, size_t len);

/* A string, copied into arena; "" once the record is bad. */
const char *unpack_str(struct unpack *in, struct arena *arena);

/*
 * 0 where all of the record was read and everything fitted; else ERR_INTERNAL
 * (500, fixed text) with what in the detail.
 */
int unpack_end(const struct unpack *in, const char *what, struct err *err);

#endif
