/*
 * The real pipeline over a scratch store in memory: unsealed, with a root
 * token, without HTTP. For tests of handlers and of the pipeline itself.
 */
#ifndef SALLYPORT_TESTS_SUPPORT_API_CALL_H
#define SALLYPORT_TESTS_SUPPORT_API_CALL_H

#include "server/api/req.h"

struct api_fixture {
	struct server *server;
	struct arena *arena; /* of answers and of this struct */
	char root[64];       /* the root token */
	uint8_t share[64];   /* the only key share */
	size_t share_len;
	_Atomic int64_t clock_ahead_ns; /* added to the server's clocks */
	struct clock clock;
	struct server_settings *settings;
	struct netaddr peer; /* of every request */
	char directory[64];  /* of the audit file; "" without one */
};

/* A request as HTTP would hand it over; members left out are empty. */
struct api_request {
	const char *method; /* "POST" */
	const char *path;   /* "sys/mounts" */
	const char *body;
	const char *token; /* NULL: none */
	const struct req_pair *query;
	size_t n_query;
	const char *wrap_ttl, *override, *name_space, *if_none_match;
	bool is_form;
	int64_t age_ns; /* how long it has waited already */
};

struct api_reply {
	int status;
	const char *body, *allow, *content_type, *etag;
	struct value *json;       /* of the body, or NULL */
	const struct value *data; /* its member data, or NULL */
	int64_t retry_after_s;
	bool token_wiped; /* the header's bytes are gone (or there were none) */
};

/*
 * A server of these mount types (ends with NULL; sys/ and auth/token/ are made
 * where theirs are among them), initialised and unsealed. NULL on failure,
 * which is printed.
 */
struct api_fixture *api_fixture_new(const struct mount_type *const *types);
void api_fixture_free(struct api_fixture **fixture);

/* Mount a type at a path ("ssh/"). */
int api_mount(struct api_fixture *fixture, const char *type, const char *path);

/* Log to a new file; its path is returned. NULL on failure. */
const char *api_audit_file(struct api_fixture *fixture);

/* The file's text so far, into the fixture's arena. */
const char *api_audit_text(struct api_fixture *fixture);

/* Hand a request to the pipeline and wait until it is done. */
void api_submit(struct req *req);

/* Send and wait for the answer, which lives as long as the fixture. */
void api_send(struct api_fixture *fixture, const struct api_request *request,
	struct api_reply *ret_reply);

/* The usual case: a verb, a path, a JSON body or NULL, the root token. */
void api_call(struct api_fixture *fixture, enum op_verb verb, const char *path,
	const char *body, struct api_reply *ret_reply);

/* errors[0] of a refusal; "" where the list is empty. */
const char *api_error(const struct api_reply *reply);

#endif
