/* A copy of the store, made page by page between two batches. */
#include "storage/sqlite_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pages of a backup's step, between two batches. */
#define COPY_PAGES 1024

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

void
sqlite_end_copy(struct copy *copy, bool complete)
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

int
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
	sqlite_end_copy(copy, rc == 0);
	return rc;
}
