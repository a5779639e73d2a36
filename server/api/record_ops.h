/*
 * Named configuration records (roles, policies, …) have no handlers of their
 * own: a type gives fields and checks, the four operations are made here.
 * Stored as a JSON object of the fields under <prefix><name> of the mount's
 * kv space. A write replaces the whole record, unless the type merges.
 */
#ifndef SALLYPORT_SERVER_API_RECORD_OPS_H
#define SALLYPORT_SERVER_API_RECORD_OPS_H

#include "server/api/reply.h"
#include "server/api/req.h"

struct record_type {
	const char *prefix;  /* "roles/" */
	const char *capture; /* name of the path capture: "role" */
	const char *only;    /* the one name of a type without captures */
	bool lower_case_names;
	/* A write changes the fields that were sent and keeps the others. */
	bool merges;
	const struct field *fields; /* without the capture */
	size_t size;                /* of the bound struct */
	/* Check and normalise before anything is stored; or NULL. */
	int (*check)(struct req *req, const char *name, void *record,
		struct err *err);
	/*
	 * The same inside the closure, where other records matter, and for
	 * types that merge, whose whole record is known only there; or NULL.
	 */
	int (*check_tx)(struct store_tx *tx, struct req *req, const char *name,
		void *record, struct err *err);
	/* Fill data of a read; NULL: every field by its type. */
	void (*show)(struct req *req, const char *name, const void *record,
		struct reply *reply);
	/*
	 * An entry of key_info in a list, or NULL for none: in the request's
	 * arena, where the record is not.
	 */
	struct value *(*key_info)(
		struct req *req, const char *name, const void *record);
	/* Inside the closure of a delete, before it; or NULL. */
	int (*on_delete)(struct store_tx *tx, struct req *req, const char *name,
		struct err *err);
};

/* Handlers for rows: .handler = record_read, .record = &type. */
int record_list(struct req *req, struct reply *reply, struct err *err);
int record_read(struct req *req, struct reply *reply, struct err *err);
int record_write(struct req *req, struct reply *reply, struct err *err);
int record_delete(struct req *req, struct reply *reply, struct err *err);

/*
 * Every field of a record by its type, as a read without .show gives them;
 * secrets and old names stay out.
 */
void record_show(
	struct reply *reply, const struct field *fields, const void *record);

/* For the rows of a type that tells create from update: .exists. */
int record_exists(struct req *req, bool *ret_exists, struct err *err);

/*
 * Some of a record's fields at a path of their own (users/:user/policies). Its
 * update row has .record, those .fields and the record's size as .in_size; what
 * was sent of them is merged into the record, which must be there (ERR_ABSENT,
 * 404). A delete puts them back to their defaults.
 */
int record_part_read(struct req *req, struct reply *reply, struct err *err);
int record_part_write(struct req *req, struct reply *reply, struct err *err);
int record_part_delete(struct req *req, struct reply *reply, struct err *err);

/* The four rows of a type: RECORD_OPS("roles", "roles/:role", type, …text) */
#define RECORD_OPS(list_path, one_path, type, what)                            \
	{ .path = list_path,                                                   \
		.verb = OP_LIST,                                               \
		.handler = record_list,                                        \
		.record = (type),                                              \
		.summary = "List " what "s." },                                \
		{ .path = one_path,                                            \
			.verb = OP_READ,                                       \
			.handler = record_read,                                \
			.record = (type),                                      \
			.summary = "Read a " what "." },                       \
		{ .path = one_path,                                            \
			.verb = OP_UPDATE,                                     \
			.handler = record_write,                               \
			.record = (type),                                      \
			.summary = "Create or replace a " what "." },          \
	{                                                                      \
		.path = one_path, .verb = OP_DELETE, .handler = record_delete, \
		.record = (type), .summary = "Delete a " what "."              \
	}

/*
 * A stored record as its struct, for engines: read in a transaction (into
 * arena), or compiled and cached, there until *ret_ref is given back with
 * compiled_unref. ERR_ABSENT where there is none.
 */
int record_get(struct store_tx *tx, const struct kv *kv,
	const struct record_type *type, const char *name, struct arena *arena,
	const void **ret_record, struct err *err);
int record_find(struct store *store, const struct kv *kv,
	const struct record_type *type, const char *name,
	struct compiled **ret_ref, const void **ret_record, struct err *err);

/* A struct by fields from and to a value object (defaults for absent). */
int record_decode(const struct field *fields, size_t size,
	const struct value *value, struct arena *arena, void **ret_record,
	struct err *err);
struct value *record_encode(
	const struct field *fields, const void *record, struct arena *arena);

/*
 * The same from and to bytes, as the store has them: for rows that keep a
 * struct as their data. ERR_LIMIT past len_max.
 */
int record_unpack(const struct field *fields, size_t size, struct span bytes,
	struct arena *arena, void **ret_record, struct err *err);
int record_pack(const struct field *fields, const void *record, size_t len_max,
	struct arena *arena, struct span *ret_bytes, struct err *err);

#endif
