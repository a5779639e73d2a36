/* Block style; anything doubtful is a JSON string, which YAML takes. */
#include "client/yaml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jsonw.h"

static void write_block(struct buf *out, const struct value *value, int depth);

static void
add_indent(struct buf *out, int depth)
{
	for (int i = 0; i < depth; i++)
		(void)buf_add_str(out, "  ");
}

/* Words that YAML would read as something else than text. */
static bool
is_reserved(struct span text)
{
	static const char *const words[] = { "true", "false", "null", "yes",
		"no", "on", "off", "~", "y", "n" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (text.len == strlen(words[i]) &&
			strncasecmp((const char *)text.data, words[i],
				text.len) == 0)
			return true;
	}
	return false;
}

/* Letters and a few signs, not beginning like a number or an indicator. */
static bool
is_plain(struct span text)
{
	if (text.len == 0 || !isalpha(text.data[0]) || is_reserved(text))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!isalnum(text.data[i]) &&
			memchr("_-./@+", text.data[i], 6) == NULL)
			return false;
	}
	return true;
}

static void
add_text(struct buf *out, struct span text)
{
	if (is_plain(text))
		(void)buf_add_span(out, text);
	else
		jsonw_string(out, text);
}

static bool
is_block(const struct value *value)
{
	return (value->type == VALUE_LIST || value->type == VALUE_OBJECT) &&
		value->first != NULL;
}

static void
add_scalar(struct buf *out, const struct value *value)
{
	if (value->type == VALUE_STRING)
		add_text(out, value_text(value));
	else
		jsonw_value(out, value, 0);
}

/* What stands behind "key:" or "-". */
static void
add_entry(struct buf *out, const struct value *value, int depth)
{
	if (is_block(value)) {
		(void)buf_add_char(out, '\n');
		write_block(out, value, depth);
		return;
	}
	(void)buf_add_char(out, ' ');
	add_scalar(out, value);
	(void)buf_add_char(out, '\n');
}

static void
write_object(struct buf *out, const struct value *object, int depth)
{
	const struct value **members = value_by_name(object);

	if (members == NULL)
		return;
	for (size_t i = 0; i < object->n; i++) {
		add_indent(out, depth);
		add_text(out, span_str(members[i]->key));
		(void)buf_add_char(out, ':');
		add_entry(out, members[i], depth + 1);
	}
	free(members);
}

static void
write_block(struct buf *out, const struct value *value, int depth)
{
	if (value->type == VALUE_OBJECT) {
		write_object(out, value, depth);
		return;
	}
	VALUE_EACH (item, value) {
		add_indent(out, depth);
		(void)buf_add_char(out, '-');
		add_entry(out, item, depth + 1);
	}
}

void
yaml_write(struct buf *out, const struct value *value)
{
	if (is_block(value)) {
		write_block(out, value, 0);
		return;
	}
	add_scalar(out, value);
	(void)buf_add_char(out, '\n');
}
