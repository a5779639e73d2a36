/*
 * Reads one input a line, "what hex", and answers with one line each: "ok" and
 * what was read, or "no" and why not. The suites beside this file drive it:
 *
 *	json, hcl	the value as JSON
 *	scan		the verdict of the limits for request bodies
 *	addr, cidr	the canonical text
 *	in		block and address with a blank between: yes or no
 *	hmac, hasher	key and message: the tag; as libsodium and as the
 *			audit log makes it
 *	ed25519		key, message and signature
 *	open		XChaCha20-Poly1305: key, nonce, AAD, sealed: the text
 *	seal		the same, of a text: the sealed bytes
 *	jws		JSON Web Key Set and token: its payload in hex
 *	ssh		key blob, message and signature blob, as SSH has them
 *
 * Those that take several byte strings get them in hex, with ':' behind each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "audit/hasher.h"
#include "lib/codec.h"
#include "lib/hcl.h"
#include "lib/json.h"
#include "lib/jsonw.h"
#include "lib/jws.h"
#include "lib/netaddr.h"
#include "lib/sshkey.h"

/* Every answerer: 0 with the answer added to out, or an error. */
typedef int answer_fn(struct span input, struct arena *arena, struct buf *out,
	struct err *err);

static int
answer_json(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct value *value = NULL;
	int rc;

	rc = json_parse(input, &json_limits_trusted, arena, &value, err);
	if (rc == 0)
		jsonw_value(out, value, 0);
	return rc;
}

static int
answer_scan(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	(void)arena;
	(void)out;
	return json_scan(input, &json_limits_request, err);
}

static int
answer_hcl(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct value *value = NULL;
	int rc = hcl_parse(input, arena, &value, err);

	if (rc == 0)
		jsonw_value(out, value, 0);
	return rc;
}

static int
answer_addr(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct netaddr addr;
	char text[NETADDR_TEXT_MAX];
	int rc = netaddr_parse(input, &addr);

	(void)arena;
	(void)err;
	if (rc != 0)
		return rc;
	netaddr_format(&addr, text);
	return buf_add_str(out, text);
}

static int
answer_cidr(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct cidr cidr;
	char text[NETADDR_TEXT_MAX];
	int rc = cidr_parse(input, &cidr);

	(void)arena;
	(void)err;
	if (rc != 0)
		return rc;
	netaddr_format(&cidr.base, text);
	return buf_addf(out, "%s/%u", text, (unsigned)cidr.prefix);
}

static int
answer_in(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	const uint8_t *blank = memchr(input.data, ' ', input.len);
	struct netaddr addr;
	struct cidr cidr;
	size_t len;

	(void)arena;
	(void)err;
	if (blank == NULL)
		return ERR_INPUT;
	len = (size_t)(blank - input.data);
	if (cidr_parse(span_of(input.data, len), &cidr) != 0 ||
		netaddr_parse(span_skip(input, len + 1), &addr) != 0)
		return ERR_INPUT;
	return buf_add_str(out, cidr_contains(&cidr, &addr) ? "yes" : "no");
}

/* The next "hex:" of input as bytes of the arena; data NULL: none is left. */
static struct span
take_bytes(struct span *input, struct arena *arena)
{
	const uint8_t *colon =
		input->len > 0 ? memchr(input->data, ':', input->len) : NULL;
	size_t len = colon != NULL ? (size_t)(colon - input->data) : 0;
	uint8_t *bytes = arena_alloc(arena, len / 2 + 1, 1);
	size_t n = 0;

	if (colon == NULL || bytes == NULL ||
		hex_decode(span_of(input->data, len), bytes, len / 2, &n) != 0)
		abort();
	*input = span_skip(*input, len + 1);
	return span_of(bytes, n);
}

static int
answer_hmac(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct span key = take_bytes(&input, arena);
	struct span message = take_bytes(&input, arena);
	uint8_t tag[crypto_auth_hmacsha256_BYTES];
	char text[2 * sizeof(tag) + 1];
	crypto_auth_hmacsha256_state state;

	(void)err;
	crypto_auth_hmacsha256_init(&state, key.data, key.len);
	crypto_auth_hmacsha256_update(&state, message.data, message.len);
	crypto_auth_hmacsha256_final(&state, tag);
	hex_encode(tag, sizeof(tag), text);
	return buf_add_str(out, text);
}

static int
answer_hasher(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct span key = take_bytes(&input, arena);
	struct span message = take_bytes(&input, arena);
	struct hasher *hasher = NULL;
	char text[HASHER_TEXT + 1] = "";
	int rc = ERR_INPUT;

	if (key.len == HASHER_KEY)
		rc = hasher_new(key.data, &hasher, err);
	if (rc != 0)
		return rc;
	hasher_text(hasher, message, text);
	hasher_free(&hasher);
	return buf_add_str(out, text + strlen("hmac-sha256:"));
}

static int
answer_ed25519(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct span key = take_bytes(&input, arena);
	struct span message = take_bytes(&input, arena);
	struct span sig = take_bytes(&input, arena);

	(void)out;
	(void)err;
	if (key.len != crypto_sign_PUBLICKEYBYTES ||
		sig.len != crypto_sign_BYTES)
		return ERR_INPUT;
	return crypto_sign_verify_detached(
		sig.data, message.data, message.len, key.data);
}

/* open and seal: what differs is the call and the length of what comes out. */
typedef int aead_fn(unsigned char *to, unsigned long long *ret_len,
	struct span from, struct span aad, const uint8_t *nonce,
	const uint8_t *key);

static int
aead_open(unsigned char *to, unsigned long long *ret_len, struct span from,
	struct span aad, const uint8_t *nonce, const uint8_t *key)
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(to, ret_len, NULL,
		from.data, from.len, aad.data, aad.len, nonce, key);
}

static int
aead_seal(unsigned char *to, unsigned long long *ret_len, struct span from,
	struct span aad, const uint8_t *nonce, const uint8_t *key)
{
	return crypto_aead_xchacha20poly1305_ietf_encrypt(to, ret_len,
		from.data, from.len, aad.data, aad.len, NULL, nonce, key);
}

static int
answer_aead(
	aead_fn *fn, struct span input, struct arena *arena, struct buf *out)
{
	struct span key = take_bytes(&input, arena);
	struct span nonce = take_bytes(&input, arena);
	struct span aad = take_bytes(&input, arena);
	struct span from = take_bytes(&input, arena);
	size_t cap = from.len + crypto_aead_xchacha20poly1305_ietf_ABYTES;
	uint8_t *to = arena_alloc(arena, cap, 1);
	char *text = arena_alloc(arena, 2 * cap + 1, 1);
	unsigned long long len = 0;

	if (key.len != crypto_aead_xchacha20poly1305_ietf_KEYBYTES ||
		nonce.len != crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
		return ERR_INPUT;
	if (fn(to, &len, from, aad, nonce.data, key.data) != 0)
		return ERR_CRYPTO;
	hex_encode(to, (size_t)len, text);
	return buf_add_str(out, text);
}

static int
answer_open(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	(void)err;
	return answer_aead(aead_open, input, arena, out);
}

static int
answer_seal(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	(void)err;
	return answer_aead(aead_seal, input, arena, out);
}

static int
answer_jws(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct span keys_text = take_bytes(&input, arena);
	struct span token = take_bytes(&input, arena);
	struct jwks *keys = jwks_new();
	struct jws jws = { 0 };
	char *text = NULL;
	int rc;

	if (keys == NULL)
		return ERR_MEMORY;
	rc = jwks_add_json(keys, keys_text, err);
	if (rc == 0)
		rc = jws_parse(token, arena, &jws, err);
	if (rc == 0)
		rc = jws_verify(&jws, keys);
	jwks_free(&keys);
	if (rc != 0)
		return rc;
	text = arena_alloc(arena, 2 * jws.payload.len + 1, 1);
	hex_encode(jws.payload.data, jws.payload.len, text);
	return buf_add_str(out, text);
}

static int
answer_ssh(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct span blob = take_bytes(&input, arena);
	struct span message = take_bytes(&input, arena);
	struct span sig = take_bytes(&input, arena);
	struct sshkey key;
	uint8_t flags;
	int rc = sshkey_parse(blob, &key);

	(void)out;
	(void)err;
	return rc != 0 ? rc : sshkey_verify(&key, sig, message, &flags);
}

static const struct {
	const char *what;
	answer_fn *answer;
} answerers[] = {
	{ "json", answer_json },
	{ "scan", answer_scan },
	{ "hcl", answer_hcl },
	{ "addr", answer_addr },
	{ "cidr", answer_cidr },
	{ "in", answer_in },
	{ "hmac", answer_hmac },
	{ "hasher", answer_hasher },
	{ "ed25519", answer_ed25519 },
	{ "open", answer_open },
	{ "seal", answer_seal },
	{ "jws", answer_jws },
	{ "ssh", answer_ssh },
};

static void
answer_line(char *what, const char *hex)
{
	struct span text = span_str(hex);
	struct arena *arena = arena_new(64 << 20);
	struct err err = { 0 };
	struct buf out, input;
	size_t len = 0, i;
	int rc = ERR_INTERNAL;

	buf_init(&out, 16 << 20);
	buf_init(&input, 16 << 20);
	if (arena == NULL || buf_reserve(&input, text.len / 2) == NULL ||
		hex_decode(text, input.data, text.len / 2, &len) != 0)
		abort();
	input.len = len;
	for (i = 0; i < ARRAY_LEN(answerers); i++) {
		if (strcmp(what, answerers[i].what) == 0)
			rc = answerers[i].answer(
				buf_span(&input), arena, &out, &err);
	}
	printf("%s %s\n", rc == 0 ? "ok" : "no",
		rc == 0 ? buf_str(&out) : err.message);
	buf_clear(&input);
	buf_clear(&out);
	arena_free(&arena);
}

int
main(void)
{
	char *line = NULL;
	size_t cap = 0;

	if (sodium_init() < 0)
		abort();
	json_setup();
	while (getline(&line, &cap, stdin) > 0) {
		char *blank = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (blank == NULL)
			abort();
		*blank = '\0';
		answer_line(line, blank + 1);
	}
	free(line);
	return 0;
}
