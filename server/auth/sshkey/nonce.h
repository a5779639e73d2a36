/*
 * What a caller signs to log in: made without a write, so that asking for one
 * costs nothing that lasts; good for a minute, for one key, for one mount. Its
 * use makes a row, which a second use finds taken.
 */
#ifndef SALLYPORT_SERVER_AUTH_SSHKEY_NONCE_H
#define SALLYPORT_SERVER_AUTH_SSHKEY_NONCE_H

#include "server/api/req.h"

#define NONCE_S 60
#define NONCE_TEXT_MAX 128

struct nonce {
	struct lease lease; /* of the row that its use makes */
	int64_t end_s;      /* absolute */
};

/* A new nonce for the key (or certificate) of this blob. */
int nonce_make(struct req *req, struct span key_blob, char out[NONCE_TEXT_MAX],
	struct err *err);

/*
 * Whether text is one that nonce_make gave for this key at this mount, since
 * the store was last restored. ERR_ABSENT, err untouched, where not.
 */
int nonce_check(struct req *req, struct span text, struct span key_blob,
	struct nonce *ret_nonce, struct err *err);

/*
 * Use it, in a login's closure: ERR_ABSENT, err untouched, where its time is
 * over or it was used before.
 */
int nonce_use(struct store_tx *tx, struct nonce *nonce, struct err *err);

#endif
