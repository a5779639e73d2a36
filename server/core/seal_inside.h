/* Between the files of the seal. */
#ifndef SALLYPORT_SERVER_CORE_SEAL_INSIDE_H
#define SALLYPORT_SERVER_CORE_SEAL_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/lock.h"
#include "server/core/seal.h"

#define SEAL_MEMORY_MAX (1024 * 1024)

/* Records that are not sealed: they are read before there is a barrier. */
#define SEAL_KEY_CONFIG "core/seal"
#define SEAL_KEY_ROOT "core/root"
#define SEAL_KEY_KEYRING "core/keyring"

extern struct guard seal_change_guard, seal_status_guard, seal_idle_guard;

struct seal {
	struct server *server;
	pthread_mutex_t change; /* one init, unseal or seal at a time */
	/* The next unseal may. */
	bool accept_rollback GUARDED_BY(seal_change_guard);

	pthread_mutex_t status_lock;
	struct seal_status status GUARDED_BY(seal_status_guard);
	_Atomic bool sealed; /* = status.sealed, for the quick question */

	/* What requests see; holders counts those that may be using it. */
	struct barrier *_Atomic barrier;
	_Atomic size_t holders;
	_Atomic bool closing;
	pthread_mutex_t idle_lock;
	pthread_cond_t idle;
};

/* ---- seal.c ------------------------------------------------------------ */

void seal_set_status(struct seal *seal, const struct seal_status *status);

/*
 * Hide the barrier from requests, and wait for those who hold it; now it is the
 * caller's. NULL where there was none.
 */
struct barrier *seal_withdraw_barrier(struct seal *seal);

/* What stands in the store; memory from the arena. */
struct seal_stored {
	struct arena *arena;
	struct span config, root, keyring;
};

/* ERR_ABSENT where one of them is missing. */
int seal_read_stored(
	struct seal *seal, struct seal_stored *stored, struct err *err);

/* A new key for the records of barrier, durable before it is used. */
int seal_add_term(struct server *server, struct barrier *barrier,
	struct err *err) REQUIRES(seal_change_guard);

/* ---- seal_open.c ------------------------------------------------------- */

int seal_open_with_file(struct seal *seal, struct arena *arena, struct err *err)
	REQUIRES(seal_change_guard);

#endif
