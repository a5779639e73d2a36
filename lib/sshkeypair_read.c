/*
 * Private keys from their texts: our own reader for OpenSSH's form, OpenSSL's
 * decoders for the older ones. A pair that was read signs something that its
 * public half must verify, so halves that do not match never get out of here.
 */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <sodium.h>

#include "lib/codec.h"
#include "lib/sshkey_own.h"

#define OPENSSH_MAGIC "openssh-key-v1" /* its NUL belongs to it */
#define OPENSSH_BLOCK 8

#define TEXT_ENCRYPTED "private key is encrypted; remove its passphrase first"
#define TEXT_DAMAGED "private key is damaged"
#define TEXT_DSA "DSA keys are not supported"
#define TEXT_OTHER_HALF                                                        \
	"private key does not match the public key stored with it"

static int
refuse(struct err *err, const char *text)
{
	return err_set(err, ERR_INPUT, 400, "%s", text);
}

/* ---- RSA -------------------------------------------------------------- */

/* What is taken from a file; the rest follows from it. */
enum { RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_GIVEN };

enum { RSA_DMP1 = RSA_GIVEN, RSA_DMQ1, RSA_IQMP, RSA_PARTS };

static const char *const rsa_names[RSA_PARTS] = {
	OSSL_PKEY_PARAM_RSA_N,
	OSSL_PKEY_PARAM_RSA_E,
	OSSL_PKEY_PARAM_RSA_D,
	OSSL_PKEY_PARAM_RSA_FACTOR1,
	OSSL_PKEY_PARAM_RSA_FACTOR2,
	OSSL_PKEY_PARAM_RSA_EXPONENT1,
	OSSL_PKEY_PARAM_RSA_EXPONENT2,
	OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

/* Numbers that OpenSSL frees with a wipe; NULL: no memory. */
static BIGNUM *
secret_number(struct span bytes)
{
	BIGNUM *number = BN_secure_new();

	if (number != NULL &&
		BN_bin2bn(bytes.data, (int)bytes.len, number) == NULL) {
		BN_clear_free(number);
		number = NULL;
	}
	return number;
}

/* No number is larger than the modulus, which is the primes' product. */
static bool
is_sane_rsa(BIGNUM *const parts[RSA_PARTS], BN_CTX *ctx)
{
	BIGNUM *product = BN_secure_new();
	bool good = product != NULL;

	for (size_t i = 0; i < RSA_GIVEN && good; i++)
		good = parts[i] != NULL && !BN_is_zero(parts[i]) &&
			BN_num_bits(parts[i]) <= BN_num_bits(parts[RSA_N]);
	good = good && BN_num_bits(parts[RSA_N]) <= SSHKEY_RSA_BITS_MAX &&
		BN_mul(product, parts[RSA_P], parts[RSA_Q], ctx) == 1 &&
		BN_cmp(product, parts[RSA_N]) == 0;
	BN_clear_free(product);
	return good;
}

/* d modulo a prime less one. */
static BIGNUM *
exponent_for(const BIGNUM *d, const BIGNUM *prime, BN_CTX *ctx)
{
	BIGNUM *less = BN_secure_new(), *exponent = BN_secure_new();
	bool good = less != NULL && exponent != NULL &&
		BN_copy(less, prime) != NULL && BN_sub_word(less, 1) == 1;

	if (good) {
		BN_set_flags(less, BN_FLG_CONSTTIME);
		good = BN_mod(exponent, d, less, ctx) == 1;
	}
	if (!good) {
		BN_clear_free(exponent);
		exponent = NULL;
	}
	BN_clear_free(less);
	return exponent;
}

static bool
derive_rsa(BIGNUM *parts[RSA_PARTS], BN_CTX *ctx)
{
	if (!is_sane_rsa(parts, ctx))
		return false;
	BN_set_flags(parts[RSA_P], BN_FLG_CONSTTIME);
	BN_set_flags(parts[RSA_Q], BN_FLG_CONSTTIME);
	parts[RSA_DMP1] = exponent_for(parts[RSA_D], parts[RSA_P], ctx);
	parts[RSA_DMQ1] = exponent_for(parts[RSA_D], parts[RSA_Q], ctx);
	parts[RSA_IQMP] = BN_secure_new();
	return parts[RSA_DMP1] != NULL && parts[RSA_DMQ1] != NULL &&
		parts[RSA_IQMP] != NULL &&
		BN_mod_inverse(parts[RSA_IQMP], parts[RSA_Q], parts[RSA_P],
			ctx) != NULL;
}

static EVP_PKEY *
key_of_build(const char *type, OSSL_PARAM_BLD *build)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *key = NULL;

	if (params != NULL)
		key = sshkey_openssl(type, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	return key;
}

/* Frees the parts, whatever comes of it; any of those given may be NULL. */
static int
take_rsa_parts(
	BIGNUM *parts[RSA_PARTS], struct sshkeypair **ret_pair, struct err *err)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BN_CTX *ctx = BN_CTX_secure_new();
	EVP_PKEY *key = NULL;
	bool good = build != NULL && ctx != NULL && derive_rsa(parts, ctx);

	for (size_t i = 0; i < RSA_PARTS; i++)
		good = good &&
			OSSL_PARAM_BLD_push_BN(build, rsa_names[i], parts[i]) ==
				1;
	if (good)
		key = key_of_build("RSA", build);
	for (size_t i = 0; i < RSA_PARTS; i++)
		BN_clear_free(parts[i]);
	BN_CTX_free(ctx);
	OSSL_PARAM_BLD_free(build);
	if (key == NULL)
		return refuse(err, TEXT_DAMAGED);
	return sshkeypair_take_openssl(key, ret_pair, err);
}

/* ---- OpenSSH's form --------------------------------------------------- */

static int
read_rsa(struct sshwire *in, struct sshkeypair **ret_pair, struct err *err)
{
	static const size_t order[] = { RSA_N, RSA_E, RSA_D, RSA_IQMP, RSA_P,
		RSA_Q };
	BIGNUM *parts[RSA_PARTS] = { NULL };

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		struct span number = sshwire_mpint(in);

		if (order[i] < RSA_GIVEN && !in->bad &&
			number.len <= SSHKEY_RSA_BYTES_MAX)
			parts[order[i]] = secret_number(number);
	}
	return take_rsa_parts(parts, ret_pair, err);
}

static EVP_PKEY *
ec_key(const char *group, struct span point, const BIGNUM *number)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	if (build != NULL &&
		OSSL_PARAM_BLD_push_utf8_string(
			build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
			point.data, point.len) == 1 &&
		OSSL_PARAM_BLD_push_BN(
			build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1)
		key = key_of_build("EC", build);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static int
read_ecdsa(const struct sshkey_kind *kind, struct sshwire *in,
	struct sshkeypair **ret_pair, struct err *err)
{
	struct span curve = sshwire_string(in);
	struct span point = sshwire_string(in);
	struct span number = sshwire_mpint(in);
	BIGNUM *secret = NULL;
	EVP_PKEY *key = NULL;

	if (!in->bad && number.len <= kind->point_len &&
		span_equal(curve, span_str(kind->curve)))
		secret = secret_number(number);
	if (secret != NULL)
		key = ec_key(kind->group, point, secret);
	BN_clear_free(secret);
	if (key == NULL)
		return refuse(err, TEXT_DAMAGED);
	return sshkeypair_take_openssl(key, ret_pair, err);
}

/* The public half stands there twice: the secret one is seed and public. */
static int
read_ed25519(struct sshwire *in, struct sshkeypair **ret_pair, struct err *err)
{
	struct span public = sshwire_string(in);
	struct span bytes = sshwire_string(in);
	struct secret_view secret = secret_view_of(bytes.data, bytes.len);
	struct sshkeypair *pair = NULL;
	int rc;

	if (public.len != SSHKEY_ED25519_PUBLIC ||
		secret.len != SSHKEY_ED25519_SECRET)
		return refuse(err, TEXT_DAMAGED);
	rc = sshkeypair_of_seed(
		secret_view_of(secret.data, crypto_sign_SEEDBYTES), &pair, err);
	if (rc == 0 &&
		(!span_equal(pair->public.bytes[0], public) ||
			!secret_equal(secret_open(pair->ed25519), secret)))
		rc = refuse(err, TEXT_OTHER_HALF);
	if (rc == 0)
		*ret_pair = pair;
	else
		sshkeypair_free(&pair);
	return rc;
}

static int
read_by_kind(struct span name, struct sshwire *in, struct sshkeypair **ret_pair,
	struct err *err)
{
	bool is_cert = false;
	const struct sshkey_kind *kind = sshkey_kind(name, &is_cert);

	if (span_equal(name, span_str("ssh-dss")))
		return refuse(err, TEXT_DSA);
	if (kind == NULL || is_cert)
		return refuse(err, "private key is of an unknown type");
	if (kind->is_sk)
		return refuse(err,
			"private key is on a security token: it cannot be used here");
	switch (kind->family) {
	case FAMILY_ED25519:
		return read_ed25519(in, ret_pair, err);
	case FAMILY_ECDSA:
		return read_ecdsa(kind, in, ret_pair, err);
	case FAMILY_RSA:
		return read_rsa(in, ret_pair, err);
	}
	return ERR_INTERNAL;
}

/* The bytes 1, 2, 3 and so on, up to a whole block. */
static bool
is_padding(struct span rest, size_t whole_len)
{
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.data[i] != i + 1)
			return false;
	}
	return whole_len % OPENSSH_BLOCK == 0;
}

/* Two equal numbers, the key, its comment, padding. */
static int
read_private_part(struct span part, struct span public,
	struct sshkeypair **ret_pair, struct err *err)
{
	struct sshwire in = sshwire_of(part);
	const uint32_t check = sshwire_u32(&in), again = sshwire_u32(&in);
	struct span name = sshwire_string(&in);
	struct sshkeypair *pair = NULL;
	int rc;

	if (in.bad || check != again)
		return refuse(err, TEXT_DAMAGED);
	rc = read_by_kind(name, &in, &pair, err);
	if (rc != 0)
		return rc;
	(void)sshwire_string(&in); /* the comment */
	if (in.bad || !is_padding(in.rest, part.len))
		rc = refuse(err, TEXT_DAMAGED);
	else if (!span_equal(sshkeypair_public(pair), public))
		rc = refuse(err, TEXT_OTHER_HALF);
	if (rc == 0)
		*ret_pair = pair;
	else
		sshkeypair_free(&pair);
	return rc;
}

static int
read_openssh(struct span bytes, struct sshkeypair **ret_pair, struct err *err)
{
	const struct span magic = span_of(OPENSSH_MAGIC, sizeof(OPENSSH_MAGIC));
	struct sshwire in = sshwire_of(span_skip(bytes, magic.len));
	struct span cipher = sshwire_string(&in);
	struct span kdf = sshwire_string(&in);
	struct span kdf_options = sshwire_string(&in);
	const uint32_t n = sshwire_u32(&in);
	struct span public = sshwire_string(&in);
	struct span private = sshwire_string(&in);

	if (!span_has_prefix(bytes, magic))
		return refuse(err, TEXT_DAMAGED);
	if (cipher.len > 0 && !span_equal(cipher, span_str("none")))
		return refuse(err, TEXT_ENCRYPTED);
	if (!in.bad && n != 1)
		return refuse(err, "there is more than one private key");
	if (!sshwire_end(&in) || !span_equal(kdf, span_str("none")) ||
		kdf_options.len != 0)
		return refuse(err, TEXT_DAMAGED);
	return read_private_part(private, public, ret_pair, err);
}

/* ---- the older forms -------------------------------------------------- */

/* One key from all of these bytes; NULL: there is none. */
static EVP_PKEY *
decode(struct span der, const char *structure, const char *type)
{
	const unsigned char *at = der.data;
	size_t left = der.len;
	EVP_PKEY *key = NULL;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(
		&key, "DER", structure, type, EVP_PKEY_KEYPAIR, NULL, NULL);

	if (ctx == NULL || OSSL_DECODER_from_data(ctx, &at, &left) != 1 ||
		left != 0) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	OSSL_DECODER_CTX_free(ctx);
	return key;
}

static int
take_rsa(EVP_PKEY *key, struct sshkeypair **ret_pair, struct err *err)
{
	BIGNUM *parts[RSA_PARTS] = { NULL };

	for (size_t i = 0; i < RSA_GIVEN; i++)
		(void)EVP_PKEY_get_bn_param(key, rsa_names[i], &parts[i]);
	EVP_PKEY_free(key);
	return take_rsa_parts(parts, ret_pair, err);
}

static int
take_ed25519(EVP_PKEY *key, struct sshkeypair **ret_pair, struct err *err)
{
	uint8_t seed[crypto_sign_SEEDBYTES];
	size_t len = sizeof(seed);
	int rc;

	if (EVP_PKEY_get_raw_private_key(key, seed, &len) != 1 ||
		len != sizeof(seed))
		rc = refuse(err, TEXT_DAMAGED);
	else
		rc = sshkeypair_of_seed(
			secret_view_of(seed, len), ret_pair, err);
	secret_wipe(seed, sizeof(seed));
	EVP_PKEY_free(key);
	return rc;
}

/* Takes the key. */
static int
take_decoded(EVP_PKEY *key, struct sshkeypair **ret_pair, struct err *err)
{
	const char *fault = NULL;

	if (key == NULL)
		fault = TEXT_DAMAGED;
	else if (EVP_PKEY_is_a(key, "ED25519") == 1)
		return take_ed25519(key, ret_pair, err);
	else if (EVP_PKEY_is_a(key, "RSA") == 1)
		return take_rsa(key, ret_pair, err);
	else if (EVP_PKEY_is_a(key, "EC") == 1)
		return sshkeypair_take_openssl(key, ret_pair, err);
	else if (EVP_PKEY_is_a(key, "DSA") == 1)
		fault = TEXT_DSA;
	else
		fault = "private key is of an unknown type";
	EVP_PKEY_free(key);
	return refuse(err, fault);
}

static int
read_pkcs1(struct span bytes, struct sshkeypair **ret_pair, struct err *err)
{
	return take_decoded(
		decode(bytes, "type-specific", "RSA"), ret_pair, err);
}

static int
read_sec1(struct span bytes, struct sshkeypair **ret_pair, struct err *err)
{
	return take_decoded(
		decode(bytes, "type-specific", "EC"), ret_pair, err);
}

static int
read_pkcs8(struct span bytes, struct sshkeypair **ret_pair, struct err *err)
{
	return take_decoded(
		decode(bytes, "PrivateKeyInfo", NULL), ret_pair, err);
}

static int
refuse_encrypted(
	struct span bytes, struct sshkeypair **ret_pair, struct err *err)
{
	(void)bytes;
	(void)ret_pair;
	return refuse(err, TEXT_ENCRYPTED);
}

static int
refuse_dsa(struct span bytes, struct sshkeypair **ret_pair, struct err *err)
{
	(void)bytes;
	(void)ret_pair;
	return refuse(err, TEXT_DSA);
}

/* ---- the text --------------------------------------------------------- */

static const struct form {
	const char *label;
	int (*read)(struct span bytes, struct sshkeypair **ret_pair,
		struct err *err);
} forms[] = {
	{ "OPENSSH PRIVATE KEY", read_openssh },
	{ "RSA PRIVATE KEY", read_pkcs1 },
	{ "EC PRIVATE KEY", read_sec1 },
	{ "PRIVATE KEY", read_pkcs8 },
	{ "ENCRYPTED PRIVATE KEY", refuse_encrypted },
	{ "DSA PRIVATE KEY", refuse_dsa },
};

/* The next line without what surrounds it; false: there is none. */
static bool
next_line(struct span *text, struct span *ret_line)
{
	const uint8_t *end =
		text->len > 0 ? memchr(text->data, '\n', text->len) : NULL;
	const size_t len = end != NULL ? (size_t)(end - text->data) : text->len;
	struct span line = span_of(text->data, len);

	if (text->len == 0)
		return false;
	*text = span_skip(*text, len + 1);
	while (line.len > 0 && line.data[0] <= ' ')
		line = span_skip(line, 1);
	while (line.len > 0 && line.data[line.len - 1] <= ' ')
		line.len--;
	*ret_line = line;
	return true;
}

/* Whether a line is "-----BEGIN label-----", or END. */
static bool
is_mark(struct span line, const char *word, const char *label)
{
	const char *const parts[] = { "-----", word, " ", label, "-----" };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const struct span part = span_of(parts[i], strlen(parts[i]));

		if (!span_has_prefix(line, part))
			return false;
		line = span_skip(line, part.len);
	}
	return line.len == 0;
}

/* Up to the first private key in the text, which is left behind its mark. */
static const struct form *
find_form(struct span *text)
{
	struct span line;

	while (next_line(text, &line)) {
		for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
			if (is_mark(line, "BEGIN", forms[i].label))
				return &forms[i];
		}
	}
	return NULL;
}

#define HEADER_ENCRYPTED "Proc-Type: 4,ENCRYPTED"

/* The lines up to the other mark, joined; of headers only one matters. */
static int
join_lines(struct span text, const struct form *form, struct buf *out,
	struct err *err)
{
	struct span line;

	while (next_line(&text, &line)) {
		if (is_mark(line, "END", form->label))
			return buf_check(out, err);
		if (span_has_prefix(line, span_str(HEADER_ENCRYPTED)))
			return refuse(err, TEXT_ENCRYPTED);
		if (line.len > 0 && memchr(line.data, ':', line.len) == NULL)
			(void)buf_add_span(out, line);
	}
	return refuse(err, "private key is cut off: its END line is missing");
}

/* What a public half cannot verify was not made by its private one. */
static int
check_halves(const struct sshkeypair *pair, struct err *err)
{
	const struct span probe = span_str("do the halves match?");
	struct buf signature;
	uint8_t flags;
	int rc;

	buf_init(&signature, SSHKEY_BLOB_MAX);
	rc = sshkeypair_sign(pair, NULL, false, probe, &signature, NULL);
	if (rc == 0)
		rc = sshkey_verify(
			&pair->public, buf_span(&signature), probe, &flags);
	buf_clear(&signature);
	return rc == 0 ? 0 : refuse(err, TEXT_OTHER_HALF);
}

/*
 * What a reader made, its halves held against each other, or why it (rc) made
 * none. OpenSSL's own words are for nobody.
 */
static int
settle(int rc, struct sshkeypair *pair, struct sshkeypair **ret_pair,
	struct err *err)
{
	if (rc == 0)
		rc = check_halves(pair, err);
	if (rc == 0)
		*ret_pair = pair;
	else
		sshkeypair_free(&pair);
	ERR_clear_error();
	return rc;
}

static int
read_block(const struct form *form, struct span joined,
	struct sshkeypair **ret_pair, struct err *err)
{
	struct sshkeypair *pair = NULL;
	struct buf bytes;
	int rc;

	buf_init(&bytes, SSHKEYPAIR_TEXT_MAX);
	if (base64_decode(joined, &bytes) != 0)
		rc = refuse(err, TEXT_DAMAGED);
	else
		rc = form->read(buf_span(&bytes), &pair, err);
	buf_clear(&bytes);
	return settle(rc, pair, ret_pair, err);
}

int
sshkeypair_parse(
	struct secret_view text, struct sshkeypair **ret_pair, struct err *err)
{
	struct span rest = span_of(text.data, text.len);
	const struct form *form = NULL;
	struct buf joined;
	int rc;

	if (text.len > SSHKEYPAIR_TEXT_MAX)
		return err_set(err, ERR_INPUT, 400,
			"private key is longer than %d bytes",
			SSHKEYPAIR_TEXT_MAX);
	form = find_form(&rest);
	if (form == NULL)
		return refuse(err,
			"not a private key: no line \"-----BEGIN … PRIVATE KEY-----\" found");
	buf_init(&joined, SSHKEYPAIR_TEXT_MAX);
	rc = join_lines(rest, form, &joined, err);
	if (rc == 0)
		rc = read_block(form, buf_span(&joined), ret_pair, err);
	buf_clear(&joined);
	return rc;
}

/* ---- with a passphrase -------------------------------------------------- */

bool
sshkeypair_needs_passphrase(struct secret_view text)
{
	struct span rest = span_of(text.data, text.len), line;
	const struct form *form = find_form(&rest);

	if (form == NULL)
		return false;
	if (form->read == refuse_encrypted)
		return true;
	while (next_line(&rest, &line) && !is_mark(line, "END", form->label)) {
		if (span_has_prefix(line, span_str(HEADER_ENCRYPTED)))
			return true;
	}
	return false;
}

/* NULL: there is none, or the passphrase does not open it. */
static EVP_PKEY *
decode_encrypted(struct secret_view text, struct secret_view passphrase)
{
	const unsigned char *at = text.data;
	size_t left = text.len;
	EVP_PKEY *key = NULL;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(
		&key, "PEM", NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);

	if (ctx == NULL ||
		OSSL_DECODER_CTX_set_passphrase(
			ctx, passphrase.data, passphrase.len) != 1 ||
		OSSL_DECODER_from_data(ctx, &at, &left) != 1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	OSSL_DECODER_CTX_free(ctx);
	return key;
}

int
sshkeypair_parse_encrypted(struct secret_view text,
	struct secret_view passphrase, struct sshkeypair **ret_pair,
	struct err *err)
{
	struct sshkeypair *pair = NULL;
	EVP_PKEY *key = NULL;
	int rc;

	if (text.len > SSHKEYPAIR_TEXT_MAX ||
		!sshkeypair_needs_passphrase(text))
		return refuse(err, TEXT_DAMAGED);
	key = decode_encrypted(text, passphrase);
	rc = key == NULL
		? refuse(err,
			  "passphrase is wrong, or the private key is damaged")
		: take_decoded(key, &pair, err);
	return settle(rc, pair, ret_pair, err);
}
