/* Asking an ssh mount to sign a public key for a user. */
#ifndef SALLYPORT_CLIENT_SIGN_KEY_H
#define SALLYPORT_CLIENT_SIGN_KEY_H

#include "client/cli.h"

struct sign_wish {
	const char *mount, *role;
	const char *principals;  /* comma list; "": the role's default user */
	const char *public_line; /* the key */
	const char *path;        /* where it was read, for errors; or NULL */
	bool explain;            /* ask what the rules say, and for no more */
};

/* The call alone; its answer is cli->answer. False: err says why not. */
bool sign_key_ask(
	struct cli *cli, const struct sign_wish *wish, struct err *err);

/*
 * The certificate's line in the arena; the whole answer is cli->answer. The
 * role's own extensions apply: none are asked for. EXIT_DONE, or EXIT_SERVER
 * after words on standard error.
 */
int sign_key(struct cli *cli, const struct sign_wish *wish,
	const char **ret_signed_key);

#endif
