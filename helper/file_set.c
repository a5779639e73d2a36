/*
 * The journal has a line for each file, "+ path" where one was there before
 * and "- path" where none was, in the order of the renames.
 */
#include "helper/file_set.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fsutil.h"

#define NEW_END ".sallyport-new"
#define OLD_END ".sallyport-old"
#define JOURNAL_MODE 0600
#define JOURNAL_MAX (FILE_SET_MAX * (PATH_MAX + 3))

static int
refuse(struct err *err, const char *what, const char *path)
{
	return err_set(err, ERR_SYSTEM, 500, "cannot %s %s: %s", what, path,
		strerror(errno));
}

/* path and an ending. */
static int
name_beside(
	char out[PATH_MAX], const char *path, const char *end, struct err *err)
{
	int n = snprintf(out, PATH_MAX, "%s%s", path, end);

	return n > 0 && n < PATH_MAX
		? 0
		: err_set(err, ERR_LIMIT, 400, "%s: path too long", path);
}

/* What may or may not be there. */
static int
remove_file(const char *path, struct err *err)
{
	return unlink(path) == 0 || errno == ENOENT
		? 0
		: refuse(err, "remove", path);
}

static int
remove_beside(const char *path, const char *end, struct err *err)
{
	char name[PATH_MAX];
	int rc = name_beside(name, path, end, err);

	return rc != 0 ? rc : remove_file(name, err);
}

int
file_set_add(
	struct file_set *set, const struct file_change *change, struct err *err)
{
	if (set->n == FILE_SET_MAX || strchr(change->path, '\n') != NULL)
		return err_set(err, ERR_LIMIT, 400, "%s cannot be changed",
			change->path);
	set->changes[set->n++] = *change;
	return 0;
}

/* ---- towards the new files --------------------------------------------- */

static int
fill(int fd, const struct file_change *change, struct err *err)
{
	int rc = fd_write_all(
		fd, change->content.data, change->content.len, err);

	if (rc == 0 &&
		(fchown(fd, (uid_t)-1, change->gid) != 0 ||
			fchmod(fd, change->mode) != 0 || fsync(fd) != 0))
		rc = refuse(err, "write", change->path);
	if (close(fd) != 0 && rc == 0)
		rc = refuse(err, "write", change->path);
	return rc;
}

/* The new file, whole and durable, beside its place. */
static int
write_new(const struct file_change *change, struct err *err)
{
	char name[PATH_MAX];
	int fd, rc;

	rc = name_beside(name, change->path, NEW_END, err);
	if (rc == 0)
		rc = remove_file(name, err);
	if (rc != 0)
		return rc;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0600);
	return fd < 0 ? refuse(err, "create", name) : fill(fd, change, err);
}

/* A second name for what is there now. */
static int
hold_old(const char *path, bool *ret_was_there, struct err *err)
{
	char name[PATH_MAX];
	int rc = name_beside(name, path, OLD_END, err);

	if (rc == 0)
		rc = remove_file(name, err);
	if (rc != 0)
		return rc;
	*ret_was_there = link(path, name) == 0;
	if (!*ret_was_there && errno != ENOENT)
		return refuse(err, "keep", path);
	return file_sync_dir(path, err);
}

static int
write_journal(const struct file_set *set, struct err *err)
{
	struct buf text;
	bool was_there;
	int rc = 0;

	buf_init(&text, JOURNAL_MAX);
	for (size_t i = 0; rc == 0 && i < set->n; i++) {
		rc = hold_old(set->changes[i].path, &was_there, err);
		if (rc == 0)
			(void)buf_addf(&text, "%c %s\n", was_there ? '+' : '-',
				set->changes[i].path);
	}
	if (rc == 0)
		rc = buf_check(&text, err);
	if (rc == 0)
		rc = file_write_atomic(
			set->journal, buf_span(&text), JOURNAL_MODE, err);
	buf_clear(&text);
	return rc;
}

static int
put_new(const char *path, struct err *err)
{
	char name[PATH_MAX];
	int rc = name_beside(name, path, NEW_END, err);

	if (rc != 0)
		return rc;
	if (rename(name, path) != 0)
		return refuse(err, "replace", path);
	return file_sync_dir(path, err);
}

static void
clean_up(const struct file_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		(void)remove_beside(set->changes[i].path, NEW_END, NULL);
		(void)remove_beside(set->changes[i].path, OLD_END, NULL);
	}
}

int
file_set_apply(const struct file_set *set, struct err *err)
{
	bool found;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < set->n; i++)
		rc = write_new(&set->changes[i], err);
	if (rc == 0)
		rc = write_journal(set, err);
	for (size_t i = 0; rc == 0 && i < set->n; i++)
		rc = put_new(set->changes[i].path, err);
	if (rc == 0)
		return 0;
	/* Where that fails the journal stays, and what it needs: try again. */
	if (file_set_restore(set->journal, &found, NULL) == 0)
		clean_up(set);
	return rc;
}

int
file_set_keep(const struct file_set *set, struct err *err)
{
	int rc = remove_file(set->journal, err);

	if (rc == 0)
		rc = file_sync_dir(set->journal, err);
	if (rc == 0)
		clean_up(set);
	return rc;
}

/* ---- back to the old ones ---------------------------------------------- */

/*
 * Where the second name is gone, an earlier try has been here. A rename
 * between two names of one file leaves both.
 */
static int
put_old(const char *path, struct err *err)
{
	char name[PATH_MAX];
	int rc = name_beside(name, path, OLD_END, err);

	if (rc != 0)
		return rc;
	if (rename(name, path) != 0 && errno != ENOENT)
		return refuse(err, "put back", path);
	return remove_file(name, err);
}

static int
restore_one(char how, const char *path, struct err *err)
{
	int rc;

	if (how != '+' && how != '-')
		return err_set(err, ERR_INPUT, 500,
			"the journal of a change is broken");
	rc = how == '+' ? put_old(path, err) : remove_file(path, err);
	if (rc == 0)
		rc = remove_beside(path, NEW_END, err);
	return rc != 0 ? rc : file_sync_dir(path, err);
}

/* Last line first: what refers to the others goes before they do. */
static int
restore_lines(char *text, struct err *err)
{
	int rc = 0;

	while (rc == 0 && text[0] != '\0') {
		char *line;

		text[strlen(text) - 1] = '\0';
		line = strrchr(text, '\n');
		line = line != NULL ? line + 1 : text;
		if (strlen(line) < 3)
			return err_set(err, ERR_INPUT, 500,
				"the journal of a change is broken");
		rc = restore_one(line[0], line + 2, err);
		*line = '\0';
	}
	return rc;
}

int
file_set_restore(const char *journal, bool *ret_found, struct err *err)
{
	struct err why = { 0 };
	struct buf text;
	int rc;

	*ret_found = false;
	buf_init(&text, JOURNAL_MAX);
	rc = file_read(journal, &text, &why);
	if (rc == ERR_ABSENT) {
		rc = 0;
		goto out;
	}
	if (rc != 0) {
		rc = err_set(err, rc, 500, "%s", why.message);
		goto out;
	}
	*ret_found = true;
	if (text.len > 0)
		rc = restore_lines((char *)text.data, err);
	if (rc == 0)
		rc = remove_file(journal, err);
	if (rc == 0)
		rc = file_sync_dir(journal, err);
out:
	buf_clear(&text);
	return rc;
}
