/*
 * What the files of the mount table share: the table itself, its entries and
 * the records that they come from. Only mount*.c include this.
 */
#ifndef SALLYPORT_SERVER_CORE_MOUNT_TABLE_H
#define SALLYPORT_SERVER_CORE_MOUNT_TABLE_H

#include "lib/lock.h"
#include "server/core/mount.h"

#define MOUNT_MEMORY_MAX (1024 * 1024)
#define MOUNT_RECORD_NAME_MAX 64

extern struct guard mounts_change_guard, mounts_guard;

struct mounts {
	struct server *server;
	const struct mount_type *const *types;
	pthread_mutex_t change; /* one change of the table at a time */
	pthread_rwlock_t lock;  /* never held while waiting */
	/* In order of path, each held once. */
	struct mount **table GUARDED_BY(mounts_guard);
	size_t n GUARDED_BY(mounts_guard);
	size_t cap GUARDED_BY(mounts_guard);
};

/* ---- mount_record.c: a mount and its record ------------------------------ */

/* The record of a mount; NULL: no memory. */
struct value *mount_encode(const struct mount *mount, struct arena *arena);

/* A mount from its record, held once. */
int mount_decode(const struct mounts *mounts, const char *uuid,
	const struct value *record, struct mount **ret_mount, struct err *err);

/* Copy a value into a record; NULL and null are left out. False: no memory. */
bool mount_record_set(struct arena *arena, struct value *record,
	const char *name, const struct value *value);

/* "mounts/<uuid>", in the key space of sys/. */
void mount_record_name(const char *uuid, char out[MOUNT_RECORD_NAME_MAX]);

/* ---- mount.c: the table ------------------------------------------------- */

/* Whether a mount's path is an auth method's. */
bool mounts_is_auth(const char *path);

/* Put a mount in, in place of one with its uuid; takes the reference. */
int mounts_table_put(
	struct mounts *mounts, struct mount *mount, struct err *err);

/* Take the entry with this uuid out, where there is one. */
void mounts_table_drop(struct mounts *mounts, const char *uuid);

/* The entry with exactly this path, live or not, held; or NULL. */
struct mount *mounts_find_entry(struct mounts *mounts, const char *path);

/* ---- mount_change.c: what alters it ------------------------------------- */

/* The record of a new mount at a clean path; NULL: no memory. */
struct value *mounts_wanted_record(struct arena *arena,
	const struct mount_wanted *wanted, const char *path);

/* Make the record durable and put its mount in the table. */
int mounts_insert(
	struct mounts *mounts, const struct value *record, struct err *err);

/*
 * What follows the durable state removing: leases, records, entry. May run
 * again from the start at any point. *ret_left (ERR_INPUT, 400): leases are
 * still on other machines after longest_s, and the mount has to stay.
 */
int mounts_finish_removal(struct mounts *mounts, const struct mount *mount,
	int64_t longest_s, bool *ret_left, struct err *err);

/* It is live again. */
int mounts_give_up_removal(struct mounts *mounts, const struct mount *mount,
	struct err *err) REQUIRES(mounts_change_guard);

#endif
