/* The first start: keys, the seal's records and what a store begins with. */
#include "server/core/seal_init.h"

#include <stdio.h>
#include <string.h>

#include "lib/jsonw.h"
#include "lib/log.h"
#include "lib/random.h"
#include "server/core/mount.h"
#include "server/core/policy.h"
#include "server/core/seal_inside.h"
#include "server/core/server.h"
#include "server/core/unseal_file.h"
#include "storage/token.h"

#define LEFTOVERS_STEP 500

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

/* ---- what an init that was cut off left --------------------------------- */

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

/* ---- the records --------------------------------------------------------- */

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
			tx, span_str(SEAL_KEY_ROOT), init->blobs.root, err);
	if (rc == 0)
		rc = tx_put_clear(tx, span_str(SEAL_KEY_KEYRING),
			init->blobs.keyring, err);
	if (rc == 0)
		rc = tx_put_clear(tx, span_str(SEAL_KEY_CONFIG),
			buf_span(&init->config), err);
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
	struct seal_init_result *result, struct err *err)
	REQUIRES(seal_change_guard)
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
	seal_set_status(seal, &init->status);
	log_info("initialized", LOG_INT("shares", init->status.n),
		LOG_INT("threshold", init->status.t));
	/* The root token is worth more than an error: it comes only once. */
	if (strcmp(init->status.type, "file") == 0 &&
		seal_open_with_file(seal, init->arena, &why) != 0)
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
	lock_take(&seal->change, &seal_change_guard);
	seal_get_status(seal, &init->status);
	if (strcmp(init->status.type, "file") == 0)
		n = t = 0;
	init->status.initialized = true;
	init->status.n = n;
	init->status.t = t;
	rc = init_locked(init, root_token_id, result, err);
	lock_give(&seal->change, &seal_change_guard);
	buf_clear(&init->config);
	if (rc == 0)
		*ret_result = *result;
	return rc;
}
