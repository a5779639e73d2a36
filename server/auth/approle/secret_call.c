/* The role in the path of a request. */
#include "server/auth/approle/secret_call.h"

int
approle_call_begin(struct req *req, int status, struct approle_call *ret_call,
	struct err *err)
{
	struct approle_call call = { .req = req,
		.name = arena_strlower(req->arena, req_capture(req, "role")) };
	int rc;

	if (call.name == NULL)
		return err_set_memory(err);
	rc = login_record_find(
		req, &approle_role_record, call.name, &call.by, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, status == 404 ? ERR_ABSENT : ERR_INPUT,
			status, "role \"%.64s\" does not exist", call.name);
	}
	call.role = call.by.record;
	if (rc == 0)
		rc = approle_secrets_of(req, call.role, &call.secrets, err);
	if (rc == 0)
		*ret_call = call;
	return rc;
}
