/*
 * Names that too many logins failed for: further ones are refused for a while,
 * whatever they prove. Counted by mount and by the name as the method looks it
 * up, whether it exists or not (reliability.md L18, L19); figures are those of
 * Vault. In memory of fixed size, of this server alone.
 */
#ifndef SALLYPORT_SERVER_API_LOCKOUT_H
#define SALLYPORT_SERVER_API_LOCKOUT_H

#include "lib/lock.h"
#include "lib/random.h"
#include "server/api/req.h"

#define LOCKOUT_FAILURES 5      /* that lock a name */
#define LOCKOUT_LOCKED_S 900    /* for so long after the last of them */
#define LOCKOUT_FORGOTTEN_S 900 /* a failure without another one */
#define LOCKOUT_SETS 1024
#define LOCKOUT_SET 8 /* names that share a place */
#define LOCKOUT_KEY 16
#define LOCKOUT_NAME_MAX 256

struct lockout_name {
	uint8_t key[LOCKOUT_KEY]; /* keyed hash of mount and name */
	char mount[RANDOM_UUID_MAX];
	char name[LOCKOUT_NAME_MAX]; /* to be shown; "": it is longer */
	int64_t last_s;              /* its last failure */
	uint32_t failures;           /* 0: unused */
};

extern struct guard lockout_guard;

struct lockout {
	pthread_mutex_t lock;
	struct lockout_name names[LOCKOUT_SETS][LOCKOUT_SET] GUARDED_BY(
		lockout_guard);
};

#define LOCKOUT_INIT                                                           \
	{                                                                      \
		.lock = PTHREAD_MUTEX_INITIALIZER                              \
	}

bool lockout_is_locked(struct lockout *lockout, const char *mount,
	const char *name, int64_t now_s);
/* True: this was the one that locks it. */
bool lockout_count(struct lockout *lockout, const char *mount, const char *name,
	int64_t now_s);
void lockout_forget(
	struct lockout *lockout, const char *mount, const char *name);

/*
 * The names that are locked now, each with the uuid of its mount; fn may not
 * call back. Its error ends the walk.
 */
typedef int lockout_fn(
	void *ctx, const char *mount, const char *name, struct err *err);
int lockout_each(struct lockout *lockout, int64_t now_s, lockout_fn *fn,
	void *ctx, struct err *err);

/* ---- of the logins of this server ------------------------------------- */

extern struct lockout lockout_logins;

/*
 * At the mount of a request: 403 "permission denied" where logins of this name
 * are locked.
 */
int lockout_check(const struct req *req, const char *name, struct err *err);

/* A login of this name has failed; it has not, or its secret is new. */
void lockout_failed(const struct req *req, const char *name);
void lockout_passed(const struct req *req, const char *name);

#endif
