/* What a server offers, without a login; outbound's own, see outbound.h. */
#ifndef SALLYPORT_SERVER_OUTBOUND_SSH_SCAN_H
#define SALLYPORT_SERVER_OUTBOUND_SSH_SCAN_H

#include "server/outbound/halt.h"
#include "server/outbound/ssh_message.h"

/* As outbound_ssh_scan. */
int ssh_scan(const struct outbound_scan *asked, const struct halt *halt,
	struct arena *arena, struct outbound_ssh_offer *ret_offer,
	struct err *err);

#endif
