/* One run of "sallyport ssh", and the modes that it may run in. */
#ifndef SALLYPORT_CLIENT_SSH_CALL_H
#define SALLYPORT_CLIENT_SSH_CALL_H

#include "client/cli.h"
#include "client/sshargs.h"
#include "client/sshrun.h"

struct ssh_options {
	const char *mode, *role, *mount_point;
	bool no_exec, explain, use_sshpass, key_file, keep_lease;
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
	const char *target; /* exec: in the place of a host; or NULL */
	const void *wish;   /* exec: what its ask asks for */
};

/* What ssh is to be run with, by the options and the user's words alone. */
struct sshrun ssh_call_sshrun(const struct ssh_call *call);

/*
 * Make the credential and run ssh with it. ssh's exit status, or one of
 * client/command.h.
 */
int ssh_otp_run(struct ssh_call *call);
int ssh_ca_run(struct ssh_call *call);
int ssh_dynamic_run(struct ssh_call *call);

/* What a server may take longer than for other calls, where a key is put on a
 * host or taken off. */
#define SSH_INSTALL_S 60

/* The ask of its struct ssh_mode. */
int ssh_ca_ask(struct ssh_call *call, struct err *err);

/* A lease is worth nothing from here on. status, or EXIT_SERVER after words. */
int ssh_revoke_lease(struct ssh_call *call, const char *lease_id, int status);

/* What a role can be asked for: the modes of ssh, and exec. */
struct ssh_mode {
	const char *name; /* of -mode */
	const char *verb; /* of the path that is asked: <mount>/<verb>/<role> */
	int (*run)(struct ssh_call *call);
	/*
	 * Ask for it with explain, so that none is made; the answer is
	 * cli->answer. EXIT_DONE; EXIT_SERVER where err says why not;
	 * EXIT_USAGE after words.
	 */
	int (*ask)(struct ssh_call *call, struct err *err);
	/* "Allowed: alice@web1 …", "Refused: alice@web1 …" */
	const char *allowed, *refused;
};
/* -mode by its name, in any case; NULL: none of ours. */
const struct ssh_mode *ssh_mode_find(const char *name);

/*
 * The roles that are good for call->ip: a list, or NULL where there are none.
 * False: err says why nobody knows.
 */
bool ssh_lookup(
	struct ssh_call *call, const struct value **ret_roles, struct err *err);

/*
 * The one role that is good for call->ip, into call->role. EXIT_USAGE after
 * words where there is none, or more.
 */
int ssh_find_role(struct ssh_call *call);

/* "a, b" of a list of names, in the arena. */
const char *ssh_join_names(struct ssh_call *call, const struct value *list);

/* Read call->role; false: err. Its fields are in cli->answer. */
bool ssh_read_role(struct ssh_call *call, struct err *err);

/*
 * -explain: say which rules hold. EXIT_DONE where all do. mode NULL: it is
 * looked for, as -mode or by the role's type.
 */
int ssh_explain(struct ssh_call *call, const struct ssh_mode *mode);

#endif
