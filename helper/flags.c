/* One walk over the words, one look into the table for each. */
#include "helper/flags.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/err.h"

/* "-name" or "--name", and what stands behind '='. */
static const struct flag *
find_flag(const struct flag *rows, const char *word, const char **ret_value)
{
	const char *name = word + (word[1] == '-' ? 2 : 1);
	const size_t len = strcspn(name, "=");

	*ret_value = name[len] == '=' ? name + len + 1 : NULL;
	for (; rows->name != NULL; rows++) {
		if (strlen(rows->name) == len &&
			strncmp(rows->name, name, len) == 0)
			return rows;
	}
	return NULL;
}

static int
set_flag(void *record, const struct flag *flag, const char *value)
{
	void *member = (char *)record + flag->offset;
	const char **text = member;
	bool *on = member;

	if (flag->type == FLAG_TEXT) {
		*text = value;
		return value != NULL ? 0 : ERR_INPUT;
	}
	*on = value == NULL || strcasecmp(value, "true") == 0 ||
		strcmp(value, "1") == 0;
	return *on || strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0
		? 0
		: ERR_INPUT;
}

int
flags_parse(const struct flag *rows, int n, char *const *words, void *record,
	const char **ret_word)
{
	const char *first = NULL;

	for (int i = 0; i < n; i++) {
		const struct flag *flag;
		const char *value;

		if (words[i][0] != '-') {
			first = first != NULL ? first : words[i];
			continue;
		}
		flag = find_flag(rows, words[i], &value);
		if (flag == NULL)
			return ERR_INPUT;
		if (flag->type == FLAG_TEXT && value == NULL && i + 1 < n)
			value = words[++i];
		if (set_flag(record, flag, value) != 0)
			return ERR_INPUT;
	}
	*ret_word = first;
	return 0;
}

void
flags_print(const struct flag *rows)
{
	for (; rows->name != NULL; rows++)
		printf("  -%-14s %s\n", rows->name, rows->help);
}
