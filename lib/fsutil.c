/*
 * Files. Messages name the file and the reason: paths come from operators,
 * and "internal error" would not help them.
 */
#include "lib/fsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/random.h"

#define READ_STEP 16384

/* ERR_ABSENT for what is not there, else ERR_SYSTEM; both say why. */
static int
refuse(struct err *err, const char *what, const char *path)
{
	int errnum = errno;
	char text[128];
	int rc = errnum == ENOENT ? ERR_ABSENT : ERR_SYSTEM;

	if (err == NULL || err->code != 0)
		return rc;
	err_set(err, rc, rc == ERR_ABSENT ? 404 : 500, "cannot %s %s: %s", what,
		path, strerror_r(errnum, text, sizeof(text)));
	return err_wrap(err, "%s", err->message);
}

int
fd_read_all(int fd, struct buf *buf, struct err *err)
{
	for (;;) {
		size_t left = buf->size_max - buf->len;
		size_t want = left < READ_STEP ? left : READ_STEP;
		uint8_t probe, *room = &probe;
		ssize_t n;

		/* Full: only the end of the file may follow. */
		if (want > 0)
			room = buf_reserve(buf, want);
		if (room == NULL)
			return buf_check(buf, err);
		n = read(fd, room, want > 0 ? want : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, "read");
		if (n == 0)
			return 0;
		if (want == 0)
			return err_set(err, ERR_LIMIT, 400,
				"file larger than %zu bytes", buf->size_max);
		buf->len += (size_t)n;
	}
}

/* Open without waiting for the other end of a FIFO; regular files only. */
static int
open_regular(const char *path, int flags, int *ret_fd, struct stat *ret_stat,
	struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);

	if (fd < 0)
		return refuse(err, "open", path);
	if (fstat(fd, ret_stat) != 0) {
		int rc = refuse(err, "stat", path);

		close(fd);
		return rc;
	}
	if (!S_ISREG(ret_stat->st_mode)) {
		close(fd);
		return err_set(
			err, ERR_INPUT, 400, "%s is no regular file", path);
	}
	*ret_fd = fd;
	return 0;
}

int
file_read(const char *path, struct buf *buf, struct err *err)
{
	struct stat st = { 0 };
	int rc, fd = -1;

	rc = open_regular(path, 0, &fd, &st, err);
	if (rc != 0)
		return rc;
	rc = fd_read_all(fd, buf, err);
	if (rc != 0)
		err_wrap(err, "%s", path);
	close(fd);
	return rc;
}

int
fd_write_all(int fd, const void *data, size_t len, struct err *err)
{
	const uint8_t *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, "write");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Content and mode of a new file, made durable; closes fd in any case. */
static int
fill(int fd, const char *path, struct span content, mode_t mode,
	struct err *err)
{
	int rc = fd_write_all(fd, content.data, content.len, err);

	if (rc == 0 && fchmod(fd, mode) != 0)
		rc = refuse(err, "set the mode of", path);
	if (rc == 0 && fsync(fd) != 0)
		rc = refuse(err, "sync", path);
	if (close(fd) != 0 && rc == 0)
		rc = refuse(err, "close", path);
	return rc;
}

int
file_write_atomic(
	const char *path, struct span content, mode_t mode, struct err *err)
{
	char temporary[PATH_MAX], tail[9];
	int fd, rc, len;

	random_base62(tail, sizeof(tail) - 1);
	len = snprintf(temporary, sizeof(temporary), "%s.new.%s", path, tail);
	if (len < 0 || (size_t)len >= sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return refuse(err, "create", path);
	}
	fd = open(temporary,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse(err, "create", temporary);
	rc = fill(fd, temporary, content, mode, err);
	if (rc == 0 && rename(temporary, path) != 0)
		rc = refuse(err, "replace", path);
	if (rc != 0) {
		(void)unlink(temporary);
		return rc;
	}
	return file_sync_dir(path, err);
}

int
file_open_trusted(const char *path, int *ret_fd, struct err *err)
{
	struct stat st = { 0 };
	int rc, fd = -1;

	rc = open_regular(path, O_NOFOLLOW, &fd, &st, err);
	if (rc != 0)
		return rc;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		rc = err_set(err, ERR_INPUT, 400,
			"%s belongs to user %u: it must belong to root or to "
			"user %u",
			path, (unsigned)st.st_uid, (unsigned)geteuid());
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		rc = err_set(err, ERR_INPUT, 400,
			"%s has mode %04o: it must not be writable by group "
			"or others (chmod %04o)",
			path, (unsigned)st.st_mode & 07777U,
			(unsigned)st.st_mode & 07755U);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

int
file_sync_dir(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX] = ".";
	int fd, rc = 0;

	if (slash != NULL) {
		/* "/name" lies in "/". */
		size_t len = slash == path ? 1 : (size_t)(slash - path);

		if (len >= sizeof(directory)) {
			errno = ENAMETOOLONG;
			return refuse(err, "open", path);
		}
		memcpy(directory, path, len);
		directory[len] = '\0';
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return refuse(err, "open", directory);
	if (fsync(fd) != 0)
		rc = refuse(err, "sync", directory);
	close(fd);
	return rc;
}

int
file_identity(
	const char *path, uint64_t *ret_dev, uint64_t *ret_ino, struct err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return refuse(err, "stat", path);
	*ret_dev = st.st_dev;
	*ret_ino = st.st_ino;
	return 0;
}

int
file_write_new(const char *path, mode_t mode, struct span text, struct err *err)
{
	const int fd = open(path,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct err cause = { 0 };
	int rc;

	if (fd < 0)
		return err_set(err, ERR_INPUT, 400, "%s cannot be made: %s",
			path, strerror(errno));
	rc = fd_write_all(fd, text.data, text.len, &cause);
	if (rc == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		rc = err_set_errno(&cause, "fsync");
	(void)close(fd);
	if (rc == 0)
		rc = file_sync_dir(path, &cause);
	if (rc == 0)
		return 0;
	(void)unlink(path);
	return err_set(
		err, rc, 500, "%s cannot be written: %s", path, cause.detail);
}
