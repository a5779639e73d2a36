/*
 * A credential of <mount>/creds/<role> for one user on one address: a one-time
 * password, or a key that was put on the host. It ends with its lease.
 */
#ifndef SALLYPORT_CLIENT_SSH_CREDS_H
#define SALLYPORT_CLIENT_SSH_CREDS_H

#include "client/ssh_call.h"

struct ssh_creds {
	const char *key;  /* the password, or a private key's text */
	const char *port; /* the role's; "" where the user said one */
	const char *lease_id;
};

/* Have it made; the answer is cli->answer. False after words. */
bool ssh_creds_make(struct ssh_call *call);

/*
 * What was made, which must be of this key_type. EXIT_DONE; else a code behind
 * words, and it is revoked.
 */
int ssh_creds_read(struct ssh_call *call, const char *key_type,
	struct ssh_creds *ret_creds);

/* Ask for it with explain, so that none is made; as ssh_mode's ask. */
int ssh_creds_explain(struct ssh_call *call, struct err *err);

#endif
