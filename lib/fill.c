/* One pass over a text. */
#include "lib/fill.h"

#include <string.h>

/* Append what stands at text, a variable's value or one byte. Its length. */
static size_t
add_piece(struct buf *out, const char *text,
	const struct fill_variable *variables, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(variables[i].name);

		if (strncmp(text, variables[i].name, len) == 0) {
			(void)buf_add_str(out, variables[i].value);
			return len;
		}
	}
	(void)buf_add_char(out, text[0]);
	return 1;
}

int
fill(struct buf *out, const char *text, const struct fill_variable *variables,
	size_t n)
{
	while (*text != '\0')
		text += add_piece(out, text, variables, n);
	return out->rc;
}
