/* What the store asks of its SQLite file: transactions, records, scans. */
#include "storage/sqlite_inside.h"

#include <string.h>

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

/* ---- transactions ---------------------------------------------------- */

static int
run_as_writer(struct backend *backend, enum statement which, struct err *err)
{
	struct sqlite *sqlite = sqlite_of(backend);
	int rc = sqlite_run(&sqlite->writer, which, err);

	sqlite->full = sqlite->full || rc == ERR_FULL;
	return rc;
}

int
sqlite_begin(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, BEGIN_WRITE, err);
}

int
sqlite_savepoint(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, SAVEPOINT, err);
}

int
sqlite_release(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, RELEASE, err);
}

int
sqlite_rollback_to(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, ROLLBACK_TO, err);
}

int
sqlite_commit(struct backend *backend, struct err *err)
{
	return run_as_writer(backend, COMMIT, err);
}

void
sqlite_rollback(struct backend *backend)
{
	/* Some errors have rolled back already. */
	if (!sqlite3_get_autocommit(sqlite_of(backend)->writer.db))
		(void)run_as_writer(backend, ROLLBACK, NULL);
}

/* ---- records --------------------------------------------------------- */

int
sqlite_put(struct backend *backend, struct span key, struct span value,
	struct err *err)
{
	struct sqlite *sqlite = sqlite_of(backend);
	sqlite3_stmt *statement = NULL;
	int rc = sqlite_get_statement(&sqlite->writer, PUT, &statement, err);

	if (rc != 0)
		return rc;
	rc = sqlite_finish(&sqlite->writer, PUT, statement,
		bind_span(statement, 1, key) && bind_span(statement, 2, value),
		err);
	sqlite->full = sqlite->full || rc == ERR_FULL;
	return rc;
}

int
sqlite_del(struct backend *backend, struct span key, struct err *err)
{
	struct connection *writer = &sqlite_of(backend)->writer;
	sqlite3_stmt *statement = NULL;
	int rc = sqlite_get_statement(writer, DEL, &statement, err);

	return rc != 0 ? rc
		       : sqlite_finish(writer, DEL, statement,
				 bind_span(statement, 1, key), err);
}

static int
change_due(struct connection *writer, enum statement which, int64_t due_s,
	struct span key, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite_get_statement(writer, which, &statement, err);
	bool bound;

	if (rc != 0)
		return rc;
	bound = sqlite3_bind_int64(statement, 1, due_s) == SQLITE_OK &&
		bind_span(statement, 2, key);
	return sqlite_finish(writer, which, statement, bound, err);
}

int
sqlite_due_put(struct backend *backend, int64_t due_s, struct span key,
	struct err *err)
{
	return change_due(
		&sqlite_of(backend)->writer, DUE_PUT, due_s, key, err);
}

int
sqlite_due_del(struct backend *backend, int64_t due_s, struct span key,
	struct err *err)
{
	return change_due(
		&sqlite_of(backend)->writer, DUE_DEL, due_s, key, err);
}

int
sqlite_get(struct backend *backend, struct backend_reader *reader,
	struct span key, struct buf *out, struct err *err)
{
	struct connection *connection = connection_of(backend, reader);
	sqlite3_stmt *statement = NULL;
	int step, rc = sqlite_get_statement(connection, GET, &statement, err);

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
		rc = sqlite_fail(connection, sqlite_statements[GET], err);
	}
	sqlite_done_with(connection, GET, statement);
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

int
sqlite_scan(struct backend *backend, struct backend_reader *reader,
	struct span prefix, struct span after, size_t limit, bool keys_only,
	backend_row_fn *fn, void *ctx, struct err *err)
{
	struct connection *connection = connection_of(backend, reader);
	enum statement which = keys_only ? SCAN_KEYS : SCAN;
	uint8_t low[BOUND_MAX], high[BOUND_MAX];
	sqlite3_stmt *statement = NULL;
	int step = SQLITE_ERROR;
	int rc = sqlite_get_statement(connection, which, &statement, err);

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
		rc = sqlite_fail(connection, sqlite_statements[which], err);
	sqlite_done_with(connection, which, statement);
	return rc < 0 ? rc : 0;
}

int
sqlite_due_scan(struct backend *backend, struct backend_reader *reader,
	int64_t until_s, size_t limit, backend_due_fn *fn, void *ctx,
	struct err *err)
{
	struct connection *connection = connection_of(backend, reader);
	sqlite3_stmt *statement = NULL;
	int step = SQLITE_ERROR;
	int rc = sqlite_get_statement(connection, DUE_SCAN, &statement, err);

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
		rc = sqlite_fail(connection, sqlite_statements[DUE_SCAN], err);
	sqlite_done_with(connection, DUE_SCAN, statement);
	return rc < 0 ? rc : 0;
}
