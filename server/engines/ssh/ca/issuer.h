/*
 * Issuers: the CA keys of a mount, by id and name, one of them the default
 * (spec/ssh-engine.md 10). Public halves in clear, private ones as the keeper
 * sealed them. How they change: issuer_change.h.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_ISSUER_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_ISSUER_H

#include "server/api/reply.h"
#include "server/api/req.h"
#include "server/engines/ssh/ca/issuer_limits.h"

#define SSH_ISSUER_DEFAULT "default" /* as a reference, in any case */
#define SSH_ISSUER_KEPT_S (30 * INT64_C(86400)) /* deleted ones, at least */

struct ssh_issuer {
	const char *id;         /* UUID text */
	const char *name;       /* "" where it has none */
	const char *public_key; /* as callers see it, with its newline */
	struct span public_blob;
	struct span sealed;              /* for keeper_ca_sign */
	struct ssh_issuer_limits limits; /* as they are sealed in it */
	int64_t created_s;
	/* No longer the default, and in public_key until then; 0: not there. */
	int64_t retire_after_s;
	bool announced;    /* in public_key before it is the default */
	int64_t deleted_s; /* 0: it is not */
};

/* The default and who stands in public_key behind it. */
struct ssh_issuers {
	const char *default_id; /* "": none */
	struct str_list listed; /* ids */
};

/*
 * The issuer of a reference: "default" in any case, an id, or a name; in the
 * request's arena. ERR_INPUT (400): "no default issuer currently configured",
 * "unable to find issuer for reference: x".
 */
int ssh_issuer_find(struct req *req, const char *ref,
	struct ssh_issuer *ret_issuer, struct err *err);

/* The same inside a transaction. */
int ssh_issuer_find_tx(struct store_tx *tx, struct req *req, const char *ref,
	struct ssh_issuer *ret_issuer, struct err *err);

/* One that was deleted and is still kept. ERR_ABSENT (404, empty message). */
int ssh_issuer_find_deleted(struct store_tx *tx, struct req *req,
	const char *id, struct ssh_issuer *ret_issuer, struct err *err);

/* As ssh_issuer_find, and by its id one that was deleted and is kept. */
int ssh_issuer_find_kept(struct req *req, const char *ref,
	struct ssh_issuer *ret_issuer, struct err *err);

/* Whether an issuer of the mount (no deleted one) has this key. */
int ssh_issuer_has_key(struct req *req, struct span public_blob, bool *ret_has,
	struct err *err);

/*
 * The id of the issuer whose key has this fingerprint, in the request's arena;
 * "" where the mount has none (now: a deleted one is not looked for).
 */
int ssh_issuer_id_of(struct req *req, const char *fingerprint,
	const char **ret_id, struct err *err);

/* Where no default was ever set: "" and an empty list. */
int ssh_issuers_get(struct store_tx *tx, struct req *req,
	struct ssh_issuers *ret_issuers, struct err *err);

/* An issuer as its record. NULL: no memory. */
struct value *ssh_issuer_encode(
	struct req *req, const struct ssh_issuer *issuer);
struct value *ssh_issuers_encode(
	struct req *req, const struct ssh_issuers *issuers);

/* What an answer says of it: id, name, public half and limits. */
void ssh_issuer_show(struct reply *reply, const struct ssh_issuer *issuer);

/* Whether it stands in public_key at now_s though it is not the default. */
bool ssh_issuer_is_listed(const struct ssh_issuer *issuer, int64_t now_s);

/*
 * The names of records, below the mount's space; NULL: no memory. An issuer's
 * name and its key each lead to its id.
 */
#define SSH_ISSUERS_RECORD "config/issuers"
#define SSH_ISSUER_PREFIX "config/issuer/"
#define SSH_ISSUER_DELETED_PREFIX "config/issuer-deleted/"
#define SSH_ISSUER_GONE_PREFIX "config/issuer-gone/" /* its blob alone */
const char *ssh_issuer_name_record(struct req *req, const char *name);
const char *ssh_issuer_key_record(struct req *req, struct span public_blob);

#endif
