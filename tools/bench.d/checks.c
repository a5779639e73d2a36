/*
 * What a login's proof costs to check and a certificate to sign, without a
 * server: the calls of the libraries that the auth methods and the keeper use,
 * one after the other on one core, each as they make it (to check: a new
 * context; to sign: a copy of one that is ready; a key that is parsed already).
 * Prints one JSON object: how many of each that is named a second, and the CPU
 * of one; tools/bench starts it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "tools/bench.d/seconds.h"

#define SECRET_ID_LEN 36 /* a uuid */
#define JWS_LEN 420      /* head and claims of a job's token */
#define SSHSIG_LEN 140   /* what an SSH signature covers */
#define CERT_LEN 380     /* with an Ed25519 key, but for the signature */
#define SIGNATURE_MAX 512
#define PER_LOOK 16 /* checks between two looks at the clock */

static uint8_t message[JWS_LEN];
static uint8_t mac_key[crypto_auth_hmacsha256_KEYBYTES];
static uint8_t mac[crypto_auth_hmacsha256_BYTES];
static uint8_t ed_secret[crypto_sign_SECRETKEYBYTES];
static uint8_t ed_public[crypto_sign_PUBLICKEYBYTES];
static uint8_t ed_signature[crypto_sign_BYTES];

struct evp_proof {
	EVP_PKEY *key;
	uint8_t signature[SIGNATURE_MAX];
	size_t len;
};

static struct evp_proof es256, rs256;
static EVP_MD_CTX *sign_ready;

static void
need(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "checks: %s failed\n", what);
	exit(1);
}

static bool
check_hmac(void)
{
	return crypto_auth_hmacsha256_verify(
		       mac, message, SECRET_ID_LEN, mac_key) == 0;
}

static bool
check_evp(const struct evp_proof *proof)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool is_good = ctx != NULL &&
		EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL,
			proof->key, NULL) == 1 &&
		EVP_DigestVerify(ctx, proof->signature, proof->len, message,
			JWS_LEN) == 1;

	EVP_MD_CTX_free(ctx);
	return is_good;
}

static bool
check_es256(void)
{
	return check_evp(&es256);
}

static bool
check_rs256(void)
{
	return check_evp(&rs256);
}

static bool
check_ed25519(void)
{
	return crypto_sign_verify_detached(
		       ed_signature, message, SSHSIG_LEN, ed_public) == 0;
}

static bool
sign_ed25519(void)
{
	return crypto_sign_detached(
		       ed_signature, NULL, message, CERT_LEN, ed_secret) == 0;
}

static bool
sign_evp(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	bool is_good = ctx != NULL && EVP_MD_CTX_copy_ex(ctx, sign_ready) == 1;

	if (is_good) {
		EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE);
		is_good = EVP_DigestSign(
				  ctx, signature, &len, message, CERT_LEN) == 1;
	}
	EVP_MD_CTX_free(ctx);
	return is_good;
}

/* ---- before it counts -------------------------------------------------- */

static EVP_MD_CTX *
signer_of(EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	need(key != NULL && ctx != NULL &&
			EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL,
				key, NULL) == 1,
		"a key");
	return ctx;
}

static void
make_proof(EVP_PKEY *key, struct evp_proof *proof)
{
	EVP_MD_CTX *ctx = signer_of(key);

	proof->key = key;
	proof->len = sizeof(proof->signature);
	need(EVP_DigestSign(
		     ctx, proof->signature, &proof->len, message, JWS_LEN) == 1,
		"signing");
	EVP_MD_CTX_free(ctx);
}

static void
prepare_hmac(void)
{
	crypto_auth_hmacsha256_keygen(mac_key);
	need(crypto_auth_hmacsha256(mac, message, SECRET_ID_LEN, mac_key) == 0,
		"crypto_auth_hmacsha256");
}

static void
prepare_es256(void)
{
	make_proof(EVP_EC_gen("P-256"), &es256);
}

static void
prepare_rs256(void)
{
	make_proof(EVP_RSA_gen(2048), &rs256);
}

static void
prepare_ed25519(void)
{
	need(crypto_sign_keypair(ed_public, ed_secret) == 0 &&
			crypto_sign_detached(ed_signature, NULL, message,
				SSHSIG_LEN, ed_secret) == 0,
		"crypto_sign_detached");
}

/* To sign with from now on. */
static void
take_signer(EVP_PKEY *key)
{
	EVP_MD_CTX_free(sign_ready);
	sign_ready = signer_of(key);
	EVP_PKEY_free(key);
}

static void
prepare_p256(void)
{
	take_signer(EVP_EC_gen("P-256"));
}

static void
prepare_rsa2048(void)
{
	take_signer(EVP_RSA_gen(2048));
}

static void
prepare_rsa4096(void)
{
	take_signer(EVP_RSA_gen(4096));
}

/* ---- measuring --------------------------------------------------------- */

static const struct work {
	const char *name;
	void (*prepare)(void);
	bool (*run)(void);
} works[] = {
	{ "hmac", prepare_hmac, check_hmac },
	{ "es256", prepare_es256, check_es256 },
	{ "rs256", prepare_rs256, check_rs256 },
	{ "ed25519", prepare_ed25519, check_ed25519 },
	{ "sign-ed25519", prepare_ed25519, sign_ed25519 },
	{ "sign-p256", prepare_p256, sign_evp },
	{ "sign-rsa2048", prepare_rsa2048, sign_evp },
	{ "sign-rsa4096", prepare_rsa4096, sign_evp },
};

static const struct work *
find_work(const char *name)
{
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		if (strcmp(works[i].name, name) == 0)
			return &works[i];
	}
	need(false, name);
	return &works[0];
}

static void
measure(const struct work *work, double seconds)
{
	double cpu, start, at;
	uint64_t n = 0;

	work->prepare();
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	start = at = seconds_now();
	while (at - start < seconds) {
		for (int i = 0; i < PER_LOOK; i++)
			need(work->run(), work->name);
		n += PER_LOOK;
		at = seconds_now();
	}
	cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	(void)printf("\"%s\":{\"rate\":%.0f,\"cpu_us\":%.3f}", work->name,
		(double)n / (at - start), cpu / (double)n * 1e6);
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		(void)fputs("usage: checks SECONDS NAME...\n", stderr);
		return 1;
	}
	need(sodium_init() >= 0, "sodium_init");
	randombytes_buf(message, sizeof(message));
	for (int i = 2; i < argc; i++) {
		(void)putchar(i == 2 ? '{' : ',');
		measure(find_work(argv[i]), strtod(argv[1], NULL));
	}
	(void)puts("}");
	EVP_MD_CTX_free(sign_ready);
	EVP_PKEY_free(es256.key);
	EVP_PKEY_free(rs256.key);
	return 0;
}
