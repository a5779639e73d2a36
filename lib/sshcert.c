/* Certificates, from bytes to their parts. */
#include "lib/sshcert.h"

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
		if (!sshwire_end(&inside))
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
static bool
are_options(struct span list)
{
	struct span last = SPAN_NONE, name, value;

	while (list.len > 0 && sshcert_next_option(&list, &name, &value)) {
		if (last.data != NULL && span_compare(last, name) >= 0)
			return false;
		last = name;
	}
	return list.len == 0;
}

/* All behind the key's own parts. */
static int
parse_rest(struct sshwire *in, struct span blob, struct sshcert *cert)
{
	struct span reserved;
	struct sshkey ca;
	uint32_t type;

	cert->serial = sshwire_u64(in);
	type = sshwire_u32(in);
	cert->key_id = sshwire_string(in);
	cert->principals = sshwire_string(in);
	cert->after_s = sshwire_u64(in);
	cert->before_s = sshwire_u64(in);
	cert->critical = sshwire_string(in);
	cert->extensions = sshwire_string(in);
	reserved = sshwire_string(in);
	cert->ca = sshwire_string(in);
	cert->signed_bytes = span_of(blob.data, blob.len - in->rest.len);
	cert->signature = sshwire_string(in);
	if (!sshwire_end(in) || reserved.len != 0 ||
		(type != SSHCERT_USER && type != SSHCERT_HOST) ||
		!are_principals(cert->principals) ||
		!are_options(cert->critical) ||
		!are_options(cert->extensions) ||
		sshkey_parse(cert->ca, &ca) != 0)
		return ERR_INPUT;
	cert->type = (enum sshcert_type)type;
	return 0;
}

int
sshcert_parse(struct span blob, struct sshcert *ret_cert)
{
	struct sshwire in = sshwire_of(blob);
	struct sshcert cert = { .serial = 0 };
	const struct sshkey_kind *kind = NULL;
	bool is_cert = false;
	int rc;

	if (blob.len > SSHKEY_BLOB_MAX)
		return ERR_INPUT;
	kind = sshkey_kind(sshwire_string(&in), &is_cert);
	if (kind == NULL || !is_cert)
		return ERR_INPUT;
	(void)sshwire_string(&in); /* the nonce */
	rc = sshkey_parse_parts(kind, &in, &cert.key);
	if (rc == 0)
		rc = parse_rest(&in, blob, &cert);
	if (rc == 0)
		*ret_cert = cert;
	return rc;
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
