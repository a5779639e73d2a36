/*
 * A file written by SFTP version 3 (draft-ietf-secsh-filexfer-02): what to send
 * and what the answers mean, as bytes; ssh_step.c carries them. One request at
 * a time. What is there under that name is replaced; a new file has mode 0600.
 */
#ifndef SALLYPORT_SERVER_OUTBOUND_SFTP_PUT_H
#define SALLYPORT_SERVER_OUTBOUND_SFTP_PUT_H

#include "lib/buf.h"

#define SFTP_PUT_HANDLE_MAX 256
#define SFTP_PUT_WHY_MAX 256

enum sftp_put_state {
	SFTP_PUT_BUSY,
	SFTP_PUT_DONE,
	SFTP_PUT_FAILED /* why says it */
};

struct sftp_put {
	struct span path, content; /* content: what is not sent yet */
	enum sftp_put_state state;
	int awaited;                /* the answer that is due; sftp_put.c */
	uint32_t id;                /* of the last request */
	uint64_t offset;            /* in the file */
	struct buf handle;          /* the server's name of the open file */
	struct buf partial;         /* an answer, as far as it came */
	struct buf request;         /* to be sent whole before the next take */
	char why[SFTP_PUT_WHY_MAX]; /* as it came: not always printable */
};

/* Begin; request is the first one. path and content stay the caller's. */
void sftp_put_init(struct sftp_put *put, const char *path, struct span content);
void sftp_put_clear(struct sftp_put *put);

/*
 * Bytes that came. True: an answer was whole, and state, and request while
 * busy, are new. A server that speaks out of turn has failed.
 */
bool sftp_put_take(struct sftp_put *put, struct span bytes);

#endif
