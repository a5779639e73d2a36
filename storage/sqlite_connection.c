/*
 * Connections to a SQLite file: their statements, and what the codes of SQLite
 * mean to the store.
 */
#include "storage/sqlite_inside.h"

#include <errno.h>
#include <stdio.h>

#define BUSY_MS 5000

const char *const sqlite_statements[N_STATEMENTS] = {
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
	[SCAN] =
		"SELECT key, value FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3",
	[SCAN_KEYS] =
		"SELECT key FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3",
	[DUE_PUT] = "INSERT OR REPLACE INTO due (due, key) VALUES (?1, ?2)",
	[DUE_DEL] = "DELETE FROM due WHERE due = ?1 AND key = ?2",
	[DUE_SCAN] =
		"SELECT due, key FROM due WHERE due <= ?1 ORDER BY due, key LIMIT ?2",
};

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

int
sqlite_fail(struct connection *connection, const char *what, struct err *err)
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

int
sqlite_get_statement(struct connection *connection, enum statement which,
	sqlite3_stmt **ret_statement, struct err *err)
{
	sqlite3_stmt *statement = connection->prepared[which];
	bool keep = statement == NULL;

	if (statement != NULL && !sqlite3_stmt_busy(statement)) {
		*ret_statement = statement;
		return 0;
	}
	if (sqlite3_prepare_v3(connection->db, sqlite_statements[which], -1,
		    keep ? SQLITE_PREPARE_PERSISTENT : 0, &statement,
		    NULL) != SQLITE_OK)
		return sqlite_fail(connection, sqlite_statements[which], err);
	if (keep)
		connection->prepared[which] = statement;
	*ret_statement = statement;
	return 0;
}

void
sqlite_done_with(struct connection *connection, enum statement which,
	sqlite3_stmt *statement)
{
	if (statement != connection->prepared[which]) {
		(void)sqlite3_finalize(statement);
		return;
	}
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
}

int
sqlite_finish(struct connection *connection, enum statement which,
	sqlite3_stmt *statement, bool bound, struct err *err)
{
	int rc = 0;

	if (!bound || sqlite3_step(statement) != SQLITE_DONE)
		rc = sqlite_fail(connection, sqlite_statements[which], err);
	sqlite_done_with(connection, which, statement);
	return rc;
}

int
sqlite_run(struct connection *connection, enum statement which, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite_get_statement(connection, which, &statement, err);

	return rc != 0 ? rc
		       : sqlite_finish(connection, which, statement, true, err);
}

/* ---- opening --------------------------------------------------------- */

void
sqlite_disconnect(struct connection *connection)
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
int
sqlite_connect(struct connection *connection, const char *uri, int flags,
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
				    : sqlite_fail(connection, "opening", err);
	sqlite_disconnect(connection);
	return rc;
}
