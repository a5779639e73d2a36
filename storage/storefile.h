/*
 * The files of a store on disk: who may open them, once. Nothing here opens
 * one of SQLite's own files, since closing it would drop SQLite's locks
 * (reliability.md L41); they are looked at by name.
 */
#ifndef SALLYPORT_STORAGE_STOREFILE_H
#define SALLYPORT_STORAGE_STOREFILE_H

#include "lib/err.h"

/*
 * Check the directory of path (0700, the effective user's) and the files in it
 * that belong to the store (0600), and take the lock file "<path>.lock", which
 * keeps a second server out. *ret_fd: to be closed last. *ret_exists: whether
 * there is a store. ERR_INPUT with what is wrong.
 */
int storefile_lock(
	const char *path, int *ret_fd, bool *ret_exists, struct err *err);

/* Check the modes alone, as after making the files. */
int storefile_check(const char *path, bool *ret_exists, struct err *err);

#endif
