/* profiles, profiles/:profile: which kinds of targets there are. */
#include "server/engines/ssh/profiles/profile.h"
#include "server/engines/ssh/targets/tables.h"

/* A list takes a page of names where it names no fields: these are few. */
static const struct field no_fields[] = { FIELD_END };

static struct value *
info_of(struct arena *arena, const struct profile *profile)
{
	struct value *info = value_object(arena);

	return value_set_str(arena, info, "doc", profile->doc) &&
			value_set_bool(arena, info, "speaks_rest",
				profile->speaks_rest) &&
			value_set_bool(arena, info, "knows_expiry",
				profile->knows_expiry)
		? info
		: NULL;
}

static int
list_profiles(struct req *req, struct reply *reply, struct err *err)
{
	struct arena *arena = req->arena;
	struct value *names = value_list(arena), *infos = value_object(arena);

	for (size_t i = 0; profiles[i] != NULL; i++) {
		if (!value_add(names, value_string(arena, profiles[i]->name)) ||
			!value_set(arena, infos, profiles[i]->name,
				info_of(arena, profiles[i])))
			return err_set_memory(err);
	}
	reply_keys(reply, names);
	reply_value(reply, "key_info", infos);
	return 0;
}

static int
read_profile(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = req_capture(req, "profile");
	const struct profile *profile = profile_find(name);

	if (profile == NULL)
		return err_set(err, ERR_ABSENT, 404,
			"profile \"%.64s\" not found", name);
	reply_str(reply, "name", profile->name);
	reply_str(reply, "doc", profile->doc);
	reply_bool(reply, "speaks_rest", profile->speaks_rest);
	reply_bool(reply, "knows_expiry", profile->knows_expiry);
	reply_str(reply, "instructions",
		profile->instructions != NULL ? profile->instructions : "");
	return 0;
}

const struct op ssh_profile_ops[] = {
	{
		.path = "profiles",
		.verb = OP_LIST,
		.in_size = sizeof(struct op_list_in),
		.fields = no_fields,
		.handler = list_profiles,
		.summary = "List the kinds of targets that take keys.",
	},
	{
		.path = "profiles/:profile",
		.verb = OP_READ,
		.handler = read_profile,
		.summary = "Read how a machine is made ready for a profile.",
		.text = "instructions is text for people.",
		.errors = { { 404, "there is no such profile" } },
	},
	OP_END,
};
