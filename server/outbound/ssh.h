/* A whole call to a target over SSH; outbound's own, see outbound.h. */
#ifndef SALLYPORT_SERVER_OUTBOUND_SSH_H
#define SALLYPORT_SERVER_OUTBOUND_SSH_H

#include "server/outbound/halt.h"
#include "server/outbound/outbound.h"

/* As outbound_ssh; the answer lies in arena. */
int ssh_make(const struct outbound_ssh *asked, const struct halt *halt,
	struct arena *arena, struct outbound_ssh_answer *ret_answer,
	struct err *err);

#endif
