/*
 * A certificate for a host, at its enrolment and at each renewal: everything
 * that is made before the closure, what the closure stores, and the answer.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_HOSTS_HOST_CERT_H
#define SALLYPORT_SERVER_ENGINES_SSH_HOSTS_HOST_CERT_H

#include "server/engines/ssh/ca/register.h"
#include "server/engines/ssh/hosts/host.h"

#define HOST_KEY_MAX 32768 /* of a public key's text */

struct host_cert {
	struct req *req;

	/* of the caller */
	const char *host, *role;
	struct str_list principals;
	const char *public_key; /* as sent */

	/* made by host_cert_make */
	struct cert_issued issued;
	struct ssh_cert row;
	const char *key_line, *secret, *secret_mac;
	struct span trusted_keys;
	int64_t krl_version, now_s;
};

/*
 * What role would sign for principals, as it is now and whoever asks. ERR_INPUT
 * (400).
 */
int host_cert_check(struct req *req, const char *host, const char *role,
	const struct str_list *principals, struct err *err);

/* Sign, and draw what is new. Nothing of it may leave yet. ERR_INPUT (400). */
int host_cert_make(struct host_cert *cert, struct err *err);

/*
 * In the closure: register it and make it the host's current one. ERR_LIMIT
 * (400) where too many are live.
 */
int host_cert_store(struct store_tx *tx, struct host_cert *cert,
	struct ssh_host *host, struct err *err);

/* The answer, once that is durable. */
void host_cert_reply(struct reply *reply, const struct host_cert *cert);

/* What host_cert_reply shows, for rows of operations. */
extern const struct op_out host_cert_out[];

#endif
