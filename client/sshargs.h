/* What the words meant for ssh say: user, host, port (spec/cli.md 4.2). */
#ifndef SALLYPORT_CLIENT_SSHARGS_H
#define SALLYPORT_CLIENT_SSHARGS_H

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/netaddr.h"

struct sshargs {
	const char *user; /* "" where nobody said */
	const char *host; /* a name or literal, without brackets */
	const char *port; /* "" where nobody said */
	char **words;     /* for ssh: as typed, but for a bracketed host */
	int n_words;
};

/*
 * Read the words from the first on, as ssh's own getopt would: glued and
 * separate values, option names in any case, user@[fe80::1%eth0]:2222.
 * ERR_INPUT where no host is among them, and where user or host would be an
 * option to ssh or mean something to a shell.
 */
int sshargs_parse(struct arena *arena, int argc, char **argv,
	struct sshargs *ret_args, struct err *err);

/* The one address that a host name or literal stands for; zones dropped. */
int sshargs_resolve(
	const char *host, char ret_ip[NETADDR_TEXT_MAX], struct err *err);

#endif
