/*
 * Sealed or open. The keyring's way: the keeper opens it, a barrier is made of
 * it, the store reads and writes through that barrier, and only when all that
 * requests depend on is loaded does the barrier become visible to them
 * (reliability.md L22). Sealing goes the same way back.
 */
#include "server/core/seal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/jsonw.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "server/core/audit_devices.h"
#include "server/core/expire.h"
#include "server/core/key_pool.h"
#include "server/core/mount.h"
#include "server/core/policy.h"
#include "server/core/records.h"
#include "server/core/rollback.h"
#include "server/core/server.h"
#include "server/core/takeback.h"
#include "server/core/unseal_file.h"
#include "server/outbound/outbound.h"
#include "storage/scrub.h"
#include "storage/token.h"

#define SEAL_MEMORY_MAX (1024 * 1024)
#define SHARE_MIN 16
#define SHARE_MAX 33
#define LEFTOVERS_STEP 500
#define NEWEST_LEASES 1000 /* looked at before anybody is served */

/* Unsealed records: they are read before there is a barrier. */
#define KEY_SEAL "core/seal"
#define KEY_ROOT "core/root"
#define KEY_KEYRING "core/keyring"

static struct guard change_guard, status_guard, idle_guard;

struct seal {
	struct server *server;
	pthread_mutex_t change; /* one init, unseal or seal at a time */
	bool accept_rollback GUARDED_BY(change_guard); /* the next unseal may */

	pthread_mutex_t status_lock;
	struct seal_status status GUARDED_BY(status_guard);
	_Atomic bool sealed; /* = status.sealed, for the quick question */

	/* What requests see; holders counts those that may be using it. */
	struct barrier *_Atomic barrier;
	_Atomic size_t holders;
	_Atomic bool closing;
	pthread_mutex_t idle_lock;
	pthread_cond_t idle;
};

/* ---- status ----------------------------------------------------------- */

void
seal_get_status(struct seal *seal, struct seal_status *ret_status)
{
	lock_take(&seal->status_lock, &status_guard);
	*ret_status = seal->status;
	lock_give(&seal->status_lock, &status_guard);
}

bool
seal_is_sealed(struct seal *seal)
{
	return atomic_load(&seal->sealed);
}

static void
set_status(struct seal *seal, const struct seal_status *status)
{
	lock_take(&seal->status_lock, &status_guard);
	seal->status = *status;
	atomic_store(&seal->sealed, status->sealed);
	lock_give(&seal->status_lock, &status_guard);
}

/* How far the round of shares is, as the keeper has it. */
static void
update_progress(struct seal *seal)
{
	struct keeper_progress progress = { 0 };
	struct seal_status status;
	struct err err = { 0 };

	if (keeper_unseal_progress(seal->server->keeper, &progress, &err) != 0)
		log_error("the keeper does not answer", LOG_ERR(&err));
	seal_get_status(seal, &status);
	status.progress = progress.progress;
	memcpy(status.nonce, progress.nonce, sizeof(status.nonce));
	set_status(seal, &status);
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
	lock_take(&seal->idle_lock, &idle_guard);
	pthread_cond_broadcast(&seal->idle);
	lock_give(&seal->idle_lock, &idle_guard);
}

/*
 * Hide the barrier and wait for those who hold it. Whoever counts itself in
 * afterwards sees NULL; whoever counted itself in before is seen here.
 */
static struct barrier *
withdraw_barrier(struct seal *seal)
{
	struct barrier *barrier = atomic_exchange(&seal->barrier, NULL);

	atomic_store(&seal->closing, true);
	lock_take(&seal->idle_lock, &idle_guard);
	while (atomic_load(&seal->holders) > 0)
		lock_wait(&seal->idle, &seal->idle_lock, &idle_guard);
	lock_give(&seal->idle_lock, &idle_guard);
	atomic_store(&seal->closing, false);
	return barrier;
}

/* ---- stored configuration --------------------------------------------- */

struct stored {
	struct arena *arena;
	struct span config, root, keyring;
};

static int
get_stored(struct store_tx *tx, void *ctx, struct err *err)
{
	struct stored *stored = ctx;
	int rc = tx_get_clear(
		tx, span_str(KEY_SEAL), stored->arena, &stored->config, err);

	if (rc == 0)
		rc = tx_get_clear(tx, span_str(KEY_ROOT), stored->arena,
			&stored->root, err);
	if (rc == 0)
		rc = tx_get_clear(tx, span_str(KEY_KEYRING), stored->arena,
			&stored->keyring, err);
	return rc;
}

static int
read_blobs(struct seal *seal, struct arena *arena, struct keeper_blobs *blobs,
	struct err *err)
{
	struct stored stored = { .arena = arena };
	struct err why = { 0 };
	int rc = store_read(seal->server->store, get_stored, &stored, &why);

	if (rc == ERR_ABSENT) {
		(void)err_set(err, ERR_CRYPTO, 500, "internal error");
		return err_wrap(err, "a record of the seal is missing");
	}
	if (rc == 0)
		*blobs = (struct keeper_blobs){ stored.root, stored.keyring };
	else
		*err = why;
	return rc;
}

/* The text of core/seal. */
static int
format_config(
	const struct seal_status *status, struct arena *arena, struct buf *out)
{
	struct value *config = value_object(arena);

	if (!value_set_str(arena, config, "type", status->type) ||
		!value_set_int(arena, config, "t", status->t) ||
		!value_set_int(arena, config, "n", status->n))
		return ERR_MEMORY;
	jsonw_value(out, config, 0);
	return out->rc;
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
	struct stored stored = { .arena = arena };
	struct seal_status status;
	struct value *config = NULL;
	struct err why = { 0 };
	int rc = store_read(seal->server->store, get_stored, &stored, &why);

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
	set_status(seal, &status);
	return 0;
}

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
	guard_unshared(&status_guard);
	guard_unshared(&change_guard);
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

/* ---- opening ---------------------------------------------------------- */

/* Every policy must compile: one that does not would deny in silence. */
static int
check_policy(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	struct policy *policy = NULL;
	struct err why = { 0 };
	size_t size;
	int rc = policy_parse(
		value_text(value_find(value, "policy")), &policy, &size, &why);

	(void)ctx;
	policy_free(&policy);
	if (rc == 0)
		return 0;
	err_set(err, rc, 500, "internal error");
	return err_wrap(err, "policy %s: %s", name, why.message);
}

/* That the record opens and parses is all that is asked here. */
static int
check_record(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	(void)ctx;
	(void)name;
	(void)value;
	(void)err;
	return 0;
}

static int
check_mount(void *ctx, const struct mount *mount, struct err *err)
{
	struct server *server = ctx;
	int rc = records_each(
		server->store, &mount->kv, "", check_record, NULL, err);

	if (rc != 0)
		err_wrap(err, "configuration of mount %s", mount->path);
	return rc;
}

/* Configuration that does not open keeps the server sealed (R08, L22). */
static int
check_configuration(struct server *server, struct err *err)
{
	int rc = scrub_configuration(server->store, err);

	if (rc == 0)
		rc = records_each(server->store, &server->system, "",
			check_record, NULL, err);
	if (rc == 0)
		rc = records_each(server->store, &server->system, "policies/",
			check_policy, NULL, err);
	if (rc == 0)
		rc = mounts_each(server->mounts, check_mount, server, err);
	return rc;
}

static int
load_cluster(struct server *server, struct arena *arena,
	struct seal_status *status, struct err *err)
{
	struct value *record = NULL;
	int rc = kv_read(
		server->store, &server->system, "cluster", arena, &record, err);

	if (rc != 0)
		return err_wrap(err, "record cluster");
	(void)snprintf(status->cluster_id, sizeof(status->cluster_id), "%s",
		value_find_str(record, "id", ""));
	(void)snprintf(status->cluster_name, sizeof(status->cluster_name), "%s",
		value_find_str(record, "name", ""));
	return 0;
}

/* Forget all that was loaded; the barrier is hidden already. */
static void
close_down(struct seal *seal, struct barrier *barrier)
{
	struct server *server = seal->server;
	struct err err = { 0 };

	store_set_barrier(server->store, NULL);
	audit_disable_all(server->audit);
	mounts_unload(server->mounts);
	key_pool_close(server->key_pool);
	if (keeper_seal(server->keeper, &err) != 0)
		log_error("the keeper does not answer", LOG_ERR(&err));
	barrier_free(&barrier);
}

/* ---- key terms --------------------------------------------------------- */

static int
put_keyring(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct span *blob = ctx;

	return tx_put_clear(tx, span_str(KEY_KEYRING), *blob, err);
}

static int
add_term(struct server *server, struct barrier *barrier, struct err *err)
	REQUIRES(change_guard)
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

	if (!lock_try(&seal->change, &change_guard))
		return err_set(err, ERR_BUSY, 503, "overloaded");
	barrier = atomic_load(&seal->barrier);
	rc = barrier == NULL ? err_set(err, ERR_SEALED, 503, "Vault is sealed")
			     : add_term(seal->server, barrier, err);
	lock_give(&seal->change, &change_guard);
	return rc;
}

/* ---- the steps of opening ---------------------------------------------- */

#define KEYRING_DAMAGED "the keyring is damaged"

struct opening {
	struct seal *seal;
	struct server *server;
	struct barrier *barrier;
	struct arena *arena;
	struct seal_status *status;
	struct span keyring;
};

static int
open_keyring(struct opening *opening, struct err *err)
{
	struct span keyring = opening->keyring;
	int rc = barrier_from_keyring(secret_view_of(keyring.data, keyring.len),
		&opening->barrier, err);

	if (rc == 0)
		store_set_barrier(opening->server->store, opening->barrier);
	return rc;
}

static int
open_cluster(struct opening *opening, struct err *err)
{
	return load_cluster(
		opening->server, opening->arena, opening->status, err);
}

static int
open_mounts(struct opening *opening, struct err *err)
{
	return mounts_load(opening->server->mounts, err);
}

static int
open_configuration(struct opening *opening, struct err *err)
{
	return check_configuration(opening->server, err);
}

static int
open_leases(struct opening *opening, struct err *err)
{
	return scrub_newest(opening->server->store, NEWEST_LEASES, err);
}

static int
open_audit(struct opening *opening, struct err *err)
{
	return audit_devices_load(opening->server, opening->barrier, err);
}

static int
open_history(struct opening *opening, struct err *err) REQUIRES(change_guard)
{
	bool restored = false;
	struct err why = { 0 };
	int rc = rollback_check(opening->server, opening->status->cluster_id,
		opening->seal->accept_rollback, &restored, err);

	if (rc == ERR_DENIED)
		opening->status->reason = ROLLBACK_REASON;
	/* An old copy does not know what its key sealed since. */
	if (rc == 0 && restored &&
		add_term(opening->server, opening->barrier, &why) != 0)
		log_warn("a store that was put back keeps its key",
			LOG_ERR(&why));
	return rc;
}

static int
open_outbox(struct opening *opening, struct err *err)
{
	return audit_devices_recover(opening->server, err);
}

static int
open_expiry(struct opening *opening, struct err *err)
{
	struct server *server = opening->server;
	int rc;

	outbound_resume(server->outbound);
	rc = takeback_start(server->takeback, err);
	if (rc != 0)
		return rc;
	rc = expire_start(server->expire, err);
	if (rc != 0)
		takeback_stop(server->takeback);
	return rc;
}

/* In this order; what is said of the first that fails is no secret. */
static const struct {
	int (*open)(struct opening *opening, struct err *err);
	const char *why;
} steps[] = {
	{ open_keyring, KEYRING_DAMAGED },
	{ open_cluster, "the cluster record cannot be read" },
	{ open_mounts, "the mount table cannot be read" },
	{ open_configuration, "a configuration record cannot be read" },
	{ open_leases, "one of the newest leases cannot be read" },
	{ open_audit, "no audit device can be opened" },
	{ open_history, "whether the store is the newest cannot be told" },
	{ open_outbox, "no audit device takes the lines of the last run" },
	{ open_expiry, "leases could not be taken back" },
};

/* Everything that a request relies on. */
static int
load_all(struct opening *opening, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(steps) && rc == 0; i++) {
		opening->status->reason = steps[i].why;
		rc = steps[i].open(opening, err);
	}
	return rc;
}

/* Whoever unseals is told the reason; the log has the rest. */
static void
stay_sealed(struct seal *seal, const char *reason, struct err *err)
{
	struct seal_status status;
	const struct err why = *err;

	err_clear(err);
	err_set(err, why.code, why.status == 503 ? 503 : 500, "%s", reason);
	err_wrap(err, "%s", why.detail[0] != '\0' ? why.detail : why.message);
	log_error("the server stays sealed", LOG_ERR(err));
	seal_get_status(seal, &status);
	status.reason = reason;
	set_status(seal, &status);
}

/* The keeper is open. */
static int
open_up(struct seal *seal, struct span keyring, struct arena *arena,
	struct err *err) REQUIRES(change_guard)
{
	struct seal_status status;
	struct opening opening = {
		.seal = seal,
		.server = seal->server,
		.arena = arena,
		.status = &status,
		.keyring = keyring,
	};
	int rc;

	seal_get_status(seal, &status);
	rc = load_all(&opening, err);
	if (rc != 0) {
		close_down(seal, opening.barrier);
		stay_sealed(seal, status.reason, err);
		return rc;
	}
	seal->accept_rollback = false;
	status.reason = "";
	status.sealed = false;
	status.progress = 0;
	status.nonce[0] = '\0';
	atomic_store(&seal->barrier, opening.barrier);
	key_pool_open(seal->server->key_pool);
	set_status(seal, &status);
	log_info("unsealed", LOG_STR("cluster_id", status.cluster_id));
	return 0;
}

static int
check_share(struct secret_view share, struct err *err)
{
	if (share.len < SHARE_MIN)
		return err_set(err, ERR_INPUT, 400,
			"invalid key: key is shorter than minimum %d bytes",
			SHARE_MIN);
	if (share.len > SHARE_MAX)
		return err_set(err, ERR_INPUT, 400,
			"invalid key: key is longer than maximum %d bytes",
			SHARE_MAX);
	return 0;
}

/*
 * The right key that opens no keyring. A root key that is damaged looks like
 * a wrong share, which it cannot be told from.
 */
static int
note_damage(struct seal *seal, int rc, struct err *err)
{
	if (rc == ERR_CRYPTO)
		stay_sealed(seal, KEYRING_DAMAGED, err);
	return rc;
}

static int
unseal_locked(struct seal *seal, struct secret_view share, struct arena *arena,
	struct err *err) REQUIRES(change_guard)
{
	struct keeper_progress progress = { 0 };
	struct keeper_blobs blobs;
	struct seal_status status;
	int rc = check_share(share, err);

	seal_get_status(seal, &status);
	if (rc != 0)
		return rc;
	if (!status.initialized)
		return err_set(err, ERR_INPUT, 400, "Vault is not initialized");
	if (!status.sealed)
		return 0;
	if (strcmp(status.type, "shamir") != 0)
		return err_set(err, ERR_INPUT, 400,
			"this server is unsealed with its unseal file");
	rc = read_blobs(seal, arena, &blobs, err);
	if (rc != 0)
		return note_damage(seal, rc, err);
	rc = keeper_unseal(seal->server->keeper, status.t, share, &blobs, arena,
		&progress, err);
	if (rc == 0 && progress.opened)
		return open_up(seal, progress.keyring, arena, err);
	return note_damage(seal, rc, err);
}

int
seal_unseal(struct seal *seal, struct secret_view share, struct err *err)
{
	struct arena *arena = arena_new(SEAL_MEMORY_MAX);
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	lock_take(&seal->change, &change_guard);
	rc = unseal_locked(seal, share, arena, err);
	update_progress(seal);
	lock_give(&seal->change, &change_guard);
	arena_free(&arena);
	return rc;
}

int
seal_unseal_reset(struct seal *seal, struct err *err)
{
	struct seal_status status;
	int rc = 0;

	lock_take(&seal->change, &change_guard);
	seal_get_status(seal, &status);
	if (!status.sealed)
		rc = err_set(err, ERR_INPUT, 400, "vault is unsealed");
	else
		rc = keeper_unseal_reset(seal->server->keeper, err);
	update_progress(seal);
	lock_give(&seal->change, &change_guard);
	return rc;
}

static int
unseal_file_locked(struct seal *seal, struct arena *arena, struct err *err)
	REQUIRES(change_guard)
{
	struct server *server = seal->server;
	struct keeper_progress progress = { 0 };
	struct keeper_blobs blobs;
	struct secret *key = NULL;
	int rc = unseal_file_read(server->settings->seal_path, &key, err);

	if (rc == 0)
		rc = read_blobs(seal, arena, &blobs, err);
	if (rc == 0)
		rc = note_damage(seal,
			keeper_unseal_file(server->keeper, secret_open(key),
				&blobs, arena, &progress, err),
			err);
	if (rc == 0)
		rc = open_up(seal, progress.keyring, arena, err);
	secret_free(&key);
	return rc;
}

int
seal_unseal_file(struct seal *seal, struct err *err)
{
	struct arena *arena = arena_new(SEAL_MEMORY_MAX);
	struct seal_status status;
	int rc = 0;

	if (arena == NULL)
		return err_set_memory(err);
	lock_take(&seal->change, &change_guard);
	seal_get_status(seal, &status);
	if (!status.initialized)
		rc = err_set(err, ERR_INPUT, 400, "Vault is not initialized");
	else if (status.sealed)
		rc = unseal_file_locked(seal, arena, err);
	lock_give(&seal->change, &change_guard);
	arena_free(&arena);
	return rc;
}

int
seal_seal(struct seal *seal, struct err *err)
{
	struct seal_status status, open;
	struct barrier *barrier = NULL;

	(void)err;
	lock_take(&seal->change, &change_guard);
	seal_get_status(seal, &status);
	if (!status.sealed) {
		open = status;
		status.sealed = true;
		status.cluster_name[0] = '\0';
		status.cluster_id[0] = '\0';
		set_status(seal, &status);
		outbound_halt(seal->server->outbound);
		expire_stop(seal->server->expire);
		takeback_stop(seal->server->takeback);
		audit_devices_save_heads(seal->server);
		rollback_note(seal->server, open.cluster_id);
		barrier = withdraw_barrier(seal);
		close_down(seal, barrier);
		log_info("sealed");
	}
	lock_give(&seal->change, &change_guard);
	return 0;
}

/* ---- init ------------------------------------------------------------- */

struct init {
	struct seal *seal;
	struct arena *arena;
	struct seal_status status; /* what it will be */
	struct keeper_blobs blobs;
	struct buf config; /* text of core/seal */
	const struct value *cluster, *policy;
	struct token_draft draft;
	struct token token;
};

struct leftovers {
	struct arena *arena;
	struct span *keys;
	size_t n;
};

static int
collect_leftover(void *ctx, struct span key, struct span value, struct err *err)
{
	struct leftovers *leftovers = ctx;
	struct span copy;

	(void)value;
	if (span_has_prefix(key, span_str("core/")))
		return 0;
	copy = arena_dup(leftovers->arena, key);
	if (copy.data == NULL)
		return err_set_memory(err);
	leftovers->keys[leftovers->n++] = copy;
	return leftovers->n == LEFTOVERS_STEP ? 1 : 0;
}

static int
drop_leftovers(struct store_tx *tx, void *ctx, struct err *err)
{
	struct leftovers *leftovers = ctx;
	size_t i;
	int rc;

	leftovers->n = 0;
	rc = tx_scan(tx, SPAN_NONE, SPAN_NONE, 0, true, collect_leftover,
		leftovers, err);
	for (i = 0; i < leftovers->n && rc == 0; i++)
		rc = tx_delete(tx, leftovers->keys[i], err);
	return rc;
}

/* An init that was cut off left records under keys that nobody has. */
static int
clear_store(struct store *store, struct arena *arena, struct err *err)
{
	struct leftovers leftovers = {
		.arena = arena,
		.keys = ARENA_ARRAY(arena, struct span, LEFTOVERS_STEP),
		.n = LEFTOVERS_STEP,
	};
	int rc = 0;

	if (leftovers.keys == NULL)
		return err_set_memory(err);
	while (rc == 0 && leftovers.n == LEFTOVERS_STEP)
		rc = store_write(store, drop_leftovers, &leftovers, err);
	return rc;
}

/* The one transaction that makes the store an initialized one. */
static int
store_init(struct store_tx *tx, void *ctx, struct err *err)
{
	struct init *init = ctx;
	const struct kv *system = &init->seal->server->system;
	int rc;

	init->token.lease.issue_ns = tx_now_ns(tx);
	rc = kv_put(tx, system, "policies/default", init->policy, err);
	if (rc == 0)
		rc = kv_put(tx, system, "cluster", init->cluster, err);
	if (rc == 0)
		rc = token_insert(tx, &init->draft, &init->token, err);
	if (rc == 0)
		rc = tx_put_clear(
			tx, span_str(KEY_ROOT), init->blobs.root, err);
	if (rc == 0)
		rc = tx_put_clear(
			tx, span_str(KEY_KEYRING), init->blobs.keyring, err);
	if (rc == 0)
		rc = tx_put_clear(
			tx, span_str(KEY_SEAL), buf_span(&init->config), err);
	return rc;
}

static int
draft_records(struct init *init, struct err *err)
{
	struct arena *arena = init->arena;
	const char *name = init->seal->server->settings->cluster_name;
	struct value *cluster = value_object(arena);
	struct value *policy = value_object(arena);
	char uuid[RANDOM_UUID_MAX], made[32];

	random_uuid(uuid);
	(void)snprintf(made, sizeof(made), "sallyport-%.8s", uuid);
	random_uuid(uuid);
	if (name == NULL || name[0] == '\0')
		name = made;
	init->cluster = cluster;
	init->policy = policy;
	if (!value_set_str(arena, cluster, "id", uuid) ||
		!value_set_str(arena, cluster, "name", name) ||
		!value_set_str(arena, policy, "policy", policy_default_text) ||
		format_config(&init->status, arena, &init->config) != 0)
		return err_set_memory(err);
	return 0;
}

static int
draft_root_token(struct init *init, struct barrier *barrier,
	const char *root_token_id, struct err *err)
{
	static const char *root_policies[] = { "root" };

	struct server *server = init->seal->server;
	struct mount *mount = mounts_find(server->mounts, MOUNT_TOKENS);
	int rc;

	if (mount == NULL)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	rc = token_draft(server->store, barrier,
		&(struct token_place){ mount->uuid, mount->uuid, "root" },
		span_str(root_token_id), &init->draft, err);
	mount_unref(server->mounts, &mount);
	init->token = (struct token){
		.policies = { root_policies, 1 },
		.display_name = "root",
		.path = "auth/token/root",
		.entity_id = "",
		.role = "",
	};
	return rc;
}

/* Make the keys; with shares, they are in the result. */
static int
make_keys(struct init *init, struct barrier *barrier,
	struct seal_init_result *result, struct err *err)
{
	struct server *server = init->seal->server;
	struct secret *file_key = NULL;
	struct buf keyring;
	struct secret_view view;
	int rc;

	buf_init(&keyring, KEYRING_BYTES_MAX);
	rc = barrier_keyring(barrier, &keyring, err);
	view = secret_view_of(keyring.data, keyring.len);
	if (rc == 0 && strcmp(init->status.type, "file") == 0) {
		rc = unseal_file_make(server->settings, &file_key, err);
		if (rc == 0)
			rc = keeper_init_file(server->keeper,
				secret_open(file_key), view, init->arena,
				&init->blobs, err);
	} else if (rc == 0) {
		result->n = init->status.n;
		rc = keeper_init(server->keeper, init->status.n, init->status.t,
			view, init->arena, result->shares, &init->blobs, err);
	}
	secret_free(&file_key);
	buf_clear(&keyring);
	return rc;
}

/* Fill the store through a barrier that no request sees. */
static int
fill_store(struct init *init, struct barrier *barrier,
	const char *root_token_id, struct err *err)
{
	struct server *server = init->seal->server;
	int rc;

	store_set_barrier(server->store, barrier);
	rc = clear_store(server->store, init->arena, err);
	if (rc == 0)
		rc = mounts_load(server->mounts, err);
	if (rc == 0)
		rc = draft_records(init, err);
	if (rc == 0)
		rc = draft_root_token(init, barrier, root_token_id, err);
	if (rc == 0)
		rc = store_write(server->store, store_init, init, err);
	mounts_unload(server->mounts);
	store_set_barrier(server->store, NULL);
	return rc;
}

static int
check_init(struct seal *seal, const char *root_token_id,
	const struct seal_init_result *result, struct err *err)
{
	struct seal_status status;

	seal_get_status(seal, &status);
	if (status.initialized)
		return err_set(
			err, ERR_INPUT, 400, "Vault is already initialized");
	if (strlen(root_token_id) >= sizeof(result->root_token))
		return err_set(err, ERR_INPUT, 400,
			"the root token's id is longer than %zu bytes",
			sizeof(result->root_token) - 1);
	return 0;
}

static int
init_locked(struct init *init, const char *root_token_id,
	struct seal_init_result *result, struct err *err) REQUIRES(change_guard)
{
	struct seal *seal = init->seal;
	struct barrier *barrier =
		barrier_new_keyring(store_now_s(seal->server->store));
	struct err why = { 0 };
	int rc = 0;

	if (barrier == NULL)
		return err_set_memory(err);
	/*
	 * Bad numbers are refused before "already initialized"; where there
	 * are none, no unseal file is made in vain.
	 */
	if (strcmp(init->status.type, "file") == 0)
		rc = check_init(seal, root_token_id, result, err);
	if (rc == 0)
		rc = make_keys(init, barrier, result, err);
	if (rc == 0)
		rc = check_init(seal, root_token_id, result, err);
	if (rc == 0)
		rc = fill_store(init, barrier, root_token_id, err);
	barrier_free(&barrier);
	if (rc != 0)
		return rc;
	memcpy(result->root_token, init->draft.text,
		strlen(init->draft.text) + 1);
	set_status(seal, &init->status);
	log_info("initialized", LOG_INT("shares", init->status.n),
		LOG_INT("threshold", init->status.t));
	/* The root token is worth more than an error: it comes only once. */
	if (strcmp(init->status.type, "file") == 0 &&
		unseal_file_locked(seal, init->arena, &why) != 0)
		log_error("initialized, but not unsealed", LOG_ERR(&why));
	return 0;
}

int
seal_init(struct seal *seal, unsigned n, unsigned t, const char *root_token_id,
	struct arena *arena, struct seal_init_result *ret_result,
	struct err *err)
{
	struct seal_init_result *result =
		ARENA_NEW(arena, struct seal_init_result);
	struct init *init = ARENA_NEW(arena, struct init);
	int rc;

	if (result != NULL)
		result->shares = ARENA_ARRAY(
			arena, struct keeper_share, KEEPER_SHARES_MAX);
	if (result == NULL || result->shares == NULL || init == NULL)
		return err_set_memory(err);
	init->seal = seal;
	init->arena = arena;
	buf_init(&init->config, 4096);
	lock_take(&seal->change, &change_guard);
	seal_get_status(seal, &init->status);
	if (strcmp(init->status.type, "file") == 0)
		n = t = 0;
	init->status.initialized = true;
	init->status.n = n;
	init->status.t = t;
	rc = init_locked(init, root_token_id, result, err);
	lock_give(&seal->change, &change_guard);
	buf_clear(&init->config);
	if (rc == 0)
		*ret_result = *result;
	return rc;
}
