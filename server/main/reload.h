/* SIGHUP: what can change while the server runs. */
#ifndef SALLYPORT_SERVER_MAIN_RELOAD_H
#define SALLYPORT_SERVER_MAIN_RELOAD_H

#include "server/core/server.h"
#include "server/http/listener.h"
#include "server/main/options.h"

/*
 * Certificates, log level and audit files are read again; every other changed
 * key is named as "needs a restart". A bad file changes nothing.
 */
void reload_all(struct server *server, struct listener *listener,
	const struct options *options);

/* Set level and format of the log: flags win over the configuration. */
int reload_log(const struct options *options,
	const struct server_settings *settings, struct err *err);

#endif
