/* How this host's enrolment stands, in words. */
#ifndef SALLYPORT_HELPER_HOST_STATUS_H
#define SALLYPORT_HELPER_HOST_STATUS_H

#include "helper/host.h"

/*
 * An object of the host's arena: host, certificate, serial_number,
 * valid_before, renew_at, krl_version, last_run, last_success, last_error,
 * retry_count, next_run, state ("good", or what is wrong). Times are RFC 3339
 * texts, "" where never. *ret_good: all is well.
 */
int host_status_describe(const struct host *host, struct value **ret_object,
	bool *ret_good, struct err *err);

/* The same as lines of text. */
void host_status_print(const struct value *object, struct buf *out);

#endif
