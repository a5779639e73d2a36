/* The rules of token creation, without a store. */
#include "server/auth/token_rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ROOT "root"
#define DEFAULT "default"

static struct str_list
policies_of(const struct token *token)
{
	return (struct str_list){ token->policies, token->n_policies };
}

static bool
begins_with(struct secret_view text, const char *prefix)
{
	const size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

static int
check_id(const struct token_wish *wish, const struct token_maker *maker,
	struct err *err)
{
	if (wish->id.len == 0)
		return 0;
	if (!maker->sudo)
		return err_set(err, ERR_INPUT, 400,
			"root or sudo privileges required to specify token id");
	if (begins_with(wish->id, "s.") || begins_with(wish->id, TOKEN_PREFIX))
		return err_set(err, ERR_INPUT, 400,
			"custom token ID cannot have the 's.' prefix");
	if (memchr(wish->id.data, '.', wish->id.len) != NULL)
		return err_set(err, ERR_INPUT, 400,
			"custom token ID cannot have a '.' in the value");
	if (wish->id.len >= TOKEN_TEXT_MAX)
		return err_set(err, ERR_INPUT, 400,
			"custom token ID cannot be longer than %d characters",
			TOKEN_TEXT_MAX - 1);
	return 0;
}

static int
check_type(const char *type, struct err *err)
{
	if (type[0] == '\0' || strcmp(type, "service") == 0)
		return 0;
	if (strcmp(type, "batch") == 0)
		return err_set(err, ERR_INPUT, 400,
			"batch tokens are not supported yet; use \"service\"");
	return err_set(err, ERR_INPUT, 400, "invalid 'token_type' value");
}

int
token_check_wish(const struct token_wish *wish, const struct token_maker *maker,
	struct err *err)
{
	int rc;

	if (maker->token->num_uses > 0)
		return err_set(err, ERR_INPUT, 400,
			"restricted use token cannot generate child tokens");
	rc = check_type(wish->type, err);
	if (rc == 0)
		rc = check_id(wish, maker, err);
	if (rc != 0)
		return rc;
	if (wish->entity_alias[0] != '\0')
		return err_set(err, ERR_INPUT, 400,
			"'entity_alias' is only allowed in combination with token role");
	if (wish->num_uses < 0)
		return err_set(err, ERR_INPUT, 400,
			"number of uses cannot be negative");
	if (wish->no_parent && !maker->sudo)
		return err_set(err, ERR_INPUT, 400,
			"root or sudo privileges required to create orphan token");
	if (wish->period > 0 && !maker->sudo)
		return err_set(err, ERR_INPUT, 400,
			"root or sudo privileges required to create periodic token");
	return 0;
}

static int
compare_text(const void *a, const void *b)
{
	const char *const *left = a;
	const char *const *right = b;

	return strcmp(*left, *right);
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

/* Clean, drop empties and repeats, sort; "root" swallows the rest. */
static int
clean_policies(const struct str_list *given, const char *extra,
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
		if (name[0] != '\0' && !str_list_has(&clean, name))
			clean.items[clean.n++] = name;
	}
	if (extra != NULL && !str_list_has(&clean, extra))
		clean.items[clean.n++] = extra;
	if (str_list_has(&clean, ROOT)) {
		clean.items[0] = ROOT;
		clean.n = 1;
	}
	qsort(clean.items, clean.n, sizeof(*clean.items), compare_text);
	*ret_policies = clean;
	return 0;
}

static bool
is_subset(const struct str_list *small, const struct str_list *large)
{
	for (size_t i = 0; i < small->n; i++) {
		if (!str_list_has(large, small->items[i]))
			return false;
	}
	return true;
}

static void
drop_name(struct str_list *list, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->items[i], name) != 0)
			list->items[n++] = list->items[i];
	}
	list->n = n;
}

/* Is "default" added without being asked for? */
static bool
adds_default(const struct token_wish *wish, const struct token_maker *maker,
	const struct str_list *parent)
{
	if (wish->no_default_policy || wish->policies.n == 0)
		return false;
	return maker->sudo || str_list_has(parent, DEFAULT);
}

int
token_choose_policies(const struct token_wish *wish,
	const struct token_maker *maker, struct arena *arena,
	struct str_list *ret_policies, struct err *err)
{
	const struct str_list parent = policies_of(maker->token);
	const bool inherited = wish->policies.n == 0;
	struct str_list chosen;
	int rc;

	rc = clean_policies(inherited ? &parent : &wish->policies, NULL, arena,
		&chosen, err);
	if (rc != 0)
		return rc;
	if (!maker->sudo && !is_subset(&chosen, &parent))
		return err_set(err, ERR_INPUT, 400,
			"child policies must be subset of parent");
	if (adds_default(wish, maker, &parent)) {
		rc = clean_policies(&chosen, DEFAULT, arena, &chosen, err);
		if (rc != 0)
			return rc;
	}
	if (wish->no_default_policy)
		drop_name(&chosen, DEFAULT);
	if (str_list_has(&chosen, "response-wrapping"))
		return err_set(err, ERR_INPUT, 400,
			"cannot assign policy \"response-wrapping\"");
	if (str_list_has(&chosen, ROOT) && !str_list_has(&parent, ROOT))
		return err_set(err, ERR_INPUT, 400,
			"root tokens may not be created without parent token being root");
	*ret_policies = chosen;
	return 0;
}

char *
token_display_name(struct arena *arena, const char *wanted)
{
	char *name = wanted[0] == '\0'
		? arena_strdup(arena, "token")
		: arena_printf(arena, "token-%s", wanted);
	size_t len;

	if (name == NULL)
		return NULL;
	len = strlen(name);
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]))
			name[i] = '-';
	}
	if (name[len - 1] == '-')
		name[len - 1] = '\0';
	return name;
}

static int64_t
smaller_limit(int64_t a_s, int64_t b_s)
{
	if (a_s == 0 || b_s == 0)
		return a_s == 0 ? b_s : a_s;
	return a_s < b_s ? a_s : b_s;
}

int
token_choose_lifetime(const struct token_wish *wish,
	const struct token_maker *maker, const struct str_list *policies,
	const struct token_limits *limits, struct token_lifetime *ret_life,
	struct err *err)
{
	const bool root = str_list_has(policies, ROOT);
	const bool periodic = wish->period > 0;
	struct token_lifetime life = { .max_s = wish->explicit_max_ttl };

	life.asked_s = wish->ttl != 0 ? wish->ttl : wish->lease;
	if (root && life.asked_s == 0 && !periodic && life.max_s == 0) {
		if (maker->token->lease.expire_s != 0)
			return err_set(err, ERR_INPUT, 400,
				"expiring root tokens cannot create non-expiring root tokens");
		*ret_life = life;
		return 0;
	}
	if (!periodic)
		life.max_s = smaller_limit(life.max_s, limits->max_s);
	if (periodic)
		life.asked_s = wish->period;
	else if (life.asked_s == 0)
		life.asked_s = limits->default_s;
	life.ttl_s = smaller_limit(life.asked_s, life.max_s);
	life.capped = life.ttl_s < life.asked_s;
	*ret_life = life;
	return 0;
}
