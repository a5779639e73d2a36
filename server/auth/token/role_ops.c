/* roles/:role_name: the roles that create/:role_name makes tokens by. */
#include <ctype.h>
#include <string.h>

#include "lib/cidr_list.h"
#include "server/auth/token/role.h"
#include "server/auth/token/tables.h"
#include "server/auth/token_params.h"
#include "server/auth/token_rules.h"

/* Their places are the bits in old_names. */
enum { OLD_PERIOD, OLD_EXPLICIT_MAX, OLD_CIDRS };

static const struct token_twin twins[] = {
	[OLD_PERIOD] = { "token_period", "period" },
	[OLD_EXPLICIT_MAX] = { "token_explicit_max_ttl", "explicit_max_ttl" },
	[OLD_CIDRS] = { "token_bound_cidrs", "bound_cidrs" },
};

static const struct field role_fields[] = {
	FIELD_LIST(struct token_role, allowed_policies, .len_max = 16384,
		.doc = "Policies that a token may have, whoever makes it; all of them where none is asked for."),
	FIELD_LIST(struct token_role, allowed_policies_glob, .len_max = 16384,
		.doc = "The same as patterns, with '*' for any text."),
	FIELD_LIST(struct token_role, disallowed_policies, .len_max = 16384,
		.doc = "Policies that no token may have."),
	FIELD_LIST(struct token_role, disallowed_policies_glob,
		.len_max = 16384, .doc = "The same as patterns."),
	FIELD_LIST(struct token_role, allowed_entity_aliases, .len_max = 16384,
		.doc = "Names that entity_alias may have, '*' for any text."),
	FIELD_BOOL(struct token_role, orphan,
		.doc = "Tokens have no parent: they outlive who made them."),
	FIELD_BOOL(struct token_role, renewable, .initial = "true",
		.doc = "Whether tokens can be renewed."),
	FIELD_STR(struct token_role, path_suffix, .len_max = 128,
		.doc = "Goes behind the role in the tokens' path, for revoking by prefix."),
	FIELD_AS(DURATION, struct token_role, period, "token_period",
		.alias = "period",
		.doc = "Makes tokens periodic: each renewal gives this long."),
	FIELD_AS(DURATION, struct token_role, explicit_max_ttl,
		"token_explicit_max_ttl", .alias = "explicit_max_ttl",
		.doc = "Longest life of a token; no renewal goes past it."),
	FIELD_AS(LIST, struct token_role, bound_cidrs, "token_bound_cidrs",
		.alias = "bound_cidrs", .len_max = 16384,
		.doc = "Blocks of addresses that a token may be used from; none is any."),
	FIELD_AS(INT, struct token_role, num_uses, "token_num_uses",
		.doc = "How many requests a token is good for at most; 0 is any number."),
	FIELD_AS(BOOL, struct token_role, no_default_policy,
		"token_no_default_policy",

		.doc = "Leaves out the default policy."),
	FIELD_AS(STR, struct token_role, type, "token_type", .len_max = 32,
		.initial = "default-service",
		.doc = "\"service\", \"batch\", or \"default-service\", \"default-batch\" where the maker may choose."),
	FIELD_AS(INT, struct token_role, old_names, "token_old_names",
		.flags = FIELD_STORED, .doc = "Kept for reads."),
	FIELD_END,
};

static int
clean_lists(struct arena *arena, struct token_role *role, struct err *err)
{
	struct str_list *const lists[] = { &role->allowed_policies,
		&role->allowed_policies_glob, &role->disallowed_policies,
		&role->disallowed_policies_glob };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(lists); i++)
		rc = token_clean_policies(lists[i], NULL, arena, lists[i], err);
	return rc;
}

/* As "\w[\w-.]+\w", all of it. */
static int
check_suffix(const char *suffix, struct err *err)
{
	const size_t len = strlen(suffix);
	bool fits = len >= 3;

	if (len == 0)
		return 0;
	for (size_t i = 0; i < len; i++) {
		const bool word =
			isalnum((unsigned char)suffix[i]) || suffix[i] == '_';
		const bool inside = i > 0 && i + 1 < len;

		if (!word && !(inside && strchr("-.", suffix[i]) != NULL))
			fits = false;
	}
	if (fits)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w");
}

#define NO_BATCH "'token_type' cannot be 'batch' when role is set to generate "

static int
check_batch(const struct token_role *role, struct err *err)
{
	const char *what = NULL;

	if (!role->orphan)
		what = "non-orphan tokens";
	else if (role->period != 0)
		what = "periodic tokens";
	else if (role->renewable)
		what = "renewable tokens";
	else if (role->explicit_max_ttl != 0)
		what = "tokens with an explicit max TTL";
	else if (role->num_uses != 0)
		what = "tokens with limited use count";
	return what == NULL ? 0
			    : err_set(err, ERR_INPUT, 400, NO_BATCH "%s", what);
}

static int
check_type(struct token_role *role, struct err *err)
{
	static const char *const types[] = { "default-service", "default-batch",
		"service", "batch" };

	if (role->type[0] == '\0')
		role->type = types[0];
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(role->type, types[i]) != 0)
			continue;
		return strcmp(role->type, "batch") == 0 ? check_batch(role, err)
							: 0;
	}
	return err_set(err, ERR_INPUT, 400,
		"invalid 'token_type' value \"%.64s\"", role->type);
}

static int
check_role(UNUSED struct store_tx *tx, struct req *req, UNUSED const char *name,
	void *record, struct err *err)
{
	struct token_role *role = record;
	int rc;

	token_note_old_names(req, twins, ARRAY_LEN(twins), &role->old_names);
	if (role->period < 0 || role->explicit_max_ttl < 0)
		return err_set(err, ERR_INPUT, 400,
			"durations of tokens cannot be negative");
	if (role->num_uses < 0)
		return err_set(err, ERR_INPUT, 400,
			"'token_num_uses' cannot be negative");
	rc = check_suffix(role->path_suffix, err);
	if (rc == 0)
		rc = check_type(role, err);
	if (rc == 0)
		rc = clean_lists(req->arena, role, err);
	return rc != 0 ? rc
		       : cidr_list_check(req->arena, "token_bound_cidrs",
				 &role->bound_cidrs, err);
}

/* ---- reads ------------------------------------------------------------ */

static void
show_list(struct reply *reply, const char *name, const struct str_list *list)
{
	reply_value(reply, name, value_of_list(reply->req->arena, list));
}

static void
show_list_if_set(
	struct reply *reply, const char *name, const struct str_list *list)
{
	if (list->n > 0)
		show_list(reply, name, list);
}

static bool
has_old_name(const struct token_role *role, unsigned place)
{
	return (role->old_names >> place & 1) != 0;
}

static void
show_role(struct req *req, const char *name, const void *record,
	struct reply *reply)
{
	const struct token_role *role = record;

	reply_str(reply, "name", name);
	show_list(reply, "allowed_policies", &role->allowed_policies);
	show_list_if_set(
		reply, "allowed_policies_glob", &role->allowed_policies_glob);
	show_list(reply, "disallowed_policies", &role->disallowed_policies);
	show_list_if_set(reply, "disallowed_policies_glob",
		&role->disallowed_policies_glob);
	if (role->allowed_entity_aliases.n > 0)
		show_list(reply, "allowed_entity_aliases",
			&role->allowed_entity_aliases);
	else
		reply_value(reply, "allowed_entity_aliases",
			value_null(req->arena));
	reply_bool(reply, "orphan", role->orphan);
	reply_str(reply, "path_suffix", role->path_suffix);
	reply_bool(reply, "renewable", role->renewable);
	reply_int(reply, "period",
		has_old_name(role, OLD_PERIOD) ? role->period : 0);
	reply_int(reply, "explicit_max_ttl",
		has_old_name(role, OLD_EXPLICIT_MAX) ? role->explicit_max_ttl
						     : 0);
	reply_int(reply, "token_period", role->period);
	reply_int(reply, "token_explicit_max_ttl", role->explicit_max_ttl);
	reply_str(reply, "token_type", role->type);
	show_list_if_set(reply, "token_bound_cidrs", &role->bound_cidrs);
	if (has_old_name(role, OLD_CIDRS))
		show_list_if_set(reply, "bound_cidrs", &role->bound_cidrs);
	if (role->num_uses > 0)
		reply_int(reply, "token_num_uses", role->num_uses);
}

const struct record_type token_role_record = {
	.prefix = "roles/",
	.capture = "role_name",
	.merges = true,
	.fields = role_fields,
	.size = sizeof(struct token_role),
	.check_tx = check_role,
	.show = show_role,
};

const struct op token_role_ops[] = {
	{
		.path = "roles",
		.verb = OP_LIST,
		.handler = record_list,
		.record = &token_role_record,
		.summary = "List token roles.",
	},
	{
		.path = "roles/:role_name",
		.verb = OP_READ,
		.handler = record_read,
		.record = &token_role_record,
		.summary = "Read a token role.",
	},
	{
		.path = "roles/:role_name",
		.verb = OP_UPDATE,
		.flags = OP_EXISTENCE,
		.handler = record_write,
		.exists = record_exists,
		.record = &token_role_record,
		.summary = "Create a token role, or change the settings sent.",
		.errors = { { 400, "settings that do not go together" } },
	},
	{
		.path = "roles/:role_name",
		.verb = OP_DELETE,
		.handler = record_delete,
		.record = &token_role_record,
		.summary =
			"Delete a token role; its tokens can be renewed no more.",
	},
	OP_END,
};
