/*
 * The records of a step are named in one snapshot, by keys alone, and opened
 * one by one in it: a damaged one must not hide those behind it.
 */
#include "storage/scrub.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec.h"
#include "storage/inside.h"
#include "storage/lease_row.h"
#include "storage/pack.h"

#define STEP 500
#define RECORD_MEMORY_MAX ((size_t)4 * 1024 * 1024)
#define NAMES_MEMORY_MAX ((size_t)4 * 1024 * 1024)
#define NAME_MAX_BYTES 300

/* Of the newest rows at most so many are looked at, whatever was asked for. */
#define NEWEST_MAX 8192

/* ---- names of records --------------------------------------------------- */

/* The kinds of keys; what follows a prefix is text, or shown in hex. */
static const struct {
	const char *prefix, *kind;
	bool is_text;
} kinds[] = {
	{ "cfg/", "configuration record", true },
	{ "out/", "outbox row", true },
	{ "cub/", "record of a cubbyhole", false },
	{ "pathno/", "lease path number", false },
	{ "pathnext", "last lease path number", false },
	{ "path/", "lease path", true },
	{ "own/", "index entry of a token", false },
	{ "queue/", "place in the queue of dynamic leases", false },
	{ "alias/", "chosen token id", false },
	{ "", "record", false },
};

static void
describe_row(struct store_tx *tx, struct rowref ref, struct arena *arena,
	char out[NAME_MAX_BYTES])
{
	const char *mount = NULL, *path = NULL;

	if (lease_path_of(tx, ref.path, arena, &mount, &path, NULL) != 0)
		(void)snprintf(out, NAME_MAX_BYTES,
			"lease row %llu of path number %u",
			(unsigned long long)ref.row, (unsigned)ref.path);
	else
		(void)snprintf(out, NAME_MAX_BYTES,
			"lease row %llu of %.128s, mount %.36s",
			(unsigned long long)ref.row, path, mount);
}

static void
describe(struct store_tx *tx, struct span key, struct arena *arena,
	char out[NAME_MAX_BYTES])
{
	char hex[2 * 64 + 1];
	struct rowref ref;
	struct span rest;
	size_t i = 0;

	if (span_has_prefix(key, span_str("row/")) &&
		row_key_parse(key, &ref)) {
		describe_row(tx, ref, arena, out);
		return;
	}
	while (!span_has_prefix(key, span_str(kinds[i].prefix)))
		i++;
	rest = span_skip(key, strlen(kinds[i].prefix));
	if (kinds[i].is_text) {
		(void)snprintf(out, NAME_MAX_BYTES, "%s %.*s", kinds[i].kind,
			(int)(rest.len < 200 ? rest.len : 200),
			(const char *)rest.data);
		return;
	}
	hex_encode(rest.data, rest.len < 64 ? rest.len : 64, hex);
	(void)snprintf(out, NAME_MAX_BYTES, "%s %s", kinds[i].kind, hex);
}

/* ---- one record --------------------------------------------------------- */

/* Damage is an answer, *ret_good; what ails the whole store is an error. */
static int
check_record(struct store_tx *tx, struct span key, struct arena *arena,
	bool *ret_good, struct err *err)
{
	struct err why = { 0 };
	struct lease lease;
	struct rowref ref;
	struct span value;
	int rc = tx_get(tx, key, arena, &value, &why);

	if (rc == 0 && span_has_prefix(key, span_str("row/"))) {
		rc = row_key_parse(key, &ref) && key.len == ROW_KEY
			? lease_decode(ref, value, &lease, &why)
			: ERR_CRYPTO;
	}
	*ret_good = rc == 0 || rc == ERR_ABSENT;
	if (*ret_good || lease_is_unreadable(rc))
		return 0;
	*err = why;
	return rc;
}

/* ---- a step of a pass --------------------------------------------------- */

struct step {
	struct scrub scrub;  /* where it will stand */
	struct arena *names; /* of keys and of damaged records */
	struct span keys[STEP];
	size_t n_keys;
	const char *damaged[STEP];
	size_t n_damaged;
};

static int
keep_key(void *ctx, struct span key, struct span value, struct err *err)
{
	struct step *step = ctx;
	struct span copy = arena_dup(step->names, key);

	(void)value;
	if (copy.data == NULL)
		return err_set_memory(err);
	step->keys[step->n_keys++] = copy;
	return 0;
}

/*
 * Whether a record opens; where it does not, name says which it is. In memory
 * of its own: records may be large.
 */
static int
try_record(struct store_tx *tx, struct span key, bool *ret_good,
	char name[NAME_MAX_BYTES], struct err *err)
{
	struct arena *arena = arena_new(RECORD_MEMORY_MAX);
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = check_record(tx, key, arena, ret_good, err);
	if (rc == 0 && !*ret_good)
		describe(tx, key, arena, name);
	arena_free(&arena);
	return rc;
}

static int
check_key(struct store_tx *tx, struct step *step, struct span key,
	struct err *err)
{
	char name[NAME_MAX_BYTES];
	bool good = true;
	int rc;

	if (span_has_prefix(key, span_str("core/")))
		return 0;
	rc = try_record(tx, key, &good, name, err);
	step->scrub.n_records++;
	if (rc == 0 && !good) {
		step->scrub.n_damaged++;
		step->damaged[step->n_damaged] =
			arena_strdup(step->names, name);
		if (step->damaged[step->n_damaged++] == NULL)
			rc = err_set_memory(err);
	}
	return rc;
}

/* The length of the prefix of a range of rows that key lies in; 0: in none. */
static size_t
row_range(struct span key)
{
	static const char *const ranges[] = { "own/", "queue/", "row/" };

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		if (span_has_prefix(key, span_str(ranges[i])))
			return strlen(ranges[i]);
	}
	return 0;
}

/* Go on behind key; where it begins a range of rows to skip, behind that. */
static bool
move_on(struct scrub *scrub, struct span key)
{
	size_t range = scrub->skip_rows ? row_range(key) : 0;
	bool skip = range > 0;

	scrub->after_len = skip ? range : key.len;
	memcpy(scrub->after, key.data, scrub->after_len);
	if (skip)
		scrub->after[scrub->after_len - 1]++;
	return skip;
}

static int
run_step(struct store_tx *tx, void *ctx, struct err *err)
{
	struct step *step = ctx;
	struct scrub *scrub = &step->scrub;
	bool skipped = false;
	int rc = tx_scan(tx, SPAN_NONE, span_of(scrub->after, scrub->after_len),
		STEP, true, keep_key, step, err);

	for (size_t i = 0; rc == 0 && i < step->n_keys && !skipped; i++) {
		skipped = move_on(scrub, step->keys[i]);
		if (!skipped)
			rc = check_key(tx, step, step->keys[i], err);
	}
	scrub->done = step->n_keys < STEP && !skipped;
	return rc;
}

int
scrub_step(struct store *store, struct scrub *scrub, scrub_fn *fn, void *ctx,
	struct err *err)
{
	struct step step = { .scrub = *scrub };
	int rc;

	step.names = arena_new(NAMES_MEMORY_MAX);
	if (step.names == NULL)
		return err_set_memory(err);
	rc = store_read(store, run_step, &step, err);
	for (size_t i = 0; rc == 0 && i < step.n_damaged; i++)
		fn(ctx, step.damaged[i]);
	if (rc == 0)
		*scrub = step.scrub;
	arena_free(&step.names);
	return rc;
}

/* ---- the configuration -------------------------------------------------- */

static void
keep_first(void *ctx, const char *record)
{
	char *name = ctx;

	if (name[0] == '\0')
		(void)snprintf(name, NAME_MAX_BYTES, "%s", record);
}

int
scrub_configuration(struct store *store, struct err *err)
{
	struct scrub scrub = { .skip_rows = true };
	char name[NAME_MAX_BYTES] = "";
	int rc = 0;

	while (rc == 0 && !scrub.done && name[0] == '\0')
		rc = scrub_step(store, &scrub, keep_first, name, err);
	if (rc != 0 || name[0] == '\0')
		return rc;
	err_set(err, ERR_CRYPTO, 500, "internal error");
	return err_wrap(err, "%s cannot be read", name);
}

/* ---- the newest rows ---------------------------------------------------- */

struct newest {
	size_t wanted;
	struct arena *arena;
	uint64_t end; /* no row has this number or one behind it */
	uint32_t n_paths;
	struct rowref *refs;
	size_t n, next; /* found; the first not yet looked at */
};

static int
keep_ref(void *ctx, struct span key, struct span value, struct err *err)
{
	struct newest *newest = ctx;

	(void)value;
	(void)err;
	if (newest->n == NEWEST_MAX)
		return 1;
	if (row_key_parse(key, &newest->refs[newest->n]))
		newest->n++;
	return 0;
}

/* All rows of the last `window` numbers, path by path. */
static int
collect(struct store_tx *tx, struct newest *newest, uint64_t window,
	struct err *err)
{
	uint64_t after = window < newest->end ? newest->end - window - 1 : 0;
	int rc = 0;

	newest->n = 0;
	for (uint32_t path = 1;
		rc == 0 && path <= newest->n_paths && newest->n < NEWEST_MAX;
		path++) {
		struct row_key prefix = row_path_key(path);
		struct row_key from = row_key((struct rowref){ path, after });

		rc = tx_scan(tx, row_key_span(&prefix), row_key_span(&from), 0,
			true, keep_ref, newest, err);
	}
	return rc;
}

static int
read_bounds(struct store_tx *tx, struct newest *newest, struct err *err)
{
	struct unpack in;
	struct span bytes;
	int rc = store_rows_end(tx, &newest->end, err);

	if (rc != 0 || !tx_exists(tx, span_str("pathnext")))
		return rc;
	rc = tx_get(tx, span_str("pathnext"), newest->arena, &bytes, err);
	if (rc != 0)
		return err_wrap(err, "the last lease path number");
	in = unpack_of(bytes);
	newest->n_paths = unpack_u32(&in);
	return unpack_end(&in, "the last lease path number", err);
}

/*
 * Numbers are used up in blocks and rows go away, so how many numbers hold
 * the wanted rows has to be tried: twice as many while they are too few, half
 * the step back where they are more than fit.
 */
static int
find_newest(struct store_tx *tx, void *ctx, struct err *err)
{
	struct newest *newest = ctx;
	uint64_t few = 0, many = 0, window = ROW_BLOCK;
	int rc;

	newest->n_paths = 0;
	rc = read_bounds(tx, newest, err);
	while (rc == 0) {
		rc = collect(tx, newest, window, err);
		if (newest->n == NEWEST_MAX)
			many = window;
		else if (newest->n < newest->wanted && window < newest->end)
			few = window;
		else
			break;
		window = many == 0 ? 2 * window : few + (many - few) / 2;
		if (window == few)
			break;
	}
	return rc;
}

static int
check_row(struct store_tx *tx, struct rowref ref, struct err *err)
{
	struct row_key key = row_key(ref);
	char name[NAME_MAX_BYTES];
	bool good = true;
	int rc = try_record(tx, row_key_span(&key), &good, name, err);

	if (rc == 0 && !good) {
		rc = err_set(err, ERR_CRYPTO, 500, "internal error");
		err_wrap(err, "%s cannot be read", name);
	}
	return rc;
}

static int
check_some(struct store_tx *tx, void *ctx, struct err *err)
{
	struct newest *newest = ctx;
	size_t end = newest->next + STEP < newest->n ? newest->next + STEP
						     : newest->n;
	int rc = 0;

	for (size_t i = newest->next; rc == 0 && i < end; i++)
		rc = check_row(tx, newest->refs[i], err);
	if (rc == 0)
		newest->next = end;
	return rc;
}

int
scrub_newest(struct store *store, size_t n, struct err *err)
{
	struct newest newest = { .wanted = n };
	int rc = 0;

	newest.arena = arena_new(NAMES_MEMORY_MAX);
	if (newest.arena != NULL)
		newest.refs =
			ARENA_ARRAY(newest.arena, struct rowref, NEWEST_MAX);
	if (newest.refs == NULL)
		rc = err_set_memory(err);
	if (rc == 0)
		rc = store_read(store, find_newest, &newest, err);
	while (rc == 0 && newest.next < newest.n)
		rc = store_read(store, check_some, &newest, err);
	arena_free(&newest.arena);
	return rc;
}
