/* roles/:role: the record, what a read shows, what deleting one does. */
#include "server/engines/ssh/role.h"
#include "server/engines/ssh/tables.h"
#include "server/engines/ssh/zeroaddress.h"

#define USER_LIST_MAX 16384
#define CIDR_LIST_MAX 65536

static const struct field role_fields[] = {
	FIELD_STR(struct ssh_role, key_type, .len_max = 32,
		.doc = "Type of credential; \"otp\"."),
	FIELD_STR(struct ssh_role, default_user, .len_max = 255,
		.doc = "User to log in as when the caller names none."),
	FIELD_STR(struct ssh_role, cidr_list, .len_max = CIDR_LIST_MAX,
		.doc = "Comma list of CIDR blocks that the role is good for."),
	FIELD_STR(struct ssh_role, exclude_cidr_list, .len_max = CIDR_LIST_MAX,
		.doc = "Comma list of CIDR blocks that the role never reaches."),
	FIELD_INT(struct ssh_role, port,
		.doc = "Port of sshd on the hosts, 1 to 65535; told to clients. Default 22."),
	FIELD_STR(struct ssh_role, allowed_users, .len_max = USER_LIST_MAX,
		.doc = "Comma list of users besides the default one; \"*\" alone is anyone."),
	FIELD_STR(struct ssh_role, admin_user, .len_max = 255,
		.doc = "Must be empty for the otp type."),
	FIELD_DURATION(struct ssh_role, ttl,
		.doc = "Lifetime of a credential; 0 is the mount's."),
	FIELD_DURATION(struct ssh_role, max_ttl,
		.doc = "Longest lifetime of a credential; 0 is the mount's."),
	FIELD_END,
};

static int
check_role(struct req *req, const char *name, void *record, struct err *err)
{
	(void)req;
	(void)name;
	return ssh_role_check(record, err);
}

static void
show_role(struct req *req, const char *name, const void *record,
	struct reply *reply)
{
	const struct ssh_role *role = record;

	(void)name;
	reply_str(reply, "allowed_users", role->allowed_users);
	reply_str(reply, "cidr_list", role->cidr_list);
	reply_str(reply, "default_user", role->default_user);
	reply_str(reply, "exclude_cidr_list", role->exclude_cidr_list);
	reply_str(reply, "key_type", role->key_type);
	if (role->max_ttl != 0)
		reply_int(reply, "max_ttl", role->max_ttl);
	reply_int(reply, "port", role->port);
	if (role->ttl != 0)
		reply_int(reply, "ttl", role->ttl);
	if (role->cidr_list[0] == '\0')
		req_warn(req,
			"cidr_list is empty: no address belongs to the role unless it is on the zero-address list");
}

static struct value *
role_key_info(struct req *req, const char *name, const void *record)
{
	const struct ssh_role *role = record;
	struct value *info = value_object(req->arena);

	(void)name;
	if (!value_set_str(req->arena, info, "key_type", role->key_type))
		return NULL;
	return info;
}

const struct record_type ssh_role_record = {
	.prefix = "roles/",
	.capture = "role",
	.fields = role_fields,
	.size = sizeof(struct ssh_role),
	.check = check_role,
	.show = show_role,
	.key_info = role_key_info,
	.on_delete = zeroaddress_forget_role,
};

const struct op ssh_role_ops[] = {
	RECORD_OPS("roles", "roles/:role", &ssh_role_record, "role"),
	OP_END,
};
