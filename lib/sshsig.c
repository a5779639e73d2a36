/* The format of PROTOCOL.sshsig, both ways. */
#include "lib/sshsig.h"

#include <string.h>

#include <openssl/evp.h>

#include "lib/codec.h"

#define MAGIC "SSHSIG"
#define SIGNATURE_VERSION 1
#define BEGIN "-----BEGIN SSH SIGNATURE-----"
#define END "-----END SSH SIGNATURE-----"

static const char *const hash_names[] = { "sha256", "sha512" };

/* OpenSSL's name for a hash that signatures may use; NULL: none. */
static const char *
hash_of(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(hash_names); i++) {
		if (span_equal(name, span_str(hash_names[i])))
			return hash_names[i];
	}
	return NULL;
}

/* ---- armour ----------------------------------------------------------- */

/* What stands between the two lines, or the text itself. */
static int
strip_armour(struct span text, struct span *ret_inside)
{
	const struct span begin = span_str(BEGIN), end = span_str(END);

	text = span_trim(text);
	if (span_has_prefix(text, begin)) {
		text = span_skip(text, begin.len);
		if (text.len < end.len ||
			memcmp(text.data + text.len - end.len, end.data,
				end.len) != 0)
			return ERR_INPUT;
		text.len -= end.len;
		text = span_trim(text);
	}
	*ret_inside = text;
	return text.len > 0 ? 0 : ERR_INPUT;
}

int
sshsig_dearmor(struct span text, struct buf *out)
{
	struct buf joined;
	int rc = strip_armour(text, &text);

	if (rc != 0)
		return rc;
	buf_init(&joined, 2 * SSHSIG_MAX);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '\n' && text.data[i] != '\r')
			(void)buf_add_char(&joined, (char)text.data[i]);
	}
	rc = joined.rc != 0 ? joined.rc : base64_decode(buf_span(&joined), out);
	buf_clear(&joined);
	return rc == 0 || rc == ERR_MEMORY ? rc : ERR_INPUT;
}

/* ---- the format ------------------------------------------------------- */

int
sshsig_parse(struct span bytes, struct sshsig *ret_sig)
{
	const struct span magic = span_str(MAGIC);
	struct sshwire in = sshwire_of(span_skip(bytes, magic.len));
	struct sshsig sig;
	struct span reserved;
	uint32_t version;

	if (!span_has_prefix(bytes, magic) || bytes.len > SSHSIG_MAX)
		return ERR_INPUT;
	version = sshwire_u32(&in);
	sig.key = sshwire_string(&in);
	sig.name = sshwire_string(&in);
	reserved = sshwire_string(&in);
	sig.hash_name = sshwire_string(&in);
	sig.signature = sshwire_string(&in);
	if (!sshwire_end(&in) || version != SIGNATURE_VERSION ||
		sig.name.len == 0 || reserved.len != 0 ||
		hash_of(sig.hash_name) == NULL)
		return ERR_INPUT;
	*ret_sig = sig;
	return 0;
}

int
sshsig_signed_data(struct span name, struct span hash_name, struct span message,
	struct buf *out)
{
	const char *hash = hash_of(hash_name);
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t len = 0;

	if (hash == NULL ||
		EVP_Q_digest(NULL, hash, NULL, message.data, message.len,
			digest, &len) != 1)
		return ERR_CRYPTO;
	(void)buf_add_str(out, MAGIC);
	(void)sshwire_add_string(out, name);
	(void)sshwire_add_string(out, SPAN_NONE);
	(void)sshwire_add_string(out, hash_name);
	(void)sshwire_add_string(out, span_of(digest, len));
	return out->rc;
}

int
sshsig_verify(const struct sshsig *sig, const struct sshkey *key,
	const char *name, struct span message, uint8_t *ret_flags)
{
	struct buf data;
	int rc;

	if (!span_equal(sig->name, span_str(name)))
		return ERR_CRYPTO;
	buf_init(&data, SSHSIG_MAX);
	rc = sshsig_signed_data(sig->name, sig->hash_name, message, &data);
	if (rc == 0)
		rc = sshkey_verify(
			key, sig->signature, buf_span(&data), ret_flags);
	buf_clear(&data);
	return rc;
}

int
sshsig_build(const struct sshsig *sig, struct buf *out)
{
	(void)buf_add_str(out, MAGIC);
	(void)buf_add_u32be(out, SIGNATURE_VERSION);
	(void)sshwire_add_string(out, sig->key);
	(void)sshwire_add_string(out, sig->name);
	(void)sshwire_add_string(out, SPAN_NONE);
	(void)sshwire_add_string(out, sig->hash_name);
	(void)sshwire_add_string(out, sig->signature);
	return out->rc;
}

int
sshsig_make(const struct sshsig *sig, struct span message, sshsig_sign_fn *sign,
	const void *ctx, struct buf *out, struct err *err)
{
	struct sshsig made = *sig;
	struct buf data, blob, whole;
	int rc;

	buf_init(&data, SSHSIG_MAX);
	buf_init(&blob, SSHSIG_MAX);
	buf_init(&whole, 2 * SSHSIG_MAX);
	(void)sshsig_signed_data(sig->name, sig->hash_name, message, &data);
	rc = buf_check(&data, err);
	if (rc == 0)
		rc = sign(ctx, buf_span(&data), &blob, err);
	if (rc == 0) {
		made.signature = buf_span(&blob);
		(void)sshsig_build(&made, &whole);
		rc = buf_check(&whole, err);
	}
	if (rc == 0) {
		(void)base64_encode(buf_span(&whole), out);
		rc = buf_check(out, err);
	}
	buf_clear(&data);
	buf_clear(&blob);
	buf_clear(&whole);
	return rc;
}
