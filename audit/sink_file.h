/*
 * Where a file device's bytes go: a regular file, a FIFO or a character
 * device below one of the configured directories, standard output, or nowhere
 * ("discard"). Knows of bytes and of the last line on disk, not of entries.
 * Used by one thread at a time; but a sync may run beside writes.
 */
#ifndef SALLYPORT_AUDIT_SINK_FILE_H
#define SALLYPORT_AUDIT_SINK_FILE_H

#include <sys/types.h>

#include "audit/lines_back.h"
#include "lib/value.h"

struct sink_file;

/* Where files may lie; borrowed for the sink's life. */
struct sink_file_places {
	const char *const *directories;
	size_t n_directories;
	bool anywhere;
};

/*
 * From the device's options file_path (or path) and mode. 400 "file_path is
 * required", "invalid mode …". Opens nothing.
 */
int sink_file_new(const struct value *options,
	const struct sink_file_places *places, struct sink_file **ret_sink,
	struct err *err);
void sink_file_free(struct sink_file **sink);

/*
 * Open, create where there is none (the directory is synced then), set the
 * mode. 400 "sanity check failed; unable to open …". Closes what was open.
 */
int sink_file_open(struct sink_file *sink, struct err *err);
void sink_file_close(struct sink_file *sink);

/*
 * A regular file's lines from its end, as lines_back does it; of anything else
 * none. The first form reads the open file; the second opens the path anew,
 * so that it may run while another thread writes.
 */
bool sink_file_is_regular(const struct sink_file *sink);
int sink_file_lines_back(const struct sink_file *sink, off_t bytes_max,
	lines_back_fn *fn, void *ctx, struct err *err);
int sink_file_path_lines_back(const struct sink_file *sink, off_t bytes_max,
	lines_back_fn *fn, void *ctx, struct err *err);

/* Whether the path names another file by now, or none. */
bool sink_file_is_moved(const struct sink_file *sink);

/*
 * Write all; ret_written tells how much went out even where it fails: disk
 * full, reader gone, or ERR_TIMEOUT for a pipe that takes nothing.
 */
int sink_file_write(struct sink_file *sink, struct span bytes,
	int64_t deadline_ms, size_t *ret_written, struct err *err);

/* fdatasync, where the file has that. */
int sink_file_sync(struct sink_file *sink, struct err *err);

/*
 * Whether sink, which is open, writes to the regular file that other's path
 * names. Another thread may use other meanwhile.
 */
bool sink_file_is_same(
	const struct sink_file *sink, const struct sink_file *other);

/*
 * The files that rotation made of this one: beside it, with its name and more
 * behind that. Opens the one that was written last before *when, for reading,
 * and moves *when there; ERR_ABSENT: no more.
 */
int sink_file_open_rotated(
	const struct sink_file *sink, struct timespec *when, int *ret_fd);

#endif
