/* creds/:role: a credential for one user on one address. */
#include <string.h>

#include "server/engines/ssh/otp.h"
#include "server/engines/ssh/role.h"
#include "server/engines/ssh/tables.h"
#include "server/engines/ssh/zeroaddress.h"

struct creds_in {
	const char *ip, *username;
};

static const struct field creds_fields[] = {
	FIELD_STR(struct creds_in, ip, .len_max = 255,
		.doc = "Address of the host, an IPv4 or IPv6 literal. Required."),
	FIELD_STR(struct creds_in, username, .len_max = 255,
		.doc = "User to log in as; the role's default user if left out."),
	FIELD_END,
};

/* The canonical text of the asked address, which is stored and compared. */
static int
check_ip(struct req *req, const struct ssh_role *role, const char *role_name,
	char ret_ip[NETADDR_TEXT_MAX], struct err *err)
{
	const struct creds_in *in = req->in;
	struct ssh_role_ip_rule rule = { .dev = req->server->settings->dev };
	struct str_list zero;
	struct netaddr addr;
	int rc;

	if (netaddr_parse(span_str(in->ip), &addr) != 0)
		return err_set(
			err, ERR_INPUT, 400, "Invalid IP \"%.64s\"", in->ip);
	rc = zeroaddress_roles(req, &zero, err);
	if (rc != 0)
		return rc;
	rule.zero_address = zeroaddress_has(&zero, role_name);
	rc = ssh_role_check_ip(role, &addr, rule, err);
	if (rc == 0)
		netaddr_format(&addr, ret_ip);
	return rc;
}

/* Where neither role nor mount says: the server's otp_default_ttl. */
static int64_t
fallback_ttl_s(const struct req *req)
{
	const int64_t otp_ttl_s = req->server->settings->otp_default_ttl;

	if (req->mount->default_lease_ttl_s != 0 || otp_ttl_s == 0)
		return mount_default_ttl_s(req->server, req->mount);
	return otp_ttl_s;
}

static void
reply_otp(struct reply *reply, const struct otp_grant *grant, int64_t port,
	const struct otp_issued *otp, int64_t ttl_s)
{
	reply_str(reply, "ip", grant->ip);
	reply_str(reply, "key", otp->text);
	reply_str(reply, "key_type", "otp");
	reply_int(reply, "port", port);
	reply_str(reply, "username", grant->username);
	reply_lease(reply, otp->lease_id, false, ttl_s);
}

static int
issue_for_role(struct req *req, const struct ssh_role *role,
	struct reply *reply, struct err *err)
{
	const struct creds_in *in = req->in;
	struct otp_issued *otp = ARENA_NEW(req->arena, struct otp_issued);
	char ip[NETADDR_TEXT_MAX];
	struct otp_grant grant = { .ip = ip,
		.role = req_capture(req, "role"),
		.username = in->username[0] != '\0' ? in->username
						    : role->default_user };
	int64_t ttl_s;
	int rc;

	if (otp == NULL)
		return err_set_memory(err);
	rc = ssh_role_check_user(role, grant.username, err);
	if (rc == 0)
		rc = check_ip(req, role, grant.role, ip, err);
	if (rc == 0)
		rc = req_check_lease_allowed(req, err);
	if (rc != 0)
		return rc;
	ttl_s = ssh_role_otp_ttl_s(role, fallback_ttl_s(req),
		mount_max_ttl_s(req->server, req->mount));
	rc = otp_issue(req, &grant, ttl_s, otp, err);
	if (rc == 0)
		reply_otp(reply, &grant, role->port, otp, ttl_s);
	return rc;
}

static int
create_creds(struct req *req, struct reply *reply, struct err *err)
{
	const struct creds_in *in = req->in;
	const char *name = req_capture(req, "role");
	struct compiled *ref = NULL;
	const void *role = NULL;
	int rc;

	if (in->ip[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "Missing ip");
	rc = record_find(req->server->store, &req->mount->kv, &ssh_role_record,
		name, &ref, &role, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(
			err, ERR_INPUT, 400, "Role \"%s\" not found", name);
	}
	if (rc == 0)
		rc = issue_for_role(req, role, reply, err);
	compiled_unref(&ref);
	return rc;
}

const struct op ssh_creds_ops[] = {
	{
		.path = "creds/:role",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct creds_in),
		.fields = creds_fields,
		.handler = create_creds,
		.summary = "Create a one-time password for a host.",
		.text = "The password logs in once, as this user, on this address; it dies with\n"
			"its lease and with the token that asked for it.",
		.out = (const struct op_out[]){ { "key_type", FIELD_TYPE_STR,
							"otp" },
			{ "key", FIELD_TYPE_SECRET, "The password." },
			{ "username", FIELD_TYPE_STR, "User it is good for." },
			{ "ip", FIELD_TYPE_STR, "Address it is good for." },
			{ "port", FIELD_TYPE_INT, "The role's port." },
			{ NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400,
			"no such role, user or address not allowed" } },
	},
	OP_END,
};
