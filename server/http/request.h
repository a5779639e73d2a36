/* A parsed head as the struct req that the pipeline takes. */
#ifndef SALLYPORT_SERVER_HTTP_REQUEST_H
#define SALLYPORT_SERVER_HTTP_REQUEST_H

#include "server/api/req.h"
#include "server/http/endpoint.h"
#include "server/http/parser.h"
#include "server/http/path.h"

/*
 * Fill req from a whole head: method, path, query and the fields that mean
 * something, copied into its arena. Tokens are overwritten in the parser
 * (reliability.md L23). *ret_location: where HTTP_PATH_EMPTY points to.
 */
enum http_path_verdict request_fill(struct req *req, struct http_parser *parser,
	const struct endpoint *endpoint, const struct netaddr *peer,
	const char **ret_location);

#endif
