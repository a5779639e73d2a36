/* The rules of new tokens, without a store. */
#include "server/auth/token_rules.h"

#include <ctype.h>
#include <string.h>

#define ROOT "root"

bool
token_is_batch_by(const char *asked, const char *by)
{
	if (strcmp(by, "batch") == 0 || strcmp(by, "service") == 0)
		return strcmp(by, "batch") == 0;
	if (strcmp(asked, "batch") == 0 || strcmp(asked, "service") == 0)
		return strcmp(asked, "batch") == 0;
	return strcmp(by, "default-batch") == 0;
}

int
token_check_batch(int64_t explicit_max_s, int64_t num_uses, int64_t period_s,
	struct err *err)
{
	const char *bad = NULL;

	if (explicit_max_s != 0)
		bad = "explicit_max_ttl";
	else if (num_uses != 0)
		bad = "num_uses";
	else if (period_s != 0)
		bad = "period";
	return bad == NULL
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "batch tokens cannot have \"%s\" set", bad);
}

/* A copy in lower case without blanks at either end. */
static char *
clean_name(struct arena *arena, const char *text)
{
	size_t len;
	char *name;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	name = arena_strndup(arena, text, len);
	for (size_t i = 0; name != NULL && i < len; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	return name;
}

int
token_clean_policies(const struct str_list *given, const char *extra,
	struct arena *arena, struct str_list *ret_policies, struct err *err)
{
	struct str_list clean = { .n = 0 };

	clean.items = ARENA_ARRAY(arena, const char *, given->n + 2);
	if (clean.items == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < given->n; i++) {
		const char *name = clean_name(arena, given->items[i]);

		if (name == NULL)
			return err_set_memory(err);
		if (name[0] != '\0')
			clean.items[clean.n++] = name;
	}
	if (extra != NULL)
		clean.items[clean.n++] = extra;
	str_list_sort(&clean);
	if (str_list_has(&clean, ROOT)) {
		clean.items[0] = ROOT;
		clean.n = 1;
	}
	*ret_policies = clean;
	return 0;
}

int64_t
token_smaller_limit(int64_t a_s, int64_t b_s)
{
	if (a_s == 0 || b_s == 0)
		return a_s == 0 ? b_s : a_s;
	return a_s < b_s ? a_s : b_s;
}

void
token_cut_lifetime(const struct token_ask *ask,
	const struct token_limits *limits, struct token_lifetime *ret_life)
{
	const bool periodic = ask->period_s > 0;
	struct token_lifetime life = { .max_s = ask->explicit_max_s };

	if (!periodic)
		life.max_s = token_smaller_limit(life.max_s, limits->max_s);
	life.asked_s = periodic ? ask->period_s : ask->ttl_s;
	if (life.asked_s == 0)
		life.asked_s = limits->default_s;
	life.ttl_s = token_smaller_limit(life.asked_s, life.max_s);
	life.capped = life.ttl_s < life.asked_s;
	*ret_life = life;
}
