/* The ids of a lease path's rows as their owners know them. */
#ifndef SALLYPORT_SERVER_API_ROW_IDS_H
#define SALLYPORT_SERVER_API_ROW_IDS_H

#include "server/api/req.h"
#include "storage/lease.h"

/* Whose rows, and in what form. */
struct row_ids {
	const char *mount_uuid;
	uint32_t path; /* number of the lease path */
	enum rowid_kind kind;
	bool (*wants)(const struct lease *lease); /* NULL: all rows */
	/* What is told of each in infos, an object; both NULL: nothing. */
	int (*info)(struct req *req, const struct lease *lease,
		struct value **ret_info, struct err *err);
	struct value *infos;
};

/* Append them to names, a list in the request's arena, in order of rows. */
int row_ids_add(struct req *req, const struct row_ids *ids, struct value *names,
	struct err *err);

#endif
