/* Checks, twins of old names, and addresses. */
#include "server/auth/token_params.h"

#include <string.h>

#include "lib/cidr_list.h"

/* Their places are the bits in old_names. */
static const struct token_twin twins[] = {
	{ "token_ttl", "ttl" },
	{ "token_max_ttl", "max_ttl" },
	{ "token_policies", "policies" },
	{ "token_bound_cidrs", "bound_cidrs" },
	{ "token_period", "period" },
};

void
token_note_old_names(const struct req *req, const struct token_twin *pairs,
	size_t n, int64_t *bits)
{
	for (size_t i = 0; i < n; i++) {
		const int64_t bit = INT64_C(1) << i;

		if (value_find(req->data, pairs[i].name) != NULL)
			*bits &= ~bit;
		else if (value_find(req->data, pairs[i].old) != NULL)
			*bits |= bit;
	}
}

#define NO_BATCH                                                               \
	"'token_type' cannot be 'batch' or 'default_batch' when set to generate "

static int
check_batch(const struct token_params *params, struct err *err)
{
	const char *what = NULL;

	if (params->period != 0)
		what = "periodic tokens";
	else if (params->num_uses != 0)
		what = "tokens with limited use count";
	else if (params->explicit_max_ttl != 0)
		what = "tokens with an explicit max TTL";
	return what == NULL ? 0
			    : err_set(err, ERR_INPUT, 400, NO_BATCH "%s", what);
}

static int
check_type(struct token_params *params, struct err *err)
{
	const char *type = params->type;

	if (type[0] == '\0')
		params->type = "default";
	else if (strcmp(type, "batch") == 0)
		return check_batch(params, err);
	else if (strcmp(type, "default") != 0 && strcmp(type, "service") != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid 'token_type' value \"%.64s\"", type);
	return 0;
}

int
token_params_check(
	struct req *req, struct token_params *params, struct err *err)
{
	int rc;

	token_note_old_names(req, twins, ARRAY_LEN(twins), &params->old_names);
	if (params->ttl < 0 || params->max_ttl < 0 || params->period < 0 ||
		params->explicit_max_ttl < 0)
		return err_set(err, ERR_INPUT, 400,
			"durations of tokens cannot be negative");
	if (params->max_ttl != 0 && params->ttl > params->max_ttl)
		return err_set(err, ERR_INPUT, 400,
			"'token_ttl' cannot be greater than 'token_max_ttl'");
	if (params->num_uses < 0)
		return err_set(err, ERR_INPUT, 400,
			"'token_num_uses' cannot be negative");
	rc = check_type(params, err);
	return rc != 0 ? rc
		       : cidr_list_check(req->arena, "token_bound_cidrs",
				 &params->bound_cidrs, err);
}

/* What twins[i] is, as a value. */
static struct value *
twin_value(struct arena *arena, const struct token_params *params, size_t i)
{
	switch (i) {
	case 0:
		return value_int(arena, params->ttl);
	case 1:
		return value_int(arena, params->max_ttl);
	case 2:
		return value_of_list(arena, &params->policies);
	case 3:
		return value_of_list(arena, &params->bound_cidrs);
	default:
		return value_int(arena, params->period);
	}
}

void
token_params_show_old_names(
	const struct token_params *params, struct reply *reply)
{
	for (size_t i = 0; i < ARRAY_LEN(twins); i++) {
		if ((params->old_names >> i & 1) != 0)
			reply_value(reply, twins[i].old,
				twin_value(reply->req->arena, params, i));
	}
}

void
token_params_show(const struct token_params *params, struct reply *reply)
{
	for (size_t i = 0; i < ARRAY_LEN(twins); i++)
		reply_value(reply, twins[i].name,
			twin_value(reply->req->arena, params, i));
	token_params_show_old_names(params, reply);
	reply_int(reply, "token_explicit_max_ttl", params->explicit_max_ttl);
	reply_bool(reply, "token_no_default_policy", params->no_default_policy);
	reply_int(reply, "token_num_uses", params->num_uses);
	reply_str(reply, "token_type", params->type);
}

const struct token_params *
token_params_dup(const struct token_params *params, struct arena *arena)
{
	struct token_params *copy = ARENA_NEW(arena, struct token_params);

	if (copy == NULL)
		return NULL;
	*copy = *params;
	copy->type = arena_strdup(arena, params->type);
	if (copy->type == NULL ||
		!str_list_dup(arena, &params->policies, &copy->policies) ||
		!str_list_dup(arena, &params->bound_cidrs, &copy->bound_cidrs))
		return NULL;
	return copy;
}
