/*
 * Sets of keys by the hash of where they are from, in a table of fixed size:
 * the one that was unused for longest makes room. They are public, so nothing
 * here needs to be locked in memory or wiped; and what a mount is configured
 * with is read anew at each login, so that a stale entry is merely not asked
 * for again.
 */
#include "server/auth/keyset.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/lock.h"
#include "lib/sha256.h"

#define SETS_MAX 64
#define SOURCE_LEN_MAX ((size_t)1024 * 1024)

/* Keys that logins may still be at work with when their entry goes. */
struct shared_keys {
	_Atomic int refs;
	struct jwks *keys;
};

struct entry {
	uint8_t id[SHA256_BYTES];
	struct shared_keys *keys; /* NULL: the entry is free */
	uint64_t used;            /* when, by the table's count of uses */
};

static struct guard table_guard;

static struct {
	pthread_mutex_t lock;
	uint64_t uses GUARDED_BY(table_guard);
	struct entry entries[SETS_MAX] GUARDED_BY(table_guard);
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
unref_keys(struct shared_keys *shared)
{
	if (shared == NULL || atomic_fetch_sub(&shared->refs, 1) != 1)
		return;
	jwks_free(&shared->keys);
	free(shared);
}

/* ---- loading ---------------------------------------------------------- */

/* A text is a key set where it begins like one. */
static int
add_text(struct jwks *keys, const char *text, struct err *err)
{
	const char *begin = text + strspn(text, " \t\r\n");
	const struct span span = span_str(begin);

	return *begin == '{' ? jwks_add_json(keys, span, err)
			     : jwks_add_pem(keys, span, err);
}

static int
load(const struct keyset_source *source, struct jwks *keys, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < source->texts->n; i++)
		rc = add_text(keys, source->texts->items[i], err);
	if (rc == 0 && jwks_count(keys) == 0)
		rc = err_set(err, ERR_INPUT, 400,
			"there is no key in it that can check a signature");
	return rc;
}

/* Held once. */
static int
load_shared(const struct keyset_source *source, struct shared_keys **ret_shared,
	struct err *err)
{
	struct shared_keys *shared = calloc(1, sizeof(*shared));
	int rc;

	if (shared == NULL)
		return err_set_memory(err);
	shared->refs = 1;
	shared->keys = jwks_new();
	rc = shared->keys == NULL ? err_set_memory(err)
				  : load(source, shared->keys, err);
	if (rc != 0)
		unref_keys(shared);
	else
		*ret_shared = shared;
	return rc;
}

/* ---- the table -------------------------------------------------------- */

static int
hash_source(const struct keyset_source *source, uint8_t id[SHA256_BYTES],
	struct err *err)
{
	struct buf buf;
	int rc;

	buf_init(&buf, SOURCE_LEN_MAX);
	for (size_t i = 0; i < source->texts->n; i++) {
		buf_add_u64be(&buf, strlen(source->texts->items[i]));
		buf_add_str(&buf, source->texts->items[i]);
	}
	rc = buf_check(&buf, err);
	if (rc == 0)
		sha256(buf_span(&buf), id);
	buf_clear(&buf);
	return rc;
}

/* The entry of this id, else the one whose turn it is to go. Locked. */
static struct entry *
find_entry(const uint8_t id[SHA256_BYTES]) REQUIRES(table_guard)
{
	struct entry *oldest = &table.entries[0];

	for (size_t i = 0; i < SETS_MAX; i++) {
		struct entry *entry = &table.entries[i];

		if (entry->keys != NULL &&
			memcmp(entry->id, id, SHA256_BYTES) == 0)
			return entry;
		if (entry->used < oldest->used)
			oldest = entry;
	}
	return oldest;
}

/* The keys of this id, held; NULL: they are not there. */
static struct shared_keys *
look_up(const uint8_t id[SHA256_BYTES])
{
	struct shared_keys *found = NULL;
	struct entry *entry;

	lock_take(&table.lock, &table_guard);
	entry = find_entry(id);
	if (entry->keys != NULL && memcmp(entry->id, id, SHA256_BYTES) == 0) {
		entry->used = ++table.uses;
		found = entry->keys;
		atomic_fetch_add(&found->refs, 1);
	}
	lock_give(&table.lock, &table_guard);
	return found;
}

static void
keep(const uint8_t id[SHA256_BYTES], struct shared_keys *shared)
{
	struct shared_keys *old = NULL;
	struct entry *entry;

	atomic_fetch_add(&shared->refs, 1);
	lock_take(&table.lock, &table_guard);
	entry = find_entry(id);
	old = entry->keys;
	memcpy(entry->id, id, SHA256_BYTES);
	entry->keys = shared;
	entry->used = ++table.uses;
	lock_give(&table.lock, &table_guard);
	unref_keys(old);
}

static int
get_keys(const struct keyset_source *source, struct shared_keys **ret_shared,
	struct err *err)
{
	uint8_t id[SHA256_BYTES];
	struct shared_keys *shared = NULL;
	int rc = hash_source(source, id, err);

	if (rc != 0)
		return rc;
	shared = look_up(id);
	if (shared == NULL) {
		rc = load_shared(source, &shared, err);
		if (rc == 0)
			keep(id, shared);
	}
	*ret_shared = shared;
	return rc;
}

int
keyset_check(const struct keyset_source *source, struct err *err)
{
	struct shared_keys *shared = NULL;
	int rc = get_keys(source, &shared, err);

	unref_keys(shared);
	return rc;
}

int
keyset_verify(const struct keyset_source *source, const struct jws *jws,
	struct err *err)
{
	struct shared_keys *shared = NULL;
	int rc = get_keys(source, &shared, err);

	if (rc != 0)
		return rc;
	if (jws_verify(jws, shared->keys) != 0)
		rc = err_set(err, ERR_INPUT, 400,
			"no known key successfully validated the token signature");
	unref_keys(shared);
	return rc;
}
