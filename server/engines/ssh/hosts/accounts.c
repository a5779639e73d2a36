/* Accounts as they are written, and what they say of one. */
#include "server/engines/ssh/hosts/accounts.h"

#include <string.h>

#include "lib/fill.h"
#include "lib/json.h"
#include "server/engines/ssh/records/principal.h"

#define ANY "*"
#define PRINCIPAL_MAX 1024 /* bytes, filled in */

/* ---- templates ---------------------------------------------------------- */

struct place {
	const char *username, *host;
};

/*
 * What template is at this place. *ret_text NULL: no name that a principal may
 * have.
 */
static int
fill_principal(const char *template, const struct place *place,
	struct arena *arena, const char **ret_text)
{
	const struct fill_variable variables[] = {
		{ "{{username}}", place->username },
		{ "{{host}}", place->host },
	};
	const char *text = NULL;
	struct buf out;
	int rc;

	buf_init(&out, PRINCIPAL_MAX);
	(void)fill(&out, template, variables, ARRAY_LEN(variables));
	rc = out.rc == ERR_LIMIT ? 0 : out.rc;
	if (out.rc == 0 && principal_is_user(buf_str(&out))) {
		text = arena_strdup(arena, buf_str(&out));
		rc = text != NULL ? 0 : ERR_MEMORY;
	}
	buf_clear(&out);
	if (rc == 0)
		*ret_text = text;
	return rc;
}

/* ---- written ------------------------------------------------------------ */

/* A principal once its variables are names, and no variable is unknown. */
static int
check_principal(const struct value *given, struct arena *arena, struct err *err)
{
	static const struct place somewhere = { "user", "host" };
	const char *text = NULL;
	int rc = 0;

	if (given->type == VALUE_STRING && strlen(given->str) == given->len)
		rc = fill_principal(given->str, &somewhere, arena, &text);
	if (rc != 0)
		return err_set_memory(err);
	if (text == NULL || strstr(text, "{{") != NULL)
		return err_set(err, ERR_INPUT, 400,
			"\"%.64s\" in 'accounts' is no principal: printable ASCII without blanks, commas, quotes and wildcards, {{username}} and {{host}} in it",
			given->type == VALUE_STRING ? given->str : "");
	return 0;
}

static int
refuse_account(const char *name, const char *why, struct err *err)
{
	return err_set(err, ERR_INPUT, 400,
		"account \"%.64s\" in 'accounts' %s", name, why);
}

/* One account's principals as a list. */
static int
read_account(const struct value *given, struct arena *arena,
	struct value **ret_list, struct err *err)
{
	struct value *list = value_list(arena);
	const struct value *first =
		given->type == VALUE_LIST ? given->first : given;
	size_t n = given->type == VALUE_LIST ? given->n : 1;

	if (strcmp(given->key, ANY) != 0 && !principal_is_user(given->key))
		return refuse_account(
			given->key, "is no name of an account, nor \"*\"", err);
	if (n > ACCOUNTS_PRINCIPALS_MAX)
		return refuse_account(
			given->key, "has more than 64 principals", err);
	for (; n > 0; n--, first = first->next) {
		int rc = check_principal(first, arena, err);

		if (rc != 0)
			return rc;
		if (!value_add(list, value_string(arena, first->str)))
			return err_set_memory(err);
	}
	*ret_list = list;
	return list != NULL ? 0 : err_set_memory(err);
}

int
accounts_parse(const char *text, struct arena *arena,
	const struct value **ret_accounts, struct err *err)
{
	struct value *accounts = value_object(arena);
	struct value *given = NULL, *list = NULL;

	if (json_parse(span_str(text), &json_limits_request, arena, &given,
		    err) != 0 ||
		given->type != VALUE_OBJECT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"'accounts' must be an object of lists, such as {\"deploy\":[\"ci\"]}");
	}
	if (given->n > ACCOUNTS_MAX)
		return err_set(err, ERR_INPUT, 400,
			"'accounts' has more than %d accounts", ACCOUNTS_MAX);
	VALUE_EACH (account, given) {
		int rc = read_account(account, arena, &list, err);

		if (rc != 0)
			return rc;
		if (!value_set(arena, accounts, account->key, list))
			return err_set_memory(err);
	}
	*ret_accounts = accounts;
	return accounts != NULL ? 0 : err_set_memory(err);
}

/* ---- read --------------------------------------------------------------- */

bool
accounts_are_none(const struct value *accounts)
{
	return accounts == NULL || accounts->n == 0;
}

int
accounts_principals(const struct value *accounts, const char *username,
	const char *host, struct arena *arena, struct str_list *ret_principals,
	struct err *err)
{
	const struct place place = { username, host };
	const struct value *listed = value_find(accounts, username);
	struct str_list principals = { .n = 0 };

	if (listed == NULL)
		listed = value_find(accounts, ANY);
	VALUE_EACH (one, listed) {
		const char *text = NULL;

		if (fill_principal(one->str, &place, arena, &text) != 0 ||
			(text != NULL &&
				!str_list_add(arena, &principals, text)))
			return err_set_memory(err);
	}
	*ret_principals = principals;
	return 0;
}
