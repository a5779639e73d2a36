/* Revoking in two steps: dead at once, gone when all it owned is gone. */
#include "server/api/revoke.h"

#include "server/core/takeback.h"

struct revoke_ctx {
	struct req *req;
	struct rowref ref;
};

static int
mark_revoking(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct revoke_ctx *revoke = ctx;
	struct lease lease;
	int rc = lease_get(tx, revoke->ref, revoke->req->arena, &lease, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	return rc != 0 ? rc : lease_mark_revoking(tx, &lease, err);
}

int
req_revoke_row(struct req *req, struct rowref ref, struct err *err)
{
	struct revoke_ctx revoke = { req, ref };
	int rc = req_write(req, mark_revoking, &revoke, err);

	if (rc == 0)
		rc = lease_revoke_tree(req->server->store, ref, err);
	takeback_notice(req->server->takeback);
	return rc;
}
