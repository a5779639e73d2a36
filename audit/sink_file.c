/*
 * Files are opened relative to their resolved directory and without following
 * a link, so that what is checked is what is written (reliability.md L31).
 */
#include "audit/sink_file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MODE_DEFAULT 0600
#define MODE_MASK 0640
#define EXECUTABLE (S_IXUSR | S_IXGRP | S_IXOTH)

enum sink_kind { SINK_PATH, SINK_STDOUT, SINK_DISCARD };

struct sink_file {
	enum sink_kind kind;
	const struct sink_file_places *places;
	char *path;     /* as configured */
	char *resolved; /* with its directory's links followed; NULL: closed */
	mode_t mode;    /* 0: leave the mode of the file alone */
	int fd;         /* -1: closed */
	struct stat st; /* of fd */
};

/* "0640" and the like; execution and what others get is masked away. */
static int
parse_mode(const char *text, mode_t *ret_mode, struct err *err)
{
	unsigned mode = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '7' && i < 6; i++)
		mode = mode * 8 + (unsigned)(text[i] - '0');
	if (i == 0 || text[i] != '\0')
		return err_set(
			err, ERR_INPUT, 400, "invalid mode \"%.20s\"", text);
	*ret_mode = mode & MODE_MASK;
	return 0;
}

static enum sink_kind
kind_of(const char *path)
{
	if (strcasecmp(path, "stdout") == 0)
		return SINK_STDOUT;
	return strcasecmp(path, "discard") == 0 ? SINK_DISCARD : SINK_PATH;
}

int
sink_file_new(const struct value *options,
	const struct sink_file_places *places, struct sink_file **ret_sink,
	struct err *err)
{
	const char *path = value_find_str(
		options, "file_path", value_find_str(options, "path", ""));
	const char *mode_text = value_find_str(options, "mode", "");
	struct sink_file *sink = NULL;
	mode_t mode = MODE_DEFAULT;
	int rc;

	if (path[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "file_path is required");
	if (mode_text[0] != '\0') {
		rc = parse_mode(mode_text, &mode, err);
		if (rc != 0)
			return rc;
	}
	sink = calloc(1, sizeof(*sink));
	if (sink == NULL)
		return err_set_memory(err);
	*sink = (struct sink_file){
		.kind = kind_of(path), .places = places, .mode = mode, .fd = -1
	};
	sink->path = strdup(path);
	if (sink->path == NULL) {
		sink_file_free(&sink);
		return err_set_memory(err);
	}
	*ret_sink = sink;
	return 0;
}

void
sink_file_close(struct sink_file *sink)
{
	if (sink->fd >= 0)
		(void)close(sink->fd);
	sink->fd = -1;
	free(sink->resolved);
	sink->resolved = NULL;
}

void
sink_file_free(struct sink_file **sink)
{
	if (*sink == NULL)
		return;
	sink_file_close(*sink);
	free((*sink)->path);
	free(*sink);
	*sink = NULL;
}

static int
refuse_open(const struct sink_file *sink, const char *why, struct err *err)
{
	return err_set(err, ERR_INPUT, 400,
		"sanity check failed; unable to open \"%.64s\" for writing: %s",
		sink->path, why);
}

/* The same with errno's text, in the peer's lower case. */
static int
refuse_errno(const struct sink_file *sink, struct err *err)
{
	char buffer[128], why[128];

	(void)snprintf(why, sizeof(why), "%s",
		strerror_r(errno, buffer, sizeof(buffer)));
	why[0] = (char)tolower((unsigned char)why[0]);
	return refuse_open(sink, why, err);
}

/* directory is root or lies below it; both resolved. */
static bool
is_below(const char *directory, const char *root)
{
	size_t len = strlen(root);

	if (strcmp(root, "/") == 0)
		return true;
	return strncmp(directory, root, len) == 0 &&
		(directory[len] == '/' || directory[len] == '\0');
}

static bool
is_allowed(const struct sink_file_places *places, const char *directory)
{
	char root[PATH_MAX];
	size_t i;

	if (places->anywhere)
		return true;
	for (i = 0; i < places->n_directories; i++) {
		if (realpath(places->directories[i], root) != NULL &&
			is_below(directory, root))
			return true;
	}
	return false;
}

/* The directory of the path, resolved, and the name in it. */
static int
resolve(const struct sink_file *sink, char directory[PATH_MAX],
	const char **ret_name, struct err *err)
{
	const char *slash = strrchr(sink->path, '/');
	const char *name = slash == NULL ? sink->path : slash + 1;
	char parent[PATH_MAX];
	size_t len = slash == NULL ? 0 : (size_t)(slash - sink->path);

	if (name[0] == '\0' || strcmp(name, ".") == 0 ||
		strcmp(name, "..") == 0)
		return refuse_open(sink, "is a directory", err);
	if (len >= sizeof(parent))
		return refuse_open(sink, "file name too long", err);
	if (slash == sink->path)
		len = 1;
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)len, sink->path);
	if (realpath(slash == NULL ? "." : parent, directory) == NULL)
		return refuse_errno(sink, err);
	if (!is_allowed(sink->places, directory))
		return refuse_open(
			sink, "it is below none of the audit directories", err);
	*ret_name = name;
	return 0;
}

/* What may be written to: never a program, a socket, a disk. */
static int
check_type(const struct sink_file *sink, const struct stat *st, struct err *err)
{
	if (!S_ISREG(st->st_mode) && !S_ISFIFO(st->st_mode) &&
		!S_ISCHR(st->st_mode))
		return refuse_open(
			sink, "not a file, a FIFO or a character device", err);
	if (S_ISREG(st->st_mode) && (st->st_mode & EXECUTABLE) != 0)
		return refuse_open(sink, "the file is executable", err);
	return 0;
}

/*
 * A file that is there already must be an audit log: root could otherwise be
 * led to append to, and change the mode of, any file of the machine.
 */
static int
check_content(const struct sink_file *sink, int fd, struct err *err)
{
	char first = '{';

	if (!S_ISREG(sink->st.st_mode) || sink->st.st_size == 0)
		return 0;
	if (pread(fd, &first, 1, 0) != 1)
		return refuse_errno(sink, err);
	if (first != '{')
		return refuse_open(sink,
			"the file holds something else than audit lines", err);
	return 0;
}

/* Create name in dir. EEXIST: somebody else did. */
static int
create_file(int dir, const char *name, mode_t mode)
{
	return openat(dir, name,
		O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		mode == 0 ? MODE_DEFAULT : mode);
}

/*
 * Whoever created the file, or wrote the lines that stand in it, may have been
 * killed before it made that durable; from here on both count as durable.
 */
static int
make_durable(const struct sink_file *sink, int fd, int dir, struct err *err)
{
	if (!S_ISREG(sink->st.st_mode))
		return 0;
	if (fdatasync(fd) != 0 || fsync(dir) != 0)
		return refuse_errno(sink, err);
	return 0;
}

/*
 * Open name in dir for appending. A regular file is readable too, for its
 * tail; a FIFO never waits for its reader.
 */
static int
open_existing(int dir, const char *name)
{
	struct stat st;
	int access = O_WRONLY;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return -1;
	if (S_ISREG(st.st_mode))
		access = O_RDWR;
	return openat(dir, name,
		access | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY |
			O_NONBLOCK);
}

static int
open_in(struct sink_file *sink, int dir, const char *name, struct err *err)
{
	int fd = open_existing(dir, name);
	int rc;

	if (fd < 0 && errno == ENOENT)
		fd = create_file(dir, name, sink->mode);
	if (fd < 0)
		return refuse_errno(sink, err);
	if (fstat(fd, &sink->st) != 0)
		rc = refuse_errno(sink, err);
	else
		rc = check_type(sink, &sink->st, err);
	if (rc == 0)
		rc = check_content(sink, fd, err);
	/* Exactly the mode asked for, whatever the umask took away. */
	if (rc == 0 && sink->mode != 0 && S_ISREG(sink->st.st_mode) &&
		fchmod(fd, sink->mode) != 0)
		rc = refuse_errno(sink, err);
	if (rc == 0)
		rc = make_durable(sink, fd, dir, err);
	if (rc != 0) {
		(void)close(fd);
		return rc;
	}
	sink->fd = fd;
	return 0;
}

static int
open_path(struct sink_file *sink, struct err *err)
{
	char directory[PATH_MAX];
	const char *name = NULL;
	int dir, rc;

	rc = resolve(sink, directory, &name, err);
	if (rc != 0)
		return rc;
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return refuse_errno(sink, err);
	rc = open_in(sink, dir, name, err);
	(void)close(dir);
	if (rc != 0)
		return rc;
	if (asprintf(&sink->resolved, "%s/%s", directory, name) < 0) {
		sink->resolved = NULL;
		sink_file_close(sink);
		return err_set_memory(err);
	}
	return 0;
}

int
sink_file_open(struct sink_file *sink, struct err *err)
{
	sink_file_close(sink);
	if (sink->kind == SINK_DISCARD)
		return 0;
	if (sink->kind == SINK_PATH)
		return open_path(sink, err);
	sink->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (sink->fd < 0 || fstat(sink->fd, &sink->st) != 0)
		return refuse_errno(sink, err);
	return 0;
}

bool
sink_file_is_moved(const struct sink_file *sink)
{
	struct stat st;

	if (sink->kind != SINK_PATH || sink->resolved == NULL)
		return false;
	return lstat(sink->resolved, &st) != 0 ||
		st.st_dev != sink->st.st_dev || st.st_ino != sink->st.st_ino;
}

bool
sink_file_is_same(const struct sink_file *sink, const struct sink_file *other)
{
	struct stat st;

	return sink_file_is_regular(sink) && other->kind == SINK_PATH &&
		stat(other->path, &st) == 0 && st.st_dev == sink->st.st_dev &&
		st.st_ino == sink->st.st_ino;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Wait until a write of up to PIPE_BUF bytes will not block. Standard output
 * may be shared, so it is not made non-blocking: this is why pipes get no
 * larger writes.
 */
static int
wait_writable(int fd, int64_t until_ms, struct err *err)
{
	struct pollfd poller = { .fd = fd, .events = POLLOUT };
	int64_t left_ms = until_ms - now_ms();
	int n;

	if (left_ms <= 0)
		return err_set(err, ERR_TIMEOUT, 500, "write: timed out");
	n = poll(&poller, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
	if (n < 0 && errno != EINTR)
		return err_set_errno(err, "poll");
	return 0;
}

int
sink_file_write(struct sink_file *sink, struct span bytes, int64_t deadline_ms,
	size_t *ret_written, struct err *err)
{
	bool regular = S_ISREG(sink->st.st_mode);
	int64_t until_ms = regular ? 0 : now_ms() + deadline_ms;
	size_t *done = ret_written;

	*done = 0;
	if (sink->kind == SINK_DISCARD) {
		*done = bytes.len;
		return 0;
	}
	while (*done < bytes.len) {
		size_t len = bytes.len - *done;
		ssize_t n;
		int rc = regular ? 0 : wait_writable(sink->fd, until_ms, err);

		if (rc != 0)
			return rc;
		if (!regular && len > PIPE_BUF)
			len = PIPE_BUF;
		n = write(sink->fd, bytes.data + *done, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_set_errno(err, "write");
		if (n > 0)
			*done += (size_t)n;
	}
	return 0;
}

int
sink_file_sync(struct sink_file *sink, struct err *err)
{
	if (sink->fd < 0 || !S_ISREG(sink->st.st_mode))
		return 0;
	return fdatasync(sink->fd) == 0 ? 0 : err_set_errno(err, "fdatasync");
}

bool
sink_file_is_regular(const struct sink_file *sink)
{
	return sink->kind == SINK_PATH && sink->fd >= 0 &&
		S_ISREG(sink->st.st_mode);
}

int
sink_file_lines_back(const struct sink_file *sink, off_t bytes_max,
	lines_back_fn *fn, void *ctx, struct err *err)
{
	if (!sink_file_is_regular(sink))
		return 0;
	return lines_back(sink->fd, bytes_max, fn, ctx, err);
}

int
sink_file_path_lines_back(const struct sink_file *sink, off_t bytes_max,
	lines_back_fn *fn, void *ctx, struct err *err)
{
	struct stat st;
	int fd, rc = 0;

	if (sink->kind != SINK_PATH)
		return 0;
	fd = open(sink->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_set_errno(err, "open");
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		rc = lines_back(fd, bytes_max, fn, ctx, err);
	(void)close(fd);
	return rc;
}

static bool
is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
		(a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* The name in dir that begins with name and was written last before *when. */
static int
find_rotated(DIR *dir, const char *name, struct timespec *when,
	char found[NAME_MAX + 1])
{
	const size_t len = strlen(name);
	struct timespec newest = { 0 };
	struct dirent *entry = NULL;
	struct stat st;
	int rc = ERR_ABSENT;

	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, name, len) != 0 ||
			entry->d_name[len] == '\0' ||
			fstatat(dirfd(dir), entry->d_name, &st,
				AT_SYMLINK_NOFOLLOW) != 0 ||
			!S_ISREG(st.st_mode) || !is_before(&st.st_mtim, when) ||
			is_before(&st.st_mtim, &newest))
			continue;
		newest = st.st_mtim;
		(void)snprintf(found, NAME_MAX + 1, "%s", entry->d_name);
		rc = 0;
	}
	*when = newest;
	return rc;
}

int
sink_file_open_rotated(
	const struct sink_file *sink, struct timespec *when, int *ret_fd)
{
	char directory[PATH_MAX], found[NAME_MAX + 1];
	const char *slash =
		sink->resolved == NULL ? NULL : strrchr(sink->resolved, '/');
	DIR *dir = NULL;
	size_t len;
	int fd = -1;

	if (slash == NULL)
		return ERR_ABSENT;
	len = (size_t)(slash - sink->resolved) + 1;
	if (len >= sizeof(directory))
		return ERR_ABSENT;
	memcpy(directory, sink->resolved, len);
	directory[len] = '\0';
	dir = opendir(directory);
	if (dir != NULL && find_rotated(dir, slash + 1, when, found) == 0)
		fd = openat(dirfd(dir), found,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (dir != NULL)
		(void)closedir(dir);
	if (fd < 0)
		return ERR_ABSENT;
	*ret_fd = fd;
	return 0;
}
