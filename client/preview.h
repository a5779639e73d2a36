/*
 * A call that is shown rather than made: as a curl command, or as the policy
 * that it needs.
 */
#ifndef SALLYPORT_CLIENT_PREVIEW_H
#define SALLYPORT_CLIENT_PREVIEW_H

#include "client/cli.h"

struct preview {
	const struct cli_options *options;
	const char *address;
	const char *method;
	const char *path;           /* "/v1/…", escaped, with its query */
	const char *const *headers; /* "Name: value", less the token's */
	size_t n_headers;
	bool has_token;
	struct span body;
};

/*
 * One line for a shell. The token is not in it: $(sallyport print token)
 * stands where it would.
 */
void preview_curl(const struct preview *call, struct buf *out);

/*
 * The least policy for a path ("ssh/creds/web") and method; is_list for what
 * is asked for as a list. Sudo where the server wants it.
 */
void preview_policy(
	const char *method, const char *path, bool is_list, struct buf *out);

#endif
