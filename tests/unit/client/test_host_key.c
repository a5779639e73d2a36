/* Which host a key is of, by known_hosts. */
#include "client/host_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sshkeypair.h"

#define NOW_S 1000000

static struct arena *arena;
static struct sshkeypair *host, *ca, *other;
static struct err err;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(16 * 1024 * 1024);
	return arena == NULL ||
		sshkeypair_generate("ed25519", 0, &host, &err) != 0 ||
		sshkeypair_generate("ed25519", 0, &other, &err) != 0 ||
		sshkeypair_generate("ed25519", 0, &ca, &err) != 0;
}

static int
teardown(void **state)
{
	(void)state;
	sshkeypair_free(&host);
	sshkeypair_free(&other);
	sshkeypair_free(&ca);
	arena_free(&arena);
	return 0;
}

static const char *
line_of(const struct sshkeypair *pair)
{
	return sshkey_line(arena, sshkeypair_public(pair));
}

/* A certificate of host for web1 and db1, in arena. */
static struct span
certificate(enum sshcert_type type, uint64_t after_s, uint64_t before_s,
	const struct sshkeypair *signer)
{
	static const uint8_t nonce[32];
	const struct span names[] = { span_str("db1.example.com"),
		span_str("web1.example.com") };
	const struct sshcert_parts parts = { .nonce = span_of(nonce, 32),
		.key = sshkeypair_public(host),
		.serial = 1,
		.type = type,
		.key_id = span_str("host"),
		.principals = names,
		.n_principals = ARRAY_LEN(names),
		.after_s = after_s,
		.before_s = before_s,
		.ca = sshkeypair_public(ca) };
	struct buf cert, signature;
	struct span blob;

	buf_init(&cert, 65536);
	buf_init(&signature, 65536);
	assert_int_equal(sshcert_build(&parts, &cert), 0);
	assert_int_equal(sshkeypair_sign(signer, NULL, false, buf_span(&cert),
				 &signature, &err),
		0);
	assert_int_equal(sshcert_add_signature(&cert, buf_span(&signature)), 0);
	blob = arena_dup(arena, buf_span(&cert));
	buf_clear(&cert);
	buf_clear(&signature);
	return blob;
}

/* known_hosts with "$h", "$o" and "$c" for the keys of host, other and CA. */
static bool
blob_is(struct span blob, const char *text, const char *patterns)
{
	struct host_key key;
	struct buf known_hosts;
	bool found;

	buf_init(&known_hosts, 65536);
	for (; *text != '\0'; text++) {
		if (*text == '$')
			(void)buf_add_str(&known_hosts,
				line_of(*++text == 'h'         ? host
						: *text == 'o' ? other
							       : ca));
		else
			(void)buf_add_char(&known_hosts, *text);
	}
	assert_int_equal(host_key_read(blob, NOW_S, arena, &key), 0);
	found = host_key_is(&key, buf_span(&known_hosts), patterns);
	buf_clear(&known_hosts);
	return found;
}

static bool
is(const char *known_hosts, const char *patterns)
{
	return blob_is(sshkeypair_public(host), known_hosts, patterns);
}

static void
a_line_of_the_key_names_it(void **state)
{
	(void)state;
	assert_true(is("web1.example.com $h\n", "web1.example.com"));
	assert_true(is("web1.example.com $h me@here\n", "*.example.com"));
	assert_true(is("\n# x\n10.0.0.7,web1\t$h", "web1"));
	assert_true(is("WEB1 $h", "web1"));
	assert_true(is("[web1]:2222 $h", "web1"));
	assert_true(is("[web1]:2222 $h", "[web1]:2222"));
	assert_true(is("db1 $h", "web1, db1"));
	assert_false(is("web1 $h", "web"));
	assert_false(is("web1 $o\ndb1 $h", "web1"));
	assert_false(is("web1 $hA", "web1"));
	assert_false(is("!web1 $h", "web1"));
	assert_false(is("# web1 $h", "web1"));
	assert_false(is("web1", "web1"));
	assert_false(is("", "*"));
	assert_false(is("web1 $h", ""));
}

static void
a_pattern_may_exclude(void **state)
{
	(void)state;
	assert_false(is("db1.example.com $h", "*.example.com,!db*"));
	assert_false(is("db1.example.com $h", "!db*,*.example.com"));
	assert_true(is("web1.example.com $h", "*.example.com,!db*"));
	assert_false(is("web1.example.com $h", "!db*"));
}

/* As ssh-keygen -H made it of "web1.example.com". */
#define HASHED_OF_WEB1                                                         \
	"|1|v8x5TPZzkC3Vxa6iadBfepgd+1c=|UCJPgRHNehKS9V0ck07ppp9SfVA="

static void
a_hashed_name_is_found_by_itself(void **state)
{
	(void)state;
	assert_true(is(HASHED_OF_WEB1 " $h", "web1.example.com"));
	assert_true(is(HASHED_OF_WEB1 " $h", "x,web1.example.com"));
	assert_false(is(HASHED_OF_WEB1 " $h", "*.example.com"));
	assert_false(is(HASHED_OF_WEB1 " $h", "web2.example.com"));
	assert_false(is("|1|$h", "*"));
	assert_false(is("|1|AA==|AA== $h", "web1.example.com"));
	assert_false(is("|1|!|! $h", "web1.example.com"));
	assert_false(is("|1| $h", "web1.example.com"));
}

static void
a_fingerprint_is_a_name(void **state)
{
	char fingerprint[SSHKEY_FINGERPRINT_MAX];

	(void)state;
	sshkey_fingerprint(sshkeypair_public(host), fingerprint);
	assert_true(is("", fingerprint));
	sshkey_fingerprint(sshkeypair_public(other), fingerprint);
	assert_false(is("", fingerprint));
}

static void
a_revoked_key_is_nobodys(void **state)
{
	(void)state;
	assert_false(is("web1 $h\n@revoked * $h", "web1"));
	assert_true(is("web1 $h\n@revoked * $o", "web1"));
	assert_false(is("@cert-authority web1 $h", "web1"));
}

static void
a_certificate_names_it_where_its_authority_is_trusted(void **state)
{
	const struct span blob =
		certificate(SSHCERT_HOST, NOW_S, NOW_S + 1, ca);

	(void)state;
	assert_true(blob_is(blob, "@cert-authority * $c", "web1.*"));
	assert_true(blob_is(blob, "@cert-authority *.example.com $c", "db1.*"));
	assert_false(blob_is(blob, "@cert-authority *.example.com $c", "x"));
	assert_false(blob_is(blob, "@cert-authority *.org $c", "web1.*"));
	assert_false(blob_is(
		blob, "@cert-authority *,!web1* $c", "web1.example.com"));
	assert_false(blob_is(blob, "@cert-authority * $o", "web1.*"));
	assert_false(blob_is(blob, "* $c", "web1.*"));
	assert_false(blob_is(blob, "", "web1.*"));
	assert_false(
		blob_is(blob, "@cert-authority * $c\n@revoked * $c", "web1.*"));
	/* Without it the key in it counts, as for ssh. */
	assert_true(blob_is(blob, "web1 $h", "web1"));
}

static void
a_certificate_that_is_not_good_names_nothing(void **state)
{
	const struct span bad[] = {
		certificate(SSHCERT_USER, 0, NOW_S + 1, ca),
		certificate(SSHCERT_HOST, NOW_S + 1, NOW_S + 2, ca),
		certificate(SSHCERT_HOST, 0, NOW_S, ca),
		certificate(SSHCERT_HOST, 0, NOW_S + 1, other),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(blob_is(bad[i], "@cert-authority * $c", "web1.*"));
		assert_true(blob_is(bad[i], "web1 $h", "web1"));
	}
}

static void
other_bytes_are_no_key(void **state)
{
	const struct span blob =
		certificate(SSHCERT_HOST, NOW_S, NOW_S + 1, ca);
	struct host_key key;

	(void)state;
	for (size_t len = 0; len < blob.len; len++)
		assert_int_equal(host_key_read(span_of(blob.data, len), NOW_S,
					 arena, &key),
			ERR_INPUT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_the_key_names_it),
		cmocka_unit_test(a_pattern_may_exclude),
		cmocka_unit_test(a_hashed_name_is_found_by_itself),
		cmocka_unit_test(a_fingerprint_is_a_name),
		cmocka_unit_test(a_revoked_key_is_nobodys),
		cmocka_unit_test(
			a_certificate_names_it_where_its_authority_is_trusted),
		cmocka_unit_test(a_certificate_that_is_not_good_names_nothing),
		cmocka_unit_test(other_bytes_are_no_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
