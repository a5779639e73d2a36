/*
 * One TLS policy for all listeners: versions 1.2 and 1.3, suites with forward
 * secrecy and authenticated encryption only, no tickets, no session cache, no
 * renegotiation, no compression.
 */
#include "lib/tls.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define SERIAL_BYTES_MAX 64 /* RFC 5280 allows 20 */

#define SUITES_TLS12                                                           \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"           \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"           \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"

/* Not const, since the macro that takes it casts that away. */
static char groups[] = "X25519:P-256:P-384";

struct version_name {
	const char *name;
	int version;
};

static const struct version_name version_names[] = {
	{ "", 0 },
	{ "tls12", TLS1_2_VERSION },
	{ "tls13", TLS1_3_VERSION },
};

/* The reason of the newest OpenSSL error; the queue is emptied. */
static const char *
last_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return reason != NULL ? reason : "unknown error";
}

static int
fail(struct err *err, const char *what, const char *file)
{
	return err_set(err, ERR_INPUT, 400, "failed to load %s %s: %s", what,
		file, last_reason());
}

static int
find_version(const char *name, int *ret_version, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(version_names); i++) {
		if (strcmp(name, version_names[i].name) != 0)
			continue;
		*ret_version = version_names[i].version;
		return 0;
	}
	return err_set(err, ERR_INPUT, 400,
		"unknown TLS version \"%s\": tls12 or tls13 is expected", name);
}

/* A key with a passphrase is refused; nobody may be asked at a terminal. */
static int
no_passphrase(
	char *buf UNUSED, int size UNUSED, int rwflag UNUSED, void *ctx UNUSED)
{
	return -1;
}

/* auth/cert judges certificates later, so every one may be shown here. */
static int
accept_any(int ok UNUSED, X509_STORE_CTX *store UNUSED)
{
	return 1;
}

static int
set_versions(SSL_CTX *ctx, const struct tls_server_settings *settings,
	struct err *err)
{
	int min = 0, max = 0;
	int rc = find_version(settings->min_version, &min, err);

	if (rc == 0)
		rc = find_version(settings->max_version, &max, err);
	if (rc != 0)
		return rc;
	if (min == 0)
		min = TLS1_2_VERSION;
	if (max != 0 && max < min)
		return err_set(err, ERR_INPUT, 400,
			"tls_max_version is below tls_min_version");
	if (SSL_CTX_set_min_proto_version(ctx, min) != 1 ||
		SSL_CTX_set_max_proto_version(ctx, max) != 1 ||
		SSL_CTX_set_cipher_list(ctx, SUITES_TLS12) != 1 ||
		SSL_CTX_set1_groups_list(ctx, groups) != 1)
		return err_set(err, ERR_CRYPTO, 500, "TLS policy refused: %s",
			last_reason());
	return 0;
}

static int
load_pair(SSL_CTX *ctx, const struct tls_server_settings *settings,
	struct err *err)
{
	const char *cert = settings->cert_file, *key = settings->key_file;

	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return fail(err, "TLS certificate", cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return fail(err, "TLS key", key);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return fail(err, "TLS key that fits its certificate", key);
	return 0;
}

static int
load_client_ca(SSL_CTX *ctx, const char *file, struct err *err)
{
	STACK_OF(X509_NAME) * names;

	if (file[0] == '\0')
		return 0;
	names = SSL_load_client_CA_file(file);
	if (names == NULL)
		return fail(err, "client CA file", file);
	SSL_CTX_set_client_CA_list(ctx, names);
	if (SSL_CTX_load_verify_file(ctx, file) != 1)
		return fail(err, "client CA file", file);
	return 0;
}

static int
set_client_certs(SSL_CTX *ctx, const struct tls_server_settings *settings,
	struct err *err)
{
	if (settings->require_client_cert && settings->disable_client_certs)
		return err_set(err, ERR_INPUT, 400,
			"tls_disable_client_certs and "
			"tls_require_and_verify_client_cert exclude each "
			"other");
	if (settings->disable_client_certs)
		return 0;
	if (settings->require_client_cert)
		SSL_CTX_set_verify(ctx,
			SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			NULL);
	else
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
	return load_client_ca(ctx, settings->client_ca_file, err);
}

static void
set_habits(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx,
		SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
			SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT |
			SSL_OP_CIPHER_SERVER_PREFERENCE |
			SSL_OP_PRIORITIZE_CHACHA);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
}

int
tls_server_ctx_new(const struct tls_server_settings *settings,
	SSL_CTX **ret_ctx, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int rc;

	if (ctx == NULL)
		return err_set_memory(err);
	ERR_clear_error();
	set_habits(ctx);
	rc = set_versions(ctx, settings, err);
	if (rc == 0)
		rc = load_pair(ctx, settings, err);
	if (rc == 0)
		rc = set_client_certs(ctx, settings, err);
	if (rc != 0) {
		tls_ctx_free(&ctx);
		return rc;
	}
	*ret_ctx = ctx;
	return 0;
}

void
tls_ctx_free(SSL_CTX **ctx)
{
	SSL_CTX_free(*ctx);
	*ctx = NULL;
}

const char *
tls_cert_serial(const X509 *cert, struct arena *arena)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	BIGNUM *n = NULL;
	char *digits = NULL;
	const char *copy = NULL;

	/* Anybody may show one of any length, and digits cost its square. */
	if (ASN1_STRING_length(serial) > SERIAL_BYTES_MAX)
		return "(too long)";
	n = ASN1_INTEGER_to_BN(serial, NULL);
	digits = n != NULL ? BN_bn2dec(n) : NULL;
	copy = digits != NULL ? arena_strdup(arena, digits) : NULL;
	OPENSSL_free(digits);
	BN_free(n);
	return copy;
}
