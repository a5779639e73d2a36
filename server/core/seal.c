/*
 * Sealed or open, as all others see it: the status, the barrier while there is
 * one, and a new key for it. How it comes and goes: seal_open.c.
 */
#include "server/core/seal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "server/core/seal_inside.h"
#include "server/core/server.h"
#include "server/keeper/keeper.h"

struct guard seal_change_guard, seal_status_guard, seal_idle_guard;

/* ---- status ----------------------------------------------------------- */

void
seal_get_status(struct seal *seal, struct seal_status *ret_status)
{
	lock_take(&seal->status_lock, &seal_status_guard);
	*ret_status = seal->status;
	lock_give(&seal->status_lock, &seal_status_guard);
}

bool
seal_is_sealed(struct seal *seal)
{
	return atomic_load(&seal->sealed);
}

void
seal_set_status(struct seal *seal, const struct seal_status *status)
{
	lock_take(&seal->status_lock, &seal_status_guard);
	seal->status = *status;
	atomic_store(&seal->sealed, status->sealed);
	lock_give(&seal->status_lock, &seal_status_guard);
}

/* ---- the barrier that requests see ------------------------------------ */

struct barrier *
seal_hold_barrier(struct seal *seal)
{
	struct barrier *barrier = NULL;

	atomic_fetch_add(&seal->holders, 1);
	barrier = atomic_load(&seal->barrier);
	if (barrier == NULL)
		seal_release_barrier(seal);
	return barrier;
}

void
seal_release_barrier(struct seal *seal)
{
	if (atomic_fetch_sub(&seal->holders, 1) != 1 ||
		!atomic_load(&seal->closing))
		return;
	lock_take(&seal->idle_lock, &seal_idle_guard);
	pthread_cond_broadcast(&seal->idle);
	lock_give(&seal->idle_lock, &seal_idle_guard);
}

/*
 * Whoever counts itself in once the barrier is hidden sees NULL; whoever did
 * before is waited for.
 */
struct barrier *
seal_withdraw_barrier(struct seal *seal)
{
	struct barrier *barrier = atomic_exchange(&seal->barrier, NULL);

	atomic_store(&seal->closing, true);
	lock_take(&seal->idle_lock, &seal_idle_guard);
	while (atomic_load(&seal->holders) > 0)
		lock_wait(&seal->idle, &seal->idle_lock, &seal_idle_guard);
	lock_give(&seal->idle_lock, &seal_idle_guard);
	atomic_store(&seal->closing, false);
	return barrier;
}

/* ---- stored configuration --------------------------------------------- */

static int
get_stored(struct store_tx *tx, void *ctx, struct err *err)
{
	struct seal_stored *stored = ctx;
	int rc = tx_get_clear(tx, span_str(SEAL_KEY_CONFIG), stored->arena,
		&stored->config, err);

	if (rc == 0)
		rc = tx_get_clear(tx, span_str(SEAL_KEY_ROOT), stored->arena,
			&stored->root, err);
	if (rc == 0)
		rc = tx_get_clear(tx, span_str(SEAL_KEY_KEYRING), stored->arena,
			&stored->keyring, err);
	return rc;
}

int
seal_read_stored(struct seal *seal, struct seal_stored *stored, struct err *err)
{
	return store_read(seal->server->store, get_stored, stored, err);
}

static int
check_type(const struct seal *seal, const struct value *config, struct err *err)
{
	const char *type = value_find_str(config, "type", "");
	const char *wanted = seal->server->settings->seal_type;

	if (strcmp(type, wanted) == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"the store was initialized with seal \"%s\", but the configuration says seal \"%s\"",
		type, wanted);
}

/* What the store says of itself, at start. */
static int
read_config(struct seal *seal, struct arena *arena, struct err *err)
{
	struct seal_stored stored = { .arena = arena };
	struct seal_status status;
	struct value *config = NULL;
	struct err why = { 0 };
	int rc = seal_read_stored(seal, &stored, &why);

	if (rc == ERR_ABSENT)
		return 0;
	if (rc != 0) {
		*err = why;
		return rc;
	}
	rc = json_parse(
		stored.config, &json_limits_trusted, arena, &config, err);
	if (rc == 0)
		rc = check_type(seal, config, err);
	if (rc != 0)
		return rc;
	seal_get_status(seal, &status);
	status.initialized = true;
	status.t = (unsigned)value_find_int(config, "t", 0);
	status.n = (unsigned)value_find_int(config, "n", 0);
	seal_set_status(seal, &status);
	return 0;
}

/* ---- key terms --------------------------------------------------------- */

static int
put_keyring(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct span *blob = ctx;

	return tx_put_clear(tx, span_str(SEAL_KEY_KEYRING), *blob, err);
}

int
seal_add_term(struct server *server, struct barrier *barrier, struct err *err)
{
	struct arena *arena = arena_new(SEAL_MEMORY_MAX);
	struct span blob = SPAN_NONE;
	struct buf keyring;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	buf_init(&keyring, KEYRING_BYTES_MAX);
	rc = barrier_draw_term(
		barrier, store_now_s(server->store), &keyring, err);
	if (rc == 0)
		rc = keeper_wrap_keyring(server->keeper,
			secret_view_of(keyring.data, keyring.len), arena, &blob,
			err);
	if (rc == 0)
		rc = store_write(server->store, put_keyring, &blob, err);
	if (rc == 0)
		barrier_use_term(barrier);
	buf_clear(&keyring);
	arena_free(&arena);
	return rc;
}

int
seal_rotate_key(struct seal *seal, struct err *err)
{
	struct barrier *barrier = NULL;
	int rc;

	if (!lock_try(&seal->change, &seal_change_guard))
		return err_set(err, ERR_BUSY, 503, "overloaded");
	barrier = atomic_load(&seal->barrier);
	rc = barrier == NULL ? err_set(err, ERR_SEALED, 503, "Vault is sealed")
			     : seal_add_term(seal->server, barrier, err);
	lock_give(&seal->change, &seal_change_guard);
	return rc;
}

/* ---- life ---------------------------------------------------------------- */

int
seal_new(struct server *server, struct seal **ret_seal, struct err *err)
{
	struct seal *seal = calloc(1, sizeof(*seal));
	struct arena *arena = arena_new(SEAL_MEMORY_MAX);
	int rc = 0;

	if (seal == NULL || arena == NULL) {
		free(seal);
		arena_free(&arena);
		return err_set_memory(err);
	}
	guard_unshared(&seal_status_guard);
	guard_unshared(&seal_change_guard);
	seal->server = server;
	pthread_mutex_init(&seal->change, NULL);
	pthread_mutex_init(&seal->status_lock, NULL);
	pthread_mutex_init(&seal->idle_lock, NULL);
	pthread_cond_init(&seal->idle, NULL);
	seal->status.sealed = true;
	seal->status.type = server->settings->seal_type;
	seal->status.reason = "";
	seal->accept_rollback = server->settings->accept_rollback;
	atomic_store(&seal->sealed, true);
	rc = read_config(seal, arena, err);
	if (rc == 0)
		*ret_seal = seal;
	else
		seal_free(&seal);
	arena_free(&arena);
	return rc;
}

void
seal_free(struct seal **seal)
{
	if (*seal == NULL)
		return;
	pthread_mutex_destroy(&(*seal)->change);
	pthread_mutex_destroy(&(*seal)->status_lock);
	pthread_mutex_destroy(&(*seal)->idle_lock);
	pthread_cond_destroy(&(*seal)->idle);
	free(*seal);
	*seal = NULL;
}
