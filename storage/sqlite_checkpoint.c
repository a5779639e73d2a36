/* When the writer moves the log into the file, and begins it anew. */
#include "storage/sqlite_inside.h"

/* Log pages (4 KiB) after which the writer checkpoints, and restarts it. */
#define CHECKPOINT_PAGES 4000
#define RESTART_PAGES 16384

int
sqlite_log_has_grown(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct sqlite *sqlite = ctx;

	(void)db;
	(void)name;
	sqlite->log_pages = pages;
	if (pages < sqlite->checked_pages)
		sqlite->checked_pages = 0; /* SQLite began the log anew */
	return SQLITE_OK;
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
	return sqlite_fail(&sqlite->writer, "checkpoint", err);
}

/* Move everything into the file and cut the log off, with no reader about. */
static int
restart_log(struct sqlite *sqlite, struct err *err)
{
	bool ended = sqlite_hold_readers(sqlite);
	int rc = checkpoint_in(sqlite,
		ended ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
		err);

	sqlite_let_readers_go(sqlite);
	if (rc == 0 && ended) {
		sqlite->log_pages = 0;
		sqlite->checked_pages = 0;
	}
	return rc;
}

int
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
