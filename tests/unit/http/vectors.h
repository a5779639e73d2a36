/* Reads the tables of byte strings in tests/vectors/http. */
#ifndef SALLYPORT_TESTS_UNIT_HTTP_VECTORS_H
#define SALLYPORT_TESTS_UNIT_HTTP_VECTORS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

/* "{TEXT*N}" at str: its length with the braces, else 0. */
static inline size_t
vector_repeat(const char *str, size_t *ret_text_len, size_t *ret_n)
{
	const char *end = strchr(str, '}');
	const char *star = NULL;

	for (const char *c = str; end != NULL && c < end; c++)
		if (*c == '*')
			star = c;
	if (*str != '{' || star == NULL || star[1] < '0' || star[1] > '9')
		return 0;
	*ret_text_len = (size_t)(star - str) - 1;
	*ret_n = strtoul(star + 1, NULL, 10);
	return (size_t)(end - str) + 1;
}

/* Append str with its escapes resolved. */
static inline void
vector_unescape(const char *str, size_t len, struct buf *out)
{
	static const char letters[] = "rnt\\", bytes[] = "\r\n\t\\";

	for (size_t i = 0; i < len; i++) {
		size_t text_len = 0, n = 0, skip;
		char hex[3] = "";

		skip = vector_repeat(str + i, &text_len, &n);
		if (skip > 0) {
			for (; n > 0; n--)
				vector_unescape(str + i + 1, text_len, out);
			i += skip - 1;
		} else if (str[i] != '\\') {
			(void)buf_add_char(out, str[i]);
		} else if (str[++i] == 'x') {
			memcpy(hex, str + i + 1, 2);
			(void)buf_add_char(out, (char)strtoul(hex, NULL, 16));
			i += 2;
		} else {
			(void)buf_add_char(
				out, bytes[strchr(letters, str[i]) - letters]);
		}
	}
}

/*
 * The next line of three columns, comments skipped; the columns point into
 * line. False at the end.
 */
static inline bool
vector_next(FILE *file, char *line, size_t size, char *columns[3])
{
	while (fgets(line, (int)size, file) != NULL) {
		char *rest = line;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		for (size_t i = 0; i < 3; i++)
			columns[i] = strsep(&rest, "\t");
		return columns[2] != NULL;
	}
	return false;
}

static inline FILE *
vector_open(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/tests/vectors/http/%s",
		top != NULL ? top : ".", name);
	return fopen(path, "r");
}

#endif
