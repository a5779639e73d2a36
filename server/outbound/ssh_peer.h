/*
 * One connection to an SSH server over libssh: made, logged in, waited on,
 * ended. The other side is taken for hostile: one deadline holds for all that
 * is done with it, and so does one bound on the bytes that it sends.
 */
#ifndef SALLYPORT_SERVER_OUTBOUND_SSH_PEER_H
#define SALLYPORT_SERVER_OUTBOUND_SSH_PEER_H

#include <libssh/callbacks.h>

#include "lib/arena.h"
#include "lib/secret.h"
#include "server/outbound/outbound.h"
#include "server/outbound/tcp.h"

#define SSH_PEER_RECEIVED_MAX ((size_t)16 * 1024 * 1024)

struct ssh_peer {
	struct tcp tcp;
	int64_t deadline_ns;
	const struct halt *halt;
	ssh_session session;
	ssh_event event;
	struct ssh_counter_struct received;
	bool has_begun;            /* event has the session */
	bool has_no_match;         /* no algorithm in common; why names them */
	unsigned long packet_max;  /* least of all; ULONG_MAX: unknown */
	char why[ERR_MESSAGE_MAX]; /* of the last end that was no success */
};

struct ssh_peer_settings {
	const char *host;
	int64_t port;
	const char *source;
	const char *user;
	const char *host_key_algorithms;
	bool legacy_crypto;
	int64_t deadline_ns;
	const struct halt *halt;
};

/*
 * Connect and exchange keys. *ret_end: OUTBOUND_SSH_DONE, _NO_CONNECTION or
 * _NO_AGREEMENT; ssh_peer_close is due in each case. Nothing of the machine is
 * read: no configuration, no known hosts, no keys.
 */
int ssh_peer_open(const struct ssh_peer_settings *settings,
	struct ssh_peer *peer, enum outbound_ssh_end *ret_end, struct err *err);
void ssh_peer_close(struct ssh_peer *peer);

/* "SSH-2.0-…", printable; "" where none came. NULL: no memory. */
const char *ssh_peer_banner(struct ssh_peer *peer, struct arena *arena);

/* The blob of the key that it proved to hold. */
int ssh_peer_host_key(struct ssh_peer *peer, struct arena *arena,
	struct span *ret_blob, struct err *err);

/* By public key alone. DONE, _REFUSED or _NO_CONNECTION; key: OpenSSH text. */
enum outbound_ssh_end ssh_peer_login(struct ssh_peer *peer, const char *key);

/*
 * Make fn until it gives no more SSH_AGAIN, waiting meanwhile; what it gave at
 * last. SSH_AGAIN: the deadline passed, it sent more than the bound, or all
 * calls are to end.
 */
typedef int ssh_peer_fn(void *ctx);
int ssh_peer_until(struct ssh_peer *peer, ssh_peer_fn *fn, void *ctx);

/* Wait for something to happen. False, with why set: deadline, lost, flood,
 * halt. */
bool ssh_peer_wait(struct ssh_peer *peer);

/* The same, with what libssh says in its log alone noted in the peer. */
int ssh_peer_until_noting(struct ssh_peer *peer, ssh_peer_fn *fn, void *ctx);

bool ssh_peer_is_late(const struct ssh_peer *peer);
bool ssh_peer_is_lost(const struct ssh_peer *peer);

/* Note why, made printable. */
void ssh_peer_say(struct ssh_peer *peer, const char *why);

/* Note why, from libssh's words with what the other side may have put there. */
void ssh_peer_set_why(struct ssh_peer *peer, const char *what);

/* Text of the other side in printable ASCII. NULL: no memory. */
const char *ssh_peer_printable(struct arena *arena, const char *text);

#endif
