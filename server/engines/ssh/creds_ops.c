/* creds/:role: a credential for one user on one address. */
#include <string.h>

#include "server/engines/ssh/creds_rules.h"
#include "server/engines/ssh/dynamic/dynamic_key.h"
#include "server/engines/ssh/dynamic/dynamic_way.h"
#include "server/engines/ssh/otp.h"
#include "server/engines/ssh/otp_role.h"
#include "server/engines/ssh/profiles/profile_step.h"
#include "server/engines/ssh/tables.h"

struct creds_in {
	const char *ip, *username, *target;
	const char *deliver, *deliver_user;
	bool explain;
};

static const struct field creds_fields[] = {
	FIELD_STR(struct creds_in, ip, .len_max = 255,
		.doc = "Address of the host, an IPv4 or IPv6 literal. Required without target."),
	FIELD_STR(struct creds_in, username, .len_max = 255,
		.doc = "User to log in as; the role's default user if left out."),
	FIELD_STR(struct creds_in, target, .len_max = 255,
		.doc = "Name of a target (targets/) in the place of ip, for roles of type dynamic."),
	FIELD_STR(struct creds_in, deliver, .len_max = 255,
		.doc = "Target, of the role's deliver_to, that the private half of a key is put on as its own, in place of the answer."),
	FIELD_STR(struct creds_in, deliver_user, .len_max = 255,
		.doc = "User there who is to have it; the one that the server logs in as if left out."),
	FIELD_BOOL(struct creds_in, explain,
		.doc = "Answer which rules hold and which was the first that does not; nothing is made."),
	FIELD_END,
};

/* What the answer says, in the request's arena. */
struct creds {
	struct creds_place place;
	struct otp_grant grant;
	int64_t port, ttl_s;
	struct otp_issued otp;
	struct dynamic_way way; /* with explain */
};

/* ---- the rules (spec/ssh-engine.md 5.1) --------------------------------- */

/* The last one. Clients tell a CA role by this text. */
static int
check_type(struct req *req, const struct ssh_role *role, struct err *err)
{
	const struct creds_in *in = req->in;

	if (in->deliver[0] != '\0' && !ssh_role_is_dynamic(role))
		return err_set(err, ERR_INPUT, 400,
			"only roles of type dynamic deliver keys");
	return ssh_role_is_ca(role)
		? err_set(err, ERR_INPUT, 500, "key type unknown")
		: 0;
}

/* *ret_n: so many held. */
static int
ask_rules(struct req *req, const struct ssh_role *role, struct creds *creds,
	size_t *ret_n, struct err *err)
{
	int rc = creds_rules_ask(req, role, &creds->place, ret_n, err);

	if (rc == 0)
		rc = check_type(req, role, err);
	*ret_n += rc == 0;
	return rc;
}

static struct dynamic_wish
wish_of(struct req *req, const struct ssh_role *role, const struct creds *creds)
{
	const struct creds_in *in = req->in;
	const int64_t max_s = mount_max_ttl_s(req->server, req->mount);

	return (struct dynamic_wish){
		.role_name = req_capture(req, "role"),
		.role = role,
		.ip = creds->place.address,
		.target = in->ip[0] != '\0' ? "" : in->target,
		.username = creds->place.user,
		.ttl_s = creds->ttl_s,
		.max_ttl_s = role->max_ttl != 0 && role->max_ttl < max_s
			? role->max_ttl
			: max_s,
		.deliver = in->deliver,
		.deliver_user = in->deliver_user,
	};
}

static int
explain_creds(struct req *req, const struct ssh_role *role, struct creds *creds,
	size_t n_true, int rc, struct reply *reply, struct err *err)
{
	const struct dynamic_wish wish = wish_of(req, role, creds);
	const bool is_dynamic = ssh_role_is_dynamic(role);

	if (rc == 0 && is_dynamic)
		rc = dynamic_way_ask(req, &wish, &creds->way, &n_true, err);
	if (rc != 0 && rc != ERR_INPUT)
		return rc;
	struct explanation explanation = {
		.n_true = n_true, .rc = rc, .err = err
	};
	creds_rules_explain(reply, &explanation);
	explain_add(reply, &explanation, "key_type",
		"the role is of type otp or dynamic");
	if (is_dynamic)
		dynamic_way_explain(reply, &explanation);
	explain_end(reply, &explanation);
	creds_place_show(reply, &creds->place);
	reply_int(reply, "ttl", creds->ttl_s);
	dynamic_way_show(reply, &creds->way, creds->port);
	err_clear(err);
	return 0;
}

/* ---- the password ------------------------------------------------------- */

/* Where neither role nor mount says: of a password otp_default_ttl. */
static int64_t
fallback_ttl_s(const struct req *req, const struct ssh_role *role)
{
	const int64_t otp_ttl_s = req->server->settings->otp_default_ttl;

	if (req->mount->default_lease_ttl_s != 0 || otp_ttl_s == 0 ||
		ssh_role_is_dynamic(role))
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

/* ---- the key ------------------------------------------------------------- */

static void
answer_key(struct req *req, const struct creds *creds,
	const struct dynamic_issued *issued, struct reply *reply)
{
	const struct creds_in *in = req->in;
	const struct secret_view key = issued->private_key;

	reply_str(reply, "ip", issued->host);
	if (issued->deliver[0] == '\0') {
		reply_span(reply, "key", span_of(key.data, key.len));
	} else {
		reply_str(reply, "deliver", issued->deliver);
		reply_str(reply, "deliver_user", issued->deliver_user);
	}
	reply_str(reply, "key_type", "dynamic");
	reply_int(reply, "port", issued->port);
	if (in->target[0] != '\0')
		reply_str(reply, "target", in->target);
	reply_str(reply, "username", creds->grant.username);
	reply_lease(reply, issued->lease_id, true, issued->ttl_s);
	req_warn(req,
		"whether and how often this key is used is not known here: sshd logs its fingerprint, and its line in authorized_keys ends in %s",
		issued->tag);
}

static int
issue_key(struct req *req, const struct ssh_role *role,
	const struct creds *creds, struct reply *reply, struct err *err)
{
	const struct dynamic_wish wish = wish_of(req, role, creds);
	struct dynamic_issued *issued =
		ARENA_NEW(req->arena, struct dynamic_issued);
	int rc = issued != NULL ? dynamic_key_issue(req, &wish, issued, err)
				: err_set_memory(err);

	if (rc == 0)
		answer_key(req, creds, issued, reply);
	return rc;
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
	creds->place = (struct creds_place){
		.ip = in->ip, .target = in->target, .username = in->username
	};
	creds->port = role->port;
	creds->ttl_s = req_cut_ttl_s(req,
		otp_role_ttl_s(role, fallback_ttl_s(req, role),
			mount_max_ttl_s(req->server, req->mount)));
	rc = ask_rules(req, role, creds, &n_true, err);
	if (in->explain)
		return explain_creds(req, role, creds, n_true, rc, reply, err);
	creds->grant = (struct otp_grant){ .ip = creds->place.address,
		.username = creds->place.user,
		.role = req_capture(req, "role") };
	if (rc == 0)
		rc = req_check_lease_allowed(req, err);
	if (rc == 0 && ssh_role_is_dynamic(role))
		return issue_key(req, role, creds, reply, err);
	return rc != 0 ? rc
		       : otp_issue(req, &creds->grant, creds->ttl_s,
				 &creds->otp, answer_creds, creds, err);
}

static int
create_creds(struct req *req, struct reply *reply, struct err *err)
{
	const struct creds_in *in = req->in;

	return creds_under_role(req, in->ip[0] != '\0' || in->target[0] != '\0',
		issue_for_role, reply, err);
}

const struct op ssh_creds_ops[] = {
	{
		.path = "creds/:role",
		.verb = OP_UPDATE,
		.flags = OP_ONE_WRITE,
		.in_size = sizeof(struct creds_in),
		.fields = creds_fields,
		.handler = create_creds,
		.summary = "Create a one-time password or a key for a host.",
		.text = "The password logs in once, as this user, on this address; it dies with\n"
			"its lease and with the token that asked for it. The key of a dynamic role\n"
			"is put on the host before this answers, and taken off again when the lease\n"
			"ends; this answer is the only place where its private half is. With deliver\n"
			"it is no part of the answer: a device has it then, which logs in with it\n"
			"itself (profile routeros), and gives it up when the lease ends.",
		.out = (const struct op_out[]){ { "key_type", FIELD_TYPE_STR,
							"otp or dynamic" },
			{ "key", FIELD_TYPE_SECRET,
				"The password; or the private key, as PEM, unless it was delivered." },
			{ "deliver", FIELD_TYPE_STR,
				"Target that has the private key." },
			{ "deliver_user", FIELD_TYPE_STR,
				"User there who has it." },
			{ "target", FIELD_TYPE_STR,
				"As asked for, where it was; with explain also that of the address." },
			{ "username", FIELD_TYPE_STR, "User it is good for." },
			{ "ip", FIELD_TYPE_STR, "Address it is good for." },
			{ "port", FIELD_TYPE_INT, "The role's port." },
			EXPLAIN_OUT, DYNAMIC_WAY_OUT,
			{ "ttl", FIELD_TYPE_INT, "With explain: its life, s." },
			{ NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400, "no such role, user or address not allowed" },
			{ 500, "the key could not be put on the host" } },
	},
	OP_END,
};
