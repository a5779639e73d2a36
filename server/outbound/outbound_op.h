/* Messages to outbound: an op byte, then the fields named beside it. */
#ifndef SALLYPORT_SERVER_OUTBOUND_OUTBOUND_OP_H
#define SALLYPORT_SERVER_OUTBOUND_OUTBOUND_OP_H

enum outbound_op {
	/*
	 * In: URL, method, roots, pin, source, bearer, user, password, JSON,
	 * then numbers: 1 where there is JSON, 1 where http will do, largest
	 * answer, deadline in ms. Texts that are not given are empty. Out:
	 * status number, body.
	 */
	OUTBOUND_HTTPS = 1,

	OUTBOUND_SSH,     /* ssh_message.h, as its answer */
	OUTBOUND_SSH_SCAN /* likewise */
};

/* The first byte of an answer. */
enum outbound_code {
	OUTBOUND_GOOD = 0,
	OUTBOUND_FAILED = 1 /* then numbers: code (negated), status; a text */
};

#endif
