/* Running ssh: its version, what it thinks of a host, a session with an OTP. */
#ifndef SALLYPORT_CLIENT_SSHRUN_H
#define SALLYPORT_CLIENT_SSHRUN_H

#include <signal.h>

#include "client/agent_server.h"
#include "client/cli.h"

/* Options of ours that become ssh's (spec/cli.md 4.4, step 3). */
struct sshrun {
	const char *executable;
	const char *strict;      /* StrictHostKeyChecking */
	const char *known_hosts; /* UserKnownHostsFile; "" */
	const char *port;        /* the server's; "" where the user said one */
	char **words;            /* the user's own */
	int n_words;
	const char *const *options; /* more of ours, in front of the others */
	size_t n_options;
	struct agent_server *agent; /* served while ssh runs; or NULL */
	sigset_t old_mask;          /* as of child_hold_signals */
};

/* ssh 8.4 and later can be told to use askpass even on a terminal. */
bool sshrun_has_askpass(struct cli *cli, const struct sshrun *run);

/*
 * Whether ssh would stop to ask about the host's key, or refuse it, since
 * no known_hosts file has one. *ret_name: as it would be looked up.
 */
bool sshrun_key_is_unknown(
	struct cli *cli, const struct sshrun *run, const char **ret_name);

/*
 * The session. use_sshpass: sshpass -e types the password; else our own
 * askpass does, where with_askpass. ssh's exit status; words on standard error
 * where it is not 0.
 */
int sshrun_session(struct cli *cli, const struct sshrun *run,
	struct secret_view password, bool with_askpass, bool use_sshpass);

#endif
