/* Certificates, from bytes to their parts and back. */
#include "lib/sshcert.h"

#include <stdlib.h>

#define NONCE_LEN 32
#define PRINCIPAL_LEN_MAX 255
#define OPTIONS_MAX 1024

bool
sshcert_is(struct span blob)
{
	struct sshwire in = sshwire_of(blob);
	bool is_cert = false;

	return sshkey_kind(sshwire_string(&in), &is_cert) != NULL && is_cert;
}

bool
sshcert_next_principal(struct span *rest, struct span *ret_principal)
{
	struct sshwire in = sshwire_of(*rest);
	struct span principal = sshwire_string(&in);

	if (in.bad)
		return false;
	*rest = in.rest;
	*ret_principal = principal;
	return true;
}

bool
sshcert_next_option(
	struct span *rest, struct span *ret_name, struct span *ret_value)
{
	struct sshwire in = sshwire_of(*rest), inside;
	struct span name = sshwire_string(&in);
	struct span data = sshwire_string(&in);
	struct span value = SPAN_NONE;

	if (in.bad || name.len == 0)
		return false;
	if (data.len > 0) {
		inside = sshwire_of(data);
		value = sshwire_string(&inside);
		if (!sshwire_end(&inside) || value.len == 0)
			return false;
	}
	*rest = in.rest;
	*ret_name = name;
	*ret_value = value;
	return true;
}

static bool
are_principals(struct span list)
{
	struct span one;
	size_t n = 0;

	while (list.len > 0 && sshcert_next_principal(&list, &one)) {
		if (one.len == 0 || ++n > SSHCERT_PRINCIPALS_MAX)
			return false;
	}
	return list.len == 0;
}

/* Pairs to the end, each name behind the one before it. */
bool
sshcert_are_options(struct span list)
{
	struct span last = SPAN_NONE, name, value;

	while (list.len > 0 && sshcert_next_option(&list, &name, &value)) {
		if (last.data != NULL && span_compare(last, name) >= 0)
			return false;
		last = name;
	}
	return list.len == 0;
}

/* Up to the CA's key: what is signed. */
static int
parse_signed(struct span bytes, struct sshwire *in, struct sshcert *ret_cert)
{
	struct sshcert cert = { .serial = 0 };
	const struct sshkey_kind *kind = NULL;
	struct span reserved;
	struct sshkey ca;
	bool is_cert = false;
	uint32_t type;

	if (bytes.len > SSHCERT_BLOB_MAX)
		return ERR_INPUT;
	kind = sshkey_kind(sshwire_string(in), &is_cert);
	if (kind == NULL || !is_cert)
		return ERR_INPUT;
	cert.nonce = sshwire_string(in);
	if (sshkey_parse_parts(kind, in, &cert.key) != 0)
		return ERR_INPUT;
	cert.serial_at = bytes.len - in->rest.len;
	cert.serial = sshwire_u64(in);
	type = sshwire_u32(in);
	cert.key_id = sshwire_string(in);
	cert.principals = sshwire_string(in);
	cert.after_s = sshwire_u64(in);
	cert.before_s = sshwire_u64(in);
	cert.critical = sshwire_string(in);
	cert.extensions = sshwire_string(in);
	reserved = sshwire_string(in);
	cert.ca = sshwire_string(in);
	cert.signed_bytes = span_of(bytes.data, bytes.len - in->rest.len);
	if (in->bad || reserved.len != 0 ||
		(type != SSHCERT_USER && type != SSHCERT_HOST) ||
		!are_principals(cert.principals) ||
		!sshcert_are_options(cert.critical) ||
		!sshcert_are_options(cert.extensions) ||
		sshkey_parse(cert.ca, &ca) != 0)
		return ERR_INPUT;
	cert.type = (enum sshcert_type)type;
	*ret_cert = cert;
	return 0;
}

int
sshcert_parse(struct span blob, struct sshcert *ret_cert)
{
	struct sshwire in = sshwire_of(blob);
	struct sshcert cert;

	if (parse_signed(blob, &in, &cert) != 0)
		return ERR_INPUT;
	cert.signature = sshwire_string(&in);
	if (!sshwire_end(&in))
		return ERR_INPUT;
	*ret_cert = cert;
	return 0;
}

int
sshcert_parse_unsigned(struct span bytes, struct sshcert *ret_cert)
{
	struct sshwire in = sshwire_of(bytes);
	struct sshcert cert;

	if (parse_signed(bytes, &in, &cert) != 0 || !sshwire_end(&in))
		return ERR_INPUT;
	*ret_cert = cert;
	return 0;
}

bool
sshcert_is_of(const struct sshcert *cert, struct span key)
{
	struct buf blob;
	bool same;

	buf_init(&blob, SSHKEY_BLOB_MAX);
	same = sshkey_build(&cert->key, &blob) == 0 &&
		span_equal(buf_span(&blob), key);
	buf_clear(&blob);
	return same;
}

int
sshcert_verify(const struct sshcert *cert)
{
	struct sshkey ca;
	uint8_t flags;
	int rc = sshkey_parse(cert->ca, &ca);

	if (rc != 0)
		return ERR_CRYPTO;
	return sshkey_verify(&ca, cert->signature, cert->signed_bytes, &flags);
}

/* ---- building --------------------------------------------------------- */

static bool
is_user_char(uint8_t c)
{
	return c > ' ' && c < 0x7f && strchr(",\"'\\*?!", c) == NULL;
}

static bool
is_host_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || (c != '\0' && strchr("-._:%", c));
}

bool
sshcert_is_principal(enum sshcert_type type, struct span name)
{
	if (type == SSHCERT_HOST && span_has_prefix(name, span_str("*.")))
		name = span_skip(name, 2);
	if (name.len == 0 || name.len > PRINCIPAL_LEN_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (type == SSHCERT_HOST ? !is_host_char(name.data[i])
					 : !is_user_char(name.data[i]))
			return false;
	}
	return true;
}

/* OpenSSH takes no certificate with a NUL in one of its texts. */
static bool
has_nul(struct span text)
{
	return text.len > 0 && memchr(text.data, 0, text.len) != NULL;
}

static int
add_principals(struct buf *out, const struct sshcert_parts *parts)
{
	struct buf list;
	int rc = 0;

	if (parts->n_principals > SSHCERT_PRINCIPALS_MAX)
		return ERR_INPUT;
	buf_init(&list, SSHCERT_BLOB_MAX);
	for (size_t i = 0; i < parts->n_principals; i++) {
		if (!sshcert_is_principal(parts->type, parts->principals[i]))
			rc = ERR_INPUT;
		(void)sshwire_add_string(&list, parts->principals[i]);
	}
	if (rc == 0)
		rc = list.rc;
	if (rc == 0)
		rc = sshwire_add_string(out, buf_span(&list));
	buf_clear(&list);
	return rc;
}

static int
by_name(const void *a, const void *b)
{
	const struct sshcert_option *const *one = a, *const *other = b;

	return span_compare((*one)->name, (*other)->name);
}

/* A value is wrapped twice; a flag has none at all. */
static int
add_option(struct buf *list, const struct sshcert_option *option)
{
	(void)sshwire_add_string(list, option->name);
	if (option->value.len == 0)
		return sshwire_add_string(list, SPAN_NONE);
	if (option->value.len > SSHCERT_BLOB_MAX)
		return list->rc = ERR_LIMIT;
	(void)buf_add_u32be(list, (uint32_t)option->value.len + 4);
	return sshwire_add_string(list, option->value);
}

int
sshcert_build_options(
	const struct sshcert_option *options, size_t n, struct buf *out)
{
	const struct sshcert_option *sorted[OPTIONS_MAX];
	const size_t len = out->len;
	int rc = 0;

	if (n > OPTIONS_MAX)
		return ERR_INPUT;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &options[i];
	if (n > 0)
		qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (sorted[i]->name.len == 0 || has_nul(sorted[i]->name) ||
			has_nul(sorted[i]->value) ||
			(i > 0 && by_name(&sorted[i - 1], &sorted[i]) == 0))
			rc = ERR_INPUT;
		else
			rc = add_option(out, sorted[i]);
	}
	if (rc != 0)
		out->len = len;
	return rc;
}

static int
add_options(struct buf *out, const struct sshcert_option *options, size_t n)
{
	struct buf list;
	int rc;

	buf_init(&list, SSHCERT_BLOB_MAX);
	rc = sshcert_build_options(options, n, &list);
	if (rc == 0)
		rc = sshwire_add_string(out, buf_span(&list));
	buf_clear(&list);
	return rc;
}

/* The name of its certificates, the nonce, and the key's own parts. */
static int
add_subject(struct buf *out, const struct sshcert_parts *parts)
{
	struct sshwire in = sshwire_of(parts->key);
	struct sshkey key;

	if (parts->nonce.len != NONCE_LEN ||
		sshkey_parse(parts->key, &key) != 0)
		return ERR_INPUT;
	(void)sshwire_string(&in);
	(void)sshwire_add_string(
		out, span_str(sshkey_kind_cert_name(key.kind)));
	(void)sshwire_add_string(out, parts->nonce);
	return buf_add_span(out, in.rest);
}

static int
build(const struct sshcert_parts *parts, struct buf *out)
{
	struct sshkey ca;
	int rc;

	if ((parts->type != SSHCERT_USER && parts->type != SSHCERT_HOST) ||
		has_nul(parts->key_id) || sshkey_parse(parts->ca, &ca) != 0)
		return ERR_INPUT;
	rc = add_subject(out, parts);
	if (rc != 0)
		return rc;
	(void)buf_add_u64be(out, parts->serial);
	(void)buf_add_u32be(out, (uint32_t)parts->type);
	(void)sshwire_add_string(out, parts->key_id);
	rc = add_principals(out, parts);
	(void)buf_add_u64be(out, parts->after_s);
	(void)buf_add_u64be(out, parts->before_s);
	if (rc == 0)
		rc = add_options(out, parts->critical, parts->n_critical);
	if (rc == 0)
		rc = add_options(out, parts->extensions, parts->n_extensions);
	(void)sshwire_add_string(out, SPAN_NONE); /* reserved */
	(void)sshwire_add_string(out, parts->ca);
	return rc != 0 ? rc : out->rc;
}

int
sshcert_build(const struct sshcert_parts *parts, struct buf *out)
{
	struct buf whole;
	int rc;

	buf_init(&whole, SSHCERT_BLOB_MAX);
	rc = build(parts, &whole);
	if (rc == 0)
		rc = buf_add_span(out, buf_span(&whole));
	buf_clear(&whole);
	return rc;
}

int
sshcert_add_signature(struct buf *out, struct span signature)
{
	return sshwire_add_string(out, signature);
}
