/* What the types of roles have in common, and the order of their checks. */
#include "server/engines/ssh/role.h"

#include <string.h>

#include "lib/netaddr.h"
#include "server/engines/ssh/ca/ca_role.h"
#include "server/engines/ssh/dynamic/dynamic_role.h"
#include "server/engines/ssh/otp_role.h"

static const struct {
	const char *name;
	int (*check)(
		struct ssh_role *role, struct arena *arena, struct err *err);
} key_types[] = {
	{ "otp", otp_role_check },
	{ "dynamic", dynamic_role_check },
	{ "ca", ca_role_check },
};

static int
check_key_type(struct ssh_role *role, struct arena *arena, struct err *err)
{
	if (role->key_type[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing key type");
	for (size_t i = 0; i < ARRAY_LEN(key_types); i++) {
		if (strcasecmp(role->key_type, key_types[i].name) != 0)
			continue;
		role->key_type = key_types[i].name;
		return key_types[i].check(role, arena, err);
	}
	return err_set(err, ERR_INPUT, 400, "invalid key type");
}

int
ssh_role_check(struct ssh_role *role, struct arena *arena, struct err *err)
{
	int rc = otp_role_check_addresses(role, err);

	return rc != 0 ? rc : check_key_type(role, arena, err);
}

bool
ssh_role_is_ca(const struct ssh_role *role)
{
	return strcmp(role->key_type, "ca") == 0;
}

bool
ssh_role_is_dynamic(const struct ssh_role *role)
{
	return strcmp(role->key_type, "dynamic") == 0;
}

int
ssh_role_check_ttl(const struct ssh_role *role, struct err *err)
{
	if (role->ttl == 0 || role->max_ttl == 0 || role->ttl <= role->max_ttl)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"\"ttl\" value must be less than \"max_ttl\" when both are specified");
}

bool
comma_list_has(const char *list, struct span name)
{
	struct span piece;
	size_t pos = 0;

	while (comma_next(list, &pos, &piece)) {
		if (span_equal(piece, name))
			return true;
	}
	return false;
}
