/*
 * What a caller gets for a line that went to several devices: settled by the
 * first device that took it, or by the last that did not. Any thread.
 */
#ifndef SALLYPORT_AUDIT_TICKET_H
#define SALLYPORT_AUDIT_TICKET_H

#include "audit/audit.h"

struct ticket;

/*
 * done NULL: somebody will call ticket_wait. The maker holds the ticket as if
 * it were a device, until its own ticket_finish. NULL: no memory.
 */
struct ticket *ticket_new(audit_done_fn *done, void *ctx);

/* One more device will call ticket_finish. */
void ticket_ref(struct ticket *ticket);

/*
 * A device took the line or did not. May call done: no lock may be held. The
 * ticket is not the caller's any more.
 */
void ticket_finish(struct ticket *ticket, bool ok);

/* Wait until settled: 0 or ERR_AUDIT. The caller's part ends with it. */
int ticket_wait(struct ticket *ticket);

#endif
