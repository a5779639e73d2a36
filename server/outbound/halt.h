/*
 * The end of all calls under way, which every wait of theirs looks out for;
 * outbound's own.
 */
#ifndef SALLYPORT_SERVER_OUTBOUND_HALT_H
#define SALLYPORT_SERVER_OUTBOUND_HALT_H

#include <stdatomic.h>

#include "lib/err.h"

#define HALT_WHY "the server is being sealed or stopped"

struct halt {
	int fd; /* to be polled for: readable while it is on */
	atomic_bool is_on;
};

int halt_open(struct halt *halt, struct err *err);
void halt_close(struct halt *halt);

void halt_set(struct halt *halt, bool is_on);
bool halt_is_on(const struct halt *halt);

/* Have a transfer of libcurl (a CURL *) end; it asks once a second. */
void halt_watch_curl(const struct halt *halt, void *curl);

#endif
