/* Certificates by OpenSSL, with the extensions that today's clients want. */
#include "client/x509make.h"

#include <ctype.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/fsutil.h"
#include "lib/netaddr.h"
#include "lib/random.h"

#define SERIAL_BYTES 16
#define NAME_MAX_LEN 253
#define COMMON_NAME_MAX 64
#define PEM_MAX (256 * 1024)
#define NAMES_TEXT_MAX 65536

/* Clocks of clients may be behind ours. */
#define BACKDATE_S 3600

struct extension {
	int nid;
	const char *value;
};

static int
fail(struct err *err, const char *what)
{
	ERR_clear_error();
	return err_set(err, ERR_CRYPTO, 500, "%s", what);
}

/* ---- names -------------------------------------------------------------- */

static bool
is_address(const char *name)
{
	struct netaddr addr;

	return netaddr_parse(span_str(name), &addr) == 0;
}

bool
x509make_name_is_good(const char *name)
{
	const char *host = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
	const size_t len = strlen(host);

	if (is_address(name))
		return true;
	if (len == 0 || len > NAME_MAX_LEN || strstr(host, "..") != NULL ||
		strchr("-.", host[0]) != NULL ||
		strchr("-.", host[len - 1]) != NULL)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)host[i]) &&
			strchr("-._", host[i]) == NULL)
			return false;
	}
	return true;
}

/* "DNS:a,IP:::1", as OpenSSL reads alternative names. */
static int
add_names(struct buf *out, const char *const *names, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!x509make_name_is_good(names[i]))
			return err_set(err, ERR_INPUT, 400,
				"\"%.128s\" is no name of a host and no address",
				names[i]);
		(void)buf_addf(out, "%s%s:%s", i > 0 ? "," : "",
			is_address(names[i]) ? "IP" : "DNS", names[i]);
	}
	return buf_check(out, err);
}

/* ---- parts of a certificate --------------------------------------------- */

/* 127 random bits, never negative and never 0. */
static bool
set_serial(X509 *cert)
{
	uint8_t bytes[SERIAL_BYTES];
	BIGNUM *number;
	bool good;

	random_bytes(bytes, sizeof(bytes));
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	good = number != NULL &&
		BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
	BN_free(number);
	return good;
}

static bool
set_subject(X509 *cert, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
		       (const unsigned char *)common_name, -1, -1, 0) == 1;
}

static bool
set_times(X509 *cert, int64_t days)
{
	return X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_S) !=
		NULL &&
		X509_time_adj_ex(
			X509_getm_notAfter(cert), (int)days, 0, NULL) != NULL;
}

static bool
add_extensions(X509 *cert, X509 *issuer, const struct extension *rows)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	for (; rows->value != NULL; rows++) {
		X509_EXTENSION *one =
			X509V3_EXT_conf_nid(NULL, &ctx, rows->nid, rows->value);
		const bool good =
			one != NULL && X509_add_ext(cert, one, -1) == 1;

		X509_EXTENSION_free(one);
		if (!good)
			return false;
	}
	return true;
}

/* Key, serial, times and subject of a new certificate. */
static int
start(const char *common_name, int64_t days, struct x509make *made,
	struct err *err)
{
	made->key = EVP_EC_gen("P-256");
	made->cert = X509_new();
	if (made->key == NULL || made->cert == NULL ||
		X509_set_version(made->cert, X509_VERSION_3) != 1 ||
		X509_set_pubkey(made->cert, made->key) != 1 ||
		!set_serial(made->cert) || !set_times(made->cert, days) ||
		!set_subject(made->cert, common_name))
		return fail(err, "the certificate cannot be made");
	return 0;
}

static int
finish(struct x509make *made, const struct x509make *issuer,
	const struct extension *rows, struct err *err)
{
	if (X509_set_issuer_name(
		    made->cert, X509_get_subject_name(issuer->cert)) != 1 ||
		!add_extensions(made->cert, issuer->cert, rows) ||
		X509_sign(made->cert, issuer->key, EVP_sha256()) == 0)
		return fail(err, "the certificate cannot be signed");
	return 0;
}

/* ---- certificates ------------------------------------------------------- */

int
x509make_authority(const char *common_name, int64_t days,
	struct x509make *ret_made, struct err *err)
{
	static const struct extension rows[] = {
		{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
		{ NID_key_usage, "critical,keyCertSign,cRLSign" },
		{ NID_subject_key_identifier, "hash" },
		{ 0, NULL },
	};
	struct x509make made = { 0 };
	int rc = start(common_name, days, &made, err);

	if (rc == 0)
		rc = finish(&made, &made, rows, err);
	if (rc == 0)
		*ret_made = made;
	else
		x509make_clear(&made);
	return rc;
}

int
x509make_server(const struct x509make *authority, const char *const *names,
	size_t n_names, int64_t days, struct x509make *ret_made,
	struct err *err)
{
	struct x509make made = { 0 };
	struct buf alternatives;
	int rc;

	buf_init(&alternatives, NAMES_TEXT_MAX);
	rc = add_names(&alternatives, names, n_names, err);
	if (rc == 0)
		rc = start(strlen(names[0]) <= COMMON_NAME_MAX ? names[0]
							       : "sallyport",
			days, &made, err);
	if (rc == 0 &&
		ASN1_TIME_compare(X509_get0_notAfter(made.cert),
			X509_get0_notAfter(authority->cert)) > 0)
		rc = err_set(err, ERR_INPUT, 400,
			"the certificate would outlive its authority");
	if (rc == 0) {
		const struct extension rows[] = {
			{ NID_basic_constraints, "critical,CA:FALSE" },
			{ NID_key_usage, "critical,digitalSignature" },
			{ NID_ext_key_usage, "serverAuth" },
			{ NID_subject_alt_name, buf_str(&alternatives) },
			{ NID_subject_key_identifier, "hash" },
			{ NID_authority_key_identifier, "keyid:always" },
			{ 0, NULL },
		};

		rc = finish(&made, authority, rows, err);
	}
	if (rc == 0)
		*ret_made = made;
	else
		x509make_clear(&made);
	buf_clear(&alternatives);
	return rc;
}

void
x509make_clear(struct x509make *made)
{
	X509_free(made->cert);
	EVP_PKEY_free(made->key);
	*made = (struct x509make){ 0 };
}

/* ---- files -------------------------------------------------------------- */

/* A memory BIO over a file's text, which buf keeps. */
static BIO *
open_text(const char *path, struct buf *buf, struct err *err)
{
	struct err cause = { 0 };

	if (file_read(path, buf, &cause) == 0)
		return BIO_new_mem_buf(buf->data, (int)buf->len);
	(void)err_set(err, ERR_INPUT, 400, "%s cannot be read: %s", path,
		err_reason(&cause));
	return NULL;
}

/* A key under a passphrase counts as none: nobody is asked for it here. */
static int
no_passphrase(
	char *buf UNUSED, int size UNUSED, int writing UNUSED, void *ctx UNUSED)
{
	return -1;
}

int
x509make_load(const char *cert_path, const char *key_path,
	struct x509make *ret_made, struct err *err)
{
	struct x509make made = { 0 };
	struct buf cert_text, key_text;
	BIO *cert_bio, *key_bio;
	int rc = 0;

	buf_init(&cert_text, PEM_MAX);
	buf_init(&key_text, PEM_MAX);
	cert_bio = open_text(cert_path, &cert_text, err);
	key_bio = open_text(key_path, &key_text, err);
	if (cert_bio != NULL)
		made.cert = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
	if (key_bio != NULL)
		made.key = PEM_read_bio_PrivateKey(
			key_bio, NULL, no_passphrase, NULL);
	if (made.cert == NULL || made.key == NULL ||
		X509_check_ca(made.cert) != 1 ||
		X509_check_private_key(made.cert, made.key) != 1) {
		ERR_clear_error();
		rc = err_set(err, ERR_INPUT, 400,
			"%s and %s are no authority and its key", cert_path,
			key_path);
	}
	BIO_free(cert_bio);
	BIO_free(key_bio);
	buf_clear(&cert_text);
	buf_clear(&key_text);
	if (rc == 0)
		*ret_made = made;
	else
		x509make_clear(&made);
	return rc;
}

/* What a BIO holds behind what buf holds; the BIO is wiped and freed. */
static int
take_text(BIO *bio, bool written, struct buf *buf)
{
	BUF_MEM *memory = NULL;
	int rc = ERR_CRYPTO;

	if (written && BIO_get_mem_ptr(bio, &memory) == 1)
		rc = buf_add(buf, memory->data, memory->length);
	if (memory != NULL)
		OPENSSL_cleanse(memory->data, memory->max);
	BIO_free(bio);
	ERR_clear_error();
	return rc;
}

int
x509make_cert_pem(const struct x509make *made, struct buf *buf)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return take_text(bio,
		bio != NULL && PEM_write_bio_X509(bio, made->cert) == 1, buf);
}

int
x509make_key_pem(const struct x509make *made, struct buf *buf)
{
	BIO *bio = BIO_new(BIO_s_secmem());

	return take_text(bio,
		bio != NULL &&
			PEM_write_bio_PKCS8PrivateKey(
				bio, made->key, NULL, NULL, 0, NULL, NULL) == 1,
		buf);
}

int
x509make_fingerprint(const struct x509make *made, struct buf *buf)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (X509_digest(made->cert, EVP_sha256(), digest, &len) != 1)
		return ERR_CRYPTO;
	for (unsigned int i = 0; i < len; i++)
		(void)buf_addf(buf, "%s%02X", i > 0 ? ":" : "", digest[i]);
	return buf_check(buf, NULL);
}
