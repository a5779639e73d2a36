/*
 * A mount and its record ("mounts/<uuid>" of sys/'s key space): one table of
 * members drives both directions.
 */
#include "server/core/mount_table.h"

#include <stdio.h>
#include <string.h>

enum member_type { MEMBER_STR, MEMBER_BOOL, MEMBER_INT, MEMBER_VALUE };

#define MEMBER(kind, member)                                                   \
	{                                                                      \
#member, kind, offsetof(struct mount, member)                  \
	}

/* Members that a record and a struct mount have in common. */
static const struct member {
	const char *name;
	enum member_type type;
	size_t offset;
} members[] = {
	MEMBER(MEMBER_STR, path),
	MEMBER(MEMBER_STR, description),
	MEMBER(MEMBER_STR, listing_visibility),
	MEMBER(MEMBER_STR, token_type),
	MEMBER(MEMBER_BOOL, local),
	MEMBER(MEMBER_BOOL, seal_wrap),
	MEMBER(MEMBER_BOOL, external_entropy_access),
	MEMBER(MEMBER_BOOL, force_no_cache),
	MEMBER(MEMBER_INT, default_lease_ttl_s),
	MEMBER(MEMBER_INT, max_lease_ttl_s),
	MEMBER(MEMBER_VALUE, options),
	MEMBER(MEMBER_VALUE, audit_non_hmac_request_keys),
	MEMBER(MEMBER_VALUE, audit_non_hmac_response_keys),
	MEMBER(MEMBER_VALUE, passthrough_request_headers),
	MEMBER(MEMBER_VALUE, allowed_response_headers),
};

static const void *
member_of(const struct mount *mount, const struct member *member)
{
	return (const uint8_t *)mount + member->offset;
}

bool
mount_record_set(struct arena *arena, struct value *record, const char *name,
	const struct value *value)
{
	return value == NULL || value->type == VALUE_NULL ||
		value_set(arena, record, name, value_copy(arena, value));
}

static bool
encode_member(struct arena *arena, const struct mount *mount,
	const struct member *member, struct value *record)
{
	const void *at = member_of(mount, member);

	switch (member->type) {
	case MEMBER_STR:
		return value_set_str(
			arena, record, member->name, *(char *const *)at);
	case MEMBER_BOOL:
		return value_set_bool(
			arena, record, member->name, *(const bool *)at);
	case MEMBER_INT:
		return value_set_int(
			arena, record, member->name, *(const int64_t *)at);
	case MEMBER_VALUE:
		return mount_record_set(arena, record, member->name,
			*(struct value *const *)at);
	}
	return false;
}

static bool
decode_member(const struct value *record, const struct member *member,
	struct mount *mount)
{
	uint8_t *at = (uint8_t *)mount + member->offset;
	const struct value *found = value_find(record, member->name);
	const void *copy = NULL;

	switch (member->type) {
	case MEMBER_STR:
		copy = arena_strdup(
			mount->arena, value_find_str(record, member->name, ""));
		memcpy(at, &copy, sizeof(copy));
		return copy != NULL;
	case MEMBER_BOOL:
		*(bool *)at = value_find_bool(record, member->name, false);
		return true;
	case MEMBER_INT:
		*(int64_t *)(void *)at =
			value_find_int(record, member->name, 0);
		return true;
	case MEMBER_VALUE:
		if (found != NULL && found->type != VALUE_NULL)
			copy = value_copy(mount->arena, found);
		memcpy(at, &copy, sizeof(copy));
		return copy != NULL || found == NULL ||
			found->type == VALUE_NULL;
	}
	return false;
}

struct value *
mount_encode(const struct mount *mount, struct arena *arena)
{
	struct value *record = value_object(arena);
	bool removing = mount->state == MOUNT_REMOVING;
	size_t i;
	bool ok = value_set_str(arena, record, "type", mount->type->name) &&
		value_set_str(arena, record, "accessor", mount->accessor) &&
		value_set_str(
			arena, record, "state", removing ? "removing" : "live");

	for (i = 0; i < ARRAY_LEN(members) && ok; i++)
		ok = encode_member(arena, mount, &members[i], record);
	return ok ? record : NULL;
}

static int
bad_record(const char *uuid, const char *why, struct err *err)
{
	err_set(err, ERR_STORAGE, 500, "internal error");
	return err_wrap(err, "mount record %s: %s", uuid, why);
}

static int
decode_into(const struct mounts *mounts, const char *uuid,
	const struct value *record, struct mount *mount, struct err *err)
{
	const char *accessor = value_find_str(record, "accessor", "");
	const char *state = value_find_str(record, "state", "live");
	size_t i;

	mount->type = mounts_type(mounts, value_find_str(record, "type", ""),
		mounts_is_auth(value_find_str(record, "path", "")));
	if (mount->type == NULL)
		return bad_record(uuid, "unknown type", err);
	if (strlen(uuid) >= sizeof(mount->uuid) ||
		strlen(accessor) >= sizeof(mount->accessor))
		return bad_record(uuid, "too long", err);
	memcpy(mount->uuid, uuid, strlen(uuid) + 1);
	memcpy(mount->accessor, accessor, strlen(accessor) + 1);
	mount->state =
		strcmp(state, "removing") == 0 ? MOUNT_REMOVING : MOUNT_LIVE;
	mount->kv = kv_of(uuid);
	for (i = 0; i < ARRAY_LEN(members); i++) {
		if (!decode_member(record, &members[i], mount))
			return err_set_memory(err);
	}
	if (mount->path[0] == '\0')
		return bad_record(uuid, "no path", err);
	return 0;
}

int
mount_decode(const struct mounts *mounts, const char *uuid,
	const struct value *record, struct mount **ret_mount, struct err *err)
{
	struct arena *arena = arena_new(MOUNT_MEMORY_MAX);
	struct mount *mount = NULL;
	int rc;

	if (arena != NULL)
		mount = ARENA_NEW(arena, struct mount);
	if (mount == NULL) {
		arena_free(&arena);
		return err_set_memory(err);
	}
	mount->arena = arena;
	mount->refs = 1;
	rc = decode_into(mounts, uuid, record, mount, err);
	if (rc != 0)
		arena_free(&arena);
	else
		*ret_mount = mount;
	return rc;
}

void
mount_record_name(const char *uuid, char out[MOUNT_RECORD_NAME_MAX])
{
	(void)snprintf(out, MOUNT_RECORD_NAME_MAX, "mounts/%s", uuid);
}
