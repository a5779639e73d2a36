/* Who fetches an issuer's keys, who waits, and how often that may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "server/auth/keyset.h"
#include "server/auth/keyset_load.h"

#define N_LOGINS 66 /* one fetches, 64 may wait, one is too many */

/* The stand-in for the network: fetches that wait for the test, or fail. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool closed, fails, is_busy, is_local;
	int n_loads, n_now, n_most;
	int n_refused; /* logins that were told 503 */
} net = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER };

static _Atomic int64_t now_ns;
static struct clock hands;
static struct server server;

static int64_t
clock_now(UNUSED void *ctx)
{
	return atomic_load(&now_ns);
}

bool
keyset_is_remote(UNUSED const struct keyset_source *source)
{
	return !net.is_local;
}

int
keyset_load(UNUSED struct server *of, UNUSED const struct keyset_source *source,
	UNUSED struct jwks *keys, struct err *err)
{
	bool fails, is_busy;

	(void)pthread_mutex_lock(&net.lock);
	net.n_loads++;
	net.n_now++;
	if (net.n_now > net.n_most)
		net.n_most = net.n_now;
	(void)pthread_cond_broadcast(&net.changed);
	while (net.closed)
		(void)pthread_cond_wait(&net.changed, &net.lock);
	net.n_now--;
	fails = net.fails;
	is_busy = net.is_busy;
	(void)pthread_mutex_unlock(&net.lock);
	if (is_busy)
		return err_set(err, ERR_BUSY, 503, "try again");
	return fails ? err_set(err, ERR_PEER, 400, "no answer") : 0;
}

/* A login whose token no key has signed; its status. */
static int
log_in(const char *url)
{
	const struct keyset_source source = {
		.jwks_url = url, .issuer = "", .ca_pem = ""
	};
	const struct jws jws = { 0 };
	struct err err = { 0 };

	assert_int_not_equal(keyset_verify(&server, &source, &jws, &err), 0);
	return err.status;
}

static int
setup(void **state)
{
	(void)state;
	net.closed = net.fails = net.is_busy = net.is_local = false;
	net.n_loads = net.n_most = net.n_refused = 0;
	now_ns = 1000 * CLOCK_NS_PER_S;
	hands = (struct clock){ clock_now, clock_now, NULL };
	server.clock = &hands;
	return 0;
}

static void *
log_in_at_once(void *ctx)
{
	const int status = log_in(ctx);

	(void)pthread_mutex_lock(&net.lock);
	if (status == 503)
		net.n_refused++;
	else
		assert_int_equal(status, 400);
	(void)pthread_cond_broadcast(&net.changed);
	(void)pthread_mutex_unlock(&net.lock);
	return NULL;
}

static void
one_fetches_and_the_others_wait_for_it(void **state)
{
	static char url[] = "https://many.example/keys";
	pthread_t threads[N_LOGINS];

	(void)state;
	net.closed = true;
	for (size_t i = 0; i < N_LOGINS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, log_in_at_once, url),
			0);
	/* The one too many is sent away while the fetch is still going on. */
	(void)pthread_mutex_lock(&net.lock);
	while (net.n_refused == 0)
		(void)pthread_cond_wait(&net.changed, &net.lock);
	assert_int_equal(net.n_loads, 1);
	assert_int_equal(net.n_refused, 1);
	net.closed = false;
	(void)pthread_cond_broadcast(&net.changed);
	(void)pthread_mutex_unlock(&net.lock);
	for (size_t i = 0; i < N_LOGINS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(net.n_most, 1);
	assert_true(net.n_loads <= KEYSET_BURST);
}

static void
tokens_that_fit_no_key_have_them_fetched_so_often_only(void **state)
{
	static const char url[] = "https://odd.example/keys";

	(void)state;
	for (int i = 0; i < 5 * KEYSET_BURST; i++)
		assert_int_equal(log_in(url), 400);
	assert_int_equal(net.n_loads, KEYSET_BURST);
	now_ns += KEYSET_REFILL_S * CLOCK_NS_PER_S - 1;
	assert_int_equal(log_in(url), 400);
	assert_int_equal(net.n_loads, KEYSET_BURST);
	now_ns += 1;
	assert_int_equal(log_in(url), 400);
	assert_int_equal(log_in(url), 400);
	assert_int_equal(net.n_loads, KEYSET_BURST + 1);
	/* Another issuer has its own count. */
	assert_int_equal(log_in("https://other.example/keys"), 400);
	assert_true(net.n_loads > KEYSET_BURST + 1);
}

static void
old_keys_serve_for_a_day_where_no_new_ones_are_to_be_had(void **state)
{
	static const char url[] = "https://gone.example/keys";

	(void)state;
	net.fails = true;
	assert_int_equal(log_in(url), 502);
	net.fails = false;
	assert_int_equal(log_in(url), 400);
	net.fails = true;
	now_ns += (KEYSET_STALE_S - 1) * CLOCK_NS_PER_S;
	assert_int_equal(log_in(url), 400);
	now_ns += CLOCK_NS_PER_S;
	assert_int_equal(log_in(url), 502);
}

/* Too many calls to others under way, say: old keys are good keys. */
static void
old_keys_serve_while_none_can_be_asked_for(void **state)
{
	static const char url[] = "https://busy.example/keys";

	(void)state;
	net.is_busy = true;
	assert_int_equal(log_in(url), 503);
	net.is_busy = false;
	assert_int_equal(log_in(url), 400);
	net.is_busy = true;
	now_ns += (KEYSET_FRESH_S + 1) * CLOCK_NS_PER_S;
	assert_int_equal(log_in(url), 400);
	now_ns += KEYSET_STALE_S * CLOCK_NS_PER_S;
	assert_int_equal(log_in(url), 503);
}

static void *
log_in_with_text(UNUSED void *ctx)
{
	static const char *texts[] = { "a key" };
	const struct str_list list = { texts, 1 };
	const struct keyset_source source = {
		.texts = &list, .jwks_url = "", .issuer = "", .ca_pem = ""
	};
	const struct jws jws = { 0 };
	struct err err = { 0 };

	assert_int_not_equal(keyset_verify(&server, &source, &jws, &err), 0);
	return NULL;
}

/* No memory, say: those who waited for it have no keys either. */
static void
a_text_that_cannot_be_read_is_told_to_all_who_wait(void **state)
{
	pthread_t threads[2];

	(void)state;
	net.closed = net.fails = net.is_local = true;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
					 log_in_with_text, NULL),
			0);
	/* Time for the second to come to the wait. */
	(void)usleep(100000);
	(void)pthread_mutex_lock(&net.lock);
	net.closed = false;
	(void)pthread_cond_broadcast(&net.changed);
	(void)pthread_mutex_unlock(&net.lock);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		(void)pthread_join(threads[i], NULL);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_fetches_and_the_others_wait_for_it),
		TEST(tokens_that_fit_no_key_have_them_fetched_so_often_only),
		TEST(old_keys_serve_for_a_day_where_no_new_ones_are_to_be_had),
		TEST(old_keys_serve_while_none_can_be_asked_for),
		TEST(a_text_that_cannot_be_read_is_told_to_all_who_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
