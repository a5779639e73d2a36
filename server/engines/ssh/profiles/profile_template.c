/* Templates of profiles: {name} and how its value is kept one. */
#include "server/engines/ssh/profiles/profile_template.h"

#include <string.h>

#include "lib/buf.h"

#define TEXT_MAX ((size_t)256 * 1024)
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define IN_NAME "abcdefghijklmnopqrstuvwxyz0123456789_"

/* ---- values -------------------------------------------------------------- */

static const char **
find_slot(const struct str_map *values, const char *name)
{
	for (size_t i = 0; i < values->n; i++) {
		if (strcmp(values->keys[i], name) == 0)
			return &values->values[i];
	}
	return NULL;
}

const char *
profile_template_get(const struct str_map *values, const char *name)
{
	const char **slot = find_slot(values, name);

	return slot != NULL ? *slot : NULL;
}

/* Room for one more. False: no memory. */
static bool
grow(struct str_map *values, struct arena *arena)
{
	const char **keys = ARENA_ARRAY(arena, const char *, values->n + 1);
	const char **texts = ARENA_ARRAY(arena, const char *, values->n + 1);

	if (keys == NULL || texts == NULL)
		return false;
	if (values->keys != NULL && values->values != NULL) {
		memcpy(keys, values->keys, values->n * sizeof(*keys));
		memcpy(texts, values->values, values->n * sizeof(*texts));
	}
	values->keys = keys;
	values->values = texts;
	return true;
}

int
profile_template_set(struct str_map *values, const char *name, const char *text,
	struct arena *arena, struct err *err)
{
	const char **slot = find_slot(values, name);
	const char *key = arena_strdup(arena, name);
	const char *copy = arena_strdup(arena, text);

	if (key == NULL || copy == NULL ||
		(slot == NULL && !grow(values, arena)))
		return err_set_memory(err);
	if (slot != NULL) {
		*slot = copy;
		return 0;
	}
	values->keys[values->n] = key;
	values->values[values->n++] = copy;
	return 0;
}

/* ---- places -------------------------------------------------------------- */

bool
profile_template_is_one_line(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			return false;
	}
	return true;
}

static bool
add_word(struct buf *out, const char *value)
{
	const size_t len = strlen(value);

	(void)buf_add(out, value, len);
	return len > 0 && strspn(value, LETTERS DIGITS "_.:@%+,/=-") == len;
}

/* 'it'\''s' */
static bool
add_shell(struct buf *out, const char *value)
{
	(void)buf_add_char(out, '\'');
	for (const char *at = value; *at != '\0'; at++) {
		if (*at == '\'')
			(void)buf_add_str(out, "'\\''");
		else
			(void)buf_add_char(out, *at);
	}
	(void)buf_add_char(out, '\'');
	return profile_template_is_one_line(value);
}

/* "a \"b\" \$c \\d" */
static bool
add_routeros(struct buf *out, const char *value)
{
	(void)buf_add_char(out, '"');
	for (const char *at = value; *at != '\0'; at++) {
		if (strchr("\"\\$?", *at) != NULL)
			(void)buf_add_char(out, '\\');
		(void)buf_add_char(out, *at);
	}
	(void)buf_add_char(out, '"');
	return profile_template_is_one_line(value);
}

static bool
add_raw(struct buf *out, const char *value)
{
	(void)buf_add_str(out, value);
	return true;
}

static bool
add_path(struct buf *out, const char *value)
{
	for (const char *at = value; *at != '\0'; at++) {
		if (strchr(LETTERS DIGITS "-._~", *at) != NULL)
			(void)buf_add_char(out, *at);
		else
			(void)buf_addf(out, "%%%02X", (unsigned char)*at);
	}
	return profile_template_is_one_line(value);
}

static bool (*const places[])(struct buf *out, const char *value) = {
	[PROFILE_IN_WORD] = add_word,
	[PROFILE_IN_SHELL] = add_shell,
	[PROFILE_IN_ROUTEROS] = add_routeros,
	[PROFILE_IN_RAW] = add_raw,
	[PROFILE_IN_PATH] = add_path,
};

/* ---- templates ----------------------------------------------------------- */

/* The name of a {name} at text; len 0: it is no such thing. */
static struct span
name_at(const char *text)
{
	const size_t len = *text == '{' ? strspn(text + 1, IN_NAME) : 0;

	return len > 0 && text[1 + len] == '}' ? span_of(text + 1, len)
					       : SPAN_NONE;
}

static int
add_value(struct buf *out, struct span name, enum profile_place place,
	const struct str_map *values, struct err *err)
{
	for (size_t i = 0; i < values->n; i++) {
		if (!span_equal(name, span_str(values->keys[i])))
			continue;
		if (places[place](out, values->values[i]))
			return 0;
		return err_set(err, ERR_INPUT, 500,
			"%s cannot be sent to this kind of target",
			values->keys[i]);
	}
	return err_set(err, ERR_INTERNAL, 500, "internal error");
}

int
profile_template_fill(const char *text, enum profile_place place,
	const struct str_map *values, struct arena *arena,
	const char **ret_text, struct err *err)
{
	struct buf out;
	int rc = 0;

	buf_init(&out, TEXT_MAX);
	while (rc == 0 && *text != '\0') {
		const struct span name = name_at(text);

		if (name.len == 0) {
			(void)buf_add_char(&out, *text++);
			continue;
		}
		rc = add_value(&out, name, place, values, err);
		text += name.len + 2;
	}
	if (rc == 0)
		rc = buf_check(&out, err);
	if (rc == 0) {
		*ret_text = arena_strdup(arena, buf_str(&out));
		rc = *ret_text != NULL ? 0 : err_set_memory(err);
	}
	buf_clear(&out);
	return rc;
}
