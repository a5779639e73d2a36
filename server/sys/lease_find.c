/* Lease ids begin with a mount's path, which is how their mount is found. */
#include "server/sys/lease_find.h"

#include <stdlib.h>
#include <string.h>

#include "server/api/row_ids.h"
#include "server/core/seal.h"

struct find_ctx {
	struct req *req;
	struct barrier *barrier;
	const char *mount;
	char *path;
	struct span tail;
	struct lease lease;
};

static int
find_row(struct store_tx *tx, void *ctx, struct err *err)
{
	struct find_ctx *find = ctx;

	return lease_find_by_tail(tx, find->barrier, find->mount, find->path,
		find->tail, find->req->arena, &find->lease, err);
}

static int
find_in_mount(struct find_ctx *find, const char *rest, struct err *err)
{
	const char *slash = strrchr(rest, '/');
	int rc;

	if (slash == NULL)
		return ERR_ABSENT;
	find->path =
		arena_strndup(find->req->arena, rest, (size_t)(slash - rest));
	if (find->path == NULL)
		return err_set_memory(err);
	find->tail = span_str(slash + 1);
	find->barrier = seal_hold_barrier(find->req->server->seal);
	if (find->barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = req_read(find->req, find_row, find, err);
	seal_release_barrier(find->req->server->seal);
	return rc;
}

int
lease_find(struct req *req, const char *id, struct lease *ret_lease,
	struct err *err)
{
	struct find_ctx find = { .req = req };
	struct mount *mount = mounts_find(req->server->mounts, id);
	int rc = ERR_ABSENT;

	if (mount == NULL)
		return ERR_ABSENT;
	find.mount = mount->uuid;
	/* "ssh" lies in "ssh/", and has nothing behind it. */
	if (strlen(id) > strlen(mount->path))
		rc = find_in_mount(&find, id + strlen(mount->path), err);
	mount_unref(req->server->mounts, &mount);
	if (rc == 0)
		*ret_lease = find.lease;
	return rc;
}

/* ---- one level of the tree ------------------------------------------- */

struct level_ctx {
	struct req *req;
	const char *prefix; /* with its trailing '/', or "" */
	struct value *keys;
	/* while one mount is looked at */
	char mount[37];
	const char *rest; /* the prefix below the mount, without '/' */
};

static bool
has_key(const struct value *keys, struct span text)
{
	VALUE_EACH (key, keys) {
		if (span_equal(value_text(key), text))
			return true;
	}
	return false;
}

/* The first segment of below, with its '/', unless it is listed already. */
static int
add_folder(struct level_ctx *level, const char *below, struct err *err)
{
	const size_t len = strcspn(below, "/");
	char *folder =
		arena_printf(level->req->arena, "%.*s/", (int)len, below);

	if (folder == NULL)
		return err_set_memory(err);
	if (has_key(level->keys, span_str(folder)))
		return 0;
	return value_add(level->keys, value_string(level->req->arena, folder))
		? 0
		: err_set_memory(err);
}

struct probe_ctx {
	struct req *req;
	uint32_t path;
	bool has_rows;
};

static int
note_row(void *ctx, const struct lease *lease, struct err *err)
{
	struct probe_ctx *probe = ctx;

	(void)lease;
	(void)err;
	probe->has_rows = true;
	return 0;
}

static int
probe_rows(struct store_tx *tx, void *ctx, struct err *err)
{
	struct probe_ctx *probe = ctx;

	return lease_rows(
		tx, probe->path, 0, 1, probe->req->arena, note_row, probe, err);
}

struct path_note {
	uint32_t number;
	const char *path;
	struct path_note *next;
};

struct paths_ctx {
	struct level_ctx *level;
	struct path_note *first;
};

static int
note_path(void *ctx, uint32_t number, const char *path, struct err *err)
{
	struct paths_ctx *paths = ctx;
	struct arena *arena = paths->level->req->arena;
	struct path_note *note = ARENA_NEW(arena, struct path_note);

	if (note == NULL)
		return err_set_memory(err);
	note->number = number;
	note->path = arena_strdup(arena, path);
	note->next = paths->first;
	paths->first = note;
	return note->path != NULL ? 0 : err_set_memory(err);
}

static int
read_paths(struct store_tx *tx, void *ctx, struct err *err)
{
	struct paths_ctx *paths = ctx;

	return lease_paths(tx, paths->level->mount, paths->level->rest,
		paths->level->req->arena, note_path, paths, err);
}

/* A path that has rows is a folder here, or is this very level. */
static int
add_path(struct level_ctx *level, const struct path_note *note, struct err *err)
{
	const size_t len = strlen(level->rest);
	struct probe_ctx probe = { .req = level->req, .path = note->number };
	int rc = req_read(level->req, probe_rows, &probe, err);

	if (rc != 0 || !probe.has_rows)
		return rc;
	if (strcmp(note->path, level->rest) == 0)
		return row_ids_add(level->req,
			&(struct row_ids){ .mount_uuid = level->mount,
				.path = note->number,
				.kind = ROWID_LEASE },
			level->keys, err);
	return add_folder(level, note->path + len + (len > 0 ? 1 : 0), err);
}

static int
add_mount_level(
	struct level_ctx *level, const struct mount *mount, struct err *err)
{
	struct paths_ctx paths = { .level = level };
	const char *rest = level->prefix + strlen(mount->path);
	size_t len = strlen(rest);
	int rc;

	memcpy(level->mount, mount->uuid, sizeof(level->mount));
	while (len > 0 && rest[len - 1] == '/')
		len--;
	level->rest = arena_strndup(level->req->arena, rest, len);
	if (level->rest == NULL)
		return err_set_memory(err);
	rc = req_read(level->req, read_paths, &paths, err);
	for (const struct path_note *note = paths.first;
		rc == 0 && note != NULL; note = note->next)
		rc = add_path(level, note, err);
	return rc;
}

/* A mount below the prefix, looked at once the table is let go. */
struct mount_note {
	const char *path, *uuid;
	struct mount_note *next;
};

struct mounts_ctx {
	struct level_ctx *level;
	struct mount_note *first;
};

static int
note_mount_below(void *ctx, const struct mount *mount, struct err *err)
{
	struct mounts_ctx *mounts = ctx;
	const struct level_ctx *level = mounts->level;
	const size_t len = strlen(level->prefix);
	struct mount_note *note;

	if (strncmp(mount->path, level->prefix, len) != 0)
		return 0;
	note = ARENA_NEW(level->req->arena, struct mount_note);
	if (note == NULL)
		return err_set_memory(err);
	note->path = arena_strdup(level->req->arena, mount->path);
	note->uuid = arena_strdup(level->req->arena, mount->uuid);
	note->next = mounts->first;
	mounts->first = note;
	return note->path != NULL && note->uuid != NULL ? 0
							: err_set_memory(err);
}

static int
mount_has_rows(struct level_ctx *level, const char *uuid, bool *ret_has,
	struct err *err)
{
	struct paths_ctx paths = { .level = level };
	struct probe_ctx probe = { .req = level->req };
	int rc;

	memcpy(level->mount, uuid, sizeof(level->mount));
	level->rest = "";
	rc = req_read(level->req, read_paths, &paths, err);
	for (const struct path_note *note = paths.first;
		rc == 0 && note != NULL && !probe.has_rows; note = note->next) {
		probe.path = note->number;
		rc = req_read(level->req, probe_rows, &probe, err);
	}
	*ret_has = probe.has_rows;
	return rc;
}

/* Mounts that lie below the prefix and have leases are its folders. */
static int
add_mount_folders(struct level_ctx *level, struct err *err)
{
	const size_t len = strlen(level->prefix);
	struct mounts_ctx mounts = { .level = level };
	int rc = mounts_each(
		level->req->server->mounts, note_mount_below, &mounts, err);

	for (const struct mount_note *note = mounts.first;
		rc == 0 && note != NULL; note = note->next) {
		bool has = false;

		rc = mount_has_rows(level, note->uuid, &has, err);
		if (rc == 0 && has)
			rc = add_folder(level, note->path + len, err);
	}
	return rc;
}

static int
compare_values(const void *a, const void *b)
{
	const struct value *const *left = a;
	const struct value *const *right = b;

	return span_compare(value_text(*left), value_text(*right));
}

static int
sort_keys(struct arena *arena, struct value **keys, struct err *err)
{
	const struct value **sorted =
		ARENA_ARRAY(arena, const struct value *, (*keys)->n + 1);
	struct value *list = value_list(arena);
	size_t n = 0;

	if (sorted == NULL || list == NULL)
		return err_set_memory(err);
	VALUE_EACH (key, *keys)
		sorted[n++] = key;
	qsort(sorted, n, sizeof(*sorted), compare_values);
	for (size_t i = 0; i < n; i++) {
		if (!value_add(list, value_span(arena, value_text(sorted[i]))))
			return err_set_memory(err);
	}
	*keys = list;
	return 0;
}

static char *
with_slash(struct arena *arena, const char *prefix)
{
	size_t len = strlen(prefix);

	while (len > 0 && prefix[len - 1] == '/')
		len--;
	return len == 0 ? arena_strdup(arena, "")
			: arena_printf(arena, "%.*s/", (int)len, prefix);
}

int
lease_list_level(struct req *req, const char *prefix, struct value **ret_keys,
	struct err *err)
{
	struct level_ctx level = { .req = req,
		.prefix = with_slash(req->arena, prefix),
		.keys = value_list(req->arena) };
	struct mount *mount;
	int rc;

	if (level.prefix == NULL || level.keys == NULL)
		return err_set_memory(err);
	mount = mounts_find(req->server->mounts, level.prefix);
	rc = mount != NULL ? add_mount_level(&level, mount, err)
			   : add_mount_folders(&level, err);
	mount_unref(req->server->mounts, &mount);
	if (rc == 0)
		rc = sort_keys(req->arena, &level.keys, err);
	if (rc == 0)
		*ret_keys = level.keys;
	return rc;
}

/* ---- by prefix --------------------------------------------------------- */

struct below_ctx {
	struct req *req;
	const char *prefix;
	struct value *uuids; /* mounts that lie below it */
};

static int
note_mount(void *ctx, const struct mount *mount, struct err *err)
{
	struct below_ctx *below = ctx;

	if (strncmp(mount->path, below->prefix, strlen(below->prefix)) != 0)
		return 0;
	return value_add(below->uuids,
		       value_string(below->req->arena, mount->uuid))
		? 0
		: err_set_memory(err);
}

/* The prefix lies in one mount. */
static int
do_below_mount(struct below_ctx *below, const struct mount *mount,
	lease_below_fn *fn, struct err *err)
{
	const char *path = below->prefix + strlen(mount->path);
	const size_t len = strlen(path);
	char *rest =
		arena_strndup(below->req->arena, path, len > 0 ? len - 1 : 0);

	return rest == NULL ? err_set_memory(err)
			    : fn(below->req, mount->uuid, rest, err);
}

int
lease_each_below(struct req *req, const char *prefix, lease_below_fn *fn,
	struct err *err)
{
	struct below_ctx below = { .req = req,
		.prefix = with_slash(req->arena, prefix),
		.uuids = value_list(req->arena) };
	struct mount *mount;
	int rc;

	if (below.prefix == NULL || below.uuids == NULL)
		return err_set_memory(err);
	mount = mounts_find(req->server->mounts, below.prefix);
	if (mount != NULL) {
		rc = do_below_mount(&below, mount, fn, err);
		mount_unref(req->server->mounts, &mount);
		return rc;
	}
	rc = mounts_each(req->server->mounts, note_mount, &below, err);
	for (const struct value *uuid = below.uuids->first;
		rc == 0 && uuid != NULL; uuid = uuid->next)
		rc = fn(req, uuid->str, "", err);
	return rc;
}
