/* Blobs: round trip, labels, keys, changed and short bytes. */
#include "server/keeper/wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[WRAP_KEY] = { 1 }, other_key[WRAP_KEY] = { 2 };

static struct secret_view
view(const uint8_t *bytes)
{
	return secret_view_of(bytes, WRAP_KEY);
}

static void
a_blob_opens_with_its_key_and_label_alone(void **state)
{
	struct buf blob;
	uint8_t plain[16] = { 0 };

	(void)state;
	buf_init(&blob, 1000);
	assert_int_equal(wrap_seal(view(key), "one", secret_view_of("plain", 5),
				 &blob, NULL),
		0);
	assert_int_equal(wrap_plain_len(buf_span(&blob)), 5);
	assert_int_equal(
		wrap_open(view(key), "one", buf_span(&blob), plain, NULL), 0);
	assert_memory_equal(plain, "plain", 5);
	assert_int_equal(
		wrap_open(view(key), "two", buf_span(&blob), plain, NULL),
		ERR_CRYPTO);
	assert_int_equal(
		wrap_open(view(other_key), "one", buf_span(&blob), plain, NULL),
		ERR_CRYPTO);
	buf_clear(&blob);
}

static void
no_changed_or_cut_blob_opens(void **state)
{
	struct buf blob;
	uint8_t plain[16];
	size_t i;

	(void)state;
	buf_init(&blob, 1000);
	assert_int_equal(wrap_seal(view(key), "one", secret_view_of("plain", 5),
				 &blob, NULL),
		0);
	for (i = 0; i < blob.len * 8; i++) {
		blob.data[i / 8] ^= (uint8_t)(1U << (i % 8));
		assert_int_equal(wrap_open(view(key), "one", buf_span(&blob),
					 plain, NULL),
			ERR_CRYPTO);
		blob.data[i / 8] ^= (uint8_t)(1U << (i % 8));
	}
	for (i = 0; i < blob.len; i++)
		assert_int_equal(wrap_open(view(key), "one",
					 span_of(blob.data, i), plain, NULL),
			ERR_CRYPTO);
	assert_int_equal(wrap_plain_len(span_of(blob.data, 40)), 0);
	buf_clear(&blob);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blob_opens_with_its_key_and_label_alone),
		cmocka_unit_test(no_changed_or_cut_blob_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
