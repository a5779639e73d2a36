/*
 * Rendering of templates. Aliases are found by the exact accessor of their
 * mount, groups among those that the entity is in.
 */
#include "server/core/template.h"

#include <string.h>

#include "lib/buf.h"

#define RENDERED_MAX (64 * (size_t)1024)
#define OPEN "{{"
#define CLOSE "}}"
#define BRACES 2 /* bytes of each */

/* Where two braces stand in text, or NULL. */
static const uint8_t *
find_braces(struct span text, const char *braces)
{
	return text.len < BRACES ? NULL
				 : memmem(text.data, text.len, braces, BRACES);
}

bool
template_has_directive(struct span text)
{
	return find_braces(text, OPEN) != NULL;
}

static struct span
trim(struct span text)
{
	while (text.len > 0 && text.data[0] == ' ')
		text = span_skip(text, 1);
	while (text.len > 0 && text.data[text.len - 1] == ' ')
		text.len--;
	return text;
}

/* Take prefix off the front of *text. */
static bool
take(struct span *text, const char *prefix)
{
	if (!span_has_prefix(*text, span_str(prefix)))
		return false;
	*text = span_skip(*text, strlen(prefix));
	return true;
}

/* Take what stands before the next '.', and that. */
static bool
take_word(struct span *text, struct span *ret_word)
{
	const uint8_t *dot =
		text->len == 0 ? NULL : memchr(text->data, '.', text->len);

	if (dot == NULL)
		return false;
	*ret_word = span_of(text->data, (size_t)(dot - text->data));
	*text = span_skip(*text, ret_word->len + 1);
	return true;
}

static bool
is(struct span text, const char *word)
{
	return span_equal(text, span_str(word));
}

/* ---- values ----------------------------------------------------------- */

/* What a directive may ask of an entity, an alias or a group. */
struct facts {
	const char *id, *name;
	const struct str_map *metadata;
};

/* "id", "name" or "metadata.<key>"; NULL: no value. */
static const char *
fact(const struct facts *facts, struct span what)
{
	if (is(what, "id"))
		return facts->id;
	if (is(what, "name"))
		return facts->name;
	if (!take(&what, "metadata."))
		return NULL;
	for (size_t i = 0; i < facts->metadata->n; i++) {
		if (is(what, facts->metadata->keys[i]))
			return facts->metadata->values[i];
	}
	return NULL;
}

static int
deny(struct err *err, const char *why)
{
	(void)err_set(err, ERR_DENIED, 403, "permission denied");
	return err_wrap(err, "template: %s", why);
}

static int
alias_value(const struct identity *identity, struct span what,
	const char **ret_value, struct err *err)
{
	const struct entity *entity = identity->entity;
	const struct alias *found = NULL;
	struct facts facts;
	struct span accessor;

	if (!take_word(&what, &accessor))
		return 0;
	for (size_t i = 0; i < entity->n_aliases; i++) {
		if (!is(accessor, entity->aliases[i].accessor))
			continue;
		if (found != NULL)
			return deny(err, "two aliases in one mount");
		found = &entity->aliases[i];
	}
	if (found == NULL)
		return 0;
	facts = (struct facts){ found->id, found->name, &found->metadata };
	*ret_value = fact(&facts, what);
	return 0;
}

static const char *
group_value(const struct identity *identity, struct span what)
{
	const bool by_id = take(&what, "ids.");
	struct span wanted;

	if ((!by_id && !take(&what, "names.")) || !take_word(&what, &wanted))
		return NULL;
	for (size_t i = 0; i < identity->n_groups; i++) {
		const struct group *group = identity->groups[i];
		const struct facts facts = { group->id, group->name,
			&group->metadata };

		if (is(wanted, by_id ? group->id : group->name))
			return fact(&facts, what);
	}
	return NULL;
}

/* *ret_value stays NULL where there is none. */
static int
find_value(const struct identity *identity, struct span directive,
	const char **ret_value, struct err *err)
{
	struct span what = trim(directive);
	struct facts facts;

	if (identity == NULL || identity->entity == NULL ||
		!take(&what, "identity."))
		return 0;
	if (take(&what, "groups.")) {
		*ret_value = group_value(identity, what);
		return 0;
	}
	if (!take(&what, "entity."))
		return 0;
	if (take(&what, "aliases."))
		return alias_value(identity, what, ret_value, err);
	facts = (struct facts){ identity->entity->id, identity->entity->name,
		&identity->entity->metadata };
	*ret_value = fact(&facts, what);
	return 0;
}

static bool
is_harmless(const char *value)
{
	const size_t len = strlen(value);

	return len > 0 &&
		strspn(value,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-") ==
		len;
}

/* ---- texts ------------------------------------------------------------ */

/* The value for the directive at the front of *rest, which is moved on. */
static int
render_one(struct span *rest, const struct identity *identity,
	const char **ret_value, struct err *err)
{
	struct span inside = span_skip(*rest, BRACES);
	const uint8_t *end = find_braces(inside, CLOSE);
	const char *value = NULL;
	int rc;

	if (end == NULL)
		return ERR_ABSENT;
	inside.len = (size_t)(end - inside.data);
	*rest = span_skip(*rest, inside.len + 2 * BRACES);
	rc = find_value(identity, inside, &value, err);
	if (rc == 0 && value == NULL)
		return ERR_ABSENT;
	if (rc == 0 && !is_harmless(value))
		rc = deny(err, "a value has other bytes than [A-Za-z0-9_.@-]");
	if (rc == 0)
		*ret_value = value;
	return rc;
}

static int
render(struct span rest, const struct identity *identity, struct buf *out,
	struct err *err)
{
	const uint8_t *braces = NULL;

	while ((braces = find_braces(rest, OPEN)) != NULL) {
		const size_t before = (size_t)(braces - rest.data);
		const char *value = NULL;
		int rc;

		(void)buf_add(out, rest.data, before);
		rest = span_skip(rest, before);
		rc = render_one(&rest, identity, &value, err);
		if (rc != 0)
			return rc;
		(void)buf_add_str(out, value);
	}
	(void)buf_add_span(out, rest);
	return buf_check(out, err);
}

int
template_render(struct span text, const struct identity *identity,
	struct arena *arena, struct span *ret_text, struct err *err)
{
	struct span copy;
	struct buf out;
	int rc;

	buf_init(&out, RENDERED_MAX);
	rc = render(text, identity, &out, err);
	if (rc == 0) {
		copy = arena_dup(arena, buf_span(&out));
		if (copy.data == NULL)
			rc = err_set_memory(err);
		else
			*ret_text = copy;
	}
	buf_clear(&out);
	return rc;
}
