/*
 * Rendering of templates. Aliases are found by the exact accessor of their
 * mount, groups among those that the entity is in.
 */
#include "server/core/template.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/duration.h"

#define RENDERED_MAX (64 * (size_t)1024)
#define OPEN "{{"
#define CLOSE "}}"
#define BRACES 2 /* bytes of each */
#define WHY_MAX 128
#define SHOWN_MAX 256 /* of a text in an error */
#define VALUE_BYTES                                                            \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-"

/* A text on its way: what is in scope, and why it failed. */
struct render {
	const struct template_scope *scope;
	bool has_time;
	struct arena *arena;
	char why[WHY_MAX];
};

/* Where two braces stand in text, or NULL. */
static const uint8_t *
find_braces(struct span text, const char *braces)
{
	return text.len < BRACES ? NULL
				 : memmem(text.data, text.len, braces, BRACES);
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

/* Remember why and return code. */
static int
fail(struct render *render, int code, const char *why)
{
	(void)snprintf(render->why, sizeof(render->why), "%s", why);
	return code;
}

static int
alias_value(struct render *render, struct span what, const char **ret_value)
{
	const struct entity *entity = render->scope->identity->entity;
	const struct alias *found = NULL;
	struct facts facts;
	struct span accessor;

	if (!take_word(&what, &accessor))
		return 0;
	for (size_t i = 0; i < entity->n_aliases; i++) {
		if (!is(accessor, entity->aliases[i].accessor))
			continue;
		if (found != NULL)
			return fail(
				render, ERR_DENIED, "two aliases in one mount");
		found = &entity->aliases[i];
	}
	if (found == NULL)
		return fail(render, ERR_ABSENT, "alias not found");
	facts = (struct facts){ found->id, found->name, &found->metadata };
	*ret_value = fact(&facts, what);
	return 0;
}

static int
group_value(struct render *render, struct span what, const char **ret_value)
{
	const struct identity *identity = render->scope->identity;
	const bool by_id = take(&what, "ids.");
	struct span wanted;

	if ((!by_id && !take(&what, "names.")) || !take_word(&what, &wanted))
		return 0;
	for (size_t i = 0; i < identity->n_groups; i++) {
		const struct group *group = identity->groups[i];
		const struct facts facts = { group->id, group->name,
			&group->metadata };

		if (is(wanted, by_id ? group->id : group->name)) {
			*ret_value = fact(&facts, what);
			return 0;
		}
	}
	(void)snprintf(render->why, sizeof(render->why),
		"entity is not a member of group \"%.*s\"",
		(int)(wanted.len < 64 ? wanted.len : 64),
		(const char *)wanted.data);
	return ERR_ABSENT;
}

/* "now", "now.plus.<duration>" or "now.minus.<duration>". */
static int
time_value(struct render *render, struct span what, const char **ret_value)
{
	int64_t at_s = render->scope->now_s;
	int64_t by_s = 0;
	bool back = false;

	if (!take(&what, "now"))
		return 0;
	if (what.len > 0) {
		back = take(&what, ".minus.");
		if ((!back && !take(&what, ".plus.")) ||
			duration_parse_s(what, &by_s, NULL) != 0)
			return fail(render, ERR_ABSENT, "invalid time");
	}
	if (back ? __builtin_sub_overflow(at_s, by_s, &at_s)
		 : __builtin_add_overflow(at_s, by_s, &at_s))
		return fail(render, ERR_ABSENT, "invalid time");
	*ret_value = arena_printf(render->arena, "%" PRId64, at_s);
	return *ret_value != NULL ? 0 : ERR_MEMORY;
}

/* *ret_value stays NULL where there is none. */
static int
find_value(struct render *render, struct span directive, const char **ret_value)
{
	const struct identity *identity = render->scope->identity;
	struct span what = trim(directive);
	struct facts facts;

	if (render->has_time && take(&what, "time."))
		return time_value(render, what, ret_value);
	if (identity == NULL || identity->entity == NULL ||
		!take(&what, "identity."))
		return 0;
	if (take(&what, "groups."))
		return group_value(render, what, ret_value);
	if (!take(&what, "entity."))
		return 0;
	if (take(&what, "aliases."))
		return alias_value(render, what, ret_value);
	facts = (struct facts){ identity->entity->id, identity->entity->name,
		&identity->entity->metadata };
	*ret_value = fact(&facts, what);
	return 0;
}

static bool
is_harmless(const struct render *render, const char *value)
{
	const char *bytes =
		render->scope->commas ? VALUE_BYTES "," : VALUE_BYTES;
	const size_t len = strlen(value);

	return len > 0 && strspn(value, bytes) == len;
}

/* ---- texts ------------------------------------------------------------ */

/* The value for the directive at the front of *rest, which is moved on. */
static int
render_one(struct render *render, struct span *rest, const char **ret_value)
{
	static const char no_value[] =
		"no value could be found for one of the template directives";
	struct span inside = span_skip(*rest, BRACES);
	const uint8_t *end = find_braces(inside, CLOSE);
	const char *value = NULL;
	int rc;

	if (end == NULL)
		return fail(render, ERR_ABSENT, "its braces do not pair up");
	inside.len = (size_t)(end - inside.data);
	*rest = span_skip(*rest, inside.len + 2 * BRACES);
	rc = find_value(render, inside, &value);
	if (rc != 0)
		return rc;
	if (value == NULL)
		return fail(render, ERR_ABSENT, no_value);
	if (!is_harmless(render, value))
		return fail(render, ERR_DENIED,
			strchr(value, ',') != NULL
				? "template substitution contains forbidden value \",\""
				: "a value has other bytes than [A-Za-z0-9_.@-]");
	*ret_value = value;
	return 0;
}

static int
render_all(struct render *render, struct span rest, struct buf *out)
{
	const uint8_t *braces = NULL;

	while ((braces = find_braces(rest, OPEN)) != NULL) {
		const size_t before = (size_t)(braces - rest.data);
		const char *value = NULL;
		int rc;

		(void)buf_add(out, rest.data, before);
		rest = span_skip(rest, before);
		rc = render_one(render, &rest, &value);
		if (rc != 0)
			return rc;
		(void)buf_add_str(out, value);
	}
	return buf_add_span(out, rest);
}

/* The rendered text in the arena; a code and render->why where it fails. */
static int
render_text(struct render *render, struct span text, struct span *ret_text)
{
	struct span copy;
	struct buf out;
	int rc;

	buf_init(&out, RENDERED_MAX);
	rc = render_all(render, text, &out);
	if (rc == 0)
		rc = out.rc;
	if (rc == 0) {
		copy = arena_dup(render->arena, buf_span(&out));
		if (copy.data == NULL)
			rc = ERR_MEMORY;
		else
			*ret_text = copy;
	}
	buf_clear(&out);
	return rc;
}

int
template_render(struct span text, const struct identity *identity,
	struct arena *arena, struct span *ret_text, struct err *err)
{
	const struct template_scope scope = { .identity = identity };
	struct render render = { .scope = &scope, .arena = arena };
	int rc = render_text(&render, text, ret_text);

	if (rc == 0 || rc == ERR_ABSENT)
		return rc;
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	if (rc == ERR_LIMIT)
		return err_set(err, rc, 500, "internal error");
	(void)err_set(err, ERR_DENIED, 403, "permission denied");
	return err_wrap(err, "template: %s", render.why);
}

int
template_fill(struct span text, const struct template_scope *scope,
	struct arena *arena, struct span *ret_text, struct err *err)
{
	struct render render = {
		.scope = scope, .has_time = true, .arena = arena
	};
	const bool nobody =
		scope->identity == NULL || scope->identity->entity == NULL;
	int rc = render_text(&render, text, ret_text);

	if (rc == 0 || (rc == ERR_ABSENT && nobody))
		return rc;
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	if (rc == ERR_LIMIT)
		(void)fail(&render, rc, "it becomes too long");
	return err_set(err, ERR_INPUT, 400,
		"template '%.*s' could not be rendered -> %s",
		(int)(text.len < SHOWN_MAX ? text.len : SHOWN_MAX),
		(const char *)text.data, render.why);
}
