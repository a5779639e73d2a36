/*
 * Row names: one AES-256 block, printed as hex or base62. The block cipher is
 * a permutation, so two rows never share a name and a guess is as good as with
 * random ids. No store is read here.
 */
#include "storage/rowid.h"

#include <pthread.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "lib/codec.h"
#include "lib/secret.h"

#define BLOCK 16
#define ROW_BITS 48
#define ROW_BYTES 6
#define NUMBER_DIGITS 22
#define CHECK_DIGITS 2
#define TEXT62_LEN (NUMBER_DIGITS + CHECK_DIGITS)
#define UUID_LEN 36

/* A group of base62 digits is a number of 64 bits: 62^10 is its limit. */
#define GROUP_DIGITS 10
#define GROUP_LIMIT UINT64_C(839299365868340224)

/* Wide enough for a block as one number. */
__extension__ typedef unsigned __int128 block_number;

static const char digits[] =
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Labels of the derived keys, by kind. Names that exist depend on them. */
static const struct {
	const char *block, *mac;
	const char *check; /* of two digits; NULL: printed as a UUID */
} labels[] = {
	[ROWID_LEASE] = { "rowid lease", "rowid lease mac",
		"rowid lease check" },
	[ROWID_OTP] = { "rowid otp", "rowid otp mac", NULL },
	[ROWID_TOKEN] = { "rowid token", "rowid token mac",
		"rowid token check" },
	[ROWID_ACCESSOR] = { "rowid accessor", "rowid accessor mac",
		"rowid accessor check" },
	[ROWID_SECRET_ID] = { "rowid secret id", "rowid secret id mac", NULL },
	[ROWID_SECRET_ACCESSOR] = { "rowid secret accessor",
		"rowid secret accessor mac", NULL },
	[ROWID_CERT] = { "rowid cert", "rowid cert mac", NULL },
	[ROWID_ENROLMENT] = { "rowid enrolment", "rowid enrolment mac",
		"rowid enrolment check" },
	[ROWID_ENROLMENT_ACCESSOR] = { "rowid enrolment accessor",
		"rowid enrolment accessor mac",
		"rowid enrolment accessor check" },
};

static pthread_once_t cipher_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *cipher;

/* Fetched once and kept: a fetch for each call costs more than the block. */
static void
fetch_cipher(void)
{
	cipher = EVP_CIPHER_fetch(NULL, "AES-256-ECB", NULL);
}

/* One block through AES-256, either way. */
static int
crypt_block(const uint8_t key[BARRIER_KEY], bool encrypt,
	const uint8_t in[BLOCK], uint8_t out[BLOCK])
{
	EVP_CIPHER_CTX *ctx = NULL;
	int len = 0, rc = ERR_CRYPTO;

	(void)pthread_once(&cipher_once, fetch_cipher);
	ctx = EVP_CIPHER_CTX_new();
	if (cipher == NULL || ctx == NULL)
		goto out;
	if (EVP_CipherInit_ex2(ctx, cipher, key, NULL, encrypt, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(ctx, 0) != 1 ||
		EVP_CipherUpdate(ctx, out, &len, in, BLOCK) != 1 ||
		len != BLOCK)
		goto out;
	rc = 0;
out:
	EVP_CIPHER_CTX_free(ctx);
	if (rc != 0)
		ERR_clear_error();
	return rc;
}

static int
crypt_name(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, bool encrypt, const uint8_t in[BLOCK],
	uint8_t out[BLOCK])
{
	uint8_t key[BARRIER_KEY];
	int rc;

	barrier_derive(barrier, labels[kind].block, span_str(mount), key);
	rc = crypt_block(key, encrypt, in, out);
	secret_wipe(key, sizeof(key));
	return rc;
}

void
rowid_mac(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct span text, uint8_t out[ROWID_MAC])
{
	barrier_mac(barrier, labels[kind].mac, span_str(mount), text, out);
}

/* ---- base62: 22 digits of the block, two that follow from it ---------- */

/* The last width digits of n. */
static void
put_digits(uint64_t n, char *out, size_t width)
{
	for (size_t i = width; i-- > 0; n /= 62)
		out[i] = digits[n % 62];
}

/* By groups, since dividing 128 bits takes long. */
static void
put_block(block_number n, char out[NUMBER_DIGITS])
{
	size_t end = NUMBER_DIGITS;

	for (; end > GROUP_DIGITS; end -= GROUP_DIGITS, n /= GROUP_LIMIT)
		put_digits((uint64_t)(n % GROUP_LIMIT),
			out + end - GROUP_DIGITS, GROUP_DIGITS);
	put_digits((uint64_t)n, out, end);
}

static void
format_base62(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, const uint8_t block[BLOCK], char out[TEXT62_LEN + 1])
{
	uint8_t check[ROWID_MAC];
	block_number n = 0;

	for (size_t i = 0; i < BLOCK; i++)
		n = n << 8 | block[i];
	put_block(n, out);
	barrier_mac(barrier, labels[kind].check, span_str(mount),
		span_of(block, BLOCK), check);
	put_digits((unsigned)check[0] << 8 | check[1], out + NUMBER_DIGITS,
		CHECK_DIGITS);
	out[TEXT62_LEN] = '\0';
}

static int
digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 36;
	return -1;
}

/*
 * The block of 22 digits. A number past 128 bits wraps: like wrong check
 * digits it is found out when the block is printed again.
 */
static bool
parse_base62(struct span text, uint8_t block[BLOCK])
{
	block_number n = 0;

	if (text.len != TEXT62_LEN)
		return false;
	for (size_t i = 0; i < NUMBER_DIGITS; i++) {
		int value = digit_value(text.data[i]);

		if (value < 0)
			return false;
		n = n * 62 + (unsigned)value;
	}
	for (size_t i = BLOCK; i-- > 0; n >>= 8)
		block[i] = (uint8_t)n;
	return true;
}

/* ---- hex in the shape of a UUID --------------------------------------- */

/* Upper case gets past this; comparing the whole text refuses it. */
static bool
parse_uuid(struct span text, uint8_t block[BLOCK])
{
	uint8_t hex[2 * BLOCK];
	size_t n = 0, len = 0;

	if (text.len != UUID_LEN)
		return false;
	for (size_t i = 0; i < UUID_LEN; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23)
			continue;
		hex[n++] = text.data[i];
	}
	return hex_decode(span_of(hex, sizeof(hex)), block, BLOCK, &len) == 0;
}

/* ---- the two together -------------------------------------------------- */

static void
format_block(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, const uint8_t block[BLOCK], char out[ROWID_TEXT_MAX])
{
	if (labels[kind].check == NULL)
		hex_encode_uuid(block, out);
	else
		format_base62(barrier, kind, mount, block, out);
}

int
rowid_format(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct rowref ref, const uint8_t salt[ROWID_SALT],
	char out[ROWID_TEXT_MAX], struct err *err)
{
	uint8_t plain[BLOCK], block[BLOCK];
	int rc;

	if (ref.row >> ROW_BITS != 0)
		return err_set(err, ERR_LIMIT, 500, "internal error");
	for (size_t i = 0; i < 4; i++)
		plain[i] = (uint8_t)(ref.path >> (24 - 8 * i));
	for (size_t i = 0; i < ROW_BYTES; i++)
		plain[4 + i] = (uint8_t)(ref.row >> (40 - 8 * i));
	memcpy(plain + 4 + ROW_BYTES, salt, ROWID_SALT);
	rc = crypt_name(barrier, kind, mount, true, plain, block);
	if (rc == 0)
		format_block(barrier, kind, mount, block, out);
	else
		(void)err_set(err, rc, 500, "internal error");
	secret_wipe(plain, sizeof(plain));
	secret_wipe(block, sizeof(block));
	return rc;
}

/* The row in a decrypted block. */
static struct rowref
block_ref(const uint8_t plain[BLOCK])
{
	struct rowref ref = { 0, 0 };

	for (size_t i = 0; i < 4; i++)
		ref.path = ref.path << 8 | plain[i];
	for (size_t i = 0; i < ROW_BYTES; i++)
		ref.row = ref.row << 8 | plain[4 + i];
	return ref;
}

int
rowid_parse(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct span text, struct rowref *ret_ref)
{
	uint8_t block[BLOCK], plain[BLOCK];
	char canonical[ROWID_TEXT_MAX];
	int rc = ERR_ABSENT;
	bool parsed;

	parsed = labels[kind].check == NULL ? parse_uuid(text, block)
					    : parse_base62(text, block);
	if (!parsed)
		goto out;
	format_block(barrier, kind, mount, block, canonical);
	if (!secret_equal(secret_view_of(canonical, strlen(canonical)),
		    secret_view_of(text.data, text.len)))
		goto out;
	rc = crypt_name(barrier, kind, mount, false, block, plain);
	if (rc == 0)
		*ret_ref = block_ref(plain);
out:
	secret_wipe(block, sizeof(block));
	secret_wipe(plain, sizeof(plain));
	secret_wipe(canonical, sizeof(canonical));
	return rc;
}
