/* What the types of roles have in common. */
#include "server/engines/ssh/records/role.h"

#include <string.h>

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
