/*
 * A program that we start and wait for, and what it needs from us meanwhile: a
 * password prompt's answer, an agent's signatures. A signal to us is a signal
 * to it, so that we are the last to end, and clean up.
 */
#ifndef SALLYPORT_CLIENT_CHILD_H
#define SALLYPORT_CLIENT_CHILD_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define CHILD_NOT_STARTED 127
#define CHILD_SERVICES_MAX 3
#define CHILD_POLLS_MAX 16 /* of all its services together */

/* Something that is served while the child runs. */
struct child_service {
	/* What to wait for, into fds; how many. */
	size_t (*polls)(const void *ctx, struct pollfd *fds);
	void (*serve)(void *ctx, const struct pollfd *fds, size_t n);
	void *ctx;
};

struct child {
	char *const *words; /* its arguments; NULL: none, a signal ends us */
	/* In the new process, before the program runs; or NULL. */
	void (*prepare)(const void *ctx);
	const void *ctx;
	const struct child_service *services;
	size_t n_services;
	sigset_t old_mask; /* set by child_hold_signals; it starts with this */
};

/* Those that end a run, but for what nohup and the like have us ignore. */
void child_end_signals(sigset_t *ret_mask);

/*
 * From here on a signal waits for the child: whoever has made something for it
 * must live to take it back.
 */
void child_hold_signals(sigset_t *ret_old_mask);

/*
 * Run it to its end. *ret_status: its exit status, 128 and the signal's number
 * where one ended it. False where it never ran; *ret_status is an errno then.
 */
bool child_run(const struct child *child, int *ret_status);

#endif
