/*
 * How the one-time password reaches ssh's prompt: ssh starts us as its askpass
 * program, which asks the waiting process over a one-shot Unix socket. The
 * password is in no argument, environment or file (design.md 10).
 */
#ifndef SALLYPORT_CLIENT_ASKPASS_H
#define SALLYPORT_CLIENT_ASKPASS_H

#include "client/private_dir.h"
#include "lib/secret.h"

/* Names the socket to our other self; set for ssh alone. */
#define ASKPASS_VARIABLE "SALLYPORT_ASKPASS_SOCKET"
/* The process that became ssh. */
#define ASKPASS_SESSION "SALLYPORT_ASKPASS_SESSION"

struct askpass {
	int fd; /* listening; -1: closed */
	struct private_dir dir;
	char path[PRIVATE_PATH_MAX]; /* of the socket in it */
};

/* Make the directory and listen. */
int askpass_open(struct askpass *askpass, struct err *err);

/*
 * Serve one connection that is waiting: a prompt with "assword" from our own
 * user gets the password, and no other connection ever does. True: it was
 * given; the socket is closed then.
 */
bool askpass_serve(struct askpass *askpass, struct secret_view password);

/* Close and remove what is left. */
void askpass_close(struct askpass *askpass);

/* Our other self: ask with ssh's prompt, print the answer. Exit status. */
int askpass_main(const char *prompt);

#endif
