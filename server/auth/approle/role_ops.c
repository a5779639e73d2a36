/*
 * role/:role and its parts, each at a path of its own: the one table below
 * names them, all are read, written and reset in the same way.
 */
#include "lib/log.h"
#include "server/auth/approle/approle.h"
#include "server/auth/approle/role.h"
#include "server/auth/approle/secret_id.h"

#define OLD_CIDR_WARNING                                                       \
	"The \"bound_cidr_list\" field is deprecated and will be removed. "    \
	"Please use \"secret_id_bound_cidrs\" instead."

/* ---- the role --------------------------------------------------------- */

/* Its secret ids are dead without it; their rows go now, or with a tidy. */
static void
drop_secret_ids(struct req *req, const char *path)
{
	struct err err = { 0 };

	if (lease_revoke_prefix(
		    req->server->store, req->mount->uuid, path, &err) != 0)
		log_warn("secret ids of a deleted role are left to a tidy",
			LOG_ERR(&err));
}

static int
delete_role(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = arena_strlower(req->arena, req_capture(req, "role"));
	const char *path = "";
	const void *record = NULL;
	struct compiled *ref = NULL;
	int rc;

	if (name == NULL)
		return err_set_memory(err);
	rc = record_find(req->server->store, &req->mount->kv,
		&approle_role_record, name, &ref, &record, err);
	if (rc == 0)
		path = approle_secret_path(req, record);
	compiled_unref(&ref);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	if (path == NULL)
		return err_set_memory(err);
	rc = record_delete(req, reply, err);
	if (rc == 0 && path[0] != '\0')
		drop_secret_ids(req, path);
	return rc;
}

/* ---- its parts -------------------------------------------------------- */

static int
write_part(struct req *req, struct reply *reply, struct err *err)
{
	int rc = record_part_write(req, reply, err);

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_ABSENT, 404, REPLY_WRAPPED("unsupported path"));
}

static int
delete_part(struct req *req, struct reply *reply, struct err *err)
{
	int rc = record_part_delete(req, reply, err);

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return 0;
}

static int
read_old_cidrs(struct req *req, struct reply *reply, struct err *err)
{
	int rc = record_part_read(req, reply, err);

	if (rc == 0)
		req_warn(req, "%s", OLD_CIDR_WARNING);
	return rc;
}

static int
read_local_secret_ids(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = arena_strlower(req->arena, req_capture(req, "role"));
	const struct approle_role *role;
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc;

	if (name == NULL)
		return err_set_memory(err);
	rc = record_find(req->server->store, &req->mount->kv,
		&approle_role_record, name, &ref, &record, err);
	role = record;
	if (rc == 0)
		reply_bool(reply, "local_secret_ids", role->local_secret_ids);
	compiled_unref(&ref);
	return rc;
}

#define PART_FIELDS(...)                                                       \
	(const struct field[])                                                 \
	{                                                                      \
		__VA_ARGS__, FIELD_END                                         \
	}

#define PART_ROW(op_path, op_verb, op_handler, ...)                            \
	{                                                                      \
		.path = "role/:role/" op_path, .verb = (op_verb),              \
		.handler = (op_handler), .record = &approle_role_record,       \
		__VA_ARGS__                                                    \
	}

#define PART_WRITE(op_path, part_fields, what)                                 \
	PART_ROW(op_path, OP_UPDATE, write_part,                               \
		.in_size = sizeof(struct approle_role), .fields = part_fields, \
		.summary = "Change a role's " what ".",                        \
		.errors = { { 404, "no such role" } })

/* A part: the path, how it is read, the fields it holds, what they are. */
#define PART(op_path, read, part_fields, what)                                 \
	PART_ROW(op_path, OP_READ, read, .summary = "Read a role's " what ".", \
		.errors = { { 404, "no such role" } }),                        \
		PART_WRITE(op_path, PART_FIELDS(part_fields), what),           \
		PART_ROW(op_path, OP_DELETE, delete_part,                      \
			.summary = "Put a role's " what                        \
				   " back to what new roles have.")

const struct op approle_role_ops[] = {
	{
		.path = "role",
		.verb = OP_LIST,
		.handler = record_list,
		.record = &approle_role_record,
		.summary = "List roles.",
	},
	{
		.path = "role/:role",
		.verb = OP_READ,
		.handler = record_read,
		.record = &approle_role_record,
		.summary = "Read a role.",
	},
	{
		.path = "role/:role",
		.verb = OP_UPDATE,
		.flags = OP_EXISTENCE,
		.handler = record_write,
		.exists = record_exists,
		.record = &approle_role_record,
		.summary = "Create a role, or change what is sent of one.",
		.errors = { { 400,
			"nothing that binds it, or another role's role id" } },
	},
	{
		.path = "role/:role",
		.verb = OP_DELETE,
		.handler = delete_role,
		.record = &approle_role_record,
		.summary = "Delete a role and its secret ids.",
		.text = "Its tokens live until their time, and are not renewed.",
	},
	PART_ROW("role-id", OP_READ, record_part_read,
		.summary = "Read a role's role id.",
		.errors = { { 404, "no such role" } }),
	PART_WRITE("role-id",
		PART_FIELDS(APPROLE_ROLE_ID(.flags = FIELD_REQUIRED)),
		"role id"),
	PART("policies", record_part_read,
		TOKEN_PARAMS_POLICIES(struct approle_role, token), "policies"),
	PART("bind-secret-id", record_part_read,
		APPROLE_BIND_SECRET_ID(.flags = FIELD_REQUIRED),
		"need of a secret id"),
	PART("secret-id-num-uses", record_part_read,
		APPROLE_NUM_USES(.flags = FIELD_REQUIRED),
		"number of uses of new secret ids"),
	PART("secret-id-ttl", record_part_read,
		APPROLE_TTL(.flags = FIELD_REQUIRED),
		"lifetime of new secret ids"),
	PART("secret-id-bound-cidrs", record_part_read,
		APPROLE_BOUND_CIDRS("secret_id_bound_cidrs", .flags = 0),
		"addresses of logins"),
	PART("bound-cidr-list", read_old_cidrs,
		APPROLE_BOUND_CIDRS(
			"bound_cidr_list", .alias = "secret_id_bound_cidrs"),
		"addresses of logins, under their old name"),
	PART("token-bound-cidrs", record_part_read,
		TOKEN_PARAMS_BOUND_CIDRS(struct approle_role, token),
		"addresses of tokens"),
	PART("token-num-uses", record_part_read,
		TOKEN_PARAMS_NUM_USES(struct approle_role, token),
		"number of uses of tokens"),
	PART("token-ttl", record_part_read,
		TOKEN_PARAMS_TTL(struct approle_role, token),
		"lifetime of tokens"),
	PART("token-max-ttl", record_part_read,
		TOKEN_PARAMS_MAX_TTL(struct approle_role, token),
		"longest life of tokens"),
	PART("period", record_part_read,
		TOKEN_PARAMS_PERIOD(struct approle_role, token),
		"period of tokens"),
	{
		.path = "role/:role/local-secret-ids",
		.verb = OP_READ,
		.handler = read_local_secret_ids,
		.summary = "Read whether a role's secret ids are local.",
		.errors = { { 404, "no such role" } },
	},
	OP_END,
};
