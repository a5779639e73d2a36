/*
 * What changes the issuers of a mount, each as one transaction function: names
 * and keys are unique, one issuer is the default, and a former default stays
 * in public_key for a while. Nothing is lost at once: what is deleted is kept
 * sealed for 30 days (spec/gaps.md G-17).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_ISSUER_CHANGE_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_ISSUER_CHANGE_H

#include "server/engines/ssh/ca/issuer.h"

/* Where a new issuer goes. */
enum ssh_issuer_place {
	SSH_ISSUER_ASIDE,     /* unless there is no default: then there */
	SSH_ISSUER_ANNOUNCED, /* the same, and in public_key already */
	SSH_ISSUER_AS_DEFAULT,
	SSH_ISSUER_AS_FIRST /* the default, where there is none yet */
};

struct ssh_issuer_add {
	struct req *req;
	const struct ssh_issuer *issuer; /* its id was drawn before */
	enum ssh_issuer_place place;
	bool rotates;         /* there must be a default */
	int64_t retire_for_s; /* how long the former default is listed */

	/* Set by the function. */
	struct ssh_issuer added; /* it, or the one that had its key already */
	bool existed;
	const char *previous_id; /* the default before; "" where none */
	int64_t retire_after_s;  /* of the former default; 0: it stays */
};

/*
 * Add an issuer. ERR_INPUT (400): "keys are already configured; delete them
 * before reconfiguring", "no default issuer currently configured", "issuer
 * name already in use".
 */
int ssh_issuer_add(struct store_tx *tx, void *ctx, struct err *err);

/* What place and rotates ask of the default, as above. */
int ssh_issuer_check_default(const struct ssh_issuers *issuers,
	enum ssh_issuer_place place, bool rotates, struct err *err);

/* May an issuer have this name? Blanks around it are cut. ERR_INPUT (400). */
int ssh_issuer_check_name(struct req *req, const char **name, struct err *err);

/* A field of bodies: how long a former default stays listed. */
#define SSH_ISSUER_RETIRE_FIELD(record, member)                                \
	FIELD_AS(DURATION, record, member, "retire_after", .initial = "168h",  \
		.doc = "How long public_key goes on to list the former default.")

/* The time of that field in seconds: 0 counts as left out. */
int64_t ssh_issuer_retire_for_s(int64_t retire_after_s);

struct ssh_issuer_change {
	struct req *req;
	const char *ref;
	const char *name;     /* the new one; "": none; NULL: as it is */
	int64_t retire_for_s; /* how long the former default is listed */
	/* What is sealed now and what shall be, with its limits; or NULL. */
	const struct ssh_issuer *from, *to;

	/* Set by the functions. */
	struct ssh_issuer
		issuer; /* which it was, as it is now; id NULL: none */
	const char *previous_id, *previous_name;
	bool was_default;
	struct ssh_issuer *deleted; /* by ssh_issuer_delete_all */
	size_t n_deleted;
};

/* Name and sealed key. ERR_BUSY (503) where `from` is sealed no more. */
int ssh_issuer_update(struct store_tx *tx, void *ctx, struct err *err);
int ssh_issuer_set_default(struct store_tx *tx, void *ctx, struct err *err);

/* Delete one (an unknown one is fine), or all of the mount's. */
int ssh_issuer_delete(struct store_tx *tx, void *ctx, struct err *err);
int ssh_issuer_delete_all(struct store_tx *tx, void *ctx, struct err *err);

/*
 * Of one that is deleted: bring it back, as the default where there is none, or
 * destroy it for good (an unknown one is fine). ref is its id.
 */
int ssh_issuer_restore(struct store_tx *tx, void *ctx, struct err *err);
int ssh_issuer_destroy(struct store_tx *tx, void *ctx, struct err *err);

#endif
