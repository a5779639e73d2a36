/*
 * SSH keys, certificates and signatures: what OpenSSH made is good, and no bit
 * of it may differ.
 */
#include "lib/sshsig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "lib/sha256.h"
#include "lib/sshcert.h"
#include "tests/unit/lib/sshsig_vectors.h"

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(64 * 1024 * 1024);
	return arena == NULL || sodium_init() < 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* The bytes of a vector's signature, in the arena. */
static struct span
bytes_of(const struct sshsig_vector *vector)
{
	struct span copy;
	struct buf bytes;

	buf_init(&bytes, SSHSIG_MAX);
	assert_int_equal(
		sshsig_dearmor(span_str(vector->signature), &bytes), 0);
	copy = arena_dup(arena, buf_span(&bytes));
	buf_clear(&bytes);
	return copy;
}

/* The key that signed, also where a certificate stands for it. */
static int
signer_of(struct span blob, struct sshkey *ret_key)
{
	struct sshcert cert;

	if (!sshcert_is(blob))
		return sshkey_parse(blob, ret_key);
	if (sshcert_parse(blob, &cert) != 0)
		return ERR_INPUT;
	*ret_key = cert.key;
	return 0;
}

static int
verify(struct span bytes, const char *name, const char *message)
{
	struct sshsig sig;
	struct sshkey key;
	uint8_t flags = 0xff;
	int rc = sshsig_parse(bytes, &sig);

	if (rc == 0)
		rc = signer_of(sig.key, &key);
	if (rc == 0)
		rc = sshsig_verify(&sig, &key, name, span_str(message), &flags);
	if (rc == 0)
		assert_int_equal(flags, 0);
	return rc;
}

static void
what_openssh_signed_is_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sshsig_vectors); i++) {
		const struct sshsig_vector *vector = &sshsig_vectors[i];
		struct span bytes = bytes_of(vector), blob;
		struct sshsig sig;

		assert_int_equal(
			verify(bytes, SSHSIG_NAMESPACE, SSHSIG_MESSAGE), 0);
		assert_int_equal(
			verify(bytes, "test@example.co", SSHSIG_MESSAGE),
			ERR_CRYPTO);
		assert_int_equal(
			verify(bytes, SSHSIG_NAMESPACE, SSHSIG_MESSAGE "s"),
			ERR_CRYPTO);
		assert_int_equal(sshsig_parse(bytes, &sig), 0);
		assert_int_equal(sshkey_parse_line(span_str(vector->public_key),
					 arena, &blob),
			0);
		assert_true(span_equal(sig.key, blob));
	}
}

static void
nothing_may_be_missing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sshsig_vectors); i++) {
		struct span bytes = bytes_of(&sshsig_vectors[i]);

		for (size_t len = 0; len < bytes.len; len++)
			assert_int_not_equal(
				verify(span_of(bytes.data, len),
					SSHSIG_NAMESPACE, SSHSIG_MESSAGE),
				0);
	}
}

/*
 * Each bit turned over. Of a certificate nothing but its key counts here: the
 * rest is what the CA's signature is for.
 */
static void
no_bit_of_a_plain_signature_may_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i + 1 < ARRAY_LEN(sshsig_vectors); i++) {
		struct span bytes = bytes_of(&sshsig_vectors[i]);
		uint8_t *copy = malloc(bytes.len);

		assert_non_null(copy);
		for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
			memcpy(copy, bytes.data, bytes.len);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (verify(span_of(copy, bytes.len), SSHSIG_NAMESPACE,
				    SSHSIG_MESSAGE) == 0)
				fail_msg("%s: bit %zu", sshsig_vectors[i].what,
					bit);
		}
		free(copy);
	}
}

static void
armour_is_read_strictly(void **state)
{
	static const char *const bad[] = {
		"", " ", "====", "a", "-----BEGIN SSH SIGNATURE-----",
		"-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----",
		"-----BEGIN SSH SIGNATURE-----\nU1NI\n",
		"-----BEGIN SSH SIGNATURE-----\nU1 NI\n-----END SSH SIGNATURE-----",
		"-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE----- x"
	};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		buf_init(&out, SSHSIG_MAX);
		assert_int_equal(
			sshsig_dearmor(span_str(bad[i]), &out), ERR_INPUT);
		buf_clear(&out);
	}
	buf_init(&out, SSHSIG_MAX);
	assert_int_equal(sshsig_dearmor(span_str("\r\nU1NI\r\n"), &out), 0);
	assert_string_equal(buf_str(&out), "SSH");
	buf_clear(&out);
}

/* ---- certificates ----------------------------------------------------- */

static struct span
cert_blob(void)
{
	const struct sshsig_vector *vector =
		&sshsig_vectors[ARRAY_LEN(sshsig_vectors) - 1];
	struct span blob;

	assert_int_equal(
		sshkey_parse_line(span_str(vector->public_key), arena, &blob),
		0);
	return blob;
}

static void
a_certificate_has_its_parts(void **state)
{
	struct span blob = cert_blob(), ca, rest, one, value;
	struct sshcert cert;

	(void)state;
	assert_true(sshcert_is(blob));
	assert_int_equal(sshcert_parse(blob, &cert), 0);
	assert_int_equal(sshcert_verify(&cert), 0);
	assert_int_equal(cert.serial, 42);
	assert_int_equal(cert.type, SSHCERT_USER);
	assert_true(span_equal(cert.key_id, span_str("the id")));
	assert_true(cert.after_s < cert.before_s);
	assert_int_equal(sshkey_parse_line(span_str(sshsig_ca), arena, &ca), 0);
	assert_true(span_equal(cert.ca, ca));
	rest = cert.principals;
	assert_true(sshcert_next_principal(&rest, &one));
	assert_true(span_equal(one, span_str("ann")));
	assert_true(sshcert_next_principal(&rest, &one));
	assert_true(span_equal(one, span_str("bob")));
	assert_false(sshcert_next_principal(&rest, &one));
	rest = cert.critical;
	assert_true(sshcert_next_option(&rest, &one, &value));
	assert_true(span_equal(one, span_str("force-command")));
	assert_true(span_equal(value, span_str("/bin/true")));
	assert_true(sshcert_next_option(&rest, &one, &value));
	assert_true(span_equal(one, span_str("source-address")));
	assert_false(sshcert_next_option(&rest, &one, &value));
}

static void
no_bit_of_a_certificate_may_differ(void **state)
{
	struct span blob = cert_blob();
	uint8_t *copy = malloc(blob.len);
	struct sshcert cert;

	(void)state;
	assert_non_null(copy);
	for (size_t bit = 0; bit < 8 * blob.len; bit++) {
		memcpy(copy, blob.data, blob.len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (sshcert_parse(span_of(copy, blob.len), &cert) == 0 &&
			sshcert_verify(&cert) == 0)
			fail_msg("bit %zu", bit);
	}
	for (size_t len = 0; len < blob.len; len++)
		assert_int_equal(sshcert_parse(span_of(blob.data, len), &cert),
			ERR_INPUT);
	free(copy);
}

/* ---- keys ------------------------------------------------------------- */

static void
keys_are_read_strictly(void **state)
{
	static const char *const bad[] = {
		"",
		"ssh-ed25519",
		"ssh-ed25519 AAAA",
		"ssh-ed25519\nAAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	struct span blob;
	struct sshkey key;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int rc = sshkey_parse_line(span_str(bad[i]), arena, &blob);

		assert_true(rc != 0 || sshkey_parse(blob, &key) != 0);
	}
	assert_int_equal(sshkey_parse(cert_blob(), &key), ERR_INPUT);
}

static void
fingerprints_are_those_of_ssh_keygen(void **state)
{
	char out[SSHKEY_FINGERPRINT_MAX];
	struct span blob;

	(void)state;
	assert_int_equal(
		sshkey_parse_line(
			span_str(
				"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl github"),
			arena, &blob),
		0);
	sshkey_fingerprint(blob, out);
	assert_string_equal(
		out, "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
}

/* ---- security tokens -------------------------------------------------- */

/* What a security token would answer: "string sig, byte flags, u32 counter" */
static void
sk_sign(const unsigned char *secret, struct span application, uint8_t flags,
	struct span data, struct buf *out)
{
	uint8_t text[2 * SHA256_BYTES + 5] = { 0 };
	unsigned char signature[crypto_sign_BYTES];

	sha256(application, text);
	text[SHA256_BYTES] = flags;
	text[SHA256_BYTES + 4] = 9;
	sha256(data, text + SHA256_BYTES + 5);
	(void)crypto_sign_detached(signature, NULL, text, sizeof(text), secret);
	(void)sshwire_add_string(out, span_str("sk-ssh-ed25519@openssh.com"));
	(void)sshwire_add_string(out, span_of(signature, sizeof(signature)));
	(void)buf_add_char(out, (char)flags);
	(void)buf_add_u32be(out, 9);
}

static void
a_security_token_must_have_been_touched(void **state)
{
	static const struct {
		uint8_t flags;
		int rc;
	} cases[] = { { SSHKEY_SK_PRESENT, 0 },
		{ SSHKEY_SK_PRESENT | SSHKEY_SK_VERIFIED, 0 },
		{ 0, ERR_CRYPTO }, { SSHKEY_SK_VERIFIED, ERR_CRYPTO } };

	unsigned char public[crypto_sign_PUBLICKEYBYTES];
	unsigned char secret[crypto_sign_SECRETKEYBYTES];
	struct sshkey key;
	struct buf blob;

	(void)state;
	(void)crypto_sign_keypair(public, secret);
	buf_init(&blob, SSHKEY_BLOB_MAX);
	(void)sshwire_add_string(&blob, span_str("sk-ssh-ed25519@openssh.com"));
	(void)sshwire_add_string(&blob, span_of(public, sizeof(public)));
	(void)sshwire_add_string(&blob, span_str("ssh:"));
	assert_int_equal(sshkey_parse(buf_span(&blob), &key), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t flags = 0;
		struct buf sig;

		buf_init(&sig, SSHSIG_MAX);
		sk_sign(secret, span_str("ssh:"), cases[i].flags,
			span_str("data"), &sig);
		assert_int_equal(sshkey_verify(&key, buf_span(&sig),
					 span_str("data"), &flags),
			cases[i].rc);
		if (cases[i].rc == 0)
			assert_int_equal(flags, cases[i].flags);
		assert_int_equal(sshkey_verify(&key, buf_span(&sig),
					 span_str("Data"), &flags),
			ERR_CRYPTO);
		buf_reset(&sig);
		sk_sign(secret, span_str("other:"), SSHKEY_SK_PRESENT,
			span_str("data"), &sig);
		assert_int_equal(sshkey_verify(&key, buf_span(&sig),
					 span_str("data"), &flags),
			ERR_CRYPTO);
		buf_clear(&sig);
	}
	buf_clear(&blob);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_openssh_signed_is_good),
		cmocka_unit_test(no_bit_of_a_plain_signature_may_differ),
		cmocka_unit_test(nothing_may_be_missing),
		cmocka_unit_test(armour_is_read_strictly),
		cmocka_unit_test(a_certificate_has_its_parts),
		cmocka_unit_test(no_bit_of_a_certificate_may_differ),
		cmocka_unit_test(keys_are_read_strictly),
		cmocka_unit_test(fingerprints_are_those_of_ssh_keygen),
		cmocka_unit_test(a_security_token_must_have_been_touched),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
