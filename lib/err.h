/*
 * How a failure travels: a negative code as return value, and a struct err on
 * the caller's stack with what the caller of the API may read (message), its
 * HTTP status, and what only the log may show (detail).
 */
#ifndef SALLYPORT_LIB_ERR_H
#define SALLYPORT_LIB_ERR_H

#include "lib/base.h"

/* 0 is success; every failure is one of these. */
enum err_code {
	ERR_INPUT = -1,    /* the caller can mend it */
	ERR_ABSENT = -2,   /* no such thing */
	ERR_DENIED = -3,   /* not allowed; never says why */
	ERR_EXISTS = -4,   /* already there */
	ERR_MEMORY = -5,   /* an allocation failed */
	ERR_LIMIT = -6,    /* past a fixed bound */
	ERR_SYSTEM = -7,   /* a system call failed; detail has errno's text */
	ERR_STORAGE = -8,  /* the store failed for good; the process must end */
	ERR_FULL = -9,     /* the store has no room; reads go on */
	ERR_SEALED = -10,  /* the barrier is closed */
	ERR_CRYPTO = -11,  /* authentication of bytes failed */
	ERR_BUSY = -12,    /* a queue is full; try again */
	ERR_TIMEOUT = -13, /* a deadline passed */
	ERR_AUDIT = -14,   /* no audit device took the line */
	ERR_PEER = -15,    /* the other side said no or spoke nonsense */
	ERR_INTERNAL = -16 /* a broken invariant of our own */
};

#define ERR_MESSAGE_MAX 1024
#define ERR_DETAIL_MAX 512

struct err {
	int code;   /* enum err_code; 0 where nothing failed */
	int status; /* HTTP status for the API's caller */
	char message[ERR_MESSAGE_MAX]; /* fit for the caller; cut if longer */
	char detail[ERR_DETAIL_MAX];   /* fit for the log only */
};

/*
 * Record a failure and return code, so that "return err_set(…)" reads well.
 * The first failure wins: a set err keeps its message. err may be NULL.
 */
int err_set(struct err *err, int code, int status, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/*
 * Record a failure of a system call: status 500 with a fixed message; detail
 * is "what: strerror(errno)". Returns ERR_SYSTEM. err may be NULL.
 */
int err_set_errno(struct err *err, const char *what);

/* Record a failed allocation: ERR_MEMORY, 500, fixed text. err may be NULL. */
int err_set_memory(struct err *err);

/* Put "text: " before detail; code, status and message stay. Returns code. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * gcc's analyzer sees one file at a time: that these return what they are
 * given, never 0, it must be told (./check analyzer).
 */
#ifdef SALLYPORT_ANALYZER
#define err_set(err, code, ...)                                                \
	((void)(err_set)((err), (code), __VA_ARGS__), (code))
#define err_set_errno(err, what)                                               \
	((void)(err_set_errno)((err), (what)), ERR_SYSTEM)
#define err_set_memory(err) ((void)(err_set_memory)(err), ERR_MEMORY)
#endif

/* Why, for whoever called us himself: errno's text where a call failed. */
const char *err_reason(const struct err *err);

/* Forget what was recorded, so that the struct can be used again. */
void err_clear(struct err *err);

#endif
