/*
 * Whether a key or key id may be revoked, at the price of one cached record: a
 * Bloom filter of the names of a mount's revoked/ records. It may say so of one
 * that is not, never the other way round; who is told so looks at the record.
 * One that is taken off the list leaves its mark.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_REVOKED_MARKS_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_REVOKED_MARKS_H

#include "server/api/req.h"

/*
 * Mark the record of this name (ssh_revoked_id), in the transaction that makes
 * it.
 */
int ssh_revoked_mark(
	struct store_tx *tx, struct req *req, const char *id, struct err *err);

/* The mount's marks, held by *ret_ref; NULL where there are none. */
int ssh_revoked_marks_find(struct req *req, struct compiled **ret_ref,
	const char **ret_marks, struct err *err);

bool ssh_revoked_marks_have(const char *marks, const char *id);

#endif
