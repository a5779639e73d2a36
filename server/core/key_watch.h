/*
 * A key seals fewer than 2^32 values (reliability.md R32): long before that
 * many the keyring gets a new one.
 */
#ifndef SALLYPORT_SERVER_CORE_KEY_WATCH_H
#define SALLYPORT_SERVER_CORE_KEY_WATCH_H

#include "lib/base.h"

struct server;

struct key_watch {
	bool failing; /* the last try did; one log line says so */
};

/*
 * Rotate, if the newest key has sealed as many values as one may. Nobody
 * waits for it: a tenth of 2^32 is left, which lasts for an hour at least.
 */
void key_watch_tick(struct key_watch *watch, struct server *server);

#endif
