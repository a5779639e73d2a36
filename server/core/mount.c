/*
 * The mount table and its look-ups. A struct mount never changes once it stands
 * in the table (but for the mark that it is going): a tune or a move makes a
 * new one from the changed record and swaps it in, so that a request which
 * holds the old one reads it without a lock.
 */
#include "server/core/mount.h"

#include <stdlib.h>
#include <string.h>

#include "server/core/identity.h"
#include "server/core/mount_table.h"
#include "server/core/server.h"

struct guard mounts_change_guard, mounts_guard;

/* ---- the table -------------------------------------------------------- */

const struct mount_type *
mounts_type(const struct mounts *mounts, const char *name, bool is_auth)
{
	const struct mount_type *const *type = NULL;

	for (type = mounts->types; *type != NULL; type++) {
		if ((*type)->is_auth == is_auth &&
			strcmp((*type)->name, name) == 0)
			return *type;
	}
	return NULL;
}

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

/* Room for one more. */
static bool
table_grow(struct mounts *mounts) REQUIRES(mounts_guard)
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

/* The table's hold on the entry becomes the caller's. */
static struct mount *
table_take(struct mounts *mounts, const char *uuid) REQUIRES(mounts_guard)
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
int
mounts_table_put(struct mounts *mounts, struct mount *mount, struct err *err)
{
	struct mount *old = NULL;
	size_t i;
	bool room;

	lock_write(&mounts->lock, &mounts_guard);
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
	lock_end_write(&mounts->lock, &mounts_guard);
	mount_unref(mounts, &old);
	return room ? 0 : err_set_memory(err);
}

void
mounts_table_drop(struct mounts *mounts, const char *uuid)
{
	struct mount *old = NULL;

	lock_write(&mounts->lock, &mounts_guard);
	old = table_take(mounts, uuid);
	lock_end_write(&mounts->lock, &mounts_guard);
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
 * The entry that path lies in. Paths of mounts never nest, so
 * it is the last one that does not sort behind path.
 */
static struct mount *
table_match(const struct mounts *mounts, const char *path)
	REQUIRES_SHARED(mounts_guard)
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

	lock_read(&mounts->lock, &mounts_guard);
	mount = hold_live(table_match(mounts, path));
	lock_end_read(&mounts->lock, &mounts_guard);
	return mount;
}

struct mount *
mounts_find_entry(struct mounts *mounts, const char *path)
{
	struct mount *mount = NULL;

	lock_read(&mounts->lock, &mounts_guard);
	mount = table_match(mounts, path);
	if (mount != NULL && strcmp(mount->path, path) != 0)
		mount = NULL;
	if (mount != NULL)
		atomic_fetch_add(&mount->refs, 1);
	lock_end_read(&mounts->lock, &mounts_guard);
	return mount;
}

struct mount *
mounts_find_uuid(struct mounts *mounts, const char *uuid)
{
	struct mount *mount = NULL;
	size_t i;

	lock_read(&mounts->lock, &mounts_guard);
	for (i = 0; i < mounts->n && mount == NULL; i++) {
		if (strcmp(mounts->table[i]->uuid, uuid) == 0)
			mount = mounts->table[i];
	}
	if (mount != NULL)
		atomic_fetch_add(&mount->refs, 1);
	lock_end_read(&mounts->lock, &mounts_guard);
	return mount;
}

int
mounts_each(struct mounts *mounts, mount_fn *fn, void *ctx, struct err *err)
{
	size_t i;
	int rc = 0;

	lock_read(&mounts->lock, &mounts_guard);
	for (i = 0; i < mounts->n && rc == 0; i++) {
		if (mounts->table[i]->state == MOUNT_LIVE)
			rc = fn(ctx, mounts->table[i], err);
	}
	lock_end_read(&mounts->lock, &mounts_guard);
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
	lock_write(&mounts->lock, &mounts_guard);
	while (mounts->n > 0)
		mount_unref(mounts, &mounts->table[--mounts->n]);
	lock_end_write(&mounts->lock, &mounts_guard);
}

void
mounts_free(struct mounts **mounts)
{
	if (*mounts == NULL)
		return;
	mounts_unload(*mounts);
	guard_unshared(&mounts_guard);
	pthread_mutex_destroy(&(*mounts)->change);
	pthread_rwlock_destroy(&(*mounts)->lock);
	free((*mounts)->table);
	free(*mounts);
	*mounts = NULL;
}

bool
mounts_is_auth(const char *path)
{
	return strncmp(path, "auth/", strlen("auth/")) == 0;
}
