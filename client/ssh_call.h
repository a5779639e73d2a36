/* One run of "sallyport ssh", and the modes that it may run in. */
#ifndef SALLYPORT_CLIENT_SSH_CALL_H
#define SALLYPORT_CLIENT_SSH_CALL_H

#include "client/cli.h"
#include "client/sshargs.h"
#include "client/sshrun.h"

struct ssh_options {
	const char *mode, *role, *mount_point;
	bool no_exec, use_sshpass;
	const char *strict, *known_hosts, *executable;
	const char *public_key_path, *private_key_path;
	const char *host_key_mount_point, *host_key_hostnames;
	const char *valid_principals;
};

struct ssh_call {
	struct cli *cli;
	struct ssh_options *options;
	struct sshargs args;
	char ip[NETADDR_TEXT_MAX];
	const char *mount; /* without slashes */
	const char *role;
};

/* What ssh is to be run with, by the options and the user's words alone. */
struct sshrun ssh_call_sshrun(const struct ssh_call *call);

/*
 * Make the credential and run ssh with it. ssh's exit status, or one of
 * client/command.h.
 */
int ssh_otp_run(struct ssh_call *call);
int ssh_ca_run(struct ssh_call *call);

#endif
