/* Key pairs made ahead: each is given once, and none survives a seal. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "lib/number.h"
#include "lib/sshkey.h"
#include "lib/sshkeypair.h"
#include "server/core/key_pool.h"

#define TAKERS 6

struct fixture {
	struct key_pool *pool;
	struct arena *arena;
	struct err err;
};

static int
setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture.arena = arena_new(1 << 20);
	assert_int_equal(key_pool_new(&fixture.pool, &fixture.err), 0);
	key_pool_open(fixture.pool);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	key_pool_free(&f->pool);
	arena_free(&f->arena);
	return 0;
}

/* The halves belong together, and the private one begins as it should. */
static void
is_a_pair(
	struct fixture *f, const struct key_pool_pair *pair, const char *begin)
{
	struct sshkeypair *parsed = NULL;

	assert_memory_equal(pair->text.data, begin, strlen(begin));
	assert_int_equal(sshkeypair_parse(pair->text, &parsed, &f->err), 0);
	assert_string_equal(pair->public_key,
		sshkey_line(f->arena, sshkeypair_public(parsed)));
	sshkeypair_free(&parsed);
}

static void
gives_rsa_as_pkcs1(void **state)
{
	struct fixture *f = *state;
	struct key_pool_pair pair, other;

	assert_int_equal(
		key_pool_take(f->pool, "rsa", 0, f->arena, &pair, &f->err), 0);
	is_a_pair(f, &pair, "-----BEGIN RSA PRIVATE KEY-----\n");
	assert_int_equal(strncmp(pair.public_key, "ssh-rsa AAAA", 12), 0);
	assert_int_equal(
		key_pool_take(f->pool, "rsa", 2048, f->arena, &other, &f->err),
		0);
	assert_string_not_equal(pair.public_key, other.public_key);
}

static void
gives_ed25519_as_openssh(void **state)
{
	struct fixture *f = *state;
	struct key_pool_pair pair;

	assert_int_equal(
		key_pool_take(f->pool, "ed25519", 0, f->arena, &pair, &f->err),
		0);
	is_a_pair(f, &pair, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
}

static void
refuses_what_it_does_not_make(void **state)
{
	static const struct {
		const char *type;
		int64_t bits;
		const char *why;
	} cases[] = {
		{ "rsa", 1024, "invalid key_bits field" },
		{ "rsa", 8192, "invalid key_bits field" },
		{ "rsa", -1, "invalid key_bits field" },
		{ "dsa", 0, "invalid dynamic_key_type field" },
		{ "", 0, "invalid dynamic_key_type field" },
	};
	struct fixture *f = *state;
	struct key_pool_pair pair;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err_clear(&f->err);
		assert_int_equal(
			key_pool_take(f->pool, cases[i].type, cases[i].bits,
				f->arena, &pair, &f->err),
			ERR_INPUT);
		assert_string_equal(f->err.message, cases[i].why);
	}
}

struct taker {
	struct fixture *f;
	pthread_t thread;
	struct arena *arena;
	struct key_pool_pair pair;
	int rc;
};

static void *
take(void *ctx)
{
	struct taker *taker = ctx;

	taker->rc = key_pool_take(
		taker->f->pool, "rsa", 2048, taker->arena, &taker->pair, NULL);
	return NULL;
}

static void
many_at_once_get_one_each(void **state)
{
	struct fixture *f = *state;
	struct taker takers[TAKERS];

	for (size_t i = 0; i < TAKERS; i++) {
		takers[i] =
			(struct taker){ .f = f, .arena = arena_new(1 << 20) };
		assert_int_equal(pthread_create(&takers[i].thread, NULL, take,
					 &takers[i]),
			0);
	}
	for (size_t i = 0; i < TAKERS; i++) {
		(void)pthread_join(takers[i].thread, NULL);
		assert_int_equal(takers[i].rc, 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(takers[i].pair.public_key,
				takers[j].pair.public_key);
	}
	for (size_t i = 0; i < TAKERS; i++)
		arena_free(&takers[i].arena);
}

/* How many threads of ours run with this nice value. */
static size_t
count_threads(int nice_value)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *task;
	size_t n = 0;

	assert_non_null(tasks);
	while ((task = readdir(tasks)) != NULL) {
		uint64_t tid;

		if (number_parse_u64(span_str(task->d_name), INT32_MAX, &tid) ==
			0)
			n += getpriority(PRIO_PROCESS, (id_t)tid) == nice_value;
	}
	closedir(tasks);
	return n;
}

static void
rsa_pairs_are_made_by_threads_that_come_last(void **state)
{
	const int own = getpriority(PRIO_PROCESS, 0);
	struct fixture *f = *state;
	struct key_pool_pair pair;

	if (own != 0)
		skip();
	assert_int_equal(
		key_pool_take(f->pool, "ed25519", 0, f->arena, &pair, &f->err),
		0);
	assert_int_equal(count_threads(5), 0);
	assert_int_equal(
		key_pool_take(f->pool, "rsa", 2048, f->arena, &pair, &f->err),
		0);
	assert_true(count_threads(5) >= 1);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), own);
}

static void
a_closed_pool_gives_none(void **state)
{
	struct fixture *f = *state;
	struct key_pool_pair pair;

	assert_int_equal(
		key_pool_take(f->pool, "rsa", 2048, f->arena, &pair, &f->err),
		0);
	key_pool_close(f->pool);
	assert_int_equal(
		key_pool_take(f->pool, "rsa", 2048, f->arena, &pair, &f->err),
		ERR_SEALED);
	assert_int_equal(f->err.status, 503);
	key_pool_open(f->pool);
	err_clear(&f->err);
	assert_int_equal(
		key_pool_take(f->pool, "rsa", 2048, f->arena, &pair, &f->err),
		0);
}

/* Whoever waits then is told so, and does not wait on. */
static void
a_seal_ends_the_wait(void **state)
{
	struct fixture *f = *state;
	struct taker takers[2];

	for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
		takers[i] =
			(struct taker){ .f = f, .arena = arena_new(1 << 20) };
		assert_int_equal(pthread_create(&takers[i].thread, NULL, take,
					 &takers[i]),
			0);
	}
	key_pool_close(f->pool);
	for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
		(void)pthread_join(takers[i].thread, NULL);
		assert_true(takers[i].rc == 0 || takers[i].rc == ERR_SEALED);
		arena_free(&takers[i].arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			gives_rsa_as_pkcs1, setup, teardown),
		cmocka_unit_test_setup_teardown(
			gives_ed25519_as_openssh, setup, teardown),
		cmocka_unit_test_setup_teardown(
			refuses_what_it_does_not_make, setup, teardown),
		cmocka_unit_test_setup_teardown(
			many_at_once_get_one_each, setup, teardown),
		cmocka_unit_test_setup_teardown(
			rsa_pairs_are_made_by_threads_that_come_last, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_closed_pool_gives_none, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_seal_ends_the_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
