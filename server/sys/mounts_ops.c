/* mounts, auth, remount: which engine lies where. */
#include <string.h>

#include "lib/duration.h"
#include "server/api/bind.h"
#include "server/api/reply.h"
#include "server/sys/mount_value.h"
#include "server/sys/tables.h"

#define AUTH "auth/"
#define NAMES_LEN_MAX 16384

struct mount_in {
	const char *type, *description, *plugin_name;
	const struct value *config, *options;
	bool local, seal_wrap, external_entropy_access;
};

static const struct field mount_fields[] = {
	FIELD_STR(struct mount_in, type, .len_max = 64,
		.doc = "Kind of engine or auth method: \"ssh\", \"userpass\"."),
	FIELD_STR(struct mount_in, description, .len_max = 1024,
		.doc = "A text for people."),
	FIELD_OBJECT(struct mount_in, config,
		.doc = "default_lease_ttl, max_lease_ttl, listing_visibility and the like."),
	FIELD_OBJECT(struct mount_in, options, .doc = "Options of the engine."),
	FIELD_BOOL(struct mount_in, local, .doc = "Shown again in lists."),
	FIELD_BOOL(struct mount_in, seal_wrap, .doc = "Shown again in lists."),
	FIELD_BOOL(struct mount_in, external_entropy_access,
		.doc = "Shown again in lists."),
	FIELD_STR(struct mount_in, plugin_name, .len_max = 64,
		.flags = FIELD_HIDDEN, .doc = "Ignored."),
	FIELD_END,
};

struct remount_in {
	const char *from, *to;
};

static const struct field remount_fields[] = {
	FIELD_STR(struct remount_in, from, .len_max = 512,
		.doc = "Path of the mount."),
	FIELD_STR(
		struct remount_in, to, .len_max = 512, .doc = "Its new path."),
	FIELD_END,
};

/* ---- reading ---------------------------------------------------------- */

struct list_ctx {
	struct reply *reply;
	bool auth;
};

static int
add_mount(void *ctx, const struct mount *mount, struct err *err)
{
	const struct list_ctx *list = ctx;
	const size_t skip = list->auth ? strlen("auth/") : 0;

	(void)err;
	if (mount->type->is_auth == list->auth)
		reply_value(list->reply, mount->path + skip,
			mount_value(list->reply->req->arena, mount));
	return 0;
}

static int
list_secret_mounts(struct req *req, struct reply *reply, struct err *err)
{
	struct list_ctx list = { reply, false };

	return mounts_each(req->server->mounts, add_mount, &list, err);
}

static int
list_auth_mounts(struct req *req, struct reply *reply, struct err *err)
{
	struct list_ctx list = { reply, true };

	return mounts_each(req->server->mounts, add_mount, &list, err);
}

/* sys/auth/… names a mount without the "auth/" that its path begins with. */
static const char *
prefix_of(const struct req *req)
{
	return strncmp(req->op->path, AUTH, strlen(AUTH)) == 0 ? AUTH : "";
}

/* The whole path of the mount, with the one trailing slash that mounts have. */
static char *
mount_path(const struct req *req)
{
	const char *path = req_capture(req, "path");
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		len--;
	return arena_printf(
		req->arena, "%s%.*s/", prefix_of(req), (int)len, path);
}

/* The mount at exactly this path, held, or NULL. */
static struct mount *
find_mount(struct req *req, const char *path)
{
	struct mount *mount = mounts_find(req->server->mounts, path);

	if (mount != NULL && strcmp(mount->path, path) != 0)
		mount_unref(req->server->mounts, &mount);
	return mount;
}

/* Terraform's provider takes these texts for "gone". */
static int
read_mount(struct req *req, struct reply *reply, struct err *err)
{
	const char *path = mount_path(req), *prefix = prefix_of(req);
	struct mount *mount = NULL;

	if (path == NULL)
		return err_set_memory(err);
	mount = find_mount(req, path);
	if (mount == NULL)
		return err_set(err, ERR_INPUT, 400, "No %s at %.64s",
			prefix[0] != '\0' ? "auth engine"
					  : "secret engine mount",
			path + strlen(prefix));
	reply->data = mount_value(req->arena, mount);
	mount_unref(req->server->mounts, &mount);
	return reply->data != NULL ? 0 : err_set_memory(err);
}

static int
read_tune(struct req *req, struct reply *reply, struct err *err)
{
	const char *path = mount_path(req);
	struct mount *mount = NULL;

	if (path == NULL)
		return err_set_memory(err);
	mount = find_mount(req, path);
	if (mount == NULL)
		return err_set(err, ERR_INPUT, 400,
			"cannot fetch sysview for path \"%.64s\"", path);
	reply_int(reply, "default_lease_ttl",
		mount_default_ttl_s(req->server, mount));
	reply_int(reply, "max_lease_ttl", mount_max_ttl_s(req->server, mount));
	reply_str(reply, "description", mount->description);
	reply_bool(reply, "force_no_cache", mount->force_no_cache);
	if (mount->options != NULL)
		reply_value(reply, "options",
			value_copy(req->arena, mount->options));
	if (mount->type->is_auth)
		reply_str(reply, "token_type", mount_value_token_type(mount));
	mount_value_extras(req->arena, reply->data, mount);
	mount_unref(req->server->mounts, &mount);
	return 0;
}

/* ---- writing ---------------------------------------------------------- */

/* A TTL as clients send it: number or text; "", "0s" and "system" are 0. */
static int
parse_ttl(const struct value *config, const char *name, const char *what,
	int64_t *ret_s, struct err *err)
{
	const struct value *value = value_find(config, name);
	struct err ignored = { 0 };
	struct span text;

	if (value == NULL || value->type == VALUE_NULL)
		return 0;
	text = value_text(value);
	if (span_equal(text, span_str("system"))) {
		*ret_s = 0;
		return 0;
	}
	if ((value->type == VALUE_STRING || value->type == VALUE_NUMBER) &&
		duration_parse_s(text, ret_s, &ignored) == 0 && *ret_s >= 0)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"unable to parse %s TTL of %.*s: must be seconds or a duration such as \"1h\"",
		what, (int)(text.len > 64 ? 64 : text.len),
		(const char *)text.data);
}

/*
 * A list of names, sent as one or as a text with commas; what is not given
 * leaves *ret_list as it is.
 */
static int
parse_names(const struct value *config, const char *name, struct arena *arena,
	const struct value **ret_list, struct err *err)
{
	const struct field field = {
		.name = name, .type = FIELD_TYPE_LIST, .len_max = NAMES_LEN_MAX
	};
	const struct value *sent = value_find(config, name);
	struct str_list names = { 0 };
	int rc;

	if (sent == NULL || sent->type == VALUE_NULL ||
		(sent->type == VALUE_STRING && sent->len == 0))
		return 0;
	rc = bind_value(&field, sent, BIND_WEAK, arena, &names, err);
	if (rc != 0)
		return rc;
	*ret_list = value_of_list(arena, &names);
	return *ret_list == NULL ? err_set_memory(err) : 0;
}

/* The settings that mounting and tuning share. */
static int
parse_config(const struct value *config, struct arena *arena,
	struct mount_wanted *wanted, struct err *err)
{
	const struct {
		const char *name;
		const struct value **list;
	} lists[] = {
		{ "audit_non_hmac_request_keys",
			&wanted->audit_non_hmac_request_keys },
		{ "audit_non_hmac_response_keys",
			&wanted->audit_non_hmac_response_keys },
		{ "passthrough_request_headers",
			&wanted->passthrough_request_headers },
		{ "allowed_response_headers",
			&wanted->allowed_response_headers },
	};

	int rc = parse_ttl(config, "default_lease_ttl", "default",
		&wanted->default_lease_ttl_s, err);

	if (rc == 0)
		rc = parse_ttl(config, "max_lease_ttl", "max",
			&wanted->max_lease_ttl_s, err);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(lists); i++)
		rc = parse_names(
			config, lists[i].name, arena, lists[i].list, err);
	if (rc != 0)
		return rc;
	wanted->force_no_cache =
		value_find_bool(config, "force_no_cache", false);
	wanted->listing_visibility =
		value_find_str(config, "listing_visibility", NULL);
	wanted->token_type = value_find_str(config, "token_type", NULL);
	if (wanted->token_type != NULL && wanted->token_type[0] == '\0')
		wanted->token_type = NULL;
	return 0;
}

/* None at all shows as {} later, and the null that was sent as null. */
static const struct value *
wanted_options(const struct req *req, const struct mount_in *in)
{
	const struct value *sent = value_find(req->data, "options");

	return sent != NULL && sent->type == VALUE_NULL ? sent : in->options;
}

static int
write_mount(struct req *req, struct reply *reply, struct err *err)
{
	const struct mount_in *in = req->in;
	struct mount_wanted wanted = { .path = req_capture(req, "path"),
		.is_auth = prefix_of(req)[0] != '\0',
		.type = in->type,
		.description = in->description,
		.local = in->local,
		.seal_wrap = in->seal_wrap,
		.external_entropy_access = in->external_entropy_access,
		.options = wanted_options(req, in) };
	int rc;

	(void)reply;
	if (in->type[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"backend type must be specified as a string");
	rc = parse_config(in->config, req->arena, &wanted, err);
	if (rc == 0)
		rc = req_announce(req, err);
	return rc != 0 ? rc : mounts_add(req->server->mounts, &wanted, err);
}

static int
delete_mount(struct req *req, struct reply *reply, struct err *err)
{
	const char *path = mount_path(req);
	int rc;

	(void)reply;
	if (path == NULL)
		return err_set_memory(err);
	rc = req_announce(req, err);
	return rc != 0 ? rc : mounts_remove(req->server->mounts, path, err);
}

static int
delete_auth_mount(struct req *req, struct reply *reply, struct err *err)
{
	const char *path = mount_path(req);

	if (path != NULL && strcmp(path, MOUNT_TOKENS) == 0)
		return err_set(err, ERR_INPUT, 400,
			"token credential backend cannot be disabled");
	return delete_mount(req, reply, err);
}

/* "" leaves a TTL as it is; only "system" resets it (spec/cli.md 3.8). */
static void
keep_empty_ttl(const struct value *data, const char *name, int64_t *ttl_s)
{
	const struct value *value = value_find(data, name);

	if (value == NULL || value->type == VALUE_NULL ||
		(value->type == VALUE_STRING && value->len == 0))
		*ttl_s = -1;
}

static int
write_tune(struct req *req, struct reply *reply, struct err *err)
{
	const char *path = mount_path(req);
	struct mount_wanted changes = { .path = path };
	int rc;

	(void)reply;
	if (path == NULL)
		return err_set_memory(err);
	rc = parse_config(req->data, req->arena, &changes, err);
	if (rc != 0)
		return rc;
	keep_empty_ttl(
		req->data, "default_lease_ttl", &changes.default_lease_ttl_s);
	keep_empty_ttl(req->data, "max_lease_ttl", &changes.max_lease_ttl_s);
	changes.description = value_find_str(req->data, "description", NULL);
	changes.options = value_find(req->data, "options");
	if (changes.options != NULL && changes.options->type != VALUE_OBJECT)
		changes.options = NULL;
	rc = req_announce(req, err);
	return rc != 0 ? rc
		       : mounts_tune(req->server->mounts, path, &changes, err);
}

static int
write_remount(struct req *req, struct reply *reply, struct err *err)
{
	const struct remount_in *in = req->in;
	int rc;

	(void)reply;
	if (in->from[0] == '\0' || in->to[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"both 'from' and 'to' path must be specified as a string");
	rc = req_announce(req, err);
	return rc != 0
		? rc
		: mounts_move(req->server->mounts, in->from, in->to, err);
}

/* What tune takes; read from the data as sent, since absent is not empty. */
struct tune_in {
	const char *default_lease_ttl, *max_lease_ttl;
	const char *description, *listing_visibility, *token_type;
	struct str_list audit_non_hmac_request_keys,
		audit_non_hmac_response_keys, passthrough_request_headers,
		allowed_response_headers;
};

static const struct field tune_fields[] = {
	FIELD_STR(struct tune_in, default_lease_ttl,
		.doc = "Lifetime of leases that ask for none; \"system\" resets it."),
	FIELD_STR(struct tune_in, max_lease_ttl,
		.doc = "Longest lifetime of leases; \"system\" resets it."),
	FIELD_STR(struct tune_in, description, .doc = "A text for people."),
	FIELD_STR(struct tune_in, listing_visibility,
		.doc = "\"\", \"hidden\" or \"unauth\"."),
	FIELD_STR(struct tune_in, token_type,
		.doc = "Of an auth method: \"default-service\" or \"service\"."),
	FIELD_LIST(struct tune_in, audit_non_hmac_request_keys,
		.len_max = NAMES_LEN_MAX,
		.doc = "Names whose values stay clear in audit lines of requests."),
	FIELD_LIST(struct tune_in, audit_non_hmac_response_keys,
		.len_max = NAMES_LEN_MAX,
		.doc = "Names whose values stay clear in audit lines of answers."),
	FIELD_LIST(struct tune_in, passthrough_request_headers,
		.len_max = NAMES_LEN_MAX, .doc = "Shown again in lists."),
	FIELD_LIST(struct tune_in, allowed_response_headers,
		.len_max = NAMES_LEN_MAX, .doc = "Shown again in lists."),
	FIELD_END,
};

const struct op sys_mounts_ops[] = {
	{
		.path = "mounts",
		.verb = OP_READ,
		.flags = OP_DOUBLED,
		.handler = list_secret_mounts,
		.summary = "List the mounts of secrets engines.",
	},
	{
		.path = "mounts/:path",
		.verb = OP_READ,
		.flags = OP_DOUBLED | OP_REST,
		.handler = read_mount,
		.summary = "Read one mount.",
		.errors = { { 400, "no such mount" } },
	},
	{
		.path = "mounts/:path",
		.verb = OP_UPDATE,
		.flags = OP_DOUBLED | OP_REST,
		.in_size = sizeof(struct mount_in),
		.fields = mount_fields,
		.handler = write_mount,
		.summary = "Mount a secrets engine at a path.",
		.errors = { { 400, "in use, unknown type, or reserved path" } },
	},
	{
		.path = "mounts/:path",
		.verb = OP_DELETE,
		.flags = OP_DOUBLED | OP_REST,
		.handler = delete_mount,
		.summary =
			"Unmount: its leases are revoked, its records deleted.",
		.errors = { { 400, "a mount that is always there" } },
	},
	{
		.path = "mounts/:path/tune",
		.verb = OP_READ,
		.flags = OP_DOUBLED | OP_REST,
		.handler = read_tune,
		.summary = "Read a mount's settings in force.",
		.errors = { { 400, "no such mount" } },
	},
	{
		.path = "mounts/:path/tune",
		.verb = OP_UPDATE,
		.flags = OP_DOUBLED | OP_REST,
		.in_size = sizeof(struct tune_in),
		.fields = tune_fields,
		.handler = write_tune,
		.summary = "Change a mount's settings.",
		.text = "What is left out stays as it is.",
		.errors = { { 400, "no such mount, or an impossible value" } },
	},
	{
		.path = "auth",
		.verb = OP_READ,
		.flags = OP_DOUBLED,
		.handler = list_auth_mounts,
		.summary = "List the mounts of auth methods.",
	},
	{
		.path = "auth/:path",
		.verb = OP_READ,
		.flags = OP_SUDO | OP_DOUBLED | OP_REST,
		.handler = read_mount,
		.summary = "Read the mount of an auth method.",
		.errors = { { 400, "no such mount" } },
	},
	{
		.path = "auth/:path",
		.verb = OP_UPDATE,
		.flags = OP_SUDO | OP_DOUBLED | OP_REST,
		.in_size = sizeof(struct mount_in),
		.fields = mount_fields,
		.handler = write_mount,
		.summary = "Enable an auth method at a path below auth/.",
		.errors = { { 400, "in use, unknown type, or reserved path" } },
	},
	{
		.path = "auth/:path",
		.verb = OP_DELETE,
		.flags = OP_SUDO | OP_DOUBLED | OP_REST,
		.handler = delete_auth_mount,
		.summary = "Disable an auth method: its tokens are revoked.",
		.errors = { { 400, "the token store" } },
	},
	{
		.path = "auth/:path/tune",
		.verb = OP_READ,
		.flags = OP_SUDO | OP_DOUBLED | OP_REST,
		.handler = read_tune,
		.summary = "Read an auth method's settings in force.",
		.errors = { { 400, "no such mount" } },
	},
	{
		.path = "auth/:path/tune",
		.verb = OP_UPDATE,
		.flags = OP_SUDO | OP_DOUBLED | OP_REST,
		.in_size = sizeof(struct tune_in),
		.fields = tune_fields,
		.handler = write_tune,
		.summary = "Change an auth method's settings.",
		.text = "What is left out stays as it is.",
		.errors = { { 400, "no such mount, or an impossible value" } },
	},
	{
		.path = "remount",
		.verb = OP_UPDATE,
		.flags = OP_SUDO | OP_DOUBLED,
		.in_size = sizeof(struct remount_in),
		.fields = remount_fields,
		.handler = write_remount,
		.summary = "Move a mount; leases under it are revoked.",
		.errors = { { 400,
			"no such mount, or the new path is taken" } },
	},
	OP_END,
};
