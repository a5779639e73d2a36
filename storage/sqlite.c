/*
 * The backend over a SQLite file. One connection writes, checkpoints and
 * copies, all on the writer's thread, so that a checkpoint can never meet a
 * write (SQLite before 3.51.3 loses commits then, reliability.md L41); readers
 * have read-only connections from a pool. Here it is opened and closed; the
 * other subjects are in sqlite_*.c beside it, and all SQL of the project with
 * them.
 */
#include "storage/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fsutil.h"
#include "storage/sqlite_inside.h"
#include "storage/storefile.h"

#define APPLICATION_ID 1398893676 /* "Sall" marks the file as ours */

static const char writer_setup[] = "PRAGMA page_size = 4096;"
				   "PRAGMA synchronous = FULL;"
				   "PRAGMA wal_autocheckpoint = 0;"
				   "PRAGMA mmap_size = 0;"
				   "PRAGMA temp_store = MEMORY;"
				   "PRAGMA cache_size = -8192;"
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

static const char *
sqlite_describe(struct backend *backend)
{
	return sqlite_of(backend)->text;
}

static void
sqlite_free(struct sqlite *sqlite)
{
	struct connection *next = NULL;

	guard_unshared(&sqlite_readers_guard);
	for (; sqlite->idle != NULL; sqlite->idle = next) {
		next = sqlite->idle->next;
		sqlite_free_reader(sqlite->idle);
	}
	sqlite_end_copy(&sqlite->copy, false);
	sqlite_disconnect(&sqlite->writer);
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

	if (sqlite == NULL)
		return NULL;
	sqlite->backend.ops = &sqlite_ops;
	sqlite->writer.writes = true;
	sqlite->lock_fd = -1;
	pthread_mutex_init(&sqlite->pool_lock, NULL);
	lock_init_cond(&sqlite->pool_changed);
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
		rc = sqlite_fail(connection, sql, err);
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
		rc = sqlite_fail(&sqlite->writer, "journal_mode", err);
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
		return sqlite_fail(&sqlite->writer, "making the tables", err);
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
	rc = sqlite_connect(&sqlite->writer, sqlite->uri,
		SQLITE_OPEN_READWRITE | (exists ? 0 : SQLITE_OPEN_CREATE),
		writer_setup, err);
	if (rc != 0)
		return rc;
	(void)sqlite3_wal_hook(sqlite->writer.db, sqlite_log_has_grown, sqlite);
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
