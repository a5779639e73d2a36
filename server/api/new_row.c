/* Numbers and salts of rows, drawn ahead of their closures. */
#include "server/api/new_row.h"

#include <string.h>

#include "lib/random.h"

int
req_new_row(struct req *req, enum lease_kind kind, uint32_t path,
	struct lease *ret_lease, struct err *err)
{
	struct lease lease = {
		.kind = kind, .state = LEASE_LIVE, .ref.path = path
	};
	int rc = store_row_number(req->server->store, &lease.ref.row, err);

	if (rc != 0)
		return rc;
	random_bytes(lease.salt, sizeof(lease.salt));
	memcpy(lease.request_id, req->id, sizeof(req->id));
	*ret_lease = lease;
	return 0;
}
