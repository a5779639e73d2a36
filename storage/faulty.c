/*
 * Faults on order. Each call of the table asks first whether its turn to fail
 * has come; the inner backend does not see a call that failed.
 */
#include "storage/faulty.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

#define EACH UINT_MAX

struct order {
	atomic_uint count; /* calls so far */
	atomic_uint at;    /* the count that fails; 0: none; or EACH */
	atomic_int errnum;
};

struct faulty {
	struct backend backend;
	struct backend *inner;
	struct order orders[FAULTY_N_CALLS];
};

static struct faulty *
faulty_of(struct backend *backend)
{
	return (struct faulty *)(void *)backend;
}

static struct backend *
inner_of(struct backend *backend)
{
	return faulty_of(backend)->inner;
}

static bool
only_reads(enum faulty_call call)
{
	return call == FAULTY_GET || call == FAULTY_SCAN ||
		call == FAULTY_READER || call == FAULTY_BACKUP;
}

/* 0 where the call may go on, else its failure. */
static int
turn(struct backend *backend, enum faulty_call call, struct err *err)
{
	struct order *order = &faulty_of(backend)->orders[call];
	unsigned int n = atomic_fetch_add(&order->count, 1) + 1;
	unsigned int at = atomic_load(&order->at);

	if (at != EACH && at != n)
		return 0;
	if (atomic_load(&order->errnum) == ENOSPC)
		return err_set(err, ERR_FULL, 503, "storage unavailable");
	if (only_reads(call))
		return err_set(err, ERR_SYSTEM, 500, "internal error");
	return err_set(err, ERR_STORAGE, 503, "storage unavailable");
}

void
faulty_fail(struct backend *backend, enum faulty_call call, unsigned int nth,
	int errnum)
{
	struct order *order = &faulty_of(backend)->orders[call];

	atomic_store(&order->errnum, errnum);
	atomic_store(
		&order->at, nth == 0 ? 0 : atomic_load(&order->count) + nth);
}

void
faulty_fail_all(struct backend *backend, enum faulty_call call, int errnum)
{
	struct order *order = &faulty_of(backend)->orders[call];

	atomic_store(&order->errnum, errnum);
	atomic_store(&order->at, EACH);
}

unsigned int
faulty_count(struct backend *backend, enum faulty_call call)
{
	return atomic_load(&faulty_of(backend)->orders[call].count);
}

static void
faulty_close(struct backend *backend)
{
	struct backend *inner = inner_of(backend);

	inner->ops->close(inner);
	free(faulty_of(backend));
}

static const char *
faulty_describe(struct backend *backend)
{
	return inner_of(backend)->ops->describe(inner_of(backend));
}

static int
faulty_begin(struct backend *backend, struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_BEGIN, err);

	return rc != 0 ? rc : inner->ops->begin(inner, err);
}

static int
faulty_savepoint(struct backend *backend, struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_SAVEPOINT, err);

	return rc != 0 ? rc : inner->ops->savepoint(inner, err);
}

static int
faulty_release(struct backend *backend, struct err *err)
{
	return inner_of(backend)->ops->release(inner_of(backend), err);
}

static int
faulty_rollback_to(struct backend *backend, struct err *err)
{
	return inner_of(backend)->ops->rollback_to(inner_of(backend), err);
}

static int
faulty_commit(struct backend *backend, struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_COMMIT, err);

	return rc != 0 ? rc : inner->ops->commit(inner, err);
}

static void
faulty_rollback(struct backend *backend)
{
	inner_of(backend)->ops->rollback(inner_of(backend));
}

static int
faulty_put(struct backend *backend, struct span key, struct span value,
	struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_PUT, err);

	return rc != 0 ? rc : inner->ops->put(inner, key, value, err);
}

static int
faulty_del(struct backend *backend, struct span key, struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_DEL, err);

	return rc != 0 ? rc : inner->ops->del(inner, key, err);
}

static int
faulty_due_put(struct backend *backend, int64_t due_s, struct span key,
	struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_DUE, err);

	return rc != 0 ? rc : inner->ops->due_put(inner, due_s, key, err);
}

static int
faulty_due_del(struct backend *backend, int64_t due_s, struct span key,
	struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_DUE, err);

	return rc != 0 ? rc : inner->ops->due_del(inner, due_s, key, err);
}

static int
faulty_checkpoint(struct backend *backend, bool now, struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_CHECKPOINT, err);

	return rc != 0 ? rc : inner->ops->checkpoint(inner, now, err);
}

static int
faulty_backup(struct backend *backend, const char *path, bool begin,
	bool *ret_more, struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_BACKUP, err);

	return rc != 0 ? rc
		       : inner->ops->backup(inner, path, begin, ret_more, err);
}

static int
faulty_get(struct backend *backend, struct backend_reader *reader,
	struct span key, struct buf *out, struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_GET, err);

	return rc != 0 ? rc : inner->ops->get(inner, reader, key, out, err);
}

static int
faulty_scan(struct backend *backend, struct backend_reader *reader,
	struct span prefix, struct span after, size_t limit, bool keys_only,
	backend_row_fn *fn, void *ctx, struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_SCAN, err);

	return rc != 0 ? rc
		       : inner->ops->scan(inner, reader, prefix, after, limit,
				 keys_only, fn, ctx, err);
}

static int
faulty_due_scan(struct backend *backend, struct backend_reader *reader,
	int64_t until_s, size_t limit, backend_due_fn *fn, void *ctx,
	struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_SCAN, err);

	return rc != 0 ? rc
		       : inner->ops->due_scan(
				 inner, reader, until_s, limit, fn, ctx, err);
}

static int
faulty_reader_get(struct backend *backend, struct backend_reader **ret_reader,
	struct err *err)
{
	struct backend *inner = inner_of(backend);
	int rc = turn(backend, FAULTY_READER, err);

	return rc != 0 ? rc : inner->ops->reader_get(inner, ret_reader, err);
}

static void
faulty_reader_put(struct backend *backend, struct backend_reader *reader)
{
	inner_of(backend)->ops->reader_put(inner_of(backend), reader);
}

static const struct backend_ops faulty_ops = {
	.kind = "faulty",
	.close = faulty_close,
	.describe = faulty_describe,
	.begin = faulty_begin,
	.savepoint = faulty_savepoint,
	.release = faulty_release,
	.rollback_to = faulty_rollback_to,
	.commit = faulty_commit,
	.rollback = faulty_rollback,
	.put = faulty_put,
	.del = faulty_del,
	.due_put = faulty_due_put,
	.due_del = faulty_due_del,
	.checkpoint = faulty_checkpoint,
	.backup = faulty_backup,
	.get = faulty_get,
	.scan = faulty_scan,
	.due_scan = faulty_due_scan,
	.reader_get = faulty_reader_get,
	.reader_put = faulty_reader_put,
};

struct backend *
faulty_backend_new(struct backend *inner)
{
	struct faulty *faulty = calloc(1, sizeof(*faulty));

	if (faulty == NULL)
		return NULL;
	faulty->backend.ops = &faulty_ops;
	faulty->inner = inner;
	return &faulty->backend;
}
