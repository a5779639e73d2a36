/*
 * Whether a role lets in who signed. Pure but for the arena: no
 * store, no clock. A refusal's reason is for the log, never for the caller.
 */
#ifndef SALLYPORT_SERVER_AUTH_SSHKEY_PROOF_H
#define SALLYPORT_SERVER_AUTH_SSHKEY_PROOF_H

#include "server/api/key_proof.h"
#include "server/auth/sshkey/sshkey.h"

/* Where and when it is tried. */
struct proof_place {
	const struct netaddr *peer;
	int64_t now_s;
};

/* What a role lets in. */
struct proof_grant {
	const char
		*principal; /* of a certificate that let it in; NULL: a key */
	const char *ca;     /* fingerprint of its CA, or NULL */
	struct str_list addresses; /* that the certificate is bound to */
	int64_t left_s;            /* of its life; 0: no end */
};

/*
 * Whether role lets the signer in from here, now. NULL: yes; else why not, for
 * the log. Memory that runs out is a no.
 */
const char *proof_refused(const struct key_proof *proof,
	const struct sshkey_role *role, const struct proof_place *place,
	struct arena *arena, struct proof_grant *ret_grant);

/*
 * Blocks that lie in both lists, an empty one being all addresses. False: no
 * memory, or no address is in both.
 */
bool proof_narrow(struct arena *arena, const struct str_list *a,
	const struct str_list *b, struct str_list *ret_both);

#endif
