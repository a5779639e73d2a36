/*
 * What a backend offers to store.c: raw, already sealed bytes. A backend is
 * driven by one writer thread and by readers that each hold a reader of their
 * own. Only storage/ includes this.
 */
#ifndef SALLYPORT_STORAGE_BACKEND_H
#define SALLYPORT_STORAGE_BACKEND_H

#include "lib/buf.h"
#include "storage/store.h"

/* Stands in copies alone: they are backups (storage/restore.h). */
#define RESTORED_KEY "core/restored"

struct backend;        /* an open backend */
struct backend_reader; /* a snapshot reader, one thread at a time */

typedef int backend_row_fn(
	void *ctx, struct span key, struct span value, struct err *err);
typedef int backend_due_fn(
	void *ctx, int64_t due_s, struct span key, struct err *err);

struct backend_ops {
	const char *kind;
	void (*close)(struct backend *backend);
	const char *(*describe)(struct backend *backend);

	/* Writer's thread only. */
	int (*begin)(struct backend *backend, struct err *err);
	int (*savepoint)(struct backend *backend, struct err *err);
	int (*release)(struct backend *backend, struct err *err);
	int (*rollback_to)(struct backend *backend, struct err *err);
	int (*commit)(struct backend *backend, struct err *err); /* durable */
	void (*rollback)(struct backend *backend);
	int (*put)(struct backend *backend, struct span key, struct span value,
		struct err *err);
	int (*del)(struct backend *backend, struct span key, struct err *err);
	int (*due_put)(struct backend *backend, int64_t due_s, struct span key,
		struct err *err);
	int (*due_del)(struct backend *backend, int64_t due_s, struct span key,
		struct err *err);
	/* Between batches; does nothing where there is nothing to do. */
	int (*checkpoint)(struct backend *backend, bool now, struct err *err);
	/*
	 * One step of a copy to a new file at path, started by begin;
	 * *ret_more: it wants another. Batches may come between; the copy is of
	 * the time of its last step, holds RESTORED_KEY, and is not yet synced.
	 */
	int (*backup)(struct backend *backend, const char *path, bool begin,
		bool *ret_more, struct err *err);

	/* The writer's own view (reader NULL) or a snapshot's. */
	int (*get)(struct backend *backend, struct backend_reader *reader,
		struct span key, struct buf *out, struct err *err);
	int (*scan)(struct backend *backend, struct backend_reader *reader,
		struct span prefix, struct span after, size_t limit,
		bool keys_only, backend_row_fn *fn, void *ctx, struct err *err);
	int (*due_scan)(struct backend *backend, struct backend_reader *reader,
		int64_t until_s, size_t limit, backend_due_fn *fn, void *ctx,
		struct err *err);

	/* Readers come from a pool that the backend keeps. */
	int (*reader_get)(struct backend *backend,
		struct backend_reader **ret_reader, struct err *err);
	void (*reader_put)(
		struct backend *backend, struct backend_reader *reader);
};

struct backend {
	const struct backend_ops *ops;
};

/* A store over an open backend, which it then owns (tests: faulty). */
int store_open_backend(struct backend *backend,
	const struct store_settings *settings, struct store **ret_store,
	struct err *err);

#endif
