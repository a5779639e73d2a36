/* role/:name: which service accounts log in. */
#include "server/auth/kubernetes/kubernetes.h"

#define LIST_LEN_MAX 16384

static const struct field role_fields[] = {
	FIELD_AS(LIST, struct kubernetes_role, names,
		"bound_service_account_names", .len_max = LIST_LEN_MAX,
		.doc = "Names of service accounts; \"*\" alone is any."),
	FIELD_AS(LIST, struct kubernetes_role, namespaces,
		"bound_service_account_namespaces", .len_max = LIST_LEN_MAX,
		.doc = "Their namespaces; \"*\" alone is any."),
	FIELD_STR(struct kubernetes_role, audience, .len_max = 1024,
		.doc = "Audience that tokens must be for; none: any."),
	TOKEN_PARAMS_FIELDS(struct kubernetes_role, token),
	FIELD_END,
};

static int
check_list(const struct str_list *list, const char *field, struct err *err)
{
	if (list->n == 0)
		return err_set(
			err, ERR_INPUT, 400, "\"%s\" can not be empty", field);
	if (list->n > 1 && str_list_has(list, "*"))
		return err_set(
			err, ERR_INPUT, 400, "can not mix \"*\" with values");
	return 0;
}

static int
check_role(UNUSED struct store_tx *tx, struct req *req, UNUSED const char *name,
	void *record, struct err *err)
{
	struct kubernetes_role *role = record;
	int rc = token_params_check(req, &role->token, err);

	if (rc == 0)
		rc = check_list(
			&role->names, "bound_service_account_names", err);
	if (rc == 0)
		rc = check_list(&role->namespaces,
			"bound_service_account_namespaces", err);
	return rc;
}

static void
show_role(UNUSED struct req *req, UNUSED const char *name, const void *record,
	struct reply *reply)
{
	const struct kubernetes_role *role = record;

	record_show(reply, role_fields, role);
	token_params_show_old_names(&role->token, reply);
}

const struct record_type kubernetes_role_record = {
	.prefix = "role/",
	.capture = "name",
	.lower_case_names = true,
	.merges = true,
	.fields = role_fields,
	.size = sizeof(struct kubernetes_role),
	.check_tx = check_role,
	.show = show_role,
};

const struct op kubernetes_role_ops[] = {
	RECORD_OPS("role", "role/:name", &kubernetes_role_record, "role"),
	OP_END,
};
