/* Admin keys: made, taken in, opened again, and never taken for CAs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sshcert.h"
#include "lib/sshkeypair.h"
#include "server/keeper/keeper.h"

struct fixture {
	struct keeper *keeper;
	struct arena *arena;
	struct keeper_share share;
	struct keeper_blobs blobs;
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
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	keeper_free(&f->keeper);
	arena_free(&f->arena);
	return 0;
}

/* The text is a private key whose public half is this. */
static void
is_half_of(struct fixture *f, struct secret_view text, struct span public_key)
{
	struct sshkeypair *pair = NULL;

	assert_int_equal(sshkeypair_parse(text, &pair, &f->err), 0);
	assert_true(span_equal(sshkeypair_public(pair), public_key));
	sshkeypair_free(&pair);
}

static void
a_made_key_opens_again(void **state)
{
	static const struct {
		const char *type;
		unsigned bits;
	} cases[] = { { "ed25519", 0 }, { "rsa", 2048 }, { "ec", 384 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct secret_view text;
		struct keeper_admin key;

		assert_int_equal(
			keeper_admin_generate(f->keeper, cases[i].type,
				cases[i].bits, f->arena, &key, &f->err),
			0);
		assert_int_equal(keeper_admin_open(f->keeper, key.sealed,
					 f->arena, &text, &f->err),
			0);
		is_half_of(f, text, key.public_key);
		assert_null(
			memmem(key.sealed.data, key.sealed.len, "OPENSSH", 7));
	}
}

static void
an_imported_key_opens_again(void **state)
{
	struct fixture *f = *state;
	struct sshkeypair *pair = NULL;
	struct secret_view opened;
	struct keeper_admin key;
	struct buf text;

	buf_init(&text, SSHKEYPAIR_TEXT_MAX);
	assert_int_equal(sshkeypair_generate("ed25519", 0, &pair, &f->err), 0);
	assert_int_equal(sshkeypair_write(pair, SSHKEYPAIR_OPENSSH, "me", &text,
				 &f->err),
		0);
	assert_int_equal(keeper_admin_import(f->keeper,
				 secret_view_of(text.data, text.len), f->arena,
				 &key, &f->err),
		0);
	assert_true(span_equal(sshkeypair_public(pair), key.public_key));
	assert_int_equal(keeper_admin_open(f->keeper, key.sealed, f->arena,
				 &opened, &f->err),
		0);
	is_half_of(f, opened, key.public_key);
	buf_clear(&text);
	sshkeypair_free(&pair);
}

static void
what_is_no_key_is_told(void **state)
{
	struct fixture *f = *state;
	struct keeper_admin key;

	assert_int_equal(
		keeper_admin_import(f->keeper, secret_view_of("hello", 5),
			f->arena, &key, &f->err),
		ERR_INPUT);
	assert_int_equal(f->err.status, 400);
	err_clear(&f->err);
	assert_int_equal(keeper_admin_generate(
				 f->keeper, "dsa", 0, f->arena, &key, &f->err),
		ERR_INPUT);
	assert_string_equal(
		f->err.message, "unknown ssh key pair algorithm: dsa");
}

/* What a CA's key would give away here, it would not sign with limits. */
static void
a_ca_is_not_opened_as_an_admin_key(void **state)
{
	const struct keeper_ca_limits limits = { .validity_s = 60 };
	struct fixture *f = *state;
	struct secret_view text;
	struct keeper_ca ca;

	assert_int_equal(keeper_ca_generate(f->keeper, "ed25519", 0, &limits,
				 f->arena, &ca, &f->err),
		0);
	assert_int_equal(keeper_admin_open(f->keeper, ca.sealed, f->arena,
				 &text, &f->err),
		ERR_CRYPTO);
}

static void
an_admin_key_signs_no_certificate(void **state)
{
	const struct keeper_ca_limits limits = { .validity_s = 60 };
	const struct span name = span_str("alice");
	struct fixture *f = *state;
	struct keeper_signed made;
	struct keeper_admin key;
	struct keeper_ca ca;
	struct sshcert_parts parts;
	struct buf cert;

	assert_int_equal(keeper_admin_generate(f->keeper, "ed25519", 0,
				 f->arena, &key, &f->err),
		0);
	parts = (struct sshcert_parts){
		.nonce = span_str("thirty-two bytes that are chance"),
		.key = key.public_key,
		.type = SSHCERT_USER,
		.key_id = span_str("evil"),
		.principals = &name,
		.n_principals = 1,
		.after_s = 1000000,
		.before_s = 1000060,
		.ca = key.public_key,
	};
	buf_init(&cert, 65536);
	assert_int_equal(sshcert_build(&parts, &cert), 0);
	assert_int_equal(keeper_ca_sign(f->keeper, key.sealed, NULL, false,
				 buf_span(&cert), f->arena, &made, &f->err),
		ERR_CRYPTO);
	buf_clear(&cert);
	err_clear(&f->err);
	assert_int_equal(keeper_ca_narrow(f->keeper, key.sealed, &limits,
				 f->arena, &ca, &f->err),
		ERR_CRYPTO);
}

static void
a_sealed_keeper_does_nothing(void **state)
{
	struct fixture *f = *state;
	struct secret_view text;
	struct keeper_admin key, other;

	assert_int_equal(keeper_admin_generate(f->keeper, "ed25519", 0,
				 f->arena, &key, &f->err),
		0);
	assert_int_equal(keeper_seal(f->keeper, &f->err), 0);
	assert_int_equal(keeper_admin_open(f->keeper, key.sealed, f->arena,
				 &text, &f->err),
		ERR_SEALED);
	assert_int_equal(keeper_admin_generate(f->keeper, "ed25519", 0,
				 f->arena, &other, NULL),
		ERR_SEALED);
	assert_int_equal(
		keeper_admin_import(f->keeper, secret_view_of("hello", 5),
			f->arena, &other, NULL),
		ERR_SEALED);
	err_clear(&f->err);
	unseal(f);
	assert_int_equal(keeper_admin_open(f->keeper, key.sealed, f->arena,
				 &text, &f->err),
		0);
	is_half_of(f, text, key.public_key);
}

static void
a_changed_blob_is_refused(void **state)
{
	struct fixture *f = *state;
	struct secret_view text;
	struct keeper_admin key;
	uint8_t *bytes = NULL;

	assert_int_equal(keeper_admin_generate(f->keeper, "ed25519", 0,
				 f->arena, &key, &f->err),
		0);
	bytes = arena_alloc(f->arena, 1, key.sealed.len);
	for (size_t i = 0; i < key.sealed.len; i += 7) {
		memcpy(bytes, key.sealed.data, key.sealed.len);
		bytes[i] ^= 1;
		assert_int_equal(keeper_admin_open(f->keeper,
					 span_of(bytes, key.sealed.len),
					 f->arena, &text, NULL),
			ERR_CRYPTO);
		assert_int_equal(keeper_admin_open(f->keeper,
					 span_of(key.sealed.data, i), f->arena,
					 &text, NULL),
			ERR_CRYPTO);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_made_key_opens_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_imported_key_opens_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_no_key_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_ca_is_not_opened_as_an_admin_key, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_admin_key_signs_no_certificate, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_sealed_keeper_does_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_changed_blob_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
