/*
 * Any bytes as a request target: an accepted path has none of the spellings
 * that are refused, and taking it a second time changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "server/http/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_path(const char *path)
{
	for (const char *c = path; *c != '\0'; c++)
		if ((uint8_t)*c < ' ' || *c == 0x7f || *c == '\\')
			abort();
	for (size_t i = 0, n, len = strlen(path); i < len; i += n) {
		n = span_utf8_len(span_of(path + i, len - i));
		if (n == 0)
			abort();
	}
	if (strstr(path, "//") != NULL || strstr(path, "/../") != NULL ||
		strstr(path, "/./") != NULL || path[0] == '/' ||
		strncmp(path, "../", 3) == 0 || strcmp(path, "..") == 0)
		abort();
}

/* The path again as a target, "?" escaped since it would start a query. */
static void
check_twice(struct arena *arena, const char *path)
{
	char *again = arena_alloc(arena, 3 * strlen(path) + 5, 1), *out = again;
	struct http_path twice = { .path = NULL };

	if (again == NULL)
		return;
	out = stpcpy(out, "/v1/");
	for (const char *c = path; *c != '\0'; c++)
		if (*c == '?')
			out = stpcpy(out, "%3F");
		else if (*c == '%')
			out = stpcpy(out, "%25");
		else
			*out++ = *c;
	if (http_path_parse(span_str(again), arena, &twice) != HTTP_PATH_OK ||
		strcmp(twice.path, path) != 0)
		abort();
}

/* A cleaned target is not sent on a second time. */
static void
check_location(struct arena *arena, const char *location)
{
	struct http_path again = { .path = NULL };

	if (location[0] != '/' || location[1] == '/' ||
		http_path_parse(span_str(location), arena, &again) ==
			HTTP_PATH_EMPTY)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(1 << 20);
	struct http_path path = { .path = NULL };

	if (arena == NULL || size > HTTP_PARAMS_MAX * 128) {
		arena_free(&arena);
		return 0;
	}
	switch (http_path_parse(span_of(data, size), arena, &path)) {
	case HTTP_PATH_OK:
		check_path(path.path);
		check_twice(arena, path.path);
		break;
	case HTTP_PATH_EMPTY:
		check_location(arena, path.location);
		break;
	case HTTP_PATH_BAD:
	case HTTP_PATH_PARENT:
	case HTTP_PATH_OUTSIDE:
	case HTTP_PATH_MEMORY:
		break;
	}
	arena_free(&arena);
	return 0;
}
