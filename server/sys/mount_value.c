/* One printer of mounts for every endpoint that shows them. */
#include "server/sys/mount_value.h"

void
mount_value_extras(
	struct arena *arena, struct value *object, const struct mount *mount)
{
	const struct {
		const char *name;
		const struct value *list;
	} lists[] = {
		{ "audit_non_hmac_request_keys",
			mount->audit_non_hmac_request_keys },
		{ "audit_non_hmac_response_keys",
			mount->audit_non_hmac_response_keys },
		{ "passthrough_request_headers",
			mount->passthrough_request_headers },
		{ "allowed_response_headers", mount->allowed_response_headers },
	};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (lists[i].list != NULL)
			(void)value_set(arena, object, lists[i].name,
				value_copy(arena, lists[i].list));
	}
	if (mount->listing_visibility != NULL &&
		mount->listing_visibility[0] != '\0')
		(void)value_set_str(arena, object, "listing_visibility",
			mount->listing_visibility);
}

const char *
mount_value_token_type(const struct mount *mount)
{
	return mount->token_type[0] != '\0' ? mount->token_type
					    : "default-service";
}

static struct value *
config_value(struct arena *arena, const struct mount *mount)
{
	struct value *config = value_object(arena);

	if (!value_set_int(arena, config, "default_lease_ttl",
		    mount->default_lease_ttl_s) ||
		!value_set_int(arena, config, "max_lease_ttl",
			mount->max_lease_ttl_s) ||
		!value_set_bool(
			arena, config, "force_no_cache", mount->force_no_cache))
		return NULL;
	if (mount->type->is_auth &&
		!value_set_str(arena, config, "token_type",
			mount_value_token_type(mount)))
		return NULL;
	mount_value_extras(arena, config, mount);
	return config;
}

struct value *
mount_value_public(struct arena *arena, const struct mount *mount)
{
	struct value *entry = value_object(arena);
	struct value *options = mount->options == NULL
		? value_null(arena)
		: value_copy(arena, mount->options);

	if (!value_set_str(arena, entry, "type", mount->type->name) ||
		!value_set_str(
			arena, entry, "description", mount->description) ||
		!value_set(arena, entry, "options", options))
		return NULL;
	return entry;
}

struct value *
mount_value(struct arena *arena, const struct mount *mount)
{
	struct value *entry = mount_value_public(arena, mount);

	if (!value_set_str(arena, entry, "accessor", mount->accessor) ||
		!value_set_str(arena, entry, "uuid", mount->uuid) ||
		!value_set_bool(arena, entry, "local", mount->local) ||
		!value_set_bool(arena, entry, "seal_wrap", mount->seal_wrap) ||
		!value_set_bool(arena, entry, "external_entropy_access",
			mount->external_entropy_access) ||
		!value_set(arena, entry, "config", config_value(arena, mount)))
		return NULL;
	return entry;
}
