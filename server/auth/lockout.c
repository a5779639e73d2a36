/*
 * A table of fixed size in sets of a few names. A newcomer to a full set takes
 * the place of the name that failed longest ago, rather one that is not
 * locked: places depend on a key of this process, so that nobody can aim at a
 * name's place, and thousands of failures push out one count.
 */
#include "server/auth/lockout.h"

#include <string.h>

#include <sodium.h>

#include "lib/log.h"
#include "lib/random.h"

struct guard lockout_guard;

struct guard lockout_guard;

static struct lockout logins = LOCKOUT_INIT;

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

void
lockout_key(const char *mount, const char *name, uint8_t out[LOCKOUT_KEY])
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
lockout_is_locked(
	struct lockout *lockout, const uint8_t key[LOCKOUT_KEY], int64_t now_s)
{
	const struct lockout_name *name;
	bool locked;

	lock_take(&lockout->lock, &lockout_guard);
	name = find_name(lockout, key);
	locked = name != NULL && is_locked(name, now_s);
	lock_give(&lockout->lock, &lockout_guard);
	return locked;
}

bool
lockout_count(
	struct lockout *lockout, const uint8_t key[LOCKOUT_KEY], int64_t now_s)
{
	struct lockout_name *name;
	bool locks;

	lock_take(&lockout->lock, &lockout_guard);
	name = find_name(lockout, key);
	if (name == NULL)
		name = take_place(lockout, key, now_s);
	else if (now_s - name->last_s >= LOCKOUT_FORGOTTEN_S)
		name->failures = 0;
	name->failures++;
	name->last_s = now_s;
	locks = name->failures == LOCKOUT_FAILURES;
	lock_give(&lockout->lock, &lockout_guard);
	return locks;
}

void
lockout_forget(struct lockout *lockout, const uint8_t key[LOCKOUT_KEY])
{
	struct lockout_name *name;

	lock_take(&lockout->lock, &lockout_guard);
	name = find_name(lockout, key);
	if (name != NULL)
		*name = (struct lockout_name){ .failures = 0 };
	lock_give(&lockout->lock, &lockout_guard);
}

/* ---- of the logins of this server ------------------------------------- */

int
lockout_check(const struct req *req, const char *name, struct err *err)
{
	uint8_t key[LOCKOUT_KEY];

	lockout_key(req->mount->uuid, name, key);
	if (lockout_is_locked(&logins, key, req_now_s(req)))
		return err_set(err, ERR_DENIED, 403, "permission denied");
	return 0;
}

void
lockout_failed(const struct req *req, const char *name)
{
	uint8_t key[LOCKOUT_KEY];

	lockout_key(req->mount->uuid, name, key);
	if (lockout_count(&logins, key, req_now_s(req)))
		log_warn("logins failed too often and are refused for a while",
			LOG_STR("mount", req->mount->path),
			LOG_STR("name", name));
}

void
lockout_passed(const struct req *req, const char *name)
{
	uint8_t key[LOCKOUT_KEY];

	lockout_key(req->mount->uuid, name, key);
	lockout_forget(&logins, key);
}
