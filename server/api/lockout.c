/*
 * A table of fixed size in sets of a few names. A newcomer to a full set takes
 * the place of the name that failed longest ago, rather one that is not
 * locked: places depend on a key of this process, so that nobody can aim at a
 * name's place, and thousands of failures push out one count.
 */
#include "server/api/lockout.h"

#include <string.h>

#include <sodium.h>

#include "lib/log.h"
#include "lib/random.h"

struct guard lockout_guard;

struct lockout lockout_logins = LOCKOUT_INIT;

static pthread_once_t place_once = PTHREAD_ONCE_INIT;
static uint8_t place_key[crypto_generichash_KEYBYTES];

static void
draw_place_key(void)
{
	random_bytes(place_key, sizeof(place_key));
}

static void
hash_text(crypto_generichash_state *state, const char *text)
{
	(void)crypto_generichash_update(
		state, (const unsigned char *)text, strlen(text) + 1);
}

/* The key of a mount's name. */
static void
key_of(const char *mount, const char *name, uint8_t out[LOCKOUT_KEY])
{
	crypto_generichash_state state;

	(void)pthread_once(&place_once, draw_place_key);
	(void)crypto_generichash_init(
		&state, place_key, sizeof(place_key), LOCKOUT_KEY);
	hash_text(&state, mount);
	hash_text(&state, name);
	(void)crypto_generichash_final(&state, out, LOCKOUT_KEY);
}

static struct lockout_name *
set_of(struct lockout *lockout, const uint8_t key[LOCKOUT_KEY])
	REQUIRES(lockout_guard)
{
	return lockout->names[(key[0] << 8 | key[1]) % LOCKOUT_SETS];
}

static struct lockout_name *
find_name(struct lockout *lockout, const uint8_t key[LOCKOUT_KEY])
	REQUIRES(lockout_guard)
{
	struct lockout_name *set = set_of(lockout, key);

	for (size_t i = 0; i < LOCKOUT_SET; i++) {
		/* secure: a keyed hash, which no caller can see or choose */
		if (set[i].failures > 0 &&
			memcmp(set[i].key, key, LOCKOUT_KEY) == 0)
			return &set[i];
	}
	return NULL;
}

static bool
is_locked(const struct lockout_name *name, int64_t now_s)
{
	return name->failures >= LOCKOUT_FAILURES &&
		now_s - name->last_s < LOCKOUT_LOCKED_S;
}

/* Whether a gives way to a newcomer rather than b does. */
static bool
goes_before(const struct lockout_name *a, const struct lockout_name *b,
	int64_t now_s)
{
	if (is_locked(a, now_s) != is_locked(b, now_s))
		return is_locked(b, now_s);
	return a->last_s < b->last_s;
}

static struct lockout_name *
take_place(struct lockout *lockout, const uint8_t key[LOCKOUT_KEY],
	int64_t now_s) REQUIRES(lockout_guard)
{
	struct lockout_name *set = set_of(lockout, key), *place = &set[0];

	for (size_t i = 0; i < LOCKOUT_SET && place->failures > 0; i++) {
		if (set[i].failures == 0 || goes_before(&set[i], place, now_s))
			place = &set[i];
	}
	*place = (struct lockout_name){ .last_s = now_s };
	memcpy(place->key, key, LOCKOUT_KEY);
	return place;
}

bool
lockout_is_locked(struct lockout *lockout, const char *mount, const char *name,
	int64_t now_s)
{
	const struct lockout_name *found;
	uint8_t key[LOCKOUT_KEY];
	bool locked;

	key_of(mount, name, key);
	lock_take(&lockout->lock, &lockout_guard);
	found = find_name(lockout, key);
	locked = found != NULL && is_locked(found, now_s);
	lock_give(&lockout->lock, &lockout_guard);
	return locked;
}

bool
lockout_count(struct lockout *lockout, const char *mount, const char *name,
	int64_t now_s)
{
	struct lockout_name *found;
	uint8_t key[LOCKOUT_KEY];
	bool locks;

	key_of(mount, name, key);
	lock_take(&lockout->lock, &lockout_guard);
	found = find_name(lockout, key);
	if (found == NULL) {
		found = take_place(lockout, key, now_s);
		(void)str_join(found->mount, sizeof(found->mount), &mount, 1);
		(void)str_join(found->name, sizeof(found->name), &name, 1);
	} else if (now_s - found->last_s >= LOCKOUT_FORGOTTEN_S) {
		found->failures = 0;
	}
	found->failures++;
	found->last_s = now_s;
	locks = found->failures == LOCKOUT_FAILURES;
	lock_give(&lockout->lock, &lockout_guard);
	return locks;
}

void
lockout_forget(struct lockout *lockout, const char *mount, const char *name)
{
	struct lockout_name *found;
	uint8_t key[LOCKOUT_KEY];

	key_of(mount, name, key);
	lock_take(&lockout->lock, &lockout_guard);
	found = find_name(lockout, key);
	if (found != NULL)
		*found = (struct lockout_name){ .failures = 0 };
	lock_give(&lockout->lock, &lockout_guard);
}

int
lockout_each(struct lockout *lockout, int64_t now_s, lockout_fn *fn, void *ctx,
	struct err *err)
{
	int rc = 0;

	lock_take(&lockout->lock, &lockout_guard);
	for (size_t i = 0; rc == 0 && i < LOCKOUT_SETS * LOCKOUT_SET; i++) {
		const struct lockout_name *one =
			&lockout->names[i / LOCKOUT_SET][i % LOCKOUT_SET];

		if (is_locked(one, now_s))
			rc = fn(ctx, one->mount, one->name, err);
	}
	lock_give(&lockout->lock, &lockout_guard);
	return rc;
}

/* ---- of the logins of this server ------------------------------------- */

int
lockout_check(const struct req *req, const char *name, struct err *err)
{
	if (lockout_is_locked(
		    &lockout_logins, req->mount->uuid, name, req_now_s(req)))
		return err_set(err, ERR_DENIED, 403, "permission denied");
	return 0;
}

void
lockout_failed(const struct req *req, const char *name)
{
	if (lockout_count(
		    &lockout_logins, req->mount->uuid, name, req_now_s(req)))
		log_warn("logins failed too often and are refused for a while",
			LOG_STR("mount", req->mount->path),
			LOG_STR("name", name));
}

void
lockout_passed(const struct req *req, const char *name)
{
	lockout_forget(&lockout_logins, req->mount->uuid, name);
}
