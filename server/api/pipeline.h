/*
 * A request's way from canonical path to answer: route, token, bind, policy,
 * audit, handler, audit, reply (design.md 3). server/http is its only caller.
 */
#ifndef SALLYPORT_SERVER_API_PIPELINE_H
#define SALLYPORT_SERVER_API_PIPELINE_H

#include "server/api/req.h"

/*
 * The largest body that will be read for this method and path, before it is
 * read: 4 KiB on verify, 1 MiB where no token was sent, else max_size.
 */
size_t pipeline_body_cap(struct server *server, const char *method,
	const char *path, bool has_token, size_t max_size);

/*
 * Take the request over. req->done is called once, from whatever thread ended
 * it, perhaps before this returns (operations that wait for no disk run at
 * once); then req->out is the answer and the request is the caller's again.
 */
void pipeline_submit(struct req *req);

#endif
