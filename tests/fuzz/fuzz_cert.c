/*
 * Behind a byte that says which: any bytes as a certificate, whose parts build
 * the same bytes again; or lines as the parts of one, which come out of it as
 * they went in, or are refused for what this target too finds wrong with them.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sshcert.h"

#define OPTIONS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The parts of a certificate with room for its lists. */
struct whole {
	struct sshcert_parts parts;
	struct span principals[SSHCERT_PRINCIPALS_MAX + 1];
	struct sshcert_option options[2][OPTIONS_MAX];
};

static bool
has_nul(struct span text)
{
	return text.len > 0 && memchr(text.data, 0, text.len) != NULL;
}

/* ---- bytes, parts, bytes ---------------------------------------------- */

/* False: more than this target has room for, or not made here. */
static bool
take_options(struct span rest, struct sshcert_option *options, size_t *ret_n)
{
	size_t n = 0;

	for (; rest.len > 0; n++) {
		if (n == OPTIONS_MAX)
			return false;
		if (!sshcert_next_option(
			    &rest, &options[n].name, &options[n].value))
			abort();
		if (has_nul(options[n].name) || has_nul(options[n].value))
			return false;
	}
	*ret_n = n;
	return true;
}

/* False: it holds what is not made here. */
static bool
take_parts(const struct sshcert *cert, struct whole *whole, struct buf *key)
{
	struct sshcert_parts *parts = &whole->parts;
	struct span rest = cert->principals, *name = whole->principals;
	bool good = cert->nonce.len == 32 && !has_nul(cert->key_id);

	if (sshkey_build(&cert->key, key) != 0)
		abort();
	*parts = (struct sshcert_parts){
		.nonce = cert->nonce,
		.key = buf_span(key),
		.serial = cert->serial,
		.type = cert->type,
		.key_id = cert->key_id,
		.principals = whole->principals,
		.after_s = cert->after_s,
		.before_s = cert->before_s,
		.critical = whole->options[0],
		.extensions = whole->options[1],
		.ca = cert->ca,
	};
	for (; rest.len > 0; name++, parts->n_principals++) {
		if (!sshcert_next_principal(&rest, name))
			abort();
		good = good && sshcert_is_principal(cert->type, *name);
	}
	return good &&
		take_options(cert->critical, whole->options[0],
			&parts->n_critical) &&
		take_options(cert->extensions, whole->options[1],
			&parts->n_extensions);
}

static void
check_bytes(struct span blob)
{
	static struct whole whole;
	struct sshcert cert, again;
	struct buf key, out;

	if (sshcert_parse(blob, &cert) != 0)
		return;
	if (!sshcert_is(blob) ||
		sshcert_parse_unsigned(cert.signed_bytes, &again) != 0)
		abort();
	buf_init(&key, SSHKEY_BLOB_MAX);
	buf_init(&out, SSHCERT_BLOB_MAX);
	if (take_parts(&cert, &whole, &key)) {
		if (sshcert_build(&whole.parts, &out) != 0 ||
			!span_equal(buf_span(&out), cert.signed_bytes) ||
			sshcert_add_signature(&out, cert.signature) != 0 ||
			!span_equal(buf_span(&out), blob))
			abort();
	}
	(void)sshcert_verify(&cert);
	buf_clear(&out);
	buf_clear(&key);
}

/* ---- lines, certificate, lines ---------------------------------------- */

/* Up to the next newline of *text, which is moved behind it. */
static struct span
next_line(struct span *text)
{
	const uint8_t *end =
		text->len > 0 ? memchr(text->data, '\n', text->len) : NULL;
	const size_t len = end != NULL ? (size_t)(end - text->data) : text->len;
	const struct span line = span_of(text->data, len);

	*text = span_skip(*text, len + 1);
	return line;
}

/* "name=value" or "name". */
static struct sshcert_option
option_of(struct span line)
{
	const uint8_t *end =
		line.len > 0 ? memchr(line.data, '=', line.len) : NULL;
	const size_t len = end != NULL ? (size_t)(end - line.data) : line.len;

	return (struct sshcert_option){ .name = span_of(line.data, len),
		.value = span_skip(line, len + 1) };
}

/* "p" name, "c" option, "e" option; the first line is the key id. */
static void
read_parts(struct span text, struct whole *whole)
{
	struct sshcert_parts *parts = &whole->parts;

	parts->key_id = next_line(&text);
	while (text.len > 0) {
		struct span line = next_line(&text);
		const struct span rest = span_skip(line, 1);

		if (line.len == 0)
			continue;
		if (line.data[0] == 'p' &&
			parts->n_principals <= SSHCERT_PRINCIPALS_MAX)
			whole->principals[parts->n_principals++] = rest;
		else if (line.data[0] == 'c' && parts->n_critical < OPTIONS_MAX)
			whole->options[0][parts->n_critical++] =
				option_of(rest);
		else if (line.data[0] == 'e' &&
			parts->n_extensions < OPTIONS_MAX)
			whole->options[1][parts->n_extensions++] =
				option_of(rest);
	}
}

static bool
are_good_options(const struct sshcert_option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (options[i].name.len == 0 || has_nul(options[i].name) ||
			has_nul(options[i].value))
			return false;
		for (size_t j = 0; j < i; j++) {
			if (span_equal(options[i].name, options[j].name))
				return false;
		}
	}
	return true;
}

static bool
are_good(const struct sshcert_parts *parts)
{
	bool good = parts->n_principals <= SSHCERT_PRINCIPALS_MAX &&
		!has_nul(parts->key_id);

	for (size_t i = 0; i < parts->n_principals; i++)
		good = good &&
			sshcert_is_principal(parts->type, parts->principals[i]);
	return good && are_good_options(parts->critical, parts->n_critical) &&
		are_good_options(parts->extensions, parts->n_extensions);
}

/* As many as went in, and each of them among those. */
static void
check_options(struct span rest, const struct sshcert_option *options, size_t n)
{
	struct span name, value;

	for (size_t left = n; left > 0; left--) {
		bool found = false;

		if (!sshcert_next_option(&rest, &name, &value))
			abort();
		for (size_t i = 0; i < n; i++)
			found = found ||
				(span_equal(name, options[i].name) &&
					span_equal(value, options[i].value));
		if (!found)
			abort();
	}
	if (rest.len > 0)
		abort();
}

static void
check_built(const struct sshcert_parts *parts, struct span bytes)
{
	struct sshcert cert;
	struct span rest, one;

	if (sshcert_parse_unsigned(bytes, &cert) != 0 ||
		cert.serial != parts->serial || cert.type != parts->type ||
		!span_equal(cert.key_id, parts->key_id) ||
		cert.after_s != parts->after_s ||
		cert.before_s != parts->before_s ||
		!span_equal(cert.ca, parts->ca))
		abort();
	rest = cert.principals;
	for (size_t i = 0; i < parts->n_principals; i++) {
		if (!sshcert_next_principal(&rest, &one) ||
			!span_equal(one, parts->principals[i]))
			abort();
	}
	if (rest.len > 0)
		abort();
	check_options(cert.critical, parts->critical, parts->n_critical);
	check_options(cert.extensions, parts->extensions, parts->n_extensions);
}

static void
check_parts(enum sshcert_type type, struct span text)
{
	static const uint8_t nonce[32];
	static const uint8_t key[] = "\0\0\0\013ssh-ed25519\0\0\0\040"
				     "a key of two and thirty letters ";
	static struct whole whole;
	struct buf out;
	int rc;

	whole.parts = (struct sshcert_parts){
		.nonce = span_of(nonce, sizeof(nonce)),
		.key = span_of(key, sizeof(key) - 1),
		.serial = text.len,
		.type = type,
		.principals = whole.principals,
		.after_s = text.len * 1000,
		.before_s = UINT64_MAX - text.len,
		.critical = whole.options[0],
		.extensions = whole.options[1],
		.ca = span_of(key, sizeof(key) - 1),
	};
	read_parts(text, &whole);
	buf_init(&out, SSHCERT_BLOB_MAX);
	rc = sshcert_build(&whole.parts, &out);
	if (rc == 0)
		check_built(&whole.parts, buf_span(&out));
	if ((rc == 0) != are_good(&whole.parts))
		abort();
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span rest = span_skip(span_of(data, size), 1);

	if (size == 0 || size > 65536)
		return 0;
	switch (data[0] % 3) {
	case 0:
		check_bytes(rest);
		break;
	case 1:
		check_parts(SSHCERT_USER, rest);
		break;
	default:
		check_parts(SSHCERT_HOST, rest);
		break;
	}
	return 0;
}
