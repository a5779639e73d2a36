/*
 * What the files of the SQLite backend share: storage/sqlite.c opens it,
 * sqlite_connection.c has its statements and what their failures mean.
 */
#ifndef SALLYPORT_STORAGE_SQLITE_INSIDE_H
#define SALLYPORT_STORAGE_SQLITE_INSIDE_H

#include <sqlite3.h>

#include "lib/lock.h"
#include "storage/backend.h"

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

extern struct guard sqlite_readers_guard;

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
	struct connection *idle GUARDED_BY(sqlite_readers_guard);
	size_t n_out GUARDED_BY(sqlite_readers_guard); /* readers at work */
	/* Nobody may begin to read. */
	bool hold GUARDED_BY(sqlite_readers_guard);

	char text[96];
};

static inline struct sqlite *
sqlite_of(struct backend *backend)
{
	return (struct sqlite *)(void *)backend;
}

/* The connection of a reader, or the writer's. */
static inline struct connection *
connection_of(struct backend *backend, struct backend_reader *reader)
{
	if (reader == NULL)
		return &sqlite_of(backend)->writer;
	return (struct connection *)(void *)reader;
}

/* ---- sqlite_connection.c ---------------------------------------------- */

/* The text of each. */
extern const char *const sqlite_statements[N_STATEMENTS];

/* flags of sqlite3_open_v2; setup: pragmas that make it what it is. */
int sqlite_connect(struct connection *connection, const char *uri, int flags,
	const char *setup, struct err *err);
void sqlite_disconnect(struct connection *connection);

/* The error of the connection's last call, as the store has errors. */
int sqlite_fail(
	struct connection *connection, const char *what, struct err *err);

/*
 * The statement, prepared once for each connection. One that is being stepped
 * (a scan inside a scan's callback) is prepared a second time for the moment;
 * sqlite_done_with tells the two apart.
 */
int sqlite_get_statement(struct connection *connection, enum statement which,
	sqlite3_stmt **ret_statement, struct err *err);
void sqlite_done_with(struct connection *connection, enum statement which,
	sqlite3_stmt *statement);

/* Step to the end of a statement that gives no rows: bound already, or bare. */
int sqlite_finish(struct connection *connection, enum statement which,
	sqlite3_stmt *statement, bool bound, struct err *err);
int sqlite_run(
	struct connection *connection, enum statement which, struct err *err);

/* ---- sqlite_rows.c: the backend's transactions, records and scans ------ */

int sqlite_begin(struct backend *backend, struct err *err);
int sqlite_savepoint(struct backend *backend, struct err *err);
int sqlite_release(struct backend *backend, struct err *err);
int sqlite_rollback_to(struct backend *backend, struct err *err);
int sqlite_commit(struct backend *backend, struct err *err);
void sqlite_rollback(struct backend *backend);
int sqlite_put(struct backend *backend, struct span key, struct span value,
	struct err *err);
int sqlite_del(struct backend *backend, struct span key, struct err *err);
int sqlite_due_put(struct backend *backend, int64_t due_s, struct span key,
	struct err *err);
int sqlite_due_del(struct backend *backend, int64_t due_s, struct span key,
	struct err *err);
int sqlite_get(struct backend *backend, struct backend_reader *reader,
	struct span key, struct buf *out, struct err *err);
int sqlite_scan(struct backend *backend, struct backend_reader *reader,
	struct span prefix, struct span after, size_t limit, bool keys_only,
	backend_row_fn *fn, void *ctx, struct err *err);
int sqlite_due_scan(struct backend *backend, struct backend_reader *reader,
	int64_t until_s, size_t limit, backend_due_fn *fn, void *ctx,
	struct err *err);

/* ---- sqlite_readers.c -------------------------------------------------- */

int sqlite_reader_get(struct backend *backend,
	struct backend_reader **ret_reader, struct err *err);
void sqlite_reader_put(struct backend *backend, struct backend_reader *reader);
void sqlite_free_reader(struct connection *reader);

/* Keep new readers out; whether those at work have ended in time. */
bool sqlite_hold_readers(struct sqlite *sqlite);
void sqlite_let_readers_go(struct sqlite *sqlite);

/* ---- sqlite_checkpoint.c ----------------------------------------------- */

int sqlite_checkpoint(struct backend *backend, bool now, struct err *err);
/* SQLite's call after each commit, with the pages that the log holds now. */
int sqlite_log_has_grown(void *ctx, sqlite3 *db, const char *name, int pages);

/* ---- sqlite_backup.c ---------------------------------------------------- */

int sqlite_backup(struct backend *backend, const char *path, bool begin,
	bool *ret_more, struct err *err);
/* Let go of a copy; one that is not complete is removed. */
void sqlite_end_copy(struct copy *copy, bool complete);

#endif
