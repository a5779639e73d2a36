/*
 * What an SSH server sends first: lines, its version (RFC 4253 4.2), and the
 * names of the algorithms that it takes (7.1), before anything is encrypted.
 */
#ifndef SALLYPORT_SERVER_OUTBOUND_SSH_HELLO_H
#define SALLYPORT_SERVER_OUTBOUND_SSH_HELLO_H

#include "lib/err.h"
#include "lib/span.h"

#define SSH_HELLO_MAX ((size_t)64 * 1024)

/* In the order of the packet. */
enum ssh_hello_list {
	SSH_HELLO_KEX,
	SSH_HELLO_HOST_KEY_TYPES,
	SSH_HELLO_CIPHERS_TO_SERVER,
	SSH_HELLO_CIPHERS,
	SSH_HELLO_MACS_TO_SERVER,
	SSH_HELLO_MACS,
	SSH_HELLO_COMPRESSION_TO_SERVER,
	SSH_HELLO_COMPRESSION,
	SSH_HELLO_LANGUAGES_TO_SERVER,
	SSH_HELLO_LANGUAGES,
	SSH_HELLO_LISTS
};

struct ssh_hello {
	struct span banner; /* "SSH-2.0-…", printable */
	struct span lists[SSH_HELLO_LISTS];
};

/*
 * The spans lie in bytes. ERR_ABSENT: more must come; ERR_PEER: this is no
 * SSH 2 server.
 */
int ssh_hello_parse(struct span bytes, struct ssh_hello *ret_hello);

#endif
