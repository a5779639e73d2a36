/*
 * Values of a run by name, and templates that they are set into. Each place
 * has its own way to keep a value a value; what cannot be kept so is refused.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_PROFILE_TEMPLATE_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_PROFILE_TEMPLATE_H

#include "server/engines/ssh/profiles/profile_step.h"

enum profile_place {
	PROFILE_IN_WORD, /* as enum profile_quote … */
	PROFILE_IN_SHELL,
	PROFILE_IN_ROUTEROS,
	PROFILE_IN_RAW, /* standard input, a file, a JSON string: as it is */
	PROFILE_IN_PATH /* of a URL, or its query: percent-encoded */
};

/*
 * Set the values into a template, in arena. ERR_INPUT (500): a value cannot
 * stand in that place; ERR_INTERNAL: the table names one that is not there.
 */
int profile_template_fill(const char *text, enum profile_place place,
	const struct str_map *values, struct arena *arena,
	const char **ret_text, struct err *err);

/* No control characters: what a command line gets at most, quoted or not. */
bool profile_template_is_one_line(const char *text);

/* NULL: it is not there. */
const char *profile_template_get(
	const struct str_map *values, const char *name);

/* Texts are copied. */
int profile_template_set(struct str_map *values, const char *name,
	const char *text, struct arena *arena, struct err *err);

#endif
