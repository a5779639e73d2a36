/*
 * The mount table. A struct mount never changes once it stands in the table
 * (but for the mark that it is going): a tune or a move makes a new one from
 * the changed record and swaps it in, so that a request which holds the old one
 * reads it without a lock. The record
 * ("mounts/<uuid>" of sys/'s key space) is the one form that all of this
 * works on.
 */
#include "server/core/mount.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/log.h"
#include "lib/random.h"
#include "server/core/policy_rules.h"
#include "server/core/records.h"
#include "server/core/server.h"

#define MOUNT_PATH_MAX 256
#define MOUNT_MEMORY_MAX (1024 * 1024)
#define RECORD_NAME_MAX 64
#define DELETE_STEP 500

struct mounts {
	struct server *server;
	const struct mount_type *const *types;
	pthread_mutex_t change; /* one change of the table at a time */
	pthread_rwlock_t lock;  /* table, n; never held while waiting */
	struct mount **table;   /* in order of path, each held once */
	size_t n, cap;
};

/* ---- records ---------------------------------------------------------- */

enum member_type { MEMBER_STR, MEMBER_BOOL, MEMBER_INT, MEMBER_VALUE };

#define MEMBER(kind, member)                                                   \
	{                                                                      \
#member, kind, offsetof(struct mount, member)                  \
	}

/* Members that a record and a struct mount have in common. */
static const struct member {
	const char *name;
	enum member_type type;
	size_t offset;
} members[] = {
	MEMBER(MEMBER_STR, path),
	MEMBER(MEMBER_STR, description),
	MEMBER(MEMBER_STR, listing_visibility),
	MEMBER(MEMBER_STR, token_type),
	MEMBER(MEMBER_BOOL, local),
	MEMBER(MEMBER_BOOL, seal_wrap),
	MEMBER(MEMBER_BOOL, external_entropy_access),
	MEMBER(MEMBER_BOOL, force_no_cache),
	MEMBER(MEMBER_INT, default_lease_ttl_s),
	MEMBER(MEMBER_INT, max_lease_ttl_s),
	MEMBER(MEMBER_VALUE, options),
	MEMBER(MEMBER_VALUE, audit_non_hmac_request_keys),
	MEMBER(MEMBER_VALUE, audit_non_hmac_response_keys),
	MEMBER(MEMBER_VALUE, passthrough_request_headers),
	MEMBER(MEMBER_VALUE, allowed_response_headers),
};

static const void *
member_of(const struct mount *mount, const struct member *member)
{
	return (const uint8_t *)mount + member->offset;
}

/* NULL values are left out: no such member, or null. */
static bool
set_value(struct arena *arena, struct value *record, const char *name,
	const struct value *value)
{
	return value == NULL || value->type == VALUE_NULL ||
		value_set(arena, record, name, value_copy(arena, value));
}

static bool
encode_member(struct arena *arena, const struct mount *mount,
	const struct member *member, struct value *record)
{
	const void *at = member_of(mount, member);

	switch (member->type) {
	case MEMBER_STR:
		return value_set_str(
			arena, record, member->name, *(char *const *)at);
	case MEMBER_BOOL:
		return value_set_bool(
			arena, record, member->name, *(const bool *)at);
	case MEMBER_INT:
		return value_set_int(
			arena, record, member->name, *(const int64_t *)at);
	case MEMBER_VALUE:
		return set_value(arena, record, member->name,
			*(struct value *const *)at);
	}
	return false;
}

static bool
decode_member(const struct value *record, const struct member *member,
	struct mount *mount)
{
	uint8_t *at = (uint8_t *)mount + member->offset;
	const struct value *found = value_find(record, member->name);
	const void *copy = NULL;

	switch (member->type) {
	case MEMBER_STR:
		copy = arena_strdup(
			mount->arena, value_find_str(record, member->name, ""));
		memcpy(at, &copy, sizeof(copy));
		return copy != NULL;
	case MEMBER_BOOL:
		*(bool *)at = value_find_bool(record, member->name, false);
		return true;
	case MEMBER_INT:
		*(int64_t *)(void *)at =
			value_find_int(record, member->name, 0);
		return true;
	case MEMBER_VALUE:
		if (found != NULL && found->type != VALUE_NULL)
			copy = value_copy(mount->arena, found);
		memcpy(at, &copy, sizeof(copy));
		return copy != NULL || found == NULL ||
			found->type == VALUE_NULL;
	}
	return false;
}

/* The record of a mount; NULL: no memory. */
static struct value *
encode(const struct mount *mount, struct arena *arena)
{
	struct value *record = value_object(arena);
	bool removing = mount->state == MOUNT_REMOVING;
	size_t i;
	bool ok = value_set_str(arena, record, "type", mount->type->name) &&
		value_set_str(arena, record, "accessor", mount->accessor) &&
		value_set_str(
			arena, record, "state", removing ? "removing" : "live");

	for (i = 0; i < ARRAY_LEN(members) && ok; i++)
		ok = encode_member(arena, mount, &members[i], record);
	return ok ? record : NULL;
}

const struct mount_type *
mounts_type(const struct mounts *mounts, const char *name)
{
	const struct mount_type *const *type = NULL;

	for (type = mounts->types; *type != NULL; type++) {
		if (strcmp((*type)->name, name) == 0)
			return *type;
	}
	return NULL;
}

static int
bad_record(const char *uuid, const char *why, struct err *err)
{
	err_set(err, ERR_STORAGE, 500, "internal error");
	return err_wrap(err, "mount record %s: %s", uuid, why);
}

static int
decode_into(const struct mounts *mounts, const char *uuid,
	const struct value *record, struct mount *mount, struct err *err)
{
	const char *accessor = value_find_str(record, "accessor", "");
	const char *state = value_find_str(record, "state", "live");
	size_t i;

	mount->type = mounts_type(mounts, value_find_str(record, "type", ""));
	if (mount->type == NULL)
		return bad_record(uuid, "unknown type", err);
	if (strlen(uuid) >= sizeof(mount->uuid) ||
		strlen(accessor) >= sizeof(mount->accessor))
		return bad_record(uuid, "too long", err);
	memcpy(mount->uuid, uuid, strlen(uuid) + 1);
	memcpy(mount->accessor, accessor, strlen(accessor) + 1);
	mount->state =
		strcmp(state, "removing") == 0 ? MOUNT_REMOVING : MOUNT_LIVE;
	mount->kv = kv_of(uuid);
	for (i = 0; i < ARRAY_LEN(members); i++) {
		if (!decode_member(record, &members[i], mount))
			return err_set_memory(err);
	}
	if (mount->path[0] == '\0')
		return bad_record(uuid, "no path", err);
	return 0;
}

/* A mount from its record, held once. */
static int
decode(const struct mounts *mounts, const char *uuid,
	const struct value *record, struct mount **ret_mount, struct err *err)
{
	struct arena *arena = arena_new(MOUNT_MEMORY_MAX);
	struct mount *mount = NULL;
	int rc;

	if (arena != NULL)
		mount = ARENA_NEW(arena, struct mount);
	if (mount == NULL) {
		arena_free(&arena);
		return err_set_memory(err);
	}
	mount->arena = arena;
	mount->refs = 1;
	rc = decode_into(mounts, uuid, record, mount, err);
	if (rc != 0)
		arena_free(&arena);
	else
		*ret_mount = mount;
	return rc;
}

static void
record_name(const char *uuid, char out[RECORD_NAME_MAX])
{
	(void)snprintf(out, RECORD_NAME_MAX, "mounts/%s", uuid);
}

/* ---- the table -------------------------------------------------------- */

void
mount_unref(struct mounts *mounts, struct mount **mount)
{
	struct mount *old = *mount;
	struct arena *arena = NULL;

	(void)mounts;
	*mount = NULL;
	if (old == NULL || atomic_fetch_sub(&old->refs, 1) != 1)
		return;
	arena = old->arena;
	arena_free(&arena);
}

/* Room for one more; the write lock is held. */
static bool
table_grow(struct mounts *mounts)
{
	size_t cap = mounts->cap == 0 ? 16 : 2 * mounts->cap;
	struct mount **table = NULL;

	if (mounts->n < mounts->cap)
		return true;
	table = reallocarray(mounts->table, cap, sizeof(*table));
	if (table == NULL)
		return false;
	mounts->table = table;
	mounts->cap = cap;
	return true;
}

/* The write lock is held. The table's hold on the entry becomes the caller's */
static struct mount *
table_take(struct mounts *mounts, const char *uuid)
{
	struct mount *found = NULL;
	size_t i;

	for (i = 0; i < mounts->n && found == NULL; i++) {
		if (strcmp(mounts->table[i]->uuid, uuid) == 0)
			found = mounts->table[i];
	}
	if (found == NULL)
		return NULL;
	mounts->n--;
	memmove(&mounts->table[i - 1], &mounts->table[i],
		(mounts->n - (i - 1)) * sizeof(struct mount *));
	return found;
}

/* Put a mount in, in place of the one with its uuid; takes the caller's hold.*/
static int
table_put(struct mounts *mounts, struct mount *mount, struct err *err)
{
	struct mount *old = NULL;
	size_t i;
	bool room;

	pthread_rwlock_wrlock(&mounts->lock);
	room = table_grow(mounts);
	if (room) {
		old = table_take(mounts, mount->uuid);
		for (i = mounts->n; i > 0 &&
			strcmp(mounts->table[i - 1]->path, mount->path) > 0;
			i--)
			mounts->table[i] = mounts->table[i - 1];
		mounts->table[i] = mount;
		mounts->n++;
	}
	pthread_rwlock_unlock(&mounts->lock);
	mount_unref(mounts, &old);
	return room ? 0 : err_set_memory(err);
}

static void
table_drop(struct mounts *mounts, const char *uuid)
{
	struct mount *old = NULL;

	pthread_rwlock_wrlock(&mounts->lock);
	old = table_take(mounts, uuid);
	pthread_rwlock_unlock(&mounts->lock);
	mount_unref(mounts, &old);
}

/* strcmp(entry, path + "/"), where path may have that slash already. */
static int
compare_path(const char *entry, const char *path, size_t len)
{
	int order = strncmp(entry, path, len);

	if (order != 0)
		return order;
	if (len > 0 && path[len - 1] == '/')
		return entry[len] != '\0';
	if (entry[len] != '/')
		return entry[len] > '/' ? 1 : -1;
	return entry[len + 1] != '\0';
}

/* path lies in the mount, or is its path without the slash. */
static bool
lies_in(const struct mount *mount, const char *path, size_t len)
{
	size_t mount_len = strlen(mount->path);

	if (len + 1 == mount_len)
		mount_len--;
	return len >= mount_len && strncmp(mount->path, path, mount_len) == 0;
}

/*
 * The entry that path lies in; a lock is held. Paths of mounts never nest, so
 * it is the last one that does not sort behind path.
 */
static struct mount *
table_match(const struct mounts *mounts, const char *path)
{
	size_t low = 0, high = mounts->n, len = strlen(path);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_path(mounts->table[mid]->path, path, len) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || !lies_in(mounts->table[low - 1], path, len))
		return NULL;
	return mounts->table[low - 1];
}

/* Hold it, if it is there and live. */
static struct mount *
hold_live(struct mount *mount)
{
	if (mount == NULL || mount->state != MOUNT_LIVE)
		return NULL;
	atomic_fetch_add(&mount->refs, 1);
	return mount;
}

struct mount *
mounts_find(struct mounts *mounts, const char *path)
{
	struct mount *mount = NULL;

	pthread_rwlock_rdlock(&mounts->lock);
	mount = hold_live(table_match(mounts, path));
	pthread_rwlock_unlock(&mounts->lock);
	return mount;
}

struct mount *
mounts_find_uuid(struct mounts *mounts, const char *uuid)
{
	struct mount *mount = NULL;
	size_t i;

	pthread_rwlock_rdlock(&mounts->lock);
	for (i = 0; i < mounts->n && mount == NULL; i++) {
		if (strcmp(mounts->table[i]->uuid, uuid) == 0)
			mount = hold_live(mounts->table[i]);
	}
	pthread_rwlock_unlock(&mounts->lock);
	return mount;
}

/* The entry with exactly this path, live or not, held; or NULL. */
static struct mount *
find_entry(struct mounts *mounts, const char *path)
{
	struct mount *mount = NULL;

	pthread_rwlock_rdlock(&mounts->lock);
	mount = table_match(mounts, path);
	if (mount != NULL && strcmp(mount->path, path) != 0)
		mount = NULL;
	if (mount != NULL)
		atomic_fetch_add(&mount->refs, 1);
	pthread_rwlock_unlock(&mounts->lock);
	return mount;
}

int
mounts_each(struct mounts *mounts, mount_fn *fn, void *ctx, struct err *err)
{
	size_t i;
	int rc = 0;

	pthread_rwlock_rdlock(&mounts->lock);
	for (i = 0; i < mounts->n && rc == 0; i++) {
		if (mounts->table[i]->state == MOUNT_LIVE)
			rc = fn(ctx, mounts->table[i], err);
	}
	pthread_rwlock_unlock(&mounts->lock);
	return rc;
}

int64_t
mount_default_ttl_s(const struct server *server, const struct mount *mount)
{
	return mount->default_lease_ttl_s > 0
		? mount->default_lease_ttl_s
		: server->settings->default_lease_ttl;
}

int64_t
mount_max_ttl_s(const struct server *server, const struct mount *mount)
{
	return mount->max_lease_ttl_s > 0 ? mount->max_lease_ttl_s
					  : server->settings->max_lease_ttl;
}

int
mounts_new(struct server *server, const struct mount_type *const *types,
	struct mounts **ret_mounts, struct err *err)
{
	struct mounts *mounts = calloc(1, sizeof(*mounts));

	if (mounts == NULL)
		return err_set_memory(err);
	mounts->server = server;
	mounts->types = types;
	pthread_mutex_init(&mounts->change, NULL);
	pthread_rwlock_init(&mounts->lock, NULL);
	*ret_mounts = mounts;
	return 0;
}

void
mounts_unload(struct mounts *mounts)
{
	pthread_rwlock_wrlock(&mounts->lock);
	while (mounts->n > 0)
		mount_unref(mounts, &mounts->table[--mounts->n]);
	pthread_rwlock_unlock(&mounts->lock);
}

void
mounts_free(struct mounts **mounts)
{
	if (*mounts == NULL)
		return;
	mounts_unload(*mounts);
	pthread_mutex_destroy(&(*mounts)->change);
	pthread_rwlock_destroy(&(*mounts)->lock);
	free((*mounts)->table);
	free(*mounts);
	*mounts = NULL;
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
		return err_set(
			err, ERR_INPUT, 400, "invalid mount path \"%s\"", path);
	*ret_path = path;
	return 0;
}

/* No mount whose path equals, lies in or contains this one. */
static int
check_free(struct mounts *mounts, const char *path, const char *what,
	const char *quote, struct err *err)
{
	size_t i, len = strlen(path);
	int rc = 0;

	pthread_rwlock_rdlock(&mounts->lock);
	for (i = 0; i < mounts->n && rc == 0; i++) {
		const char *other = mounts->table[i]->path;
		size_t other_len = strlen(other);

		if (strncmp(path, other, len < other_len ? len : other_len) ==
			0)
			rc = err_set(err, ERR_EXISTS, 400, "%s %s%s%s", what,
				quote, other, quote);
	}
	pthread_rwlock_unlock(&mounts->lock);
	return rc;
}

/* ---- adding ----------------------------------------------------------- */

static int
check_visibility(const char *visibility, struct err *err)
{
	if (visibility == NULL || visibility[0] == '\0' ||
		strcmp(visibility, "hidden") == 0 ||
		strcmp(visibility, "unauth") == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400, "invalid listing_visibility %s",
		visibility);
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
			"secrets engine \"%s\" does not allow setting a version",
			wanted->type);
	return check_visibility(wanted->listing_visibility, err);
}

static int
check_type(const struct mounts *mounts, const struct mount_wanted *wanted,
	struct err *err)
{
	const struct mount_type *type = mounts_type(mounts, wanted->type);

	if (type != NULL && type->builtin)
		return err_set(err, ERR_INPUT, 400,
			"mount type of \"%s\" is not mountable", wanted->type);
	if (type == NULL || type->is_auth != wanted->is_auth)
		return err_set(err, ERR_INPUT, 400,
			"plugin not found in the catalog: %s", wanted->type);
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
static struct value *
wanted_record(struct arena *arena, const struct mount_wanted *wanted,
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
		(wanted->options == NULL ? value_set(arena, record, "options",
						   value_object(arena))
					 : set_value(arena, record, "options",
						   wanted->options)) &&
		set_value(arena, record, "audit_non_hmac_request_keys",
			wanted->audit_non_hmac_request_keys) &&
		set_value(arena, record, "audit_non_hmac_response_keys",
			wanted->audit_non_hmac_response_keys) &&
		set_value(arena, record, "passthrough_request_headers",
			wanted->passthrough_request_headers) &&
		set_value(arena, record, "allowed_response_headers",
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
	char name[RECORD_NAME_MAX];
	int rc;

	record_name(mount->uuid, name);
	rc = kv_put(tx, &insertion->mounts->server->system, name,
		insertion->record, err);
	if (rc == 0 && mount->type->on_mount != NULL)
		rc = mount->type->on_mount(tx, &mount->kv, err);
	return rc;
}

/* Make a mount from a new record: durable, then in the table. */
static int
insert(struct mounts *mounts, const struct value *record, struct err *err)
{
	struct insertion insertion = { .mounts = mounts, .record = record };
	struct mount *mount = NULL;
	char uuid[RANDOM_UUID_MAX];
	int rc;

	if (record == NULL)
		return err_set_memory(err);
	random_uuid(uuid);
	rc = decode(mounts, uuid, record, &mount, err);
	if (rc != 0)
		return rc;
	insertion.mount = mount;
	rc = store_write(mounts->server->store, insert_record, &insertion, err);
	if (rc == 0)
		rc = table_put(mounts, mount, err);
	if (rc != 0)
		mount_unref(mounts, &mount);
	return rc;
}

static int
add_locked(struct mounts *mounts, const struct mount_wanted *wanted,
	struct arena *arena, struct err *err)
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
			err, ERR_INPUT, 400, "cannot mount \"%s\"", path);
	rc = check_type(mounts, wanted, err);
	if (rc == 0)
		rc = check_free(
			mounts, path, "path is already in use at", "", err);
	if (rc == 0)
		rc = insert(mounts, wanted_record(arena, wanted, path), err);
	return rc;
}

int
mounts_add(struct mounts *mounts, const struct mount_wanted *wanted,
	struct err *err)
{
	struct arena *arena = arena_new(MOUNT_MEMORY_MAX);
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	pthread_mutex_lock(&mounts->change);
	rc = add_locked(mounts, wanted, arena, err);
	pthread_mutex_unlock(&mounts->change);
	arena_free(&arena);
	return rc;
}

/* ---- changing --------------------------------------------------------- */

/* Store a changed record and put the mount made from it in the table. */
static int
replace(struct mounts *mounts, const char *uuid, const struct value *record,
	struct err *err)
{
	struct mount *mount = NULL;
	char name[RECORD_NAME_MAX];
	int rc = decode(mounts, uuid, record, &mount, err);

	if (rc != 0)
		return rc;
	record_name(uuid, name);
	rc = kv_write(mounts->server->store, &mounts->server->system, name,
		record, err);
	if (rc == 0)
		rc = table_put(mounts, mount, err);
	if (rc != 0)
		mount_unref(mounts, &mount);
	return rc;
}

/* replace with one text changed. */
static int
replace_text(struct mounts *mounts, const struct mount *mount, const char *name,
	const char *text, struct arena *arena, struct err *err)
{
	struct value *record = encode(mount, arena);

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
	return check_visibility(changes->listing_visibility, err);
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
	struct err *err)
{
	struct mount *mount = NULL;
	struct value *record = NULL;
	const char *path = NULL;
	int rc = clean_path(arena, "", wanted, &path, err);

	if (rc != 0)
		return rc;
	if (is_reserved(path) && strncmp(path, "auth/", 5) != 0)
		return err_set(err, ERR_INPUT, 400, "cannot tune \"%s\"", path);
	mount = find_entry(mounts, path);
	if (mount == NULL || mount->state != MOUNT_LIVE)
		rc = err_set(err, ERR_INPUT, 400,
			"tune of path \"%s\" failed: no mount entry found",
			path);
	else
		rc = check_tune(mount, changes, err);
	if (rc == 0) {
		record = encode(mount, arena);
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
	struct arena *arena = arena_new(MOUNT_MEMORY_MAX);
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	pthread_mutex_lock(&mounts->change);
	rc = tune_locked(mounts, path, changes, arena, err);
	pthread_mutex_unlock(&mounts->change);
	arena_free(&arena);
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

/*
 * What follows the durable state removing: leases, records, entry. May run
 * again from the start at any point.
 */
static int
finish_removal(
	struct mounts *mounts, const struct mount *mount, struct err *err)
{
	struct store *store = mounts->server->store;
	struct emptying emptying = { .kv = &mount->kv, .more = true };
	char name[RECORD_NAME_MAX];
	int rc = lease_revoke_prefix(store, mount->uuid, "", err);

	while (rc == 0 && emptying.more)
		rc = store_write(store, delete_some, &emptying, err);
	if (rc != 0)
		return rc;
	record_name(mount->uuid, name);
	rc = records_delete(store, &mounts->server->system, name, err);
	if (rc == 0)
		table_drop(mounts, mount->uuid);
	return rc;
}

/* Mark the mount, so that it is found no more; *ret_mount: held, or NULL. */
static int
start_removal(struct mounts *mounts, const char *wanted, struct arena *arena,
	struct mount **ret_mount, struct err *err)
{
	struct mount *mount = NULL;
	const char *path = NULL;
	int rc = clean_path(arena, "", wanted, &path, err);

	if (rc != 0)
		return rc;
	mount = find_entry(mounts, path);
	if ((mount != NULL && mount->type->builtin) ||
		(is_reserved(path) && strncmp(path, "auth/", 5) != 0))
		rc = err_set(
			err, ERR_INPUT, 400, "cannot unmount \"%s\"", path);
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
mounts_remove(struct mounts *mounts, const char *path, struct err *err)
{
	struct arena *arena = arena_new(MOUNT_MEMORY_MAX);
	struct mount *mount = NULL;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	pthread_mutex_lock(&mounts->change);
	rc = start_removal(mounts, path, arena, &mount, err);
	pthread_mutex_unlock(&mounts->change);
	if (rc == 0 && mount != NULL)
		rc = finish_removal(mounts, mount, err);
	mount_unref(mounts, &mount);
	arena_free(&arena);
	return rc;
}

/* ---- moving ----------------------------------------------------------- */

/* Out of the routes, in memory alone: after a crash it is where it was. */
static int
hide(struct mounts *mounts, const struct mount *mount, struct arena *arena,
	struct err *err)
{
	struct value *record = encode(mount, arena);
	struct mount *hidden = NULL;
	int rc;

	if (record == NULL)
		return err_set_memory(err);
	rc = decode(mounts, mount->uuid, record, &hidden, err);
	if (rc != 0)
		return rc;
	hidden->state = MOUNT_REMOVING;
	rc = table_put(mounts, hidden, err);
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
	if (table_put(mounts, mount, &err) != 0)
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
			err, ERR_INPUT, 400, "cannot remount \"%s\"", from);
	if (is_reserved(to))
		return err_set(
			err, ERR_INPUT, 400, "cannot remount to \"%s\"", to);
	mount = find_entry(mounts, from);
	if (mount == NULL || mount->state != MOUNT_LIVE)
		rc = err_set(err, ERR_INPUT, 400, "no matching mount at \"%s\"",
			from);
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
	struct arena *arena, struct err *err)
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
	struct arena *arena = arena_new(MOUNT_MEMORY_MAX);
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	pthread_mutex_lock(&mounts->change);
	rc = move_locked(mounts, from, to, arena, err);
	pthread_mutex_unlock(&mounts->change);
	arena_free(&arena);
	return rc;
}

/* ---- loading ---------------------------------------------------------- */

/* Mounts that are always there, where their type was handed in. */
static const struct builtin {
	const char *type, *path, *description;
	const char *passthrough; /* a request header, or NULL */
} builtins[] = {
	{ "system", "sys/",
		"system endpoints used for control, policy and debugging",
		"Accept" },
	{ "token", "auth/token/", "token based credentials", NULL },
};

static int
add_builtin(struct mounts *mounts, const struct builtin *builtin,
	const struct mount_type *type, struct err *err)
{
	struct arena *arena = arena_new(MOUNT_MEMORY_MAX);
	struct value null = { .type = VALUE_NULL };
	struct mount_wanted wanted = {
		.type = builtin->type,
		.description = builtin->description,
		.is_auth = type->is_auth,
		.options = &null,
	};
	struct value *headers = NULL;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	if (builtin->passthrough != NULL) {
		headers = value_list(arena);
		(void)value_add(
			headers, value_string(arena, builtin->passthrough));
	}
	wanted.passthrough_request_headers = headers;
	rc = insert(mounts, wanted_record(arena, &wanted, builtin->path), err);
	arena_free(&arena);
	return rc;
}

static int
add_builtins(struct mounts *mounts, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < ARRAY_LEN(builtins) && rc == 0; i++) {
		const struct mount_type *type =
			mounts_type(mounts, builtins[i].type);
		struct mount *mount = find_entry(mounts, builtins[i].path);

		if (type != NULL && mount == NULL)
			rc = add_builtin(mounts, &builtins[i], type, err);
		mount_unref(mounts, &mount);
	}
	return rc;
}

static int
load_one(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	struct mounts *mounts = ctx;
	struct mount *mount = NULL;
	int rc = decode(mounts, name, value, &mount, err);

	if (rc == 0)
		rc = table_put(mounts, mount, err);
	if (rc != 0)
		mount_unref(mounts, &mount);
	return rc;
}

/* A mount whose removal was cut off, held; or NULL. */
static struct mount *
find_removing(struct mounts *mounts)
{
	struct mount *mount = NULL;
	size_t i;

	pthread_rwlock_rdlock(&mounts->lock);
	for (i = 0; i < mounts->n && mount == NULL; i++) {
		if (mounts->table[i]->state == MOUNT_REMOVING)
			mount = mounts->table[i];
	}
	if (mount != NULL)
		atomic_fetch_add(&mount->refs, 1);
	pthread_rwlock_unlock(&mounts->lock);
	return mount;
}

static int
resume_removals(struct mounts *mounts, struct err *err)
{
	struct mount *mount = NULL;
	int rc = 0;

	while (rc == 0 && (mount = find_removing(mounts)) != NULL) {
		log_info("finishing the removal of a mount",
			LOG_STR("path", mount->path));
		rc = finish_removal(mounts, mount, err);
		mount_unref(mounts, &mount);
	}
	return rc;
}

int
mounts_load(struct mounts *mounts, struct err *err)
{
	int rc;

	pthread_mutex_lock(&mounts->change);
	mounts_unload(mounts);
	rc = records_each(mounts->server->store, &mounts->server->system,
		"mounts/", load_one, mounts, err);
	if (rc == 0)
		rc = add_builtins(mounts, err);
	if (rc == 0)
		rc = resume_removals(mounts, err);
	if (rc != 0)
		mounts_unload(mounts);
	pthread_mutex_unlock(&mounts->change);
	return rc;
}
