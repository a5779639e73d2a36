/*
 * What people read beside the answer itself: errors in red and warnings in
 * yellow, where they go to a terminal, and long texts in lines of 78 columns
 * (spec/cli.md 1).
 */
#ifndef SALLYPORT_CLIENT_SAY_H
#define SALLYPORT_CLIENT_SAY_H

#include <stdarg.h>
#include <stdio.h>

#include "lib/buf.h"

#define SAY_COLUMNS 78

/*
 * Whether this run prints tables: other forms are for programs and have no
 * colour. Until then VAULT_FORMAT says it. No colour either where NO_COLOR,
 * SALLYPORT_CLI_NO_COLOR or VAULT_CLI_NO_COLOR is set.
 */
void say_table(bool table);

/* On standard error, with a newline at the end. */
void say_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void say_error_args(const char *fmt, va_list args) PRINTF_LIKE(1, 0);
/* The same, wrapped; an empty line behind a warning. */
void say_long_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void say_warning(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* A warning that is an item of a list: indented by two columns. */
void say_warning_item(const char *fmt, ...) PRINTF_LIKE(1, 2);

/*
 * What is under way ("Scanning web1"), on standard error where that is a
 * terminal, and NULL: take it away again.
 */
void say_progress(const char *doing);

/*
 * Text to out; where that is a terminal, control characters but newline and
 * tab as "^[": a server's words shall not move its cursor or type for us.
 */
void say_put(FILE *out, const char *text);

/*
 * The end of a run: code, or EXIT_USAGE after words where standard output did
 * not take all that was printed (a full disk).
 */
int say_finish(int code);

/* Text of several lines to out, wrapped, with a newline at the end. */
void say_text(FILE *out, const char *text);
/* Text that begins in column `used`; later lines are indented by as much. */
void say_beside(FILE *out, const char *text, size_t used);

/*
 * Text in lines of 78 columns at most, where blanks allow it: the first line
 * begins in column used, each further one is indented. Newlines stay.
 */
void say_wrap(struct buf *out, struct span text, size_t used, size_t indent);

#endif
