/* The backend over a SQLite file: the default store (design.md 5). */
#ifndef SALLYPORT_STORAGE_SQLITE_H
#define SALLYPORT_STORAGE_SQLITE_H

#include "storage/backend.h"

/*
 * Open the file at path, made where it is absent and create is set. Its
 * directory must be the effective user's, mode 0700; its files mode 0600.
 * Refused (ERR_INPUT, with what to do) where another process has it open.
 */
int sqlite_backend_open(const char *path, bool create,
	struct backend **ret_backend, struct err *err);

#endif
