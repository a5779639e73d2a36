/* A user, an address or target, and the role that is asked about them. */
#include "server/engines/ssh/creds_rules.h"

#include "server/engines/ssh/dynamic/dynamic_role.h"
#include "server/engines/ssh/otp_role.h"
#include "server/engines/ssh/profiles/profile.h"
#include "server/engines/ssh/zeroaddress.h"

static int
name_user(struct req *req, const struct ssh_role *role,
	struct creds_place *place, struct err *err)
{
	const char *username = place->username[0] != '\0' ? place->username
							  : role->default_user;

	if (username[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"No default username registered. Use 'username' option");
	place->user = arena_strdup(req->arena, username);
	return place->user != NULL ? 0 : err_set_memory(err);
}

static int
check_user(UNUSED struct req *req, const struct ssh_role *role,
	struct creds_place *place, struct err *err)
{
	int rc = otp_role_check_user(role, place->user, err);

	/* It reaches a target, where a name may be more than a name. */
	return rc == 0 && ssh_role_is_dynamic(role)
		? profile_check_user(place->user, err)
		: rc;
}

static int
check_target(const struct ssh_role *role, const char *name, struct err *err)
{
	if (!ssh_role_is_dynamic(role))
		return err_set(err, ERR_INPUT, 400,
			"only roles of type dynamic have targets");
	if (dynamic_role_allows_target(role, name))
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"target \"%.64s\" is not among the role's targets", name);
}

/* The canonical text of the asked address, which is stored and compared. */
static int
check_place(struct req *req, const struct ssh_role *role,
	struct creds_place *place, struct err *err)
{
	struct otp_role_ip_rule rule = { .dev = req->server->settings->dev };
	struct str_list zero;
	struct netaddr addr;
	int rc;

	if (place->ip[0] == '\0')
		return check_target(role, place->target, err);
	if (netaddr_parse(span_str(place->ip), &addr) != 0)
		return err_set(
			err, ERR_INPUT, 400, "Invalid IP \"%.64s\"", place->ip);
	rc = zeroaddress_roles(req, &zero, err);
	if (rc != 0)
		return rc;
	rule.zero_address = str_list_has(&zero, req_capture(req, "role"));
	rc = otp_role_check_ip(role, &addr, rule, err);
	if (rc == 0)
		netaddr_format(&addr, place->address);
	return rc;
}

/* In the order in which they are asked. */
static const struct {
	const char *name, *text;
	int (*ask)(struct req *req, const struct ssh_role *role,
		struct creds_place *place, struct err *err);
} rules[] = {
	{ "username", "a user is named, or the role has a default_user",
		name_user },
	{ "allowed_users",
		"the user is the role's default_user, or in its allowed_users",
		check_user },
	{ "cidr_list",
		"the address is in cidr_list, or the role good for any, and it is not in exclude_cidr_list; or the target is among targets",
		check_place },
};

int
creds_rules_ask(struct req *req, const struct ssh_role *role,
	struct creds_place *place, size_t *ret_n, struct err *err)
{
	int rc = 0;

	*ret_n = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rules); i++) {
		rc = rules[i].ask(req, role, place, err);
		*ret_n += rc == 0;
	}
	return rc;
}

void
creds_rules_explain(struct reply *reply, struct explanation *explanation)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		explain_add(reply, explanation, rules[i].name, rules[i].text);
}

void
creds_place_show(struct reply *reply, const struct creds_place *place)
{
	reply_str(reply, "username", place->user != NULL ? place->user : "");
	reply_str(reply, "ip", place->address);
}

int
creds_under_role(struct req *req, bool is_placed, creds_role_fn *fn,
	struct reply *reply, struct err *err)
{
	const char *name = req_capture(req, "role");
	struct compiled *ref = NULL;
	const void *role = NULL;
	int rc;

	if (!is_placed)
		return err_set(err, ERR_INPUT, 400, "Missing ip");
	rc = record_find(req->server->store, &req->mount->kv, &ssh_role_record,
		name, &ref, &role, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(
			err, ERR_INPUT, 400, "Role \"%.64s\" not found", name);
	}
	if (rc == 0)
		rc = fn(req, role, reply, err);
	compiled_unref(&ref);
	return rc;
}
