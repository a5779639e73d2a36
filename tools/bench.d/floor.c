/*
 * What the disk and SQLite give without a server: commits of the rows of an
 * issued or a verified password, with the settings that storage/sqlite.c uses,
 * and an appended, synced write of an audit line. Prints one JSON object;
 * tools/bench starts it in the directory of the server's store.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tools/bench.d/seconds.h"

#define BATCH 64
#define CHECKPOINT_PAGES 4000
#define KEY_LEN 16        /* of a lease */
#define OWNED_KEY_LEN 25  /* of its owner's list */
#define FACT_LEN 43       /* "outbox/" and a uuid */
#define LEASE_BYTES 201   /* a sealed lease row of an OTP */
#define OWNED_BYTES 45    /* a sealed empty value */
#define FACT_BYTES 190    /* of each change in a commit's outbox record */
#define SAMPLES_MAX 65536 /* more than a run can take */

enum { PUT, DUE, DEL, BEGIN, COMMIT, N_STATEMENTS };

static const char *const texts[N_STATEMENTS] = {
	[PUT] = "INSERT OR REPLACE INTO kv (key, value) VALUES (?1, ?2)",
	[DUE] = "INSERT OR REPLACE INTO due (due, key) VALUES (?1, ?2)",
	[DEL] = "DELETE FROM kv WHERE key = ?1",
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
};

static const char setup[] =
	"PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
	"PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
	"PRAGMA cache_size = -8192; PRAGMA cell_size_check = ON;"
	"CREATE TABLE kv (key BLOB PRIMARY KEY NOT NULL,"
	" value BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE due (due INTEGER NOT NULL, key BLOB NOT NULL,"
	" PRIMARY KEY (due, key)) WITHOUT ROWID;";

static sqlite3 *db;
static sqlite3_stmt *statements[N_STATEMENTS];
static int log_pages;
static uint8_t filler[BATCH * FACT_BYTES]; /* as large as any value */
static double seconds;                     /* for each floor */
static double samples_us[SAMPLES_MAX];

static void
die(const char *what)
{
	(void)fprintf(stderr, "floor: %s: %s\n", what,
		db != NULL ? sqlite3_errmsg(db) : strerror(errno));
	exit(1);
}

static void
step(int which)
{
	if (sqlite3_step(statements[which]) != SQLITE_DONE)
		die(texts[which]);
	(void)sqlite3_reset(statements[which]);
}

static void
put(const void *key, int key_len, int value_len)
{
	(void)sqlite3_bind_blob(
		statements[PUT], 1, key, key_len, SQLITE_STATIC);
	(void)sqlite3_bind_blob(
		statements[PUT], 2, filler, value_len, SQLITE_STATIC);
	step(PUT);
}

/* A key of len bytes: a letter for the range, the row number at the end. */
static void
make_key(char letter, uint64_t row, uint8_t *key, int len)
{
	memset(key, 0, (size_t)len);
	key[0] = (uint8_t)letter;
	for (int i = 0; i < 8; i++)
		key[len - 1 - i] = (uint8_t)(row >> (8 * i));
}

/* The outbox row's key is a random uuid: spread the number. */
static void
make_fact_key(uint64_t row, char key[FACT_LEN + 1])
{
	(void)snprintf(key, FACT_LEN + 1, "outbox/%016llx-%019llx",
		(unsigned long long)(row * UINT64_C(0x9e3779b97f4a7c15)),
		(unsigned long long)row);
}

/* ---- one transaction's rows ------------------------------------------- */

/* The lease and its due time. */
static void
issue(uint64_t row)
{
	uint8_t key[KEY_LEN];

	make_key('l', row, key, KEY_LEN);
	put(key, KEY_LEN, LEASE_BYTES);
	(void)sqlite3_bind_int64(
		statements[DUE], 1, (int64_t)(1000000 + row / 4096));
	(void)sqlite3_bind_blob(
		statements[DUE], 2, key, KEY_LEN, SQLITE_STATIC);
	step(DUE);
}

/* The outbox record of a commit of n changes, and the one before dropped. */
static void
change_facts(uint64_t row, int n)
{
	char key[FACT_LEN + 1];

	make_fact_key(row, key);
	put(key, FACT_LEN, n * FACT_BYTES);
	make_fact_key(row - (uint64_t)n, key);
	(void)sqlite3_bind_blob(
		statements[DEL], 1, key, FACT_LEN, SQLITE_STATIC);
	step(DEL);
}

/* All that the server stores for an issue, but for the commit's record. */
static void
issue_all(uint64_t row)
{
	uint8_t key[OWNED_KEY_LEN];

	issue(row);
	make_key('o', row, key, OWNED_KEY_LEN);
	put(key, OWNED_KEY_LEN, OWNED_BYTES);
}

/* The lease becomes a used one. */
static void
verify(uint64_t row)
{
	uint8_t key[KEY_LEN];

	make_key('l', row, key, KEY_LEN);
	put(key, KEY_LEN, LEASE_BYTES);
}

/* ---- measuring --------------------------------------------------------- */

static int
log_has_grown(void *ctx, sqlite3 *of, const char *name, int pages)
{
	(void)ctx;
	(void)of;
	(void)name;
	log_pages = pages;
	return SQLITE_OK;
}

static void
open_store(void)
{
	if (sqlite3_open("floor.db", &db) != SQLITE_OK ||
		sqlite3_exec(db, setup, NULL, NULL, NULL) != SQLITE_OK)
		die("opening");
	(void)sqlite3_wal_hook(db, log_has_grown, NULL);
	for (int i = 0; i < N_STATEMENTS; i++) {
		if (sqlite3_prepare_v2(db, texts[i], -1, &statements[i],
			    NULL) != SQLITE_OK)
			die(texts[i]);
	}
}

struct floor {
	const char *name;
	void (*rows)(uint64_t row);
	uint64_t first; /* row number */
	int n;          /* transactions in a commit */
	bool has_facts;
};

static void
commit(const struct floor *floor, uint64_t first)
{
	step(BEGIN);
	for (int i = 0; i < floor->n; i++)
		floor->rows(first + (uint64_t)i);
	if (floor->has_facts)
		change_facts(first, floor->n);
	step(COMMIT);
	if (log_pages < CHECKPOINT_PAGES)
		return;
	(void)sqlite3_wal_checkpoint_v2(
		db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	log_pages = 0;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
median(size_t n)
{
	qsort(samples_us, n, sizeof(samples_us[0]), compare);
	return samples_us[n / 2];
}

/* Returns transactions a second. */
static double
measure(const struct floor *floor, double *ret_us)
{
	double start = seconds_now(), at = start, before;
	size_t n_done = 0;

	while (at - start < seconds && n_done < SAMPLES_MAX) {
		before = at;
		commit(floor, floor->first + n_done * (uint64_t)floor->n);
		at = seconds_now();
		samples_us[n_done++] = (at - before) * 1e6;
	}
	*ret_us = median(n_done);
	return (double)n_done * floor->n / (at - start);
}

/* One write and one fdatasync, as an audit device does it. */
static double
measure_append(void)
{
	int fd = open(
		"floor.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	double start = seconds_now(), at = start, before;
	size_t n = 0;

	while (fd >= 0 && at - start < seconds && n < SAMPLES_MAX) {
		before = at;
		if (write(fd, filler, sizeof(filler)) !=
				(ssize_t)sizeof(filler) ||
			fdatasync(fd) != 0)
			die("floor.log");
		at = seconds_now();
		samples_us[n++] = (at - before) * 1e6;
	}
	(void)close(fd);
	return median(n);
}

int
main(int argc, char **argv)
{
	static const struct floor floors[] = {
		{ "issue_batch", issue, 1, BATCH, false },
		{ "verify_batch", verify, 1, BATCH, false },
		{ "issue_all_batch", issue_all, UINT64_C(1) << 32, BATCH,
			true },
		{ "verify_all_batch", verify, UINT64_C(1) << 32, BATCH, true },
		{ "issue_single", issue, UINT64_C(1) << 40, 1, false },
	};

	if (argc != 3 || chdir(argv[1]) != 0) {
		(void)fputs("usage: floor DIRECTORY SECONDS\n", stderr);
		return 1;
	}
	seconds = strtod(argv[2], NULL);
	open_store();
	for (size_t i = 0; i < sizeof(floors) / sizeof(floors[0]); i++) {
		double us, rate = measure(&floors[i], &us);

		(void)printf("%c\"%s\":{\"rate\":%.0f,\"p50_us\":%.1f}",
			i == 0 ? '{' : ',', floors[i].name, rate, us);
	}
	(void)printf(",\"append\":{\"p50_us\":%.1f}}\n", measure_append());
	return 0;
}
