/* Which kept certificate is used again, and where it may lie. */
#include "client/cert_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/sshcert.h"
#include "lib/sshkeypair.h"

#define NOW 1000000

static char runtime[] = "/tmp/cert-store-XXXXXX";
static struct arena *arena;
static struct sshkeypair *ca, *user;
static struct err err;

static int
start(void **state)
{
	(void)state;
	arena = arena_new(1024 * 1024);
	if (arena == NULL || mkdtemp(runtime) == NULL)
		return -1;
	if (sshkeypair_generate("ed25519", 0, &ca, &err) != 0)
		return -1;
	return sshkeypair_generate("ed25519", 0, &user, &err);
}

static int
stop(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/sallyport", runtime);
	(void)rmdir(path);
	(void)rmdir(runtime);
	sshkeypair_free(&ca);
	sshkeypair_free(&user);
	arena_free(&arena);
	return 0;
}

static struct cert_wanted
wanted(void)
{
	return (struct cert_wanted){ .address = "http://127.0.0.1:8200",
		.mount = "ssh",
		.role = "ops",
		.principals = "ubuntu",
		.key = sshkeypair_public(user) };
}

/* The line of a certificate for key that is good from after_s to before_s. */
static const char *
certificate(struct span key, uint64_t after_s, uint64_t before_s)
{
	static const uint8_t nonce[32] = { 1 };
	const struct span principal = span_str("ubuntu");
	const struct sshcert_parts parts = {
		.nonce = span_of(nonce, sizeof(nonce)),
		.key = key,
		.serial = 7,
		.type = SSHCERT_USER,
		.key_id = span_str("a test"),
		.principals = &principal,
		.n_principals = 1,
		.after_s = after_s,
		.before_s = before_s,
		.ca = sshkeypair_public(ca),
	};
	struct buf blob, signature;
	const char *line;

	buf_init(&blob, SSHKEY_BLOB_MAX);
	buf_init(&signature, SSHKEY_BLOB_MAX);
	assert_int_equal(sshcert_build(&parts, &blob), 0);
	assert_int_equal(sshkeypair_sign(ca, NULL, false, buf_span(&blob),
				 &signature, &err),
		0);
	assert_int_equal(sshcert_add_signature(&blob, buf_span(&signature)), 0);
	line = sshkey_line(arena, buf_span(&blob));
	assert_non_null(line);
	buf_clear(&blob);
	buf_clear(&signature);
	return arena_printf(arena, "%s\n", line);
}

static void
each_wish_has_a_place_of_its_own(void **state)
{
	struct cert_wanted one = wanted(), other;
	const char *path, *again;

	(void)state;
	assert_int_equal(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
	path = cert_store_path(arena, &one);
	assert_non_null(path);
	again = cert_store_path(arena, &one);
	assert_string_equal(path, again);
	other = one;
	other.role = "opsubuntu";
	other.principals = "";
	assert_string_not_equal(path, cert_store_path(arena, &other));
	other = one;
	other.address = "http://127.0.0.1:8201";
	assert_string_not_equal(path, cert_store_path(arena, &other));
	other = one;
	other.key = sshkeypair_public(ca);
	assert_string_not_equal(path, cert_store_path(arena, &other));
}

static void
nothing_is_kept_without_a_directory_of_ours(void **state)
{
	struct cert_wanted one = wanted();
	char path[128];

	(void)state;
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_null(cert_store_path(arena, &one));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", "relative", 1), 0);
	assert_null(cert_store_path(arena, &one));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
	assert_non_null(cert_store_path(arena, &one));
	(void)snprintf(path, sizeof(path), "%s/sallyport", runtime);
	assert_int_equal(chmod(path, 0755), 0);
	assert_null(cert_store_path(arena, &one));
	assert_int_equal(chmod(path, 0700), 0);
}

/* Whether what is kept is used again at NOW. */
static bool
is_used_again(const char *text)
{
	struct cert_wanted one = wanted();
	const char *path = cert_store_path(arena, &one);
	bool good;

	cert_store_keep(path, text);
	good = cert_store_is_good(path, one.key, NOW, arena);
	assert_int_equal(unlink(path), 0);
	return good;
}

static void
only_a_good_certificate_of_the_key_is_used_again(void **state)
{
	const struct span key = sshkeypair_public(user);
	struct cert_wanted one = wanted();

	(void)state;
	assert_int_equal(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
	assert_false(cert_store_is_good(
		cert_store_path(arena, &one), key, NOW, arena));
	assert_true(is_used_again(certificate(key, NOW, NOW + 61)));
	assert_false(is_used_again(certificate(key, NOW, NOW + 60)));
	assert_false(is_used_again(certificate(key, NOW + 1, NOW + 1000)));
	assert_false(is_used_again(
		certificate(sshkeypair_public(ca), NOW, NOW + 1000)));
	assert_false(is_used_again("no certificate"));
	assert_false(is_used_again(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_wish_has_a_place_of_its_own),
		cmocka_unit_test(nothing_is_kept_without_a_directory_of_ours),
		cmocka_unit_test(
			only_a_good_certificate_of_the_key_is_used_again),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
