/* login -method=ssh: a challenge, signed by the ssh-agent. */
#ifndef SALLYPORT_CLIENT_LOGIN_SSH_H
#define SALLYPORT_CLIENT_LOGIN_SSH_H

#include "client/login_methods.h"

/* See struct login_method's log_in. */
int login_ssh(struct cli *cli, const struct login_method *method,
	const char *mount, const struct value *settings, struct err *err);

#endif
