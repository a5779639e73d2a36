/*
 * What a request carries, as a value tree: JSON or form body of a write,
 * query of a read, list or delete (spec/core-api.md 1.1, 1.2).
 */
#ifndef SALLYPORT_SERVER_API_INPUT_H
#define SALLYPORT_SERVER_API_INPUT_H

#include "server/api/req.h"

/*
 * Check the limits of a JSON body without building anything; done before the
 * token is looked at (reliability.md L35). bare: the texts of bare endpoints.
 */
int input_scan(const struct req *req, bool bare, struct err *err);

/* Fill req->data: an object, or NULL where nothing was sent. */
int input_read(struct req *req, bool bare, struct err *err);

#endif
