/* Keys from where a source says that they are; keyset's own. */
#ifndef SALLYPORT_SERVER_AUTH_KEYSET_LOAD_H
#define SALLYPORT_SERVER_AUTH_KEYSET_LOAD_H

#include "server/auth/keyset.h"

/* Add the source's keys, at least one; errors as keyset_check has them. */
int keyset_load(struct server *server, const struct keyset_source *source,
	struct jwks *keys, struct err *err);

#endif
