/* A miss, counted and answered. */
#include "server/api/guess.h"

int
guess_refuse(struct req *req, struct miss_limit *limit, const char *text,
	struct err *err)
{
	const int64_t now_ns = store_now_ns(req->server->store);

	err_clear(err);
	if (miss_limit_take(limit, &req->peer, now_ns))
		return err_set(err, ERR_INPUT, 400, "%s", text);
	req->out.retry_after_s = 1;
	return err_set(err, ERR_BUSY, 429,
		"request path \"%s%s\": rate limit quota exceeded",
		req->mount->path, req->mount_path_rest);
}
