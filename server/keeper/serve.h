/*
 * The keeper's end of the socket: threads that take turns at reading, answer
 * what each has read, and send the answers in whatever order they are ready.
 */
#ifndef SALLYPORT_SERVER_KEEPER_SERVE_H
#define SALLYPORT_SERVER_KEEPER_SERVE_H

#include "server/keeper/safe.h"

/*
 * Answer until the other side closes its end or sends what is no message; then
 * forget all, and return when the calls at work have ended. ERR_SYSTEM where it
 * could not begin.
 */
int serve_keeper(int fd, struct safe *safe, struct err *err);

#endif
