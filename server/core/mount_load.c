/*
 * What stands in the mount table after unseal: the mounts of the records, those
 * that are always there, and none whose removal was cut off.
 */
#include "server/core/mount_table.h"

#include "lib/log.h"
#include "server/core/identity.h"
#include "server/core/records.h"
#include "server/core/server.h"

/* Nothing is called before the rest is loaded: what is queued is left. */
#define RESUME_WAIT_S (-1)

/* Mounts that are always there, where their type was handed in. */
static const struct builtin {
	const char *type, *path, *description;
	const char *passthrough; /* a request header, or NULL */
	bool local;
} builtins[] = {
	{ .type = "cubbyhole",
		.path = "cubbyhole/",
		.description = "per-token private secret storage",
		.local = true },
	{ .type = "system",
		.path = "sys/",
		.description =
			"system endpoints used for control, policy and debugging",
		.passthrough = "Accept" },
	{ .type = "token",
		.path = MOUNT_TOKENS,
		.description = "token based credentials" },
	{ .type = "identity",
		.path = MOUNT_IDENTITY,
		.description = "identity store" },
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
		.local = builtin->local,
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
	rc = mounts_insert(mounts,
		mounts_wanted_record(arena, &wanted, builtin->path), err);
	arena_free(&arena);
	return rc;
}

static int
add_builtins(struct mounts *mounts, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < ARRAY_LEN(builtins) && rc == 0; i++) {
		const struct mount_type *type = mounts_type(mounts,
			builtins[i].type, mounts_is_auth(builtins[i].path));
		struct mount *mount =
			mounts_find_entry(mounts, builtins[i].path);

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
	int rc = mount_decode(mounts, name, value, &mount, err);

	if (rc == 0)
		rc = mounts_table_put(mounts, mount, err);
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

	lock_read(&mounts->lock, &mounts_guard);
	for (i = 0; i < mounts->n && mount == NULL; i++) {
		if (mounts->table[i]->state == MOUNT_REMOVING)
			mount = mounts->table[i];
	}
	if (mount != NULL)
		atomic_fetch_add(&mount->refs, 1);
	lock_end_read(&mounts->lock, &mounts_guard);
	return mount;
}

static int
resume_removals(struct mounts *mounts, struct err *err)
	REQUIRES(mounts_change_guard)
{
	struct mount *mount = NULL;
	bool left;
	int rc = 0;

	while (rc == 0 && (mount = find_removing(mounts)) != NULL) {
		log_info("finishing the removal of a mount",
			LOG_STR("path", mount->path));
		rc = mounts_finish_removal(
			mounts, mount, RESUME_WAIT_S, &left, err);
		if (left) {
			log_warn(
				"a removal was given up: leases of the mount are not taken back yet",
				LOG_STR("path", mount->path));
			err_clear(err);
			rc = mounts_give_up_removal(mounts, mount, err);
		}
		mount_unref(mounts, &mount);
	}
	return rc;
}

int
mounts_load(struct mounts *mounts, struct err *err)
{
	int rc;

	lock_take(&mounts->change, &mounts_change_guard);
	mounts_unload(mounts);
	rc = records_each(mounts->server->store, &mounts->server->system,
		"mounts/", load_one, mounts, err);
	if (rc == 0)
		rc = add_builtins(mounts, err);
	if (rc == 0)
		rc = resume_removals(mounts, err);
	if (rc != 0)
		mounts_unload(mounts);
	lock_give(&mounts->change, &mounts_change_guard);
	return rc;
}
