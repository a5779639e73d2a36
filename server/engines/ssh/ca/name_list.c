/* Splitting, filling, sorting. */
#include "server/engines/ssh/ca/name_list.h"

#include "lib/buf.h"
#include "lib/netaddr.h"

#define SHOWN_MAX 800 /* bytes of a list in an error */
#define FILLED_MAX ((size_t)1024 * 1024)

/* How many names a text can have at most. */
static size_t
count_names(const char *text)
{
	size_t n = 1;

	for (; *text != '\0'; text++)
		n += *text == ',';
	return n;
}

int
name_list_split(const char *text, struct arena *arena,
	struct str_list *ret_list, struct err *err)
{
	const char **items =
		ARENA_ARRAY(arena, const char *, count_names(text));
	struct span piece;
	size_t pos = 0, n = 0;

	if (items == NULL)
		return err_set_memory(err);
	while (comma_next(text, &pos, &piece)) {
		items[n] = arena_strndup(arena, piece.data, piece.len);
		if (items[n++] == NULL)
			return err_set_memory(err);
	}
	*ret_list = (struct str_list){ .items = items, .n = n };
	return 0;
}

int
name_list_fill(const char *text, const struct template_scope *scope,
	struct arena *arena, struct str_list *ret_list, struct err *err)
{
	struct span piece, filled;
	struct buf all;
	size_t pos = 0;
	int rc = 0;

	buf_init(&all, FILLED_MAX);
	while (rc == 0 && comma_next(text, &pos, &piece)) {
		rc = template_fill(piece, scope, arena, &filled, err);
		if (rc == 0) {
			(void)buf_add_span(&all, filled);
			(void)buf_add_char(&all, ',');
		} else if (rc == ERR_ABSENT) {
			rc = 0;
		}
	}
	if (rc == 0)
		rc = buf_check(&all, err);
	if (rc == 0)
		rc = name_list_split(buf_str(&all), arena, ret_list, err);
	buf_clear(&all);
	return rc;
}

const char *
name_list_show(const struct str_list *list, struct arena *arena)
{
	const char *shown = NULL;
	struct buf text;

	buf_init(&text, SHOWN_MAX);
	for (size_t i = 0; i < list->n; i++)
		(void)buf_addf(
			&text, "%s%.64s", i > 0 ? " " : "", list->items[i]);
	shown = arena_printf(arena, "[%s]", buf_str(&text));
	buf_clear(&text);
	return shown != NULL ? shown : "[]";
}
