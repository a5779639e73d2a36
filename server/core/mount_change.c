/*
 * What alters the mount table: adding, tuning, removing, moving. Each change
 * is made to the record first; a new mount made from it is then swapped in.
 */
#include "server/core/mount_table.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/log.h"
#include "lib/random.h"
#include "server/core/policy_rules.h"
#include "server/core/records.h"
#include "server/core/server.h"
#include "server/core/takeback_ask.h"
#include "server/keeper/keeper.h"

#define MOUNT_PATH_MAX 256
#define DELETE_STEP 500

/* So long an unmount waits for other machines. */
#define UNMOUNT_WAIT_S 50

/* One change at a time, with memory for it; end_change gives both back. */
static int
begin_change(struct mounts *mounts, struct arena **ret_arena, struct err *err)
	TRY_ACQUIRES(0, mounts_change_guard)
{
	struct arena *arena = arena_new(MOUNT_MEMORY_MAX);

	if (arena == NULL)
		return err_set_memory(err);
	lock_take(&mounts->change, &mounts_change_guard);
	*ret_arena = arena;
	return 0;
}

static void
end_change(struct mounts *mounts, struct arena **arena)
	RELEASES(mounts_change_guard)
{
	lock_give(&mounts->change, &mounts_change_guard);
	arena_free(arena);
}

/* ---- names ------------------------------------------------------------ */

/* Spaces of our own (reliability.md L08); no case variant of them either. */
static const char *const reserved[] = { "sys/", "auth/", "identity/", "audit/",
	"cubbyhole/" };

static bool
is_reserved(const char *path)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(reserved); i++) {
		struct span name = span_str(reserved[i]);
		struct span head = { (const uint8_t *)path, name.len };

		if (strlen(path) >= name.len &&
			span_compare_folded(head, name) == 0)
			return true;
	}
	return false;
}

/* Bytes that mean something in policies, paths or templates. */
static bool
is_path_byte(char c)
{
	return (uint8_t)c > ' ' && (uint8_t)c < 0x7f &&
		strchr("*+\\%?#{}\"", c) == NULL;
}

/* No empty, "." or ".." segments; path ends in '/'. */
static bool
is_path(const char *path)
{
	const char *at = path, *slash = NULL;

	if (*path == '\0' || strlen(path) > MOUNT_PATH_MAX)
		return false;
	for (; *at != '\0'; at = slash + 1) {
		size_t len;

		slash = strchr(at, '/');
		len = (size_t)(slash - at);
		if (len == 0 || (len == 1 && at[0] == '.') ||
			(len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
	}
	for (at = path; *at != '\0' && is_path_byte(*at);)
		at++;
	return *at == '\0';
}

/* The path as the table has it: prefix, no leading, one trailing '/'. */
static int
clean_path(struct arena *arena, const char *prefix, const char *wanted,
	const char **ret_path, struct err *err)
{
	size_t len = strlen(wanted);
	char *path = NULL;

	if (len > 0 && wanted[0] == '/') {
		wanted++;
		len--;
	}
	if (len > 0 && wanted[len - 1] == '/')
		len--;
	if (len > MOUNT_PATH_MAX)
		return err_set(err, ERR_INPUT, 400, "mount path is too long");
	path = arena_printf(arena, "%s%.*s/", prefix, (int)len, wanted);
	if (path == NULL)
		return err_set_memory(err);
	if (!is_path(path))
		return err_set(err, ERR_INPUT, 400,
			"invalid mount path \"%.64s\"", path);
	*ret_path = path;
	return 0;
}

/* No mount whose path equals, lies in or contains this one. */
static int
check_free(struct mounts *mounts, const char *path, const char *what,
	const char *quote, struct err *err)
{
	/* Callers name an auth mount without "auth/", and so is it shown. */
	const size_t skip = strncmp(path, "auth/", 5) == 0 ? 5 : 0;
	size_t i, len = strlen(path);
	int rc = 0;

	lock_read(&mounts->lock, &mounts_guard);
	for (i = 0; i < mounts->n && rc == 0; i++) {
		const char *other = mounts->table[i]->path;
		size_t other_len = strlen(other);

		if (strncmp(path, other, len < other_len ? len : other_len) ==
			0)
			rc = err_set(err, ERR_EXISTS, 400, "%s %s%s%s", what,
				quote, other + skip, quote);
	}
	lock_end_read(&mounts->lock, &mounts_guard);
	return rc;
}

/* ---- adding ----------------------------------------------------------- */

static int
check_token_type(const char *type, struct err *err)
{
	if (type == NULL || type[0] == '\0' ||
		strcmp(type, "default-service") == 0 ||
		strcmp(type, "default-batch") == 0 ||
		strcmp(type, "service") == 0 || strcmp(type, "batch") == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400, "invalid value for 'token_type'");
}

static int
check_visibility(const char *visibility, struct err *err)
{
	if (visibility == NULL || visibility[0] == '\0' ||
		strcmp(visibility, "hidden") == 0 ||
		strcmp(visibility, "unauth") == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400, "invalid listing_visibility %.64s",
		visibility);
}

static int
check_texts(const struct mount_wanted *wanted, struct err *err)
{
	int rc = check_visibility(wanted->listing_visibility, err);

	return rc != 0 ? rc : check_token_type(wanted->token_type, err);
}

/* What does not depend on the table, in the peer's order. */
static int
check_wanted(const struct mounts *mounts, const struct mount_wanted *wanted,
	struct err *err)
{
	int64_t default_s = wanted->default_lease_ttl_s;
	int64_t max_s = wanted->max_lease_ttl_s;
	int64_t system_s = mounts->server->settings->max_lease_ttl;

	if (wanted->type == NULL || wanted->type[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"backend type must be specified as a string");
	if (max_s > 0 && default_s > max_s)
		return err_set(err, ERR_INPUT, 400,
			"given default lease TTL greater than given max lease TTL");
	if (max_s <= 0 && default_s > system_s)
		return err_set(err, ERR_INPUT, 400,
			"given default lease TTL greater than system max lease TTL of %lld",
			(long long)system_s);
	if (value_find(wanted->options, "version") != NULL)
		return err_set(err, ERR_INPUT, 400,
			"secrets engine \"%.64s\" does not allow setting a version",
			wanted->type);
	return check_texts(wanted, err);
}

static int
check_type(const struct mounts *mounts, const struct mount_wanted *wanted,
	struct err *err)
{
	const struct mount_type *type =
		mounts_type(mounts, wanted->type, wanted->is_auth);

	if (type != NULL && type->builtin && wanted->is_auth && type->is_auth)
		return err_set(err, ERR_INPUT, 400,
			"%s credential backend cannot be instantiated",
			wanted->type);
	if (type == NULL)
		type = mounts_type(mounts, wanted->type, !wanted->is_auth);
	if (type != NULL && type->builtin)
		return err_set(err, ERR_INPUT, 400,
			"mount type of \"%s\" is not mountable", wanted->type);
	if (type == NULL || type->is_auth != wanted->is_auth)
		return err_set(err, ERR_INPUT, 400,
			"plugin not found in the catalog: %.64s", wanted->type);
	return 0;
}

static bool
set_accessor(struct arena *arena, struct value *record, const char *type,
	bool is_auth)
{
	uint8_t bytes[4];
	char hex[2 * sizeof(bytes) + 1];
	const char *accessor = NULL;

	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), hex);
	accessor = arena_printf(
		arena, "%s%s_%s", is_auth ? "auth_" : "", type, hex);
	return accessor != NULL &&
		value_set_str(arena, record, "accessor", accessor);
}

static bool
set_str(struct arena *arena, struct value *record, const char *name,
	const char *str)
{
	return value_set_str(arena, record, name, str == NULL ? "" : str);
}

/* The record of a new mount; NULL: no memory. */
struct value *
mounts_wanted_record(struct arena *arena, const struct mount_wanted *wanted,
	const char *path)
{
	struct value *record = value_object(arena);
	bool ok = set_str(arena, record, "path", path) &&
		set_str(arena, record, "type", wanted->type) &&
		set_accessor(arena, record, wanted->type, wanted->is_auth) &&
		set_str(arena, record, "description", wanted->description) &&
		set_str(arena, record, "listing_visibility",
			wanted->listing_visibility) &&
		set_str(arena, record, "token_type", wanted->token_type) &&
		value_set_bool(arena, record, "local", wanted->local) &&
		value_set_bool(arena, record, "seal_wrap", wanted->seal_wrap) &&
		value_set_bool(arena, record, "external_entropy_access",
			wanted->external_entropy_access) &&
		value_set_bool(arena, record, "force_no_cache",
			wanted->force_no_cache) &&
		value_set_int(arena, record, "default_lease_ttl_s",
			wanted->default_lease_ttl_s) &&
		value_set_int(arena, record, "max_lease_ttl_s",
			wanted->max_lease_ttl_s) &&
		(wanted->options == NULL
				? value_set(arena, record, "options",
					  value_object(arena))
				: mount_record_set(arena, record, "options",
					  wanted->options)) &&
		mount_record_set(arena, record, "audit_non_hmac_request_keys",
			wanted->audit_non_hmac_request_keys) &&
		mount_record_set(arena, record, "audit_non_hmac_response_keys",
			wanted->audit_non_hmac_response_keys) &&
		mount_record_set(arena, record, "passthrough_request_headers",
			wanted->passthrough_request_headers) &&
		mount_record_set(arena, record, "allowed_response_headers",
			wanted->allowed_response_headers);

	return ok ? record : NULL;
}

struct insertion {
	const struct mounts *mounts;
	const struct mount *mount;
	const struct value *record;
};

static int
insert_record(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct insertion *insertion = ctx;
	const struct mount *mount = insertion->mount;
	char name[MOUNT_RECORD_NAME_MAX];
	int rc;

	mount_record_name(mount->uuid, name);
	rc = kv_put(tx, &insertion->mounts->server->system, name,
		insertion->record, err);
	if (rc == 0 && mount->type->on_mount != NULL)
		rc = mount->type->on_mount(tx, &mount->kv, err);
	return rc;
}

/* Make a mount from a new record: durable, then in the table. */
int
mounts_insert(
	struct mounts *mounts, const struct value *record, struct err *err)
{
	struct insertion insertion = { .mounts = mounts, .record = record };
	struct mount *mount = NULL;
	char uuid[RANDOM_UUID_MAX];
	int rc;

	if (record == NULL)
		return err_set_memory(err);
	random_uuid(uuid);
	rc = mount_decode(mounts, uuid, record, &mount, err);
	if (rc != 0)
		return rc;
	insertion.mount = mount;
	rc = store_write(mounts->server->store, insert_record, &insertion, err);
	if (rc == 0)
		rc = mounts_table_put(mounts, mount, err);
	if (rc != 0)
		mount_unref(mounts, &mount);
	return rc;
}

static int
add_locked(struct mounts *mounts, const struct mount_wanted *wanted,
	struct arena *arena, struct err *err) REQUIRES(mounts_change_guard)
{
	const char *path = NULL;
	int rc = check_wanted(mounts, wanted, err);

	if (rc == 0)
		rc = clean_path(arena, wanted->is_auth ? "auth/" : "",
			wanted->path, &path, err);
	if (rc != 0)
		return rc;
	if (!wanted->is_auth && is_reserved(path))
		return err_set(
			err, ERR_INPUT, 400, "cannot mount \"%.64s\"", path);
	rc = check_type(mounts, wanted, err);
	if (rc == 0)
		rc = check_free(
			mounts, path, "path is already in use at", "", err);
	if (rc == 0)
		rc = mounts_insert(
			mounts, mounts_wanted_record(arena, wanted, path), err);
	return rc;
}

int
mounts_add(struct mounts *mounts, const struct mount_wanted *wanted,
	struct err *err)
{
	struct arena *arena = NULL;
	int rc = begin_change(mounts, &arena, err);

	if (rc != 0)
		return rc;
	rc = add_locked(mounts, wanted, arena, err);
	end_change(mounts, &arena);
	return rc;
}

/* ---- changing --------------------------------------------------------- */

/* Store a changed record and put the mount made from it in the table. */
static int
replace(struct mounts *mounts, const char *uuid, const struct value *record,
	struct err *err)
{
	struct mount *mount = NULL;
	char name[MOUNT_RECORD_NAME_MAX];
	int rc = mount_decode(mounts, uuid, record, &mount, err);

	if (rc != 0)
		return rc;
	mount_record_name(uuid, name);
	rc = kv_write(mounts->server->store, &mounts->server->system, name,
		record, err);
	if (rc == 0)
		rc = mounts_table_put(mounts, mount, err);
	if (rc != 0)
		mount_unref(mounts, &mount);
	return rc;
}

/* replace with one text changed. */
static int
replace_text(struct mounts *mounts, const struct mount *mount, const char *name,
	const char *text, struct arena *arena, struct err *err)
{
	struct value *record = mount_encode(mount, arena);

	if (record == NULL || !value_set_str(arena, record, name, text))
		return err_set_memory(err);
	return replace(mounts, mount->uuid, record, err);
}

static int
check_tune(const struct mount *mount, const struct mount_wanted *changes,
	struct err *err)
{
	int64_t default_s = changes->default_lease_ttl_s;
	int64_t max_s = changes->max_lease_ttl_s;

	if (default_s < 0)
		default_s = mount->default_lease_ttl_s;
	if (max_s < 0)
		max_s = mount->max_lease_ttl_s;
	if (max_s > 0 && default_s > max_s)
		return err_set(err, ERR_INPUT, 400,
			"backend max lease TTL of %lld would be less than backend default lease TTL of %lld",
			(long long)max_s, (long long)default_s);
	if (changes->token_type != NULL && !mount->type->is_auth)
		return err_set(err, ERR_INPUT, 400,
			"'token_type' can only be modified on auth mounts");
	return check_texts(changes, err);
}

static bool
tune_str(struct arena *arena, struct value *record, const char *name,
	const char *str)
{
	return str == NULL || value_set_str(arena, record, name, str);
}

static bool
tune_ttl(struct arena *arena, struct value *record, const char *name, int64_t s)
{
	return s < 0 || value_set_int(arena, record, name, s);
}

static bool
tune_value(struct arena *arena, struct value *record, const char *name,
	const struct value *value)
{
	return value == NULL ||
		value_set(arena, record, name, value_copy(arena, value));
}

static bool
tune_record(struct arena *arena, struct value *record,
	const struct mount_wanted *changes)
{
	return record != NULL &&
		tune_str(arena, record, "description", changes->description) &&
		tune_str(arena, record, "listing_visibility",
			changes->listing_visibility) &&
		tune_str(arena, record, "token_type", changes->token_type) &&
		tune_ttl(arena, record, "default_lease_ttl_s",
			changes->default_lease_ttl_s) &&
		tune_ttl(arena, record, "max_lease_ttl_s",
			changes->max_lease_ttl_s) &&
		tune_value(arena, record, "options", changes->options) &&
		tune_value(arena, record, "audit_non_hmac_request_keys",
			changes->audit_non_hmac_request_keys) &&
		tune_value(arena, record, "audit_non_hmac_response_keys",
			changes->audit_non_hmac_response_keys) &&
		tune_value(arena, record, "passthrough_request_headers",
			changes->passthrough_request_headers) &&
		tune_value(arena, record, "allowed_response_headers",
			changes->allowed_response_headers);
}

static int
tune_locked(struct mounts *mounts, const char *wanted,
	const struct mount_wanted *changes, struct arena *arena,
	struct err *err) REQUIRES(mounts_change_guard)
{
	struct mount *mount = NULL;
	struct value *record = NULL;
	const char *path = NULL;
	int rc = clean_path(arena, "", wanted, &path, err);

	if (rc != 0)
		return rc;
	if (is_reserved(path) && strncmp(path, "auth/", 5) != 0)
		return err_set(
			err, ERR_INPUT, 400, "cannot tune \"%.64s\"", path);
	mount = mounts_find_entry(mounts, path);
	if (mount == NULL || mount->state != MOUNT_LIVE)
		rc = err_set(err, ERR_INPUT, 400,
			"tune of path \"%.64s\" failed: no mount entry found",
			path);
	else
		rc = check_tune(mount, changes, err);
	if (rc == 0) {
		record = mount_encode(mount, arena);
		rc = tune_record(arena, record, changes)
			? replace(mounts, mount->uuid, record, err)
			: err_set_memory(err);
	}
	mount_unref(mounts, &mount);
	return rc;
}

int
mounts_tune(struct mounts *mounts, const char *path,
	const struct mount_wanted *changes, struct err *err)
{
	struct arena *arena = NULL;
	int rc = begin_change(mounts, &arena, err);

	if (rc != 0)
		return rc;
	rc = tune_locked(mounts, path, changes, arena, err);
	end_change(mounts, &arena);
	return rc;
}

/* ---- removing --------------------------------------------------------- */

struct emptying {
	const struct kv *kv;
	bool more;
};

static int
delete_some(struct store_tx *tx, void *ctx, struct err *err)
{
	struct emptying *emptying = ctx;

	return kv_delete_some(
		tx, emptying->kv, DELETE_STEP, &emptying->more, err);
}

/* What lies on other machines is removed with the mount's own keys. */
static int
take_leases_back(struct mounts *mounts, const struct mount *mount,
	int64_t longest_s, bool *ret_left, struct err *err)
{
	struct server *server = mounts->server;
	struct err cause = { 0 };
	int64_t end_ns = 0;
	int rc = lease_revoke_prefix(server->store, mount->uuid, "", err);

	*ret_left = false;
	if (rc != 0)
		return rc;
	end_ns = clock_boot_ns(server->clock) + longest_s * CLOCK_NS_PER_S;
	if (takeback_below(server->takeback, mount->uuid, "", end_ns, &cause) ==
		0)
		return 0;
	*ret_left = true;
	return err_set(err, ERR_INPUT, 400,
		"cannot unmount \"%.64s\": its leases could not all be taken back (%s): try again when they are, or end them with sys/leases/revoke-force",
		mount->path, cause.message);
}

int
mounts_finish_removal(struct mounts *mounts, const struct mount *mount,
	int64_t longest_s, bool *ret_left, struct err *err)
{
	struct store *store = mounts->server->store;
	struct emptying emptying = { .kv = &mount->kv, .more = true };
	char name[MOUNT_RECORD_NAME_MAX];
	int rc = take_leases_back(mounts, mount, longest_s, ret_left, err);

	if (rc == 0)
		rc = lease_revoke_prefix(
			store, mount->uuid, LEASE_PRIVATE, err);
	while (rc == 0 && emptying.more)
		rc = store_write(store, delete_some, &emptying, err);
	if (rc != 0)
		return rc;
	mount_record_name(mount->uuid, name);
	rc = records_delete(store, &mounts->server->system, name, err);
	if (rc == 0)
		mounts_table_drop(mounts, mount->uuid);
	return rc;
}

/* Mark the mount, so that it is found no more; *ret_mount: held, or NULL. */
static int
start_removal(struct mounts *mounts, const char *wanted, struct arena *arena,
	struct mount **ret_mount, struct err *err) REQUIRES(mounts_change_guard)
{
	struct mount *mount = NULL;
	const char *path = NULL;
	int rc = clean_path(arena, "", wanted, &path, err);

	if (rc != 0)
		return rc;
	mount = mounts_find_entry(mounts, path);
	if ((mount != NULL && mount->type->builtin) ||
		(is_reserved(path) && strncmp(path, "auth/", 5) != 0))
		rc = err_set(
			err, ERR_INPUT, 400, "cannot unmount \"%.64s\"", path);
	else if (mount != NULL && mount->state == MOUNT_LIVE)
		rc = replace_text(
			mounts, mount, "state", "removing", arena, err);
	if (rc != 0) {
		mount_unref(mounts, &mount);
		return rc;
	}
	if (mount != NULL)
		atomic_store(&mount->is_going, true);
	*ret_mount = mount;
	return 0;
}

int
mounts_give_up_removal(
	struct mounts *mounts, const struct mount *mount, struct err *err)
{
	struct arena *arena = arena_new(MOUNT_MEMORY_MAX);
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = replace_text(mounts, mount, "state", "live", arena, err);
	arena_free(&arena);
	return rc;
}

/* err says why it is not removed, and still does where it comes back. */
static void
bring_back(struct mounts *mounts, const struct mount *mount)
{
	struct err err = { 0 };
	int rc;

	lock_take(&mounts->change, &mounts_change_guard);
	rc = mounts_give_up_removal(mounts, mount, &err);
	lock_give(&mounts->change, &mounts_change_guard);
	if (rc != 0)
		log_error("mount is out of reach until the next unseal",
			LOG_STR("path", mount->path), LOG_ERR(&err));
}

int
mounts_remove(struct mounts *mounts, const char *path, struct err *err)
{
	struct arena *arena = NULL;
	struct mount *mount = NULL;
	bool left = false;
	int rc = begin_change(mounts, &arena, err);

	if (rc != 0)
		return rc;
	rc = start_removal(mounts, path, arena, &mount, err);
	end_change(mounts, &arena);
	if (rc == 0 && mount != NULL)
		rc = mounts_finish_removal(
			mounts, mount, UNMOUNT_WAIT_S, &left, err);
	if (left)
		bring_back(mounts, mount);
	/* Its keys must not stay; those of other mounts open again. */
	if (rc == 0 && mount != NULL)
		(void)keeper_ca_forget(mounts->server->keeper, SPAN_NONE, NULL);
	mount_unref(mounts, &mount);
	return rc;
}

/* ---- moving ----------------------------------------------------------- */

/* Out of the routes, in memory alone: after a crash it is where it was. */
static int
hide(struct mounts *mounts, const struct mount *mount, struct arena *arena,
	struct err *err)
{
	struct value *record = mount_encode(mount, arena);
	struct mount *hidden = NULL;
	int rc;

	if (record == NULL)
		return err_set_memory(err);
	rc = mount_decode(mounts, mount->uuid, record, &hidden, err);
	if (rc != 0)
		return rc;
	hidden->state = MOUNT_REMOVING;
	rc = mounts_table_put(mounts, hidden, err);
	if (rc != 0)
		mount_unref(mounts, &hidden);
	return rc;
}

/* Put back what hide took out. */
static void
show(struct mounts *mounts, struct mount *mount)
{
	struct err err = { 0 };

	atomic_store(&mount->is_going, false);
	atomic_fetch_add(&mount->refs, 1);
	if (mounts_table_put(mounts, mount, &err) != 0)
		log_error("mount is out of reach until the next unseal",
			LOG_STR("path", mount->path), LOG_ERR(&err));
}

static int
check_move(struct mounts *mounts, const char *from, const char *to,
	struct mount **ret_mount, struct err *err)
{
	struct mount *mount = NULL;
	int rc;

	if (is_reserved(from))
		return err_set(
			err, ERR_INPUT, 400, "cannot remount \"%.64s\"", from);
	if (is_reserved(to))
		return err_set(
			err, ERR_INPUT, 400, "cannot remount to \"%.64s\"", to);
	mount = mounts_find_entry(mounts, from);
	if (mount == NULL || mount->state != MOUNT_LIVE)
		rc = err_set(err, ERR_INPUT, 400,
			"no matching mount at \"%.64s\"", from);
	else
		rc = check_free(mounts, to, "existing mount at", "\"", err);
	if (rc == 0)
		*ret_mount = mount;
	else
		mount_unref(mounts, &mount);
	return rc;
}

static int
move_locked(struct mounts *mounts, const char *from, const char *to,
	struct arena *arena, struct err *err) REQUIRES(mounts_change_guard)
{
	struct mount *mount = NULL;
	int rc = clean_path(arena, "", from, &from, err);

	if (rc == 0)
		rc = clean_path(arena, "", to, &to, err);
	if (rc == 0)
		rc = check_move(mounts, from, to, &mount, err);
	if (rc == 0)
		rc = hide(mounts, mount, arena, err);
	if (rc != 0)
		goto out;
	atomic_store(&mount->is_going, true);
	rc = lease_revoke_prefix(mounts->server->store, mount->uuid, "", err);
	if (rc == 0)
		rc = replace_text(mounts, mount, "path", to, arena, err);
	if (rc != 0)
		show(mounts, mount);
out:
	mount_unref(mounts, &mount);
	return rc;
}

int
mounts_move(struct mounts *mounts, const char *from, const char *to,
	struct err *err)
{
	struct arena *arena = NULL;
	int rc = begin_change(mounts, &arena, err);

	if (rc != 0)
		return rc;
	rc = move_locked(mounts, from, to, arena, err);
	end_change(mounts, &arena);
	return rc;
}
