/* config/zeroaddress: roles that are good for any address. */
#include "server/engines/ssh/zeroaddress.h"

#include "server/engines/ssh/records/options.h"
#include "server/engines/ssh/tables.h"

#define RECORD_NAME "zeroaddress"
#define RECORD_KEY "config/" RECORD_NAME

struct zeroaddress {
	struct str_list roles;
};

static const struct field zeroaddress_fields[] = {
	FIELD_LIST(struct zeroaddress, roles, .len_max = 16384,
		.doc = "Names of the roles, as a list or a comma string."),
	FIELD_END,
};

/* Stored and cached like a named record, though there is only one. */
static const struct record_type zeroaddress_record = {
	.prefix = "config/",
	.fields = zeroaddress_fields,
	.size = sizeof(struct zeroaddress),
};

int
zeroaddress_roles(
	const struct req *req, struct str_list *ret_roles, struct err *err)
{
	const struct zeroaddress *record;
	const void *found = NULL;
	struct compiled *ref = NULL;
	int rc;

	rc = record_find(req->server->store, &req->mount->kv,
		&zeroaddress_record, RECORD_NAME, &ref, &found, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		*ret_roles = (struct str_list){ NULL, 0 };
		return 0;
	}
	if (rc != 0)
		return rc;
	record = found;
	if (!str_list_dup(req->arena, &record->roles, ret_roles))
		rc = err_set_memory(err);
	compiled_unref(&ref);
	return rc;
}

/* Each name once, at its first place. */
static void
drop_repeats(struct str_list *roles)
{
	struct str_list kept = { roles->items, 0 };

	for (size_t i = 0; i < roles->n; i++) {
		if (!str_list_has(&kept, roles->items[i]))
			kept.items[kept.n++] = roles->items[i];
	}
	roles->n = kept.n;
}

static int
put_list(struct store_tx *tx, struct req *req, const struct zeroaddress *list,
	struct err *err)
{
	struct value *value =
		record_encode(zeroaddress_fields, list, req->arena);

	if (value == NULL)
		return err_set_memory(err);
	return kv_put(tx, &req->mount->kv, RECORD_KEY, value, err);
}

int
zeroaddress_forget_role(
	struct store_tx *tx, struct req *req, const char *role, struct err *err)
{
	const void *found = NULL;
	struct zeroaddress list;
	int rc;

	rc = record_get(tx, &req->mount->kv, &zeroaddress_record, RECORD_NAME,
		req->arena, &found, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc != 0)
		return rc;
	list = *(const struct zeroaddress *)found;
	if (!str_list_has(&list.roles, role))
		return 0;
	str_list_drop(&list.roles, role);
	return put_list(tx, req, &list, err);
}

static int
check_sudo(const struct req *req, struct err *err)
{
	struct ssh_options options;
	int rc = ssh_options_get(req, &options, err);

	if (rc != 0)
		return rc;
	if (options.zeroaddress_requires_sudo && !req->has_sudo)
		return err_set(err, ERR_DENIED, 403, "permission denied");
	return 0;
}

struct write_ctx {
	struct req *req;
	const struct zeroaddress *list;
};

/* Each role exists at the moment that the list is stored. */
static int
store_list(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct write_ctx *write = ctx;
	const struct str_list *roles = &write->list->roles;

	for (size_t i = 0; i < roles->n; i++) {
		char *name = arena_printf(
			write->req->arena, "roles/%s", roles->items[i]);

		if (name == NULL)
			return err_set_memory(err);
		if (!kv_exists(tx, &write->req->mount->kv, name))
			return err_set(err, ERR_INPUT, 400,
				"Role \"%.64s\" does not exist",
				roles->items[i]);
	}
	return put_list(tx, write->req, write->list, err);
}

static int
delete_list(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct req *req = ctx;

	return kv_delete(tx, &req->mount->kv, RECORD_KEY, err);
}

static int
write_zeroaddress(struct req *req, struct reply *reply, struct err *err)
{
	struct zeroaddress *in = req->in;
	struct write_ctx write = { .req = req, .list = in };
	int rc;

	(void)reply;
	rc = check_sudo(req, err);
	if (rc != 0)
		return rc;
	drop_repeats(&in->roles);
	if (in->roles.n == 0)
		return err_set(err, ERR_INPUT, 400, "Missing roles");
	return req_write(req, store_list, &write, err);
}

static int
read_zeroaddress(struct req *req, struct reply *reply, struct err *err)
{
	struct value *names = value_list(req->arena);
	const void *found = NULL;
	struct compiled *ref = NULL;
	const struct zeroaddress *list;
	bool whole = true;
	int rc;

	rc = record_find(req->server->store, &req->mount->kv,
		&zeroaddress_record, RECORD_NAME, &ref, &found, err);
	if (rc != 0)
		return rc;
	list = found;
	for (size_t i = 0; i < list->roles.n; i++)
		whole = whole &&
			value_add(names,
				value_string(req->arena, list->roles.items[i]));
	compiled_unref(&ref);
	if (!whole)
		return err_set_memory(err);
	reply_value(reply, "roles", names);
	return 0;
}

static int
delete_zeroaddress(struct req *req, struct reply *reply, struct err *err)
{
	int rc = check_sudo(req, err);

	(void)reply;
	return rc != 0 ? rc : req_write(req, delete_list, req, err);
}

const struct op ssh_zeroaddress_ops[] = {
	{
		.path = "config/zeroaddress",
		.verb = OP_READ,
		.handler = read_zeroaddress,
		.summary = "Read the roles that are good for any address.",
		.errors = { { 404, "no list is set" } },
	},
	{
		.path = "config/zeroaddress",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct zeroaddress),
		.fields = zeroaddress_fields,
		.handler = write_zeroaddress,
		.summary =
			"Replace the list of roles that are good for any address.",
		.text = "A listed role needs no cidr_list. Its exclude_cidr_list still applies,\n"
			"and loopback, link-local, multicast and unspecified addresses still\n"
			"need a block of their own.",
		.errors = { { 400,
			"no roles were given, or one does not exist" } },
	},
	{
		.path = "config/zeroaddress",
		.verb = OP_DELETE,
		.handler = delete_zeroaddress,
		.summary =
			"Delete the list: roles are bound to their CIDR blocks again.",
	},
	OP_END,
};
