/*
 * Sets of keys by the hash of where they are from, in a table of fixed size:
 * the one that was unused for longest makes room. They are public, so nothing
 * here needs to be locked in memory or wiped; and what a mount is configured
 * with is read anew at each login, so that a stale entry is merely not asked
 * for again. One thread fetches for all who want the same keys.
 */
#include "server/auth/keyset.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/blocking.h"
#include "lib/buf.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/sha256.h"
#include "server/auth/keyset_load.h"

#define SETS_MAX 64
#define WAITERS_MAX 64 /* of one entry; more are told to try again */
#define SOURCE_LEN_MAX ((size_t)1024 * 1024)
#define FRESH_NS (KEYSET_FRESH_S * CLOCK_NS_PER_S)
#define STALE_NS (KEYSET_STALE_S * CLOCK_NS_PER_S)
#define REFILL_NS (KEYSET_REFILL_S * CLOCK_NS_PER_S)

/* Keys that logins may still be at work with when their entry moves on. */
struct shared_keys {
	_Atomic int refs;
	struct jwks *keys;
};

struct entry {
	uint8_t id[SHA256_BYTES];
	struct shared_keys *keys; /* NULL: none yet */
	uint64_t used;            /* when, by the table's count of uses */
	int64_t loaded_ns;        /* boot clock */
	int64_t refilled_ns;
	int left;     /* fetches that may begin */
	bool loading; /* a thread is at it, without the lock */
	unsigned waiting;
};

static struct guard table_guard;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	uint64_t uses GUARDED_BY(table_guard);
	struct entry entries[SETS_MAX] GUARDED_BY(table_guard);
} table = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.loaded = PTHREAD_COND_INITIALIZER };

/* One look for the keys of a source. */
struct look {
	struct server *server;
	const struct keyset_source *source;
	const struct shared_keys *seen; /* these would not do; or NULL */
	uint8_t id[SHA256_BYTES];
};

static void
unref_keys(struct shared_keys **shared)
{
	struct shared_keys *old = *shared;

	*shared = NULL;
	if (old == NULL || atomic_fetch_sub(&old->refs, 1) != 1)
		return;
	jwks_free(&old->keys);
	free(old);
}

/* Held once. */
static int
load_shared(const struct look *look, struct shared_keys **ret_shared,
	struct err *err)
{
	struct shared_keys *shared = calloc(1, sizeof(*shared));
	int rc;

	if (shared == NULL)
		return err_set_memory(err);
	shared->refs = 1;
	shared->keys = jwks_new();
	rc = shared->keys == NULL
		? err_set_memory(err)
		: keyset_load(look->server, look->source, shared->keys, err);
	if (rc != 0)
		unref_keys(&shared);
	else
		*ret_shared = shared;
	return rc;
}

/* ---- the table; all below are called with its lock -------------------- */

static bool
is_idle(const struct entry *entry)
{
	return !entry->loading && entry->waiting == 0;
}

/* The entry of this id, made where there is none; NULL: all are at work. */
static struct entry *
claim_entry(const uint8_t id[SHA256_BYTES], int64_t now_ns)
	REQUIRES(table_guard)
{
	struct entry *oldest = NULL;

	for (size_t i = 0; i < SETS_MAX; i++) {
		struct entry *entry = &table.entries[i];

		if (entry->used != 0 &&
			memcmp(entry->id, id, SHA256_BYTES) == 0)
			return entry;
		if (is_idle(entry) &&
			(oldest == NULL || entry->used < oldest->used))
			oldest = entry;
	}
	if (oldest == NULL)
		return NULL;
	unref_keys(&oldest->keys);
	*oldest = (struct entry){ .refilled_ns = now_ns, .left = KEYSET_BURST };
	memcpy(oldest->id, id, SHA256_BYTES);
	return oldest;
}

static bool
is_older(const struct entry *entry, int64_t now_ns, int64_t age_ns)
{
	return now_ns - entry->loaded_ns >= age_ns;
}

static bool
will_do(const struct look *look, const struct entry *entry, int64_t now_ns)
{
	return entry->keys != NULL && entry->keys != look->seen &&
		(!keyset_is_remote(look->source) ||
			!is_older(entry, now_ns, FRESH_NS));
}

/* Whether a fetch may begin now; it is counted. */
static bool
may_load(const struct look *look, struct entry *entry, int64_t now_ns)
{
	const int64_t gained = (now_ns - entry->refilled_ns) / REFILL_NS;

	if (!keyset_is_remote(look->source))
		return true;
	if (gained > 0) {
		entry->refilled_ns += gained * REFILL_NS;
		entry->left = gained >= KEYSET_BURST - entry->left
			? KEYSET_BURST
			: entry->left + (int)gained;
	}
	if (entry->left == 0)
		return false;
	entry->left--;
	return true;
}

static int
load_entry(const struct look *look, struct entry *entry, struct err *err)
	REQUIRES(table_guard)
{
	struct shared_keys *fresh = NULL;
	struct err why = { 0 };
	int rc;

	entry->loading = true;
	lock_give(&table.lock, &table_guard);
	rc = load_shared(look, &fresh, &why);
	lock_take(&table.lock, &table_guard);
	entry->loading = false;
	if (rc == 0) {
		unref_keys(&entry->keys);
		entry->keys = fresh;
		entry->loaded_ns = clock_boot_ns(look->server->clock);
	} else {
		*err = why;
	}
	(void)pthread_cond_broadcast(&table.loaded);
	return rc;
}

static int
wait_for_load(struct entry *entry, struct err *err) REQUIRES(table_guard)
{
	if (entry->waiting == WAITERS_MAX)
		return err_set(err, ERR_BUSY, 503,
			"too many wait for the issuer's keys, try again");
	entry->waiting++;
	blocking_begin();
	while (entry->loading)
		lock_wait(&table.loaded, &table.lock, &table_guard);
	blocking_end();
	entry->waiting--;
	return 0;
}

/* Newer keys than those seen, where they can be had. */
static int
renew_entry(const struct look *look, struct entry *entry, int64_t now_ns,
	struct err *err) REQUIRES(table_guard)
{
	if (entry->loading)
		return wait_for_load(entry, err);
	if (may_load(look, entry, now_ns))
		return load_entry(look, entry, err);
	return 0;
}

/*
 * After a renewal that ended with rc and gave nothing: older keys serve for a
 * while. Why is for the log, since those who log in are strangers; only that
 * there is too much to do here is for them too.
 */
static int
make_do(const struct look *look, const struct entry *entry, int64_t now_ns,
	int rc, struct err *err)
{
	const bool is_ours = rc == ERR_BUSY || rc == ERR_MEMORY;

	if (rc != 0 && !is_ours)
		log_warn("an issuer's keys could not be fetched",
			LOG_STR("issuer", look->source->issuer),
			LOG_STR("url", look->source->jwks_url),
			LOG_STR("why", err->message));
	if (entry->keys != NULL && !is_older(entry, now_ns, STALE_NS)) {
		err_clear(err);
		return 0;
	}
	if (is_ours)
		return rc;
	err_clear(err);
	return err_set(err, ERR_PEER, 502,
		"the issuer's keys could not be fetched, try again");
}

static int
get_locked(const struct look *look, struct shared_keys **ret_shared,
	struct err *err) REQUIRES(table_guard)
{
	const int64_t now_ns = clock_boot_ns(look->server->clock);
	struct entry *entry = claim_entry(look->id, now_ns);
	int rc = 0;

	if (entry == NULL)
		return err_set(err, ERR_BUSY, 503,
			"too many wait for issuers' keys, try again");
	entry->used = ++table.uses;
	if (!will_do(look, entry, now_ns))
		rc = renew_entry(look, entry, now_ns, err);
	if (keyset_is_remote(look->source))
		rc = make_do(look, entry, now_ns, rc, err);
	/* Texts that the thread which was waited for could not read. */
	if (rc == 0 && entry->keys == NULL)
		rc = err_set(err, ERR_INTERNAL, 500, "internal error");
	if (rc != 0)
		return rc;
	atomic_fetch_add(&entry->keys->refs, 1);
	*ret_shared = entry->keys;
	return 0;
}

/* ---- and without it ---------------------------------------------------- */

static void
add_text(struct buf *buf, const char *text)
{
	buf_add_u64be(buf, strlen(text));
	buf_add_str(buf, text);
}

static int
hash_source(const struct keyset_source *source, uint8_t id[SHA256_BYTES],
	struct err *err)
{
	struct buf buf;
	int rc;

	buf_init(&buf, SOURCE_LEN_MAX);
	add_text(&buf, source->jwks_url);
	add_text(&buf, source->issuer);
	add_text(&buf, source->ca_pem);
	for (size_t i = 0; !keyset_is_remote(source) && i < source->texts->n;
		i++)
		add_text(&buf, source->texts->items[i]);
	rc = buf_check(&buf, err);
	if (rc == 0)
		sha256(buf_span(&buf), id);
	buf_clear(&buf);
	return rc;
}

/* The keys of a source, held; others than those seen, where there are any. */
static int
get_keys(struct server *server, const struct keyset_source *source,
	const struct shared_keys *seen, struct shared_keys **ret_shared,
	struct err *err)
{
	struct look look = { .server = server, .source = source, .seen = seen };
	int rc = hash_source(source, look.id, err);

	if (rc != 0)
		return rc;
	lock_take(&table.lock, &table_guard);
	rc = get_locked(&look, ret_shared, err);
	lock_give(&table.lock, &table_guard);
	return rc;
}

/* Loaded on their own: what others use meanwhile stays as it is. */
int
keyset_check(struct server *server, const struct keyset_source *source,
	struct err *err)
{
	const struct look look = { .server = server, .source = source };
	struct shared_keys *shared = NULL;
	int rc = load_shared(&look, &shared, err);

	unref_keys(&shared);
	return rc;
}

/* Once more with newer keys where those at hand do not fit. */
static int
verify_anew(struct server *server, const struct keyset_source *source,
	const struct shared_keys *seen, const struct jws *jws)
{
	struct shared_keys *shared = NULL;
	struct err err = { 0 };
	int rc = get_keys(server, source, seen, &shared, &err);

	if (rc == 0)
		rc = shared == seen ? ERR_ABSENT
				    : jws_verify(jws, shared->keys);
	unref_keys(&shared);
	return rc;
}

int
keyset_verify(struct server *server, const struct keyset_source *source,
	const struct jws *jws, struct err *err)
{
	struct shared_keys *shared = NULL;
	int rc = get_keys(server, source, NULL, &shared, err);

	if (rc != 0)
		return rc;
	rc = jws_verify(jws, shared->keys);
	if (rc != 0 && keyset_is_remote(source))
		rc = verify_anew(server, source, shared, jws);
	unref_keys(&shared);
	return rc == 0
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "no known key successfully validated the token signature");
}
