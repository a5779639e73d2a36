/* CA keys through the keeper's calls: made, taken in, used within limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sshcert.h"
#include "lib/sshkeypair.h"
#include "server/keeper/keeper.h"

#define HOUR 3600
#define OPENED_MANY 70 /* more than the keeper keeps */

struct fixture {
	struct keeper *keeper;
	struct arena *arena;
	struct keeper_share share;
	struct keeper_blobs blobs;
	struct keeper_ca ca;
	struct sshkeypair *user; /* whose key is certified */
	struct err err;
};

static void
unseal(struct fixture *f)
{
	struct keeper_progress progress;

	assert_int_equal(keeper_unseal(f->keeper, 1,
				 secret_view_of(f->share.bytes, f->share.len),
				 &f->blobs, f->arena, &progress, &f->err),
		0);
}

static const struct keeper_ca_limits one_hour = { .validity_s = HOUR };

static int
setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	memset(f, 0, sizeof(*f));
	f->arena = arena_new(8 << 20);
	assert_int_equal(keeper_new(&f->keeper, &f->err), 0);
	assert_int_equal(keeper_init(f->keeper, 1, 1, secret_view_of("ring", 4),
				 f->arena, &f->share, &f->blobs, &f->err),
		0);
	unseal(f);
	assert_int_equal(keeper_ca_generate(f->keeper, "ed25519", 0, &one_hour,
				 f->arena, &f->ca, &f->err),
		0);
	assert_int_equal(
		sshkeypair_generate("ed25519", 0, &f->user, &f->err), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	sshkeypair_free(&f->user);
	keeper_free(&f->keeper);
	arena_free(&f->arena);
	return 0;
}

/* What any CA of these tests may sign. */
static struct sshcert_parts
good_parts(struct fixture *f, const struct keeper_ca *ca)
{
	static const struct span names[] = { { (const uint8_t *)"alice", 5 } };

	return (struct sshcert_parts){
		.nonce = span_str("thirty-two bytes that are chance"),
		.key = sshkeypair_public(f->user),
		.serial = 7,
		.type = SSHCERT_USER,
		.key_id = span_str("alice of the tests"),
		.principals = names,
		.n_principals = 1,
		.after_s = 1000000,
		.before_s = 1000000 + HOUR,
		.ca = ca->public_key,
	};
}

static int
sign_bytes(struct fixture *f, struct span sealed, struct span bytes,
	struct span *ret_signature)
{
	err_clear(&f->err);
	return keeper_ca_sign(f->keeper, sealed, NULL, false, bytes, f->arena,
		ret_signature, &f->err);
}

static int
sign(struct fixture *f, const struct keeper_ca *ca,
	const struct sshcert_parts *parts)
{
	struct span signature = SPAN_NONE;
	struct sshcert cert;
	struct buf bytes;
	int rc;

	buf_init(&bytes, 65536);
	assert_int_equal(sshcert_build(parts, &bytes), 0);
	rc = sign_bytes(f, ca->sealed, buf_span(&bytes), &signature);
	if (rc == 0) {
		assert_int_equal(sshcert_add_signature(&bytes, signature), 0);
		assert_int_equal(sshcert_parse(buf_span(&bytes), &cert), 0);
		assert_int_equal(sshcert_verify(&cert), 0);
	}
	buf_clear(&bytes);
	return rc;
}

static void
each_type_of_key_signs(void **state)
{
	static const struct {
		const char *type;
		unsigned bits;
	} types[] = { { "ed25519", 0 }, { "ec", 256 }, { "ec", 384 },
		{ "ec", 521 }, { "rsa", 2048 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct sshcert_parts parts;
		struct keeper_ca ca;

		assert_int_equal(keeper_ca_generate(f->keeper, types[i].type,
					 types[i].bits, &one_hour, f->arena,
					 &ca, &f->err),
			0);
		parts = good_parts(f, &ca);
		assert_int_equal(sign(f, &ca, &parts), 0);
		parts.type = SSHCERT_HOST;
		assert_int_equal(sign(f, &ca, &parts), 0);
	}
}

static void
an_imported_key_is_the_one_that_signs(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts;
	struct keeper_ca ca;
	struct buf text;

	buf_init(&text, SSHKEYPAIR_TEXT_MAX);
	assert_int_equal(sshkeypair_write(f->user, SSHKEYPAIR_OPENSSH, "me",
				 &text, &f->err),
		0);
	assert_int_equal(
		keeper_ca_import(f->keeper, secret_view_of(text.data, text.len),
			&one_hour, f->arena, &ca, &f->err),
		0);
	assert_true(span_equal(ca.public_key, sshkeypair_public(f->user)));
	/* Neither half of it in clear is in what is stored. */
	assert_null(memmem(ca.sealed.data, ca.sealed.len, text.data, 40));
	parts = good_parts(f, &ca);
	parts.key = f->ca.public_key;
	assert_int_equal(sign(f, &ca, &parts), 0);
	buf_clear(&text);
}

static void
what_is_no_key_is_refused_with_a_reason(void **state)
{
	struct fixture *f = *state;
	char longest[64 + 1] = "";
	struct keeper_ca ca;

	assert_int_equal(
		keeper_ca_import(f->keeper, secret_view_of("no key", 6),
			&one_hour, f->arena, &ca, &f->err),
		ERR_INPUT);
	assert_int_equal(f->err.status, 400);
	assert_true(f->err.message[0] != '\0');
	err_clear(&f->err);
	assert_int_equal(keeper_ca_generate(f->keeper, "dsa", 0, &one_hour,
				 f->arena, &ca, &f->err),
		ERR_INPUT);
	assert_int_equal(f->err.status, 400);
	/* The API takes 64 bytes. */
	memset(longest, 'x', sizeof(longest) - 1);
	err_clear(&f->err);
	assert_int_equal(keeper_ca_generate(f->keeper, longest, 0, &one_hour,
				 f->arena, &ca, &f->err),
		ERR_INPUT);
	assert_int_equal(f->err.status, 400);
}

static void
nothing_is_signed_beyond_the_limits(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts = good_parts(f, &f->ca);

	parts.before_s++;
	assert_int_equal(sign(f, &f->ca, &parts), ERR_DENIED);
	assert_int_equal(f->err.status, 500);
	assert_string_equal(f->err.message, "internal error");
	parts.before_s--;
	assert_int_equal(sign(f, &f->ca, &parts), 0);
}

static void
limits_are_those_of_the_key(void **state)
{
	const struct keeper_ca_limits none = { 0 };
	struct fixture *f = *state;
	struct sshcert_parts parts;
	struct keeper_ca ca;

	assert_int_equal(keeper_ca_generate(f->keeper, "ed25519", 0, &none,
				 f->arena, &ca, &f->err),
		0);
	parts = good_parts(f, &ca);
	parts.before_s += 100 * HOUR;
	assert_int_equal(sign(f, &ca, &parts), 0);
	parts.before_s = UINT64_MAX;
	assert_int_equal(sign(f, &ca, &parts), ERR_DENIED);
}

/* Its limits and its key go together: no bit of the blob can be changed. */
static void
no_changed_blob_is_opened(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts = good_parts(f, &f->ca);
	struct keeper_ca changed = f->ca;
	uint8_t *bytes = NULL;

	/* It is open already: that must not help. */
	assert_int_equal(sign(f, &f->ca, &parts), 0);
	for (size_t i = 0; i < f->ca.sealed.len; i++) {
		changed.sealed = arena_dup(f->arena, f->ca.sealed);
		bytes = (uint8_t *)(uintptr_t)changed.sealed.data;
		bytes[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(sign(f, &changed, &parts), ERR_CRYPTO);
	}
	changed.sealed = span_of(f->ca.sealed.data, f->ca.sealed.len - 1);
	assert_int_equal(sign(f, &changed, &parts), ERR_CRYPTO);
	changed.sealed = SPAN_NONE;
	assert_int_equal(sign(f, &changed, &parts), ERR_CRYPTO);
	changed.sealed = f->blobs.keyring;
	assert_int_equal(sign(f, &changed, &parts), ERR_CRYPTO);
}

static void
a_key_is_for_the_root_key_that_sealed_it(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts = good_parts(f, &f->ca);

	assert_int_equal(sign(f, &f->ca, &parts), 0);
	assert_int_equal(keeper_init(f->keeper, 1, 1, secret_view_of("ring", 4),
				 f->arena, &f->share, &f->blobs, &f->err),
		0);
	assert_int_equal(keeper_seal(f->keeper, &f->err), 0);
	unseal(f);
	assert_int_equal(sign(f, &f->ca, &parts), ERR_CRYPTO);
}

static void
sealed_nothing_is_made_or_signed(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts = good_parts(f, &f->ca);
	struct keeper_ca ca;

	assert_int_equal(sign(f, &f->ca, &parts), 0);
	assert_int_equal(keeper_seal(f->keeper, &f->err), 0);
	assert_int_equal(sign(f, &f->ca, &parts), ERR_SEALED);
	assert_int_equal(f->err.status, 503);
	assert_int_equal(keeper_ca_generate(f->keeper, "ed25519", 0, &one_hour,
				 f->arena, &ca, NULL),
		ERR_SEALED);
	assert_int_equal(
		keeper_ca_import(f->keeper, secret_view_of("no key", 6),
			&one_hour, f->arena, &ca, NULL),
		ERR_SEALED);
	err_clear(&f->err);
	unseal(f);
	assert_int_equal(sign(f, &f->ca, &parts), 0);
}

static void
more_keys_than_stay_open_all_sign(void **state)
{
	struct fixture *f = *state;
	struct keeper_ca cas[OPENED_MANY];

	for (size_t i = 0; i < OPENED_MANY; i++)
		assert_int_equal(keeper_ca_generate(f->keeper, "ed25519", 0,
					 &one_hour, f->arena, &cas[i], &f->err),
			0);
	for (size_t round = 0; round < 3; round++) {
		for (size_t i = 0; i < OPENED_MANY; i++) {
			const size_t at = round == 1 ? OPENED_MANY - 1 - i : i;
			struct sshcert_parts parts = good_parts(f, &cas[at]);

			assert_int_equal(sign(f, &cas[at], &parts), 0);
			/* Not with another that is open. */
			parts.ca = f->ca.public_key;
			assert_int_equal(sign(f, &cas[at], &parts), ERR_DENIED);
		}
	}
}

static void
algorithms_are_those_of_the_key(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts = good_parts(f, &f->ca);
	struct span signature;
	struct buf bytes;

	buf_init(&bytes, 65536);
	assert_int_equal(sshcert_build(&parts, &bytes), 0);
	assert_int_equal(
		keeper_ca_sign(f->keeper, f->ca.sealed, "rsa-sha2-256", false,
			buf_span(&bytes), f->arena, &signature, &f->err),
		ERR_INPUT);
	assert_int_equal(f->err.status, 400);
	buf_clear(&bytes);
}

static void
what_is_no_certificate_is_not_signed(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts = good_parts(f, &f->ca);
	struct span signature;
	struct buf bytes;

	buf_init(&bytes, 65536);
	assert_int_equal(sshcert_build(&parts, &bytes), 0);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(sign_bytes(f, f->ca.sealed,
					 span_of(bytes.data, len), &signature),
			ERR_DENIED);
	assert_int_equal(
		sign_bytes(f, f->ca.sealed, buf_span(&bytes), &signature), 0);
	buf_add_char(&bytes, '\0');
	assert_int_equal(
		sign_bytes(f, f->ca.sealed, buf_span(&bytes), &signature),
		ERR_DENIED);
	assert_int_equal(sign_bytes(f, f->ca.sealed, span_str("any other text"),
				 &signature),
		ERR_DENIED);
	buf_clear(&bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_type_of_key_signs),
		TEST(an_imported_key_is_the_one_that_signs),
		TEST(what_is_no_key_is_refused_with_a_reason),
		TEST(nothing_is_signed_beyond_the_limits),
		TEST(limits_are_those_of_the_key),
		TEST(no_changed_blob_is_opened),
		TEST(a_key_is_for_the_root_key_that_sealed_it),
		TEST(sealed_nothing_is_made_or_signed),
		TEST(more_keys_than_stay_open_all_sign),
		TEST(algorithms_are_those_of_the_key),
		TEST(what_is_no_certificate_is_not_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
