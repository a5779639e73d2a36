/* Certificates and roles, without the server around them. */
#include "server/auth/sshkey/proof.h"

#include <string.h>

#include "lib/netaddr.h"

#define ADDRESSES_MAX 256

/* ---- addresses -------------------------------------------------------- */

/* The narrower of two blocks where one lies in the other, else NULL. */
static const char *
narrower(const char *a, const char *b)
{
	struct cidr one, other;

	if (cidr_parse_any(span_str(a), &one) != 0 ||
		cidr_parse_any(span_str(b), &other) != 0)
		return NULL;
	if (cidr_covers(&one, &other))
		return b;
	return cidr_covers(&other, &one) ? a : NULL;
}

bool
proof_narrow(struct arena *arena, const struct str_list *a,
	const struct str_list *b, struct str_list *ret_both)
{
	struct str_list both = { .n = 0 };

	if (a->n == 0 || b->n == 0) {
		*ret_both = a->n == 0 ? *b : *a;
		return true;
	}
	both.items = ARENA_ARRAY(arena, const char *, a->n * b->n);
	if (both.items == NULL)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		for (size_t j = 0; j < b->n; j++) {
			const char *block = narrower(a->items[i], b->items[j]);

			if (block != NULL)
				both.items[both.n++] = block;
		}
	}
	*ret_both = both;
	return both.n > 0;
}

/* The blocks of source-address, in canonical text. */
static bool
read_addresses(
	struct span text, struct arena *arena, struct str_list *ret_blocks)
{
	const char *list = arena_strndup(arena, text.data, text.len);
	struct str_list blocks = { .n = 0 };
	char canonical[CIDR_TEXT_MAX];
	struct span piece;
	struct cidr cidr;
	size_t at = 0;

	blocks.items = ARENA_ARRAY(arena, const char *, ADDRESSES_MAX);
	if (list == NULL || blocks.items == NULL || strlen(list) != text.len)
		return false;
	while (comma_next(list, &at, &piece)) {
		if (blocks.n == ADDRESSES_MAX ||
			cidr_parse_any(piece, &cidr) != 0)
			return false;
		cidr_format(&cidr, canonical);
		blocks.items[blocks.n] = arena_strdup(arena, canonical);
		if (blocks.items[blocks.n++] == NULL)
			return false;
	}
	*ret_blocks = blocks;
	return blocks.n > 0;
}

/* ---- roles ------------------------------------------------------------ */

static bool
lists_key(const struct str_list *lines, struct span blob, struct arena *arena)
{
	const char *line = sshkey_line(arena, blob);

	return line != NULL && str_list_has(lines, line);
}

/* What a critical option asks for; what is not known is not met. */
static const char *
option_refused(const struct key_proof *proof, struct span name,
	struct span value, const struct proof_place *place, struct arena *arena,
	struct proof_grant *grant)
{
	if (span_equal(name, span_str("verify-required")))
		return (proof->flags & SSHKEY_SK_VERIFIED) != 0
			? NULL
			: "the certificate wants its user verified";
	if (!span_equal(name, span_str("source-address")))
		return "the certificate has a critical option that is not known";
	if (!read_addresses(value, arena, &grant->addresses))
		return "the certificate's source-address cannot be read";
	return cidr_any_contains(
		       grant->addresses.items, grant->addresses.n, place->peer)
		? NULL
		: "the certificate is for other addresses";
}

static const char *
options_refused(const struct key_proof *proof, const struct proof_place *place,
	struct arena *arena, struct proof_grant *grant)
{
	struct span rest = proof->cert.critical, name, value;
	const char *why = NULL;

	while (why == NULL && sshcert_next_option(&rest, &name, &value))
		why = option_refused(proof, name, value, place, arena, grant);
	return why;
}

static const char *
time_refused(
	const struct sshcert *cert, int64_t now_s, struct proof_grant *grant)
{
	const uint64_t now = (uint64_t)now_s;

	if (now < cert->after_s)
		return "the certificate is not valid yet";
	if (now >= cert->before_s)
		return "the certificate has expired";
	if (cert->before_s <= INT64_MAX)
		grant->left_s = (int64_t)(cert->before_s - now);
	return NULL;
}

/* The first principal of the certificate that the role has too. */
static const char *
find_principal(const struct sshcert *cert, const struct str_list *wanted)
{
	struct span rest = cert->principals, one;

	while (sshcert_next_principal(&rest, &one)) {
		for (size_t i = 0; i < wanted->n; i++) {
			if (span_equal(one, span_str(wanted->items[i])))
				return wanted->items[i];
		}
	}
	return NULL;
}

static const char *
cert_refused(const struct key_proof *proof, const struct sshkey_role *role,
	const struct proof_place *place, struct arena *arena,
	struct proof_grant *grant)
{
	const struct sshcert *cert = &proof->cert;
	char ca[SSHKEY_FINGERPRINT_MAX];
	const char *why = NULL;

	if (cert->type != SSHCERT_USER)
		return "the certificate is no user's";
	if (!lists_key(&role->ca_public_keys, cert->ca, arena))
		return "the role does not have the certificate's CA";
	if (sshcert_verify(cert) != 0)
		return "the certificate's signature is not good";
	why = time_refused(cert, place->now_s, grant);
	if (why == NULL)
		why = options_refused(proof, place, arena, grant);
	if (why != NULL)
		return why;
	grant->principal = find_principal(cert, &role->principals);
	if (grant->principal == NULL)
		return "the role has none of the certificate's principals";
	sshkey_fingerprint(cert->ca, ca);
	grant->ca = arena_strdup(arena, ca);
	return grant->ca == NULL ? "no memory" : NULL;
}

const char *
proof_refused(const struct key_proof *proof, const struct sshkey_role *role,
	const struct proof_place *place, struct arena *arena,
	struct proof_grant *ret_grant)
{
	struct proof_grant grant = { .principal = NULL };
	const char *why = NULL;

	if (proof->is_cert)
		why = cert_refused(proof, role, place, arena, &grant);
	else if (!lists_key(&role->public_keys, proof->blob, arena))
		why = "the role does not have the key";
	if (why == NULL)
		*ret_grant = grant;
	return why;
}
