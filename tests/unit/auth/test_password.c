/* Hashes of passwords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "server/auth/password.h"

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new(1024 * 1024);
	return arena == NULL || sodium_init() < 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct secret_view
view(const char *text)
{
	return secret_view_of(text, strlen(text));
}

static const char *
hash_of(const char *text)
{
	struct err err = { 0 };
	const char *hash = NULL;

	assert_int_equal(password_hash(view(text), arena, &hash, &err), 0);
	return hash;
}

static void
a_hash_is_that_of_its_password_alone(void **state)
{
	const char *hash = hash_of("correct horse");

	(void)state;
	assert_true(password_is(hash, view("correct horse")));
	assert_false(password_is(hash, view("correct hors")));
	assert_false(password_is(hash, view("correct horse ")));
	assert_false(password_is(hash, view("Correct horse")));
	assert_false(password_is(hash, view("")));
	assert_false(password_is(hash, secret_view_of("correct horse\0", 14)));
	assert_string_not_equal(hash, hash_of("correct horse"));
}

/* spec/README.md: argon2id, 19 MiB, 2 passes. */
static void
its_cost_is_the_one_decided(void **state)
{
	const char *hash = hash_of("x");

	(void)state;
	assert_memory_equal(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
	assert_int_equal(
		crypto_pwhash_str_needs_rehash(hash, 2, 19456 * 1024), 0);
}

static void
what_is_no_hash_is_nobodys(void **state)
{
	(void)state;
	assert_false(password_is(NULL, view("x")));
	assert_false(password_is(NULL, view("")));
	assert_false(password_is("", view("")));
	assert_false(password_is("x", view("x")));
	assert_false(password_is("$argon2id$v=19$m=19456,t=2,p=1$", view("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_that_of_its_password_alone),
		cmocka_unit_test(its_cost_is_the_one_decided),
		cmocka_unit_test(what_is_no_hash_is_nobodys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
