/* roles/:role: the record, what a read shows, what deleting one does. */
#include <string.h>

#include "server/engines/ssh/ca/ca_role.h"
#include "server/engines/ssh/dynamic/dynamic_role.h"
#include "server/engines/ssh/records/named_key.h"
#include "server/engines/ssh/role_check.h"
#include "server/engines/ssh/tables.h"
#include "server/engines/ssh/zeroaddress.h"

#define USER_LIST_MAX 16384
#define CIDR_LIST_MAX 65536

#define FORMAT_MAX 4096
#define SCRIPT_MAX 65536

static const struct field role_fields[] = {
	FIELD_STR(struct ssh_role, key_type, .len_max = 32,
		.doc = "Type of credential: \"otp\", \"dynamic\" or \"ca\". Required."),
	FIELD_STR(struct ssh_role, default_user, .len_max = USER_LIST_MAX,
		.doc = "otp, dynamic: user to log in as when the caller names none. ca: principals of a request without valid_principals."),
	FIELD_STR(struct ssh_role, allowed_users, .len_max = USER_LIST_MAX,
		.doc = "Comma list of users; \"*\" alone is anyone. otp, dynamic: besides the default one. ca: all who may be principals."),
	FIELD_DURATION(struct ssh_role, ttl,
		.doc = "Lifetime of a credential; 0 is the mount's."),
	FIELD_DURATION(struct ssh_role, max_ttl,
		.doc = "Longest lifetime of a credential; 0 is the mount's."),
	FIELD_STR(struct ssh_role, cidr_list, .len_max = CIDR_LIST_MAX,
		.doc = "otp, dynamic: comma list of CIDR blocks that the role is good for."),
	FIELD_STR(struct ssh_role, exclude_cidr_list, .len_max = CIDR_LIST_MAX,
		.doc = "otp, dynamic: comma list of CIDR blocks that the role never reaches."),
	FIELD_STR(struct ssh_role, admin_user, .len_max = 255,
		.doc = "dynamic: user that the server logs in as to install keys. otp: must be empty."),
	FIELD_INT(struct ssh_role, port,
		.doc = "otp, dynamic: port of sshd on the hosts, 1 to 65535; told to clients. Default 22."),
	FIELD_STR(struct ssh_role, key, .len_max = 255,
		.doc = "dynamic: name of the key (keys/) that the server logs in with."),
	FIELD_INT(struct ssh_role, key_bits,
		.doc = "dynamic: size of the RSA keys that are made: 2048, 3072 or 4096; 1024 is taken as 2048. Default 2048."),
	FIELD_STR(struct ssh_role, dynamic_key_type, .len_max = 32,
		.doc = "dynamic: type of the keys that are made: rsa or ed25519. Default rsa."),
	FIELD_STR(struct ssh_role, install_script, .len_max = SCRIPT_MAX,
		.doc = "dynamic: a script of your own that adds and removes keys: $1 install or uninstall, $2 a file with the key's line, $3 the user's authorized_keys."),
	FIELD_STR(struct ssh_role, key_option_specs, .len_max = FORMAT_MAX,
		.doc = "dynamic: options to stand before each key in authorized_keys."),
	FIELD_STR(struct ssh_role, profile, .len_max = 64,
		.doc = "dynamic: how the machines take a key: linux, script, routeros, … Default: the target's own; script with an install_script; else linux."),
	FIELD_LIST(struct ssh_role, host_keys, .len_max = CIDR_LIST_MAX,
		.doc = "dynamic: public keys of the machines, or their fingerprints SHA256:…; those of a target come on top."),
	FIELD_STR(struct ssh_role, host_key_policy, .len_max = 32,
		.doc = "dynamic: strict takes pinned host keys alone, tofu also the first one that a machine shows, off any. Default: the target's own, else strict."),
	FIELD_LIST(struct ssh_role, targets, .len_max = CIDR_LIST_MAX,
		.doc = "dynamic: targets that creds may name; \"*\" is any. Their key, user and profile stand in for what the role leaves empty."),
	FIELD_STR(struct ssh_role, source_address, .len_max = 64,
		.doc = "dynamic: address that the server connects from."),
	FIELD_LIST(struct ssh_role, deliver_to, .len_max = CIDR_LIST_MAX,
		.doc = "dynamic: targets that the private half of a key may be delivered to; none: it is in the answer alone."),
	FIELD_BOOL(struct ssh_role, legacy_crypto,
		.doc = "dynamic: take weak algorithms too, for old devices."),
	FIELD_BOOL(struct ssh_role, expiry_time, .initial = "true",
		.doc = "dynamic: tell the machine when the key ends, where it can know (expiry-time=)."),
	FIELD_BOOL(struct ssh_role, accept_password_lockout,
		.doc = "dynamic, routeros: a user with a key can no longer log in by password, and that is fine."),
	FIELD_NAMES(struct ssh_role, allowed_commands, .len_max = CIDR_LIST_MAX,
		.doc = "dynamic: globs of commands that exec may run, each given for itself, for a comma is part of it; none: exec is refused."),
	FIELD_DURATION(struct ssh_role, exec_timeout, .max = EXEC_TIMEOUT_MAX_S,
		.doc = "dynamic: how long a command of exec may take, at most 5 minutes. Default 30 s."),
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
		.doc = "ca, dynamic: what is issued is good from the address of the caller alone."),
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

/* What roles of type otp and dynamic have in common. */
static void
show_login_rules(struct reply *reply, const struct ssh_role *role)
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
}

/* The rest of a dynamic role, behind its key. */
static int
check_role_tx(struct store_tx *tx, struct req *req, UNUSED const char *name,
	void *record, struct err *err)
{
	struct ssh_role *role = record;
	struct named_key_info key;
	int rc = 0;

	if (!ssh_role_is_dynamic(role))
		return 0;
	if (role->key[0] != '\0')
		rc = named_key_get(
			tx, &req->mount->kv, role->key, req->arena, &key, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = err_set(err, ERR_INPUT, 400, "invalid 'key': \"%.64s\"",
			role->key);
	}
	return rc != 0 ? rc : dynamic_role_check_rest(role, req->arena, err);
}

static void
show_otp_role(struct req *req, const struct ssh_role *role, struct reply *reply)
{
	show_login_rules(reply, role);
	if (role->cidr_list[0] == '\0')
		req_warn(req,
			"cidr_list is empty: no address belongs to the role unless it is on the zero-address list");
}

static void
add_warning(void *ctx, const char *warning)
{
	req_warn(ctx, "%s", warning);
}

static bool
is_set(const struct value *value)
{
	switch (value->type) {
	case VALUE_BOOL:
		return value->boolean;
	case VALUE_INT:
		return value->integer != 0;
	case VALUE_STRING:
		return value->len > 0;
	case VALUE_LIST:
		return value->n > 0;
	default:
		return false;
	}
}

/* What is ours is shown where it is in use. */
static void
show_dynamic_extras(struct reply *reply, const struct ssh_role *role)
{
	static const char *const names[] = { "accept_password_lockout",
		"allowed_commands", "bind_source_address", "deliver_to",
		"exec_timeout", "host_key_policy", "host_keys", "legacy_crypto",
		"profile", "source_address", "targets" };
	struct arena *arena = reply->req->arena;
	const struct value *all = record_encode(role_fields, role, arena);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct value *value = value_find(all, names[i]);

		if (value == NULL)
			reply->out_of_memory = true;
		else if (is_set(value))
			reply_value(reply, names[i], value_copy(arena, value));
	}
	if (!role->expiry_time)
		reply_bool(reply, "expiry_time", false);
	if (strcmp(role->dynamic_key_type, "rsa") != 0)
		reply_str(reply, "dynamic_key_type", role->dynamic_key_type);
}

static void
show_dynamic_role(
	struct req *req, const struct ssh_role *role, struct reply *reply)
{
	show_login_rules(reply, role);
	reply_str(reply, "admin_user", role->admin_user);
	reply_str(reply, "install_script", role->install_script);
	reply_str(reply, "key", role->key);
	reply_int(reply, "key_bits", dynamic_role_key_bits(role));
	reply_str(reply, "key_option_specs", role->key_option_specs);
	show_dynamic_extras(reply, role);
	dynamic_role_warn(role, add_warning, req);
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
show_ca_role(struct req *req, const struct ssh_role *role, struct reply *reply)
{
	show_ca_rules(reply, role);
	show_ca_values(reply, role);
	show_ca_extras(reply, role);
	ca_role_warn(role, add_warning, req);
}

static void
show_role(struct req *req, UNUSED const char *name, const void *record,
	struct reply *reply)
{
	const struct ssh_role *role = record;

	if (ssh_role_is_dynamic(role))
		show_dynamic_role(req, role, reply);
	else if (ssh_role_is_ca(role))
		show_ca_role(req, role, reply);
	else
		show_otp_role(req, role, reply);
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
	.check_tx = check_role_tx,
	.show = show_role,
	.key_info = role_key_info,
	.on_delete = zeroaddress_forget_role,
};

const struct op ssh_role_ops[] = {
	RECORD_OPS("roles", "roles/:role", &ssh_role_record, "role"),
	OP_END,
};
