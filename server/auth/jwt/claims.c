/* Times, bounds, and who it is: the texts are those of the peer. */
#include "server/auth/jwt/claims.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/glob.h"
#include "lib/json.h"
#include "lib/number.h"

#define TIME_MAX 1e12    /* s; nobody's clock goes further */
#define POINTER_STEP 256 /* bytes of one name in a pointer */
#define LISTED_MAX 1000  /* groups */
#define USER_MAX 512     /* bytes of a caller's name */

/* Room for all groups that may be listed, beside what else a token says. */
static const struct json_limits claims_limits = {
	.depth = 16, .strings = 4 * LISTED_MAX, .keys = 1000, .nodes = 8000
};

int
claims_parse(struct span payload, struct arena *arena, const char *refusal,
	const struct value **ret_claims, struct err *err)
{
	struct value *claims = NULL;
	struct err why = { 0 };
	int rc = json_parse(payload, &claims_limits, arena, &claims, &why);

	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	if (rc != 0 || claims->type != VALUE_OBJECT)
		return err_set(err, ERR_INPUT, 400, "%s", refusal);
	*ret_claims = claims;
	return 0;
}

/* ---- finding ---------------------------------------------------------- */

/* One name of a pointer, "~1" and "~0" read; false: it is too long. */
static bool
take_step(const char **pointer, char step[POINTER_STEP])
{
	const char *from = *pointer + 1;
	size_t len = 0;

	while (*from != '\0' && *from != '/') {
		char c = *from++;

		if (c == '~' && (*from == '0' || *from == '1'))
			c = *from++ == '0' ? '~' : '/';
		if (len == POINTER_STEP - 1)
			return false;
		step[len++] = c;
	}
	step[len] = '\0';
	*pointer = from;
	return true;
}

static const struct value *
list_item(const struct value *list, const char *step)
{
	uint64_t i = 0;

	if (number_parse_u64(span_str(step), list->n, &i) != 0)
		return NULL;
	VALUE_EACH (item, list) {
		if (i-- == 0)
			return item;
	}
	return NULL;
}

/*
 * The claim of this name; of a name that begins with '/', what that JSON
 * pointer (RFC 6901) leads to. NULL: there is none.
 */
static const struct value *
find_claim(const struct value *claims, const char *name)
{
	const struct value *at = claims;
	char step[POINTER_STEP];

	if (name[0] != '/')
		return value_find(claims, name);
	while (at != NULL && *name == '/') {
		if (!take_step(&name, step))
			return NULL;
		if (at->type == VALUE_OBJECT)
			at = value_find(at, step);
		else
			at = at->type == VALUE_LIST ? list_item(at, step)
						    : NULL;
	}
	return at;
}

/* A claim's text; NULL: it is absent, no text, or hides bytes behind a NUL. */
static const char *
text_of(const struct value *value)
{
	if (value == NULL || value->type != VALUE_STRING ||
		memchr(value->str, '\0', value->len) != NULL)
		return NULL;
	return value->str;
}

/* ---- times ------------------------------------------------------------ */

/* iat, nbf and exp; 0: the token does not say. */
struct times {
	int64_t issued_s, begins_s, ends_s;
};

/* A NumericDate (RFC 7519 section 2), its fraction cut; absent: 0. */
static int
take_time(const struct value *claims, const char *name, int64_t *ret_s,
	struct err *err)
{
	const struct value *value = value_find(claims, name);
	double s = 0;

	if (value != NULL && value->type == VALUE_NUMBER)
		s = strtod(value->str, NULL);
	else if (value != NULL && value->type != VALUE_NULL)
		s = NAN;
	if (!(s >= 0 && s <= TIME_MAX))
		return err_set(err, ERR_INPUT, 400,
			"error validating token: claim \"%s\" is no time",
			name);
	*ret_s = (int64_t)s;
	return 0;
}

/* A role's leeway: 0 the usual one, negative none. */
static int64_t
leeway(int64_t wanted_s, int64_t usual_s)
{
	if (wanted_s == 0)
		return usual_s;
	return wanted_s > 0 ? wanted_s : 0;
}

static int
take_times(const struct jwt_role *role, const struct value *claims,
	struct times *times, struct err *err)
{
	int rc = take_time(claims, "iat", &times->issued_s, err);

	if (rc == 0)
		rc = take_time(claims, "nbf", &times->begins_s, err);
	if (rc == 0)
		rc = take_time(claims, "exp", &times->ends_s, err);
	if (rc != 0)
		return rc;
	if (times->issued_s == 0 && times->begins_s == 0 && times->ends_s == 0)
		return err_set(err, ERR_INPUT, 400,
			"error validating token: no issued at (iat), not before (nbf), or expiration time (exp) claims in token");
	if (times->ends_s == 0)
		times->ends_s =
			(times->begins_s > times->issued_s ? times->begins_s
							   : times->issued_s) +
			leeway(role->expiration_leeway, JWT_LEEWAY_DEFAULT);
	if (times->begins_s == 0)
		times->begins_s = times->issued_s != 0 ? times->issued_s
						       : times->ends_s -
				leeway(role->not_before_leeway,
					JWT_LEEWAY_DEFAULT);
	return 0;
}

static int
check_times(const struct jwt_role *role, const struct value *claims,
	int64_t now_s, struct err *err)
{
	const int64_t skew_s =
		leeway(role->clock_skew_leeway, JWT_SKEW_DEFAULT);
	struct times times = { 0 };
	const char *why = NULL;
	int rc = take_times(role, claims, &times, err);

	if (rc != 0)
		return rc;
	if (now_s + skew_s < times.begins_s)
		why = "invalid not before (nbf) claim: token not yet valid";
	else if (now_s - skew_s > times.ends_s)
		why = "invalid expiration time (exp) claim: token is expired";
	else if (now_s + skew_s < times.issued_s)
		why = "invalid issued at (iat) claim: token issued in the future";
	return why == NULL ? 0
			   : err_set(err, ERR_INPUT, 400,
				     "error validating token: %s", why);
}

/* ---- who and for whom ------------------------------------------------- */

static bool
is_text(const struct value *value, const char *text)
{
	const char *found = text_of(value);

	return found != NULL && strcmp(found, text) == 0;
}

static bool
has_audience(const struct str_list *wanted, const struct value *aud)
{
	bool found = false;

	for (size_t i = 0; i < wanted->n; i++) {
		found = found || is_text(aud, wanted->items[i]);
		if (aud->type != VALUE_LIST)
			continue;
		VALUE_EACH (one, aud)
			found = found || is_text(one, wanted->items[i]);
	}
	return found;
}

/*
 * A token that is meant for somebody is not for us unless the role says so:
 * no bound audiences, no audience.
 */
static int
check_audience(const struct jwt_role *role, const struct value *claims,
	struct err *err)
{
	const struct value *aud = value_find(claims, "aud");
	const bool has_any = aud != NULL && aud->type != VALUE_NULL &&
		(aud->type != VALUE_LIST || aud->n > 0);

	if (role->bound_audiences.n == 0 && !has_any)
		return 0;
	if (role->bound_audiences.n == 0)
		return err_set(err, ERR_INPUT, 400,
			"audience claim found in JWT but no audiences bound to the role");
	if (has_any && has_audience(&role->bound_audiences, aud))
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"error validating token: invalid audience (aud) claim: audience claim does not match any bound audience");
}

static int
check_issuer(const struct value *claims, const char *issuer, struct err *err)
{
	if (issuer[0] == '\0' || is_text(value_find(claims, "iss"), issuer))
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"error validating token: invalid issuer (iss) claim");
}

static int
check_names(const struct jwt_role *role, const char *issuer,
	const struct value *claims, struct err *err)
{
	int rc = check_issuer(claims, issuer, err);

	if (rc != 0)
		return rc;
	if (role->bound_subject[0] != '\0' &&
		!is_text(value_find(claims, "sub"), role->bound_subject))
		return err_set(err, ERR_INPUT, 400,
			"error validating token: invalid subject (sub) claim");
	return check_audience(role, claims, err);
}

/* ---- bound claims ----------------------------------------------------- */

static bool
is_scalar(const struct value *value)
{
	return value->type == VALUE_STRING || value->type == VALUE_NUMBER ||
		value->type == VALUE_BOOL;
}

static bool
scalars_match(
	const struct value *wanted, const struct value *found, bool by_glob)
{
	if (wanted->type != found->type || !is_scalar(wanted))
		return false;
	if (wanted->type == VALUE_BOOL)
		return wanted->boolean == found->boolean;
	if (by_glob && wanted->type == VALUE_STRING)
		return glob_matches(value_text(wanted), value_text(found));
	return span_equal(value_text(wanted), value_text(found));
}

/* One value of the claim is of one wanted value; either may be a list. */
static bool
any_match(const struct value *wanted, const struct value *found, bool by_glob)
{
	bool good = false;

	if (found->type != VALUE_LIST)
		return scalars_match(wanted, found, by_glob);
	VALUE_EACH (one, found)
		good = good || scalars_match(wanted, one, by_glob);
	return good;
}

static int
check_bound_claim(const struct value *wanted, const struct value *claims,
	bool by_glob, struct err *err)
{
	const struct value *found = find_claim(claims, wanted->key);
	bool good = false;

	if (found == NULL || found->type == VALUE_NULL)
		return err_set(err, ERR_INPUT, 400,
			"error validating claims: claim \"%.64s\" is missing",
			wanted->key);
	if (wanted->type != VALUE_LIST)
		good = any_match(wanted, found, by_glob);
	else
		VALUE_EACH (one, wanted)
			good = good || any_match(one, found, by_glob);
	return good
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "error validating claims: claim \"%.64s\" does not match any associated bound claim values",
			  wanted->key);
}

static int
check_bound_claims(const struct jwt_role *role, const struct value *claims,
	struct err *err)
{
	const bool by_glob = strcmp(role->bound_claims_type, "glob") == 0;
	int rc = 0;

	VALUE_EACH (wanted, role->bound_claims) {
		if (rc == 0)
			rc = check_bound_claim(wanted, claims, by_glob, err);
	}
	return rc;
}

int
claims_check(const struct jwt_role *role, const char *issuer,
	const struct value *claims, int64_t now_s, struct err *err)
{
	int rc = check_times(role, claims, now_s, err);

	if (rc == 0)
		rc = check_names(role, issuer, claims, err);
	return rc != 0 ? rc : check_bound_claims(role, claims, err);
}

static bool
has_times(const struct value *claims)
{
	return value_find(claims, "iat") != NULL ||
		value_find(claims, "nbf") != NULL ||
		value_find(claims, "exp") != NULL;
}

int
claims_check_plain(const struct value *claims, const char *issuer,
	const char *audience, int64_t now_s, struct err *err)
{
	const struct jwt_role role = { .bound_subject = "",
		.bound_audiences = { .items = &audience, .n = 1 } };
	int rc = has_times(claims) ? check_times(&role, claims, now_s, err) : 0;

	if (rc == 0)
		rc = check_issuer(claims, issuer, err);
	if (rc == 0 && audience[0] != '\0')
		rc = check_audience(&role, claims, err);
	return rc;
}

/* ---- identity --------------------------------------------------------- */

static int
find_user(const struct jwt_role *role, const struct value *claims,
	const char **ret_user, struct err *err)
{
	const struct value *claim = find_claim(claims, role->user_claim);
	const char *user = text_of(claim);

	if (claim == NULL)
		return err_set(err, ERR_INPUT, 400,
			"claim \"%.64s\" not found in token", role->user_claim);
	if (user == NULL || user[0] == '\0' || claim->len > USER_MAX)
		return err_set(err, ERR_INPUT, 400,
			"claim \"%.64s\" could not be converted to string",
			role->user_claim);
	*ret_user = user;
	return 0;
}

/* Claims that the token has not are left out. */
static int
map_claims(const struct jwt_role *role, const struct value *claims,
	struct arena *arena, struct str_map *meta, struct err *err)
{
	const struct str_map *mappings = &role->claim_mappings;

	meta->keys = ARENA_ARRAY(arena, const char *, mappings->n + 1);
	meta->values = ARENA_ARRAY(arena, const char *, mappings->n + 1);
	if (meta->keys == NULL || meta->values == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < mappings->n; i++) {
		const struct value *claim =
			find_claim(claims, mappings->keys[i]);
		const char *text = text_of(claim);

		if (claim == NULL || claim->type == VALUE_NULL)
			continue;
		if (claim->type == VALUE_NUMBER)
			text = claim->str;
		else if (claim->type == VALUE_BOOL)
			text = claim->boolean ? "true" : "false";
		if (text == NULL)
			return err_set(err, ERR_INPUT, 400,
				"error converting claim '%.64s' to string",
				mappings->keys[i]);
		meta->keys[meta->n] = arena_strdup(arena, mappings->values[i]);
		meta->values[meta->n] = text;
		if (meta->keys[meta->n++] == NULL)
			return err_set_memory(err);
	}
	return 0;
}

static int
add_group(const struct value *claim, struct str_list *groups, struct err *err)
{
	const char *name = text_of(claim);

	if (name == NULL)
		return err_set(err, ERR_INPUT, 400,
			"value in groups claim could not be parsed as string");
	if (name[0] != '\0')
		groups->items[groups->n++] = name;
	return 0;
}

static int
list_groups(const struct jwt_role *role, const struct value *claims,
	struct arena *arena, struct str_list *groups, struct err *err)
{
	const struct value *claim;
	int rc = 0;

	if (role->groups_claim[0] == '\0')
		return 0;
	claim = find_claim(claims, role->groups_claim);
	if (claim == NULL || claim->type == VALUE_NULL)
		return err_set(err, ERR_INPUT, 400,
			"\"%.64s\" claim not found in token",
			role->groups_claim);
	if ((claim->type != VALUE_LIST && claim->type != VALUE_STRING) ||
		(claim->type == VALUE_LIST && claim->n > LISTED_MAX))
		return err_set(err, ERR_INPUT, 400,
			"\"%.64s\" claim could not be converted to string list",
			role->groups_claim);
	groups->items = ARENA_ARRAY(arena, const char *,
		claim->type == VALUE_LIST ? claim->n + 1 : 1);
	if (groups->items == NULL)
		return err_set_memory(err);
	if (claim->type == VALUE_STRING)
		return add_group(claim, groups, err);
	VALUE_EACH (one, claim) {
		if (rc == 0)
			rc = add_group(one, groups, err);
	}
	return rc;
}

int
claims_identity(const struct jwt_role *role, const struct value *claims,
	struct arena *arena, struct claims_identity *ret_identity,
	struct err *err)
{
	struct claims_identity identity = { 0 };
	int rc = find_user(role, claims, &identity.user, err);

	if (rc == 0)
		rc = map_claims(role, claims, arena, &identity.meta, err);
	if (rc == 0)
		rc = list_groups(role, claims, arena, &identity.groups, err);
	if (rc == 0)
		*ret_identity = identity;
	return rc;
}
