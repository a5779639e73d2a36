/* One request to the server that the settings name, and its refusals. */
#ifndef SALLYPORT_HELPER_REQUEST_H
#define SALLYPORT_HELPER_REQUEST_H

#include "helper/helper_settings.h"
#include "lib/apiclient.h"

#define REQUEST_BODY_MAX (64 * 1024) /* of JSON, either way */

struct request {
	const char *method;
	const char *path;         /* below the mount: "verify" */
	const struct value *body; /* NULL: none */
	const char *etag;         /* "" or NULL, else If-None-Match */
	int64_t total_ms;         /* for everything; 0: the settings' */
	size_t answer_max;        /* 0: REQUEST_BODY_MAX */
};

/*
 * 0 whenever the server answered, whatever it said; ret_answer->outcome is set
 * in any case.
 */
int request_send(const struct helper_settings *settings,
	const struct request *request, struct arena *arena,
	struct apiclient_answer *ret_answer, struct err *err);

/* The peer's layout of a refusal, with the server's texts. ERR_PEER. */
int request_refusal(const char *method, const struct apiclient_answer *answer,
	struct err *err);

/*
 * The same, and the object "data" of a 200: ERR_PEER with the server's texts
 * on one line for any other status, and where there is no such object.
 */
int request_data(const struct helper_settings *settings,
	const struct request *request, struct arena *arena,
	const struct value **ret_data, struct err *err);

/*
 * A member's text as it is, a NUL byte in it too, and a NUL behind it; empty
 * where there is none.
 */
struct span request_text(const struct value *data, const char *name);

/* What the server said in place of a 2xx, on one line. ERR_PEER. */
int request_fail(const struct apiclient_answer *answer, struct err *err);

#endif
