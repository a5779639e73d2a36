/* The rules of a dynamic role when it is stored, and the warnings about it. */
#include "server/engines/ssh/dynamic/dynamic_role.h"

#include <string.h>

#include "lib/netaddr.h"
#include "server/engines/ssh/dynamic/key_options.h"
#include "server/engines/ssh/profiles/pins.h"
#include "server/engines/ssh/profiles/profile.h"
#include "server/engines/ssh/records/principal.h"

#define KEY_BITS_DEFAULT 2048

/* ---- what may be stored -------------------------------------------------- */

int
dynamic_role_check(
	struct ssh_role *role, UNUSED struct arena *arena, struct err *err)
{
	if (role->default_user[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing default user");
	if (role->key[0] == '\0' && role->targets.n == 0)
		return err_set(err, ERR_INPUT, 400, "missing key name");
	return 0;
}

static int
check_pair(struct ssh_role *role, struct err *err)
{
	static const int64_t sizes[] = { 0, 1024, 2048, 3072, 4096 };
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		known = known || role->key_bits == sizes[i];
	if (!known)
		return err_set(err, ERR_INPUT, 400, "invalid key_bits field");
	if (role->key_bits == 0)
		role->key_bits = KEY_BITS_DEFAULT;
	if (role->dynamic_key_type[0] == '\0')
		role->dynamic_key_type = "rsa";
	if (strcmp(role->dynamic_key_type, "rsa") != 0 &&
		strcmp(role->dynamic_key_type, "ed25519") != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid dynamic_key_type \"%.64s\": must be rsa or ed25519",
			role->dynamic_key_type);
	return 0;
}

static int
check_profile(const struct ssh_role *role, struct err *err)
{
	const struct profile *profile = NULL;

	if (role->profile[0] != '\0') {
		profile = profile_find(role->profile);
		if (profile == NULL)
			return err_set(err, ERR_INPUT, 400,
				"unknown profile \"%.64s\"", role->profile);
		if (profile->needs_script != (role->install_script[0] != '\0'))
			return err_set(err, ERR_INPUT, 400,
				"install_script and profile \"%s\" do not go together",
				role->profile);
	}
	return 0;
}

/* sshd takes from= once. */
static int
check_options(const struct ssh_role *role, struct err *err)
{
	int rc = key_options_check(role->key_option_specs, err);

	if (rc == 0 && role->bind_source_address &&
		key_options_have(role->key_option_specs, "from"))
		rc = err_set(err, ERR_INPUT, 400,
			"key_option_specs has a from= of its own: bind_source_address cannot add one");
	return rc;
}

static int
check_source(const struct ssh_role *role, struct err *err)
{
	struct netaddr addr;

	if (role->source_address[0] == '\0' ||
		netaddr_parse(span_str(role->source_address), &addr) == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400, "invalid source_address \"%.64s\"",
		role->source_address);
}

static int
check_admin(const struct ssh_role *role, struct err *err)
{
	if (role->admin_user[0] == '\0')
		return role->targets.n > 0 ? 0
					   : err_set(err, ERR_INPUT, 400,
						     "missing admin username");
	if (!principal_is_user(role->admin_user))
		return err_set(err, ERR_INPUT, 400, "invalid admin_user: %.64s",
			role->admin_user);
	return 0;
}

int
dynamic_role_check_rest(
	struct ssh_role *role, struct arena *arena, struct err *err)
{
	enum outbound_host_key_policy policy;
	int rc = check_admin(role, err);

	if (rc == 0)
		rc = check_pair(role, err);
	if (rc == 0)
		rc = check_options(role, err);
	if (rc == 0)
		rc = check_profile(role, err);
	if (rc == 0)
		rc = pins_settle(arena, &role->host_keys, err);
	if (rc == 0)
		rc = pins_policy(role->host_key_policy, &policy, err);
	if (rc == 0)
		rc = check_source(role, err);
	if (rc == 0)
		rc = ssh_role_check_ttl(role, err);
	role->allow_user_certificates = role->allow_host_certificates = false;
	return rc;
}

/* ---- what follows from it ------------------------------------------------ */

int64_t
dynamic_role_key_bits(const struct ssh_role *role)
{
	return role->key_bits < KEY_BITS_DEFAULT ? KEY_BITS_DEFAULT
						 : role->key_bits;
}

bool
dynamic_role_allows_target(const struct ssh_role *role, const char *name)
{
	return str_list_has(&role->targets, "*") ||
		str_list_has(&role->targets, name);
}

/* ---- warnings ------------------------------------------------------------ */

static bool
raises_key_bits(const struct ssh_role *role)
{
	return role->key_bits < KEY_BITS_DEFAULT;
}

static bool
reaches_nothing(const struct ssh_role *role)
{
	return role->cidr_list[0] == '\0' && role->targets.n == 0;
}

static bool
trusts_first_use(const struct ssh_role *role)
{
	return strcmp(role->host_key_policy, "tofu") == 0;
}

static bool
checks_no_host_key(const struct ssh_role *role)
{
	return strcmp(role->host_key_policy, "off") == 0;
}

static bool
has_odd_option(const struct ssh_role *role)
{
	return key_options_find_unknown(role->key_option_specs).len > 0;
}

static bool
makes_authorities(const struct ssh_role *role)
{
	return key_options_have(role->key_option_specs, "cert-authority");
}

static bool
leaves_no_end(const struct ssh_role *role)
{
	return !role->expiry_time;
}

static bool
takes_weak_crypto(const struct ssh_role *role)
{
	return role->legacy_crypto;
}

static const struct {
	bool (*applies)(const struct ssh_role *role);
	const char *text;
} warnings[] = {
	{ raises_key_bits,
		"key_bits 1024 is too small: keys of 2048 bits are made" },
	{ reaches_nothing,
		"cidr_list is empty: no address belongs to the role unless it is on the zero-address list" },
	{ trusts_first_use,
		"host_key_policy tofu: whoever answers first for a machine that has no host key pinned is believed" },
	{ checks_no_host_key,
		"host_key_policy off: whoever answers for a machine is believed" },
	{ has_odd_option,
		"key_option_specs names an option that OpenSSH does not know: sshd will refuse the key" },
	{ makes_authorities,
		"key_option_specs has cert-authority: keys of this role sign certificates and do not log in themselves" },
	{ leaves_no_end,
		"expiry_time is off: a key that cannot be removed stays good until it is" },
	{ takes_weak_crypto,
		"legacy_crypto is on: algorithms are taken that are known to be weak" },
};

void
dynamic_role_warn(
	const struct ssh_role *role, dynamic_role_tell_fn *tell, void *ctx)
{
	for (size_t i = 0; i < ARRAY_LEN(warnings); i++) {
		if (warnings[i].applies(role))
			tell(ctx, warnings[i].text);
	}
}
