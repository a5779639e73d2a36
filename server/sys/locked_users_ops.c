/* locked-users: names that too many logins failed for, and unlocking them. */
#include <string.h>

#include "server/api/lockout.h"
#include "server/api/reply.h"
#include "server/sys/tables.h"

struct locked_in {
	const char *mount_accessor;
};

static const struct field locked_fields[] = {
	FIELD_STR(struct locked_in, mount_accessor, .len_max = 256,
		.doc = "Of this auth method alone; all if left out."),
	FIELD_END,
};

/* An auth mount and the names that are locked in it. */
struct place {
	const char *uuid, *accessor;
	struct value *names;
	int64_t n;
	struct place *next;
};

/* The auth mounts, or the one of an accessor. */
struct search {
	struct arena *arena;
	const char *accessor; /* "": every one */
	struct place *first, **end;
	int64_t total;
};

static int
add_place(void *ctx, const struct mount *mount, struct err *err)
{
	struct search *search = ctx;
	struct place *place;

	if (!mount->type->is_auth ||
		(search->accessor[0] != '\0' &&
			strcmp(mount->accessor, search->accessor) != 0))
		return 0;
	place = ARENA_NEW(search->arena, struct place);
	if (place == NULL)
		return err_set_memory(err);
	place->uuid = arena_strdup(search->arena, mount->uuid);
	place->accessor = arena_strdup(search->arena, mount->accessor);
	place->names = value_list(search->arena);
	if (place->uuid == NULL || place->accessor == NULL ||
		place->names == NULL)
		return err_set_memory(err);
	*search->end = place;
	search->end = &place->next;
	return 0;
}

static int
find_places(struct req *req, const char *accessor, struct search *search,
	struct err *err)
{
	int rc;

	*search = (struct search){ .arena = req->arena, .accessor = accessor };
	search->end = &search->first;
	rc = mounts_each(req->server->mounts, add_place, search, err);
	if (rc == 0 && search->first == NULL)
		rc = err_set(err, ERR_INPUT, 400,
			"invalid mount accessor \"%.64s\"", accessor);
	return rc;
}

static int
add_name(void *ctx, const char *mount, const char *name, struct err *err)
{
	struct search *search = ctx;
	struct place *place = search->first;

	while (place != NULL && strcmp(place->uuid, mount) != 0)
		place = place->next;
	if (place == NULL)
		return 0;
	place->n++;
	search->total++;
	/* One that is too long to be kept counts and is not named. */
	if (name[0] == '\0')
		return 0;
	name = arena_strdup(search->arena, name);
	if (name == NULL ||
		!value_add(place->names, value_string(search->arena, name)))
		return err_set_memory(err);
	return 0;
}

static struct value *
places_value(const struct search *search)
{
	struct arena *arena = search->arena;
	struct value *list = value_list(arena);

	for (const struct place *place = search->first; place != NULL;
		place = place->next) {
		struct value *one = value_object(arena);

		if (place->n == 0)
			continue;
		if (!value_set_str(
			    arena, one, "mount_accessor", place->accessor) ||
			!value_set_int(arena, one, "counts", place->n) ||
			!value_set(arena, one, "alias_identifiers",
				place->names) ||
			!value_add(list, one))
			return NULL;
	}
	return list;
}

/* The one namespace that there is, where anybody is locked. */
static struct value *
namespaces_value(const struct search *search)
{
	struct arena *arena = search->arena;
	struct value *list = value_list(arena), *root = value_object(arena);

	if (search->total == 0)
		return list;
	return value_set_str(arena, root, "namespace_id", "root") &&
			value_set_str(arena, root, "namespace_path", "") &&
			value_set_int(arena, root, "counts", search->total) &&
			value_set(arena, root, "mount_accessors",
				places_value(search)) &&
			value_add(list, root)
		? list
		: NULL;
}

static int
list_locked(struct req *req, struct reply *reply, struct err *err)
{
	const struct locked_in *in = req->in;
	struct search search;
	int rc = find_places(req, in->mount_accessor, &search, err);

	if (rc == 0)
		rc = lockout_each(&lockout_logins, req_now_s(req), add_name,
			&search, err);
	if (rc != 0)
		return rc;
	reply_value(reply, "by_namespace", namespaces_value(&search));
	reply_int(reply, "total", search.total);
	return 0;
}

/* Methods that look names up in lower case count them so. */
static int
unlock(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	const char *name = req_capture(req, "alias_identifier");
	const char *lower = arena_strlower(req->arena, name);
	struct search search;
	int rc = find_places(
		req, req_capture(req, "mount_accessor"), &search, err);

	if (rc != 0)
		return rc;
	if (lower == NULL)
		return err_set_memory(err);
	lockout_forget(&lockout_logins, search.first->uuid, name);
	lockout_forget(&lockout_logins, search.first->uuid, lower);
	return 0;
}

const struct op sys_locked_users_ops[] = {
	{
		.path = "locked-users",
		.verb = OP_READ,
		.in_size = sizeof(struct locked_in),
		.fields = locked_fields,
		.handler = list_locked,
		.summary = "List names whose logins are refused for a while.",
		.text = "They failed five times in a row; each server counts for itself.",
		.errors = { { 400, "no such auth method" } },
	},
	{
		.path = "locked-users/:mount_accessor/unlock/:alias_identifier",
		.verb = OP_UPDATE,
		.flags = OP_REST,
		.handler = unlock,
		.summary = "Let a name's logins be tried again.",
		.text = "A user's name, or an approle's role id. One that is not locked is fine.",
		.errors = { { 400, "no such auth method" } },
	},
	OP_END,
};
