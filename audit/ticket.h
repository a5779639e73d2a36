/*
 * What a caller gets for a line that went to several devices: settled by the
 * first device that took it, or by the last that did not. Any thread.
 */
#ifndef SALLYPORT_AUDIT_TICKET_H
#define SALLYPORT_AUDIT_TICKET_H

#include "audit/audit.h"

/*
 * done NULL: somebody will call ticket_wait or ticket_then. The maker holds the
 * ticket as if it were a device, until its own ticket_finish. NULL: no memory.
 */
struct audit_ticket *ticket_new(audit_done_fn *done, void *ctx);

/* One more device will call ticket_finish. */
void ticket_ref(struct audit_ticket *ticket);

/*
 * A device took the line or did not. May call done: no lock may be held. The
 * ticket is not the caller's any more.
 */
void ticket_finish(struct audit_ticket *ticket, bool ok);

/*
 * Call done once the ticket is settled: at once, or from the thread that
 * settles it. The caller's part ends with it.
 */
void ticket_then(struct audit_ticket *ticket, audit_done_fn *done, void *ctx);

/* Wait until settled: 0 or ERR_AUDIT. The caller's part ends with it. */
int ticket_wait(struct audit_ticket *ticket);

#endif
