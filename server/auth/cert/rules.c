/* Names, units and extensions against lists of patterns. */
#include "server/auth/cert/rules.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/glob.h"

static struct span
text_of(const ASN1_STRING *string)
{
	return span_of(ASN1_STRING_get0_data(string),
		(size_t)ASN1_STRING_length(string));
}

static bool
any_pattern(const struct str_list *patterns, struct span text)
{
	for (size_t i = 0; i < patterns->n; i++) {
		if (glob_matches(span_str(patterns->items[i]), text))
			return true;
	}
	return false;
}

/* ---- the subject ------------------------------------------------------- */

/* Whether the i-th entry of the subject, as UTF-8, is of a pattern. */
static bool
entry_matches(const X509_NAME *name, int i, const struct str_list *patterns)
{
	const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
	unsigned char *utf8 = NULL;
	const int len =
		ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
	const bool matches =
		len >= 0 && any_pattern(patterns, span_of(utf8, (size_t)len));

	OPENSSL_free(utf8);
	return matches;
}

static bool
any_entry_matches(const X509 *cert, int nid, const struct str_list *patterns)
{
	const X509_NAME *name = X509_get_subject_name(cert);

	for (int i = X509_NAME_get_index_by_NID(name, nid, -1); i >= 0;
		i = X509_NAME_get_index_by_NID(name, nid, i)) {
		if (entry_matches(name, i, patterns))
			return true;
	}
	return false;
}

/* Who reads a certificate takes the first, or the last: so one at most. */
static bool
has_several_names(const X509 *cert)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	const int first = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

	return first >= 0 &&
		X509_NAME_get_index_by_NID(name, NID_commonName, first) >= 0;
}

/* ---- alternative names ------------------------------------------------- */

static bool
any_san_matches(const X509 *cert, int type, const struct str_list *patterns)
{
	GENERAL_NAMES *sans =
		X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool matches = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
		int found = 0;
		const ASN1_STRING *text = GENERAL_NAME_get0_value(
			sk_GENERAL_NAME_value(sans, i), &found);

		if (found == type && !matches)
			matches = any_pattern(patterns, text_of(text));
	}
	GENERAL_NAMES_free(sans);
	return matches;
}

/* ---- extensions --------------------------------------------------------- */

/* The part before the colon as an object, to be freed; NULL: it is none. */
static ASN1_OBJECT *
oid_of(const char *required)
{
	const size_t len = strcspn(required, ":");
	char oid[128];

	if (required[len] != ':' || len == 0 || len >= sizeof(oid))
		return NULL;
	memcpy(oid, required, len);
	oid[len] = '\0';
	return OBJ_txt2obj(oid, 1);
}

static bool
is_text(int type)
{
	return type == V_ASN1_UTF8STRING || type == V_ASN1_PRINTABLESTRING ||
		type == V_ASN1_IA5STRING || type == V_ASN1_T61STRING ||
		type == V_ASN1_NUMERICSTRING || type == V_ASN1_VISIBLESTRING;
}

/* The value is one string of ASN.1, and nothing behind it. */
static bool
value_matches(const ASN1_OCTET_STRING *value, const char *pattern)
{
	const unsigned char *at = ASN1_STRING_get0_data(value);
	const unsigned char *end = at + ASN1_STRING_length(value);
	ASN1_TYPE *type = d2i_ASN1_TYPE(NULL, &at, ASN1_STRING_length(value));
	const bool matches = type != NULL && at == end &&
		is_text(ASN1_TYPE_get(type)) &&
		glob_matches(
			span_str(pattern), text_of(type->value.asn1_string));

	ASN1_TYPE_free(type);
	return matches;
}

static bool
has_extension(const X509 *cert, const char *required)
{
	ASN1_OBJECT *oid = oid_of(required);
	const char *pattern = strchr(required, ':');
	int i = oid != NULL ? X509_get_ext_by_OBJ(cert, oid, -1) : -1;
	bool matches = i >= 0 &&
		value_matches(X509_EXTENSION_get_data(X509_get_ext(cert, i)),
			pattern + 1);

	ASN1_OBJECT_free(oid);
	return matches;
}

static bool
has_extensions(const X509 *cert, const struct str_list *required)
{
	for (size_t i = 0; i < required->n; i++) {
		if (!has_extension(cert, required->items[i]))
			return false;
	}
	return true;
}

int
cert_rules_check(const struct cert_role *role, struct err *err)
{
	const struct str_list *required = &role->required_extensions;

	for (size_t i = 0; i < required->n; i++) {
		ASN1_OBJECT *oid = oid_of(required->items[i]);

		ASN1_OBJECT_free(oid);
		ERR_clear_error();
		if (oid == NULL)
			return err_set(err, ERR_INPUT, 400,
				"\"%.64s\" in 'required_extensions' has not the form oid:value",
				required->items[i]);
	}
	return 0;
}

/* ---- all of it ---------------------------------------------------------- */

static bool
names_match(const struct cert_role *role, const X509 *cert)
{
	const struct str_list *names = &role->allowed_names;

	return names->n == 0 ||
		any_entry_matches(cert, NID_commonName, names) ||
		any_san_matches(cert, GEN_DNS, names) ||
		any_san_matches(cert, GEN_EMAIL, names);
}

static bool
sans_match(const struct cert_role *role, const X509 *cert)
{
	const struct {
		const struct str_list *patterns;
		int type;
	} rows[] = {
		{ &role->allowed_dns_sans, GEN_DNS },
		{ &role->allowed_email_sans, GEN_EMAIL },
		{ &role->allowed_uri_sans, GEN_URI },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].patterns->n > 0 &&
			!any_san_matches(cert, rows[i].type, rows[i].patterns))
			return false;
	}
	return true;
}

bool
cert_rules_match(const struct cert_role *role, const X509 *cert)
{
	const struct str_list *names = &role->allowed_common_names;
	const struct str_list *units = &role->allowed_organizational_units;
	const bool matches = !has_several_names(cert) &&
		names_match(role, cert) &&
		(names->n == 0 ||
			any_entry_matches(cert, NID_commonName, names)) &&
		(units->n == 0 ||
			any_entry_matches(
				cert, NID_organizationalUnitName, units)) &&
		sans_match(role, cert) &&
		has_extensions(cert, &role->required_extensions);

	ERR_clear_error();
	return matches;
}

/* ---- what a login tells ------------------------------------------------- */

const char *
cert_common_name(const X509 *cert, struct arena *arena)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	const int i = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	const char *text = "";
	int len = -1;

	if (i >= 0)
		len = ASN1_STRING_to_UTF8(&utf8,
			X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
	if (len > 0 && memchr(utf8, '\0', (size_t)len) == NULL)
		text = arena_strndup(arena, utf8, (size_t)len);
	OPENSSL_free(utf8);
	ERR_clear_error();
	return text;
}

const char *
cert_hex(const ASN1_OCTET_STRING *id, struct arena *arena)
{
	char *text = NULL, *copy = NULL;

	if (id == NULL || ASN1_STRING_length(id) == 0)
		return "";
	text = OPENSSL_buf2hexstr(
		ASN1_STRING_get0_data(id), ASN1_STRING_length(id));
	if (text != NULL)
		copy = arena_strlower(arena, text);
	OPENSSL_free(text);
	return copy;
}
