/* A backend that passes all on to another and fails when told, for tests. */
#ifndef SALLYPORT_STORAGE_FAULTY_H
#define SALLYPORT_STORAGE_FAULTY_H

#include "storage/backend.h"

enum faulty_call {
	FAULTY_BEGIN,
	FAULTY_SAVEPOINT,
	FAULTY_COMMIT,
	FAULTY_PUT,
	FAULTY_DEL,
	FAULTY_DUE,
	FAULTY_GET,
	FAULTY_SCAN,
	FAULTY_CHECKPOINT,
	FAULTY_BACKUP,
	FAULTY_READER,
	FAULTY_N_CALLS
};

/* A backend over inner, which it then owns; NULL: no memory. */
struct backend *faulty_backend_new(struct backend *inner);

/*
 * The nth call of this kind from now on (1: the next) fails with errnum: as a
 * SQLite file would, ENOSPC gives ERR_FULL, anything else ERR_STORAGE, or
 * ERR_SYSTEM where nothing was to be written. Later ones work again. Any
 * thread; nth 0 takes the order back.
 */
void faulty_fail(struct backend *backend, enum faulty_call call,
	unsigned int nth, int errnum);

/* The same with each call, until faulty_fail orders something else. */
void faulty_fail_all(
	struct backend *backend, enum faulty_call call, int errnum);

/* How many calls of this kind came so far. */
unsigned int faulty_count(struct backend *backend, enum faulty_call call);

#endif
