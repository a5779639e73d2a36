/*
 * Names of rows as callers see them: one AES-256 block over path number, row
 * number and 48 random bits, under a key by kind and mount (design.md 5).
 * One-time passwords, secret ids and their accessors print it as 8-4-4-4-12
 * hex; tokens, accessors and lease tails as 22 base62 digits and two check
 * digits.
 */
#ifndef SALLYPORT_STORAGE_ROWID_H
#define SALLYPORT_STORAGE_ROWID_H

#include "lib/err.h"
#include "lib/span.h"
#include "storage/barrier.h"

enum rowid_kind {
	ROWID_LEASE,
	ROWID_OTP,
	ROWID_TOKEN,
	ROWID_ACCESSOR,
	ROWID_SECRET_ID,
	ROWID_SECRET_ACCESSOR,
	ROWID_CERT, /* only rowid_mac, of a serial */
	ROWID_ENROLMENT,
	ROWID_ENROLMENT_ACCESSOR
};

#define ROWID_SALT 6
#define ROWID_TEXT_MAX 37 /* an OTP and its NUL; base62 forms are 24 */
#define ROWID_MAC 32

struct rowref {
	uint32_t path; /* path number: which lease path */
	uint64_t row;  /* row number, below 2^48 */
};

/*
 * The text of a row's name. salt is random for secrets (OTP, token) and the
 * row's stored salt for lease tails and accessors, which can so be printed
 * again. mount is the mount's uuid text.
 */
int rowid_format(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct rowref ref, const uint8_t salt[ROWID_SALT],
	char out[ROWID_TEXT_MAX], struct err *err);

/*
 * Which row a text would name. ERR_ABSENT for anything of the wrong form or
 * with wrong check digits; ERR_CRYPTO says nothing about the text. The caller
 * compares mac or text with the row.
 */
int rowid_parse(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct span text, struct rowref *ret_ref);

/* HMAC-SHA-256 of a secret name, to be stored in place of it. */
void rowid_mac(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct span text, uint8_t out[ROWID_MAC]);

#endif
