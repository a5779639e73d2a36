/* The warning that a lifetime was cut (spec/core-api.md 5.3). */
#ifndef SALLYPORT_SERVER_API_CAP_H
#define SALLYPORT_SERVER_API_CAP_H

#include "server/api/req.h"

/* Say that asked_s was more than max_s. */
void req_warn_cap(struct req *req, int64_t asked_s, int64_t max_s);

/* The same after a renewal, where it was cut. */
void req_warn_renewal_cap(struct req *req, const struct lease *lease,
	const struct lease_renewal *renewal);

#endif
