/* One function for each thing that a certificate grants. */
#include "server/engines/ssh/ca/cert_gate.h"

#include <string.h>

#include "lib/source_address.h"
#include "server/core/template.h"

static bool
is(struct span text, const char *word)
{
	return span_equal(text, span_str(word));
}

/* ---- who vouches for what ------------------------------------------------ */

static bool
issuer_is_right(const struct cert_gate *gate, const struct sshcert *cert)
{
	return span_equal(cert->ca, gate->ca);
}

static bool
signature_is_good(const struct cert_gate *gate, const struct sshcert *cert)
{
	struct sshkey ca;

	if (sshcert_verify(cert) == 0)
		return true;
	return gate->allow_sha1 &&
		strcmp(gate->role->algorithm_signer, "ssh-rsa") == 0 &&
		sshkey_parse(cert->ca, &ca) == 0 &&
		sshkey_verify_sha1(&ca, cert->signature, cert->signed_bytes) ==
		0;
}

static bool
key_is_right(const struct cert_gate *gate, const struct sshcert *cert)
{
	struct buf blob;
	bool same;

	buf_init(&blob, SSHKEY_BLOB_MAX);
	same = sshkey_build(&cert->key, &blob) == 0 &&
		span_equal(buf_span(&blob), gate->key);
	buf_clear(&blob);
	return same;
}

static bool
serial_is_right(const struct cert_gate *gate, const struct sshcert *cert)
{
	return cert->serial != 0 && cert->serial == gate->serial;
}

static bool
type_is_allowed(const struct cert_gate *gate, const struct sshcert *cert)
{
	if (strcmp(gate->role->key_type, "ca") != 0)
		return false;
	if (cert->type == SSHCERT_USER)
		return gate->role->allow_user_certificates;
	return cert->type == SSHCERT_HOST &&
		gate->role->allow_host_certificates;
}

/* Not valid for longer than role and mount say, nor from further back. */
static bool
validity_is_within(const struct cert_gate *gate, const struct sshcert *cert)
{
	const uint64_t now_s = (uint64_t)gate->caller->now_s;
	const uint64_t mount_max_s = (uint64_t)gate->caller->max_ttl_s;
	const uint64_t role_max_s = (uint64_t)gate->role->max_ttl;
	const uint64_t issuer_max_s = (uint64_t)gate->limits->max_validity_s;
	const uint64_t back_s = (uint64_t)gate->role->not_before_duration;

	if (cert->after_s > now_s || cert->before_s <= now_s ||
		cert->after_s == 0)
		return false;
	if (now_s - cert->after_s > back_s)
		return false;
	return cert->before_s - now_s <= mount_max_s &&
		(role_max_s == 0 || cert->before_s - now_s <= role_max_s) &&
		(issuer_max_s == 0 ||
			cert->before_s - cert->after_s <= issuer_max_s);
}

static bool
key_id_is_harmless(const struct cert_gate *gate, const struct sshcert *cert)
{
	(void)gate;
	if (cert->key_id.len == 0 || cert->key_id.len > CERT_KEY_ID_MAX)
		return false;
	for (size_t i = 0; i < cert->key_id.len; i++) {
		if (cert->key_id.data[i] < ' ' || cert->key_id.data[i] == 0x7f)
			return false;
	}
	return true;
}

/* ---- principals ---------------------------------------------------------- */

static bool
is_one_name(struct span name, enum sshcert_type type)
{
	size_t i = 0;

	/* A pattern is for hosts, and only in front. */
	if (type == SSHCERT_HOST && span_has_prefix(name, span_str("*.")))
		i = 1;
	for (; i < name.len; i++) {
		if (name.data[i] <= 0x20 || name.data[i] >= 0x7f ||
			memchr(",\"'\\*?!", name.data[i], 7) != NULL)
			return false;
	}
	return name.len > 0 && name.len <= 255;
}

static bool
ends_below(struct span name, struct span domain)
{
	struct netaddr address;

	return name.len > domain.len + 1 && name.data[0] != '*' &&
		name.data[name.len - domain.len - 1] == '.' &&
		span_equal(span_skip(name, name.len - domain.len), domain) &&
		netaddr_parse(name, &address) != 0;
}

static bool
name_fits(const struct ssh_role *role, enum sshcert_type type, struct span name,
	struct span allowed)
{
	if (type == SSHCERT_USER)
		return span_equal(name, allowed);
	return (role->allow_bare_domains && span_equal(name, allowed)) ||
		(role->allow_subdomains && ends_below(name, allowed));
}

/* Some name of a comma list without templates lets this one pass. */
static bool
list_fits(const struct ssh_role *role, enum sshcert_type type, struct span name,
	const char *list)
{
	struct span allowed;
	size_t pos = 0;

	while (comma_next(list, &pos, &allowed)) {
		if (name_fits(role, type, name, allowed))
			return true;
	}
	return false;
}

/* The same, with what the caller's identity makes of the list. */
static bool
template_fits(const struct cert_gate *gate, enum sshcert_type type,
	struct span name, const char *list)
{
	const struct template_scope scope = {
		.identity = gate->caller->identity,
		.now_s = gate->caller->now_s,
		.commas = gate->role->allow_commas_in_identity_templates ||
			gate->caller->allow_commas,
	};
	struct span piece, text;
	size_t pos = 0;

	while (comma_next(list, &pos, &piece)) {
		if (template_fill(piece, &scope, gate->arena, &text, NULL) ==
				0 &&
			list_fits(gate->role, type, name,
				(const char *)text.data))
			return true;
	}
	return false;
}

static bool
principal_is_allowed(
	const struct cert_gate *gate, enum sshcert_type type, struct span name)
{
	const struct ssh_role *role = gate->role;
	const bool is_user = type == SSHCERT_USER;
	const char *list =
		is_user ? role->allowed_users : role->allowed_domains;

	if (!is_one_name(name, type))
		return false;
	if (strcmp(list, "*") == 0)
		return true;
	if (is_user ? role->allowed_users_template
		    : role->allowed_domains_template)
		return template_fits(gate, type, name, list);
	return list_fits(role, type, name, list);
}

static bool
principals_are_allowed(const struct cert_gate *gate, const struct sshcert *cert)
{
	struct span rest = cert->principals, name;

	if (rest.len == 0)
		return gate->role->allow_empty_principals;
	while (rest.len > 0) {
		if (!sshcert_next_principal(&rest, &name) ||
			!principal_is_allowed(gate, cert->type, name))
			return false;
	}
	return true;
}

/* ---- options ------------------------------------------------------------- */

/* The value of an option of the certificate; false: it has none such. */
static bool
find_option(struct span options, const char *name, struct span *ret_value)
{
	struct span found;

	while (options.len > 0 &&
		sshcert_next_option(&options, &found, ret_value)) {
		if (is(found, name))
			return true;
	}
	return false;
}

static const char *
role_value(const struct str_map *map, struct span name)
{
	for (size_t i = 0; i < map->n; i++) {
		if (is(name, map->keys[i]))
			return map->values[i];
	}
	return NULL;
}

/* The certificate has it with this value, or, of addresses, less. */
static bool
has_option_as(const struct cert_gate *gate, const struct sshcert *cert,
	const char *name, const char *value)
{
	struct span found;
	const char *text = NULL;

	if (!find_option(cert->critical, name, &found))
		return false;
	if (is(found, value))
		return true;
	text = arena_strndup(gate->arena, found.data, found.len);
	return strcmp(name, SOURCE_ADDRESS) == 0 && text != NULL &&
		source_address_covers(value, text);
}

/* Of such a map, all of it. */
static bool
has_options_as(const struct cert_gate *gate, const struct sshcert *cert,
	const struct str_map *forced)
{
	for (size_t i = 0; i < forced->n; i++) {
		if (!has_option_as(
			    gate, cert, forced->keys[i], forced->values[i]))
			return false;
	}
	return true;
}

/* What the issuer says whatever is asked, to users. */
static bool
issuers_options_are_there(
	const struct cert_gate *gate, const struct sshcert *cert)
{
	return cert->type == SSHCERT_HOST ||
		has_options_as(gate, cert, &gate->limits->forced);
}

/* What the role says whatever is asked is all there. */
static bool
sticky_options_are_there(
	const struct cert_gate *gate, const struct sshcert *cert)
{
	static const char *const sticky[] = { "force-command", "source-address",
		"verify-required" };
	const struct str_map *forced = &gate->role->forced_critical_options;

	if (!has_options_as(gate, cert, forced))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(sticky); i++) {
		const char *value =
			role_value(&gate->role->default_critical_options,
				span_str(sticky[i]));

		if (value != NULL &&
			role_value(forced, span_str(sticky[i])) == NULL &&
			!has_option_as(gate, cert, sticky[i], value))
			return false;
	}
	return true;
}

/* Whatever else restricts it, the role lets callers ask for, or the issuer
 * asks. */
static bool
critical_options_are_allowed(
	const struct cert_gate *gate, const struct sshcert *cert)
{
	const struct ssh_role *role = gate->role;
	struct span rest = cert->critical, name, value, piece;
	size_t pos = 0;

	if (!comma_next(role->allowed_critical_options, &pos, &piece))
		return true;
	while (rest.len > 0 && sshcert_next_option(&rest, &name, &value)) {
		if (!comma_list_has(role->allowed_critical_options, name) &&
			role_value(&role->default_critical_options, name) ==
				NULL &&
			role_value(&role->forced_critical_options, name) ==
				NULL &&
			role_value(&gate->limits->forced, name) == NULL &&
			!(role->bind_source_address &&
				is(name, SOURCE_ADDRESS)))
			return false;
	}
	return true;
}

static bool
address_is_bound(const struct cert_gate *gate, const struct sshcert *cert)
{
	char text[NETADDR_TEXT_MAX];
	struct span value;

	if (!gate->role->bind_source_address || cert->type != SSHCERT_USER)
		return true;
	if (gate->caller->address.family == 0 ||
		!find_option(cert->critical, SOURCE_ADDRESS, &value))
		return false;
	netaddr_format(&gate->caller->address, text);
	return is(value, text);
}

static bool
extension_is_allowed(const struct cert_gate *gate, struct span name)
{
	const struct ssh_role *role = gate->role;
	const char *list = role->allowed_extensions;
	struct span piece = SPAN_NONE;
	size_t pos = 0, n = 0;
	bool star = false;

	for (size_t i = 0; i < role->denied_extensions.n; i++) {
		if (is(name, role->denied_extensions.items[i]))
			return false;
	}
	if (role_value(&role->default_extensions, name) != NULL)
		return true;
	for (; comma_next(list, &pos, &piece); n++)
		star = is(piece, "*");
	if (n == 0)
		return !gate->caller->strict_extensions;
	return (n == 1 && star) || comma_list_has(list, name);
}

static bool
extensions_are_allowed(const struct cert_gate *gate, const struct sshcert *cert)
{
	struct span rest = cert->extensions, name, value;

	while (rest.len > 0) {
		if (!sshcert_next_option(&rest, &name, &value) ||
			!extension_is_allowed(gate, name))
			return false;
	}
	return true;
}

/* ---- all of it ----------------------------------------------------------- */

static const struct {
	bool (*passes)(
		const struct cert_gate *gate, const struct sshcert *cert);
	const char *what;
} checks[] = {
	{ issuer_is_right, "issuer" },
	{ signature_is_good, "signature" },
	{ key_is_right, "key" },
	{ serial_is_right, "serial" },
	{ type_is_allowed, "type" },
	{ validity_is_within, "validity" },
	{ key_id_is_harmless, "key id" },
	{ principals_are_allowed, "principals" },
	{ sticky_options_are_there, "sticky options" },
	{ issuers_options_are_there, "issuer's options" },
	{ critical_options_are_allowed, "critical options" },
	{ address_is_bound, "bound address" },
	{ extensions_are_allowed, "extensions" },
};

static int
refuse(struct err *err, const char *what)
{
	(void)err_set(err, ERR_INTERNAL, 500,
		"failed to generate signed SSH key: the certificate does not fit the role");
	return err_wrap(err, "gate: %s", what);
}

int
cert_gate_check(const struct cert_gate *gate, struct span cert, struct err *err)
{
	struct sshcert parsed;

	if (sshcert_parse(cert, &parsed) != 0)
		return refuse(err, "form");
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		if (!checks[i].passes(gate, &parsed))
			return refuse(err, checks[i].what);
	}
	return 0;
}
