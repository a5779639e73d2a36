/*
 * auth/ssh: log in by signing a challenge with an SSH key (design.md 9). A
 * role names public keys, or CAs and the principals that their certificates
 * must have.
 */
#ifndef SALLYPORT_SERVER_AUTH_SSHKEY_SSHKEY_H
#define SALLYPORT_SERVER_AUTH_SSHKEY_SSHKEY_H

#include "server/api/record_ops.h"
#include "server/auth/token_params.h"

#define SSHKEY_PURPOSE "login" /* of its nonces */

struct sshkey_role {
	/* "name base64", without what stood behind it. */
	struct str_list public_keys, ca_public_keys;
	struct str_list principals;
	struct token_params token;
};

extern const struct record_type sshkey_role_record;

/* Rows of the files beside this one. */
extern const struct op sshkey_role_ops[], sshkey_challenge_ops[],
	sshkey_login_ops[];

#endif
