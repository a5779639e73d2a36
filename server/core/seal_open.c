/*
 * How a seal opens and closes. The keyring's way: the keeper opens it, a
 * barrier is made of it, the store reads and writes through that barrier, and
 * only when all that requests depend on is loaded does the barrier become
 * visible to them (reliability.md L22). Sealing goes the same way back.
 */
#include "server/core/seal_open.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "server/core/audit_devices.h"
#include "server/core/expire.h"
#include "server/core/key_pool.h"
#include "server/core/mount.h"
#include "server/core/policy.h"
#include "server/core/records.h"
#include "server/core/rollback.h"
#include "server/core/seal_inside.h"
#include "server/core/server.h"
#include "server/core/takeback.h"
#include "server/core/unseal_file.h"
#include "server/keeper/keeper.h"
#include "server/outbound/outbound.h"
#include "storage/scrub.h"

#define SHARE_MIN 16
#define SHARE_MAX 33
#define NOTES_MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define NEWEST_LEASES 1000 /* looked at before anybody is served */

/* ---- what must be readable --------------------------------------------- */

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

struct mount_note {
	const char *path;
	struct kv kv;
	struct mount_note *next;
};

struct mount_notes {
	struct arena *arena;
	struct mount_note *first;
};

static int
note_mount(void *ctx, const struct mount *mount, struct err *err)
{
	struct mount_notes *notes = ctx;
	struct mount_note *note = ARENA_NEW(notes->arena, struct mount_note);

	if (note == NULL)
		return err_set_memory(err);
	*note = (struct mount_note){
		.path = arena_strdup(notes->arena, mount->path),
		.kv = mount->kv,
		.next = notes->first,
	};
	notes->first = note;
	return note->path == NULL ? err_set_memory(err) : 0;
}

static int
check_mounts(struct server *server, struct err *err)
{
	struct mount_notes notes = { .arena = arena_new(NOTES_MEMORY_MAX) };
	int rc = notes.arena == NULL
		? err_set_memory(err)
		: mounts_each(server->mounts, note_mount, &notes, err);

	for (const struct mount_note *note = notes.first;
		rc == 0 && note != NULL; note = note->next) {
		rc = records_each(
			server->store, &note->kv, "", check_record, NULL, err);
		if (rc != 0)
			err_wrap(err, "configuration of mount %s", note->path);
	}
	arena_free(&notes.arena);
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
	return rc == 0 ? check_mounts(server, err) : rc;
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
open_history(struct opening *opening, struct err *err)
	REQUIRES(seal_change_guard)
{
	bool restored = false;
	struct err why = { 0 };
	int rc = rollback_check(opening->server, opening->status->cluster_id,
		opening->seal->accept_rollback, &restored, err);

	if (rc == ERR_DENIED)
		opening->status->reason = ROLLBACK_REASON;
	/* An old copy does not know what its key sealed since. */
	if (rc == 0 && restored &&
		seal_add_term(opening->server, opening->barrier, &why) != 0)
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
	seal_set_status(seal, &status);
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

/* The keeper is open. */
static int
open_up(struct seal *seal, struct span keyring, struct arena *arena,
	struct err *err) REQUIRES(seal_change_guard)
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
	seal_set_status(seal, &status);
	log_info("unsealed", LOG_STR("cluster_id", status.cluster_id));
	return 0;
}

/* ---- shares and the unseal file ------------------------------------------ */

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
	seal_set_status(seal, &status);
}

static int
read_blobs(struct seal *seal, struct arena *arena, struct keeper_blobs *blobs,
	struct err *err)
{
	struct seal_stored stored = { .arena = arena };
	struct err why = { 0 };
	int rc = seal_read_stored(seal, &stored, &why);

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
	struct err *err) REQUIRES(seal_change_guard)
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
	lock_take(&seal->change, &seal_change_guard);
	rc = unseal_locked(seal, share, arena, err);
	update_progress(seal);
	lock_give(&seal->change, &seal_change_guard);
	arena_free(&arena);
	return rc;
}

int
seal_unseal_reset(struct seal *seal, struct err *err)
{
	struct seal_status status;
	int rc = 0;

	lock_take(&seal->change, &seal_change_guard);
	seal_get_status(seal, &status);
	if (!status.sealed)
		rc = err_set(err, ERR_INPUT, 400, "vault is unsealed");
	else
		rc = keeper_unseal_reset(seal->server->keeper, err);
	update_progress(seal);
	lock_give(&seal->change, &seal_change_guard);
	return rc;
}

int
seal_open_with_file(struct seal *seal, struct arena *arena, struct err *err)
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
	lock_take(&seal->change, &seal_change_guard);
	seal_get_status(seal, &status);
	if (!status.initialized)
		rc = err_set(err, ERR_INPUT, 400, "Vault is not initialized");
	else if (status.sealed)
		rc = seal_open_with_file(seal, arena, err);
	lock_give(&seal->change, &seal_change_guard);
	arena_free(&arena);
	return rc;
}

/* ---- closing ----------------------------------------------------------- */

int
seal_seal(struct seal *seal, struct err *err)
{
	struct seal_status status, open;
	struct barrier *barrier = NULL;

	(void)err;
	lock_take(&seal->change, &seal_change_guard);
	seal_get_status(seal, &status);
	if (!status.sealed) {
		open = status;
		status.sealed = true;
		status.cluster_name[0] = '\0';
		status.cluster_id[0] = '\0';
		seal_set_status(seal, &status);
		outbound_halt(seal->server->outbound);
		expire_stop(seal->server->expire);
		takeback_stop(seal->server->takeback);
		audit_devices_save_heads(seal->server);
		rollback_note(seal->server, open.cluster_id);
		barrier = seal_withdraw_barrier(seal);
		close_down(seal, barrier);
		log_info("sealed");
	}
	lock_give(&seal->change, &seal_change_guard);
	return 0;
}
