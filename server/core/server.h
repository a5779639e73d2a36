/*
 * The one long-lived struct: it owns the store, the seal, the mounts, the
 * audit broker and the workers, and is handed down to whoever needs one of
 * them.
 */
#ifndef SALLYPORT_SERVER_CORE_SERVER_H
#define SALLYPORT_SERVER_CORE_SERVER_H

#include <stdatomic.h>

#include "audit/audit.h"
#include "lib/clock.h"
#include "server/core/settings_table.h"
#include "storage/kv.h"
#include "storage/store.h"

struct expire;
struct keeper;
struct key_pool;
struct mounts;
struct outbound;
struct seal;
struct takeback;
struct workers;

struct server {
	const struct server_settings *settings;
	const struct clock *clock;
	struct store *store;
	struct keeper *keeper;
	struct outbound *outbound;
	struct seal *seal;
	struct mounts *mounts;
	struct audit *audit;
	struct workers *workers;
	struct expire *expire;
	struct takeback *takeback;
	struct key_pool *key_pool;
	struct kv
		system; /* records of sys/: mounts, policies, audit, cluster */
	_Atomic uint64_t epoch; /* the store's; 0 until first unsealed */
	_Atomic bool stopping;
	void (*stop)(struct server *server, int status); /* set by main */
};

/*
 * Everything but listeners: workers, audit broker, seal. Takes the open store,
 * which server_free closes, and the keeper, which it frees (on failure both
 * stay the caller's); keeper NULL: one in this process. mount types come from
 * main; the list ends with NULL.
 */
struct mount_type;
int server_new(const struct server_settings *settings,
	const struct clock *clock, struct store *store, struct keeper *keeper,
	const struct mount_type *const *types, struct server **ret_server,
	struct err *err);

/* Stop expiry and workers, seal, close the store. NULL is fine. */
void server_free(struct server **server);

#endif
