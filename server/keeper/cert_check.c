/* The keeper's own rules for certificates, one function each. */
#include "server/keeper/cert_check.h"

#include <stdio.h>

#include "server/keeper/ca_limits.h"

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

/* The keeper draws it, so that nobody can have one that is another's. */
static bool
has_no_serial(const struct checked *checked)
{
	return checked->cert->serial == 0;
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
		if (++n > SSHCERT_PRINCIPALS_MAX ||
			!sshcert_is_principal(checked->cert->type, name))
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

/* sshd looks at them in certificates of users; in a host's they are an error.
 */
static bool
has_forced_options(const struct checked *checked)
{
	const struct sshcert *cert = checked->cert;

	return cert->type == SSHCERT_HOST ||
		ca_limits_are_forced(checked->limits->forced, cert->critical);
}

static const struct {
	bool (*holds)(const struct checked *checked);
	const char *otherwise;
} rules[] = {
	{ has_type, "it is for neither a user nor a host" },
	{ has_no_serial, "it brings a serial number" },
	{ names_this_ca, "it names another CA" },
	{ is_for_another_key, "it vouches for the CA's own key" },
	{ has_good_principals, "too many principals, or one of bad form" },
	{ ends_within_limits, "it is valid for longer than the CA's limit" },
	{ has_forced_options, "it lacks a critical option that the CA forces" },
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
