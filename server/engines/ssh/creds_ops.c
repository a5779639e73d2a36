/* creds/:role: a credential for one user on one address. */
#include <string.h>

#include "server/engines/ssh/otp.h"
#include "server/engines/ssh/otp_role.h"
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
	struct otp_role_ip_rule rule = { .dev = req->server->settings->dev };
	struct str_list zero;
	struct netaddr addr;
	int rc;

	if (netaddr_parse(span_str(in->ip), &addr) != 0)
		return err_set(
			err, ERR_INPUT, 400, "Invalid IP \"%.64s\"", in->ip);
	rc = zeroaddress_roles(req, &zero, err);
	if (rc != 0)
		return rc;
	rule.zero_address = str_list_has(&zero, role_name);
	rc = otp_role_check_ip(role, &addr, rule, err);
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

/* What the answer says, in the request's arena. */
struct creds {
	struct otp_grant grant;
	char ip[NETADDR_TEXT_MAX];
	int64_t port, ttl_s;
	struct otp_issued otp;
};

static int
answer_creds(UNUSED struct req *req, void *ctx, int rc, struct reply *reply,
	UNUSED struct err *err)
{
	const struct creds *creds = ctx;

	if (rc != 0)
		return rc;
	reply_str(reply, "ip", creds->grant.ip);
	reply_str(reply, "key", creds->otp.text);
	reply_str(reply, "key_type", "otp");
	reply_int(reply, "port", creds->port);
	reply_str(reply, "username", creds->grant.username);
	reply_lease(reply, creds->otp.lease_id, false, creds->ttl_s);
	return 0;
}

static int
issue_for_role(struct req *req, const struct ssh_role *role, struct err *err)
{
	const struct creds_in *in = req->in;
	struct creds *creds = ARENA_NEW(req->arena, struct creds);
	const char *username =
		in->username[0] != '\0' ? in->username : role->default_user;
	int rc;

	if (creds == NULL)
		return err_set_memory(err);
	creds->grant = (struct otp_grant){ .ip = creds->ip,
		.role = req_capture(req, "role"),
		.username = arena_strdup(req->arena, username) };
	creds->port = role->port;
	if (creds->grant.username == NULL)
		return err_set_memory(err);
	if (username[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"No default username registered. Use 'username' option");
	rc = otp_role_check_user(role, username, err);
	if (rc == 0)
		rc = check_ip(req, role, creds->grant.role, creds->ip, err);
	/* Clients tell a CA role by this text (spec/ssh-engine.md 5.1). */
	if (rc == 0 && ssh_role_is_ca(role))
		rc = err_set(err, ERR_INPUT, 500, "key type unknown");
	if (rc == 0)
		rc = req_check_lease_allowed(req, err);
	if (rc != 0)
		return rc;
	creds->ttl_s = req_cut_ttl_s(req,
		otp_role_ttl_s(role, fallback_ttl_s(req),
			mount_max_ttl_s(req->server, req->mount)));
	return otp_issue(req, &creds->grant, creds->ttl_s, &creds->otp,
		answer_creds, creds, err);
}

static int
create_creds(struct req *req, UNUSED struct reply *reply, struct err *err)
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
			err, ERR_INPUT, 400, "Role \"%.64s\" not found", name);
	}
	if (rc == 0)
		rc = issue_for_role(req, role, err);
	compiled_unref(&ref);
	return rc;
}

const struct op ssh_creds_ops[] = {
	{
		.path = "creds/:role",
		.verb = OP_UPDATE,
		.flags = OP_ONE_WRITE,
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
