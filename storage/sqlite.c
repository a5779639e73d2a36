/*
 * The backend over a SQLite file. One connection writes, checkpoints and
 * copies, all on the writer's thread, so that a checkpoint can never meet a
 * write (SQLite before 3.51.3 loses commits then, reliability.md L41); readers
 * have read-only connections from a pool. All SQL of the project is here.
 */
#include "storage/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "lib/fsutil.h"
#include "lib/lock.h"
#include "storage/storefile.h"

#define APPLICATION_ID 1398893676 /* "Sall" marks the file as ours */
#define BUSY_MS 5000

/* Log pages (4 KiB) after which the writer checkpoints, and restarts it. */
#define CHECKPOINT_PAGES 4000
#define RESTART_PAGES 16384

/* Pages of a backup's step, between two batches. */
#define COPY_PAGES 1024

/* Readers at work at the same time; more have to wait. */
#define READERS_MAX 16

/* How long a restart of the log waits for readers to end. */
#define HOLD_S 1

enum statement {
	BEGIN_READ,
	BEGIN_WRITE,
	COMMIT,
	ROLLBACK,
	SAVEPOINT,
	RELEASE,
	ROLLBACK_TO,
	GET,
	PUT,
	DEL,
	SCAN,
	SCAN_KEYS,
	DUE_PUT,
	DUE_DEL,
	DUE_SCAN,
	N_STATEMENTS
};

static const char *const statements[N_STATEMENTS] = {
	[BEGIN_READ] = "BEGIN",
	[BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[SAVEPOINT] = "SAVEPOINT one",
	[RELEASE] = "RELEASE one",
	[ROLLBACK_TO] = "ROLLBACK TO one",
	[GET] = "SELECT value FROM kv WHERE key = ?1",
	[PUT] = "INSERT OR REPLACE INTO kv (key, value) VALUES (?1, ?2)",
	[DEL] = "DELETE FROM kv WHERE key = ?1",
	[SCAN] = "SELECT key, value FROM kv WHERE key >= ?1 AND key < ?2"
		 " ORDER BY key LIMIT ?3",
	[SCAN_KEYS] = "SELECT key FROM kv WHERE key >= ?1 AND key < ?2"
		      " ORDER BY key LIMIT ?3",
	[DUE_PUT] = "INSERT OR REPLACE INTO due (due, key) VALUES (?1, ?2)",
	[DUE_DEL] = "DELETE FROM due WHERE due = ?1 AND key = ?2",
	[DUE_SCAN] = "SELECT due, key FROM due WHERE due <= ?1"
		     " ORDER BY due, key LIMIT ?2",
};

static const char writer_setup[] = "PRAGMA page_size = 4096;"
				   "PRAGMA synchronous = FULL;"
				   "PRAGMA wal_autocheckpoint = 0;"
				   "PRAGMA mmap_size = 0;"
				   "PRAGMA temp_store = MEMORY;"
				   "PRAGMA cache_size = -8192;"
				   "PRAGMA trusted_schema = OFF;"
				   "PRAGMA cell_size_check = ON;";

static const char reader_setup[] = "PRAGMA query_only = ON;"
				   "PRAGMA wal_autocheckpoint = 0;"
				   "PRAGMA mmap_size = 0;"
				   "PRAGMA temp_store = MEMORY;"
				   "PRAGMA cache_size = -512;"
				   "PRAGMA trusted_schema = OFF;"
				   "PRAGMA cell_size_check = ON;";

static const char make_tables[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE kv (key BLOB PRIMARY KEY NOT NULL,"
	" value BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE due (due INTEGER NOT NULL, key BLOB NOT NULL,"
	" PRIMARY KEY (due, key)) WITHOUT ROWID;"
	"PRAGMA application_id = 1398893676;"
	"COMMIT;";

/* A connection; one that reads is a struct backend_reader to the outside. */
struct connection {
	struct connection *next; /* in the pool */
	sqlite3 *db;
	bool writes;
	sqlite3_stmt *prepared[N_STATEMENTS];
};

/* A copy that is being made. */
struct copy {
	char *path; /* NULL: none is */
	sqlite3 *db;
	sqlite3_backup *backup;
};

static struct guard readers_guard;

struct sqlite {
	struct backend backend;
	char *path;
	char *uri;
	int lock_fd;
	struct connection writer;
	int log_pages;     /* in the log after the last commit */
	int checked_pages; /* log_pages at the last checkpoint */
	bool full;         /* there was no room: a checkpoint may make some */
	struct copy copy;

	pthread_mutex_t pool_lock;
	pthread_cond_t pool_changed;
	struct connection *idle GUARDED_BY(readers_guard);
	size_t n_out GUARDED_BY(readers_guard); /* readers at work */
	bool hold GUARDED_BY(readers_guard);    /* nobody may begin to read */

	char text[96];
};

static struct sqlite *
sqlite_of(struct backend *backend)
{
	return (struct sqlite *)(void *)backend;
}

/* The connection of a reader, or the writer's. */
static struct connection *
connection_of(struct backend *backend, struct backend_reader *reader)
{
	if (reader == NULL)
		return &sqlite_of(backend)->writer;
	return (struct connection *)(void *)reader;
}

/* ---- failures -------------------------------------------------------- */

/*
 * What SQLite's codes mean to the store, an extended code before the plain
 * one that it belongs to. Any other I/O error of the writer is final: the
 * kernel may have dropped what it was to write (L42).
 */
static const struct {
	int code, rc, status;
	const char *message;
} meanings[] = {
	{ SQLITE_FULL, ERR_FULL, 503, "storage unavailable" },
	{ SQLITE_BUSY, ERR_BUSY, 503, "overloaded" },
	{ SQLITE_NOMEM, ERR_MEMORY, 500, "out of memory" },
	{ SQLITE_IOERR_NOMEM, ERR_MEMORY, 500, "out of memory" },
	{ SQLITE_TOOBIG, ERR_LIMIT, 500, "internal error" },
	/* The log's index, in memory but for its size, could not grow. */
	{ SQLITE_IOERR_SHMSIZE, ERR_FULL, 503, "storage unavailable" },
	{ SQLITE_IOERR_READ, ERR_SYSTEM, 500, "internal error" },
	{ SQLITE_IOERR_SHORT_READ, ERR_SYSTEM, 500, "internal error" },
	{ SQLITE_IOERR, ERR_STORAGE, 503, "storage unavailable" },
};

/* The errno that a file of the store last met; which: of the log or itself. */
static int
file_errno(sqlite3 *db, int which)
{
	sqlite3_file *file = NULL;
	int errnum = 0;

	if (sqlite3_file_control(db, "main", which, &file) == SQLITE_OK &&
		file != NULL && file->pMethods != NULL)
		(void)file->pMethods->xFileControl(
			file, SQLITE_FCNTL_LAST_ERRNO, &errnum);
	return errnum;
}

/* A used-up quota is a full disk too, but SQLite has no code for it. */
static bool
is_over_quota(sqlite3 *db, int code)
{
	return code == SQLITE_IOERR_WRITE &&
		(file_errno(db, SQLITE_FCNTL_JOURNAL_POINTER) == EDQUOT ||
			file_errno(db, SQLITE_FCNTL_FILE_POINTER) == EDQUOT);
}

static int
fail(struct connection *connection, const char *what, struct err *err)
{
	sqlite3 *db = connection->db;
	int code = sqlite3_extended_errcode(db), rc = ERR_SYSTEM, status = 500;
	const char *message = "internal error";
	size_t i;

	if (is_over_quota(db, code))
		code = SQLITE_FULL;
	for (i = 0; i < ARRAY_LEN(meanings); i++) {
		if (meanings[i].code != code &&
			meanings[i].code != (code & 255))
			continue;
		rc = meanings[i].rc;
		status = meanings[i].status;
		message = meanings[i].message;
		if (meanings[i].code == code)
			break;
	}
	if (rc == ERR_STORAGE && !connection->writes)
		rc = ERR_SYSTEM;
	if (err != NULL && err->code == 0)
		(void)snprintf(err->detail, sizeof(err->detail),
			"SQLite: %s: %s (%d)", what, sqlite3_errmsg(db), code);
	return err_set(err, rc, status, "%s", message);
}

/* ---- statements ------------------------------------------------------ */

/*
 * The statement, prepared once for each connection. One that is being stepped
 * (a scan inside a scan's callback) is prepared a second time for the moment;
 * done_with tells the two apart.
 */
static int
get_statement(struct connection *connection, enum statement which,
	sqlite3_stmt **ret_statement, struct err *err)
{
	sqlite3_stmt *statement = connection->prepared[which];
	bool keep = statement == NULL;

	if (statement != NULL && !sqlite3_stmt_busy(statement)) {
		*ret_statement = statement;
		return 0;
	}
	if (sqlite3_prepare_v3(connection->db, statements[which], -1,
		    keep ? SQLITE_PREPARE_PERSISTENT : 0, &statement,
		    NULL) != SQLITE_OK)
		return fail(connection, statements[which], err);
	if (keep)
		connection->prepared[which] = statement;
	*ret_statement = statement;
	return 0;
}

static void
done_with(struct connection *connection, enum statement which,
	sqlite3_stmt *statement)
{
	if (statement != connection->prepared[which]) {
		(void)sqlite3_finalize(statement);
		return;
	}
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
}

/* Bytes stay the caller's until the statement is done with. */
static bool
bind_span(sqlite3_stmt *statement, int i, struct span span)
{
	/* A NULL pointer would bind NULL, not an empty blob. */
	const void *data = span.data != NULL ? (const void *)span.data : "";

	return sqlite3_bind_blob64(statement, i, data, span.len,
		       SQLITE_STATIC) == SQLITE_OK;
}

static struct span
column_span(sqlite3_stmt *statement, int i)
{
	const void *data = sqlite3_column_blob(statement, i);

	return span_of(data, (size_t)sqlite3_column_bytes(statement, i));
}

/* Step to the end of a statement that gives no rows. */
static int
finish(struct connection *connection, enum statement which,
	sqlite3_stmt *statement, bool bound, struct err *err)
{
	int rc = 0;

	if (!bound || sqlite3_step(statement) != SQLITE_DONE)
		rc = fail(connection, statements[which], err);
	done_with(connection, which, statement);
	return rc;
}

static int
run(struct connection *connection, enum statement which, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	int rc = get_statement(connection, which, &statement, err);

	return rc != 0 ? rc : finish(connection, which, statement, true, err);
}

/* ---- transactions ---------------------------------------------------- */

static int
run_as_writer(struct backend *backend, enum statement which, struct err *err)
{
	struct sqlite *sqlite = sqlite_of(backend);
	int rc = run(&sqlite->writer, which, err);

	sqlite->full = sqlite->full || rc == ERR_FULL;
	return rc;
}

static int
sqlite_begin(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, BEGIN_WRITE, err);
}

static int
sqlite_savepoint(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, SAVEPOINT, err);
}

static int
sqlite_release(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, RELEASE, err);
}

static int
sqlite_rollback_to(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, ROLLBACK_TO, err);
}

static int
sqlite_commit(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, COMMIT, err);
}

static void
sqlite_rollback(struct backend *backend)
{
	/* Some errors have rolled back already. */
	if (!sqlite3_get_autocommit(sqlite_of(backend)->writer.db))
		(void)run_as_writer(backend, ROLLBACK, NULL);
}

/* ---- records --------------------------------------------------------- */

static int
sqlite_put(struct backend *backend, struct span key, struct span value,
	struct err *err)
{
	struct sqlite *sqlite = sqlite_of(backend);
	sqlite3_stmt *statement = NULL;
	int rc = get_statement(&sqlite->writer, PUT, &statement, err);

	if (rc != 0)
		return rc;
	rc = finish(&sqlite->writer, PUT, statement,
		bind_span(statement, 1, key) && bind_span(statement, 2, value),
		err);
	sqlite->full = sqlite->full || rc == ERR_FULL;
	return rc;
}

static int
sqlite_del(struct backend *backend, struct span key, struct err *err)
{
	struct connection *writer = &sqlite_of(backend)->writer;
	sqlite3_stmt *statement = NULL;
	int rc = get_statement(writer, DEL, &statement, err);

	return rc != 0 ? rc
		       : finish(writer, DEL, statement,
				 bind_span(statement, 1, key), err);
}

static int
change_due(struct connection *writer, enum statement which, int64_t due_s,
	struct span key, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	int rc = get_statement(writer, which, &statement, err);
	bool bound;

	if (rc != 0)
		return rc;
	bound = sqlite3_bind_int64(statement, 1, due_s) == SQLITE_OK &&
		bind_span(statement, 2, key);
	return finish(writer, which, statement, bound, err);
}

static int
sqlite_due_put(struct backend *backend, int64_t due_s, struct span key,
	struct err *err)
{
	return change_due(
		&sqlite_of(backend)->writer, DUE_PUT, due_s, key, err);
}

static int
sqlite_due_del(struct backend *backend, int64_t due_s, struct span key,
	struct err *err)
{
	return change_due(
		&sqlite_of(backend)->writer, DUE_DEL, due_s, key, err);
}

static int
sqlite_get(struct backend *backend, struct backend_reader *reader,
	struct span key, struct buf *out, struct err *err)
{
	struct connection *connection = connection_of(backend, reader);
	sqlite3_stmt *statement = NULL;
	int step, rc = get_statement(connection, GET, &statement, err);

	if (rc != 0)
		return rc;
	step = bind_span(statement, 1, key) ? sqlite3_step(statement)
					    : SQLITE_ERROR;
	if (step == SQLITE_ROW) {
		(void)buf_add_span(out, column_span(statement, 0));
		rc = buf_check(out, err);
	} else if (step == SQLITE_DONE) {
		rc = err_set(err, ERR_ABSENT, 404, "%s", "");
	} else {
		rc = fail(connection, statements[GET], err);
	}
	done_with(connection, GET, statement);
	return rc;
}

/* ---- scans ----------------------------------------------------------- */

#define BOUND_MAX (STORE_KEY_MAX + 1)

/* The first key of a scan: the prefix, or what comes right behind after. */
static struct span
low_bound(struct span prefix, struct span after, uint8_t bound[BOUND_MAX])
{
	if (after.len == 0 || span_compare(after, prefix) < 0 ||
		after.len >= BOUND_MAX)
		return prefix;
	memcpy(bound, after.data, after.len);
	bound[after.len] = 0;
	return span_of(bound, after.len + 1);
}

/* The first key behind all that begin with prefix. */
static struct span
high_bound(struct span prefix, uint8_t bound[BOUND_MAX])
{
	size_t len = prefix.len;

	while (len > 0 && prefix.data[len - 1] == 0xff)
		len--;
	if (len == 0 || len >= BOUND_MAX) {
		memset(bound, 0xff, BOUND_MAX);
		return span_of(bound, BOUND_MAX);
	}
	memcpy(bound, prefix.data, len);
	bound[len - 1]++;
	return span_of(bound, len);
}

static bool
bind_limit(sqlite3_stmt *statement, int i, size_t limit)
{
	int64_t n = limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit;

	return sqlite3_bind_int64(statement, i, n) == SQLITE_OK;
}

static int
sqlite_scan(struct backend *backend, struct backend_reader *reader,
	struct span prefix, struct span after, size_t limit, bool keys_only,
	backend_row_fn *fn, void *ctx, struct err *err)
{
	struct connection *connection = connection_of(backend, reader);
	enum statement which = keys_only ? SCAN_KEYS : SCAN;
	uint8_t low[BOUND_MAX], high[BOUND_MAX];
	sqlite3_stmt *statement = NULL;
	int step = SQLITE_ERROR;
	int rc = get_statement(connection, which, &statement, err);

	if (rc != 0)
		return rc;
	if (bind_span(statement, 1, low_bound(prefix, after, low)) &&
		bind_span(statement, 2, high_bound(prefix, high)) &&
		bind_limit(statement, 3, limit))
		step = sqlite3_step(statement);
	while (rc == 0 && step == SQLITE_ROW) {
		rc = fn(ctx, column_span(statement, 0),
			keys_only ? SPAN_NONE : column_span(statement, 1), err);
		if (rc == 0)
			step = sqlite3_step(statement);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = fail(connection, statements[which], err);
	done_with(connection, which, statement);
	return rc < 0 ? rc : 0;
}

static int
sqlite_due_scan(struct backend *backend, struct backend_reader *reader,
	int64_t until_s, size_t limit, backend_due_fn *fn, void *ctx,
	struct err *err)
{
	struct connection *connection = connection_of(backend, reader);
	sqlite3_stmt *statement = NULL;
	int step = SQLITE_ERROR;
	int rc = get_statement(connection, DUE_SCAN, &statement, err);

	if (rc != 0)
		return rc;
	if (sqlite3_bind_int64(statement, 1, until_s) == SQLITE_OK &&
		bind_limit(statement, 2, limit))
		step = sqlite3_step(statement);
	while (rc == 0 && step == SQLITE_ROW) {
		rc = fn(ctx, sqlite3_column_int64(statement, 0),
			column_span(statement, 1), err);
		if (rc == 0)
			step = sqlite3_step(statement);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = fail(connection, statements[DUE_SCAN], err);
	done_with(connection, DUE_SCAN, statement);
	return rc < 0 ? rc : 0;
}

/* ---- connections ----------------------------------------------------- */

static void
disconnect(struct connection *connection)
{
	size_t i;

	for (i = 0; i < N_STATEMENTS; i++) {
		(void)sqlite3_finalize(connection->prepared[i]);
		connection->prepared[i] = NULL;
	}
	(void)sqlite3_close(connection->db);
	connection->db = NULL;
}

/* SQLite may not checkpoint by itself, and nobody may spoil the file. */
static int
connect(struct connection *connection, const char *uri, int flags,
	const char *setup, struct err *err)
{
	int rc;

	if (sqlite3_open_v2(uri, &connection->db,
		    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI |
			    SQLITE_OPEN_EXRESCODE,
		    NULL) == SQLITE_OK &&
		sqlite3_busy_timeout(connection->db, BUSY_MS) == SQLITE_OK &&
		sqlite3_db_config(connection->db,
			SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
			NULL) == SQLITE_OK &&
		sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DEFENSIVE, 1,
			NULL) == SQLITE_OK &&
		sqlite3_exec(connection->db, setup, NULL, NULL, NULL) ==
			SQLITE_OK)
		return 0;
	rc = connection->db == NULL ? err_set_memory(err)
				    : fail(connection, "opening", err);
	disconnect(connection);
	return rc;
}

static int
new_reader(
	struct sqlite *sqlite, struct connection **ret_reader, struct err *err)
{
	struct connection *reader = calloc(1, sizeof(*reader));
	int rc;

	if (reader == NULL)
		return err_set_memory(err);
	rc = connect(
		reader, sqlite->uri, SQLITE_OPEN_READONLY, reader_setup, err);
	if (rc != 0) {
		free(reader);
		return rc;
	}
	*ret_reader = reader;
	return 0;
}

static void
free_reader(struct connection *reader)
{
	disconnect(reader);
	free(reader);
}

/* Leave the pool's count and tell whoever waits for it. */
static void
reader_left(struct sqlite *sqlite, struct connection *back)
{
	lock_take(&sqlite->pool_lock, &readers_guard);
	sqlite->n_out--;
	if (back != NULL) {
		back->next = sqlite->idle;
		sqlite->idle = back;
	}
	pthread_cond_broadcast(&sqlite->pool_changed);
	lock_give(&sqlite->pool_lock, &readers_guard);
}

/* Wait for a turn; an idle reader, or NULL where one must be made. */
static struct connection *
reader_turn(struct sqlite *sqlite)
{
	struct connection *reader = NULL;

	lock_take(&sqlite->pool_lock, &readers_guard);
	while (sqlite->hold || sqlite->n_out == READERS_MAX)
		lock_wait(&sqlite->pool_changed, &sqlite->pool_lock,
			&readers_guard);
	sqlite->n_out++;
	reader = sqlite->idle;
	if (reader != NULL)
		sqlite->idle = reader->next;
	lock_give(&sqlite->pool_lock, &readers_guard);
	return reader;
}

static int
sqlite_reader_get(struct backend *backend, struct backend_reader **ret_reader,
	struct err *err)
{
	struct sqlite *sqlite = sqlite_of(backend);
	struct connection *reader = reader_turn(sqlite);
	int rc = 0;

	if (reader == NULL)
		rc = new_reader(sqlite, &reader, err);
	if (rc == 0)
		rc = run(reader, BEGIN_READ, err);
	if (rc != 0) {
		if (reader != NULL)
			free_reader(reader);
		reader_left(sqlite, NULL);
		return rc;
	}
	*ret_reader = (struct backend_reader *)(void *)reader;
	return 0;
}

static void
sqlite_reader_put(struct backend *backend, struct backend_reader *reader)
{
	struct connection *connection = connection_of(backend, reader);

	/* One that cannot end its transaction would keep an old snapshot. */
	if (run(connection, COMMIT, NULL) != 0) {
		free_reader(connection);
		connection = NULL;
	}
	reader_left(sqlite_of(backend), connection);
}

/* ---- checkpoints ----------------------------------------------------- */

/* SQLite's call after each commit, with the pages that the log holds now. */
static int
log_has_grown(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct sqlite *sqlite = ctx;

	(void)db;
	(void)name;
	sqlite->log_pages = pages;
	if (pages < sqlite->checked_pages)
		sqlite->checked_pages = 0; /* SQLite began the log anew */
	return SQLITE_OK;
}

/* Keep new readers out; whether those at work have ended in time. */
static bool
hold_readers(struct sqlite *sqlite)
{
	struct timespec until;
	bool ended;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += HOLD_S;
	lock_take(&sqlite->pool_lock, &readers_guard);
	sqlite->hold = true;
	while (sqlite->n_out > 0 &&
		lock_wait_until(&sqlite->pool_changed, &sqlite->pool_lock,
			&until, &readers_guard) == 0)
		;
	ended = sqlite->n_out == 0;
	lock_give(&sqlite->pool_lock, &readers_guard);
	return ended;
}

static void
let_readers_go(struct sqlite *sqlite)
{
	lock_take(&sqlite->pool_lock, &readers_guard);
	sqlite->hold = false;
	pthread_cond_broadcast(&sqlite->pool_changed);
	lock_give(&sqlite->pool_lock, &readers_guard);
}

static int
checkpoint_in(struct sqlite *sqlite, int mode, struct err *err)
{
	sqlite3 *db = sqlite->writer.db;
	int code = sqlite3_wal_checkpoint_v2(db, NULL, mode, NULL, NULL);

	sqlite->checked_pages = sqlite->log_pages;
	sqlite->full = false;
	/* Busy: a reader needs the old pages, and will be gone next time. */
	if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
		return 0;
	return fail(&sqlite->writer, "checkpoint", err);
}

/* Move everything into the file and cut the log off, with no reader about. */
static int
restart_log(struct sqlite *sqlite, struct err *err)
{
	bool ended = hold_readers(sqlite);
	int rc = checkpoint_in(sqlite,
		ended ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
		err);

	let_readers_go(sqlite);
	if (rc == 0 && ended) {
		sqlite->log_pages = 0;
		sqlite->checked_pages = 0;
	}
	return rc;
}

static int
sqlite_checkpoint(struct backend *backend, bool now, struct err *err)
{
	struct sqlite *sqlite = sqlite_of(backend);

	if (!now && !sqlite->full &&
		sqlite->log_pages - sqlite->checked_pages < CHECKPOINT_PAGES)
		return 0;
	if (now || sqlite->log_pages >= RESTART_PAGES)
		return restart_log(sqlite, err);
	return checkpoint_in(sqlite, SQLITE_CHECKPOINT_PASSIVE, err);
}

/* ---- backup ---------------------------------------------------------- */

/* An empty file of mode 0600 that was not there before. */
static int
make_empty_file(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return err_set(err, ERR_INPUT, 400, "%s exists", path);
	if (fd < 0)
		return err_set_errno(err, path);
	close(fd);
	return 0;
}

static int
copy_failed(sqlite3 *db, struct err *err)
{
	if (err != NULL && err->code == 0)
		(void)snprintf(err->detail, sizeof(err->detail),
			"SQLite: backup: %s", sqlite3_errmsg(db));
	return err_set(err, ERR_SYSTEM, 500, "the backup could not be written");
}

/* Let go of a copy; one that is not complete is removed. */
static void
end_copy(struct copy *copy, bool complete)
{
	(void)sqlite3_backup_finish(copy->backup);
	(void)sqlite3_close(copy->db);
	if (!complete && copy->path != NULL)
		(void)unlink(copy->path);
	free(copy->path);
	*copy = (struct copy){ .db = NULL };
}

/*
 * Pages that a batch changes while the copy is being made are written into it
 * by SQLite itself, since the batch runs on the same connection. Nothing
 * is synced here: the whole file is at the end.
 */
static int
begin_copy(struct sqlite *sqlite, const char *path, struct err *err)
{
	struct copy *copy = &sqlite->copy;
	int rc;

	if (copy->path != NULL)
		return err_set(err, ERR_EXISTS, 400, "a backup is being made");
	rc = make_empty_file(path, err);
	if (rc != 0)
		return rc;
	copy->path = strdup(path);
	if (copy->path == NULL) {
		(void)unlink(path);
		return err_set_memory(err);
	}
	if (sqlite3_open_v2(path, &copy->db,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
		    NULL) != SQLITE_OK ||
		sqlite3_exec(copy->db,
			"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
			"PRAGMA locking_mode = EXCLUSIVE;",
			NULL, NULL, NULL) != SQLITE_OK)
		return copy_failed(copy->db, err);
	copy->backup = sqlite3_backup_init(
		copy->db, "main", sqlite->writer.db, "main");
	return copy->backup != NULL ? 0 : copy_failed(copy->db, err);
}

/*
 * The copy says what it is. It came with the journal mode of the store, so
 * this goes through a log of its own, which leaves with the connection.
 */
static int
mark_copy(struct copy *copy, struct err *err)
{
	static const char mark[] =
		"INSERT OR REPLACE INTO kv (key, value)"
		" VALUES (CAST('" RESTORED_KEY "' AS BLOB), x'00')";

	(void)sqlite3_backup_finish(copy->backup);
	copy->backup = NULL;
	if (sqlite3_exec(copy->db, mark, NULL, NULL, NULL) != SQLITE_OK)
		return copy_failed(copy->db, err);
	return 0;
}

static int
sqlite_backup(struct backend *backend, const char *path, bool begin,
	bool *ret_more, struct err *err)
{
	struct sqlite *sqlite = sqlite_of(backend);
	struct copy *copy = &sqlite->copy;
	int code = SQLITE_ERROR;
	int rc = begin ? begin_copy(sqlite, path, err) : 0;

	if (rc == ERR_EXISTS || copy->path == NULL)
		return rc; /* of another copy, or none was begun */
	if (rc == 0)
		code = sqlite3_backup_step(copy->backup, COPY_PAGES);
	*ret_more = code == SQLITE_OK;
	if (*ret_more)
		return 0;
	if (rc == 0 && code != SQLITE_DONE)
		rc = copy_failed(copy->db, err);
	if (rc == 0)
		rc = mark_copy(copy, err);
	end_copy(copy, rc == 0);
	return rc;
}

/* ---- life ------------------------------------------------------------ */

static const char *
sqlite_describe(struct backend *backend)
{
	return sqlite_of(backend)->text;
}

static void
sqlite_free(struct sqlite *sqlite)
{
	struct connection *next = NULL;

	guard_unshared(&readers_guard);
	for (; sqlite->idle != NULL; sqlite->idle = next) {
		next = sqlite->idle->next;
		free_reader(sqlite->idle);
	}
	end_copy(&sqlite->copy, false);
	disconnect(&sqlite->writer);
	if (sqlite->lock_fd >= 0)
		close(sqlite->lock_fd);
	pthread_cond_destroy(&sqlite->pool_changed);
	pthread_mutex_destroy(&sqlite->pool_lock);
	free(sqlite->path);
	free(sqlite->uri);
	free(sqlite);
}

static void
sqlite_close(struct backend *backend)
{
	sqlite_free(sqlite_of(backend));
}

static const struct backend_ops sqlite_ops = {
	.kind = "sqlite",
	.close = sqlite_close,
	.describe = sqlite_describe,
	.begin = sqlite_begin,
	.savepoint = sqlite_savepoint,
	.release = sqlite_release,
	.rollback_to = sqlite_rollback_to,
	.commit = sqlite_commit,
	.rollback = sqlite_rollback,
	.put = sqlite_put,
	.del = sqlite_del,
	.due_put = sqlite_due_put,
	.due_del = sqlite_due_del,
	.checkpoint = sqlite_checkpoint,
	.backup = sqlite_backup,
	.get = sqlite_get,
	.scan = sqlite_scan,
	.due_scan = sqlite_due_scan,
	.reader_get = sqlite_reader_get,
	.reader_put = sqlite_reader_put,
};

/*
 * "file:<path>?modeof=<path>.lock": SQLite makes the store with the mode of
 * our lock file, whatever the umask is.
 */
static char *
make_uri(const char *path)
{
	struct buf uri;
	const char *at = NULL;
	char *text = NULL;
	int i;

	buf_init(&uri, 65536);
	for (i = 0; i < 2; i++) {
		(void)buf_add_str(&uri, i == 0 ? "file:" : "?modeof=");
		for (at = path; *at != '\0'; at++)
			(void)buf_addf(&uri,
				strchr("%?#&=+", *at) != NULL ? "%%%02x" : "%c",
				(unsigned char)*at);
	}
	(void)buf_add_str(&uri, ".lock");
	if (buf_check(&uri, NULL) == 0)
		text = strdup(buf_str(&uri));
	buf_clear(&uri);
	return text;
}

static struct sqlite *
sqlite_alloc(const char *path)
{
	struct sqlite *sqlite = calloc(1, sizeof(*sqlite));
	pthread_condattr_t attr;

	if (sqlite == NULL)
		return NULL;
	sqlite->backend.ops = &sqlite_ops;
	sqlite->writer.writes = true;
	sqlite->lock_fd = -1;
	pthread_mutex_init(&sqlite->pool_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&sqlite->pool_changed, &attr);
	pthread_condattr_destroy(&attr);
	sqlite->path = strdup(path);
	sqlite->uri = make_uri(path);
	if (sqlite->path == NULL || sqlite->uri == NULL) {
		sqlite_free(sqlite);
		return NULL;
	}
	(void)snprintf(sqlite->text, sizeof(sqlite->text),
		"SQLite %s, WAL, synced commits, checkpoints by the writer",
		sqlite3_libversion());
	return sqlite;
}

/* The first column of the first row of a fixed query, as a number. */
static int
query_number(struct connection *connection, const char *sql,
	int64_t *ret_number, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(connection->db, sql, -1, &statement, NULL) ==
			SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW)
		*ret_number = sqlite3_column_int64(statement, 0);
	else
		rc = fail(connection, sql, err);
	(void)sqlite3_finalize(statement);
	return rc;
}

/* Ours, or empty; anything else is left as it is. */
static int
check_ours(struct sqlite *sqlite, bool *ret_empty, struct err *err)
{
	int64_t id = 0, n_tables = 0;
	int rc = query_number(
		&sqlite->writer, "PRAGMA application_id", &id, err);

	if (rc == 0)
		rc = query_number(&sqlite->writer,
			"SELECT count(*) FROM sqlite_schema", &n_tables, err);
	if (rc != 0)
		return rc;
	if (id != APPLICATION_ID && (id != 0 || n_tables != 0))
		return err_set(err, ERR_INPUT, 500,
			"%s is not a store of this server", sqlite->path);
	*ret_empty = n_tables == 0;
	return 0;
}

static int
use_log(struct sqlite *sqlite, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	const char *mode = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(sqlite->writer.db, "PRAGMA journal_mode = WAL",
		    -1, &statement, NULL) != SQLITE_OK ||
		sqlite3_step(statement) != SQLITE_ROW)
		rc = fail(&sqlite->writer, "journal_mode", err);
	else
		mode = (const char *)sqlite3_column_text(statement, 0);
	if (rc == 0 && (mode == NULL || strcmp(mode, "wal") != 0))
		rc = err_set(err, ERR_INPUT, 500,
			"%s lies where SQLite cannot keep a WAL", sqlite->path);
	(void)sqlite3_finalize(statement);
	return rc;
}

static int
prepare_file(struct sqlite *sqlite, struct err *err)
{
	bool empty;
	int rc = check_ours(sqlite, &empty, err);

	if (rc == 0)
		rc = use_log(sqlite, err);
	if (rc != 0 || !empty)
		return rc;
	if (sqlite3_exec(sqlite->writer.db, make_tables, NULL, NULL, NULL) !=
		SQLITE_OK)
		return fail(&sqlite->writer, "making the tables", err);
	return file_sync_dir(sqlite->path, err);
}

static int
sqlite_start(struct sqlite *sqlite, bool create, struct err *err)
{
	bool exists;
	int rc = storefile_lock(sqlite->path, &sqlite->lock_fd, &exists, err);

	if (rc != 0)
		return rc;
	if (!exists && !create)
		return err_set(err, ERR_ABSENT, 500, "there is no store at %s",
			sqlite->path);
	rc = connect(&sqlite->writer, sqlite->uri,
		SQLITE_OPEN_READWRITE | (exists ? 0 : SQLITE_OPEN_CREATE),
		writer_setup, err);
	if (rc != 0)
		return rc;
	(void)sqlite3_wal_hook(sqlite->writer.db, log_has_grown, sqlite);
	rc = prepare_file(sqlite, err);
	return rc != 0 ? rc : storefile_check(sqlite->path, &exists, err);
}

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_code;

/* Without its own statistics SQLite needs no lock for each allocation. */
static void
start_library(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	library_code = sqlite3_threadsafe() != 0 ? sqlite3_initialize()
						 : SQLITE_MISUSE;
}

int
sqlite_backend_open(const char *path, bool create, struct backend **ret_backend,
	struct err *err)
{
	struct sqlite *sqlite = NULL;
	int rc;

	(void)pthread_once(&library_once, start_library);
	if (library_code != SQLITE_OK)
		return err_set(err, ERR_SYSTEM, 500,
			"this SQLite cannot be used with threads");
	sqlite = sqlite_alloc(path);
	if (sqlite == NULL)
		return err_set_memory(err);
	rc = sqlite_start(sqlite, create, err);
	if (rc != 0) {
		sqlite_free(sqlite);
		return rc;
	}
	*ret_backend = &sqlite->backend;
	return 0;
}

int
store_open_sqlite(const struct store_settings *settings,
	struct store **ret_store, struct err *err)
{
	struct backend *backend = NULL;
	int rc = sqlite_backend_open(
		settings->path, settings->create, &backend, err);

	if (rc != 0)
		return rc;
	return store_open_backend(backend, settings, ret_store, err);
}
