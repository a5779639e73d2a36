/* internal/: what command lines and generators ask before they start. */
#include <string.h>

#include "server/api/help.h"
#include "server/api/reply.h"
#include "server/sys/mount_value.h"
#include "server/sys/tables.h"

#define MOUNTS_MAX 256

struct ui_ctx {
	struct req *req;
	struct value *auth, *secret;
};

static int
add_visible(void *ctx, const struct mount *mount, struct err *err)
{
	struct ui_ctx *ui = ctx;
	struct arena *arena = ui->req->arena;
	const bool auth = mount->type->is_auth;
	const char *path = mount->path + (auth ? strlen("auth/") : 0);
	struct value *entry = NULL;

	if (ui->req->token != NULL) {
		if (!acl_has_any_below(&ui->req->acl, mount->path))
			return 0;
		entry = mount_value(arena, mount);
	} else {
		if (strcmp(mount->listing_visibility, "unauth") != 0)
			return 0;
		entry = mount_value_public(arena, mount);
	}
	return value_set(arena, auth ? ui->auth : ui->secret, path, entry)
		? 0
		: err_set_memory(err);
}

static int
list_ui_mounts(struct req *req, struct reply *reply, struct err *err)
{
	struct ui_ctx ui = { .req = req,
		.auth = value_object(req->arena),
		.secret = value_object(req->arena) };
	int rc = mounts_each(req->server->mounts, add_visible, &ui, err);

	if (rc != 0)
		return rc;
	reply_value(reply, "auth", ui.auth);
	reply_value(reply, "secret", ui.secret);
	return 0;
}

/* The same refusal for no right and no mount: it says nothing of either. */
static int
read_ui_mount(struct req *req, struct reply *reply, struct err *err)
{
	const char *path = req_capture(req, "path");
	char *below = arena_printf(req->arena, "%s/", path);
	struct mount *mount;
	int rc = 0;

	if (req->token == NULL)
		return err_set(err, ERR_INPUT, 400, "missing client token");
	if (below == NULL)
		return err_set_memory(err);
	mount = mounts_find(req->server->mounts, below);
	if (mount != NULL && acl_has_any_below(&req->acl, mount->path)) {
		reply->data = mount_value(req->arena, mount);
		reply_str(reply, "path",
			mount->path +
				(mount->type->is_auth ? strlen("auth/") : 0));
	} else {
		rc = err_set(err, ERR_DENIED, 403,
			"preflight capability check returned 403, please ensure client's policies grant access to path \"%.64s/\"",
			path);
	}
	mount_unref(req->server->mounts, &mount);
	return rc;
}

struct openapi_ctx {
	struct req *req;
	struct openapi_mount *mounts;
	size_t n;
};

static int
add_openapi_mount(void *ctx, const struct mount *mount, struct err *err)
{
	struct openapi_ctx *openapi = ctx;
	const struct req *req = openapi->req;
	char *path;

	if (openapi->n == MOUNTS_MAX || req->token == NULL ||
		!acl_has_any_below(&req->acl, mount->path))
		return 0;
	path = arena_strdup(req->arena, mount->path);
	if (path == NULL)
		return err_set_memory(err);
	openapi->mounts[openapi->n++] =
		(struct openapi_mount){ path, mount->type };
	return 0;
}

static int
read_openapi(struct req *req, struct reply *reply, struct err *err)
{
	struct openapi_ctx openapi = { .req = req };
	int rc;

	openapi.mounts =
		ARENA_ARRAY(req->arena, struct openapi_mount, MOUNTS_MAX);
	if (openapi.mounts == NULL)
		return err_set_memory(err);
	rc = mounts_each(req->server->mounts, add_openapi_mount, &openapi, err);
	if (rc != 0)
		return rc;
	reply->data = openapi_document(req->arena, openapi.mounts, openapi.n);
	return reply->data != NULL ? 0 : err_set_memory(err);
}

const struct op sys_internal_ops[] = {
	{
		.path = "internal/ui/mounts",
		.verb = OP_READ,
		.flags = OP_UNAUTHENTICATED,
		.handler = list_ui_mounts,
		.summary = "List the mounts that the caller may see.",
	},
	{
		.path = "internal/ui/mounts/:path",
		.verb = OP_READ,
		.flags = OP_UNAUTHENTICATED | OP_REST,
		.handler = read_ui_mount,
		.summary = "Tell which mount a path lies in.",
		.errors = { { 403, "no right below it, or no such mount" } },
	},
	{
		.path = "internal/specs/openapi",
		.verb = OP_READ,
		.flags = OP_UNAUTHENTICATED | OP_BARE,
		.handler = read_openapi,
		.summary = "The OpenAPI document of what the caller may see.",
	},
	{
		.path = "internal/specs/openapi",
		.verb = OP_UPDATE,
		.flags = OP_UNAUTHENTICATED | OP_BARE,
		.handler = read_openapi,
		.summary = "The OpenAPI document of what the caller may see.",
	},
	OP_END,
};
