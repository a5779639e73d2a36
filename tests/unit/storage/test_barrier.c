/* Sealing: what was sealed opens; keyrings travel whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/barrier.h"
#include "tests/unit/storage/sealed_fixture.h"

/* What opening gives: 0, or its code. */
static int
try_open(struct barrier *barrier, struct span key, struct span sealed)
{
	struct arena *arena = arena_new(1 << 20);
	struct span value;
	int rc = barrier_open(barrier, key, sealed, arena, &value, NULL);

	arena_free(&arena);
	return rc;
}

static void
what_was_sealed_opens(void **state)
{
	struct fixture *fixture = *state;
	struct arena *arena = arena_new(1 << 20);
	struct span value;
	size_t i;

	for (i = 0; i < N_RECORDS; i++) {
		assert_int_equal(0,
			barrier_open(fixture->barrier,
				span_str(fixture->records[i].key),
				buf_span(&fixture->records[i].bytes), arena,
				&value, NULL));
		assert_int_equal(i + 1, value.len);
		assert_int_equal('v', value.data[i]);
	}
	arena_free(&arena);
}

/* Both steps; nobody keeps the keyring. */
static int
rotate(struct barrier *barrier, int64_t now_s)
{
	struct buf keyring;
	int rc;

	buf_init(&keyring, KEYRING_BYTES_MAX);
	rc = barrier_draw_term(barrier, now_s, &keyring, NULL);
	if (rc == 0)
		barrier_use_term(barrier);
	buf_clear(&keyring);
	return rc;
}

static void
rotating_keeps_old_values_readable(void **state)
{
	struct fixture *fixture = *state;
	struct sealed *record = &fixture->records[7];
	uint32_t term;
	int64_t installed_s;
	uint64_t n;
	struct buf sealed;

	barrier_status(fixture->barrier, &term, &installed_s, &n);
	assert_int_equal(1, term);
	assert_int_equal(1000, installed_s);
	assert_int_equal(N_RECORDS, n);
	assert_int_equal(0, rotate(fixture->barrier, 2000));
	barrier_status(fixture->barrier, &term, &installed_s, &n);
	assert_int_equal(2, term);
	assert_int_equal(2000, installed_s);
	assert_int_equal(0, n);
	assert_int_equal(0,
		try_open(fixture->barrier, span_str(record->key),
			buf_span(&record->bytes)));
	buf_init(&sealed, 4096);
	assert_int_equal(0,
		barrier_seal(fixture->barrier, span_str("k"), SPAN_NONE,
			&sealed, NULL));
	assert_int_equal(2, sealed.data[4]);
	assert_int_equal(0,
		try_open(fixture->barrier, span_str("k"), buf_span(&sealed)));
	buf_clear(&sealed);
}

static void
there_is_an_end_to_rotating(void **state)
{
	struct fixture *fixture = *state;
	int i;

	for (i = 1; i < KEYRING_TERMS_MAX; i++)
		assert_int_equal(0, rotate(fixture->barrier, i));
	assert_int_equal(ERR_LIMIT, rotate(fixture->barrier, i));
}

static uint64_t
uses_of_the_newest(const struct barrier *barrier, uint32_t want_term)
{
	uint32_t term;
	int64_t installed_s;
	uint64_t n;

	barrier_status(barrier, &term, &installed_s, &n);
	assert_int_equal(want_term, term);
	return n;
}

static void
a_drawn_term_seals_nothing_before_it_is_in_use(void **state)
{
	struct fixture *fixture = *state;
	struct barrier *twin = NULL;
	struct buf keyring, sealed;

	buf_init(&keyring, KEYRING_BYTES_MAX);
	buf_init(&sealed, 4096);
	assert_int_equal(
		0, barrier_draw_term(fixture->barrier, 2000, &keyring, NULL));
	assert_int_equal(0,
		barrier_seal(fixture->barrier, span_str("k"), SPAN_NONE,
			&sealed, NULL));
	assert_int_equal(1, sealed.data[4]);
	barrier_use_term(fixture->barrier);
	buf_reset(&sealed);
	assert_int_equal(0,
		barrier_seal(fixture->barrier, span_str("k"), SPAN_NONE,
			&sealed, NULL));
	assert_int_equal(2, sealed.data[4]);
	/* The keyring that was made durable before opens both. */
	assert_int_equal(0,
		barrier_from_keyring(secret_view_of(keyring.data, keyring.len),
			&twin, NULL));
	assert_int_equal(0, try_open(twin, span_str("k"), buf_span(&sealed)));
	barrier_free(&twin);
	buf_clear(&keyring);
	buf_clear(&sealed);
}

static void
a_count_from_outside_only_raises(void **state)
{
	struct fixture *fixture = *state;
	struct barrier *barrier = fixture->barrier;

	barrier_count_from(barrier, 1, 5000);
	assert_int_equal(5000, uses_of_the_newest(barrier, 1));
	barrier_count_from(barrier, 1, 4999);
	assert_int_equal(5000, uses_of_the_newest(barrier, 1));
	/* Terms that are not there, the one without number among them. */
	barrier_count_from(barrier, 0, 9000);
	barrier_count_from(barrier, 2, 9000);
	assert_int_equal(5000, uses_of_the_newest(barrier, 1));
	assert_int_equal(0, rotate(barrier, 2000));
	assert_int_equal(0, uses_of_the_newest(barrier, 2));
}

static void
read_keyring(struct barrier *barrier, struct buf *keyring)
{
	buf_init(keyring, KEYRING_BYTES_MAX);
	assert_int_equal(0, barrier_keyring(barrier, keyring, NULL));
}

static struct secret_view
view_of(const struct buf *buf)
{
	return secret_view_of(buf->data, buf->len);
}

static void
a_keyring_opens_what_its_barrier_sealed(void **state)
{
	struct fixture *fixture = *state;
	struct barrier *twin = NULL;
	struct sealed *record = &fixture->records[3];
	uint8_t one[BARRIER_KEY], other[BARRIER_KEY];
	struct buf keyring;
	uint32_t term;
	int64_t installed_s;
	uint64_t n;

	assert_int_equal(0, rotate(fixture->barrier, 2000));
	read_keyring(fixture->barrier, &keyring);
	assert_int_equal(
		0, barrier_from_keyring(view_of(&keyring), &twin, NULL));
	assert_int_equal(0,
		try_open(
			twin, span_str(record->key), buf_span(&record->bytes)));
	barrier_status(twin, &term, &installed_s, &n);
	assert_int_equal(2, term);
	assert_int_equal(2000, installed_s);
	barrier_derive(twin, "x", span_str("y"), one);
	barrier_derive(fixture->barrier, "x", span_str("y"), other);
	assert_memory_equal(one, other, BARRIER_KEY);
	assert_true(secret_equal(barrier_audit_seed(twin),
		barrier_audit_seed(fixture->barrier)));
	barrier_free(&twin);
	buf_clear(&keyring);
}

static void
malformed_keyrings_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct barrier *twin = NULL;
	struct buf keyring;
	size_t len;

	assert_int_equal(0, rotate(fixture->barrier, 2000));
	read_keyring(fixture->barrier, &keyring);
	for (len = 0; len < keyring.len; len++)
		assert_int_equal(ERR_CRYPTO,
			barrier_from_keyring(secret_view_of(keyring.data, len),
				&twin, NULL));
	assert_int_equal(0, buf_add_char(&keyring, 0));
	assert_int_equal(ERR_CRYPTO,
		barrier_from_keyring(view_of(&keyring), &twin, NULL));
	keyring.len--;
	keyring.data[0] = 2;
	assert_int_equal(ERR_CRYPTO,
		barrier_from_keyring(view_of(&keyring), &twin, NULL));
	keyring.data[0] = 1;
	/* The number of the first term: the second no longer follows it. */
	keyring.data[69 + 3] ^= 4;
	assert_int_equal(ERR_CRYPTO,
		barrier_from_keyring(view_of(&keyring), &twin, NULL));
	buf_clear(&keyring);
}

static void
a_key_is_derived_alike_whether_or_not_it_is_kept(void **state)
{
	struct fixture *fixture = *state;
	uint8_t first[200][BARRIER_KEY], again[BARRIER_KEY];
	char label[48], subject[48];
	size_t i;

	for (i = 0; i < 200; i++) {
		(void)snprintf(
			label, sizeof(label), "%0*zu", i % 2 ? 4 : 40, i);
		(void)snprintf(
			subject, sizeof(subject), "%0*zu", i % 3 ? 4 : 44, i);
		barrier_derive(
			fixture->barrier, label, span_str(subject), first[i]);
	}
	for (i = 0; i < 200; i++) {
		(void)snprintf(
			label, sizeof(label), "%0*zu", i % 2 ? 4 : 40, i);
		(void)snprintf(
			subject, sizeof(subject), "%0*zu", i % 3 ? 4 : 44, i);
		barrier_derive(
			fixture->barrier, label, span_str(subject), again);
		assert_memory_equal(again, first[i], BARRIER_KEY);
		assert_memory_not_equal(
			again, first[(i + 1) % 200], BARRIER_KEY);
	}
}

/* More labels than are kept, each twice: kept or not, it is the key's HMAC. */
static void
a_derived_key_hashes_as_it_is(void **state)
{
	struct fixture *fixture = *state;
	const struct span text = span_str("a name");
	uint8_t key[BARRIER_KEY], ours[SHA256_BYTES], theirs[SHA256_BYTES];
	char label[20];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(label, sizeof(label), "label %d", i % 100);
		barrier_mac(
			fixture->barrier, label, span_str("mount"), text, ours);
		barrier_derive(fixture->barrier, label, span_str("mount"), key);
		crypto_auth_hmacsha256(theirs, text.data, text.len, key);
		assert_memory_equal(ours, theirs, SHA256_BYTES);
	}
}

static void
derived_keys_differ_by_label_and_subject(void **state)
{
	struct fixture *fixture = *state;
	uint8_t keys[4][BARRIER_KEY];
	size_t i, j;

	barrier_derive(fixture->barrier, "ab", span_str("c"), keys[0]);
	barrier_derive(fixture->barrier, "a", span_str("bc"), keys[1]);
	barrier_derive(fixture->barrier, "ab", span_str("d"), keys[2]);
	barrier_derive(fixture->barrier, "ab", SPAN_NONE, keys[3]);
	for (i = 0; i < 4; i++) {
		for (j = i + 1; j < 4; j++)
			assert_memory_not_equal(keys[i], keys[j], BARRIER_KEY);
	}
}

static void *
seal_many(void *arg)
{
	struct barrier *barrier = arg;
	struct buf sealed;
	int i, rc = 0;

	buf_init(&sealed, 4096);
	for (i = 0; rc == 0 && i < 2000; i++) {
		buf_reset(&sealed);
		rc = barrier_seal(
			barrier, span_str("k"), span_str("v"), &sealed, NULL);
		if (rc == 0)
			rc = try_open(
				barrier, span_str("k"), buf_span(&sealed));
	}
	buf_clear(&sealed);
	return rc == 0 ? NULL : arg;
}

static void
rotating_while_others_seal_is_safe(void **state)
{
	struct fixture *fixture = *state;
	pthread_t threads[4];
	void *failed = NULL;
	size_t i;

	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, seal_many, fixture->barrier);
	for (i = 0; i < 50; i++)
		assert_int_equal(0, rotate(fixture->barrier, 1));
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(what_was_sealed_opens),
		EACH(rotating_keeps_old_values_readable),
		EACH(there_is_an_end_to_rotating),
		EACH(a_drawn_term_seals_nothing_before_it_is_in_use),
		EACH(a_count_from_outside_only_raises),
		EACH(a_keyring_opens_what_its_barrier_sealed),
		EACH(malformed_keyrings_are_refused),
		EACH(a_key_is_derived_alike_whether_or_not_it_is_kept),
		EACH(a_derived_key_hashes_as_it_is),
		EACH(derived_keys_differ_by_label_and_subject),
		EACH(rotating_while_others_seal_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
