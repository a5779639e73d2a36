/* Counting who still may take a line, without a lock. */
#include "audit/ticket.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/blocking.h"

/* Whose move it is: known is who comes second, waiter or outcome. */
enum state { OPEN, AWAITED, KNOWN };

struct audit_ticket {
	atomic_uint pending; /* who has not called ticket_finish yet */
	atomic_uint refs;    /* pending ones and a waiter */
	atomic_bool settled;
	_Atomic(enum state) state;
	int rc;
	audit_done_fn *done;
	void *ctx;
};

struct audit_ticket *
ticket_new(audit_done_fn *done, void *ctx)
{
	struct audit_ticket *ticket = calloc(1, sizeof(*ticket));

	if (ticket == NULL)
		return NULL;
	atomic_init(&ticket->pending, 1);
	atomic_init(&ticket->refs, done == NULL ? 2 : 1);
	atomic_init(&ticket->settled, false);
	atomic_init(&ticket->state, done == NULL ? OPEN : AWAITED);
	ticket->done = done;
	ticket->ctx = ctx;
	return ticket;
}

static void
unref(struct audit_ticket *ticket)
{
	if (atomic_fetch_sub(&ticket->refs, 1) == 1)
		free(ticket);
}

void
ticket_ref(struct audit_ticket *ticket)
{
	atomic_fetch_add(&ticket->pending, 1);
	atomic_fetch_add(&ticket->refs, 1);
}

static void
settle(struct audit_ticket *ticket, int rc)
{
	if (atomic_exchange(&ticket->settled, true))
		return;
	ticket->rc = rc;
	if (atomic_exchange(&ticket->state, KNOWN) == AWAITED)
		ticket->done(ticket->ctx, rc);
}

void
ticket_finish(struct audit_ticket *ticket, bool ok)
{
	if (ok)
		settle(ticket, 0);
	if (atomic_fetch_sub(&ticket->pending, 1) == 1)
		settle(ticket, ERR_AUDIT);
	unref(ticket);
}

void
ticket_then(struct audit_ticket *ticket, audit_done_fn *done, void *ctx)
{
	enum state state = OPEN;

	ticket->done = done;
	ticket->ctx = ctx;
	if (!atomic_compare_exchange_strong(&ticket->state, &state, AWAITED))
		done(ctx, ticket->rc);
	unref(ticket);
}

struct sleeper {
	sem_t woken;
	int rc;
};

static void
wake(void *ctx, int rc)
{
	struct sleeper *sleeper = ctx;

	sleeper->rc = rc;
	(void)sem_post(&sleeper->woken);
}

int
ticket_wait(struct audit_ticket *ticket)
{
	struct sleeper sleeper = { .rc = 0 };

	(void)sem_init(&sleeper.woken, 0, 0);
	ticket_then(ticket, wake, &sleeper);
	blocking_begin();
	while (sem_wait(&sleeper.woken) != 0 && errno == EINTR)
		;
	blocking_end();
	(void)sem_destroy(&sleeper.woken);
	return sleeper.rc;
}
