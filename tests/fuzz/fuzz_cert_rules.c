/*
 * A line of pattern and a certificate as a TLS peer may show it: reading names,
 * units and extensions stays within its bytes, a star fits whatever is there,
 * and no certificate is trusted by one that it is not.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/tls.h"
#include "server/auth/cert/chain.h"
#include "server/auth/cert/rules.h"

#define ARENA_MAX ((size_t)4 * 1024 * 1024)
#define NOW_S 1900000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* With the pattern alone in each list in turn. */
static void
try_pattern(const X509 *leaf, const char *pattern)
{
	struct cert_role role = { 0 };
	struct str_list *lists[] = { &role.allowed_names,
		&role.allowed_common_names, &role.allowed_dns_sans,
		&role.allowed_email_sans, &role.allowed_uri_sans,
		&role.allowed_organizational_units, &role.required_extensions };
	const struct str_list one = { .items = &pattern, .n = 1 };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		*lists[i] = one;
		if (lists[i] != &role.required_extensions ||
			cert_rules_check(&role, NULL) == 0)
			(void)cert_rules_match(&role, leaf);
		*lists[i] = (struct str_list){ 0 };
	}
}

static void
describe(X509 *leaf)
{
	struct arena *arena = arena_new(ARENA_MAX);

	if (arena == NULL)
		abort();
	(void)cert_common_name(leaf, arena);
	(void)tls_cert_serial(leaf, arena);
	(void)cert_hex(X509_get0_subject_key_id(leaf), arena);
	(void)cert_hex(X509_get0_authority_key_id(leaf), arena);
	arena_free(&arena);
}

static void
check_chain(X509 *leaf, STACK_OF(X509) * others)
{
	STACK_OF(X509) *nobody = sk_X509_new_null();

	if (chain_verify(leaf, others, nobody, NULL, NOW_S) == CHAIN_GOOD)
		abort();
	(void)sk_X509_push(nobody, leaf);
	(void)chain_verify(leaf, others, nobody, NULL, NOW_S);
	sk_X509_free(nobody);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = len > 0 ? memchr(data, '\n', len) : NULL;
	STACK_OF(X509) *others = NULL;
	X509 *leaf = NULL;
	struct span der;
	char pattern[256] = "";

	if (end == NULL || (size_t)(end - data) >= sizeof(pattern))
		return 0;
	memcpy(pattern, data, (size_t)(end - data));
	der = span_of(end + 1, len - (size_t)(end - data) - 1);
	if (chain_parse_client(&der, 1, &leaf, &others, NULL) != 0)
		return 0;
	try_pattern(leaf, pattern);
	try_pattern(leaf, "*");
	describe(leaf);
	check_chain(leaf, others);
	X509_free(leaf);
	sk_X509_pop_free(others, X509_free);
	return 0;
}
