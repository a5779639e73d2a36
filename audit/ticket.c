/* Counting who still may take a line, without a lock. */
#include "audit/ticket.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

struct ticket {
	atomic_uint pending; /* who has not called ticket_finish yet */
	atomic_uint refs;    /* pending ones and a waiter */
	atomic_bool settled;
	int rc;
	sem_t woken; /* posted once rc stands, where done is NULL */
	audit_done_fn *done;
	void *ctx;
};

struct ticket *
ticket_new(audit_done_fn *done, void *ctx)
{
	struct ticket *ticket = calloc(1, sizeof(*ticket));

	if (ticket == NULL)
		return NULL;
	atomic_init(&ticket->pending, 1);
	atomic_init(&ticket->refs, done == NULL ? 2 : 1);
	atomic_init(&ticket->settled, false);
	(void)sem_init(&ticket->woken, 0, 0);
	ticket->done = done;
	ticket->ctx = ctx;
	return ticket;
}

static void
unref(struct ticket *ticket)
{
	if (atomic_fetch_sub(&ticket->refs, 1) != 1)
		return;
	(void)sem_destroy(&ticket->woken);
	free(ticket);
}

void
ticket_ref(struct ticket *ticket)
{
	atomic_fetch_add(&ticket->pending, 1);
	atomic_fetch_add(&ticket->refs, 1);
}

static void
settle(struct ticket *ticket, int rc)
{
	if (atomic_exchange(&ticket->settled, true))
		return;
	ticket->rc = rc;
	if (ticket->done != NULL)
		ticket->done(ticket->ctx, rc);
	else
		(void)sem_post(&ticket->woken);
}

void
ticket_finish(struct ticket *ticket, bool ok)
{
	if (ok)
		settle(ticket, 0);
	if (atomic_fetch_sub(&ticket->pending, 1) == 1)
		settle(ticket, ERR_AUDIT);
	unref(ticket);
}

int
ticket_wait(struct ticket *ticket)
{
	int rc;

	while (sem_wait(&ticket->woken) != 0 && errno == EINTR)
		;
	rc = ticket->rc;
	unref(ticket);
	return rc;
}
