/* Texts with variables in them, "{{name}}", and what stands for those. */
#ifndef SALLYPORT_LIB_FILL_H
#define SALLYPORT_LIB_FILL_H

#include "lib/buf.h"

struct fill_variable {
	const char *name; /* as it stands in the text, braces and all */
	const char *value;
};

/*
 * Append text to out with its variables replaced, in one pass: what a value
 * brings along is not looked at again. Unknown variables stay as they are.
 */
int fill(struct buf *out, const char *text,
	const struct fill_variable *variables, size_t n);

#endif
