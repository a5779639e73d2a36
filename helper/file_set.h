/*
 * Several files replaced as one. Each new file is written beside its place
 * (.sallyport-new), the old one kept under a second name (.sallyport-old); a
 * journal then names what is about to change; then each is renamed into its
 * place, in the order given. While the journal exists the change is not
 * decided: whoever finds it, after a crash at any point, puts the old files
 * back. Removing it is what decides for the new ones.
 *
 * Between two renames a reader may see some files new and some old: give them
 * in an order in which every beginning of the list works, what refers to the
 * others last.
 */
#ifndef SALLYPORT_HELPER_FILE_SET_H
#define SALLYPORT_HELPER_FILE_SET_H

#include <sys/types.h>

#include "lib/buf.h"

#define FILE_SET_MAX 16

struct file_change {
	const char *path;
	struct span content;
	mode_t mode;
	gid_t gid; /* of its group, (gid_t)-1: the runner's own */
};

struct file_set {
	const char *journal;
	struct file_change changes[FILE_SET_MAX];
	size_t n;
};

/* One more file, behind the others. ERR_LIMIT past FILE_SET_MAX. */
int file_set_add(struct file_set *set, const struct file_change *change,
	struct err *err);

/*
 * All files are new when this returns 0, and undecided; where it fails, all
 * are as they were. No journal may exist.
 */
int file_set_apply(const struct file_set *set, struct err *err);

/* Decide for the new files. */
int file_set_keep(const struct file_set *set, struct err *err);

/*
 * Put back what the journal names, byte for byte and with owner and mode.
 * *ret_found: there was one.
 */
int file_set_restore(const char *journal, bool *ret_found, struct err *err);

#endif
