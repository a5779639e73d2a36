/* roles/:role: the record, what a read shows, what deleting one does. */
#include "server/engines/ssh/ca_role.h"
#include "server/engines/ssh/tables.h"
#include "server/engines/ssh/zeroaddress.h"

#define USER_LIST_MAX 16384
#define CIDR_LIST_MAX 65536

#define FORMAT_MAX 4096

static const struct field role_fields[] = {
	FIELD_STR(struct ssh_role, key_type, .len_max = 32,
		.doc = "Type of credential: \"otp\" or \"ca\". Required."),
	FIELD_STR(struct ssh_role, default_user, .len_max = USER_LIST_MAX,
		.doc = "otp: user to log in as when the caller names none. ca: principals of a request without valid_principals."),
	FIELD_STR(struct ssh_role, allowed_users, .len_max = USER_LIST_MAX,
		.doc = "Comma list of users; \"*\" alone is anyone. otp: besides the default one. ca: all who may be principals."),
	FIELD_DURATION(struct ssh_role, ttl,
		.doc = "Lifetime of a credential; 0 is the mount's."),
	FIELD_DURATION(struct ssh_role, max_ttl,
		.doc = "Longest lifetime of a credential; 0 is the mount's."),
	FIELD_STR(struct ssh_role, cidr_list, .len_max = CIDR_LIST_MAX,
		.doc = "otp: comma list of CIDR blocks that the role is good for."),
	FIELD_STR(struct ssh_role, exclude_cidr_list, .len_max = CIDR_LIST_MAX,
		.doc = "otp: comma list of CIDR blocks that the role never reaches."),
	FIELD_STR(struct ssh_role, admin_user, .len_max = 255,
		.doc = "otp: must be empty."),
	FIELD_INT(struct ssh_role, port,
		.doc = "otp: port of sshd on the hosts, 1 to 65535; told to clients. Default 22."),
	FIELD_BOOL(struct ssh_role, allow_user_certificates,
		.doc = "ca: certificates of users may be signed. One of these two must be true."),
	FIELD_BOOL(struct ssh_role, allow_host_certificates,
		.doc = "ca: certificates of hosts may be signed."),
	FIELD_STR(struct ssh_role, allowed_domains, .len_max = USER_LIST_MAX,
		.doc = "ca: comma list of domains for host certificates; \"*\" alone is any."),
	FIELD_BOOL(struct ssh_role, allow_bare_domains,
		.doc = "ca: a name may be one of allowed_domains itself."),
	FIELD_BOOL(struct ssh_role, allow_subdomains,
		.doc = "ca: a name may lie below one of allowed_domains, at any depth."),
	FIELD_BOOL(struct ssh_role, allow_empty_principals,
		.doc = "ca: certificates without principals, good for every account, may be signed."),
	FIELD_BOOL(struct ssh_role, allowed_users_template,
		.doc = "ca: allowed_users has {{identity...}} templates."),
	FIELD_BOOL(struct ssh_role, allowed_domains_template,
		.doc = "ca: allowed_domains has them."),
	FIELD_BOOL(struct ssh_role, default_user_template,
		.doc = "ca: default_user has them."),
	FIELD_BOOL(struct ssh_role, default_extensions_template,
		.doc = "ca: values of default_extensions have them."),
	FIELD_BOOL(struct ssh_role, allow_commas_in_identity_templates,
		.doc = "ca: a template's value may have commas, and stand for several names."),
	FIELD_STR(struct ssh_role, allowed_critical_options,
		.len_max = USER_LIST_MAX,
		.doc = "ca: comma list of critical options that a caller may ask for; empty is any."),
	FIELD_STR(struct ssh_role, allowed_extensions, .len_max = USER_LIST_MAX,
		.doc = "ca: comma list of extensions that a caller may ask for; empty or \"*\" is any (see strict_extensions in config/options)."),
	FIELD_MAP(struct ssh_role, default_critical_options,
		.len_max = USER_LIST_MAX,
		.doc = "ca: critical options where the caller asks for none; force-command, source-address and verify-required stay whatever is asked."),
	FIELD_MAP(struct ssh_role, default_extensions, .len_max = USER_LIST_MAX,
		.doc = "ca: extensions where the caller asks for none."),
	FIELD_MAP(struct ssh_role, forced_critical_options,
		.len_max = USER_LIST_MAX,
		.doc = "ca: critical options of every certificate; no caller can drop or change them."),
	FIELD_LIST(struct ssh_role, denied_extensions, .len_max = USER_LIST_MAX,
		.doc = "ca: extensions that no caller gets."),
	FIELD_BOOL(struct ssh_role, bind_source_address,
		.doc = "ca: user certificates are good from the address of the caller alone."),
	FIELD_BOOL(struct ssh_role, allow_user_key_ids,
		.doc = "ca: the caller may choose the key id."),
	FIELD_STR(struct ssh_role, key_id_format, .len_max = FORMAT_MAX,
		.doc = "ca: key id with {{token_display_name}}, {{role_name}} and {{public_key_hash}}."),
	FIELD_OBJECT(struct ssh_role, allowed_user_key_lengths,
		.doc = "ca: types of keys and their sizes, {\"rsa\": [3072, 4096], \"ed25519\": 0}; empty is any."),
	FIELD_STR(struct ssh_role, algorithm_signer, .len_max = 64,
		.doc = "ca: signature of an RSA CA: default (rsa-sha2-256), rsa-sha2-256, rsa-sha2-512, ssh-rsa."),
	FIELD_STR(struct ssh_role, issuer_ref, .len_max = 255,
		.doc = "ca: issuer that signs: its id or name. Default \"default\"."),
	FIELD_DURATION(struct ssh_role, not_before_duration,
		.doc = "ca: how far back a certificate is valid, for clocks that are behind. Default 30 s."),
	FIELD_BOOL(struct ssh_role, issue_requires_wrapping,
		.doc = "ca: issue answers only where the caller asked for a wrapped answer."),
	FIELD_END,
};

static int
check_role(
	struct req *req, UNUSED const char *name, void *record, struct err *err)
{
	return ssh_role_check(record, req->arena, err);
}

static void
show_otp_role(struct req *req, const struct ssh_role *role, struct reply *reply)
{
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

static void
add_warning(void *ctx, const char *warning)
{
	req_warn(ctx, "%s", warning);
}

/* The names that an answer of a CA role has at the peer, always. */
static void
show_ca_rules(struct reply *reply, const struct ssh_role *role)
{
	reply_bool(reply, "allow_bare_domains", role->allow_bare_domains);
	reply_bool(reply, "allow_commas_in_identity_templates",
		role->allow_commas_in_identity_templates);
	reply_bool(
		reply, "allow_empty_principals", role->allow_empty_principals);
	reply_bool(reply, "allow_host_certificates",
		role->allow_host_certificates);
	reply_bool(reply, "allow_subdomains", role->allow_subdomains);
	reply_bool(reply, "allow_user_certificates",
		role->allow_user_certificates);
	reply_bool(reply, "allow_user_key_ids", role->allow_user_key_ids);
	reply_str(reply, "allowed_critical_options",
		role->allowed_critical_options);
	reply_str(reply, "allowed_domains", role->allowed_domains);
	reply_bool(reply, "allowed_domains_template",
		role->allowed_domains_template);
	reply_str(reply, "allowed_extensions", role->allowed_extensions);
	reply_str(reply, "allowed_users", role->allowed_users);
	reply_bool(
		reply, "allowed_users_template", role->allowed_users_template);
}

static void
show_ca_values(struct reply *reply, const struct ssh_role *role)
{
	struct arena *arena = reply->req->arena;
	const struct value *lengths = role->allowed_user_key_lengths;

	reply_str(reply, "algorithm_signer", role->algorithm_signer);
	reply_value(reply, "allowed_user_key_lengths",
		lengths != NULL ? value_copy(arena, lengths)
				: value_object(arena));
	reply_value(reply, "default_critical_options",
		value_of_map(arena, &role->default_critical_options));
	reply_value(reply, "default_extensions",
		value_of_map(arena, &role->default_extensions));
	reply_bool(reply, "default_extensions_template",
		role->default_extensions_template);
	reply_str(reply, "default_user", role->default_user);
	reply_bool(reply, "default_user_template", role->default_user_template);
	reply_str(reply, "issuer_ref", role->issuer_ref);
	reply_int(reply, "key_bits", 0);
	reply_str(reply, "key_id_format", role->key_id_format);
	reply_str(reply, "key_type", role->key_type);
	reply_int(reply, "max_ttl", role->max_ttl);
	reply_int(reply, "not_before_duration", role->not_before_duration);
	reply_int(reply, "ttl", role->ttl);
}

/* What is ours is shown where it is in use. */
static void
show_ca_extras(struct reply *reply, const struct ssh_role *role)
{
	struct arena *arena = reply->req->arena;

	if (role->bind_source_address)
		reply_bool(reply, "bind_source_address", true);
	if (role->denied_extensions.n > 0)
		reply_value(reply, "denied_extensions",
			value_of_list(arena, &role->denied_extensions));
	if (role->forced_critical_options.n > 0)
		reply_value(reply, "forced_critical_options",
			value_of_map(arena, &role->forced_critical_options));
	if (role->issue_requires_wrapping)
		reply_bool(reply, "issue_requires_wrapping", true);
}

static void
show_role(struct req *req, UNUSED const char *name, const void *record,
	struct reply *reply)
{
	const struct ssh_role *role = record;

	if (!ssh_role_is_ca(role)) {
		show_otp_role(req, role, reply);
		return;
	}
	show_ca_rules(reply, role);
	show_ca_values(reply, role);
	show_ca_extras(reply, role);
	ca_role_warn(role, add_warning, req);
}

static struct value *
role_key_info(struct req *req, const char *name, const void *record)
{
	const struct ssh_role *role = record;
	struct value *info = value_object(req->arena);

	(void)name;
	if (ssh_role_is_ca(role) &&
		!value_set_str(
			req->arena, info, "issuer_ref", role->issuer_ref))
		return NULL;
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
