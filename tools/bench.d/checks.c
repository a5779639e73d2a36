/*
 * What a login's proof costs to check, without a server: the calls of the
 * libraries that the auth methods use, one after the other on one core, each
 * as the server makes it (a new context, a key that is parsed already). Prints
 * one JSON object: checks a second, and the CPU of one; tools/bench starts it.
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
#include <time.h>

#define SECRET_ID_LEN 36 /* a uuid */
#define JWS_LEN 420      /* head and claims of a job's token */
#define SSHSIG_LEN 140   /* what an SSH signature covers */
#define SIGNATURE_MAX 256
#define PER_LOOK 16 /* checks between two looks at the clock */

static uint8_t message[JWS_LEN];
static uint8_t mac_key[crypto_auth_hmacsha256_KEYBYTES];
static uint8_t mac[crypto_auth_hmacsha256_BYTES];
static uint8_t ed_public[crypto_sign_PUBLICKEYBYTES];
static uint8_t ed_signature[crypto_sign_BYTES];

struct evp_proof {
	EVP_PKEY *key;
	uint8_t signature[SIGNATURE_MAX];
	size_t len;
};

static struct evp_proof es256, rs256;

static void
need(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "checks: %s failed\n", what);
	exit(1);
}

static double
now_s(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
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

static void
sign_evp(EVP_PKEY *key, struct evp_proof *proof)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	proof->key = key;
	proof->len = sizeof(proof->signature);
	need(key != NULL && ctx != NULL &&
			EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL,
				key, NULL) == 1 &&
			EVP_DigestSign(ctx, proof->signature, &proof->len,
				message, JWS_LEN) == 1,
		"signing");
	EVP_MD_CTX_free(ctx);
}

static void
make_proofs(void)
{
	uint8_t ed_secret[crypto_sign_SECRETKEYBYTES];

	need(sodium_init() >= 0, "sodium_init");
	randombytes_buf(message, sizeof(message));
	crypto_auth_hmacsha256_keygen(mac_key);
	need(crypto_auth_hmacsha256(mac, message, SECRET_ID_LEN, mac_key) == 0,
		"crypto_auth_hmacsha256");
	need(crypto_sign_keypair(ed_public, ed_secret) == 0 &&
			crypto_sign_detached(ed_signature, NULL, message,
				SSHSIG_LEN, ed_secret) == 0,
		"crypto_sign_detached");
	sign_evp(EVP_EC_gen("P-256"), &es256);
	sign_evp(EVP_RSA_gen(2048), &rs256);
}

static void
measure(const char *name, bool (*check)(void), double seconds)
{
	double cpu = now_s(CLOCK_PROCESS_CPUTIME_ID);
	double start = now_s(CLOCK_MONOTONIC), at = start;
	uint64_t n = 0;

	while (at - start < seconds) {
		for (int i = 0; i < PER_LOOK; i++)
			need(check(), name);
		n += PER_LOOK;
		at = now_s(CLOCK_MONOTONIC);
	}
	cpu = now_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	(void)printf("\"%s\":{\"rate\":%.0f,\"cpu_us\":%.3f}", name,
		(double)n / (at - start), cpu / (double)n * 1e6);
}

int
main(int argc, char **argv)
{
	static const struct proof {
		const char *name;
		bool (*check)(void);
	} proofs[] = {
		{ "hmac", check_hmac },
		{ "es256", check_es256 },
		{ "rs256", check_rs256 },
		{ "ed25519", check_ed25519 },
	};

	if (argc != 2) {
		(void)fputs("usage: checks SECONDS\n", stderr);
		return 1;
	}
	make_proofs();
	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++) {
		(void)putchar(i == 0 ? '{' : ',');
		measure(proofs[i].name, proofs[i].check, strtod(argv[1], NULL));
	}
	(void)puts("}");
	EVP_PKEY_free(es256.key);
	EVP_PKEY_free(rs256.key);
	return 0;
}
