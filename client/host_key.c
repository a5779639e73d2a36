/* known_hosts, read from a key to its names (sshd(8), SSH_KNOWN_HOSTS). */
#include "client/host_key.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/codec.h"
#include "lib/glob.h"
#include "lib/netaddr.h"

/* gcc 12 does not see that a call fills a member of what is assigned whole. */
#ifdef SALLYPORT_ANALYZER
#pragma GCC diagnostic ignored "-Wanalyzer-use-of-uninitialized-value"
#endif

#define HASHED "|1|"
#define SHA1_BYTES 20
#define HASH_TEXT_MAX 128

/* ---- the key ------------------------------------------------------------- */

/* A certificate that may be believed, where its authority may. */
static const struct sshcert *
read_certificate(struct span blob, int64_t now_s, struct arena *arena)
{
	struct sshcert *cert = ARENA_NEW(arena, struct sshcert);

	if (cert == NULL || sshcert_parse(blob, cert) != 0 ||
		sshcert_verify(cert) != 0)
		return NULL;
	return cert->type == SSHCERT_HOST && cert->after_s <= (uint64_t)now_s &&
			(uint64_t)now_s < cert->before_s
		? cert
		: NULL;
}

/* The blob of the key itself; empty: it is none. */
static struct span
plain_key(struct span blob, struct arena *arena)
{
	struct span plain = SPAN_NONE;
	struct sshcert cert;
	struct sshkey key;
	struct buf out;

	if (!sshcert_is(blob))
		return sshkey_parse(blob, &key) == 0 ? blob : SPAN_NONE;
	buf_init(&out, SSHKEY_BLOB_MAX);
	if (sshcert_parse(blob, &cert) == 0 &&
		sshkey_build(&cert.key, &out) == 0)
		plain = arena_dup(arena, buf_span(&out));
	buf_clear(&out);
	return plain;
}

int
host_key_read(struct span blob, int64_t now_s, struct arena *arena,
	struct host_key *ret_key)
{
	const struct span plain = plain_key(blob, arena);
	char *fingerprint = arena_alloc(arena, SSHKEY_FINGERPRINT_MAX, 1);
	struct host_key key = { .arena = arena };

	if (plain.len == 0)
		return ERR_INPUT;
	key.line = sshkey_line(arena, plain);
	if (fingerprint == NULL || key.line == NULL)
		return ERR_MEMORY;
	sshkey_fingerprint(plain, fingerprint);
	key.fingerprint = fingerprint;
	if (sshcert_is(blob))
		key.cert = read_certificate(blob, now_s, arena);
	if (key.cert != NULL) {
		key.ca_line = sshkey_line(arena, key.cert->ca);
		if (key.ca_line == NULL)
			return ERR_MEMORY;
	}
	*ret_key = key;
	return 0;
}

/* ---- lines --------------------------------------------------------------- */

struct line {
	struct span marker; /* "@revoked"; empty: none */
	struct span hosts;
	struct span key; /* and what stands behind it */
};

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span
next_word(struct span *rest)
{
	struct span word;
	size_t len = 0;

	while (rest->len > 0 && is_blank(rest->data[0]))
		*rest = span_skip(*rest, 1);
	while (len < rest->len && !is_blank(rest->data[len]))
		len++;
	word = span_of(rest->data, len);
	*rest = span_skip(*rest, len);
	return word;
}

/* False: that was the last one. Comments come as lines without a key. */
static bool
next_line(struct span *rest, struct line *ret_line)
{
	const uint8_t *end;
	struct span text = *rest;

	if (rest->len == 0)
		return false;
	end = memchr(rest->data, '\n', rest->len);
	if (end != NULL)
		text.len = (size_t)(end - rest->data);
	*rest = span_skip(*rest, text.len + (end != NULL));
	*ret_line = (struct line){ .hosts = next_word(&text) };
	if (span_has_prefix(ret_line->hosts, span_str("@"))) {
		ret_line->marker = ret_line->hosts;
		ret_line->hosts = next_word(&text);
	}
	while (text.len > 0 && is_blank(text.data[0]))
		text = span_skip(text, 1);
	if (!span_has_prefix(ret_line->hosts, span_str("#")))
		ret_line->key = text;
	return true;
}

static bool
line_has_key(const struct line *line, const char *key)
{
	const size_t len = strlen(key);

	return span_has_prefix(line->key, span_str(key)) &&
		(line->key.len == len || is_blank(line->key.data[len]));
}

static bool
has_marker(const struct line *line, const char *marker)
{
	return span_equal(line->marker, span_str(marker));
}

static bool
is_revoked(const struct host_key *key, struct span text)
{
	struct line line;

	while (next_line(&text, &line)) {
		if (has_marker(&line, "@revoked") &&
			(line_has_key(&line, key->line) ||
				(key->ca_line != NULL &&
					line_has_key(&line, key->ca_line))))
			return true;
	}
	return false;
}

/* ---- names --------------------------------------------------------------- */

/* The next of a comma list, as it stands; false: none is left. */
static bool
next_name(struct span *rest, struct span *ret_name)
{
	const uint8_t *comma;

	if (rest->len == 0)
		return false;
	comma = memchr(rest->data, ',', rest->len);
	*ret_name = span_of(rest->data,
		comma != NULL ? (size_t)(comma - rest->data) : rest->len);
	*rest = span_skip(*rest, ret_name->len + (comma != NULL));
	return true;
}

/* Whether "|1|salt|hash" is of this name: hash = HMAC-SHA1(salt, name). */
static bool
hash_is_of(struct span hashed, struct span name)
{
	const struct span parts = span_skip(hashed, strlen(HASHED));
	const uint8_t *bar =
		parts.len == 0 ? NULL : memchr(parts.data, '|', parts.len);
	uint8_t made[EVP_MAX_MD_SIZE];
	struct buf salt, hash;
	unsigned len = 0;
	bool same = false;

	if (bar == NULL)
		return false;
	buf_init(&salt, HASH_TEXT_MAX);
	buf_init(&hash, HASH_TEXT_MAX);
	if (base64_decode(span_of(parts.data, (size_t)(bar - parts.data)),
		    &salt) == 0 &&
		base64_decode(span_skip(parts, (size_t)(bar - parts.data) + 1),
			&hash) == 0 &&
		HMAC(EVP_sha1(), salt.data, (int)salt.len, name.data, name.len,
			made, &len) != NULL)
		same = len == SHA1_BYTES &&
			span_equal(buf_span(&hash), span_of(made, len));
	buf_clear(&salt);
	buf_clear(&hash);
	return same;
}

/* "web1" of "[web1]:2222"; a name without port as it is. */
static struct span
without_port(struct span name)
{
	const uint8_t *end;

	if (name.len == 0 || name.data[0] != '[')
		return name;
	end = memchr(name.data, ']', name.len);
	return end == NULL
		? name
		: span_of(name.data + 1, (size_t)(end - name.data) - 1);
}

static bool
name_fits(struct span name, struct span pattern)
{
	if (span_has_prefix(name, span_str(HASHED)))
		return hash_is_of(name, pattern);
	return glob_matches_folded(pattern, name) ||
		glob_matches_folded(pattern, without_port(name));
}

/* A line of the key itself has a name that fits. */
static bool
is_listed_as(const struct host_key *key, struct span text, struct span pattern)
{
	struct span hosts, name;
	struct line line;

	while (next_line(&text, &line)) {
		hosts = line.hosts;
		if (line.marker.len > 0 || !line_has_key(&line, key->line))
			continue;
		while (next_name(&hosts, &name)) {
			if (!span_has_prefix(name, span_str("!")) &&
				name_fits(name, pattern))
				return true;
		}
	}
	return false;
}

/* A list of patterns as known_hosts has it. */
static bool
list_has(struct span list, struct span name)
{
	struct span pattern;
	bool found = false;

	while (next_name(&list, &pattern)) {
		const bool negated = span_has_prefix(pattern, span_str("!"));

		if (!glob_matches_folded(
			    span_skip(pattern, negated ? 1 : 0), name))
			continue;
		if (negated)
			return false;
		found = true;
	}
	return found;
}

/* Its authority is trusted for hosts of this name. */
static bool
authority_is_for(const struct host_key *key, struct span text, struct span name)
{
	struct line line;

	while (next_line(&text, &line)) {
		if (has_marker(&line, "@cert-authority") &&
			line_has_key(&line, key->ca_line) &&
			list_has(line.hosts, name))
			return true;
	}
	return false;
}

static bool
is_certified_as(
	const struct host_key *key, struct span text, struct span pattern)
{
	struct span rest, name;

	if (key->cert == NULL)
		return false;
	rest = key->cert->principals;
	while (rest.len > 0 && sshcert_next_principal(&rest, &name)) {
		if (glob_matches_folded(pattern, name) &&
			authority_is_for(key, text, name))
			return true;
	}
	return false;
}

bool
host_key_is(const struct host_key *key, struct span known_hosts,
	const char *patterns)
{
	struct span pattern;
	size_t pos = 0;
	bool found = false;

	if (is_revoked(key, known_hosts))
		return false;
	while (comma_next(patterns, &pos, &pattern)) {
		const bool negated = span_has_prefix(pattern, span_str("!"));

		if (negated)
			pattern = span_skip(pattern, 1);
		if (!span_equal(pattern, span_str(key->fingerprint)) &&
			!is_listed_as(key, known_hosts, pattern) &&
			!is_certified_as(key, known_hosts, pattern))
			continue;
		if (negated)
			return false;
		found = true;
	}
	return found;
}
