/* policies/acl/:name, and policy/:name, its old form. */
#include <stdlib.h>
#include <string.h>

#include "lib/codec.h"
#include "server/api/record_ops.h"
#include "server/sys/tables.h"

#define PREFIX "policies/"
#define PAGE 500

struct policy_record {
	const char *policy;
};

static const struct field policy_fields[] = {
	FIELD_STR(struct policy_record, policy, .len_max = POLICY_TEXT_MAX,
		.alias = "rules",
		.doc = "Its text, HCL or JSON, or base64 of either."),
	FIELD_END,
};

static const char *const immutable[] = { "root", "response-wrapping",
	"control-group" };

static bool
is_immutable(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(immutable); i++) {
		if (strcmp(name, immutable[i]) == 0)
			return true;
	}
	return false;
}

/* Base64 of a text is stored as the text. */
static int
decode_text(struct req *req, struct policy_record *record, struct err *err)
{
	struct buf text;
	char *copy = NULL;

	buf_init(&text, POLICY_TEXT_MAX);
	if (base64_decode(span_str(record->policy), &text) == 0 &&
		memchr(text.data, 0, text.len) == NULL) {
		copy = arena_strdup(req->arena, buf_str(&text));
		record->policy = copy;
	}
	buf_clear(&text);
	return record->policy != NULL ? 0 : err_set_memory(err);
}

static int
check_policy(struct req *req, const char *name, void *record, struct err *err)
{
	struct policy_record *policy = record;
	struct policy *compiled = NULL;
	size_t size;
	int rc;

	if (is_immutable(name))
		return err_set(err, ERR_INPUT, 400,
			"cannot update \"%s\" policy", name);
	if (policy->policy[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"'policy' parameter not supplied or empty");
	rc = decode_text(req, policy, err);
	if (rc == 0)
		rc = policy_parse(
			span_str(policy->policy), &compiled, &size, err);
	policy_free(&compiled);
	if (rc == 0 && value_find(req->data, "rules") != NULL)
		req_warn(req,
			"'rules' is deprecated, please use 'policy' instead");
	return rc;
}

static int
refuse_builtin(
	struct store_tx *tx, struct req *req, const char *name, struct err *err)
{
	(void)tx;
	(void)req;
	if (is_immutable(name))
		return err_set(err, ERR_INPUT, 400,
			"cannot delete \"%s\" policy", name);
	if (strcmp(name, "default") == 0)
		return err_set(
			err, ERR_INPUT, 400, "cannot delete default policy");
	return 0;
}

static void
show_policy(struct req *req, const char *name, const void *record,
	struct reply *reply)
{
	const struct policy_record *policy = record;
	const bool old = strncmp(req->op->path, "policy/", 7) == 0;

	reply_str(reply, "name", name);
	reply_str(reply, old ? "rules" : "policy", policy->policy);
}

static const struct record_type policy_record_type = {
	.prefix = PREFIX,
	.capture = "name",
	.lower_case_names = true,
	.fields = policy_fields,
	.size = sizeof(struct policy_record),
	.check = check_policy,
	.show = show_policy,
	.on_delete = refuse_builtin,
};

/* root has no record: it is all, in an empty text. */
static int
read_policy(struct req *req, struct reply *reply, struct err *err)
{
	static const struct policy_record root = { .policy = "" };

	if (strcasecmp(req_capture(req, "name"), "root") != 0)
		return record_read(req, reply, err);
	show_policy(req, "root", &root, reply);
	return 0;
}

struct list_ctx {
	struct req *req;
	struct value *names;
	const char *after;
	size_t n_seen;
};

static int
add_name(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	struct list_ctx *list = ctx;
	struct value *text = value_string(list->req->arena, name);

	(void)value;
	list->n_seen++;
	if (!value_add(list->names, text))
		return err_set_memory(err);
	list->after = text->str;
	return 0;
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct list_ctx *list = ctx;

	list->n_seen = 0;
	return kv_names(tx, &list->req->server->system, PREFIX, list->after,
		PAGE, list->req->arena, add_name, list, err);
}

/* Sorted, root last, as the peers show it. */
static int
list_policies(struct req *req, struct reply *reply, struct err *err)
{
	struct list_ctx list = {
		.req = req, .names = value_list(req->arena), .after = ""
	};
	int rc;

	do {
		rc = req_read(req, read_page, &list, err);
	} while (rc == 0 && list.n_seen == PAGE);
	if (rc != 0)
		return rc;
	if (!value_add(list.names, value_string(req->arena, "root")))
		return err_set_memory(err);
	if ((req->op->flags & OP_DOUBLED) != 0)
		reply_value(
			reply, "policies", value_copy(req->arena, list.names));
	reply_keys(reply, list.names);
	return 0;
}

/* One form of the paths; the old one doubles its data at the top level. */
#define POLICY_OPS(list_path, one_path, more)                                  \
	{ .path = one_path,                                                    \
		.verb = OP_READ,                                               \
		.flags = (more),                                               \
		.handler = read_policy,                                        \
		.record = &policy_record_type,                                 \
		.summary = "Read a policy." },                                 \
		{ .path = one_path,                                            \
			.verb = OP_UPDATE,                                     \
			.flags = (more),                                       \
			.handler = record_write,                               \
			.record = &policy_record_type,                         \
			.summary = "Create or replace a policy.",              \
			.errors = { { 400,                                     \
				"not a policy, or a fixed one" } } },          \
		{ .path = one_path,                                            \
			.verb = OP_DELETE,                                     \
			.flags = (more),                                       \
			.handler = record_delete,                              \
			.record = &policy_record_type,                         \
			.summary = "Delete a policy.",                         \
			.errors = { { 400, "a fixed policy" } } },             \
	{                                                                      \
		.path = list_path, .verb = OP_LIST, .flags = (more),           \
		.handler = list_policies, .summary = "List policies."          \
	}

const struct op sys_policies_ops[] = {
	POLICY_OPS("policies/acl", "policies/acl/:name", 0),
	POLICY_OPS("policy", "policy/:name", OP_DOUBLED),
	{
		.path = "policy",
		.verb = OP_READ,
		.flags = OP_DOUBLED,
		.handler = list_policies,
		.summary = "List policies.",
	},
	OP_END,
};
