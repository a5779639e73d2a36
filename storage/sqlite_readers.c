/*
 * The pool of connections that read: made on demand, up to a number, and held
 * off while the log is restarted.
 */
#include "storage/sqlite_inside.h"

#include <stdlib.h>
#include <time.h>

/* Readers at work at the same time; more have to wait. */
#define READERS_MAX 16

/* How long a restart of the log waits for readers to end. */
#define HOLD_S 1

static const char reader_setup[] = "PRAGMA query_only = ON;"
				   "PRAGMA wal_autocheckpoint = 0;"
				   "PRAGMA mmap_size = 0;"
				   "PRAGMA temp_store = MEMORY;"
				   "PRAGMA cache_size = -512;"
				   "PRAGMA trusted_schema = OFF;"
				   "PRAGMA cell_size_check = ON;";

struct guard sqlite_readers_guard;

static int
new_reader(
	struct sqlite *sqlite, struct connection **ret_reader, struct err *err)
{
	struct connection *reader = calloc(1, sizeof(*reader));
	int rc;

	if (reader == NULL)
		return err_set_memory(err);
	rc = sqlite_connect(
		reader, sqlite->uri, SQLITE_OPEN_READONLY, reader_setup, err);
	if (rc != 0) {
		free(reader);
		return rc;
	}
	*ret_reader = reader;
	return 0;
}

void
sqlite_free_reader(struct connection *reader)
{
	sqlite_disconnect(reader);
	free(reader);
}

/* Leave the pool's count and tell whoever waits for it. */
static void
reader_left(struct sqlite *sqlite, struct connection *back)
{
	lock_take(&sqlite->pool_lock, &sqlite_readers_guard);
	sqlite->n_out--;
	if (back != NULL) {
		back->next = sqlite->idle;
		sqlite->idle = back;
	}
	pthread_cond_broadcast(&sqlite->pool_changed);
	lock_give(&sqlite->pool_lock, &sqlite_readers_guard);
}

/* Wait for a turn; an idle reader, or NULL where one must be made. */
static struct connection *
reader_turn(struct sqlite *sqlite)
{
	struct connection *reader = NULL;

	lock_take(&sqlite->pool_lock, &sqlite_readers_guard);
	while (sqlite->hold || sqlite->n_out == READERS_MAX)
		lock_wait(&sqlite->pool_changed, &sqlite->pool_lock,
			&sqlite_readers_guard);
	sqlite->n_out++;
	reader = sqlite->idle;
	if (reader != NULL)
		sqlite->idle = reader->next;
	lock_give(&sqlite->pool_lock, &sqlite_readers_guard);
	return reader;
}

int
sqlite_reader_get(struct backend *backend, struct backend_reader **ret_reader,
	struct err *err)
{
	struct sqlite *sqlite = sqlite_of(backend);
	struct connection *reader = reader_turn(sqlite);
	int rc = 0;

	if (reader == NULL)
		rc = new_reader(sqlite, &reader, err);
	if (rc == 0)
		rc = sqlite_run(reader, BEGIN_READ, err);
	if (rc != 0) {
		if (reader != NULL)
			sqlite_free_reader(reader);
		reader_left(sqlite, NULL);
		return rc;
	}
	*ret_reader = (struct backend_reader *)(void *)reader;
	return 0;
}

void
sqlite_reader_put(struct backend *backend, struct backend_reader *reader)
{
	struct connection *connection = connection_of(backend, reader);

	/* One that cannot end its transaction would keep an old snapshot. */
	if (sqlite_run(connection, COMMIT, NULL) != 0) {
		sqlite_free_reader(connection);
		connection = NULL;
	}
	/* A reader is a connection of its own, none of the backend's.
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	reader_left(sqlite_of(backend), connection);
}

bool
sqlite_hold_readers(struct sqlite *sqlite)
{
	struct timespec until;
	bool ended;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += HOLD_S;
	lock_take(&sqlite->pool_lock, &sqlite_readers_guard);
	sqlite->hold = true;
	while (sqlite->n_out > 0 &&
		lock_wait_until(&sqlite->pool_changed, &sqlite->pool_lock,
			&until, &sqlite_readers_guard) == 0)
		;
	ended = sqlite->n_out == 0;
	lock_give(&sqlite->pool_lock, &sqlite_readers_guard);
	return ended;
}

void
sqlite_let_readers_go(struct sqlite *sqlite)
{
	lock_take(&sqlite->pool_lock, &sqlite_readers_guard);
	sqlite->hold = false;
	pthread_cond_broadcast(&sqlite->pool_changed);
	lock_give(&sqlite->pool_lock, &sqlite_readers_guard);
}
