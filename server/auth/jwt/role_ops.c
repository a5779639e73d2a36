/* role/:name: which tokens of the issuer log in, and as whom. */
#include <string.h>

#include "server/auth/jwt/jwt.h"

#define LEEWAY_MAX 9223372036 /* s */
#define LEEWAY .min = -LEEWAY_MAX, .max = LEEWAY_MAX

static const struct field role_fields[] = {
	FIELD_STR(struct jwt_role, role_type, .len_max = 32, .initial = "jwt",
		.doc = "\"jwt\", the only one."),
	FIELD_STR(struct jwt_role, user_claim, .len_max = 255,
		.doc = "Claim that names the caller, the same at each login."),
	FIELD_STR(struct jwt_role, groups_claim, .len_max = 255,
		.doc = "Claim that lists the caller's groups: aliases of external groups in identity/."),
	FIELD_STR(struct jwt_role, bound_subject,
		.doc = "The sub claim that tokens must have; none: any."),
	FIELD_LIST(struct jwt_role, bound_audiences, .len_max = 16384,
		.doc = "Audiences, one of which must be among the token's; none: it may have none."),
	FIELD_OBJECT(struct jwt_role, bound_claims, .len_max = 65536,
		.doc = "For each claim, the value or values that are taken; a name that begins with a slash is a JSON pointer."),
	FIELD_STR(struct jwt_role, bound_claims_type, .len_max = 32,
		.initial = "string",
		.doc = "How values are compared: \"string\", or \"glob\" with \"*\" for any text."),
	FIELD_MAP(struct jwt_role, claim_mappings, .len_max = 16384,
		.doc = "Claims to keep as metadata, by its names."),
	FIELD_DURATION(struct jwt_role, expiration_leeway, LEEWAY,
		.doc = "How long a token without exp is good; 0 is 150 s, negative none."),
	FIELD_DURATION(struct jwt_role, not_before_leeway, LEEWAY,
		.doc = "How long before its exp a token without nbf and iat is good; 0 is 150 s, negative none."),
	FIELD_DURATION(struct jwt_role, clock_skew_leeway, LEEWAY,
		.doc = "How far the issuer's clock may be off; 0 is 60 s, negative none."),
	TOKEN_PARAMS_FIELDS(struct jwt_role, token),
	FIELD_END,
};

static int
check_types(const struct jwt_role *role, struct err *err)
{
	if (strcmp(role->role_type, "oidc") == 0)
		return err_set(err, ERR_INPUT, 400,
			"role_type 'oidc' is for logins with a browser, which are not supported; use 'jwt'");
	if (strcmp(role->role_type, "jwt") != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid 'role_type': %.64s", role->role_type);
	if (strcmp(role->bound_claims_type, "string") != 0 &&
		strcmp(role->bound_claims_type, "glob") != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid 'bound_claims_type': %.64s",
			role->bound_claims_type);
	return 0;
}

static bool
is_bound_value(const struct value *value, bool by_glob)
{
	if (value->type == VALUE_STRING)
		return true;
	return !by_glob &&
		(value->type == VALUE_NUMBER || value->type == VALUE_BOOL);
}

/* Values, or lists of them; others could never match. */
static int
check_bound_claims(const struct jwt_role *role, struct err *err)
{
	const bool by_glob = strcmp(role->bound_claims_type, "glob") == 0;

	VALUE_EACH (claim, role->bound_claims) {
		bool good = claim->type == VALUE_LIST ||
			is_bound_value(claim, by_glob);

		if (claim->type == VALUE_LIST) {
			VALUE_EACH (one, claim)
				good = good && is_bound_value(one, by_glob);
		}
		if (!good)
			return err_set(err, ERR_INPUT, 400,
				"claim is not a string or list: %.64s",
				claim->key);
	}
	return 0;
}

static int
check_mappings(const struct str_map *mappings, struct err *err)
{
	for (size_t i = 0; i < mappings->n; i++) {
		if (strcmp(mappings->values[i], "role") == 0)
			return err_set(err, ERR_INPUT, 400,
				"metadata key \"role\" is reserved and may not be a mapping destination");
		for (size_t k = 0; k < i; k++) {
			if (strcmp(mappings->values[i], mappings->values[k]) ==
				0)
				return err_set(err, ERR_INPUT, 400,
					"multiple keys are mapped to metadata key \"%.64s\"",
					mappings->values[i]);
		}
	}
	return 0;
}

static bool
is_bound(const struct jwt_role *role)
{
	return role->bound_audiences.n > 0 || role->bound_subject[0] != '\0' ||
		(role->bound_claims != NULL && role->bound_claims->n > 0) ||
		role->token.bound_cidrs.n > 0;
}

static int
check_role(UNUSED struct store_tx *tx, struct req *req, UNUSED const char *name,
	void *record, struct err *err)
{
	struct jwt_role *role = record;
	int rc = token_params_check(req, &role->token, err);

	if (rc == 0)
		rc = check_types(role, err);
	if (rc == 0)
		rc = check_bound_claims(role, err);
	if (rc == 0)
		rc = check_mappings(&role->claim_mappings, err);
	if (rc != 0)
		return rc;
	if (role->user_claim[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"a user claim must be defined on the role");
	return is_bound(role)
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "must have at least one bound constraint when creating/updating a role");
}

static void
show_role(UNUSED struct req *req, UNUSED const char *name, const void *record,
	struct reply *reply)
{
	const struct jwt_role *role = record;

	record_show(reply, role_fields, role);
	token_params_show_old_names(&role->token, reply);
}

const struct record_type jwt_role_record = {
	.prefix = "role/",
	.capture = "name",
	.merges = true,
	.fields = role_fields,
	.size = sizeof(struct jwt_role),
	.check_tx = check_role,
	.show = show_role,
};

const struct op jwt_role_ops[] = {
	RECORD_OPS("role", "role/:name", &jwt_role_record, "role"),
	OP_END,
};
