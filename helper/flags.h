/*
 * Command lines as vault-ssh-helper reads them: "-name=value", "-name value",
 * one dash or two, by a table of rows.
 */
#ifndef SALLYPORT_HELPER_FLAGS_H
#define SALLYPORT_HELPER_FLAGS_H

#include "lib/base.h"

enum flag_type {
	FLAG_TEXT, /* const char *, in argv */
	FLAG_BOOL  /* bool: "-name", "-name=false" */
};

struct flag {
	const char *name;
	enum flag_type type;
	size_t offset; /* into the record that is filled */
	const char *help;
};

/* A row; fails to compile where the member has another type than said. */
#define FLAG_ROW(kind, ctype, record, member, flag_name, text)                 \
	{                                                                      \
		.name = flag_name, .type = kind,                               \
		.offset = offsetof(record, member) +                           \
			0 *                                                    \
				sizeof((ctype *)NULL ==                        \
					&((record *)NULL)->member),            \
		.help = text                                                   \
	}
#define FLAG_ROW_TEXT(record, member, flag_name, text)                         \
	FLAG_ROW(FLAG_TEXT, const char *, record, member, flag_name, text)
#define FLAG_ROW_BOOL(record, member, flag_name, text)                         \
	FLAG_ROW(FLAG_BOOL, bool, record, member, flag_name, text)
#define FLAG_END                                                               \
	{                                                                      \
		.name = NULL                                                   \
	}

/*
 * Fill record from the n words. *ret_word is the first that is no flag, or
 * NULL. ERR_INPUT for an unknown flag, one without its value, a bad truth
 * value.
 */
int flags_parse(const struct flag *rows, int n, char *const *words,
	void *record, const char **ret_word);

/* A line for each. */
void flags_print(const struct flag *rows);

#endif
