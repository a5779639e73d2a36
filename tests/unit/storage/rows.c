/* See rows.h. */
#include "tests/unit/storage/rows.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/random.h"

static int64_t
clock_now(void *ctx)
{
	struct rows *rows = ctx;

	return atomic_load(&rows->now_ns);
}

static struct rows *
rows_new(void)
{
	struct rows *rows = calloc(1, sizeof(*rows));

	atomic_store(&rows->now_ns, START_S * CLOCK_NS_PER_S);
	rows->clock = (struct clock){ clock_now, clock_now, rows };
	rows->arena = arena_new((size_t)1 << 30);
	rows->barrier = barrier_new_keyring(1);
	return rows;
}

static struct store_settings
settings_of(const struct rows *rows, const char *path)
{
	return (struct store_settings){
		.path = path,
		.clock = &rows->clock,
		.cache_bytes = 8 * 1024 * 1024,
		.create = true,
	};
}

int
rows_setup(void **state)
{
	struct rows *rows = rows_new();
	struct store_settings settings = settings_of(rows, NULL);

	*state = rows;
	if (store_open_memory(&settings, &rows->store, &rows->err) != 0)
		return 1;
	store_set_barrier(rows->store, rows->barrier);
	return 0;
}

int
rows_setup_file(void **state)
{
	struct rows *rows = rows_new();

	*state = rows;
	memcpy(rows->dir, "/tmp/test-rows.XXXXXX", 22);
	return mkdtemp(rows->dir) == NULL;
}

int
rows_open_file(struct rows *rows)
{
	struct store_settings settings;
	char path[64];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/store.db", rows->dir);
	settings = settings_of(rows, path);
	rc = store_open_sqlite(&settings, &rows->store, rows_err(rows));
	if (rc == 0)
		store_set_barrier(rows->store, rows->barrier);
	return rc;
}

int
rows_teardown_file(void **state)
{
	struct rows *rows = *state;
	struct dirent *entry = NULL;
	DIR *dir = opendir(rows->dir);

	store_close(&rows->store);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	(void)rmdir(rows->dir);
	return rows_teardown(state);
}

int
rows_teardown(void **state)
{
	struct rows *rows = *state;

	store_close(&rows->store);
	barrier_free(&rows->barrier);
	arena_free(&rows->arena);
	free(rows);
	return 0;
}

struct err *
rows_err(struct rows *rows)
{
	err_clear(&rows->err);
	return &rows->err;
}

void
rows_wait(struct rows *rows, int64_t seconds)
{
	atomic_fetch_add(&rows->now_ns, seconds * CLOCK_NS_PER_S);
}

int64_t
rows_now_s(struct rows *rows)
{
	return atomic_load(&rows->now_ns) / CLOCK_NS_PER_S;
}

struct lease
rows_new_otp(
	struct rows *rows, const char *path, struct rowref owner, int64_t ttl_s)
{
	int64_t now_s = rows_now_s(rows);
	struct lease lease = {
		.kind = LEASE_OTP,
		.state = LEASE_LIVE,
		.issue_ns = now_s * CLOCK_NS_PER_S,
		.expire_s = now_s + ttl_s,
		.ttl_s = ttl_s,
		.owner = owner,
		.request_id = "7f000001-0000-4000-8000-000000000001",
		.data = span_str("{\"username\":\"ubuntu\"}"),
	};

	random_bytes(lease.salt, sizeof(lease.salt));
	random_bytes(lease.mac, sizeof(lease.mac));
	assert_int_equal(lease_path_number(rows->store, MOUNT, path,
				 &lease.ref.path, rows_err(rows)),
		0);
	assert_int_equal(
		store_row_number(rows->store, &lease.ref.row, rows_err(rows)),
		0);
	return lease;
}

static int
insert_lease(struct store_tx *tx, void *ctx, struct err *err)
{
	return lease_insert(tx, ctx, err);
}

int
rows_insert(struct rows *rows, const struct lease *lease)
{
	struct lease copy = *lease;

	return store_write(rows->store, insert_lease, &copy, rows_err(rows));
}

struct rowref
rows_add_otp(
	struct rows *rows, const char *path, struct rowref owner, int64_t ttl_s)
{
	struct lease lease = rows_new_otp(rows, path, owner, ttl_s);

	assert_int_equal(rows_insert(rows, &lease), 0);
	return lease.ref;
}

void
rows_add_large(struct rows *rows, int n, int64_t ttl_s)
{
	static uint8_t bytes[60000];

	for (int i = 0; i < n; i++) {
		struct lease lease = rows_new_otp(
			rows, "creds/web", (struct rowref){ 0 }, ttl_s);

		lease.data = span_of(bytes, sizeof(bytes));
		assert_int_equal(rows_insert(rows, &lease), 0);
	}
}

struct new_token {
	struct token_draft draft;
	struct token token;
};

static int
insert_token(struct store_tx *tx, void *ctx, struct err *err)
{
	struct new_token *new = ctx;

	return token_insert(tx, &new->draft, &new->token, err);
}

int
rows_insert_token(struct rows *rows, struct rowref owner, int64_t ttl_s,
	int64_t num_uses, const char *custom_id, struct token_draft *ret_draft)
{
	const char *policies[] = { "default", "web" };
	const char *keys[] = { "team" }, *values[] = { "blue" };
	int64_t now_s = rows_now_s(rows);
	struct new_token new = {
		.token = {
			.policies = { policies, 2 },
			.display_name = "token-ci",
			.path = "auth/token/create",
			.meta = { keys, values, 1 },
			.entity_id = "",
			.role = "",
			.num_uses = num_uses,
			.creation_ttl_s = ttl_s,
		},
	};
	int rc;

	new.token.lease.renewable = true;
	new.token.lease.issue_ns = now_s *CLOCK_NS_PER_S;
	new.token.lease.expire_s = now_s + ttl_s;
	new.token.lease.max_s = now_s + 10 * ttl_s;
	new.token.lease.ttl_s = ttl_s;
	new.token.lease.owner = owner;
	rc = token_draft(rows->store, rows->barrier,
		&(struct token_place){
			MOUNT_TOKENS, MOUNT_TOKENS, "auth/token/create" },
		span_str(custom_id), &new.draft, rows_err(rows));
	if (rc == 0)
		rc = store_write(
			rows->store, insert_token, &new, rows_err(rows));
	if (ret_draft != NULL)
		*ret_draft = new.draft;
	return rc;
}

struct rowref
rows_add_token(struct rows *rows, struct rowref owner, int64_t ttl_s)
{
	struct token_draft draft;

	assert_int_equal(
		rows_insert_token(rows, owner, ttl_s, 0, "", &draft), 0);
	return draft.ref;
}

struct reading {
	struct rowref ref;
	struct arena *arena;
	struct lease lease;
};

static int
read_lease(struct store_tx *tx, void *ctx, struct err *err)
{
	struct reading *reading = ctx;

	return lease_get(
		tx, reading->ref, reading->arena, &reading->lease, err);
}

int
rows_get(struct rows *rows, struct rowref ref, struct lease *ret_lease)
{
	struct reading reading = { .ref = ref, .arena = rows->arena };
	int rc = store_read(rows->store, read_lease, &reading, rows_err(rows));

	if (rc == 0)
		*ret_lease = reading.lease;
	return rc;
}

int
rows_state(struct rows *rows, struct rowref ref)
{
	struct lease lease;

	return rows_get(rows, ref, &lease) == 0 ? (int)lease.state : 0;
}

int
rows_expire_all(struct rows *rows, size_t limit, int64_t *ret_next_s)
{
	bool more = true;
	int rc = 0;

	while (rc == 0 && more)
		rc = lease_expire_due(
			rows->store, limit, &more, ret_next_s, rows_err(rows));
	return rc;
}

struct counting {
	const char *prefix;
	size_t n;
};

static int
count_key(void *ctx, UNUSED struct span key, UNUSED struct span value,
	UNUSED struct err *err)
{
	((struct counting *)ctx)->n++;
	return 0;
}

static int
count_keys(struct store_tx *tx, void *ctx, struct err *err)
{
	struct counting *counting = ctx;

	counting->n = 0;
	return tx_scan(tx, span_str(counting->prefix), SPAN_NONE, 0, true,
		count_key, counting, err);
}

size_t
rows_count_keys(struct rows *rows, const char *prefix)
{
	struct counting counting = { .prefix = prefix };

	assert_int_equal(
		store_read(rows->store, count_keys, &counting, rows_err(rows)),
		0);
	return counting.n;
}

static int
count_due_key(void *ctx, UNUSED int64_t due_s, UNUSED struct span key,
	UNUSED struct err *err)
{
	((struct counting *)ctx)->n++;
	return 0;
}

static int
count_due(struct store_tx *tx, void *ctx, struct err *err)
{
	struct counting *counting = ctx;

	counting->n = 0;
	return tx_due_scan(
		tx, INT64_MAX, 1000000, count_due_key, counting, err);
}

size_t
rows_count_due(struct rows *rows)
{
	struct counting counting = { .n = 0 };

	assert_int_equal(
		store_read(rows->store, count_due, &counting, rows_err(rows)),
		0);
	return counting.n;
}

struct raw {
	struct span key, value;
};

static int
put_raw(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct raw *raw = ctx;

	return raw->value.data == NULL ? tx_delete(tx, raw->key, err)
				       : tx_put(tx, raw->key, raw->value, err);
}

int
rows_put_raw(struct rows *rows, struct span key, struct span value)
{
	struct raw raw = { key, value };

	return store_write(rows->store, put_raw, &raw, rows_err(rows));
}
