/*
 * List, read, write and delete of named records, and the way from a struct to
 * a stored object and back, all by the type's fields.
 */
#include "server/api/record_ops.h"

#include <ctype.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/json.h"
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
encode_list(const void *slot, struct arena *arena)
{
	const struct str_list *strings = slot;
	struct value *list = value_list(arena);
	size_t i;

	for (i = 0; i < strings->n; i++) {
		if (!value_add(list, value_string(arena, strings->items[i])))
			return NULL;
	}
	return list;
}

static struct value *
encode_map(const void *slot, struct arena *arena)
{
	const struct str_map *map = slot;
	struct value *object = value_object(arena);
	size_t i;

	for (i = 0; i < map->n; i++) {
		if (!value_append(arena, object, map->keys[i],
			    value_string(arena, map->values[i])))
			return NULL;
	}
	return object;
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
		return encode_list(slot, arena);
	case FIELD_TYPE_MAP:
		return encode_map(slot, arena);
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
		if (!value_append(arena, object, fields[i].name,
			    encode_field(&fields[i], record, arena)))
			return NULL;
	}
	return object;
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
	struct value *tree = NULL;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	cached = ARENA_NEW(arena, struct cached);
	rc = cached == NULL
		? err_set_memory(err)
		: json_parse(value, &json_limits_trusted, arena, &tree, err);
	if (rc == 0)
		rc = record_decode(type->fields, type->size, tree, arena,
			&cached->record, err);
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
	const char *name = req_capture(req, type->capture);
	char *lower = NULL, *at = NULL;

	if (!type->lower_case_names)
		return name;
	lower = arena_strdup(req->arena, name);
	for (at = lower; at != NULL && *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	return lower;
}

/* A page of a list, read in one snapshot. */
struct page {
	struct req *req;
	const char *after; /* names behind this one */
	const char *last;  /* the last name of the page */
	size_t limit;
	struct value *names, *info; /* of this page; info NULL: none wanted */
};

static int
add_info(struct page *page, const char *name, const struct value *value,
	struct err *err)
{
	const struct record_type *type = page->req->op->record;
	struct arena *arena = page->req->arena;
	struct err why = { 0 };
	void *record = NULL;
	int rc;

	rc = record_decode(
		type->fields, type->size, value, arena, &record, &why);
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	/* What cannot be read is listed all the same (ssh-engine.md 2.4). */
	if (rc != 0)
		return 0;
	return value_append(arena, page->info, name,
		       type->key_info(page->req, name, record))
		? 0
		: err_set_memory(err);
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
	return kv_scan(tx, space_of(req), type->prefix, page->after,
		page->limit, req->arena, add_name, page, err);
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

/* Every field by its type; secrets and old names stay out. */
static void
show_all(struct reply *reply, const struct field *fields, const void *record)
{
	size_t i;

	for (i = 0; fields[i].name != NULL; i++) {
		if (fields[i].type == FIELD_TYPE_SECRET ||
			(fields[i].flags & FIELD_HIDDEN) != 0)
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
		show_all(reply, type->fields, record);
	compiled_unref(&ref);
	return 0;
}

struct change {
	struct req *req;
	const char *name, *full;
	const struct value *value; /* NULL: delete */
};

static int
make_change(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct change *change = ctx;
	struct req *req = change->req;
	const struct record_type *type = req->op->record;
	int rc = 0;

	if (change->value == NULL) {
		if (type->on_delete != NULL)
			rc = type->on_delete(tx, req, change->name, err);
		return rc != 0
			? rc
			: kv_delete(tx, space_of(req), change->full, err);
	}
	if (type->check_tx != NULL)
		rc = type->check_tx(tx, req, change->name, req->in, err);
	if (rc != 0)
		return rc;
	return kv_put(tx, space_of(req), change->full, change->value, err);
}

static int
change_record(struct req *req, bool writes, struct err *err)
{
	const struct record_type *type = req->op->record;
	struct change change = { .req = req, .name = name_of(req) };
	int rc = 0;

	if (change.name == NULL)
		return err_set_memory(err);
	if (writes && type->check != NULL)
		rc = type->check(req, change.name, req->in, err);
	if (rc != 0)
		return rc;
	change.full = full_name(type, change.name, req->arena);
	if (writes)
		change.value = record_encode(type->fields, req->in, req->arena);
	if (change.full == NULL || (writes && change.value == NULL))
		return err_set_memory(err);
	return req_write(req, make_change, &change, err);
}

int
record_write(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	return change_record(req, true, err);
}

int
record_delete(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	return change_record(req, false, err);
}
