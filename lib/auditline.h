/*
 * The end of an audit line: sequence number, hash of the line before it and,
 * on the last line of a synced batch, a signature (docs/audit-format.md).
 * audit/ writes with it, "sallyport audit verify" reads with it.
 *
 *   {…,"seq":7,"link":"<64 hex>"}            or
 *   {…,"seq":7,"link":"<64 hex>","sig":"<base64 of 64 bytes>"}
 *
 * link is SHA-256 over the whole line before (its closing brace included, its
 * newline not); the first line of a device has 64 zeros. sig is Ed25519 over
 * the line's bytes up to and including the closing quote of link.
 */
#ifndef SALLYPORT_LIB_AUDITLINE_H
#define SALLYPORT_LIB_AUDITLINE_H

#include "lib/buf.h"
#include "lib/secret.h"

#define AUDITLINE_HASH 32
#define AUDITLINE_PUBLIC 32
#define AUDITLINE_SECRET 64

struct auditline_head {
	uint64_t seq;                 /* of the last line; 0: none yet */
	uint8_t link[AUDITLINE_HASH]; /* SHA-256 of it; zeros: none yet */
};

/*
 * Append a line to out: body is a whole JSON object "{…}"; its closing brace
 * is replaced by the tail. key NULL: no signature. Ends with a newline. head
 * moves to this line.
 */
int auditline_append(struct buf *out, struct span body,
	struct auditline_head *head, const struct secret *key, struct err *err);

/*
 * What a whole line leaves behind: its number and its own hash, which the next
 * line continues. False where its end is no tail (a torn line).
 */
bool auditline_head_of(struct span line, struct auditline_head *ret_head);

/*
 * Whether a whole line carries a signature, and that of public_key's owner;
 * ret_body is then what stands before its tail, opening brace included.
 */
bool auditline_is_signed_by(struct span line,
	const uint8_t public_key[AUDITLINE_PUBLIC], struct span *ret_body);

/* The same with what the line says of the one before it: number and hash. */
bool auditline_heads_of(struct span line, struct auditline_head *ret_before,
	struct auditline_head *ret_head);

bool auditline_head_equal(
	const struct auditline_head *a, const struct auditline_head *b);

struct auditline_report {
	uint64_t lines, signatures; /* of the chain */
	uint64_t torn_lines; /* not of the chain, told of or at the end */
	uint64_t first_seq, last_seq;
	uint64_t bad_line;  /* 1-based number in the input; 0: none */
	char why[160];      /* what is wrong with bad_line */
	bool signed_to_end; /* the last line is covered by a signature */
};

struct auditline_check;

/* A check of lines in order, over all files of a device. NULL: no memory. */
struct auditline_check *auditline_check_new(
	const uint8_t public_key[AUDITLINE_PUBLIC]);
void auditline_check_free(struct auditline_check **check);

/*
 * Feed one line without its newline. False once the chain is known to be
 * broken. A line that does not continue the chain may be torn: whether that
 * is so shows with the next line of the chain, or at the end.
 */
bool auditline_check_line(struct auditline_check *check, struct span line);

/*
 * The end of a file; torn is what stands behind its last newline. Such a rest
 * is not an error (the service may be writing it), but nothing except a start
 * line may follow it in the next file.
 */
void auditline_check_end(struct auditline_check *check, struct span torn);

/* The last line of the chain: for tail cuts against a known head. */
struct auditline_head auditline_check_head(const struct auditline_check *check);

const struct auditline_report *auditline_check_report(
	const struct auditline_check *check);

#endif
