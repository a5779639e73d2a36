/* The two forms of claims, and the review's question and answer. */
#include "server/auth/kubernetes/account.h"

#include <string.h>

#include "lib/json.h"
#include "lib/jsonw.h"

#define OLD "kubernetes.io/serviceaccount/"
#define USER_PREFIX "system:serviceaccount:"
#define API "authentication.k8s.io/v1"

/* A member's text; "": it has none, or one that hides bytes behind a NUL. */
static const char *
text_of(const struct value *object, const char *name)
{
	const struct value *member = value_find(object, name);

	if (member == NULL || member->type != VALUE_STRING ||
		memchr(member->str, '\0', member->len) != NULL)
		return "";
	return member->str;
}

/* The member as an object; NULL: it is none. */
static const struct value *
object_of(const struct value *object, const char *name)
{
	const struct value *member = value_find(object, name);

	return member != NULL && member->type == VALUE_OBJECT ? member : NULL;
}

int
account_of_claims(const struct value *claims, struct account *ret_account,
	struct err *err)
{
	const struct value *bound = object_of(claims, "kubernetes.io");
	const struct value *inner = object_of(bound, "serviceaccount");
	struct account account = {
		.name = text_of(claims, OLD "service-account.name"),
		.space = text_of(claims, OLD "namespace"),
		.uid = text_of(claims, OLD "service-account.uid"),
		.secret = text_of(claims, OLD "secret.name"),
	};

	if (bound != NULL)
		account = (struct account){ .name = text_of(inner, "name"),
			.space = text_of(bound, "namespace"),
			.uid = text_of(inner, "uid"),
			.secret = "" };
	if (account.name[0] == '\0' || account.space[0] == '\0' ||
		account.uid[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"the jwt is of no service account");
	*ret_account = account;
	return 0;
}

static bool
lists(const struct str_list *wanted, const char *text)
{
	return str_list_has(wanted, text) ||
		(wanted->n == 1 && strcmp(wanted->items[0], "*") == 0);
}

int
account_check(const struct account *account, const struct kubernetes_role *role,
	struct err *err)
{
	if (!lists(&role->namespaces, account->space))
		return err_set(
			err, ERR_DENIED, 403, "namespace not authorized");
	if (!lists(&role->names, account->name))
		return err_set(err, ERR_DENIED, 403,
			"service account name not authorized");
	return 0;
}

int
account_review(struct secret_view jwt, const char *audience,
	struct arena *arena, struct buf *out, struct err *err)
{
	struct value *review = value_object(arena);
	struct value *spec = value_object(arena);
	struct value *audiences = value_list(arena);
	bool good = value_set_str(arena, review, "apiVersion", API) &&
		value_set_str(arena, review, "kind", "TokenReview") &&
		value_set(arena, spec, "token",
			value_span(arena, span_of(jwt.data, jwt.len)));

	if (audience[0] != '\0')
		good = good &&
			value_add(audiences, value_string(arena, audience)) &&
			value_set(arena, spec, "audiences", audiences);
	if (!good || !value_set(arena, review, "spec", spec))
		return err_set_memory(err);
	jsonw_value(out, review, 0);
	return buf_check(out, err);
}

static int
deny(struct err *err, const char *why)
{
	err_set(err, ERR_DENIED, 403, "permission denied");
	return err_wrap(err, "TokenReview: %s", why);
}

static bool
is_listed(const struct value *list, const char *text)
{
	bool found = false;

	if (list->type != VALUE_LIST)
		return false;
	VALUE_EACH (one, list)
		found = found || span_equal(value_text(one), span_str(text));
	return found;
}

static int
check_status(const struct value *status, const struct account *account,
	const char *audience, struct arena *arena, struct err *err)
{
	const struct value *user = object_of(status, "user");
	const struct value *audiences = value_find(status, "audiences");
	const char *name = arena_printf(
		arena, USER_PREFIX "%s:%s", account->space, account->name);

	if (name == NULL)
		return err_set_memory(err);
	if (!value_find_bool(status, "authenticated", false))
		return deny(err, "the token is not valid");
	if (strcmp(text_of(user, "username"), name) != 0)
		return deny(err, "the user is another than the token's");
	if (strcmp(text_of(user, "uid"), account->uid) != 0)
		return deny(err, "the uid is another than the token's");
	if (audience[0] != '\0' && audiences != NULL &&
		!is_listed(audiences, audience))
		return deny(err, "the token is for another audience");
	return 0;
}

int
account_confirm(struct span answer, const struct account *account,
	const char *audience, struct arena *arena, struct err *err)
{
	struct value *review = NULL;
	const struct value *status = NULL;
	struct err why = { 0 };
	int rc = json_parse(answer, &json_limits_request, arena, &review, &why);

	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	if (rc == 0 && review->type == VALUE_OBJECT)
		status = object_of(review, "status");
	if (status == NULL)
		return deny(err, "the answer is none");
	return check_status(status, account, audience, arena, err);
}
