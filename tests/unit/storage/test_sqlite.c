/* The SQLite file: durability, locks, modes, snapshots, failures, backup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "storage/barrier.h"
#include "storage/sqlite.h"
#include "storage/store.h"

struct fixture {
	char dir[64];
	char path[96];
	struct store *store;
	struct barrier *barrier;
	struct arena *arena;
	struct err err;
};

/* ---- a file system that fails when told ------------------------------ */

/* The methods of one kind of file, real but for three calls. */
struct shim_methods {
	sqlite3_io_methods methods; /* first: files point here */
	const sqlite3_io_methods *real;
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	struct shim_methods store, others;
	atomic_int sync_code, write_code; /* what the next calls return */
	atomic_int errnum;                /* and the errno that goes with it */
	atomic_int n_syncs;
} shim;

static const sqlite3_io_methods *
real_methods(const sqlite3_file *file)
{
	return file->pMethods == &shim.store.methods ? shim.store.real
						     : shim.others.real;
}

static int
shim_sync(sqlite3_file *file, int flags)
{
	atomic_fetch_add(&shim.n_syncs, 1);
	if (atomic_load(&shim.sync_code) != SQLITE_OK)
		return atomic_load(&shim.sync_code);
	return real_methods(file)->xSync(file, flags);
}

static int
shim_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
	if (atomic_load(&shim.write_code) != SQLITE_OK)
		return atomic_load(&shim.write_code);
	return real_methods(file)->xWrite(file, data, len, offset);
}

static int
shim_control(sqlite3_file *file, int op, void *arg)
{
	if (op != SQLITE_FCNTL_LAST_ERRNO)
		return real_methods(file)->xFileControl(file, op, arg);
	*(int *)arg = atomic_load(&shim.errnum);
	return SQLITE_OK;
}

static int
shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
	int *ret_flags)
{
	int code = shim.real->xOpen(shim.real, name, file, flags, ret_flags);
	struct shim_methods *methods =
		(flags & SQLITE_OPEN_MAIN_DB) != 0 ? &shim.store : &shim.others;

	(void)vfs;
	if (code != SQLITE_OK || file->pMethods == NULL)
		return code;
	if (methods->real == NULL) {
		methods->real = file->pMethods;
		methods->methods = *file->pMethods;
		methods->methods.xSync = shim_sync;
		methods->methods.xWrite = shim_write;
		methods->methods.xFileControl = shim_control;
	}
	file->pMethods = &methods->methods;
	return code;
}

static int
install_shim(void **state)
{
	(void)state;
	shim.real = sqlite3_vfs_find(NULL);
	shim.vfs = *shim.real;
	shim.vfs.zName = "shim";
	shim.vfs.xOpen = shim_open;
	return sqlite3_vfs_register(&shim.vfs, 1);
}

/* ---- fixture --------------------------------------------------------- */

static int
open_store(struct fixture *fixture)
{
	struct store_settings settings = {
		.path = fixture->path,
		.create = true,
	};
	int rc;

	err_clear(&fixture->err);
	rc = store_open_sqlite(&settings, &fixture->store, &fixture->err);
	if (rc == 0)
		store_set_barrier(fixture->store, fixture->barrier);
	return rc;
}

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const char *tmp = getenv("TMPDIR");

	*state = fixture;
	snprintf(fixture->dir, sizeof(fixture->dir), "%s/storeXXXXXX",
		tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	if (mkdtemp(fixture->dir) == NULL)
		return 1;
	snprintf(fixture->path, sizeof(fixture->path), "%s/s 100%%?.db",
		fixture->dir);
	fixture->arena = arena_new(1 << 26);
	fixture->barrier = barrier_new_keyring(1);
	if (open_store(fixture) == 0)
		return 0;
	print_error("%s; %s\n", fixture->err.message, fixture->err.detail);
	return 1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	atomic_store(&shim.sync_code, SQLITE_OK);
	atomic_store(&shim.write_code, SQLITE_OK);
	atomic_store(&shim.errnum, 0);
	store_close(&fixture->store);
	barrier_free(&fixture->barrier);
	arena_free(&fixture->arena);
	nftw(fixture->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return 0;
}

struct record {
	const char *key;
	struct span value;
	struct arena *arena;
};

static int
put_record(struct store_tx *tx, void *ctx, struct err *err)
{
	struct record *record = ctx;

	return tx_put(tx, span_str(record->key), record->value, err);
}

static int
get_record(struct store_tx *tx, void *ctx, struct err *err)
{
	struct record *record = ctx;

	return tx_get(
		tx, span_str(record->key), record->arena, &record->value, err);
}

static int
put(struct fixture *fixture, const char *key, const char *value)
{
	struct record record = { .key = key, .value = span_str(value) };

	err_clear(&fixture->err);
	return store_write(fixture->store, put_record, &record, &fixture->err);
}

static const char *
get(struct fixture *fixture, const char *key)
{
	struct record record = { .key = key, .arena = fixture->arena };
	int rc = store_read(fixture->store, get_record, &record, NULL);

	if (rc == ERR_ABSENT)
		return NULL;
	assert_int_equal(0, rc);
	return arena_strndup(
		fixture->arena, record.value.data, record.value.len);
}

/* ---- what is written stays ------------------------------------------- */

static void
records_are_there_after_reopening(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before, after;

	assert_int_equal(0, put(fixture, "a", "1"));
	assert_int_equal(0, put(fixture, "empty", ""));
	assert_int_equal(0, store_row_number(fixture->store, &before, NULL));
	store_close(&fixture->store);
	assert_int_equal(0, open_store(fixture));
	assert_string_equal("1", get(fixture, "a"));
	assert_string_equal("", get(fixture, "empty"));
	assert_int_equal(0, store_row_number(fixture->store, &after, NULL));
	assert_true(after > before);
}

/* A child that never closes stands for a kill -9. */
static void
an_answered_write_survives_a_killed_process(void **state)
{
	struct fixture *fixture = *state;
	int status;
	pid_t child;

	store_close(&fixture->store);
	child = fork();
	if (child == 0) {
		_exit(open_store(fixture) == 0 && put(fixture, "a", "1") == 0
				? 7
				: 1);
	}
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_int_equal(7, WEXITSTATUS(status));
	assert_int_equal(0, open_store(fixture));
	assert_string_equal("1", get(fixture, "a"));
}

static void
each_commit_syncs_once(void **state)
{
	struct fixture *fixture = *state;
	int i, before;

	assert_int_equal(0, put(fixture, "a", "0"));
	before = atomic_load(&shim.n_syncs);
	for (i = 0; i < 10; i++)
		assert_int_equal(0, put(fixture, "a", "1"));
	assert_int_equal(before + 10, atomic_load(&shim.n_syncs));
}

/* ---- who may open ---------------------------------------------------- */

static void
a_second_server_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct store *first = fixture->store;

	assert_int_equal(ERR_INPUT, open_store(fixture));
	assert_non_null(strstr(fixture->err.message, "another server"));
	fixture->store = first;
	assert_int_equal(0, put(fixture, "a", "1"));
	store_close(&fixture->store);
	assert_int_equal(0, open_store(fixture));
}

static mode_t
mode_of(const struct fixture *fixture, const char *suffix)
{
	char name[128];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", fixture->path, suffix);
	assert_int_equal(0, stat(name, &st));
	return st.st_mode & 07777;
}

static void
files_are_for_the_owner_alone(void **state)
{
	struct fixture *fixture = *state;
	mode_t before = umask(0);

	store_close(&fixture->store);
	assert_int_equal(0, unlink(fixture->path));
	assert_int_equal(0, open_store(fixture));
	umask(before);
	assert_int_equal(0600, mode_of(fixture, ""));
	assert_int_equal(0600, mode_of(fixture, "-wal"));
	assert_int_equal(0600, mode_of(fixture, "-shm"));
	assert_int_equal(0600, mode_of(fixture, ".lock"));
}

static void
wide_modes_are_refused(void **state)
{
	struct fixture *fixture = *state;

	store_close(&fixture->store);
	assert_int_equal(0, chmod(fixture->path, 0640));
	assert_int_equal(ERR_INPUT, open_store(fixture));
	assert_non_null(strstr(fixture->err.message, "0600"));
	assert_int_equal(0, chmod(fixture->path, 0600));
	assert_int_equal(0, chmod(fixture->dir, 0750));
	assert_int_equal(ERR_INPUT, open_store(fixture));
	assert_non_null(strstr(fixture->err.message, "0700"));
	assert_int_equal(0, chmod(fixture->dir, 0700));
	assert_int_equal(0, open_store(fixture));
}

static int
remove_companions(const struct fixture *fixture)
{
	char name[sizeof(fixture->path) + 8];
	int rc;

	snprintf(name, sizeof(name), "%s-wal", fixture->path);
	rc = unlink(name);
	snprintf(name, sizeof(name), "%s-shm", fixture->path);
	return unlink(name) | rc;
}

static void
a_foreign_owner_is_refused(void **state)
{
	struct fixture *fixture = *state;

	if (geteuid() != 0)
		skip();
	store_close(&fixture->store);
	assert_int_equal(0, chown(fixture->path, 1, 1));
	assert_int_equal(ERR_INPUT, open_store(fixture));
	assert_non_null(strstr(fixture->err.message, "owned"));
}

static void
a_link_in_place_of_the_store_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char other[128];

	store_close(&fixture->store);
	snprintf(other, sizeof(other), "%s.other", fixture->path);
	assert_int_equal(0, rename(fixture->path, other));
	assert_int_equal(0, symlink(other, fixture->path));
	assert_int_equal(ERR_INPUT, open_store(fixture));
}

static void
another_programs_database_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	sqlite3 *db = NULL;

	store_close(&fixture->store);
	unlink(fixture->path);
	assert_int_equal(SQLITE_OK, sqlite3_open(fixture->path, &db));
	assert_int_equal(SQLITE_OK,
		sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL));
	assert_int_equal(SQLITE_OK, sqlite3_close(db));
	assert_int_equal(0, chmod(fixture->path, 0600));
	assert_int_equal(ERR_INPUT, open_store(fixture));
	assert_non_null(strstr(fixture->err.message, "not a store"));
}

static void
an_absent_store_is_not_made_unasked(void **state)
{
	struct fixture *fixture = *state;
	struct store_settings settings = { .path = fixture->path };

	store_close(&fixture->store);
	unlink(fixture->path);
	assert_int_equal(ERR_ABSENT,
		store_open_sqlite(&settings, &fixture->store, NULL));
	assert_int_equal(-1, access(fixture->path, F_OK));
}

/* ---- snapshots and scans --------------------------------------------- */

static int
read_around_a_write(struct store_tx *tx, void *ctx, struct err *err)
{
	struct fixture *fixture = ctx;
	struct record record = { .key = "a", .arena = fixture->arena };

	assert_int_equal(0, get_record(tx, &record, err));
	assert_true(span_equal(span_str("1"), record.value));
	/* Not for real code: a read waits for a write here. */
	assert_int_equal(0, put(fixture, "a", "2"));
	assert_int_equal(0, get_record(tx, &record, err));
	assert_true(span_equal(span_str("1"), record.value));
	return 0;
}

static void
a_snapshot_does_not_see_later_commits(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(0, put(fixture, "a", "1"));
	assert_int_equal(0,
		store_read(fixture->store, read_around_a_write, fixture, NULL));
	assert_string_equal("2", get(fixture, "a"));
}

struct walk {
	const char *prefix, *after;
	size_t limit;
	bool nested;
	struct store_tx *tx;
	char text[256];
	size_t len;
};

static int
add_name(void *ctx, struct span key, struct span value, struct err *err)
{
	struct walk *walk = ctx;

	(void)value;
	assert_true(walk->len + key.len + 2 < sizeof(walk->text));
	memcpy(walk->text + walk->len, key.data, key.len);
	walk->len += key.len;
	walk->text[walk->len++] = ' ';
	if (!walk->nested)
		return 0;
	walk->nested = false;
	return tx_scan(walk->tx, span_str("b/"), SPAN_NONE, 1, true, add_name,
		walk, err);
}

static int
walk_keys(struct store_tx *tx, void *ctx, struct err *err)
{
	struct walk *walk = ctx;

	walk->tx = tx;
	return tx_scan(tx, span_str(walk->prefix), span_str(walk->after),
		walk->limit, true, add_name, walk, err);
}

static void
scans_keep_to_prefix_order_and_limit(void **state)
{
	struct fixture *fixture = *state;
	static const char *const keys[] = { "b/2", "b/10", "a/9", "b/1", "c",
		"b0", "\xff\xff", "b/\xff" };

	static const struct {
		const char *prefix, *after, *want;
		size_t limit;
		bool nested;
	} cases[] = {
		{ "b/", "", "b/1 b/10 b/2 b/\xff ", 0, false },
		{ "b/", "b/1", "b/10 b/2 b/\xff ", 0, false },
		{ "b/", "b/1", "b/10 ", 1, false },
		{ "b/", "a/9", "b/1 b/10 ", 2, false },
		{ "b/", "c", "", 0, false },
		{ "b/\xff", "", "b/\xff ", 0, false },
		{ "\xff", "", "\xff\xff ", 0, false },
		{ "a", "", "a/9 b/1 ", 0, true },
	};
	struct walk walk;
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		assert_int_equal(0, put(fixture, keys[i], "v"));
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		walk = (struct walk){
			.prefix = cases[i].prefix,
			.after = cases[i].after,
			.limit = cases[i].limit,
			.nested = cases[i].nested,
		};
		assert_int_equal(
			0, store_read(fixture->store, walk_keys, &walk, NULL));
		assert_string_equal(cases[i].want, walk.text);
	}
}

static int
put_due(struct store_tx *tx, void *ctx, struct err *err)
{
	static const struct {
		int64_t due_s;
		const char *key;
	} due[] = { { 30, "c" }, { -1, "a" }, { 7, "b" }, { 7, "bb" } };

	size_t i;

	(void)ctx;
	for (i = 0; i < ARRAY_LEN(due); i++)
		assert_int_equal(0,
			tx_due_put(
				tx, due[i].due_s, span_str(due[i].key), err));
	return tx_due_delete(tx, 7, span_str("b"), err);
}

static int
add_due(void *ctx, int64_t due_s, struct span key, struct err *err)
{
	(void)due_s;
	return add_name(ctx, key, SPAN_NONE, err);
}

static int
check_due(struct store_tx *tx, void *ctx, struct err *err)
{
	struct walk walk = { .limit = 0 };
	int64_t first;

	(void)ctx;
	assert_int_equal(0, tx_due_first(tx, &first, err));
	assert_int_equal(-1, first);
	assert_int_equal(0, tx_due_scan(tx, 29, 0, add_due, &walk, err));
	assert_string_equal("a bb ", walk.text);
	return 0;
}

static void
due_entries_come_earliest_first(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(0, store_write(fixture->store, put_due, NULL, NULL));
	assert_int_equal(0, store_read(fixture->store, check_due, NULL, NULL));
}

/* ---- checkpoints ----------------------------------------------------- */

static off_t
log_size(const struct fixture *fixture)
{
	char name[128];
	struct stat st;

	snprintf(name, sizeof(name), "%s-wal", fixture->path);
	assert_int_equal(0, stat(name, &st));
	return st.st_size;
}

static void
the_log_is_reused_and_not_endless(void **state)
{
	struct fixture *fixture = *state;
	static uint8_t bytes[512 * 1024];
	struct record record = {
		.key = "big",
		.value = { bytes, sizeof(bytes) },
	};
	int i;

	for (i = 0; i < 100; i++)
		assert_int_equal(0,
			store_write(fixture->store, put_record, &record, NULL));
	assert_in_range(log_size(fixture), 1, 24 * 1024 * 1024);
	assert_int_equal(0, store_checkpoint(fixture->store, NULL));
	assert_int_equal(0, log_size(fixture));
	assert_int_equal(0, put(fixture, "a", "1"));
	assert_string_equal("1", get(fixture, "a"));
}

static void
a_closed_store_is_one_file(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(0, put(fixture, "a", "1"));
	assert_in_range(log_size(fixture), 1, 1 << 20);
	store_close(&fixture->store);
	assert_int_equal(0, log_size(fixture));
	assert_int_equal(0, remove_companions(fixture));
	assert_int_equal(0, open_store(fixture));
	assert_string_equal("1", get(fixture, "a"));
}

/* ---- failures -------------------------------------------------------- */

static void
count_failure(void *ctx)
{
	atomic_fetch_add((atomic_int *)ctx, 1);
}

static void
a_failed_sync_is_final(void **state)
{
	struct fixture *fixture = *state;
	atomic_int told = 0;

	store_on_failure(fixture->store, count_failure, &told);
	assert_int_equal(0, put(fixture, "a", "1"));
	atomic_store(&shim.sync_code, SQLITE_IOERR_FSYNC);
	assert_int_equal(ERR_STORAGE, put(fixture, "b", "1"));
	assert_int_equal(503, fixture->err.status);
	assert_string_equal("storage unavailable", fixture->err.message);
	atomic_store(&shim.sync_code, SQLITE_OK);
	assert_int_equal(ERR_STORAGE, put(fixture, "c", "1"));
	assert_true(store_failed(fixture->store));
	store_close(&fixture->store);
	assert_int_equal(1, atomic_load(&told));
	assert_int_equal(0, open_store(fixture));
	assert_string_equal("1", get(fixture, "a"));
	assert_null(get(fixture, "c"));
}

static void
a_failed_write_is_final(void **state)
{
	struct fixture *fixture = *state;

	atomic_store(&shim.write_code, SQLITE_IOERR_WRITE);
	assert_int_equal(ERR_STORAGE, put(fixture, "b", "1"));
	assert_true(store_failed(fixture->store));
}

/* The kernel may have dropped what it was to write, whatever it says. */
static void
a_sync_that_finds_no_room_is_final(void **state)
{
	struct fixture *fixture = *state;

	atomic_store(&shim.errnum, EDQUOT);
	atomic_store(&shim.sync_code, SQLITE_IOERR_FSYNC);
	assert_int_equal(ERR_STORAGE, put(fixture, "b", "1"));
	assert_true(store_failed(fixture->store));
}

static void
a_used_up_quota_is_a_full_disk(void **state)
{
	struct fixture *fixture = *state;

	atomic_store(&shim.errnum, EDQUOT);
	atomic_store(&shim.write_code, SQLITE_IOERR_WRITE);
	assert_int_equal(ERR_FULL, put(fixture, "b", "1"));
	atomic_store(&shim.write_code, SQLITE_OK);
	assert_int_equal(0, put(fixture, "b", "1"));
}

static void
a_full_disk_undoes_the_batch_and_reads_go_on(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(0, put(fixture, "a", "1"));
	atomic_store(&shim.write_code, SQLITE_FULL);
	assert_int_equal(ERR_FULL, put(fixture, "a", "2"));
	assert_int_equal(503, fixture->err.status);
	assert_string_equal("storage unavailable", fixture->err.message);
	assert_string_equal("1", get(fixture, "a"));
	assert_false(store_failed(fixture->store));
	atomic_store(&shim.write_code, SQLITE_OK);
	assert_int_equal(0, put(fixture, "a", "3"));
	assert_string_equal("3", get(fixture, "a"));
}

/* A file that takes the room of the store away, and gives it back. */
static void
take_room(const struct fixture *fixture, off_t size)
{
	char name[sizeof(fixture->path)];
	int fd;

	snprintf(name, sizeof(name), "%s/filler", fixture->dir);
	unlink(name);
	if (size == 0)
		return;
	fd = open(name, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(0, posix_fallocate(fd, 0, size));
	close(fd);
}

/* Write n records of this size, or as many as the file system takes. */
static int
fill(struct fixture *fixture, int n, size_t size)
{
	static uint8_t bytes[65536];
	char key[32];
	struct record record = {
		.key = key,
		.value = { bytes, size },
	};
	int i, rc = 0;

	for (i = 0; rc == 0 && i < n; i++) {
		snprintf(key, sizeof(key), "fill/%d", i);
		err_clear(&fixture->err);
		rc = store_write(
			fixture->store, put_record, &record, &fixture->err);
	}
	return rc;
}

/* R20, on a file system of 4 MiB, with less and less of it free. */
static void
a_store_serves_again_when_there_is_room(void **state)
{
	struct fixture *fixture = *state;
	int i;

	store_close(&fixture->store);
	if (mount("none", fixture->dir, "tmpfs", 0, "size=4m,mode=0700") != 0)
		skip();
	assert_int_equal(0, open_store(fixture));
	assert_int_equal(0, put(fixture, "a", "1"));
	for (i = 0; i < 20; i++) {
		take_room(fixture, (3000 - 100 * i) * 1024);
		assert_int_equal(ERR_FULL, fill(fixture, 10000, 4096));
		assert_string_equal(
			"storage unavailable", fixture->err.message);
		assert_false(store_failed(fixture->store));
		assert_non_null(get(fixture, "a"));
		take_room(fixture, 0);
		assert_int_equal(0, put(fixture, "a", "2"));
		store_close(&fixture->store);
		unlink(fixture->path);
		assert_int_equal(0, remove_companions(fixture));
		assert_int_equal(0, open_store(fixture));
		assert_int_equal(0, put(fixture, "a", "1"));
	}
	store_close(&fixture->store);
	assert_int_equal(0, umount(fixture->dir));
}

/* ---- backup ---------------------------------------------------------- */

struct pairs {
	struct fixture *fixture;
	atomic_bool stop;
	_Atomic uint32_t n;
};

/* Two records that are always equal. */
static int
put_pair(struct store_tx *tx, void *ctx, struct err *err)
{
	const uint32_t *n = ctx;
	struct span value = span_of(n, sizeof(*n));
	int rc = tx_put(tx, span_str("pair/1"), value, err);

	return rc != 0 ? rc : tx_put(tx, span_str("pair/2"), value, err);
}

static void *
write_pairs(void *arg)
{
	struct pairs *pairs = arg;
	uint32_t n;

	for (n = 1; !atomic_load(&pairs->stop); n++) {
		if (store_write(pairs->fixture->store, put_pair, &n, NULL) != 0)
			break;
		atomic_store(&pairs->n, n);
	}
	return NULL;
}

static uint32_t
pair_half(struct fixture *fixture, const char *key)
{
	struct record record = { .key = key, .arena = fixture->arena };
	uint32_t n;

	assert_int_equal(
		0, store_read(fixture->store, get_record, &record, NULL));
	assert_int_equal(sizeof(n), record.value.len);
	memcpy(&n, record.value.data, sizeof(n));
	return n;
}

static void
a_backup_under_load_is_one_point_in_time(void **state)
{
	struct fixture *fixture = *state;
	struct pairs pairs = { .fixture = fixture };
	char copy[sizeof(fixture->path)];
	struct stat st;
	pthread_t thread;
	uint32_t before;

	snprintf(copy, sizeof(copy), "%s/copy.db", fixture->dir);
	fill(fixture, 200, 65536); /* a copy of several steps */
	assert_int_equal(0, pthread_create(&thread, NULL, write_pairs, &pairs));
	while (atomic_load(&pairs.n) < 20)
		usleep(1000);
	before = atomic_load(&pairs.n);
	assert_int_equal(0, store_backup(fixture->store, copy, &fixture->err));
	assert_int_equal(ERR_INPUT, store_backup(fixture->store, copy, NULL));
	atomic_store(&pairs.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(0, stat(copy, &st));
	assert_int_equal(0600, st.st_mode & 07777);
	store_close(&fixture->store);
	memcpy(fixture->path, copy, sizeof(copy));
	assert_int_equal(0, open_store(fixture));
	assert_int_equal(
		pair_half(fixture, "pair/1"), pair_half(fixture, "pair/2"));
	assert_true(pair_half(fixture, "pair/1") >= before);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(records_are_there_after_reopening),
		EACH(an_answered_write_survives_a_killed_process),
		EACH(each_commit_syncs_once),
		EACH(a_second_server_is_refused),
		EACH(files_are_for_the_owner_alone),
		EACH(wide_modes_are_refused),
		EACH(a_foreign_owner_is_refused),
		EACH(a_link_in_place_of_the_store_is_refused),
		EACH(another_programs_database_is_left_alone),
		EACH(an_absent_store_is_not_made_unasked),
		EACH(a_snapshot_does_not_see_later_commits),
		EACH(scans_keep_to_prefix_order_and_limit),
		EACH(due_entries_come_earliest_first),
		EACH(the_log_is_reused_and_not_endless),
		EACH(a_closed_store_is_one_file),
		EACH(a_failed_sync_is_final),
		EACH(a_failed_write_is_final),
		EACH(a_sync_that_finds_no_room_is_final),
		EACH(a_used_up_quota_is_a_full_disk),
		EACH(a_full_disk_undoes_the_batch_and_reads_go_on),
		EACH(a_store_serves_again_when_there_is_room),
		EACH(a_backup_under_load_is_one_point_in_time),
	};

	return cmocka_run_group_tests(tests, install_shim, NULL);
}
