/* Addresses first, then what the role's type says. */
#include "server/engines/ssh/role_check.h"

#include <string.h>

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
