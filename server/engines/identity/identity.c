/* The store's entry, and what entities, aliases and groups have in common. */
#include "server/engines/identity/identity.h"

#include <string.h>

#include "server/engines/identity/tables.h"

#define NAME_MAX_LEN 128
#define METADATA_MAX 64
#define METADATA_KEY_MAX 128
#define METADATA_VALUE_MAX 512
#define POLICIES_MAX 256
#define PAGE_ROWS 25
#define PAGE_MEMORY (PAGE_ROWS * IDENTITY_RECORD_MEMORY)
#define BLANKS " \t\r\n\v\f"

const struct kv *
identity_space(const struct req *req)
{
	return &req->server->system;
}

bool
identity_sent(const struct req *req, const char *field)
{
	const struct value *value = value_find(req->data, field);

	return value != NULL && value->type != VALUE_NULL;
}

int
identity_find_id(struct store_tx *tx, struct req *req, const char *names,
	const char *id, const char *name, const char **ret_id, struct err *err)
{
	if (id != NULL && id[0] != '\0') {
		*ret_id = id;
		return 0;
	}
	if (name == NULL || name[0] == '\0')
		return ERR_ABSENT;
	return identity_find_name(
		tx, identity_space(req), names, name, req->arena, ret_id, err);
}

int
identity_drop_named(struct store_tx *tx, struct req *req, const char *prefix,
	const char *id, const char *names, const char *name, struct err *err)
{
	const struct kv *kv = identity_space(req);
	const char *record = arena_printf(req->arena, "%s%s", prefix, id);
	int rc;

	if (record == NULL)
		return err_set_memory(err);
	rc = identity_drop_name(tx, kv, names, name, req->arena, err);
	return rc != 0 ? rc : kv_delete(tx, kv, record, err);
}

/* ---- checks ----------------------------------------------------------- */

#define NAME_ENDS                                                              \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

int
identity_check_name(const char *name, struct err *err)
{
	const size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_LEN ||
		strspn(name, NAME_ENDS "-.@") != len ||
		strspn(name, NAME_ENDS) == 0 ||
		strspn(name + len - 1, NAME_ENDS) == 0 ||
		strstr(name, "..") != NULL)
		return err_set(
			err, ERR_INPUT, 400, "invalid name \"%.64s\"", name);
	return 0;
}

int
identity_check_metadata(const struct str_map *metadata, struct err *err)
{
	if (metadata->n > METADATA_MAX)
		return err_set(err, ERR_INPUT, 400,
			"metadata has more than %d keys", METADATA_MAX);
	for (size_t i = 0; i < metadata->n; i++) {
		if (strlen(metadata->keys[i]) > METADATA_KEY_MAX ||
			strlen(metadata->values[i]) > METADATA_VALUE_MAX)
			return err_set(err, ERR_INPUT, 400,
				"metadata \"%.64s\" is too long",
				metadata->keys[i]);
	}
	return 0;
}

/* The mount of an accessor; "" where it is gone. */
struct place {
	const char *accessor;
	struct arena *arena;
	bool is_auth;
	const char *type, *path;
};

static int
look_at_mount(void *ctx, const struct mount *mount, UNUSED struct err *err)
{
	struct place *place = ctx;

	if (strcmp(mount->accessor, place->accessor) == 0) {
		place->is_auth = mount->type->is_auth;
		place->type = mount->type->name;
		place->path = arena_strdup(place->arena, mount->path);
	}
	return 0;
}

int
identity_check_alias(struct req *req, const char *name, const char *accessor,
	struct err *err)
{
	struct place place = { .accessor = accessor, .arena = req->arena };

	if (name[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing alias name");
	if (accessor[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing mount_accessor");
	(void)mounts_each(req->server->mounts, look_at_mount, &place, NULL);
	if (!place.is_auth)
		return err_set(err, ERR_INPUT, 400,
			"invalid mount accessor \"%.64s\"", accessor);
	return 0;
}

int
identity_check_same(
	const char *sent, const char *there, const char *what, struct err *err)
{
	if (sent[0] == '\0' || strcmp(sent, there) == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"the %s of an alias cannot be changed; delete it and make another",
		what);
}

static const char *
clean_name(struct arena *arena, const char *name)
{
	size_t len;

	name += strspn(name, BLANKS);
	len = strlen(name);
	while (len > 0 && strchr(BLANKS, name[len - 1]) != NULL)
		len--;
	name = arena_strndup(arena, name, len);
	return name == NULL ? NULL : arena_strlower(arena, name);
}

int
identity_clean_policies(
	struct req *req, struct str_list *policies, struct err *err)
{
	struct str_list clean = { .n = 0 };

	if (policies->n > POLICIES_MAX)
		return err_set(err, ERR_INPUT, 400, "more than %d policies",
			POLICIES_MAX);
	clean.items = ARENA_ARRAY(req->arena, const char *, policies->n + 1);
	if (clean.items == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < policies->n; i++) {
		const char *name = clean_name(req->arena, policies->items[i]);

		if (name == NULL)
			return err_set_memory(err);
		if (strcmp(name, "root") == 0)
			return err_set(err, ERR_INPUT, 400,
				"policies cannot contain root");
		if (name[0] != '\0')
			clean.items[clean.n++] = name;
	}
	str_list_sort(&clean);
	*policies = clean;
	return 0;
}

int
identity_rename(struct store_tx *tx, struct req *req, const char *prefix,
	const char *old, const char *wanted, const char *id, const char *what,
	struct err *err)
{
	const struct kv *kv = identity_space(req);
	const char *owner = NULL;
	int rc = identity_find_name(
		tx, kv, prefix, wanted, req->arena, &owner, err);

	if (rc == 0 && strcmp(owner, id) != 0)
		return err_set(err, ERR_EXISTS, 400,
			"%s name is already in use", what);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = 0;
	}
	if (rc == 0 && old != NULL)
		rc = identity_drop_name(tx, kv, prefix, old, req->arena, err);
	return rc != 0 ? rc
		       : identity_put_name(
				 tx, kv, prefix, wanted, id, req->arena, err);
}

/* The ids of the groups that a group is in, behind the others. */
static int
add_parents(struct store_tx *tx, struct req *req, const char *group_id,
	struct str_list *all, struct err *err)
{
	struct arena *scratch = arena_new(IDENTITY_RECORD_MEMORY);
	struct group group = { .parents = { .n = 0 } };
	int rc;

	if (scratch == NULL)
		return err_set_memory(err);
	rc = group_get(tx, identity_space(req), group_id, scratch, &group, err);
	for (size_t i = 0; rc == 0 && i < group.parents.n; i++) {
		const char *id =
			arena_strdup(req->arena, group.parents.items[i]);

		if (id == NULL || !str_list_add(req->arena, all, id))
			rc = err_set_memory(err);
	}
	arena_free(&scratch);
	return rc;
}

int
identity_ancestors(struct store_tx *tx, struct req *req,
	const struct str_list *ids, struct str_list *ret_above, struct err *err)
{
	struct str_list all = *ids;

	for (size_t i = 0; i < all.n; i++) {
		int rc = add_parents(tx, req, all.items[i], &all, err);

		if (rc != 0)
			return rc;
		if (all.n > ids->n + IDENTITY_WALK_MAX)
			return err_set(err, ERR_LIMIT, 400,
				"groups are nested too deeply");
	}
	*ret_above = (struct str_list){ all.items + ids->n, all.n - ids->n };
	return 0;
}

/* ---- what is shown ---------------------------------------------------- */

static struct value *
time_value(struct arena *arena, int64_t ns)
{
	char text[CLOCK_TEXT_MAX];

	clock_format_ns(ns, text);
	return value_string(arena, text);
}

struct value *
identity_alias_value(
	struct req *req, const struct alias *alias, const char *entity_id)
{
	struct arena *arena = req->arena;
	struct place place = { .accessor = alias->accessor,
		.arena = arena,
		.type = "",
		.path = "" };
	struct value *object = value_object(arena);
	bool ok;

	(void)mounts_each(req->server->mounts, look_at_mount, &place, NULL);
	ok = place.path != NULL &&
		value_set_str(arena, object, "id", alias->id) &&
		value_set_str(arena, object, "canonical_id", entity_id) &&
		value_set_str(
			arena, object, "mount_accessor", alias->accessor) &&
		value_set_str(arena, object, "mount_type", place.type) &&
		value_set_str(arena, object, "mount_path", place.path) &&
		value_set_str(arena, object, "name", alias->name) &&
		value_set(arena, object, "metadata",
			reply_map(arena, &alias->metadata)) &&
		value_set(arena, object, "creation_time",
			time_value(arena, alias->created_ns)) &&
		value_set(arena, object, "last_update_time",
			time_value(arena, alias->updated_ns)) &&
		value_set(arena, object, "merged_from_canonical_ids",
			value_null(arena)) &&
		value_set_bool(arena, object, "local", false) &&
		value_set_str(arena, object, "namespace_id", "root");
	return ok ? object : NULL;
}

/* ---- lists ------------------------------------------------------------ */

struct page {
	struct req *req;
	struct store_tx *tx;
	const char *prefix;
	identity_info_fn *info;
	const char *after;
	size_t limit, n;
	struct value *names, *infos;
};

/* Names are shown as they were written; their records are lower case. */
static int
add_entry(void *ctx, const char *name, const struct value *record,
	struct err *err)
{
	struct page *page = ctx;
	struct arena *arena = page->req->arena;
	struct value *info = value_object(arena);
	int rc;

	page->n++;
	page->after = name;
	if (!value_add(page->names,
		    value_string(arena,
			    page->info == NULL
				    ? value_find_str(record, "name", name)
				    : name)))
		return err_set_memory(err);
	if (page->info == NULL)
		return 0;
	rc = page->info(page->tx, page->req, name, record, info, err);
	if (rc == 0 && !value_append(arena, page->infos, name, info))
		rc = err_set_memory(err);
	return rc;
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct page *page = ctx;
	struct arena *records = arena_new(PAGE_MEMORY);
	int rc;

	if (records == NULL)
		return err_set_memory(err);
	page->tx = tx;
	page->n = 0;
	rc = kv_scan(tx, identity_space(page->req), page->prefix, page->after,
		page->limit, records, add_entry, page, err);
	page->after = arena_strdup(page->req->arena, page->after);
	if (rc == 0 && page->after == NULL)
		rc = err_set_memory(err);
	arena_free(&records);
	return rc;
}

int
identity_list(struct req *req, struct reply *reply, const char *prefix,
	identity_info_fn *info, struct err *err)
{
	const struct op_list_in *in = req->in;
	int64_t left = in->limit > 0 ? in->limit : INT64_MAX;
	struct page page = {
		.req = req,
		.prefix = prefix,
		.info = info,
		.after = arena_strlower(req->arena, in->after),
		.names = value_list(req->arena),
		.infos = value_object(req->arena),
	};
	int rc = 0;

	if (page.after == NULL || page.names == NULL || page.infos == NULL)
		return err_set_memory(err);
	do {
		page.limit = left < PAGE_ROWS ? (size_t)left : PAGE_ROWS;
		rc = req_read(req, read_page, &page, err);
		left -= (int64_t)page.n;
	} while (rc == 0 && page.n == PAGE_ROWS && left > 0);
	if (rc != 0)
		return rc;
	reply_keys(reply, page.names);
	if (info != NULL && page.names->n > 0)
		reply_value(reply, "key_info", page.infos);
	return 0;
}

/* ---- the mount type --------------------------------------------------- */

static const struct op *const identity_tables[] = { identity_entity_ops,
	identity_alias_ops, identity_group_ops, identity_group_alias_ops,
	NULL };

const struct mount_type identity_mount_type = {
	.name = "identity",
	.description =
		"The identity store knows who logs in: an entity for each person or machine,\n"
		"the names under which auth methods know it, and groups of them. Policies of\n"
		"an entity and of its groups count at each request of its tokens.",
	.builtin = true,
	.tables = identity_tables,
};
