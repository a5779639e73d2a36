/* The rules of an otp role: what may be stored, which user, which address. */
#include "server/engines/ssh/otp_role.h"

#include <ctype.h>
#include <string.h>

#include "lib/span.h"

#define SSH_PORT 22
#define ECHO_MAX 64
#define DEFAULT_USER_MAX 255

/* Every block of a list parses; X in the text is trimmed and lower-case. */
static int
check_cidr_list(const char *list, const char *field, struct err *err)
{
	struct span piece;
	struct cidr cidr;
	size_t pos = 0;
	size_t n = 0;

	for (; comma_next(list, &pos, &piece); n++) {
		char text[ECHO_MAX + 1] = { 0 };

		if (cidr_parse(piece, &cidr) == 0)
			continue;
		for (size_t i = 0; i < piece.len && i < ECHO_MAX; i++)
			text[i] = (char)tolower(piece.data[i]);
		return err_set(err, ERR_INPUT, 400,
			"failed to validate %s: invalid CIDR address: %s",
			field, text);
	}
	if (n == 0 && list[0] != '\0')
		return err_set(err, ERR_INPUT, 400,
			"failed to validate %s: missing CIDR blocks that needs validation",
			field);
	return 0;
}

int
otp_role_check_addresses(struct ssh_role *role, struct err *err)
{
	int rc = check_cidr_list(role->cidr_list, "cidr_list", err);

	if (rc == 0)
		rc = check_cidr_list(role->exclude_cidr_list,
			"exclude_cidr_list entry", err);
	if (rc != 0)
		return rc;
	if (role->port == 0)
		role->port = SSH_PORT;
	if (role->port < 1 || role->port > UINT16_MAX)
		return err_set(err, ERR_INPUT, 400,
			"invalid port: must be from 1 to 65535");
	return 0;
}

int
otp_role_check(
	struct ssh_role *role, UNUSED struct arena *arena, struct err *err)
{
	if (role->default_user[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing default user");
	if (strlen(role->default_user) > DEFAULT_USER_MAX)
		return err_set(err, ERR_INPUT, 400,
			"default_user is longer than %d bytes",
			DEFAULT_USER_MAX);
	if (role->admin_user[0] != '\0')
		return err_set(err, ERR_INPUT, 400,
			"admin user not required for OTP type");
	role->allow_user_certificates = role->allow_host_certificates = false;
	return ssh_role_check_ttl(role, err);
}

int
otp_role_check_user(
	const struct ssh_role *role, const char *user, struct err *err)
{
	if (strcmp(user, role->default_user) == 0)
		return 0;
	if (role->allowed_users[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"Username has to be either in allowed users list or has to be a default username");
	if (strcmp(role->allowed_users, "*") == 0 ||
		comma_list_has(role->allowed_users, span_str(user)))
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"Username is not present is allowed users list");
}

/* Ranges whose addresses mean another host on every host, or no host. */
static const struct cidr special_ranges[] = {
	{ { .family = 4, .bytes = { 127 } }, .prefix = 8 },
	{ { .family = 6, .bytes = { [15] = 1 } }, .prefix = 128 },
	{ { .family = 4, .bytes = { 169, 254 } }, .prefix = 16 },
	{ { .family = 6, .bytes = { 0xfe, 0x80 } }, .prefix = 10 },
	{ { .family = 4, .bytes = { 0 } }, .prefix = 32 },
	{ { .family = 6, .bytes = { 0 } }, .prefix = 128 },
	{ { .family = 4, .bytes = { 224 } }, .prefix = 4 },
	{ { .family = 6, .bytes = { 0xff } }, .prefix = 8 },
};

/* The special range that addr lies in; NULL where it is an ordinary one. */
static const struct cidr *
find_special_range(const struct netaddr *addr)
{
	for (size_t i = 0; i < ARRAY_LEN(special_ranges); i++) {
		if (cidr_contains(&special_ranges[i], addr))
			return &special_ranges[i];
	}
	return NULL;
}

/*
 * Does a block of list contain addr (and lie wholly inside `within`, where
 * that is not NULL)? ERR_INPUT for a block that does not parse.
 */
static int
list_has_addr(const char *list, const struct netaddr *addr,
	const struct cidr *within, bool *ret_found, struct err *err)
{
	struct span piece;
	struct cidr cidr;
	size_t pos = 0;

	*ret_found = false;
	while (comma_next(list, &pos, &piece)) {
		if (cidr_parse(piece, &cidr) != 0)
			return err_set(err, ERR_INPUT, 400,
				"Error validating IP: invalid CIDR entry \"%.*s\"",
				(int)(piece.len < ECHO_MAX ? piece.len
							   : ECHO_MAX),
				(const char *)piece.data);
		if (!cidr_contains(&cidr, addr))
			continue;
		if (within != NULL && !cidr_covers(within, &cidr))
			continue;
		*ret_found = true;
		return 0;
	}
	return 0;
}

int
otp_role_check_ip(const struct ssh_role *role, const struct netaddr *addr,
	struct otp_role_ip_rule rule, struct err *err)
{
	const struct cidr *special = rule.dev ? NULL : find_special_range(addr);
	bool included = false;
	bool excluded = false;
	int rc;

	rc = list_has_addr(role->cidr_list, addr, special, &included, err);
	if (rc == 0)
		rc = list_has_addr(
			role->exclude_cidr_list, addr, NULL, &excluded, err);
	if (rc != 0)
		return rc;
	if (rule.zero_address && special == NULL)
		included = true;
	if (included && !excluded)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"Error validating IP: IP does not belong to role");
}

int64_t
otp_role_ttl_s(const struct ssh_role *role, int64_t fallback_s, int64_t max_s)
{
	int64_t ttl_s = role->ttl != 0 ? role->ttl : fallback_s;

	if (role->max_ttl != 0 && ttl_s > role->max_ttl)
		ttl_s = role->max_ttl;
	return ttl_s > max_s ? max_s : ttl_s;
}
