/*
 * The answer being built: members of data, a lease, an auth block, or raw
 * bytes. At most one of error (the handler's return), auth and data reaches
 * the caller (reliability.md L11).
 */
#ifndef SALLYPORT_SERVER_API_REPLY_H
#define SALLYPORT_SERVER_API_REPLY_H

#include "server/api/req.h"

/* What a caller gets in the place of a wrapped answer. */
struct wrap_info {
	const char *token, *accessor, *creation_path;
	const char *wrapped_accessor; /* "" where no token is inside */
	int64_t ttl_s, creation_ns;
};

struct reply {
	struct req *req;
	int status;         /* 0: derived, spec/core-api.md 1.8 */
	struct value *data; /* object; NULL: none */
	struct value *auth; /* object; NULL: none */
	const char *lease_id;
	bool renewable;
	int64_t lease_duration_s;
	const char *raw_type; /* not NULL: raw bytes instead of JSON */
	struct span raw;
	const char *etag;              /* of raw, or NULL */
	const struct token *new_token; /* of auth, for the audit log */
	struct str_list new_policies;  /* what its entity and groups add */
	struct secret_view new_token_text;
	const struct wrap_info *wrap;  /* not NULL: this, and nothing else */
	const struct value *unwrapped; /* what raw says, for the audit log */
	bool out_of_memory; /* a member was lost: the answer is 500 */
};

/* The few texts that clients expect in the peer's list form. */
#define REPLY_WRAPPED(text) "1 error occurred:\n\t* " text "\n\n"

/* Members of data, each name once; the object is made at the first. No failure
 * shows here: memory that ran out makes the whole answer 500. */
void reply_str(struct reply *reply, const char *name, const char *text);
void reply_span(struct reply *reply, const char *name, struct span text);
void reply_int(struct reply *reply, const char *name, int64_t n);
void reply_bool(struct reply *reply, const char *name, bool on);
void reply_value(struct reply *reply, const char *name, struct value *value);
/* A time as RFC 3339 text; 0: null. The end of a long life is past any ns. */
struct value *reply_time_value(struct arena *arena, int64_t wall_s);
void reply_time_s(struct reply *reply, const char *name, int64_t wall_s);
void reply_time_ns(struct reply *reply, const char *name, int64_t ns);

/* A list answer: data.keys; no names and nothing else: 404. */
void reply_keys(struct reply *reply, struct value *names);

/* The lease of this answer (spec/core-api.md 1.7). */
void reply_lease(struct reply *reply, const char *lease_id, bool renewable,
	int64_t duration_s);

/*
 * The policies that the entity of token and its groups add, copied into the
 * request's arena; none where it may not be used now. False: no memory.
 */
bool reply_identity_policies(struct req *req, const struct token *token,
	struct str_list *ret_policies);

/* Two sorted lists as one; n is 0 where memory ran out. */
struct str_list reply_all_policies(struct arena *arena,
	const struct token *token, const struct str_list *more);

/*
 * The auth block of a token; an empty text leaves client_token "". Both live
 * in the request's arena.
 */
void reply_auth(struct reply *reply, const struct token *token,
	struct secret_view text, int64_t duration_s);

/*
 * Texts by name as an object, or null where there are none; of a name that
 * stands twice the last text is shown. NULL: no memory.
 */
struct value *reply_map(struct arena *arena, const struct str_map *map);

/* 202: the store keeps itself tidy, and old clients wait for no more. */
void reply_tidy_started(struct reply *reply);

/* Raw bytes with a content type instead of JSON. */
void reply_raw(
	struct reply *reply, const char *content_type, struct span bytes);

/*
 * The same with an ETag made of the bytes; 304 without them where the caller's
 * If-None-Match has it (RFC 9110 section 13.1.2). For rows with OP_RAW.
 */
void reply_tagged(
	struct reply *reply, const char *content_type, struct span bytes);

/*
 * The same of bytes whose tag is known, by reply_tag_of: a caller who has them
 * costs no more than the comparison. tag lives as long as the request.
 */
#define REPLY_TAG_MAX 35
void reply_tag_of(struct span bytes, char out[REPLY_TAG_MAX]);
void reply_tagged_as(struct reply *reply, const char *content_type,
	struct span bytes, const char *tag);

#endif
