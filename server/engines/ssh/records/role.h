/*
 * A role of the ssh engine: who may get which credential for how long
 * (spec/ssh-engine.md 2).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_RECORDS_ROLE_H
#define SALLYPORT_SERVER_ENGINES_SSH_RECORDS_ROLE_H

#include "server/api/record_ops.h"

struct ssh_role {
	const char *key_type;      /* "otp", "dynamic" or "ca" */
	const char *default_user;  /* ca: a comma list */
	const char *allowed_users; /* comma list, or "*" */
	int64_t ttl, max_ttl;      /* s; 0: the mount's */

	/* otp (otp_role.h) and dynamic */
	const char *cidr_list, *exclude_cidr_list; /* as typed; comma lists */
	int64_t port;

	/*
	 * dynamic (dynamic_role.h). What is empty here is the target's
	 * (target.h), where there is one, or the default beside it.
	 */
	const char *key;              /* of keys/ */
	const char *admin_user;       /* who logs in with it */
	int64_t key_bits;             /* as asked: dynamic_role_key_bits */
	const char *dynamic_key_type; /* "rsa" or "ed25519" */
	const char *install_script;   /* custom, or "" */
	const char
		*key_option_specs; /* authorized_keys options; key_options.h */
	const char *profile;       /* profile.h; "": script or linux */
	struct str_list host_keys; /* "type base64" or "SHA256:…" */
	const char *host_key_policy; /* "": strict */
	struct str_list targets;     /* names that creds may name; "*": any */
	const char *source_address;  /* to dial from; "": any */
	struct str_list deliver_to;  /* targets that private halves may go to */
	bool legacy_crypto;
	bool expiry_time; /* the target itself ends the key, where it can */
	bool accept_password_lockout;     /* routeros: R-3 */
	struct str_list allowed_commands; /* globs for exec */
	int64_t exec_timeout;             /* s; 0: EXEC_TIMEOUT_S */

	/* ca (ca_role.h) */
	bool allow_user_certificates, allow_host_certificates;
	const char *allowed_domains; /* of host certificates; "*" */
	bool allow_bare_domains, allow_subdomains;
	bool allow_empty_principals;
	bool allowed_users_template, allowed_domains_template;
	bool default_user_template, default_extensions_template;
	bool allow_commas_in_identity_templates;
	const char *allowed_critical_options, *allowed_extensions;
	struct str_map default_critical_options, default_extensions;
	struct str_map forced_critical_options;
	struct str_list denied_extensions;
	bool bind_source_address; /* to the caller's own; dynamic: from= */
	bool allow_user_key_ids;
	const char *key_id_format;
	const struct value *allowed_user_key_lengths; /* type to sizes */
	const char *algorithm_signer, *issuer_ref;
	int64_t not_before_duration; /* s */
	bool issue_requires_wrapping;
};

/*
 * roles/:role, for its readers. What a write checks and a read shows is the
 * operations' part of it: the type stands with them (role_ops.c).
 */
extern const struct record_type ssh_role_record;

bool ssh_role_is_ca(const struct ssh_role *role);
bool ssh_role_is_dynamic(const struct ssh_role *role);

/* ERR_INPUT where both are given and ttl is the larger. */
int ssh_role_check_ttl(const struct ssh_role *role, struct err *err);

/* The comma list has this very name among its pieces. */
bool comma_list_has(const char *list, struct span name);

#endif
