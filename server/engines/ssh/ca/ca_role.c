/* The rules of a ca role when it is stored, and the warnings about it. */
#include "server/engines/ssh/ca/ca_role.h"

#include <string.h>

#include "lib/netaddr.h"
#include "lib/number.h"
#include "lib/source_address.h"

/* ---- what may be stored ------------------------------------------------ */

static int
check_algorithm(struct ssh_role *role, struct err *err)
{
	static const char *const known[] = { "default", "ssh-rsa",
		"rsa-sha2-256", "rsa-sha2-512" };

	if (role->algorithm_signer[0] == '\0')
		role->algorithm_signer = known[0];
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(role->algorithm_signer, known[i]) == 0)
			return 0;
	}
	return err_set(err, ERR_INPUT, 400,
		"unknown algorithm signer \"%.64s\"", role->algorithm_signer);
}

/* Add a number given as text to sizes. */
static int
add_size(struct value *sizes, struct span text, struct arena *arena)
{
	int64_t bits = 0;

	if (number_parse_api(text, &bits) != 0)
		return ERR_INPUT;
	return value_add(sizes, value_int(arena, bits)) ? 0 : ERR_MEMORY;
}

/* Add a number, or a comma list of them. */
static int
add_scalar(struct value *sizes, const struct value *given, struct arena *arena)
{
	struct span piece;
	size_t pos = 0;
	int rc = 0;

	if (given->type == VALUE_INT)
		return value_add(sizes, value_int(arena, given->integer))
			? 0
			: ERR_MEMORY;
	if (given->type == VALUE_NUMBER)
		return add_size(sizes, value_text(given), arena);
	if (given->type != VALUE_STRING)
		return ERR_INPUT;
	while (rc == 0 && comma_next(given->str, &pos, &piece))
		rc = add_size(sizes, piece, arena);
	return rc;
}

/* Add what one type's entry says: the same, or a list of that. */
static int
add_sizes(struct value *sizes, const struct value *given, struct arena *arena)
{
	int rc = 0;

	if (given->type != VALUE_LIST)
		return add_scalar(sizes, given, arena);
	VALUE_EACH (one, given) {
		if (rc == 0)
			rc = add_scalar(sizes, one, arena);
	}
	return rc;
}

/* {"rsa":2048} becomes {"rsa":[2048]}, the form that a read shows. */
static int
check_key_lengths(struct ssh_role *role, struct arena *arena, struct err *err)
{
	struct value *all = value_object(arena);
	int rc = all != NULL ? 0 : ERR_MEMORY;

	VALUE_EACH (given, role->allowed_user_key_lengths) {
		struct value *sizes = value_list(arena);

		rc = sizes != NULL ? add_sizes(sizes, given, arena)
				   : ERR_MEMORY;
		if (rc == ERR_INPUT)
			return err_set(err, rc, 400,
				"error processing allowed_user_key_lengths: \"%.64s\" needs a whole number, or a list of them",
				given->key);
		if (rc == 0 && !value_set(arena, all, given->key, sizes))
			rc = ERR_MEMORY;
		if (rc != 0)
			break;
	}
	if (rc != 0)
		return err_set_memory(err);
	role->allowed_user_key_lengths = all;
	return 0;
}

/* A name cannot be denied and given at once. */
static int
check_denied(const struct ssh_role *role, struct err *err)
{
	const struct str_map *given = &role->default_extensions;

	for (size_t i = 0; i < given->n; i++) {
		if (str_list_has(&role->denied_extensions, given->keys[i]))
			return err_set(err, ERR_INPUT, 400,
				"extension \"%.64s\" is in both default_extensions and denied_extensions",
				given->keys[i]);
	}
	return 0;
}

int
ca_role_check(struct ssh_role *role, struct arena *arena, struct err *err)
{
	int rc = check_algorithm(role, err);

	if (rc == 0 && !role->allow_user_certificates &&
		!role->allow_host_certificates)
		rc = err_set(err, ERR_INPUT, 400,
			"Either 'allow_user_certificates' or 'allow_host_certificates' must be set to 'true'");
	if (rc == 0)
		rc = check_key_lengths(role, arena, err);
	if (rc == 0)
		rc = ssh_role_check_ttl(role, err);
	if (rc == 0)
		rc = check_denied(role, err);
	if (rc != 0)
		return rc;
	if (role->not_before_duration == 0)
		role->not_before_duration = CA_ROLE_NOT_BEFORE_S;
	if (role->issuer_ref[0] == '\0')
		role->issuer_ref = "default";
	role->cidr_list = role->exclude_cidr_list = role->admin_user = "";
	return 0;
}

/* ---- warnings ----------------------------------------------------------- */

/* OpenSSH looks at names that it knows; others want a name@domain. */
static bool
is_odd_extension(struct span name)
{
	return !span_has_prefix(name, span_str("permit-")) &&
		!span_equal(name, span_str("no-touch-required")) &&
		!span_equal(name, span_str("*")) && name.len > 0 &&
		memchr(name.data, '@', name.len) == NULL;
}

static bool
has_odd_extension(const struct ssh_role *role)
{
	const struct str_map *defaults = &role->default_extensions;
	struct span piece;
	size_t pos = 0;

	while (comma_next(role->allowed_extensions, &pos, &piece)) {
		if (is_odd_extension(piece))
			return true;
	}
	for (size_t i = 0; i < defaults->n; i++) {
		if (is_odd_extension(span_str(defaults->keys[i])))
			return true;
	}
	return false;
}

static bool
signs_with_sha1(const struct ssh_role *role)
{
	return strcmp(role->algorithm_signer, "ssh-rsa") == 0;
}

static bool
allows_no_principals(const struct ssh_role *role)
{
	return role->allow_empty_principals;
}

/* The default user is a principal only where allowed_users has it too. */
static bool
refuses_its_default_user(const struct ssh_role *role)
{
	struct span piece;
	size_t pos = 0;

	if (!role->allow_user_certificates || role->allowed_users_template ||
		role->default_user_template ||
		strcmp(role->allowed_users, "*") == 0)
		return false;
	while (comma_next(role->default_user, &pos, &piece)) {
		if (!comma_list_has(role->allowed_users, piece))
			return true;
	}
	return false;
}

static bool
allows_no_user(const struct ssh_role *role)
{
	return role->allow_user_certificates && role->allowed_users[0] == '\0';
}

static bool
allows_no_host(const struct ssh_role *role)
{
	return role->allow_host_certificates &&
		(role->allowed_domains[0] == '\0' ||
			(strcmp(role->allowed_domains, "*") != 0 &&
				!role->allow_bare_domains &&
				!role->allow_subdomains));
}

static bool
has_star_in_list(const struct ssh_role *role)
{
	return (strcmp(role->allowed_users, "*") != 0 &&
		       comma_list_has(role->allowed_users, span_str("*"))) ||
		(strcmp(role->allowed_domains, "*") != 0 &&
			comma_list_has(role->allowed_domains, span_str("*")));
}

static bool
has_bad_source_address(const struct ssh_role *role)
{
	const struct str_map *const maps[] = { &role->default_critical_options,
		&role->forced_critical_options };

	for (size_t m = 0; m < ARRAY_LEN(maps); m++) {
		for (size_t i = 0; i < maps[m]->n; i++) {
			if (strcmp(maps[m]->keys[i], SOURCE_ADDRESS) == 0 &&
				!source_address_is_good(maps[m]->values[i]))
				return true;
		}
	}
	return false;
}

static const struct {
	bool (*applies)(const struct ssh_role *role);
	const char *text;
} warnings[] = {
	{ has_odd_extension,
		"an extension is named that OpenSSH does not know: its own begin with \"permit-\", others have the form name@domain" },
	{ signs_with_sha1,
		"algorithm_signer ssh-rsa makes SHA-1 signatures, which OpenSSH refuses since 8.2; they need allow_sha1_signatures in the server's configuration" },
	{ allows_no_principals,
		"allow_empty_principals is set: a certificate without principals is good for every account, or for every host" },
	{ allows_no_user,
		"allowed_users is empty: no user certificate can be signed" },
	{ refuses_its_default_user,
		"default_user is not in allowed_users: a request without valid_principals is refused" },
	{ allows_no_host,
		"no host certificate can be signed: allowed_domains needs allow_bare_domains or allow_subdomains" },
	{ has_star_in_list,
		"\"*\" allows any name only where it stands alone; in a list it is a literal" },
	{ has_bad_source_address,
		"a source-address is no comma list of addresses or CIDR blocks: sshd refuses such certificates" },
};

void
ca_role_warn(const struct ssh_role *role, ca_role_tell_fn *tell, void *ctx)
{
	for (size_t i = 0; i < ARRAY_LEN(warnings); i++) {
		if (warnings[i].applies(role))
			tell(ctx, warnings[i].text);
	}
}
