/* Method, route, seal and headers of a request. */
#include "server/api/admit.h"

#include <string.h>

#include "lib/duration.h"
#include "lib/number.h"
#include "server/api/route.h"
#include "server/core/seal.h"

static const struct method {
	const char *name;
	enum op_verb verb;
	bool is_help, is_header;
} methods[] = {
	{ "GET", OP_READ, false, false },
	{ "LIST", OP_LIST, false, false },
	{ "POST", OP_UPDATE, false, false },
	{ "PUT", OP_UPDATE, false, false },
	{ "DELETE", OP_DELETE, false, false },
	{ "HELP", OP_READ, true, false },
	{ "HEAD", OP_READ, false, true },
	{ "OPTIONS", OP_READ, false, true },
};

static const struct method *
find_method(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(methods); i++) {
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	}
	return NULL;
}

/* The first value of a query parameter; "" where there is none. */
static const char *
query_value(const struct req *req, const char *name)
{
	size_t i;

	for (i = 0; i < req->n_query; i++) {
		if (strcmp(req->query[i].name, name) == 0)
			return req->query[i].value;
	}
	return "";
}

/* ?list and ?help turn a GET into something else. */
static int
read_get(struct req *req, struct err *err)
{
	const char *list = query_value(req, "list");
	bool on = false;

	if (list[0] != '\0' && number_parse_bool(span_str(list), &on) != 0)
		return err_set(err, ERR_INPUT, 400, "%s", "");
	if (on)
		req->verb = OP_LIST;
	else if (query_value(req, "help")[0] != '\0')
		req->is_help = true;
	return 0;
}

static bool
ends_in_slash(const char *path)
{
	size_t len = strlen(path);

	return len > 0 && path[len - 1] == '/';
}

static int
read_method(struct req *req, struct err *err)
{
	const struct method *method = find_method(req->method);
	int rc = 0;

	if (method == NULL)
		return err_set(err, ERR_INPUT, 405, "%s", "");
	req->verb = method->verb;
	req->is_help = method->is_help;
	req->is_header = method->is_header;
	if (strcmp(method->name, "GET") == 0)
		rc = read_get(req, err);
	if (rc != 0)
		return rc;
	/* Routing and policies see a list's path with its slash. */
	if (req->path_ends_in_slash || req->verb == OP_LIST) {
		if (!ends_in_slash(req->path))
			req->path = arena_printf(req->arena, "%s/", req->path);
		if (req->path == NULL)
			return err_set_memory(err);
	}
	return 0;
}

/* ---- route ----------------------------------------------------------- */

/* The mount's type; while sealed sys/ is known all the same. */
static const struct mount_type *
find_mount(struct req *req)
{
	size_t len;

	req->mount = mounts_find(req->server->mounts, req->path);
	if (req->mount != NULL) {
		len = strlen(req->mount->path);
		if (len > strlen(req->path))
			len = strlen(req->path); /* "ssh" of "ssh/" */
		req->mount_path_rest = req->path + len;
		return req->mount->type;
	}
	if (strncmp(req->path, "sys/", 4) != 0)
		return NULL;
	req->mount_path_rest = req->path + 4;
	return mounts_type(req->server->mounts, "system", false);
}

/* A '/' that only a row which takes the rest bore with is not there. */
static int
cut_slash(struct req *req, struct err *err)
{
	size_t skip = (size_t)(req->mount_path_rest - req->path);

	if (req->verb == OP_LIST || !ends_in_slash(req->path))
		return 0;
	req->path = arena_strndup(req->arena, req->path, strlen(req->path) - 1);
	if (req->path == NULL)
		return err_set_memory(err);
	req->mount_path_rest = req->path + skip;
	return 0;
}

static int
find_row(struct req *req, const struct router *router, struct err *err)
{
	struct route route;
	int rc = router_find(router, req->mount_path_rest, req->verb,
		req->arena, &route, &req->route, err);

	if (rc != 0)
		return rc;
	req->op = route.op;
	req->path_ops = route.all;
	memcpy(req->captures, route.captures, sizeof(req->captures));
	req->n_captures = route.n_captures;
	return req->route == ROUTE_FOUND ? cut_slash(req, err) : 0;
}

static void
find_help(struct req *req, const struct router *router)
{
	req->op = router_any(router, req->mount_path_rest);
	req->route = ROUTE_FOUND;
	if (req->op == NULL && req->mount_path_rest[0] != '\0')
		req->route = ROUTE_NO_PATH;
}

/* HEAD is served where a row says so; elsewhere it and OPTIONS are not. */
static void
refuse_header(struct req *req)
{
	if (req->route == ROUTE_FOUND && (req->op->flags & OP_HEAD) != 0 &&
		strcmp(req->method, "HEAD") == 0) {
		req->is_header = false;
		return;
	}
	req->route = ROUTE_NO_VERB;
	req->op = NULL;
	req->path_ops = NULL;
}

static int
find_route(struct req *req, struct err *err)
{
	const struct mount_type *type = find_mount(req);
	const struct router *router = NULL;
	int rc = 0;

	req->route = ROUTE_NO_MOUNT;
	if (type != NULL) {
		router = router_of(type);
		if (router == NULL)
			return err_set_memory(err);
		if (req->is_help)
			find_help(req, router);
		else
			rc = find_row(req, router, err);
	}
	if (rc == 0 && req->is_header)
		refuse_header(req);
	return rc;
}

/* ---- headers --------------------------------------------------------- */

static int
check_namespace(const char *text, struct err *err)
{
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '/')
		len--;
	if (len == 0 || (len == 4 && memcmp(text, "root", 4) == 0))
		return 0;
	return err_set(err, ERR_DENIED, 403, "namespaces feature not enabled");
}

#define WRAP_PREFIX "error parsing X-Vault-Wrap-TTL header: "

static int
read_wrap_ttl(const char *text, int64_t *ret_ttl_s, struct err *err)
{
	struct err why = { 0 };
	int64_t ttl_s = 0;

	if (text[0] == '\0')
		return 0;
	if (duration_parse_s(span_str(text), &ttl_s, &why) != 0)
		return err_set(
			err, ERR_INPUT, 400, WRAP_PREFIX "%.200s", why.message);
	if (ttl_s < 0)
		return err_set(err, ERR_INPUT, 400,
			WRAP_PREFIX "requested wrap ttl cannot be negative");
	*ret_ttl_s = ttl_s;
	return 0;
}

/* Whoever asks for another form is not given a plain token in its place. */
static int
check_wrap_format(const struct req *req, struct err *err)
{
	const char *format = req->wrap_format_text;

	if (req->wrap_ttl_s == 0 || format == NULL || format[0] == '\0')
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"error parsing X-Vault-Wrap-Format header: \"%.32s\" is not supported; without the header the token is a plain one",
		format);
}

static int
check_headers(struct req *req, struct err *err)
{
	const char *override = req->policy_override_text;
	bool on;
	int rc = 0;

	if (req->namespace_text != NULL)
		rc = check_namespace(req->namespace_text, err);
	if (rc == 0 && req->wrap_ttl_text != NULL)
		rc = read_wrap_ttl(req->wrap_ttl_text, &req->wrap_ttl_s, err);
	if (rc == 0)
		rc = check_wrap_format(req, err);
	if (rc == 0 && override != NULL && override[0] != '\0' &&
		number_parse_bool(span_str(override), &on) != 0)
		rc = err_set(err, ERR_INPUT, 400,
			"failed to parse X-Vault-Policy-Override header: invalid syntax");
	return rc;
}

/* ---- all of it ------------------------------------------------------- */

bool
admit_is_open(const struct req *req)
{
	return req->op != NULL && (req->op->flags & OP_UNAUTHENTICATED) != 0;
}

int
admit(struct req *req, struct err *err)
{
	bool sealed = seal_is_sealed(req->server->seal);
	int rc = read_method(req, err);

	if (rc == 0)
		rc = find_route(req, err);
	if (rc != 0)
		return rc;
	if (req->op != NULL && (req->op->flags & OP_WHILE_SEALED) != 0)
		return 0;
	if (sealed && req->op != NULL && (req->op->flags & OP_WRAPPING) != 0)
		return err_set(err, ERR_SEALED, 503,
			"error validating wrapping token: Vault is sealed");
	if (sealed && req->token_text.len > 0)
		return err_set(err, ERR_SEALED, 503,
			"error performing token check: Vault is sealed");
	rc = check_headers(req, err);
	if (rc == 0 && sealed)
		rc = err_set(err, ERR_SEALED, 503, "Vault is sealed");
	return rc;
}
