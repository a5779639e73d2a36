/*
 * A request's way from canonical path to answer: route, token, body, policy,
 * audit, bind, handler, audit, reply (design.md 3). server/http is its only
 * caller.
 */
#ifndef SALLYPORT_SERVER_API_PIPELINE_H
#define SALLYPORT_SERVER_API_PIPELINE_H

#include "server/api/req.h"

/* Bytes of a body that anybody may send (reliability.md 6). */
#define PIPELINE_ANONYMOUS_BODY (1024 * 1024)

/*
 * The largest body that will be read for this method and path, before it is
 * read: 4 KiB on verify, PIPELINE_ANONYMOUS_BODY where no token was accepted,
 * else max_size.
 */
size_t pipeline_body_cap(struct server *server, const char *method,
	const char *path, bool is_known, size_t max_size);

/* Is the sent token one that lets a larger body in? Reads the store. */
bool pipeline_knows_token(struct server *server, struct secret_view text);

/*
 * Take the request over. req->done is called once, from whatever thread ended
 * it, perhaps before this returns (operations that wait for no disk run at
 * once); then req->out is the answer and the request is the caller's again.
 */
void pipeline_submit(struct req *req);

#endif
