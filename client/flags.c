/* One parser for the flags of all commands. */
#include "client/flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/duration.h"
#include "lib/number.h"

const char *
flags_env(const char *name)
{
	static const char *const prefixes[] = { "SALLYPORT_", "VAULT_" };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		char full[128];
		const char *value;

		(void)snprintf(full, sizeof(full), "%s%s", prefixes[i], name);
		value = getenv(full);
		if (value != NULL && value[0] != '\0')
			return value;
	}
	return NULL;
}

static int
add_item(struct flag_list *list, const char *text)
{
	if (list->n == FLAG_LIST_MAX)
		return ERR_LIMIT;
	list->items[list->n++] = text;
	return 0;
}

/* What would be cut to nothing is refused, not taken for "none". */
static int
parse_ttl(const char *text, int64_t *ret_s)
{
	const bool is_some = strpbrk(text, "123456789") != NULL;

	if (duration_parse_s(span_str(text), ret_s, NULL) != 0)
		return ERR_INPUT;
	return *ret_s < 0 || (*ret_s == 0 && is_some) ? ERR_INPUT : 0;
}

/* Text into the member of its row; ERR_INPUT where it is no such thing. */
static int
set_member(const struct flag *row, void *record, const char *text)
{
	void *member = (char *)record + row->offset;
	const char **string = member;

	switch (row->type) {
	case FLAG_BOOL:
		return number_parse_bool(span_str(text), member);
	case FLAG_INT:
		return number_parse_i64(
			span_str(text), INT64_MIN, INT64_MAX, member);
	case FLAG_DURATION:
		return duration_parse_s(span_str(text), member, NULL);
	case FLAG_TTL:
		return parse_ttl(text, member);
	case FLAG_MAP:
		if (strchr(text, '=') == NULL)
			return ERR_INPUT;
		return add_item(member, text);
	case FLAG_LIST:
		return add_item(member, text);
	case FLAG_TEXT:
		break;
	}
	*string = text;
	return 0;
}

static const char *
kind_of(const struct flag *row)
{
	static const char *const kinds[] = { [FLAG_TEXT] = "text",
		[FLAG_BOOL] = "true or false",
		[FLAG_INT] = "a whole number",
		[FLAG_DURATION] = "a duration such as 90s, 5m or 1h30m",
		[FLAG_TTL] = "a duration of at least 1s such as 90s or 5m",
		[FLAG_LIST] = "text",
		[FLAG_MAP] = "key=value" };

	return kinds[row->type];
}

/* A second name of the same member leaves what the first one's row has set. */
static void
set_initial(const struct flag *row, void *record)
{
	const char *const *member =
		(const void *)((char *)record + row->offset);

	if (row->initial != NULL)
		(void)set_member(row, record, row->initial);
	else if (*member == NULL)
		(void)set_member(row, record, "");
}

int
flags_init(const struct flag_set *set, struct err *err)
{
	for (const struct flag *row = set->rows;
		row != NULL && row->name != NULL; row++) {
		const char *value =
			row->env != NULL ? flags_env(row->env) : NULL;

		if (row->type == FLAG_TEXT || row->initial != NULL)
			set_initial(row, set->record);
		if (value != NULL && set_member(row, set->record, value) != 0)
			return err_set(err, ERR_INPUT, 400,
				"failed to read environment: could not parse VAULT_%s: must be %s",
				row->env, kind_of(row));
	}
	return 0;
}

static const struct flag *
find_row(const struct flag_set *sets, size_t n_sets, const char *name,
	size_t len, void **ret_record)
{
	for (size_t i = 0; i < n_sets; i++) {
		for (const struct flag *row = sets[i].rows;
			row != NULL && row->name != NULL; row++) {
			if (strlen(row->name) == len &&
				strncmp(row->name, name, len) == 0) {
				*ret_record = sets[i].record;
				return row;
			}
		}
	}
	return NULL;
}

/* One option, with the next word where that is its value. */
static int
parse_option(const struct flag_set *sets, size_t n_sets, int argc, char **argv,
	int *used, struct err *err)
{
	const char *word = argv[*used];
	const char *name = word + (word[1] == '-' ? 2 : 1);
	const size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	void *record = NULL;
	const struct flag *row = find_row(sets, n_sets, name, len, &record);
	int rc;

	if (row == NULL)
		return err_set(err, ERR_INPUT, 400,
			"flag provided but not defined: -%.*s", (int)len, name);
	(*used)++;
	if (value == NULL && row->type == FLAG_BOOL)
		value = "true";
	if (value == NULL && *used < argc)
		value = argv[(*used)++];
	if (value == NULL)
		return err_set(err, ERR_INPUT, 400,
			"flag needs an argument: -%s", row->name);
	rc = set_member(row, record, value);
	if (rc == ERR_LIMIT)
		return err_set(err, ERR_INPUT, 400,
			"too many values for flag -%s: at most %d", row->name,
			FLAG_LIST_MAX);
	if (rc != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid value \"%.128s\" for flag -%s: must be %s",
			value, row->name, kind_of(row));
	return 0;
}

int
flags_parse(const struct flag_set *sets, size_t n_sets, int argc, char **argv,
	int *ret_used, struct err *err)
{
	int used = 0;

	while (used < argc && argv[used][0] == '-' && argv[used][1] != '\0') {
		int rc;

		if (strcmp(argv[used], "--") == 0) {
			used++;
			break;
		}
		rc = parse_option(sets, n_sets, argc, argv, &used, err);
		if (rc != 0)
			return rc;
	}
	*ret_used = used;
	return 0;
}
