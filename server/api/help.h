/* The printers of rows: help texts, the OpenAPI document, reference pages. */
#ifndef SALLYPORT_SERVER_API_HELP_H
#define SALLYPORT_SERVER_API_HELP_H

#include "server/api/req.h"

/* The help text of a row's path, or of a mount's root (op NULL). */
int help_text(struct arena *arena, const struct mount_type *type,
	const struct op *op, const char *request_path, struct buf *out,
	struct err *err);

/* OpenAPI 3.0.2 for mounts[]: whole document, or one path (op given). */
struct openapi_mount {
	const char *path;
	const struct mount_type *type;
};
struct value *openapi_document(
	struct arena *arena, const struct openapi_mount *mounts, size_t n);
struct value *openapi_one(struct arena *arena,
	const struct openapi_mount *mount, const struct op *op);

/* Markdown reference of a mount type, for docs/api. */
int refdoc_mount(const struct mount_type *type, const char *usual_path,
	struct buf *out, struct err *err);

#endif
