/*
 * What is remembered of CA keys for a short while, whether they are open or
 * not: how many signatures one has given of late, and that one is not to be
 * kept open. Under the hash of their public halves, since one key may lie in
 * several blobs. Any thread.
 */
#ifndef SALLYPORT_SERVER_KEEPER_RECENT_H
#define SALLYPORT_SERVER_KEEPER_RECENT_H

#include "lib/err.h"
#include "lib/span.h"

struct recent;

int recent_new(struct recent **ret_recent, struct err *err);
void recent_free(struct recent **recent);

/*
 * Count one more signature of this CA: so many at once, and as many a second.
 * ERR_BUSY (429).
 */
int recent_pay(
	struct recent *recent, struct span ca, uint32_t per_s, struct err *err);

/* Not to be kept open for the next minute, which no request outlives. */
int recent_shut(struct recent *recent, struct span ca, struct err *err);
bool recent_is_shut(struct recent *recent, struct span ca);

#endif
