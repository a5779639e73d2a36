/* SHA-256 and its HMAC, beside libsodium's. */
#include "lib/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "lib/codec.h"

/* Every length around the blocks' ends. */
#define LENGTHS 200

static void
the_standards_example_comes_out(void **state)
{
	uint8_t hash[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	(void)state;
	sha256(span_str("abc"), hash);
	hex_encode(hash, sizeof(hash), hex);
	assert_string_equal(hex,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
every_length_hashes_as_elsewhere(void **state)
{
	uint8_t text[LENGTHS], ours[SHA256_BYTES], theirs[SHA256_BYTES];

	(void)state;
	memset(text, 0xa5, sizeof(text));
	for (size_t len = 0; len < LENGTHS; len++) {
		sha256(span_of(text, len), ours);
		crypto_hash_sha256(theirs, text, len);
		assert_memory_equal(ours, theirs, SHA256_BYTES);
	}
}

static void
a_key_hashes_any_number_of_texts(void **state)
{
	uint8_t bytes[HMAC_KEY_BYTES], text[LENGTHS];
	uint8_t ours[SHA256_BYTES], theirs[SHA256_BYTES];
	struct hmac_key key;

	(void)state;
	memset(bytes, 0x5a, sizeof(bytes));
	memset(text, 0xa5, sizeof(text));
	hmac_key_init(&key, bytes);
	for (size_t len = 0; len < LENGTHS; len++) {
		hmac_sha256(&key, span_of(text, len), ours);
		crypto_auth_hmacsha256(theirs, text, len, bytes);
		assert_memory_equal(ours, theirs, SHA256_BYTES);
	}
	hmac_key_clear(&key);
	for (size_t i = 0; i < sizeof(key); i++)
		assert_int_equal(((const uint8_t *)&key)[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_standards_example_comes_out),
		cmocka_unit_test(every_length_hashes_as_elsewhere),
		cmocka_unit_test(a_key_hashes_any_number_of_texts),
	};

	return sodium_init() < 0 ? 1
				 : cmocka_run_group_tests(tests, NULL, NULL);
}
