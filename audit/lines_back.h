/* The lines of a file from its end towards its start. */
#ifndef SALLYPORT_AUDIT_LINES_BACK_H
#define SALLYPORT_AUDIT_LINES_BACK_H

#include <sys/types.h>

#include "lib/err.h"
#include "lib/span.h"

/* One line without its newline; whole: it has one. True: stop. */
typedef bool lines_back_fn(void *ctx, struct span line, bool whole);

/*
 * Call fn for the lines that lie wholly within the last bytes_max bytes of a
 * regular file, the last first, until it says true. Bytes behind the last
 * newline are a line that is not whole. Reads with pread.
 */
int lines_back(
	int fd, off_t bytes_max, lines_back_fn *fn, void *ctx, struct err *err);

#endif
