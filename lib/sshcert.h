/*
 * OpenSSH user and host certificates (PROTOCOL.certkeys): parsed whole and
 * strictly; the CA's signature is checked apart. What a certificate may be used
 * for is decided by who asks.
 */
#ifndef SALLYPORT_LIB_SSHCERT_H
#define SALLYPORT_LIB_SSHCERT_H

#include "lib/sshkey.h"

enum sshcert_type { SSHCERT_USER = 1, SSHCERT_HOST = 2 };

#define SSHCERT_PRINCIPALS_MAX 256
#define SSHCERT_BLOB_MAX 131072 /* as many of the longest, keys and options */

/* Spans lie in the bytes that it was read from. */
struct sshcert {
	struct span nonce;
	struct sshkey key; /* that it vouches for */
	uint64_t serial;
	size_t serial_at; /* where its eight bytes stand */
	enum sshcert_type type;
	struct span key_id;
	struct span principals;     /* strings, one behind the other */
	uint64_t after_s, before_s; /* valid from after_s until before_s */
	struct span critical, extensions; /* pairs, sorted by name */
	struct span ca;                   /* blob of the CA's key */
	struct span signed_bytes, signature;
};

/* Whether a blob begins as a certificate of a kind that we know does. */
bool sshcert_is(struct span blob);

/*
 * The parts of a whole blob. Options stand in order and once each, a value in
 * one holds something; the CA's key is no certificate. ERR_INPUT.
 */
int sshcert_parse(struct span blob, struct sshcert *ret_cert);

/* Whether the key that it vouches for is the one of this blob. */
bool sshcert_is_of(const struct sshcert *cert, struct span key);

/* The CA's signature over it. ERR_CRYPTO where it is not good. */
int sshcert_verify(const struct sshcert *cert);

/* Walk the principals: true while one was found. */
bool sshcert_next_principal(struct span *rest, struct span *ret_principal);

/*
 * Walk critical options or extensions: the name, and the text in it ("" for a
 * flag). A value that is no string, or has more behind it, was refused when it
 * was parsed.
 */
bool sshcert_next_option(
	struct span *rest, struct span *ret_name, struct span *ret_value);

struct sshcert_option {
	struct span name, value; /* "" for a flag */
};

/* What goes into a certificate made here. */
struct sshcert_parts {
	struct span nonce; /* 32 random bytes */
	struct span key;   /* blob of the subject's key; no certificate */
	uint64_t serial;
	enum sshcert_type type;
	struct span key_id;
	const struct span *principals;
	size_t n_principals;
	uint64_t after_s, before_s;
	const struct sshcert_option *critical, *extensions; /* in any order */
	size_t n_critical, n_extensions;
	struct span ca; /* blob of the CA's key; no certificate */
};

/*
 * Whether a name may stand in a certificate made here (spec/README.md). Users:
 * printable ASCII without blank, comma, quotes, backslash and wildcards.
 * Hosts: letters, digits and "-._:%", behind a "*." perhaps: whether that may
 * be, and whether it is a name or an address, its role knows.
 */
bool sshcert_is_principal(enum sshcert_type type, struct span name);

/*
 * Append all that the CA signs, from the type's name to the CA's key; options
 * sorted by name. ERR_INPUT for a name twice, too many principals or one that
 * is none, a NUL in a text, a key that cannot be; ERR_MEMORY, ERR_LIMIT.
 * Nothing is appended then.
 */
int sshcert_build(const struct sshcert_parts *parts, struct buf *out);

/*
 * Append options alone, as they stand in a certificate: sorted pairs, for
 * sshcert_next_option. Failures as of sshcert_build.
 */
int sshcert_build_options(
	const struct sshcert_option *options, size_t n, struct buf *out);

/* Whether these bytes are options as they stand in a certificate. */
bool sshcert_are_options(struct span list);

/* Append the CA's signature blob: the certificate is whole then. */
int sshcert_add_signature(struct buf *out, struct span signature);

/* As sshcert_parse, of what sshcert_build made: no signature is there yet. */
int sshcert_parse_unsigned(struct span bytes, struct sshcert *ret_cert);

#endif
