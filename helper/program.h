/* A program that is run for what it prints: sshd, ssh-keyscan, systemctl. */
#ifndef SALLYPORT_HELPER_PROGRAM_H
#define SALLYPORT_HELPER_PROGRAM_H

#include "lib/buf.h"

/*
 * Run words, NULL behind the last, to its end: by the PATH that main sets,
 * with nothing on its standard input. Both of its outputs go to out, and
 * what is past its size is dropped. *ret_status: its exit status; 128 and the
 * signal's number where one ended it. ERR_SYSTEM: it could not be started;
 * ERR_TIMEOUT: it was ended after timeout_ms.
 */
int program_run(const char *const *words, int64_t timeout_ms, struct buf *out,
	int *ret_status, struct err *err);

/* ERR_INPUT: what, and what a program printed, on one line and cut. */
int program_complain(struct err *err, const char *what, struct buf *out);

#endif
