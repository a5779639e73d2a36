/* What the tests of rows share: a store in memory, a clock by hand, makers. */
#ifndef SALLYPORT_TESTS_ROWS_H
#define SALLYPORT_TESTS_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "storage/barrier.h"
#include "storage/token.h"

/* Mounts: of an engine, of another one, of tokens. */
#define MOUNT "11111111-1111-4111-8111-111111111111"
#define MOUNT_2 "22222222-2222-4222-8222-222222222222"
#define MOUNT_TOKENS "33333333-3333-4333-8333-333333333333"

/* When a test's clock starts. */
#define START_S INT64_C(1800000000)

struct rows {
	struct store *store;
	struct barrier *barrier;
	struct arena *arena;
	struct err err;
	struct clock clock;
	_Atomic int64_t now_ns;
	char dir[40]; /* of the file; "" in memory */
};

/* Of a test, with a struct rows as its state. */
int rows_setup(void **state);
int rows_teardown(void **state);

/* The same on a SQLite file in a directory of its own, not yet opened. */
int rows_setup_file(void **state);
int rows_teardown_file(void **state);

/* Open the file; rows_setup opens its store by itself. */
int rows_open_file(struct rows *rows);

/* A new rows.err. */
struct err *rows_err(struct rows *rows);

void rows_wait(struct rows *rows, int64_t seconds);
int64_t rows_now_s(struct rows *rows);

/* A lease with number and times, not stored. */
struct lease rows_new_otp(struct rows *rows, const char *path,
	struct rowref owner, int64_t ttl_s);

/* Stored ones. */
struct rowref rows_add_otp(struct rows *rows, const char *path,
	struct rowref owner, int64_t ttl_s);
struct rowref rows_add_token(
	struct rows *rows, struct rowref owner, int64_t ttl_s);

/* Insert in a transaction of its own. */
int rows_insert(struct rows *rows, const struct lease *lease);

/* n OTPs of nearly the largest size that a row may have. */
void rows_add_large(struct rows *rows, int n, int64_t ttl_s);

/*
 * A token as a caller would make it: draft, then insert. The draft is
 * ret_draft's where that is not NULL; num_uses 0 is no limit.
 */
int rows_insert_token(struct rows *rows, struct rowref owner, int64_t ttl_s,
	int64_t num_uses, const char *custom_id, struct token_draft *ret_draft);

/* Read in a transaction of its own, into rows.arena. */
int rows_get(struct rows *rows, struct rowref ref, struct lease *ret_lease);

/* The row's state, or 0 where there is none. */
int rows_state(struct rows *rows, struct rowref ref);

/* Run expiry until nothing is due; at most limit rows at a time. */
int rows_expire_all(struct rows *rows, size_t limit, int64_t *ret_next_s);

/* How many records have keys that begin with prefix. */
size_t rows_count_keys(struct rows *rows, const char *prefix);

/* How many entries the due index has. */
size_t rows_count_due(struct rows *rows);

/* Put bytes under a key as they are; SPAN_NONE deletes. */
int rows_put_raw(struct rows *rows, struct span key, struct span value);

#endif
