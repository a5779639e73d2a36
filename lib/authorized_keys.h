/*
 * authorized_keys as a text (sshd(8), AUTHORIZED_KEYS FILE FORMAT), for
 * machines that give us their users' keys to edit. A line of ours is found by
 * its key, which was made for it and is nobody else's; every other line stays
 * byte for byte, whatever it is.
 */
#ifndef SALLYPORT_LIB_AUTHORIZED_KEYS_H
#define SALLYPORT_LIB_AUTHORIZED_KEYS_H

#include "lib/buf.h"
#include "lib/span.h"

/* A line, in pieces that lie in the text; all but text empty: no key. */
struct authorized_line {
	struct span text;    /* without its end */
	struct span options; /* as they stand there */
	struct span key;     /* "type base64", with what is between them */
	struct span comment; /* without blanks around it */
};

/*
 * The next line of *rest, which is moved behind it. False: none is left.
 * A key is what names its own type, as sshd wants it, known to us or not.
 */
bool authorized_keys_next(struct span *rest, struct authorized_line *ret_line);

/* Whether a line has the key of "type base64 …". */
bool authorized_line_has(const struct authorized_line *line, const char *key);

/*
 * text with new_line, a whole line without an end: where the first line with
 * its key was, else behind all; further lines with that key go. The last line
 * has an end where text had one, or was empty. ERR_INPUT: new_line is not one
 * line with a key. Else as buf_check.
 */
int authorized_keys_put(struct span text, const char *new_line, struct buf *out,
	struct err *err);

/*
 * text without its lines with the key of "type base64 …", *ret_n of them. What
 * was put into a text is taken out of it without a trace.
 */
int authorized_keys_drop(struct span text, const char *key, struct buf *out,
	size_t *ret_n, struct err *err);

#endif
