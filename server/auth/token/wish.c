/* What a maker may ask of a new token, without a store. */
#include "server/auth/token/wish.h"

#include <ctype.h>
#include <string.h>

#include "lib/glob.h"

#define ROOT "root"
#define DEFAULT "default"
#define LIST_TEXT_MAX 300 /* bytes of a list in a refusal */

/* Whether one of the patterns matches, whatever its letters' case. */
static bool
matches_any(const struct str_list *globs, const char *text)
{
	for (size_t i = 0; i < globs->n; i++) {
		if (glob_matches_folded(
			    span_str(globs->items[i]), span_str(text)))
			return true;
	}
	return false;
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
check_type(const struct token_wish *wish, const struct token_role *role,
	bool *ret_batch, struct err *err)
{
	static const struct token_role none = { .type = "default-service" };
	const char *type = wish->type;

	if (role == NULL)
		role = &none;
	if (type[0] != '\0' && strcmp(type, "service") != 0 &&
		strcmp(type, "batch") != 0)
		return err_set(
			err, ERR_INPUT, 400, "invalid 'token_type' value");
	*ret_batch = token_is_batch_by(type, role->type);
	if (!*ret_batch)
		return 0;
	if (wish->id.len > 0)
		return err_set(err, ERR_INPUT, 400,
			"batch tokens cannot have \"id\" set");
	return token_check_batch(token_smaller_limit(wish->explicit_max_ttl,
					 role->explicit_max_ttl),
		token_smaller_limit(wish->num_uses, role->num_uses),
		token_smaller_limit(wish->period, role->period), err);
}

static int
check_entity_alias(const struct token_wish *wish, const struct token_role *role,
	struct err *err)
{
	if (wish->entity_alias[0] == '\0')
		return 0;
	if (role == NULL)
		return err_set(err, ERR_INPUT, 400,
			"'entity_alias' is only allowed in combination with token role");
	return matches_any(&role->allowed_entity_aliases, wish->entity_alias)
		? 0
		: err_set(err, ERR_INPUT, 400, "invalid 'entity_alias' value");
}

int
token_check_wish(const struct token_wish *wish, const struct token_maker *maker,
	bool *ret_batch, struct err *err)
{
	int rc;

	if (maker->token->batch)
		return err_set(err, ERR_INPUT, 400,
			"batch tokens cannot create more tokens");
	if (maker->token->num_uses > 0)
		return err_set(err, ERR_INPUT, 400,
			"restricted use token cannot generate child tokens");
	rc = check_type(wish, maker->role, ret_batch, err);
	if (rc == 0)
		rc = check_id(wish, maker, err);
	if (rc != 0)
		return rc;
	rc = check_entity_alias(wish, maker->role, err);
	if (rc != 0)
		return rc;
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

static bool
is_subset(const struct str_list *small, const struct str_list *large)
{
	for (size_t i = 0; i < small->n; i++) {
		if (!str_list_has(large, small->items[i]))
			return false;
	}
	return true;
}

/* Is "default" added without being asked for? */
static bool
adds_default(const struct token_wish *wish, const struct token_maker *maker,
	const struct str_list *parent)
{
	if (wish->no_default_policy || wish->policies.n == 0 ||
		(maker->role != NULL && maker->role->no_default_policy))
		return false;
	return maker->sudo || str_list_has(parent, DEFAULT);
}

/* ["a" "b"], as the peer writes lists; cut where it gets long. */
static const char *
list_text(struct arena *arena, const struct str_list *list)
{
	struct buf text;
	const char *copy;

	buf_init(&text, LIST_TEXT_MAX * 2);
	(void)buf_add_char(&text, '[');
	for (size_t i = 0; i < list->n && text.len < LIST_TEXT_MAX; i++)
		(void)buf_addf(
			&text, "%s\"%.64s\"", i > 0 ? " " : "", list->items[i]);
	(void)buf_add_char(&text, ']');
	copy = arena_strdup(arena, buf_str(&text));
	buf_clear(&text);
	return copy != NULL ? copy : "";
}

/* A role that says which policies are allowed, or which are not. */
static bool
rules_policies(const struct token_role *role)
{
	return role != NULL &&
		(role->allowed_policies.n > 0 ||
			role->allowed_policies_glob.n > 0 ||
			role->disallowed_policies.n > 0 ||
			role->disallowed_policies_glob.n > 0);
}

static bool
is_disallowed(const struct token_role *role, const char *policy)
{
	return str_list_has(&role->disallowed_policies, policy) ||
		matches_any(&role->disallowed_policies_glob, policy);
}

static int
check_allowed(const struct token_role *role, const struct str_list *allowed,
	const struct str_list *chosen, struct arena *arena, struct err *err)
{
	for (size_t i = 0; i < chosen->n; i++) {
		const char *policy = chosen->items[i];

		if (str_list_has(allowed, policy) ||
			matches_any(&role->allowed_policies_glob, policy))
			continue;
		return err_set(err, ERR_INPUT, 400,
			"token policies (%s) must be subset of the role's allowed policies (%s)",
			list_text(arena, chosen), list_text(arena, allowed));
	}
	return 0;
}

static int
check_disallowed(const struct token_role *role, const struct str_list *chosen,
	struct err *err)
{
	for (size_t i = 0; i < chosen->n; i++) {
		if (is_disallowed(role, chosen->items[i]))
			return err_set(err, ERR_INPUT, 400,
				"token policy \"%.64s\" is disallowed by this role",
				chosen->items[i]);
	}
	return 0;
}

/*
 * What the role allows, whatever the maker has: all of it where no policy was
 * asked for. A role that only forbids leaves the maker's own to choose from
 * where none was asked for, and any other where some were.
 */
static int
choose_by_role(const struct token_wish *wish, const struct token_maker *maker,
	struct arena *arena, struct str_list *ret_policies, struct err *err)
{
	const struct token_role *role = maker->role;
	const struct str_list *parent = &maker->token->policies;
	const bool limits = role->allowed_policies.n > 0 ||
		role->allowed_policies_glob.n > 0;
	const bool adds = !wish->no_default_policy &&
		!role->no_default_policy && !is_disallowed(role, DEFAULT);
	const char *extra = adds ? DEFAULT : NULL;
	const struct str_list *asked = &wish->policies;
	struct str_list chosen, allowed;
	int rc;

	if (asked->n == 0)
		asked = limits ? &role->allowed_policies : parent;
	rc = token_clean_policies(asked, extra, arena, &chosen, err);
	if (rc == 0 && limits)
		rc = token_clean_policies(
			&role->allowed_policies, extra, arena, &allowed, err);
	if (rc == 0 && limits)
		rc = check_allowed(role, &allowed, &chosen, arena, err);
	if (rc == 0)
		rc = check_disallowed(role, &chosen, err);
	if (rc == 0)
		*ret_policies = chosen;
	return rc;
}

static int
choose_by_maker(const struct token_wish *wish, const struct token_maker *maker,
	struct arena *arena, struct str_list *ret_policies, struct err *err)
{
	const struct str_list *parent = &maker->token->policies;
	const bool inherited = wish->policies.n == 0;
	struct str_list chosen;
	int rc;

	rc = token_clean_policies(inherited ? parent : &wish->policies, NULL,
		arena, &chosen, err);
	if (rc != 0)
		return rc;
	if (!maker->sudo && !is_subset(&chosen, parent))
		return err_set(err, ERR_INPUT, 400,
			"child policies must be subset of parent");
	if (adds_default(wish, maker, parent))
		rc = token_clean_policies(
			&chosen, DEFAULT, arena, &chosen, err);
	if (rc == 0)
		*ret_policies = chosen;
	return rc;
}

int
token_choose_policies(const struct token_wish *wish,
	const struct token_maker *maker, struct arena *arena,
	struct str_list *ret_policies, struct err *err)
{
	const struct str_list *parent = &maker->token->policies;
	struct str_list chosen;
	int rc;

	rc = rules_policies(maker->role)
		? choose_by_role(wish, maker, arena, &chosen, err)
		: choose_by_maker(wish, maker, arena, &chosen, err);
	if (rc != 0)
		return rc;
	if (wish->no_default_policy)
		str_list_drop(&chosen, DEFAULT);
	if (str_list_has(&chosen, "response-wrapping"))
		return err_set(err, ERR_INPUT, 400,
			"cannot assign policy \"response-wrapping\"");
	if (str_list_has(&chosen, ROOT) && !str_list_has(parent, ROOT))
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

void
token_narrow_ask(const struct token_role *role, struct token_ask *ask)
{
	ask->explicit_max_s = token_smaller_limit(
		ask->explicit_max_s, role->explicit_max_ttl);
	ask->period_s = token_smaller_limit(ask->period_s, role->period);
}

int
token_choose_lifetime(const struct token_wish *wish,
	const struct token_maker *maker, const struct str_list *policies,
	const struct token_limits *limits, struct token_lifetime *ret_life,
	struct err *err)
{
	struct token_ask ask = {
		.ttl_s = wish->ttl != 0 ? wish->ttl : wish->lease,
		.explicit_max_s = wish->explicit_max_ttl,
		.period_s = wish->period,
	};

	if (maker->role != NULL)
		token_narrow_ask(maker->role, &ask);

	if (!str_list_has(policies, ROOT) || ask.ttl_s != 0 ||
		ask.period_s > 0 || ask.explicit_max_s != 0) {
		token_cut_lifetime(&ask, limits, ret_life);
		return 0;
	}
	if (maker->token->lease.expire_s != 0)
		return err_set(err, ERR_INPUT, 400,
			"expiring root tokens cannot create non-expiring root tokens");
	*ret_life = (struct token_lifetime){ .ttl_s = 0 };
	return 0;
}
