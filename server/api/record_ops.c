/*
 * List, read, write and delete of named records, and the way from a struct to
 * a stored object and back, all by the type's fields.
 */
#include "server/api/record_ops.h"

#include <stdatomic.h>
#include <string.h>

#include "lib/json.h"
#include "lib/jsonw.h"
#include "lib/lock.h"
#include "server/api/bind.h"

#define TYPES_MAX 64
#define PAGE_ROWS 500
#define OBJECT_BYTES_MAX (16 * (size_t)STORE_VALUE_MAX)

/* ---- struct to object and back --------------------------------------- */

int
record_decode(const struct field *fields, size_t size,
	const struct value *value, struct arena *arena, void **ret_record,
	struct err *err)
{
	void *record = arena_alloc(arena, 1, size);
	const struct value *member = NULL;
	size_t i;
	int rc;

	if (record == NULL)
		return err_set_memory(err);
	rc = bind_defaults(fields, record, arena, err);
	for (i = 0; rc == 0 && fields[i].name != NULL; i++) {
		member = value_find(value, fields[i].name);
		if (member != NULL && member->type != VALUE_NULL)
			rc = bind_value(&fields[i], member, BIND_STORED, arena,
				record, err);
	}
	if (rc == 0)
		*ret_record = record;
	return rc;
}

static struct value *
encode_field(const struct field *field, const void *record, struct arena *arena)
{
	const void *slot = (const char *)record + field->offset;
	const struct value *object = NULL;
	const struct secret_view *secret = slot;

	switch (field->type) {
	case FIELD_TYPE_STR:
		return value_string(arena, *(const char *const *)slot);
	case FIELD_TYPE_INT:
	case FIELD_TYPE_DURATION:
		return value_int(arena, *(const int64_t *)slot);
	case FIELD_TYPE_BOOL:
		return value_bool(arena, *(const bool *)slot);
	case FIELD_TYPE_LIST:
	case FIELD_TYPE_NAMES:
		return value_of_list(arena, slot);
	case FIELD_TYPE_MAP:
		return value_of_map(arena, slot);
	case FIELD_TYPE_OBJECT:
		object = *(const struct value *const *)slot;
		return object != NULL ? value_copy(arena, object)
				      : value_null(arena);
	case FIELD_TYPE_SECRET:
		return value_span(arena, span_of(secret->data, secret->len));
	}
	return NULL;
}

struct value *
record_encode(
	const struct field *fields, const void *record, struct arena *arena)
{
	struct value *object = value_object(arena);
	size_t i;

	for (i = 0; fields[i].name != NULL; i++) {
		if ((fields[i].flags & FIELD_SENT) != 0)
			continue;
		if (!value_append(arena, object, fields[i].name,
			    encode_field(&fields[i], record, arena)))
			return NULL;
	}
	return object;
}

int
record_unpack(const struct field *fields, size_t size, struct span bytes,
	struct arena *arena, void **ret_record, struct err *err)
{
	struct value *tree = NULL;
	int rc = json_parse(bytes, &json_limits_trusted, arena, &tree, err);

	return rc != 0
		? rc
		: record_decode(fields, size, tree, arena, ret_record, err);
}

int
record_pack(const struct field *fields, const void *record, size_t len_max,
	struct arena *arena, struct span *ret_bytes, struct err *err)
{
	const struct value *value = record_encode(fields, record, arena);

	return value == NULL
		? err_set_memory(err)
		: jsonw_bytes(value, len_max, arena, ret_bytes, err);
}

/* ---- stored records as structs --------------------------------------- */

/* The record's name below its space; NULL: no memory. */
static const char *
full_name(const struct record_type *type, const char *name, struct arena *arena)
{
	return arena_printf(arena, "%s%s", type->prefix, name);
}

int
record_get(struct store_tx *tx, const struct kv *kv,
	const struct record_type *type, const char *name, struct arena *arena,
	const void **ret_record, struct err *err)
{
	const char *full = full_name(type, name, arena);
	struct value *value = NULL;
	void *record = NULL;
	int rc;

	if (full == NULL)
		return err_set_memory(err);
	rc = kv_get(tx, kv, full, arena, &value, err);
	if (rc == 0)
		rc = record_decode(
			type->fields, type->size, value, arena, &record, err);
	if (rc == 0)
		*ret_record = record;
	return rc;
}

/* What hangs on a cached record; lies in its own arena. */
struct cached {
	struct arena *arena;
	void *record;
};

static int
compile_record(const void *ctx, UNUSED struct span key, struct span value,
	void **ret_object, size_t *ret_size, struct err *err)
{
	const struct record_type *type = ctx;
	struct arena *arena = arena_new(OBJECT_BYTES_MAX);
	struct cached *cached = NULL;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	cached = ARENA_NEW(arena, struct cached);
	rc = cached == NULL ? err_set_memory(err)
			    : record_unpack(type->fields, type->size, value,
				      arena, &cached->record, err);
	if (rc != 0) {
		arena_free(&arena);
		return rc;
	}
	cached->arena = arena;
	*ret_object = cached;
	*ret_size = arena_used(arena) > ARENA_CHUNK ? arena_used(arena)
						    : ARENA_CHUNK;
	return 0;
}

static void
free_record(void *object)
{
	struct arena *arena = ((struct cached *)object)->arena;

	arena_free(&arena);
}

/* One compiled type for each record type, made when it is first asked for. */
static struct guard types_guard;

static struct {
	pthread_mutex_t lock; /* for adding */
	atomic_size_t n; /* entries below it are complete and never change */
	struct compiled_type entries[TYPES_MAX];
} types = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const struct compiled_type *
find_type(const struct record_type *type)
{
	size_t i, n = atomic_load_explicit(&types.n, memory_order_acquire);

	for (i = 0; i < n; i++) {
		if (types.entries[i].ctx == type)
			return &types.entries[i];
	}
	return NULL;
}

static const struct compiled_type *
compiled_type_of(const struct record_type *type)
{
	const struct compiled_type *found = find_type(type);
	size_t n;

	if (found != NULL)
		return found;
	lock_take(&types.lock, &types_guard);
	found = find_type(type);
	n = atomic_load_explicit(&types.n, memory_order_relaxed);
	if (found == NULL && n < TYPES_MAX) {
		types.entries[n] = (struct compiled_type){
			.name = type->prefix,
			.ctx = type,
			.compile = compile_record,
			.free = free_record,
		};
		found = &types.entries[n];
		atomic_store_explicit(&types.n, n + 1, memory_order_release);
	}
	lock_give(&types.lock, &types_guard);
	return found;
}

int
record_find(struct store *store, const struct kv *kv,
	const struct record_type *type, const char *name,
	struct compiled **ret_ref, const void **ret_record, struct err *err)
{
	const struct compiled_type *compiled = compiled_type_of(type);
	const char *const parts[] = { type->prefix, name };
	char full[KV_KEY_MAX], key[KV_KEY_MAX];
	int rc;

	if (compiled == NULL)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	/* A name too long to be stored names nothing. */
	if (!str_join(full, sizeof(full), parts, ARRAY_LEN(parts)))
		return err_set(err, ERR_ABSENT, 404, "%s", "");
	rc = kv_key(kv, full, key, err);
	if (rc == 0)
		rc = store_compiled(
			store, span_str(key), compiled, ret_ref, err);
	if (rc == 0)
		*ret_record = ((const struct cached *)compiled_object(*ret_ref))
				      ->record;
	return rc;
}

/* ---- the four operations --------------------------------------------- */

/* sys/ keeps its records in the server's own space, engines in the mount's. */
static const struct kv *
space_of(const struct req *req)
{
	if (strcmp(req->mount->type->name, "system") == 0)
		return &req->server->system;
	return &req->mount->kv;
}

/* The captured name as the type spells it; NULL: no memory. */
static const char *
name_of(const struct req *req)
{
	const struct record_type *type = req->op->record;
	const char *name = type->only != NULL ? type->only
					      : req_capture(req, type->capture);

	return type->lower_case_names ? arena_strlower(req->arena, name) : name;
}

/* A page of a list, read in one snapshot. */
struct page {
	struct req *req;
	const char *after; /* names behind this one */
	const char *last;  /* the last name of the page */
	size_t limit;
	struct value *names, *info; /* of this page; info NULL: none wanted */
};

/* In memory of its own: there may be many large records. */
static int
add_info(struct page *page, const char *name, const struct value *value,
	struct err *err)
{
	const struct record_type *type = page->req->op->record;
	struct arena *own = arena_new(OBJECT_BYTES_MAX);
	struct err why = { 0 };
	void *record = NULL;
	int rc = own == NULL ? ERR_MEMORY
			     : record_decode(type->fields, type->size, value,
				       own, &record, &why);

	if (rc == 0 &&
		!value_append(page->req->arena, page->info, name,
			type->key_info(page->req, name, record)))
		rc = ERR_MEMORY;
	arena_free(&own);
	/* What cannot be read is listed all the same (ssh-engine.md 2.4). */
	return rc == ERR_MEMORY ? err_set_memory(err) : 0;
}

static int
add_name(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	struct page *page = ctx;

	if (!value_add(page->names, value_string(page->req->arena, name)))
		return err_set_memory(err);
	page->last = name;
	return page->info != NULL ? add_info(page, name, value, err) : 0;
}

static int
scan_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct page *page = ctx;
	struct req *req = page->req;
	const struct record_type *type = req->op->record;

	page->names = value_list(req->arena);
	page->info = type->key_info != NULL ? value_object(req->arena) : NULL;
	page->last = page->after;
	return (page->info != NULL ? kv_scan : kv_names)(tx, space_of(req),
		type->prefix, page->after, page->limit, req->arena, add_name,
		page, err);
}

/* Move the children of more behind those of all. */
static void
splice(struct value *all, const struct value *more)
{
	if (more == NULL || more->first == NULL)
		return;
	if (all->last != NULL)
		all->last->next = more->first;
	else
		all->first = more->first;
	all->last = more->last;
	all->n += more->n;
}

/* All pages, each in a snapshot of its own: lists may be long. */
static int
scan_pages(struct req *req, struct value *names, struct value *info,
	struct err *err)
{
	const struct op_list_in *in = req->in;
	struct page page = { .req = req, .after = in->after };
	int64_t left = in->limit > 0 ? in->limit : INT64_MAX;
	size_t n;
	int rc;

	do {
		page.limit = left < PAGE_ROWS ? (size_t)left : PAGE_ROWS;
		rc = req_read(req, scan_page, &page, err);
		if (rc != 0)
			return rc;
		n = page.names->n;
		splice(names, page.names);
		splice(info, page.info);
		page.after = page.last;
		left -= (int64_t)n;
	} while (n == PAGE_ROWS && left > 0);
	return 0;
}

int
record_list(struct req *req, struct reply *reply, struct err *err)
{
	struct value *names = value_list(req->arena);
	struct value *info = value_object(req->arena);
	int rc;

	if (names == NULL || info == NULL)
		return err_set_memory(err);
	rc = scan_pages(req, names, info, err);
	if (rc != 0)
		return rc;
	reply_keys(reply, names);
	if (req->op->record->key_info != NULL && names->n > 0)
		reply_value(reply, "key_info", info);
	return 0;
}

void
record_show(struct reply *reply, const struct field *fields, const void *record)
{
	size_t i;

	for (i = 0; fields[i].name != NULL; i++) {
		if (fields[i].type == FIELD_TYPE_SECRET ||
			(fields[i].flags &
				(FIELD_HIDDEN | FIELD_SENT | FIELD_STORED)) !=
				0)
			continue;
		reply_value(reply, fields[i].name,
			encode_field(&fields[i], record, reply->req->arena));
	}
}

int
record_read(struct req *req, struct reply *reply, struct err *err)
{
	const struct record_type *type = req->op->record;
	const char *name = name_of(req);
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc;

	if (name == NULL)
		return err_set_memory(err);
	rc = record_find(req->server->store, space_of(req), type, name, &ref,
		&record, err);
	if (rc != 0)
		return rc;
	if (type->show != NULL)
		type->show(req, name, record, reply);
	else
		record_show(reply, type->fields, record);
	compiled_unref(&ref);
	return 0;
}

struct change {
	struct req *req;
	const char *name, *full;
};

static int
begin_change(struct req *req, struct change *change, struct err *err)
{
	*change = (struct change){ .req = req, .name = name_of(req) };
	if (change->name != NULL)
		change->full =
			full_name(req->op->record, change->name, req->arena);
	return change->full != NULL ? 0 : err_set_memory(err);
}

/* The fields that a write may change: the row's own, or all of the type. */
static const struct field *
fields_of(const struct req *req)
{
	return req->op->fields != NULL ? req->op->fields
				       : req->op->record->fields;
}

/* Whether field was sent; an empty text counts: it resets the field. */
static bool
was_sent(const struct req *req, const struct field *field, size_t i)
{
	const struct value *value = value_find(req->data, field->name);

	if ((field->flags & FIELD_STORED) != 0)
		return false;
	if (value == NULL && field->alias != NULL)
		value = value_find(req->data, field->alias);
	return (req->given >> i & 1) != 0 ||
		(value != NULL && value->type == VALUE_STRING);
}

static size_t
slot_size(enum field_type type)
{
	static const size_t sizes[] = {
		[FIELD_TYPE_STR] = sizeof(const char *),
		[FIELD_TYPE_INT] = sizeof(int64_t),
		[FIELD_TYPE_BOOL] = sizeof(bool),
		[FIELD_TYPE_DURATION] = sizeof(int64_t),
		[FIELD_TYPE_LIST] = sizeof(struct str_list),
		[FIELD_TYPE_NAMES] = sizeof(struct str_list),
		[FIELD_TYPE_MAP] = sizeof(struct str_map),
		[FIELD_TYPE_OBJECT] = sizeof(const struct value *),
		[FIELD_TYPE_SECRET] = sizeof(struct secret_view),
	};

	return sizes[type];
}

static void
copy_slot(void *to, const void *from, const struct field *field)
{
	memcpy((char *)to + field->offset, (const char *)from + field->offset,
		slot_size(field->type));
}

static int
load(struct store_tx *tx, const struct change *change, void **ret_record,
	struct err *err)
{
	struct req *req = change->req;
	const struct record_type *type = req->op->record;
	struct value *stored = NULL;
	int rc = kv_get(
		tx, space_of(req), change->full, req->arena, &stored, err);

	return rc != 0 ? rc
		       : record_decode(type->fields, type->size, stored,
				 req->arena, ret_record, err);
}

/* What the record will be: what was sent, over what stands there. */
static int
merge(struct store_tx *tx, const struct change *change, void **ret_record,
	struct err *err)
{
	const struct req *req = change->req;
	const struct field *fields = fields_of(req);
	void *record = NULL;
	int rc = load(tx, change, &record, err);

	if (rc != 0)
		return rc;
	for (size_t i = 0; fields[i].name != NULL; i++) {
		if (was_sent(req, &fields[i], i))
			copy_slot(record, req->in, &fields[i]);
	}
	*ret_record = record;
	return 0;
}

/* Check what the record will be, and store it. */
static int
settle_record(struct store_tx *tx, const struct change *change, void *record,
	struct err *err)
{
	struct req *req = change->req;
	const struct record_type *type = req->op->record;
	struct value *value = NULL;
	int rc = 0;

	if (type->check_tx != NULL)
		rc = type->check_tx(tx, req, change->name, record, err);
	if (rc != 0)
		return rc;
	value = record_encode(type->fields, record, req->arena);
	return value == NULL
		? err_set_memory(err)
		: kv_put(tx, space_of(req), change->full, value, err);
}

static int
put_record(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct change *change = ctx;
	struct req *req = change->req;
	void *record = req->in;
	int rc = 0;

	if (req->op->record->merges)
		rc = merge(tx, change, &record, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = 0;
	}
	return rc != 0 ? rc : settle_record(tx, change, record, err);
}

int
record_write(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	const struct record_type *type = req->op->record;
	struct change change;
	int rc = begin_change(req, &change, err);

	if (rc == 0 && type->check != NULL)
		rc = type->check(req, change.name, req->in, err);
	return rc != 0 ? rc : req_write(req, put_record, &change, err);
}

static int
drop_record(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct change *change = ctx;
	struct req *req = change->req;
	const struct record_type *type = req->op->record;
	int rc = 0;

	if (type->on_delete != NULL)
		rc = type->on_delete(tx, req, change->name, err);
	return rc != 0 ? rc : kv_delete(tx, space_of(req), change->full, err);
}

int
record_delete(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct change change;
	int rc = begin_change(req, &change, err);

	return rc != 0 ? rc : req_write(req, drop_record, &change, err);
}

struct existence {
	struct change change;
	bool exists;
};

static int
look_for_record(struct store_tx *tx, void *ctx, UNUSED struct err *err)
{
	struct existence *existence = ctx;
	const struct change *change = &existence->change;

	existence->exists = kv_exists(tx, space_of(change->req), change->full);
	return 0;
}

int
record_exists(struct req *req, bool *ret_exists, struct err *err)
{
	struct existence existence = { .exists = false };
	int rc = begin_change(req, &existence.change, err);

	if (rc == 0)
		rc = req_read(req, look_for_record, &existence, err);
	if (rc == 0)
		*ret_exists = existence.exists;
	return rc;
}

/* ---- a part of a record ------------------------------------------------ */

int
record_part_read(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = name_of(req);
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc;

	if (name == NULL)
		return err_set_memory(err);
	rc = record_find(req->server->store, space_of(req), req->op->record,
		name, &ref, &record, err);
	if (rc == 0)
		record_show(reply, req->path_ops[OP_UPDATE]->fields, record);
	compiled_unref(&ref);
	return rc;
}

static int
put_part(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct change *change = ctx;
	void *record = NULL;
	int rc = merge(tx, change, &record, err);

	return rc != 0 ? rc : settle_record(tx, change, record, err);
}

int
record_part_write(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct change change;
	int rc = begin_change(req, &change, err);

	return rc != 0 ? rc : req_write(req, put_part, &change, err);
}

static int
reset_part(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct change *change = ctx;
	struct req *req = change->req;
	const struct record_type *type = req->op->record;
	const struct field *fields = req->path_ops[OP_UPDATE]->fields;
	void *initial = arena_alloc(req->arena, 1, type->size), *record = NULL;
	int rc;

	if (initial == NULL)
		return err_set_memory(err);
	rc = bind_defaults(fields, initial, req->arena, err);
	if (rc == 0)
		rc = load(tx, change, &record, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; fields[i].name != NULL; i++)
		copy_slot(record, initial, &fields[i]);
	return settle_record(tx, change, record, err);
}

int
record_part_delete(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct change change;
	int rc = begin_change(req, &change, err);

	return rc != 0 ? rc : req_write(req, reset_part, &change, err);
}
