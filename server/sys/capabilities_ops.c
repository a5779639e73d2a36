/* capabilities: what a token may do on paths. */
#include <string.h>

#include "server/api/reply.h"
#include "server/core/token_store.h"
#include "server/sys/tables.h"

#define ALONE "capabilities"
#define LISTED(text) "1 error occurred:\n\t* " text "\n\n"

struct capabilities_in {
	struct secret_view token;
	const char *accessor;
	struct str_list paths, path;
};

#define PATHS_FIELDS                                                           \
	FIELD_LIST(struct capabilities_in, paths, .len_max = 16384,            \
		.doc = "Paths to look at."),                                   \
		FIELD_LIST(struct capabilities_in, path, .len_max = 16384,     \
			.flags = FIELD_HIDDEN, .doc = "Old name of paths.")

static const struct field token_fields[] = {
	FIELD_SECRET(struct capabilities_in, token, .len_max = 4096,
		.doc = "The token."),
	PATHS_FIELDS,
	FIELD_END,
};

static const struct field accessor_fields[] = {
	FIELD_STR(struct capabilities_in, accessor, .len_max = 64,
		.doc = "The token's accessor."),
	PATHS_FIELDS,
	FIELD_END,
};

static const struct field self_fields[] = {
	FIELD_SECRET(struct capabilities_in, token, .len_max = 4096,
		.flags = FIELD_HIDDEN, .doc = "Ignored."),
	PATHS_FIELDS,
	FIELD_END,
};

/* One that was asked alone has its rights under a second name, too. */
static int
reply_paths(struct req *req, struct reply *reply, const struct acl *acl,
	struct str_list *paths, struct err *err)
{
	const bool alone = paths->n == 1;

	str_list_sort(paths);
	for (size_t i = 0; i < paths->n; i++) {
		const char *path = paths->items[i];
		const unsigned bits =
			acl_capabilities(acl, path + (path[0] == '/'));
		struct value *names = capabilities_value(req->arena, bits);

		if (names == NULL)
			return err_set_memory(err);
		reply_value(reply, path, names);
		if (alone && strcmp(path, ALONE) != 0)
			reply_value(
				reply, ALONE, value_copy(req->arena, names));
	}
	return 0;
}

static int
check_paths(const struct capabilities_in *in, struct str_list *ret_paths,
	struct err *err)
{
	*ret_paths = in->paths.n > 0 ? in->paths : in->path;
	if (ret_paths->n == 0)
		return err_set(err, ERR_INPUT, 400, "paths must be supplied");
	return 0;
}

static int
reply_token_paths(struct req *req, struct reply *reply,
	const struct token *token, struct str_list *paths, struct err *err)
{
	struct identity who = { .entity = NULL };
	struct acl acl = { .root = false };
	int rc = 0;

	if (token->entity_id[0] != '\0')
		rc = identity_load(
			req->server, token->entity_id, req->arena, &who, err);
	if (rc == 0)
		rc = acl_load(req->server, &token->policies,
			who.entity != NULL ? &who : NULL, req->arena, &acl,
			err);
	/* A token that any request would be refused with may do nothing. */
	if (rc == ERR_DENIED) {
		err_clear(err);
		rc = 0;
	}
	if (rc == 0)
		rc = reply_paths(req, reply, &acl, paths, err);
	acl_clear(&acl);
	identity_clear(&who);
	return rc;
}

/* Tokens live in the token store's mount, not in this one. */
static int
find_token(struct req *req, const struct capabilities_in *in,
	struct compiled **ret_ref, const struct token **ret_token,
	struct err *err)
{
	struct store *store = req->server->store;
	struct token_store held;
	int rc = token_store_hold(req->server, &held, err);

	if (rc != 0)
		return rc;
	if (in->accessor != NULL)
		rc = token_find_accessor(store, held.barrier, held.mount->uuid,
			span_str(in->accessor), ret_ref, ret_token, err);
	else
		rc = token_find(store, held.barrier, held.mount->uuid,
			in->token, req->arena, ret_ref, ret_token, err);
	token_store_release(&held);
	return rc;
}

static int
reply_for(struct req *req, struct reply *reply, const char *unknown,
	struct err *err)
{
	const struct capabilities_in *in = req->in;
	struct compiled *ref = NULL;
	const struct token *token = NULL;
	struct str_list paths;
	int rc = check_paths(in, &paths, err);

	if (rc == 0)
		rc = find_token(req, in, &ref, &token, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "%s", unknown);
	}
	if (rc == 0)
		rc = reply_token_paths(req, reply, token, &paths, err);
	compiled_unref(&ref);
	return rc;
}

static int
write_capabilities(struct req *req, struct reply *reply, struct err *err)
{
	const struct capabilities_in *in = req->in;

	if (in->token.len == 0)
		return err_set(err, ERR_INPUT, 400, LISTED("no token found"));
	return reply_for(req, reply, LISTED("invalid token"), err);
}

static int
write_capabilities_accessor(
	struct req *req, struct reply *reply, struct err *err)
{
	const struct capabilities_in *in = req->in;

	if (in->accessor[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing accessor");
	return reply_for(req, reply, LISTED("invalid accessor"), err);
}

static int
write_capabilities_self(struct req *req, struct reply *reply, struct err *err)
{
	struct str_list paths;
	int rc = check_paths(req->in, &paths, err);

	return rc != 0 ? rc : reply_paths(req, reply, &req->acl, &paths, err);
}

#define CAPABILITIES_OP(op_path, op_fields, op_handler, op_summary)            \
	{                                                                      \
		.path = op_path, .verb = OP_UPDATE, .flags = OP_DOUBLED,       \
		.in_size = sizeof(struct capabilities_in),                     \
		.fields = op_fields, .handler = op_handler,                    \
		.summary = op_summary, .errors = {                             \
			{ 400, "no paths, or no such token" }                  \
		}                                                              \
	}

const struct op sys_capabilities_ops[] = {
	CAPABILITIES_OP("capabilities", token_fields, write_capabilities,
		"Tell what a token may do on paths."),
	CAPABILITIES_OP("capabilities-accessor", accessor_fields,
		write_capabilities_accessor,
		"Tell what the token of an accessor may do on paths."),
	CAPABILITIES_OP("capabilities-self", self_fields,
		write_capabilities_self,
		"Tell what the caller may do on paths."),
	OP_END,
};
