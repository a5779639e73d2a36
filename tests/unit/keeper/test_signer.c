/* CA keys through the keeper's calls: made, taken in, used within limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sshcert.h"
#include "lib/sshkeypair.h"
#include "server/keeper/keeper.h"
#include "server/keeper/tally.h"

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
	struct keeper_signed *ret_signed)
{
	err_clear(&f->err);
	return keeper_ca_sign(f->keeper, sealed, NULL, false, bytes, f->arena,
		ret_signed, &f->err);
}

/* It says what was asked, but for its serial number. */
static void
says_the_same(struct span asked, const struct sshcert *cert)
{
	const size_t rest = cert->serial_at + sizeof(cert->serial);

	assert_int_equal(cert->signed_bytes.len, asked.len);
	assert_memory_equal(
		cert->signed_bytes.data, asked.data, cert->serial_at);
	assert_memory_equal(cert->signed_bytes.data + rest, asked.data + rest,
		asked.len - rest);
}

/* The certificate lies in the fixture's arena. */
static int
sign_to(struct fixture *f, const struct keeper_ca *ca,
	const struct sshcert_parts *parts, struct sshcert *ret_cert)
{
	struct keeper_signed made;
	struct buf bytes;
	int rc;

	buf_init(&bytes, 65536);
	assert_int_equal(sshcert_build(parts, &bytes), 0);
	rc = sign_bytes(f, ca->sealed, buf_span(&bytes), &made);
	if (rc == 0) {
		assert_int_equal(sshcert_parse(made.cert, ret_cert), 0);
		assert_int_equal(sshcert_verify(ret_cert), 0);
		assert_true(ret_cert->serial == made.serial);
		assert_true(made.serial != 0);
		says_the_same(buf_span(&bytes), ret_cert);
	}
	buf_clear(&bytes);
	return rc;
}

static int
sign(struct fixture *f, const struct keeper_ca *ca,
	const struct sshcert_parts *parts)
{
	struct sshcert cert;

	return sign_to(f, ca, parts, &cert);
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
	struct keeper_signed made;
	struct buf bytes;

	buf_init(&bytes, 65536);
	assert_int_equal(sshcert_build(&parts, &bytes), 0);
	assert_int_equal(
		keeper_ca_sign(f->keeper, f->ca.sealed, "rsa-sha2-256", false,
			buf_span(&bytes), f->arena, &made, &f->err),
		ERR_INPUT);
	assert_int_equal(f->err.status, 400);
	buf_clear(&bytes);
}

static void
what_is_no_certificate_is_not_signed(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts = good_parts(f, &f->ca);
	struct keeper_signed made;
	struct buf bytes;

	buf_init(&bytes, 65536);
	assert_int_equal(sshcert_build(&parts, &bytes), 0);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(sign_bytes(f, f->ca.sealed,
					 span_of(bytes.data, len), &made),
			ERR_DENIED);
	assert_int_equal(
		sign_bytes(f, f->ca.sealed, buf_span(&bytes), &made), 0);
	buf_add_char(&bytes, '\0');
	assert_int_equal(sign_bytes(f, f->ca.sealed, buf_span(&bytes), &made),
		ERR_DENIED);
	assert_int_equal(
		sign_bytes(f, f->ca.sealed, span_str("any other text"), &made),
		ERR_DENIED);
	buf_clear(&bytes);
}

/* ---- limits that can be set ---------------------------------------------- */

static struct keeper_ca
ca_with(struct fixture *f, const struct keeper_ca_limits *limits)
{
	struct keeper_ca ca;

	err_clear(&f->err);
	assert_int_equal(keeper_ca_generate(f->keeper, "ed25519", 0, limits,
				 f->arena, &ca, &f->err),
		0);
	return ca;
}

/* Options as limits have them. */
static struct span
options_of(struct fixture *f, const struct sshcert_option *options, size_t n)
{
	struct span copy;
	struct buf list;

	buf_init(&list, KEEPER_FORCED_MAX);
	assert_int_equal(sshcert_build_options(options, n, &list), 0);
	copy = arena_dup(f->arena, buf_span(&list));
	buf_clear(&list);
	return copy;
}

static const struct sshcert_option net = { { (const uint8_t *)"source-address",
						   14 },
	{ (const uint8_t *)"10.0.0.0/8", 10 } };
static const struct sshcert_option nets[] = {
	{ { (const uint8_t *)"force-command", 13 },
		{ (const uint8_t *)"date", 4 } },
	{ { (const uint8_t *)"source-address", 14 },
		{ (const uint8_t *)"10.1.0.0/16", 11 } },
};

static void
serial_numbers_are_the_keepers(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts = good_parts(f, &f->ca);
	struct sshcert one, other;

	assert_int_equal(sign_to(f, &f->ca, &parts, &one), 0);
	assert_int_equal(sign_to(f, &f->ca, &parts, &other), 0);
	assert_true(one.serial != other.serial);
	parts.serial = one.serial;
	assert_int_equal(sign(f, &f->ca, &parts), ERR_DENIED);
}

static void
forced_options_are_sealed_with_the_key(void **state)
{
	struct fixture *f = *state;
	const struct keeper_ca_limits limits = { .forced = options_of(
							 f, &net, 1) };
	const struct keeper_ca ca = ca_with(f, &limits);
	struct sshcert_parts parts = good_parts(f, &ca);

	assert_int_equal(sign(f, &ca, &parts), ERR_DENIED);
	parts.critical = nets;
	parts.n_critical = 2;
	assert_int_equal(sign(f, &ca, &parts), 0);
}

static void
what_are_no_options_is_no_limit(void **state)
{
	const struct keeper_ca_limits limits = { .forced = span_str("a") };
	struct fixture *f = *state;
	struct keeper_ca ca;

	assert_int_equal(keeper_ca_generate(f->keeper, "ed25519", 0, &limits,
				 f->arena, &ca, &f->err),
		ERR_PEER);
}

static void
limits_only_become_tighter(void **state)
{
	struct fixture *f = *state;
	const struct keeper_ca_limits from = { .validity_s = HOUR,
		.per_s = 100,
		.forced = options_of(f, &net, 1) };
	struct keeper_ca_limits to[] = { from, from, from, from, from };
	const struct keeper_ca ca = ca_with(f, &from);
	struct keeper_ca other;

	to[0].validity_s = HOUR + 1;
	to[1].validity_s = 0;
	to[2].per_s = 101;
	to[3].per_s = 0;
	to[4].forced = SPAN_NONE;
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		err_clear(&f->err);
		assert_int_equal(keeper_ca_narrow(f->keeper, ca.sealed, &to[i],
					 f->arena, &other, &f->err),
			ERR_INPUT);
		assert_int_equal(f->err.status, 400);
		assert_non_null(strstr(f->err.message, " can only "));
	}
}

static void
tighter_limits_hold(void **state)
{
	struct fixture *f = *state;
	const struct keeper_ca_limits to = { .validity_s = HOUR / 2,
		.forced = options_of(f, nets, 2) };
	struct sshcert_parts parts = good_parts(f, &f->ca);
	struct keeper_ca tight;

	assert_int_equal(sign(f, &f->ca, &parts), 0);
	assert_int_equal(keeper_ca_narrow(f->keeper, f->ca.sealed, &to,
				 f->arena, &tight, &f->err),
		0);
	assert_true(span_equal(tight.public_key, f->ca.public_key));
	assert_int_equal(sign(f, &tight, &parts), ERR_DENIED);
	parts.before_s = parts.after_s + HOUR / 2;
	assert_int_equal(sign(f, &tight, &parts), ERR_DENIED);
	parts.critical = nets;
	parts.n_critical = 2;
	assert_int_equal(sign(f, &tight, &parts), 0);
}

#define PER_S 5

/* Under whichever of its blobs; another key's are not counted with them. */
static void
no_more_is_signed_in_a_second(void **state)
{
	const struct keeper_ca_limits limits = { .per_s = PER_S };
	struct fixture *f = *state;
	const struct keeper_ca ca = ca_with(f, &limits);
	const struct keeper_ca another = ca_with(f, &limits);
	const struct sshcert_parts parts = good_parts(f, &ca);
	const struct sshcert_parts others = good_parts(f, &another);
	struct keeper_ca blobs[2] = { ca };
	unsigned n = 0;

	assert_int_equal(keeper_ca_narrow(f->keeper, ca.sealed, &limits,
				 f->arena, &blobs[1], &f->err),
		0);
	/* A machine that is slow enough gets more; none gets a hundred. */
	while (n < 100 && sign(f, &blobs[n % 2], &parts) == 0)
		n++;
	assert_in_range(n, PER_S, 99);
	assert_int_equal(f->err.code, ERR_BUSY);
	assert_int_equal(f->err.status, 429);
	assert_string_equal(f->err.message,
		"the issuer signs at most 5 certificates a second, try again");
	assert_int_equal(sign(f, &another, &others), 0);
	while (sign(f, &ca, &parts) != 0)
		assert_int_equal(f->err.code, ERR_BUSY);
}

static void
a_forgotten_key_opens_again(void **state)
{
	struct fixture *f = *state;
	const struct sshcert_parts parts = good_parts(f, &f->ca);
	const struct span which[] = { f->ca.public_key, SPAN_NONE,
		span_str("no key") };

	for (size_t i = 0; i < ARRAY_LEN(which); i++) {
		assert_int_equal(sign(f, &f->ca, &parts), 0);
		assert_int_equal(
			keeper_ca_forget(f->keeper, which[i], &f->err), 0);
		assert_int_equal(sign(f, &f->ca, &parts), 0);
	}
}

/* As a reader of the register would add it up. */
static void
the_tally_is_of_what_was_signed(void **state)
{
	struct fixture *f = *state;
	struct sshcert_parts parts = good_parts(f, &f->ca);
	struct keeper_tally tally, expected = { 0 };
	uint8_t part[KEEPER_SUM];
	struct sshcert cert;

	for (size_t i = 0; i < 20; i++) {
		parts.before_s--;
		assert_int_equal(sign_to(f, &f->ca, &parts, &cert), 0);
		assert_int_equal(tally_part(&cert, part, &f->err), 0);
		tally_add(&expected, part);
	}
	parts.before_s += 2 * HOUR;
	assert_int_equal(sign(f, &f->ca, &parts), ERR_DENIED);
	err_clear(&f->err);
	/* A seal does not end it. */
	assert_int_equal(keeper_seal(f->keeper, &f->err), 0);
	assert_int_equal(keeper_get_tally(f->keeper, &tally, &f->err), 0);
	assert_int_equal(tally.n, 20);
	assert_memory_equal(tally.sum, expected.sum, KEEPER_SUM);
}

static void
a_tally_carries(void **state)
{
	struct keeper_tally tally = { 0 };
	uint8_t part[KEEPER_SUM];

	(void)state;
	memset(part, 0xff, sizeof(part));
	tally_add(&tally, part);
	memset(part, 0, sizeof(part));
	part[KEEPER_SUM - 1] = 2;
	tally_add(&tally, part);
	assert_int_equal(tally.n, 2);
	assert_int_equal(tally.sum[KEEPER_SUM - 1], 1);
	for (size_t i = 0; i < KEEPER_SUM - 1; i++)
		assert_int_equal(tally.sum[i], 0);
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
		TEST(serial_numbers_are_the_keepers),
		TEST(forced_options_are_sealed_with_the_key),
		TEST(what_are_no_options_is_no_limit),
		TEST(limits_only_become_tighter),
		TEST(tighter_limits_hold),
		TEST(no_more_is_signed_in_a_second),
		TEST(a_forgotten_key_opens_again),
		TEST(the_tally_is_of_what_was_signed),
		TEST(a_tally_carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
