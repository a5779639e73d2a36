/* creds/:role: a credential for one user on one address. */
#include <string.h>

#include "server/engines/ssh/explain.h"
#include "server/engines/ssh/otp.h"
#include "server/engines/ssh/otp_role.h"
#include "server/engines/ssh/tables.h"
#include "server/engines/ssh/zeroaddress.h"

struct creds_in {
	const char *ip, *username;
	bool explain;
};

static const struct field creds_fields[] = {
	FIELD_STR(struct creds_in, ip, .len_max = 255,
		.doc = "Address of the host, an IPv4 or IPv6 literal. Required."),
	FIELD_STR(struct creds_in, username, .len_max = 255,
		.doc = "User to log in as; the role's default user if left out."),
	FIELD_BOOL(struct creds_in, explain,
		.doc = "Answer which rules hold and which was the first that does not; no password is made."),
	FIELD_END,
};

/* What the answer says, in the request's arena. */
struct creds {
	struct otp_grant grant;
	char ip[NETADDR_TEXT_MAX];
	int64_t port, ttl_s;
	struct otp_issued otp;
};

/* ---- the rules (spec/ssh-engine.md 5.1) --------------------------------- */

static int
name_user(struct req *req, const struct ssh_role *role, struct creds *creds,
	struct err *err)
{
	const struct creds_in *in = req->in;
	const char *username =
		in->username[0] != '\0' ? in->username : role->default_user;

	if (username[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"No default username registered. Use 'username' option");
	creds->grant.username = arena_strdup(req->arena, username);
	return creds->grant.username != NULL ? 0 : err_set_memory(err);
}

static int
check_user(UNUSED struct req *req, const struct ssh_role *role,
	struct creds *creds, struct err *err)
{
	return otp_role_check_user(role, creds->grant.username, err);
}

/* The canonical text of the asked address, which is stored and compared. */
static int
check_ip(struct req *req, const struct ssh_role *role, struct creds *creds,
	struct err *err)
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
	rule.zero_address = str_list_has(&zero, creds->grant.role);
	rc = otp_role_check_ip(role, &addr, rule, err);
	if (rc == 0)
		netaddr_format(&addr, creds->ip);
	return rc;
}

/* Clients tell a CA role by this text. */
static int
check_type(UNUSED struct req *req, const struct ssh_role *role,
	UNUSED struct creds *creds, struct err *err)
{
	return ssh_role_is_ca(role)
		? err_set(err, ERR_INPUT, 500, "key type unknown")
		: 0;
}

/* In the order in which they are asked. */
static const struct {
	const char *name, *text;
	int (*ask)(struct req *req, const struct ssh_role *role,
		struct creds *creds, struct err *err);
} rules[] = {
	{ "username", "a user is named, or the role has a default_user",
		name_user },
	{ "allowed_users",
		"the user is the role's default_user, or in its allowed_users",
		check_user },
	{ "cidr_list",
		"the address is in cidr_list, or the role good for any, and it is not in exclude_cidr_list",
		check_ip },
	{ "key_type", "the role is of type otp", check_type },
};

/* *ret_n: so many held. */
static int
ask_rules(struct req *req, const struct ssh_role *role, struct creds *creds,
	size_t *ret_n, struct err *err)
{
	int rc = 0;

	*ret_n = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rules); i++) {
		rc = rules[i].ask(req, role, creds, err);
		*ret_n += rc == 0;
	}
	return rc;
}

static int
explain_creds(const struct creds *creds, size_t n_true, int rc,
	struct reply *reply, struct err *err)
{
	struct explanation explanation = {
		.n_true = n_true, .rc = rc, .err = err
	};

	if (rc != 0 && rc != ERR_INPUT)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		explain_add(reply, &explanation, rules[i].name, rules[i].text);
	explain_end(reply, &explanation);
	reply_str(reply, "username",
		creds->grant.username != NULL ? creds->grant.username : "");
	reply_str(reply, "ip", creds->ip);
	reply_int(reply, "port", creds->port);
	reply_int(reply, "ttl", creds->ttl_s);
	err_clear(err);
	return 0;
}

/* ---- the password ------------------------------------------------------- */

/* Where neither role nor mount says: the server's otp_default_ttl. */
static int64_t
fallback_ttl_s(const struct req *req)
{
	const int64_t otp_ttl_s = req->server->settings->otp_default_ttl;

	if (req->mount->default_lease_ttl_s != 0 || otp_ttl_s == 0)
		return mount_default_ttl_s(req->server, req->mount);
	return otp_ttl_s;
}

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
issue_for_role(struct req *req, const struct ssh_role *role,
	struct reply *reply, struct err *err)
{
	struct creds *creds = ARENA_NEW(req->arena, struct creds);
	const struct creds_in *in = req->in;
	size_t n_true;
	int rc;

	if (creds == NULL)
		return err_set_memory(err);
	creds->grant = (struct otp_grant){ .ip = creds->ip,
		.role = req_capture(req, "role") };
	creds->port = role->port;
	creds->ttl_s = req_cut_ttl_s(req,
		otp_role_ttl_s(role, fallback_ttl_s(req),
			mount_max_ttl_s(req->server, req->mount)));
	rc = ask_rules(req, role, creds, &n_true, err);
	if (in->explain)
		return explain_creds(creds, n_true, rc, reply, err);
	if (rc == 0)
		rc = req_check_lease_allowed(req, err);
	return rc != 0 ? rc
		       : otp_issue(req, &creds->grant, creds->ttl_s,
				 &creds->otp, answer_creds, creds, err);
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
			err, ERR_INPUT, 400, "Role \"%.64s\" not found", name);
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
			EXPLAIN_OUT,
			{ "ttl", FIELD_TYPE_INT, "With explain: its life, s." },
			{ NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400,
			"no such role, user or address not allowed" } },
	},
	OP_END,
};
