/* A login begun at this host's sshd, as a client that trusts our CA. */
#ifndef SALLYPORT_HELPER_SSHD_LOGIN_H
#define SALLYPORT_HELPER_SSHD_LOGIN_H

#include "helper/sshd.h"

/*
 * Let ssh, which knows nothing but the CA of cert (a host certificate's blob),
 * log in as far as anybody comes who has no credential: the certificate must
 * satisfy it (name, time, signature), and sshd must go on to name the ways to
 * log in. known_hosts: a path where a file may lie meanwhile. ERR_INPUT
 * with ssh's own words where it does not come to that.
 */
int sshd_try_login(const struct sshd_view *view, struct span cert,
	const char *known_hosts, struct arena *arena, struct err *err);

#endif
