/*
 * Lease paths and their numbers, lease ids, and walks over the rows of a path.
 * A path keeps its number for ever: rows and their names are made of it.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/secret.h"
#include "storage/cache.h"
#include "storage/lease_row.h"
#include "storage/pack.h"

#define COUNT_PAGE 1000
#define PATH_RECORD_MAX 2048

static const char next_key[] = "pathnext";

/* "path/<mount>/<path>" into key. */
static int
path_key(const char *mount, const char *path, char key[STORE_KEY_MAX],
	struct err *err)
{
	const char *const parts[] = { "path/", mount, "/", path };

	if (!str_join(key, STORE_KEY_MAX, parts, ARRAY_LEN(parts)))
		return err_set(err, ERR_LIMIT, 400, "path is too long");
	return 0;
}

static struct row_key
number_key(uint32_t number)
{
	struct row_key key = { .data = "pathno/", .len = 7 };

	for (size_t i = 0; i < 4; i++)
		key.data[key.len++] = (uint8_t)(number >> (24 - 8 * i));
	return key;
}

static int
decode_number(struct span bytes, uint32_t *ret_number, struct err *err)
{
	struct unpack in = unpack_of(bytes);
	uint32_t number = unpack_u32(&in);
	int rc = unpack_end(&in, "a path number", err);

	if (rc == 0)
		*ret_number = number;
	return rc;
}

/* ---- giving numbers ----------------------------------------------------- */

struct path_draft {
	const char *mount, *path, *key;
	struct arena *arena;
	uint32_t number;
};

static int
put_number(
	struct store_tx *tx, struct span key, uint32_t number, struct err *err)
{
	uint8_t bytes[4];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(number >> (24 - 8 * i));
	return tx_put(tx, key, span_of(bytes, sizeof(bytes)), err);
}

/* The record that leads from a number back to mount and path. */
static int
put_path(struct store_tx *tx, const struct path_draft *draft, struct err *err)
{
	struct row_key key = number_key(draft->number);
	struct buf bytes;
	int rc;

	buf_init(&bytes, PATH_RECORD_MAX);
	pack_str(&bytes, draft->mount);
	pack_str(&bytes, draft->path);
	rc = buf_check(&bytes, err);
	if (rc == 0)
		rc = tx_put(tx, row_key_span(&key), buf_span(&bytes), err);
	buf_clear(&bytes);
	return rc;
}

/* A number under key; *number stays as it is where there is no record. */
static int
read_number(struct store_tx *tx, const char *key, struct arena *arena,
	uint32_t *number, struct err *err)
{
	struct span bytes;
	int rc;

	if (!tx_exists(tx, span_str(key)))
		return 0;
	rc = tx_get(tx, span_str(key), arena, &bytes, err);
	return rc != 0 ? rc : decode_number(bytes, number, err);
}

static int
give_number(struct store_tx *tx, void *ctx, struct err *err)
{
	struct path_draft *draft = ctx;
	uint32_t last = 0;
	int rc;

	draft->number = 0;
	rc = read_number(tx, draft->key, draft->arena, &draft->number, err);
	if (rc != 0 || draft->number != 0)
		return rc;
	rc = read_number(tx, next_key, draft->arena, &last, err);
	if (rc != 0)
		return rc;
	if (last == UINT32_MAX)
		return err_set(err, ERR_LIMIT, 500, "too many lease paths");
	draft->number = last + 1;
	rc = put_number(tx, span_str(next_key), draft->number, err);
	if (rc == 0)
		rc = put_number(tx, span_str(draft->key), draft->number, err);
	return rc != 0 ? rc : put_path(tx, draft, err);
}

static int
compile_number(UNUSED const void *ctx, UNUSED struct span key,
	struct span value, void **ret_object, size_t *ret_size, struct err *err)
{
	uint32_t *number = malloc(sizeof(*number));
	int rc;

	if (number == NULL)
		return err_set_memory(err);
	rc = decode_number(value, number, err);
	if (rc != 0) {
		free(number);
		return rc;
	}
	*ret_object = number;
	*ret_size = sizeof(*number);
	return 0;
}

static const struct compiled_type number_type = {
	.name = "path number",
	.compile = compile_number,
	.free = free,
};

/* From the cache: this is asked for each credential that is issued. */
static int
find_number(struct store *store, const char *key, uint32_t *ret_number,
	struct err *err)
{
	struct compiled *ref = NULL;
	int rc = store_compiled(store, span_str(key), &number_type, &ref, err);

	if (rc == 0)
		*ret_number = *(const uint32_t *)compiled_object(ref);
	compiled_unref(&ref);
	return rc;
}

int
lease_path_number(struct store *store, const char *mount, const char *path,
	uint32_t *ret_number, struct err *err)
{
	struct err failure = { 0 };
	char key[STORE_KEY_MAX];
	struct path_draft draft = { .mount = mount, .path = path, .key = key };
	int rc = path_key(mount, path, key, err);

	if (rc != 0)
		return rc;
	rc = find_number(store, key, ret_number, &failure);
	if (rc != ERR_ABSENT) {
		if (rc != 0 && err != NULL)
			*err = failure;
		return rc;
	}
	draft.arena = arena_new(ARENA_CHUNK);
	if (draft.arena == NULL)
		return err_set_memory(err);
	rc = store_write(store, give_number, &draft, err);
	if (rc == 0)
		*ret_number = draft.number;
	arena_free(&draft.arena);
	return rc;
}

int
lease_path_check(struct store *store, uint32_t number, struct err *err)
{
	uint32_t last;
	int rc = find_number(store, next_key, &last, err);

	if (rc == 0 && (number == 0 || number > last))
		rc = lease_absent(err);
	return rc;
}

int
lease_path_of(struct store_tx *tx, uint32_t number, struct arena *arena,
	const char **ret_mount, const char **ret_path, struct err *err)
{
	struct row_key key = number_key(number);
	const char *mount, *path;
	struct unpack in;
	struct span bytes;
	int rc = tx_get(tx, row_key_span(&key), arena, &bytes, err);

	if (rc != 0)
		return rc;
	in = unpack_of(bytes);
	mount = unpack_str(&in, arena);
	path = unpack_str(&in, arena);
	rc = unpack_end(&in, "a lease path", err);
	if (rc != 0)
		return rc;
	*ret_mount = mount;
	*ret_path = path;
	return 0;
}

/* ---- lease ids ---------------------------------------------------------- */

int
lease_id_format(const struct barrier *barrier, const char *mount_uuid,
	const char *mount_path, const char *path, const struct lease *lease,
	char out[LEASE_ID_MAX], struct err *err)
{
	char tail[ROWID_TEXT_MAX];
	const char *const parts[] = { mount_path, path, "/", tail };
	int rc;

	rc = rowid_format(barrier, ROWID_LEASE, mount_uuid, lease->ref,
		lease->salt, tail, err);
	if (rc != 0)
		return rc;
	if (!str_join(out, LEASE_ID_MAX, parts, ARRAY_LEN(parts)))
		return err_set(err, ERR_LIMIT, 500, "lease id is too long");
	return 0;
}

/* The tail is the very one that this row's number and salt print. */
static bool
is_tail_of(const struct barrier *barrier, const char *mount_uuid,
	struct span tail, const struct lease *lease)
{
	char text[ROWID_TEXT_MAX];

	return rowid_format(barrier, ROWID_LEASE, mount_uuid, lease->ref,
		       lease->salt, text, NULL) == 0 &&
		secret_equal(secret_view_of(text, strlen(text)),
			secret_view_of(tail.data, tail.len));
}

int
lease_find_by_tail(struct store_tx *tx, const struct barrier *barrier,
	const char *mount_uuid, const char *path, struct span tail,
	struct arena *arena, struct lease *ret_lease, struct err *err)
{
	const char *row_mount, *row_path;
	struct lease lease;
	struct rowref ref;
	int rc = rowid_parse(barrier, ROWID_LEASE, mount_uuid, tail, &ref);

	if (rc != 0)
		return rc == ERR_ABSENT ? lease_absent(err) : rc;
	rc = lease_get(tx, ref, arena, &lease, err);
	if (rc == 0)
		rc = lease_path_of(
			tx, ref.path, arena, &row_mount, &row_path, err);
	if (rc != 0)
		return rc;
	if (strcmp(row_mount, mount_uuid) != 0 || strcmp(row_path, path) != 0 ||
		!is_tail_of(barrier, mount_uuid, tail, &lease))
		return lease_absent(err);
	*ret_lease = lease;
	return 0;
}

/* ---- walks -------------------------------------------------------------- */

struct path_walk {
	size_t skip;  /* bytes of a key before its path */
	bool private; /* these alone, or all but these */
	struct arena *arena;
	lease_path_fn *fn;
	void *ctx;
};

static int
walk_path(void *ctx, struct span key, struct span value, struct err *err)
{
	const struct path_walk *walk = ctx;
	struct span path = span_skip(key, walk->skip);
	const char *text = arena_strndup(walk->arena, path.data, path.len);
	uint32_t number;
	int rc;

	if (text == NULL)
		return err_set_memory(err);
	if ((text[0] == LEASE_PRIVATE[0]) != walk->private)
		return 0;
	rc = decode_number(value, &number, err);
	return rc != 0 ? rc : walk->fn(walk->ctx, number, text, err);
}

int
lease_paths(struct store_tx *tx, const char *mount_uuid, const char *prefix,
	struct arena *arena, lease_path_fn *fn, void *ctx, struct err *err)
{
	struct path_walk walk = { .arena = arena, .fn = fn, .ctx = ctx };
	size_t len = strlen(prefix);
	char key[STORE_KEY_MAX];
	struct span value;
	int rc;

	while (len > 0 && prefix[len - 1] == '/')
		len--;
	rc = path_key(mount_uuid, "", key, err);
	if (rc != 0)
		return rc;
	walk.skip = strlen(key);
	walk.private = prefix[0] == LEASE_PRIVATE[0];
	if (len == 0)
		return tx_scan(tx, span_str(key), SPAN_NONE, 0, false,
			walk_path, &walk, err);
	rc = path_key(mount_uuid, prefix, key, err);
	if (rc != 0)
		return rc;
	/* The path itself, then what lies below it: whole segments only. */
	key[walk.skip + len] = '\0';
	if (tx_exists(tx, span_str(key))) {
		rc = tx_get(tx, span_str(key), arena, &value, err);
		if (rc == 0)
			rc = walk_path(&walk, span_str(key), value, err);
		if (rc != 0)
			return rc > 0 ? 0 : rc;
	}
	key[walk.skip + len] = '/';
	return tx_scan(tx, span_of(key, walk.skip + len + 1), SPAN_NONE, 0,
		false, walk_path, &walk, err);
}

struct row_walk {
	lease_row_fn *fn;
	void *ctx;
	struct arena *arena;
};

static int
walk_row(void *ctx, struct span key, struct span value, struct err *err)
{
	const struct row_walk *walk = ctx;
	struct span copy = arena_dup(walk->arena, value);
	struct lease lease;
	struct rowref ref;
	int rc;

	if (copy.data == NULL)
		return err_set_memory(err);
	if (!row_key_parse(key, &ref))
		return 0;
	rc = lease_decode(ref, copy, &lease, err);
	return rc != 0 ? rc : walk->fn(walk->ctx, &lease, err);
}

int
lease_rows(struct store_tx *tx, uint32_t path, uint64_t after, size_t limit,
	struct arena *arena, lease_row_fn *fn, void *ctx, struct err *err)
{
	struct row_walk walk = { fn, ctx, arena };
	struct row_key prefix = row_path_key(path);
	struct row_key from = row_key((struct rowref){ path, after });

	return tx_scan(tx, row_key_span(&prefix), row_key_span(&from), limit,
		false, walk_row, &walk, err);
}

/* ---- counting ----------------------------------------------------------- */

/* One page of row keys. The rows of a path are all of one kind. */
struct row_count {
	struct arena *arena;
	struct row_list page;
	struct rowref after; /* row 0 of path 0: from the start */
	uint32_t path;       /* whose kind is known; 0: none */
	bool leases;         /* its rows are some */
	uint64_t n;
};

static int
count_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct row_count *count = ctx;
	struct row_key after = row_key(count->after);
	int rc;

	rc = row_list_fill(
		&count->page, tx, span_str("row/"), row_key_span(&after), err);
	for (size_t i = 0; rc == 0 && i < count->page.n; i++) {
		struct lease lease;
		bool found;

		if (count->page.refs[i].path != count->path) {
			rc = lease_probe(tx, count->page.refs[i], count->arena,
				&found, &lease, err);
			if (rc != 0)
				return rc;
			count->path = count->page.refs[i].path;
			count->leases = lease.kind == LEASE_OTP ||
				lease.kind == LEASE_DYNAMIC;
		}
		if (count->leases)
			count->n++;
	}
	if (rc == 0 && count->page.n > 0)
		count->after = count->page.refs[count->page.n - 1];
	return rc;
}

int
lease_count(struct store *store, uint64_t *ret_n, struct err *err)
{
	struct row_count count = { .arena = arena_new(64 * 1024 * 1024) };
	int rc;

	if (count.arena == NULL)
		return err_set_memory(err);
	rc = row_list_init(&count.page, count.arena, COUNT_PAGE, err);
	do {
		if (rc == 0)
			rc = store_read(store, count_page, &count, err);
	} while (rc == 0 && count.page.n == COUNT_PAGE);
	if (rc == 0)
		*ret_n = count.n;
	arena_free(&count.arena);
	return rc;
}
