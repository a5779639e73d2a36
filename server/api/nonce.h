/*
 * What a caller signs to show that it has a key: made without a write, so that
 * asking for one costs nothing that lasts; good for a minute, for one subject
 * (a key, a host), for one mount. Its use makes a row, which a second use finds
 * taken.
 */
#ifndef SALLYPORT_SERVER_API_NONCE_H
#define SALLYPORT_SERVER_API_NONCE_H

#include "server/api/reply.h"

#define NONCE_S 60
#define NONCE_TEXT_MAX 128

struct nonce {
	struct lease lease; /* of the row that its use makes */
	int64_t end_s;      /* absolute */
};

/*
 * "sallyport-<purpose>@<cluster id>", under which a nonce of req's mount is
 * signed, and what is signed: the nonce with the mount's accessor behind it.
 * In the request's arena; NULL: no memory.
 */
const char *nonce_namespace(struct req *req, const char *purpose);
const char *nonce_message(struct req *req, const char *nonce);

/* Answer with a new nonce for subject, and how it is to be signed. */
int nonce_reply(struct req *req, struct span subject, const char *purpose,
	struct reply *reply, struct err *err);

/*
 * Whether text is one that nonce_reply gave for this subject at this mount,
 * since the store was last restored. ERR_ABSENT, err untouched, where not.
 */
int nonce_check(struct req *req, struct span text, struct span subject,
	struct nonce *ret_nonce, struct err *err);

/*
 * Use it, in a closure: ERR_ABSENT, err untouched, where its time is over or it
 * was used before.
 */
int nonce_use(struct store_tx *tx, struct nonce *nonce, struct err *err);

#endif
