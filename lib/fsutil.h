/* Files: bounded reads, atomic writes, checks of owner and mode. */
#ifndef SALLYPORT_LIB_FSUTIL_H
#define SALLYPORT_LIB_FSUTIL_H

#include <sys/types.h>

#include "lib/buf.h"
#include "lib/err.h"

/* All of a regular file (or what an open descriptor gives) into buf. */
int file_read(const char *path, struct buf *buf, struct err *err);
int fd_read_all(int fd, struct buf *buf, struct err *err);

/*
 * Write content beside path, fsync, rename over path, fsync the directory.
 * The new file has exactly mode. Nothing is left behind on failure.
 */
int file_write_atomic(
	const char *path, struct span content, mode_t mode, struct err *err);

/*
 * A new file with exactly mode, or none: what is there stays, and is ERR_INPUT.
 * The message names the file and says why.
 */
int file_write_new(
	const char *path, mode_t mode, struct span text, struct err *err);

/* All bytes to fd, through EINTR and short writes. */
int fd_write_all(int fd, const void *data, size_t len, struct err *err);

/*
 * An open descriptor for reading (O_NOFOLLOW, O_CLOEXEC) of a regular file
 * owned by root or the effective user, not writable by group or others.
 * The message names the file and says which mode would be right.
 */
int file_open_trusted(const char *path, int *ret_fd, struct err *err);

/* fsync the directory that holds path. */
int file_sync_dir(const char *path, struct err *err);

/* 64-bit inode and device of a path; ERR_ABSENT where nothing is there. */
int file_identity(const char *path, uint64_t *ret_dev, uint64_t *ret_ino,
	struct err *err);

#endif
