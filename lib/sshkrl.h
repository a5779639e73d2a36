/*
 * Key revocation lists of OpenSSH (PROTOCOL.krl), as sshd's RevokedKeys and
 * ssh-keygen -Q read them: written in one pass, and asked.
 */
#ifndef SALLYPORT_LIB_SSHKRL_H
#define SALLYPORT_LIB_SSHKRL_H

#include "lib/sshcert.h"

#define SSHKRL_SHA256_LEN 32
#define SSHKRL_CLUSTER_BITS 65536

/*
 * Writes into a buffer of the caller's. What is wrong on the way is kept, and
 * told by sshkrl_end. Its members are its own.
 */
struct sshkrl_writer {
	struct buf *out;
	int rc;
	uint8_t section, subsection; /* types of those open; 0: none */
	size_t section_at, subsection_at;
	struct span ca; /* of the section to come */
	bool has_ca;
	uint64_t run_lo, run_hi; /* serials in a row, not yet out; 0: none */
	uint64_t lo, hi;         /* of the cluster, runs close together */
	uint64_t n;              /* serials in the cluster */
	uint8_t bits[SSHKRL_CLUSTER_BITS / 8];
};

/* The version must not fall from one list to the next. */
void sshkrl_begin(struct sshkrl_writer *writer, struct buf *out,
	uint64_t version, uint64_t date_s, const char *comment);

/*
 * Serials and key ids from here on are those of this CA's certificates. ca is
 * a key's blob, which must last until the next call of this, and SPAN_NONE any
 * CA's. A CA that gets none leaves no trace.
 */
void sshkrl_begin_ca(struct sshkrl_writer *writer, struct span ca);

/*
 * Serials never fall within a CA, and come before its key ids. 0 cannot be
 * revoked. They become a list, ranges or bitmaps, whichever is shortest.
 */
void sshkrl_add_serial(struct sshkrl_writer *writer, uint64_t serial);
void sshkrl_add_key_id(struct sshkrl_writer *writer, struct span key_id);

/*
 * A key, wherever it appears: itself, in a certificate, or as a CA. By its
 * blob, or by the SHA-256 of it; put those of one sort together.
 */
void sshkrl_add_key(struct sshkrl_writer *writer, struct span blob);
void sshkrl_add_hash(
	struct sshkrl_writer *writer, const uint8_t sha256[SSHKRL_SHA256_LEN]);

/*
 * The list is whole. ERR_INPUT where a serial was 0 or out of order, a key id
 * held a NUL, a key was none; ERR_MEMORY, ERR_LIMIT of the buffer.
 */
int sshkrl_end(struct sshkrl_writer *writer);

/* A list that was read; it lies in the bytes given. */
struct sshkrl {
	uint64_t version, date_s;
	struct span comment;
	struct span sections;
};

/* Every byte is looked at. ERR_INPUT: not one that sshd would take. */
int sshkrl_parse(struct span bytes, struct sshkrl *ret_krl);

/*
 * Whether it revokes a key or a certificate (a blob), as ssh-keygen -Q says:
 * the key, the certificate, or the key of its CA. One pass over the list.
 * ERR_INPUT: the blob is neither.
 */
int sshkrl_check(
	const struct sshkrl *krl, struct span blob, bool *ret_is_revoked);

#endif
