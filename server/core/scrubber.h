/*
 * The background look for damage: a few hundred records a second, a pass over
 * the whole store a day (reliability.md R08). Run by expiry's thread.
 */
#ifndef SALLYPORT_SERVER_CORE_SCRUBBER_H
#define SALLYPORT_SERVER_CORE_SCRUBBER_H

#include "storage/scrub.h"

struct scrubber {
	struct scrub pass;
	int64_t next_ns; /* boot clock: when to look again; 0: now */
	bool failing;
};

struct server;

/* The next step, if it is time for it; what is damaged is logged. */
void scrubber_tick(struct scrubber *scrubber, struct server *server);

#endif
