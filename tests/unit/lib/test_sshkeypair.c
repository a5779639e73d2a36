/*
 * Key pairs: whatever ssh-keygen and openssl write is read, what cannot be used
 * is refused with its reason, and what was written reads back.
 */
#include "lib/sshkeypair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "lib/sshkey.h"
#include "lib/sshkey_ready.h"
#include "tests/support/in_arena.h"
#include "tests/unit/lib/sshkeypair_vectors.h"

#define MESSAGE "a message"

static int
parse(struct span text, struct sshkeypair **ret_pair, struct err *err)
{
	return sshkeypair_parse(
		secret_view_of(text.data, text.len), ret_pair, err);
}

static void
assert_public(const struct sshkeypair *pair, const char *line)
{
	const char *found = sshkey_line(arena, sshkeypair_public(pair));

	assert_non_null(found);
	assert_string_equal(found, line);
}

/* Signs in this way, and the public half agrees. */
static void
assert_signs(
	const struct sshkeypair *pair, const char *algorithm, const char *named)
{
	struct err err = { 0 };
	struct sshwire in;
	struct sshkey key;
	struct buf out;
	uint8_t flags;

	buf_init(&out, 4096);
	assert_int_equal(sshkeypair_sign(pair, algorithm, false,
				 span_str(MESSAGE), &out, &err),
		0);
	in = sshwire_of(buf_span(&out));
	assert_true(span_equal(sshwire_string(&in), span_str(named)));
	assert_int_equal(sshkey_parse(sshkeypair_public(pair), &key), 0);
	assert_int_equal(
		sshkey_verify(&key, buf_span(&out), span_str(MESSAGE), &flags),
		0);
	assert_int_equal(sshkey_verify(&key, buf_span(&out),
				 span_str(MESSAGE "s"), &flags),
		ERR_CRYPTO);
	buf_clear(&out);
}

static void
assert_sign_refused(const struct sshkeypair *pair, const char *algorithm,
	const char *message)
{
	struct err err = { 0 };
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(sshkeypair_sign(pair, algorithm, false,
				 span_str(MESSAGE), &out, &err),
		ERR_INPUT);
	assert_int_equal(err.status, 400);
	assert_string_equal(err.message, message);
	assert_int_equal(out.len, 0);
	buf_clear(&out);
}

static const char *
kind_of(const struct sshkeypair *pair)
{
	struct sshwire in = sshwire_of(sshkeypair_public(pair));
	struct span name = sshwire_string(&in);

	return arena_strndup(arena, (const char *)name.data, name.len);
}

/* In each form, read again: the same pair. */
static void
assert_reads_back(const struct sshkeypair *pair)
{
	const enum sshkeypair_form forms[] = { SSHKEYPAIR_OPENSSH,
		SSHKEYPAIR_TRADITIONAL, SSHKEYPAIR_PKCS8 };
	struct sshkeypair *again = NULL;
	struct err err = { 0 };
	struct buf out;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		buf_init(&out, 2 * SSHKEYPAIR_TEXT_MAX);
		assert_int_equal(sshkeypair_write(pair, forms[i], "somebody",
					 &out, &err),
			0);
		assert_int_equal(parse(buf_span(&out), &again, &err), 0);
		assert_true(span_equal(
			sshkeypair_public(again), sshkeypair_public(pair)));
		assert_signs(again, NULL,
			strcmp(kind_of(again), "ssh-rsa") == 0
				? "rsa-sha2-256"
				: kind_of(again));
		sshkeypair_free(&again);
		buf_clear(&out);
	}
}

/* ---- reading ---------------------------------------------------------- */

static void
every_form_is_read_and_signs(void **state)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good_pairs); i++) {
		print_message("# %s\n", good_pairs[i].what);
		assert_int_equal(
			parse(span_str(good_pairs[i].text), &pair, &err), 0);
		assert_public(pair, good_pairs[i].public_key);
		assert_reads_back(pair);
		sshkeypair_free(&pair);
		assert_null(pair);
	}
}

static void
what_cannot_be_used_is_refused_with_its_reason(void **state)
{
	struct sshkeypair *pair = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_pairs); i++) {
		struct err err = { 0 };

		print_message("# %s\n", bad_pairs[i].what);
		assert_int_equal(
			parse(span_str(bad_pairs[i].text), &pair, &err),
			ERR_INPUT);
		assert_null(pair);
		assert_int_equal(err.status, 400);
		print_message("# %s\n", err.message);
		assert_non_null(strstr(err.message, bad_pairs[i].why));
	}
}

/* A text with more around it, and line ends of another system. */
static struct span
dressed(const char *text)
{
	struct buf out;
	struct span copy;

	buf_init(&out, SSHKEYPAIR_TEXT_MAX);
	(void)buf_add_str(
		&out, "Bag Attributes: none\r\n-----BEGIN X-----\r\n");
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			(void)buf_add_str(&out, " \r");
		(void)buf_add_char(&out, *text);
	}
	(void)buf_add_str(&out, "and more\r\n");
	copy = arena_dup(arena, buf_span(&out));
	buf_clear(&out);
	return copy;
}

static void
text_around_and_crlf_are_fine(void **state)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good_pairs); i++) {
		assert_int_equal(
			parse(dressed(good_pairs[i].text), &pair, &err), 0);
		assert_public(pair, good_pairs[i].public_key);
		sshkeypair_free(&pair);
	}
}

static void
what_is_no_key_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "not a private key" },
		{ "ssh-ed25519 AAAA", "not a private key" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----", "cut off" },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA\n"
		  "-----END RSA PRIVATE KEY-----\n",
			"cut off" },
		{ "-----BEGIN PRIVATE KEY-----\nnot base64\n"
		  "-----END PRIVATE KEY-----\n",
			"damaged" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\n"
		  "-----END OPENSSH PRIVATE KEY-----\n",
			"damaged" },
		{ "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n"
		  "-----END DSA PRIVATE KEY-----\n",
			"DSA" },
	};
	struct sshkeypair *pair = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };

		assert_int_equal(
			parse(span_str(cases[i].text), &pair, &err), ERR_INPUT);
		assert_non_null(strstr(err.message, cases[i].why));
	}
}

static void
a_text_that_is_too_long_is_refused(void **state)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };
	char *text = arena_alloc(arena, SSHKEYPAIR_TEXT_MAX + 1, 1);

	(void)state;
	memset(text, '\n', SSHKEYPAIR_TEXT_MAX + 1);
	assert_int_equal(
		parse(span_of(text, SSHKEYPAIR_TEXT_MAX + 1), &pair, &err),
		ERR_INPUT);
	assert_non_null(strstr(err.message, "longer than 32768 bytes"));
}

/* ---- passphrases ------------------------------------------------------ */

#define PASSPHRASE secret_view_of("correct horse", 13)

static struct secret_view
sealed(const struct sshkeypair *pair)
{
	struct span copy;
	struct buf out;

	buf_init(&out, 2 * SSHKEYPAIR_TEXT_MAX);
	assert_int_equal(
		sshkeypair_write_encrypted(pair, PASSPHRASE, &out, NULL), 0);
	copy = arena_dup(arena, buf_span(&out));
	buf_clear(&out);
	return secret_view_of(copy.data, copy.len);
}

static void
a_sealed_pair_opens_with_its_passphrase_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good_pairs); i++) {
		struct sshkeypair *pair = NULL, *again = NULL;
		struct err err = { 0 };
		struct secret_view text;

		assert_int_equal(
			parse(span_str(good_pairs[i].text), &pair, &err), 0);
		text = sealed(pair);
		assert_true(sshkeypair_needs_passphrase(text));
		assert_int_equal(
			sshkeypair_parse(text, &again, &err), ERR_INPUT);
		err_clear(&err);
		assert_int_equal(
			sshkeypair_parse_encrypted(
				text, secret_view_of("wrong", 5), &again, &err),
			ERR_INPUT);
		assert_string_equal(err.message,
			"passphrase is wrong, or the private key is damaged");
		err_clear(&err);
		assert_int_equal(sshkeypair_parse_encrypted(
					 text, PASSPHRASE, &again, &err),
			0);
		assert_public(again, good_pairs[i].public_key);
		sshkeypair_free(&again);
		sshkeypair_free(&pair);
	}
}

static void
who_needs_no_passphrase_is_told_from_who_does(void **state)
{
	static const struct {
		const char *text;
		bool needs;
	} cases[] = {
		{ "", false },
		{ "hello", false },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA\n", false },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n", true },
		{ "junk\r\n-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n",
			true },
		{ "-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
			false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct secret_view text =
			secret_view_of(cases[i].text, strlen(cases[i].text));
		struct sshkeypair *pair = NULL;
		struct err err = { 0 };

		assert_int_equal(
			sshkeypair_needs_passphrase(text), cases[i].needs);
		assert_int_equal(sshkeypair_parse_encrypted(
					 text, PASSPHRASE, &pair, &err),
			ERR_INPUT);
		assert_null(pair);
	}
}

static void
an_empty_passphrase_seals_nothing(void **state)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };
	struct buf out;

	(void)state;
	buf_init(&out, SSHKEYPAIR_TEXT_MAX);
	assert_int_equal(sshkeypair_generate("ed25519", 0, &pair, &err), 0);
	assert_int_equal(sshkeypair_write_encrypted(
				 pair, secret_view_of("", 0), &out, &err),
		ERR_INPUT);
	assert_int_equal(out.len, 0);
	buf_clear(&out);
	sshkeypair_free(&pair);
}

/* Whatever a flipped bit of it does, the pair that comes out is whole. */
static void
no_bit_may_differ(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good_pairs); i++) {
		struct span copy =
			arena_dup(arena, span_str(good_pairs[i].text));
		uint8_t *bytes = arena_alloc(arena, copy.len, 1);

		memcpy(bytes, copy.data, copy.len);
		for (size_t at = 0; at < copy.len; at += 19) {
			struct sshkeypair *pair = NULL;
			struct err err = { 0 };

			bytes[at] ^= 1;
			if (parse(span_of(bytes, copy.len), &pair, &err) == 0)
				assert_signs(pair, NULL,
					strcmp(kind_of(pair), "ssh-rsa") == 0
						? "rsa-sha2-256"
						: kind_of(pair));
			else
				assert_int_equal(err.status, 400);
			sshkeypair_free(&pair);
			bytes[at] ^= 1;
		}
	}
}

/* ---- making ----------------------------------------------------------- */

static void
pairs_of_every_type_are_made(void **state)
{
	static const struct {
		const char *type;
		unsigned bits;
		const char *kind;
	} cases[] = {
		{ "ed25519", 0, "ssh-ed25519" },
		{ "ssh-ed25519", 256, "ssh-ed25519" },
		{ "ec", 0, "ecdsa-sha2-nistp256" },
		{ "ec", 384, "ecdsa-sha2-nistp384" },
		{ "ec", 521, "ecdsa-sha2-nistp521" },
		{ "ecdsa-sha2-nistp256", 0, "ecdsa-sha2-nistp256" },
		{ "ecdsa-sha2-nistp384", 384, "ecdsa-sha2-nistp384" },
		{ "ecdsa-sha2-nistp521", 0, "ecdsa-sha2-nistp521" },
		{ "rsa", 2048, "ssh-rsa" },
		{ "ssh-rsa", 2056, "ssh-rsa" },
	};
	struct sshkeypair *pair = NULL, *other = NULL;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(sshkeypair_generate(cases[i].type,
					 cases[i].bits, &pair, &err),
			0);
		assert_string_equal(kind_of(pair), cases[i].kind);
		assert_reads_back(pair);
		assert_int_equal(sshkeypair_generate(cases[i].type,
					 cases[i].bits, &other, &err),
			0);
		assert_false(span_equal(
			sshkeypair_public(pair), sshkeypair_public(other)));
		sshkeypair_free(&pair);
		sshkeypair_free(&other);
	}
}

static void
an_rsa_pair_has_the_bits_asked_for(void **state)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };
	struct sshkey key;

	(void)state;
	assert_int_equal(sshkeypair_generate("rsa", 2056, &pair, &err), 0);
	assert_int_equal(sshkey_parse(sshkeypair_public(pair), &key), 0);
	assert_int_equal(key.bytes[1].len, 2056 / 8);
	sshkeypair_free(&pair);
	assert_int_equal(sshkeypair_generate("rsa", 0, &pair, &err), 0);
	assert_int_equal(sshkey_parse(sshkeypair_public(pair), &key), 0);
	assert_int_equal(key.bytes[1].len, 4096 / 8);
	sshkeypair_free(&pair);
}

static void
what_cannot_be_made_is_refused(void **state)
{
	static const struct {
		const char *type;
		unsigned bits;
		const char *message;
	} cases[] = {
		{ "rsa", 1024,
			"refusing to generate weak rsa key: 1024 bits < 2048 bits" },
		{ "ssh-rsa", 2047,
			"refusing to generate weak ssh-rsa key: 2047 bits < 2048 bits" },
		{ "rsa", 16384,
			"refusing to generate large rsa key: 16384 bits > 8192 bits" },
		{ "ec", 222,
			"unknown ECDSA key pair algorithm and bits: ec / 222" },
		{ "ecdsa-sha2-nistp256", 384,
			"unknown ECDSA key pair algorithm and bits: ecdsa-sha2-nistp256 / 384" },
		{ "dsa", 0, "unknown ssh key pair algorithm: dsa" },
		{ "", 0, "unknown ssh key pair algorithm: " },
		{ "sk-ssh-ed25519@openssh.com", 0,
			"unknown ssh key pair algorithm: sk-ssh-ed25519@openssh.com" },
	};
	struct sshkeypair *pair = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };

		assert_int_equal(sshkeypair_generate(cases[i].type,
					 cases[i].bits, &pair, &err),
			ERR_INPUT);
		assert_int_equal(err.status, 400);
		assert_string_equal(err.message, cases[i].message);
		assert_null(pair);
	}
}

/* ---- signing ---------------------------------------------------------- */

static void
rsa_signs_as_asked(void **state)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };
	struct sshwire in;
	struct buf out;

	(void)state;
	assert_int_equal(sshkeypair_generate("rsa", 2048, &pair, &err), 0);
	assert_signs(pair, NULL, "rsa-sha2-256");
	assert_signs(pair, "", "rsa-sha2-256");
	assert_signs(pair, "rsa-sha2-256", "rsa-sha2-256");
	assert_signs(pair, "rsa-sha2-512", "rsa-sha2-512");
	assert_sign_refused(pair, "ssh-ed25519",
		"ssh: unsupported signature algorithm \"ssh-ed25519\" for key format \"ssh-rsa\"");
	assert_sign_refused(pair, "ssh-rsa",
		"signature algorithm \"ssh-rsa\" uses SHA-1, which allow_sha1_signatures does not permit");
	buf_init(&out, 4096);
	assert_int_equal(sshkeypair_sign(pair, "ssh-rsa", true,
				 span_str(MESSAGE), &out, &err),
		0);
	in = sshwire_of(buf_span(&out));
	assert_true(span_equal(sshwire_string(&in), span_str("ssh-rsa")));
	assert_int_equal(sshwire_string(&in).len, 2048 / 8);
	assert_true(sshwire_end(&in));
	buf_clear(&out);
	sshkeypair_free(&pair);
}

static void
other_keys_sign_in_one_way(void **state)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(sshkeypair_generate("ed25519", 0, &pair, &err), 0);
	assert_signs(pair, "ssh-ed25519", "ssh-ed25519");
	assert_sign_refused(pair, "rsa-sha2-256",
		"ssh: unsupported signature algorithm \"rsa-sha2-256\" for key format \"ssh-ed25519\"");
	sshkeypair_free(&pair);
	assert_int_equal(sshkeypair_generate("ec", 384, &pair, &err), 0);
	assert_signs(pair, "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384");
	assert_sign_refused(pair, "ecdsa-sha2-nistp256",
		"ssh: unsupported signature algorithm \"ecdsa-sha2-nistp256\" for key format \"ecdsa-sha2-nistp384\"");
	sshkeypair_free(&pair);
}

/* Also for numbers with leading zeros, which come once in 256 times. */
static void
a_thousand_ecdsa_signatures_are_good(void **state)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(sshkeypair_generate("ec", 256, &pair, &err), 0);
	for (size_t i = 0; i < 1000; i++)
		assert_signs(pair, NULL, "ecdsa-sha2-nistp256");
	sshkeypair_free(&pair);
}

static void
a_buffer_that_is_full_says_so(void **state)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };
	struct buf out;

	(void)state;
	assert_int_equal(sshkeypair_generate("ed25519", 0, &pair, &err), 0);
	buf_init(&out, 16);
	assert_int_equal(sshkeypair_sign(pair, NULL, false, span_str(MESSAGE),
				 &out, &err),
		ERR_LIMIT);
	buf_clear(&out);
	sshkeypair_free(&pair);
}

/* Which of the keys a signature is good under, of all that come in turn. */
static unsigned
count_good(struct sshkeypair *const pairs[], size_t n, struct span signature)
{
	unsigned good = 0;

	for (size_t i = 0; i < n; i++) {
		struct sshkey key;
		uint8_t flags;

		assert_int_equal(
			sshkey_parse(sshkeypair_public(pairs[i]), &key), 0);
		good += sshkey_verify(&key, signature, span_str(MESSAGE),
				&flags) == 0;
	}
	return good;
}

/* More keys than stay ready: each is good for its own signatures alone. */
static void
a_key_that_stays_ready_is_the_right_one(void **state)
{
	struct sshkeypair *pairs[SSHKEY_READY_MAX + 2] = { NULL };
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		assert_int_equal(
			sshkeypair_generate("ec", 256, &pairs[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct sshkey key;
		uint8_t flags;

		buf_reset(&out);
		assert_int_equal(sshkeypair_sign(pairs[i], "", false,
					 span_str(MESSAGE), &out, NULL),
			0);
		assert_int_equal(
			count_good(pairs, ARRAY_LEN(pairs), buf_span(&out)), 1);
		assert_int_equal(
			sshkey_parse(sshkeypair_public(pairs[i]), &key), 0);
		/* Now it is the one that was used last. */
		for (int again = 0; again < 2; again++)
			assert_int_equal(sshkey_verify(&key, buf_span(&out),
						 span_str(MESSAGE), &flags),
				0);
	}
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		sshkeypair_free(&pairs[i]);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_that_stays_ready_is_the_right_one),
		cmocka_unit_test(every_form_is_read_and_signs),
		cmocka_unit_test(
			what_cannot_be_used_is_refused_with_its_reason),
		cmocka_unit_test(text_around_and_crlf_are_fine),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(a_text_that_is_too_long_is_refused),
		cmocka_unit_test(a_sealed_pair_opens_with_its_passphrase_alone),
		cmocka_unit_test(who_needs_no_passphrase_is_told_from_who_does),
		cmocka_unit_test(an_empty_passphrase_seals_nothing),
		cmocka_unit_test(no_bit_may_differ),
		cmocka_unit_test(pairs_of_every_type_are_made),
		cmocka_unit_test(an_rsa_pair_has_the_bits_asked_for),
		cmocka_unit_test(what_cannot_be_made_is_refused),
		cmocka_unit_test(rsa_signs_as_asked),
		cmocka_unit_test(other_keys_sign_in_one_way),
		cmocka_unit_test(a_thousand_ecdsa_signatures_are_good),
		cmocka_unit_test(a_buffer_that_is_full_says_so),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
