/* Counting the uses of the store's key; see server/core/key_watch.h. */
#include "server/core/key_watch.h"

#include "lib/log.h"
#include "server/core/seal.h"
#include "server/core/server.h"

/* As Vault: nine tenths of 2^32. */
#define KEY_USES_MAX UINT64_C(3865470566)

/* Whether the newest term is worn. */
static bool
is_worn(struct server *server, uint32_t *ret_term, uint64_t *ret_n)
{
	const uint64_t set = server->settings->key_uses_max;
	struct barrier *barrier = seal_hold_barrier(server->seal);
	int64_t installed_s;

	if (barrier == NULL)
		return false;
	barrier_status(barrier, ret_term, &installed_s, ret_n);
	seal_release_barrier(server->seal);
	return *ret_n >= (set != 0 ? set : KEY_USES_MAX);
}

void
key_watch_tick(struct key_watch *watch, struct server *server)
{
	struct err err = { 0 };
	uint32_t term;
	uint64_t n;
	int rc;

	if (!is_worn(server, &term, &n))
		return;
	rc = seal_rotate_key(server->seal, &err);
	if (rc == 0)
		log_info("the store's key was rotated",
			LOG_INT("former_term", term),
			LOG_INT("encryptions", (int64_t)n));
	else if (rc != ERR_BUSY && !watch->failing)
		log_error("the store's key is worn, but there is no new one",
			LOG_ERR(&err));
	watch->failing = rc != 0 && rc != ERR_BUSY;
}
