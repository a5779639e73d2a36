/*
 * Locking and checking the files of a store. The lock is flock(2) on a file
 * of our own: it ends with the process, however that ends.
 */
#include "storage/storefile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* "" is the store itself; the rest are SQLite's companions. */
static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

static int
check_owner_and_mode(const char *name, const struct stat *st, unsigned int want,
	struct err *err)
{
	if (st->st_uid != geteuid())
		return err_set(err, ERR_INPUT, 500,
			"%s must be owned by the user that runs the server",
			name);
	if ((st->st_mode & 077) != 0)
		return err_set(err, ERR_INPUT, 500,
			"%s must have mode %04o, not %04o", name, want,
			(unsigned int)(st->st_mode & 07777));
	return 0;
}

static int
check_dir(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);
	char dir[PATH_MAX] = ".";
	struct stat st;

	if (len >= sizeof(dir))
		return err_set(err, ERR_INPUT, 500, "path too long");
	if (slash != NULL && len == 0)
		len = 1;
	memcpy(dir, path, len);
	if (stat(dir, &st) != 0)
		return err_set(err, ERR_INPUT, 500, "%s: %s", dir,
			errno == ENOENT ? "no such directory"
					: "cannot be looked at");
	return check_owner_and_mode(dir, &st, 0700, err);
}

/* A regular file with a safe mode, or nothing. */
static int
check_file(const char *name, bool *ret_exists, struct err *err)
{
	struct stat st;

	*ret_exists = false;
	if (fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : err_set_errno(err, name);
	if (!S_ISREG(st.st_mode))
		return err_set(
			err, ERR_INPUT, 500, "%s is no regular file", name);
	*ret_exists = true;
	return check_owner_and_mode(name, &st, 0600, err);
}

static int
with_suffix(const char *path, const char *suffix, char name[PATH_MAX],
	struct err *err)
{
	if (snprintf(name, PATH_MAX, "%s%s", path, suffix) < PATH_MAX)
		return 0;
	return err_set(err, ERR_INPUT, 500, "path too long");
}

int
storefile_check(const char *path, bool *ret_exists, struct err *err)
{
	char name[PATH_MAX];
	bool exists, store_exists = false;
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_LEN(suffixes); i++) {
		rc = with_suffix(path, suffixes[i], name, err);
		if (rc == 0)
			rc = check_file(name, &exists, err);
		if (rc != 0)
			return rc;
		if (i == 0)
			store_exists = exists;
	}
	*ret_exists = store_exists;
	return 0;
}

static int
take_lock(const char *path, int *ret_fd, struct err *err)
{
	char name[PATH_MAX];
	int fd, rc = with_suffix(path, ".lock", name, err);

	if (rc != 0)
		return rc;
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set_errno(err, name);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		rc = errno == EWOULDBLOCK
			? err_set(err, ERR_INPUT, 500,
				  "%s is in use by another server", path)
			: err_set_errno(err, name);
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

int
storefile_lock(const char *path, int *ret_fd, bool *ret_exists, struct err *err)
{
	int fd, rc = check_dir(path, err);

	if (rc == 0)
		rc = take_lock(path, &fd, err);
	if (rc != 0)
		return rc;
	rc = storefile_check(path, ret_exists, err);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}
