/* One HTTP request over libcurl; outbound's own, see outbound.h. */
#ifndef SALLYPORT_SERVER_OUTBOUND_HTTPS_H
#define SALLYPORT_SERVER_OUTBOUND_HTTPS_H

#include "server/outbound/halt.h"
#include "server/outbound/outbound.h"

/* Send it, its texts never NULL; the answer's body goes to body, which bounds
 * it by its size_max. */
int https_send(const struct outbound_request *request, const struct halt *halt,
	int *ret_status, struct buf *body, struct err *err);

#endif
