/*
 * Tokens, passwords and lease ids are compared in constant time on their whole
 * way through the server, and keys are used so (reliability.md L21). What is
 * secret is marked where it comes into being, by wrappers that the linker puts
 * before the real functions; what becomes public is unmarked there: the
 * outcome of a comparison, a signature, a hash that is written out.
 */
#include <stdatomic.h>

#include <sodium.h>

#include "audit/hasher.h"
#include "helper/verdict.h"
#include "lib/auditline.h"
#include "lib/codec.h"
#include "storage/rowid.h"
#include "tests/unit/ct/marked.h"
#include "tests/unit/ssh/ssh_fixture.h"

/* Whether computed MACs are marked, and comparisons go through memcmp. */
static atomic_bool marking, leaking;
static atomic_uint compared;

bool __real_secret_equal(struct secret_view a, struct secret_view b);
bool __wrap_secret_equal(struct secret_view a, struct secret_view b);

bool
__wrap_secret_equal(struct secret_view a, struct secret_view b)
{
	bool equal;

	if (!atomic_load(&marking))
		return __real_secret_equal(a, b);
	atomic_fetch_add(&compared, 1);
	VALGRIND_MAKE_MEM_UNDEFINED(a.data, a.len);
	VALGRIND_MAKE_MEM_UNDEFINED(b.data, b.len);
	if (atomic_load(&leaking))
		equal = a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
	else
		equal = __real_secret_equal(a, b);
	VALGRIND_MAKE_MEM_DEFINED(a.data, a.len);
	VALGRIND_MAKE_MEM_DEFINED(b.data, b.len);
	VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof(equal));
	return equal;
}

void __real_rowid_mac(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct span text, uint8_t out[ROWID_MAC]);
void __wrap_rowid_mac(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct span text, uint8_t out[ROWID_MAC]);

void
__wrap_rowid_mac(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct span text, uint8_t out[ROWID_MAC])
{
	__real_rowid_mac(barrier, kind, mount, text, out);
	if (atomic_load(&marking))
		VALGRIND_MAKE_MEM_UNDEFINED(out, ROWID_MAC);
}

void __real_hex_encode(const void *data, size_t len, char *out);
void __wrap_hex_encode(const void *data, size_t len, char *out);

/* What is written out is public by then. */
void
__wrap_hex_encode(const void *data, size_t len, char *out)
{
	if (atomic_load(&marking))
		VALGRIND_MAKE_MEM_DEFINED(data, len);
	__real_hex_encode(data, len, out);
}

int __real_crypto_sign_detached(unsigned char *sig, unsigned long long *len,
	const unsigned char *text, unsigned long long text_len,
	const unsigned char *key);
int __wrap_crypto_sign_detached(unsigned char *sig, unsigned long long *len,
	const unsigned char *text, unsigned long long text_len,
	const unsigned char *key);

int
__wrap_crypto_sign_detached(unsigned char *sig, unsigned long long *len,
	const unsigned char *text, unsigned long long text_len,
	const unsigned char *key)
{
	int rc;

	VALGRIND_MAKE_MEM_UNDEFINED(key, crypto_sign_SEEDBYTES);
	rc = __real_crypto_sign_detached(sig, len, text, text_len, key);
	VALGRIND_MAKE_MEM_DEFINED(key, crypto_sign_SEEDBYTES);
	VALGRIND_MAKE_MEM_DEFINED(sig, crypto_sign_BYTES);
	return rc;
}

/* ---- through the server ------------------------------------------------ */

static bool
answers(enum op_verb verb, const char *path, const char *body, int status)
{
	api_call(fixture, verb, path, body, &reply);
	if (reply.status != status)
		(void)fprintf(
			stderr, "%s: %d %s\n", path, reply.status, reply.body);
	return reply.status == status;
}

/* A right password, spent, then wrong; its lease; a token and a wrong one. */
static bool
asks_for_everything(void)
{
	char body[256], token[128];
	bool good = answers(OP_UPDATE, "ssh/creds/web", WEB_ASKED, 200);
	const char *lease = value_find_str(reply.json, "lease_id", "");

	(void)snprintf(body, sizeof(body), "{\"otp\":\"%s\"}",
		value_find_str(reply.data, "key", ""));
	atomic_store(&marking, true);
	good = good && answers(OP_UPDATE, "ssh/verify", body, 200) &&
		answers(OP_UPDATE, "ssh/verify", body, 400);
	body[strlen(body) - 4] ^= 1;
	good = good && answers(OP_UPDATE, "ssh/verify", body, 400);
	(void)snprintf(body, sizeof(body), "{\"lease_id\":\"%s\"}", lease);
	good = good && answers(OP_UPDATE, "sys/leases/lookup", body, 200);
	(void)snprintf(body, sizeof(body), "{\"token\":\"%s\"}", fixture->root);
	good = good && answers(OP_UPDATE, "auth/token/lookup", body, 200);
	(void)snprintf(token, sizeof(token), "%s", fixture->root);
	token[strlen(token) - 1] ^= 1;
	api_call_as(fixture, token, "GET", "sys/mounts", NULL, &reply);
	atomic_store(&marking, false);
	return good && reply.status == 403;
}

static int
through_the_server(bool leak)
{
	void *state = NULL;
	bool good;

	if (setup(&state) != 0)
		return 1;
	atomic_store(&leaking, leak);
	good = asks_for_everything();
	atomic_store(&leaking, false);
	api_fixture_free(&fixture);
	return good && atomic_load(&compared) >= 8 ? 0 : 1;
}

static int
run_server(void)
{
	return through_the_server(false);
}

static int
run_leaking_server(void)
{
	return through_the_server(true);
}

/* ---- keys --------------------------------------------------------------- */

static int
run_hash(void)
{
	uint8_t key[HASHER_KEY], text[40];
	struct hasher *hasher = NULL;
	char out[HASHER_TEXT + 1];
	int rc;

	memset(key, 7, sizeof(key));
	memset(text, 'x', sizeof(text));
	VALGRIND_MAKE_MEM_UNDEFINED(key, sizeof(key));
	VALGRIND_MAKE_MEM_UNDEFINED(text, sizeof(text));
	atomic_store(&marking, true);
	rc = hasher_new(key, &hasher, NULL);
	if (rc == 0)
		hasher_text(hasher, span_of(text, sizeof(text)), out);
	hasher_free(&hasher);
	return rc != 0 || strncmp(out, "hmac-sha256:", 12) != 0;
}

static int
run_signature(void)
{
	uint8_t seed[crypto_sign_SEEDBYTES] = { 3 };
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
	struct secret *key = secret_new(AUDITLINE_SECRET);
	struct auditline_head head = { .seq = 0 };
	struct span body;
	struct buf out;
	int rc;

	buf_init(&out, 4096);
	crypto_sign_seed_keypair(public_key, secret_bytes(key), seed);
	rc = auditline_append(&out, span_str("{\"a\":1}"), &head, key, NULL);
	if (rc == 0 &&
		!auditline_is_signed_by(
			span_of(out.data, out.len - 1), public_key, &body))
		rc = 1;
	buf_clear(&out);
	secret_free(&key);
	return rc;
}

/* The helper's line against the nonce that the module drew. */
static bool
reads_as(const char *nonce, const char *its_nonce, uint32_t verdict)
{
	struct verdict_line line;
	char text[200];

	(void)snprintf(text, sizeof(text), "sallyport %s allow web - - -\n",
		its_nonce);
	atomic_store(&marking, true);
	verdict_line_read(nonce, span_str(text), &line);
	atomic_store(&marking, false);
	return line.verdict == verdict;
}

static int
run_verdict(void)
{
	char nonce[VERDICT_NONCE_LEN + 1], other[VERDICT_NONCE_LEN + 1];
	bool good;

	memset(nonce, 'a', VERDICT_NONCE_LEN);
	nonce[VERDICT_NONCE_LEN] = '\0';
	memcpy(other, nonce, sizeof(other));
	VALGRIND_MAKE_MEM_UNDEFINED(nonce, VERDICT_NONCE_LEN);
	good = reads_as(nonce, other, VERDICT_ALLOW);
	other[VERDICT_NONCE_LEN - 1] = 'b';
	VALGRIND_MAKE_MEM_UNDEFINED(nonce, VERDICT_NONCE_LEN);
	return good && reads_as(nonce, other, VERDICT_UNAVAILABLE) ? 0 : 1;
}

int
main(int argc, char **argv)
{
	static struct marked cases[] = {
		{ "the_server_compares_in_constant_time", run_server, false },
		{ "a_comparison_that_leaks_is_reported", run_leaking_server,
			true },
		{ "hashing_depends_on_no_key_or_text", run_hash, false },
		{ "signing_does_not_depend_on_the_key", run_signature, false },
		{ "the_nonce_is_compared_in_constant_time", run_verdict,
			false },
	};

	if (sodium_init() < 0)
		return 1;
	return marked_main(argc, argv, cases, ARRAY_LEN(cases));
}
