/* The keeper's own rules for certificates, one function each. */
#include "server/keeper/cert_check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define PRINCIPAL_MAX 255
#define LABEL_MAX 63
#define FOR_EVER UINT64_MAX

/* What a rule looks at. */
struct checked {
	const struct sshcert *cert;
	struct span ca;
	const struct keeper_ca_limits *limits;
};

static bool
has_type(const struct checked *checked)
{
	return checked->cert->type == SSHCERT_USER ||
		checked->cert->type == SSHCERT_HOST;
}

static bool
has_serial(const struct checked *checked)
{
	return checked->cert->serial != 0;
}

static bool
names_this_ca(const struct checked *checked)
{
	return span_equal(checked->cert->ca, checked->ca);
}

/* A CA that vouches for itself as somebody's key. */
static bool
is_for_another_key(const struct checked *checked)
{
	struct buf key;
	bool other;

	buf_init(&key, SSHKEY_BLOB_MAX);
	other = sshkey_build(&checked->cert->key, &key) == 0 &&
		!span_equal(buf_span(&key), checked->ca);
	buf_clear(&key);
	return other;
}

/* The form of spec/README.md: printable, and nothing of a pattern or a list. */
static bool
is_user_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		const uint8_t c = name.data[i];

		if (c <= ' ' || c >= 0x7f || strchr(",\"'\\*?!", c) != NULL)
			return false;
	}
	return true;
}

static bool
is_address(struct span name)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (name.len >= sizeof(text) || memchr(name.data, 0, name.len) != NULL)
		return false;
	memcpy(text, name.data, name.len);
	text[name.len] = '\0';
	return inet_pton(AF_INET, text, &address) == 1 ||
		inet_pton(AF_INET6, text, &address) == 1;
}

static bool
is_label_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1 to 63 characters with dots between, none at the end. */
static bool
is_dns_name(struct span name)
{
	size_t label = 0;

	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] != '.') {
			if (!is_label_char(name.data[i]) || ++label > LABEL_MAX)
				return false;
		} else {
			if (label == 0)
				return false;
			label = 0;
		}
	}
	return label > 0;
}

/* "*." in front is for the role's domains to allow. */
static bool
is_host_name(struct span name)
{
	if (name.len > 2 && memcmp(name.data, "*.", 2) == 0)
		return is_dns_name(span_skip(name, 2));
	return is_address(name) || is_dns_name(name);
}

/*
 * None at all is allowed: a role may say so, and who asks for a signature could
 * name anybody as well.
 */
static bool
has_good_principals(const struct checked *checked)
{
	struct span rest = checked->cert->principals, name;
	size_t n = 0;

	while (sshcert_next_principal(&rest, &name)) {
		if (++n > SSHCERT_PRINCIPALS_MAX || name.len == 0 ||
			name.len > PRINCIPAL_MAX)
			return false;
		if (checked->cert->type == SSHCERT_USER ? !is_user_name(name)
							: !is_host_name(name))
			return false;
	}
	return rest.len == 0;
}

static bool
ends_within_limits(const struct checked *checked)
{
	const struct sshcert *cert = checked->cert;
	const uint64_t limit = checked->limits->validity_s;

	if (cert->before_s == FOR_EVER || cert->before_s <= cert->after_s)
		return false;
	return limit == 0 || cert->before_s - cert->after_s <= limit;
}

static const struct {
	bool (*holds)(const struct checked *checked);
	const char *otherwise;
} rules[] = {
	{ has_type, "it is for neither a user nor a host" },
	{ has_serial, "its serial number is 0" },
	{ names_this_ca, "it names another CA" },
	{ is_for_another_key, "it vouches for the CA's own key" },
	{ has_good_principals, "too many principals, or one of bad form" },
	{ ends_within_limits, "it is valid for longer than the CA's limit" },
};

int
cert_check(const struct sshcert *cert, struct span ca,
	const struct keeper_ca_limits *limits, struct err *err)
{
	const struct checked checked = { cert, ca, limits };

	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (rules[i].holds(&checked))
			continue;
		if (err != NULL && err->code == 0)
			(void)snprintf(err->detail, sizeof(err->detail),
				"the keeper does not sign: %s",
				rules[i].otherwise);
		return err_set(err, ERR_DENIED, 500, "internal error");
	}
	return 0;
}
