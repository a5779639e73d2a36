/* What is still to be taken off other machines: how much, and which leases. */
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"
#include "server/api/reply.h"
#include "server/core/seal.h"
#include "server/sys/tables.h"

#define PAGE 500
#define PAGE_MEMORY ((size_t)64 * 1024 * 1024)
#define SEEN_MAX ((size_t)64 * 1024 * 1024)
#define LIST_DEFAULT 1000

struct type_in {
	const char *type, *limit;
};

static const struct field type_fields[] = {
	FIELD_STR(struct type_in, type, .len_max = 32, .flags = FIELD_QUERY,
		.doc = "\"irrevocable\": failed six times or more; \"pending\": all of them."),
	FIELD_STR(struct type_in, limit, .len_max = 16, .flags = FIELD_QUERY,
		.doc = "How many at most, or \"none\"; 1000 if left out."),
	FIELD_END,
};

/* One walk over the queue, page by page. */
struct walk {
	struct req *req;
	uint32_t attempts;    /* rows of fewer are left out */
	uint64_t limit;       /* of items that are told */
	uint64_t n;           /* found */
	struct value *items;  /* or NULL: … */
	struct value *counts; /* … counted by accessor */
	struct buf seen;      /* numbers of rows of the pages before, sorted */
	/* of the page at hand */
	struct lease_queue_page page;
	struct arena *arena;
	struct barrier *barrier;

	struct row {
		struct lease lease;
		const char *mount, *path;
	} * rows;

	size_t n_rows;
	struct store_tx *tx;
};

static int
keep_row(void *ctx, const struct lease *lease, struct err *err)
{
	struct walk *walk = ctx;
	struct row *row = &walk->rows[walk->n_rows];

	if (lease->takeback.attempts < walk->attempts)
		return 0;
	walk->n_rows++;
	row->lease = *lease;
	return lease_path_of(walk->tx, lease->ref.path, walk->arena,
		&row->mount, &row->path, err);
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct walk *walk = ctx;

	walk->tx = tx;
	walk->n_rows = 0;
	return lease_queue_rows(
		tx, &walk->page, walk->arena, keep_row, walk, err);
}

/* In any order, as long as it is one. */
static int
compare_numbers(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint64_t));
}

/* A row that was put off meanwhile comes again in a later page. */
static bool
was_seen(const struct walk *walk, const struct row *row)
{
	const struct buf *seen = &walk->seen;

	return seen->len > 0 &&
		bsearch(&row->lease.ref.row, seen->data,
			seen->len / sizeof(uint64_t), sizeof(uint64_t),
			compare_numbers) != NULL;
}

static int
note_seen(struct walk *walk, struct err *err)
{
	struct buf *seen = &walk->seen;

	for (size_t i = 0; i < walk->n_rows; i++)
		(void)buf_add(
			seen, &walk->rows[i].lease.ref.row, sizeof(uint64_t));
	if (seen->len > 0)
		qsort(seen->data, seen->len / sizeof(uint64_t),
			sizeof(uint64_t), compare_numbers);
	return buf_check(seen, err);
}

static int
count_row(struct walk *walk, const struct mount *mount, struct err *err)
{
	struct arena *arena = walk->req->arena;
	int64_t n = value_find_int(walk->counts, mount->accessor, 0);

	return value_set_int(arena, walk->counts, mount->accessor, n + 1)
		? 0
		: err_set_memory(err);
}

static int
tell_row(struct walk *walk, const struct row *row, const struct mount *mount,
	struct err *err)
{
	const struct lease_takeback *takeback = &row->lease.takeback;
	struct arena *arena = walk->req->arena;
	struct value *item = value_object(arena);
	char id[LEASE_ID_MAX];
	int rc = lease_id_format(walk->barrier, mount->uuid, mount->path,
		row->path, &row->lease, id, err);

	if (rc != 0)
		return rc;
	if (!value_set_str(arena, item, "lease_id", id) ||
		!value_set_str(arena, item, "mount_id", mount->accessor) ||
		!value_set(arena, item, "error",
			value_span(arena, takeback->why)) ||
		!value_set_int(arena, item, "attempts", takeback->attempts) ||
		!value_set(arena, item, "next_try",
			reply_time_value(arena, takeback->next_try_s)) ||
		!value_add(walk->items, item))
		return err_set_memory(err);
	return 0;
}

/* A mount that went meanwhile took its rows along. */
static int
take_row(struct walk *walk, const struct row *row, struct err *err)
{
	struct mounts *mounts = walk->req->server->mounts;
	struct mount *mount = mounts_find_uuid(mounts, row->mount);
	int rc = 0;

	if (mount == NULL)
		return 0;
	walk->n++;
	if (walk->items == NULL)
		rc = count_row(walk, mount, err);
	else if (walk->items->n < walk->limit)
		rc = tell_row(walk, row, mount, err);
	mount_unref(mounts, &mount);
	return rc;
}

static int
take_page(struct walk *walk, struct err *err)
{
	struct seal *seal = walk->req->server->seal;
	int rc;

	walk->rows = ARENA_ARRAY(walk->arena, struct row, PAGE);
	if (walk->rows == NULL)
		return err_set_memory(err);
	walk->barrier = seal_hold_barrier(seal);
	if (walk->barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = req_read(walk->req, read_page, walk, err);
	for (size_t i = 0; rc == 0 && i < walk->n_rows; i++) {
		if (!was_seen(walk, &walk->rows[i]))
			rc = take_row(walk, &walk->rows[i], err);
	}
	seal_release_barrier(seal);
	return rc != 0 ? rc : note_seen(walk, err);
}

static int
walk_queue(struct walk *walk, struct err *err)
{
	int rc = 0;

	walk->page = (struct lease_queue_page){
		.until_s = INT64_MAX, .limit = PAGE, .ret_more = true
	};
	buf_init(&walk->seen, SEEN_MAX);
	while (rc == 0 && walk->page.ret_more) {
		walk->arena = arena_new(PAGE_MEMORY);
		rc = walk->arena == NULL ? err_set_memory(err)
					 : take_page(walk, err);
		arena_free(&walk->arena);
		walk->page.after = walk->page.ret_end;
	}
	buf_clear(&walk->seen);
	return rc;
}

static int
begin_walk(struct req *req, struct walk *walk, struct err *err)
{
	const struct type_in *in = req->in;

	*walk = (struct walk){ .req = req, .limit = LIST_DEFAULT };
	if (strcmp(in->type, "irrevocable") == 0)
		walk->attempts = LEASE_MANY_ATTEMPTS;
	else if (strcmp(in->type, "pending") != 0)
		return err_set(err, ERR_ABSENT, 404, "%s", "");
	if (strcmp(in->limit, "none") == 0)
		walk->limit = UINT64_MAX;
	else if (in->limit[0] != '\0' &&
		number_parse_u64(
			span_str(in->limit), UINT64_MAX, &walk->limit) != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid 'limit' value: it must be a number or \"none\"");
	return 0;
}

static int
count_leases(struct req *req, struct reply *reply, struct err *err)
{
	struct walk walk;
	int rc = begin_walk(req, &walk, err);

	walk.counts = value_object(req->arena);
	if (rc == 0)
		rc = walk_queue(&walk, err);
	if (rc != 0)
		return rc;
	reply_value(reply, "counts", walk.counts);
	reply_int(reply, "lease_count", (int64_t)walk.n);
	return 0;
}

static int
read_leases(struct req *req, struct reply *reply, struct err *err)
{
	struct walk walk;
	int rc = begin_walk(req, &walk, err);

	walk.items = value_list(req->arena);
	if (rc == 0)
		rc = walk_queue(&walk, err);
	if (rc != 0)
		return rc;
	reply_int(reply, "lease_count", (int64_t)walk.n);
	reply_value(reply, "leases", walk.items);
	return 0;
}

#define QUEUE_OP(op_path, op_handler, op_summary)                              \
	{                                                                      \
		.path = op_path, .verb = OP_READ,                              \
		.in_size = sizeof(struct type_in), .fields = type_fields,      \
		.handler = op_handler, .summary = op_summary, .errors = {      \
			{ 404, "another type than irrevocable and pending" }   \
		}                                                              \
	}

const struct op sys_lease_queue_ops[] = {
	QUEUE_OP("leases/count", count_leases,
		"Count the leases that could not be revoked yet."),
	QUEUE_OP("leases", read_leases,
		"List the leases that could not be revoked yet."),
	OP_END,
};
