/*
 * The binary forms of SSH (RFC 4251 section 5): a cursor over bytes, and the
 * same into a buffer. A read past the end, or a length that lies, marks the
 * cursor bad and gives zeros from then on, so that a run of reads may be
 * checked once with sshwire_end.
 */
#ifndef SALLYPORT_LIB_SSHWIRE_H
#define SALLYPORT_LIB_SSHWIRE_H

#include "lib/buf.h"

struct sshwire {
	struct span rest;
	bool bad;
};

struct sshwire sshwire_of(struct span bytes);

uint8_t sshwire_u8(struct sshwire *in);
uint32_t sshwire_u32(struct sshwire *in);
uint64_t sshwire_u64(struct sshwire *in);

/* A string's bytes, where they stand. */
struct span sshwire_string(struct sshwire *in);

/*
 * The magnitude of a positive mpint in its one canonical form: no leading zero
 * but the one that keeps it positive. Zero and negative numbers are bad.
 */
struct span sshwire_mpint(struct sshwire *in);

/* Whether all was read, and nothing was bad. */
bool sshwire_end(const struct sshwire *in);

int sshwire_add_string(struct buf *out, struct span bytes);

/* A magnitude without leading zeros as a positive mpint. */
int sshwire_add_mpint(struct buf *out, struct span magnitude);

#endif
