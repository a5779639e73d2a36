/*
 * A stock for each size of RSA. Once a pair of a size was asked for it is kept
 * full until the next seal; those who wait come before the stock.
 */
#include "server/core/key_pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/blocking.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/sshkey.h"
#include "lib/sshkeypair.h"

#define THREADS_MAX 4
#define NICE 5 /* behind requests, and never starved by them */

static struct guard pool_guard;

/* Texts on guarded pages: the public line, a NUL, the private half. */
struct ready {
	struct ready *next;
	struct secret *texts;
	size_t line_len;
};

struct stock {
	unsigned bits;
	bool wanted; /* pairs are made ahead */
	struct ready *first;
	size_t n_ready, n_making, n_waiting;
	uint64_t n_failed;
};

struct key_pool {
	pthread_mutex_t mutex;
	pthread_cond_t work, news;
	bool open GUARDED_BY(pool_guard);
	bool ending GUARDED_BY(pool_guard);
	uint64_t n_closed GUARDED_BY(pool_guard);
	struct stock stocks[3] GUARDED_BY(pool_guard);
	pthread_t threads[THREADS_MAX];
	size_t n_threads GUARDED_BY(pool_guard);
};

int
key_pool_new(struct key_pool **ret_pool, struct err *err)
{
	struct key_pool *pool = calloc(1, sizeof(*pool));

	guard_unshared(&pool_guard);
	if (pool == NULL)
		return err_set_memory(err);
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->work, NULL);
	pthread_cond_init(&pool->news, NULL);
	pool->stocks[0].bits = 2048;
	pool->stocks[1].bits = 3072;
	pool->stocks[2].bits = 4096;
	*ret_pool = pool;
	return 0;
}

void
key_pool_free(struct key_pool **pool)
{
	struct key_pool *old = *pool;

	if (old == NULL)
		return;
	key_pool_close(old);
	lock_take(&old->mutex, &pool_guard);
	old->ending = true;
	pthread_cond_broadcast(&old->work);
	lock_give(&old->mutex, &pool_guard);
	guard_unshared(&pool_guard);
	for (size_t i = 0; i < old->n_threads; i++)
		(void)pthread_join(old->threads[i], NULL);
	pthread_cond_destroy(&old->work);
	pthread_cond_destroy(&old->news);
	pthread_mutex_destroy(&old->mutex);
	free(old);
	*pool = NULL;
}

void
key_pool_open(struct key_pool *pool)
{
	lock_take(&pool->mutex, &pool_guard);
	pool->open = true;
	lock_give(&pool->mutex, &pool_guard);
}

static void
free_ready(struct ready *ready)
{
	if (ready == NULL)
		return;
	secret_free(&ready->texts);
	free(ready);
}

void
key_pool_close(struct key_pool *pool)
{
	lock_take(&pool->mutex, &pool_guard);
	pool->open = false;
	pool->n_closed++;
	for (size_t i = 0; i < ARRAY_LEN(pool->stocks); i++) {
		struct stock *stock = &pool->stocks[i];

		stock->wanted = false;
		stock->n_ready = 0;
		while (stock->first != NULL) {
			struct ready *next = stock->first->next;

			free_ready(stock->first);
			stock->first = next;
		}
	}
	pthread_cond_broadcast(&pool->news);
	lock_give(&pool->mutex, &pool_guard);
}

/* ---- making ------------------------------------------------------------- */

/* The two texts of a pair, one behind the other. */
static int
write_texts(const struct sshkeypair *pair, struct buf *texts,
	size_t *ret_line_len, struct err *err)
{
	struct arena *arena = arena_new(2 * (size_t)SSHKEY_LINE_MAX);
	const char *line = arena == NULL
		? NULL
		: sshkey_line(arena, sshkeypair_public(pair));
	int rc;

	if (line == NULL) {
		rc = err_set_memory(err);
	} else {
		*ret_line_len = strlen(line);
		(void)buf_add(texts, line, *ret_line_len + 1);
		rc = sshkeypair_write(
			pair, SSHKEYPAIR_TRADITIONAL, "", texts, err);
	}
	arena_free(&arena);
	return rc == 0 ? buf_check(texts, err) : rc;
}

/* A new pair as texts; the caller clears them. */
static int
make(const char *type, unsigned bits, struct buf *texts, size_t *ret_line_len,
	struct err *err)
{
	struct sshkeypair *pair = NULL;
	int rc = sshkeypair_generate(type, bits, &pair, err);

	if (rc == 0)
		rc = write_texts(pair, texts, ret_line_len, err);
	sshkeypair_free(&pair);
	return rc;
}

/* NULL: it could not be made. */
static struct ready *
make_ready(unsigned bits)
{
	struct ready *ready = calloc(1, sizeof(*ready));
	struct err err = { 0 };
	struct buf texts;

	buf_init(&texts, 2 * (size_t)SSHKEYPAIR_TEXT_MAX);
	if (ready != NULL &&
		make("rsa", bits, &texts, &ready->line_len, &err) == 0)
		ready->texts =
			secret_dup(secret_view_of(texts.data, texts.len));
	buf_clear(&texts);
	if (ready != NULL && ready->texts != NULL)
		return ready;
	log_error("a key pair cannot be made", LOG_INT("bits", bits),
		LOG_ERR(&err));
	free_ready(ready);
	return NULL;
}

/* The stock that misses a pair most; NULL: none does. */
static struct stock *
next_stock(struct key_pool *pool) REQUIRES(pool_guard)
{
	struct stock *found = NULL;

	for (size_t i = 0; i < ARRAY_LEN(pool->stocks); i++) {
		struct stock *stock = &pool->stocks[i];
		const size_t n = stock->n_ready + stock->n_making;

		if (stock->n_waiting > n)
			return stock;
		if (stock->wanted && n < KEY_POOL_READY && found == NULL)
			found = stock;
	}
	return found;
}

/* What a failed try leaves is told those who wait; others may try again. */
static void
put_ready(struct key_pool *pool, struct stock *stock, struct ready *ready,
	uint64_t n_closed) REQUIRES(pool_guard)
{
	stock->n_making--;
	if (ready == NULL) {
		stock->n_failed++;
		stock->wanted = false;
	} else if (pool->n_closed != n_closed) {
		free_ready(ready);
	} else {
		ready->next = stock->first;
		stock->first = ready;
		stock->n_ready++;
	}
	pthread_cond_broadcast(&pool->news);
}

static void *
make_pairs(void *ctx)
{
	struct key_pool *pool = ctx;

	/* Linux: of this thread alone. It may be refused; then so be it. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	lock_take(&pool->mutex, &pool_guard);
	while (!pool->ending) {
		struct stock *stock = next_stock(pool);
		const uint64_t n_closed = pool->n_closed;
		struct ready *ready = NULL;

		if (stock == NULL) {
			lock_wait(&pool->work, &pool->mutex, &pool_guard);
			continue;
		}
		stock->n_making++;
		lock_give(&pool->mutex, &pool_guard);
		ready = make_ready(stock->bits);
		lock_take(&pool->mutex, &pool_guard);
		put_ready(pool, stock, ready, n_closed);
	}
	lock_give(&pool->mutex, &pool_guard);
	return NULL;
}

/* Half of the processors: the other half is for requests. */
static size_t
threads_wanted(void)
{
	const long n = sysconf(_SC_NPROCESSORS_ONLN) / 2;

	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (size_t)n;
}

/* One will do where there are no more to be had. */
static int
start_threads(struct key_pool *pool, struct err *err) REQUIRES(pool_guard)
{
	sigset_t all, old;
	int errnum = 0;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	while (errnum == 0 && pool->n_threads < threads_wanted()) {
		errnum = pthread_create(&pool->threads[pool->n_threads], NULL,
			make_pairs, pool);
		pool->n_threads += errnum == 0;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pool->n_threads > 0)
		return 0;
	errno = errnum;
	return err_set_errno(err, "thread that makes keys");
}

/* ---- taking ------------------------------------------------------------- */

static int
give_texts(struct secret_view texts, size_t line_len, struct arena *arena,
	struct key_pool_pair *ret_pair, struct err *err)
{
	const struct span copy =
		arena_dup(arena, span_of(texts.data, texts.len));
	const size_t text_at = line_len + 1;

	if (copy.data == NULL)
		return err_set_memory(err);
	*ret_pair = (struct key_pool_pair){
		.public_key = (const char *)copy.data,
		.text = secret_view_of(copy.data + text_at, copy.len - text_at),
	};
	return 0;
}

static int
take_ed25519(
	struct arena *arena, struct key_pool_pair *ret_pair, struct err *err)
{
	size_t line_len = 0;
	struct buf texts;
	int rc;

	buf_init(&texts, 2 * (size_t)SSHKEYPAIR_TEXT_MAX);
	rc = make("ed25519", 0, &texts, &line_len, err);
	if (rc == 0)
		rc = give_texts(secret_view_of(texts.data, texts.len), line_len,
			arena, ret_pair, err);
	buf_clear(&texts);
	return rc;
}

/* NULL: none of these. */
static struct stock *
find_stock(struct key_pool *pool, int64_t bits) REQUIRES(pool_guard)
{
	if (bits == 0)
		bits = KEY_POOL_BITS;
	for (size_t i = 0; i < ARRAY_LEN(pool->stocks); i++) {
		if (pool->stocks[i].bits == bits)
			return &pool->stocks[i];
	}
	return NULL;
}

static int
wait_for_pair(struct key_pool *pool, struct stock *stock, struct err *err)
	REQUIRES(pool_guard)
{
	const uint64_t n_closed = pool->n_closed;
	const uint64_t n_failed = stock->n_failed;

	stock->n_waiting++;
	pthread_cond_broadcast(&pool->work);
	blocking_begin();
	while (stock->first == NULL && pool->n_closed == n_closed &&
		stock->n_failed == n_failed)
		lock_wait(&pool->news, &pool->mutex, &pool_guard);
	blocking_end();
	stock->n_waiting--;
	if (pool->n_closed != n_closed)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	return stock->first != NULL
		? 0
		: err_set(err, ERR_CRYPTO, 500, "internal error");
}

static int
take_ready(struct key_pool *pool, int64_t bits, struct ready **ret_ready,
	struct err *err) REQUIRES(pool_guard)
{
	struct stock *stock = find_stock(pool, bits);
	int rc;

	if (stock == NULL)
		return err_set(err, ERR_INPUT, 400, "invalid key_bits field");
	if (!pool->open)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = start_threads(pool, err);
	stock->wanted = true;
	if (rc == 0 && stock->first == NULL)
		rc = wait_for_pair(pool, stock, err);
	if (rc != 0)
		return rc;
	*ret_ready = stock->first;
	stock->first = stock->first->next;
	stock->n_ready--;
	pthread_cond_signal(&pool->work);
	return 0;
}

int
key_pool_take(struct key_pool *pool, const char *type, int64_t bits,
	struct arena *arena, struct key_pool_pair *ret_pair, struct err *err)
{
	struct ready *ready = NULL;
	int rc;

	if (strcmp(type, "ed25519") == 0)
		return take_ed25519(arena, ret_pair, err);
	if (strcmp(type, "rsa") != 0)
		return err_set(
			err, ERR_INPUT, 400, "invalid dynamic_key_type field");
	lock_take(&pool->mutex, &pool_guard);
	rc = take_ready(pool, bits, &ready, err);
	lock_give(&pool->mutex, &pool_guard);
	if (rc == 0)
		rc = give_texts(secret_open(ready->texts), ready->line_len,
			arena, ret_pair, err);
	free_ready(ready);
	return rc;
}
