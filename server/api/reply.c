/* Building an answer as value trees in the request's arena. */
#include "server/api/reply.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/sha256.h"

#define ETAG_BYTES 16 /* of the hash, in hex */

/* The data object, made at the first call; NULL: no memory. */
static struct value *
data_of(struct reply *reply)
{
	if (reply->data == NULL)
		reply->data = value_object(reply->req->arena);
	return reply->data;
}

/* A member that could not be added makes the whole answer a failure. */
void
reply_value(struct reply *reply, const char *name, struct value *value)
{
	struct value *data = data_of(reply);

	if (!value_append(reply->req->arena, data, name, value))
		reply->out_of_memory = true;
}

void
reply_str(struct reply *reply, const char *name, const char *text)
{
	reply_span(reply, name, span_str(text));
}

void
reply_span(struct reply *reply, const char *name, struct span text)
{
	reply_value(reply, name, value_span(reply->req->arena, text));
}

void
reply_int(struct reply *reply, const char *name, int64_t n)
{
	reply_value(reply, name, value_int(reply->req->arena, n));
}

void
reply_bool(struct reply *reply, const char *name, bool on)
{
	reply_value(reply, name, value_bool(reply->req->arena, on));
}

struct value *
reply_time_value(struct arena *arena, int64_t wall_s)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_s == 0)
		return value_null(arena);
	clock_format_s(wall_s, text);
	return value_string(arena, text);
}

void
reply_time_s(struct reply *reply, const char *name, int64_t wall_s)
{
	reply_value(reply, name, reply_time_value(reply->req->arena, wall_s));
}

void
reply_time_ns(struct reply *reply, const char *name, int64_t ns)
{
	char text[CLOCK_TEXT_MAX];

	clock_format_ns(ns, text);
	reply_value(reply, name,
		ns == 0 ? value_null(reply->req->arena)
			: value_string(reply->req->arena, text));
}

void
reply_keys(struct reply *reply, struct value *names)
{
	reply_value(reply, "keys", names);
}

void
reply_lease(struct reply *reply, const char *lease_id, bool renewable,
	int64_t duration_s)
{
	reply->lease_id = arena_strdup(reply->req->arena, lease_id);
	reply->renewable = renewable;
	reply->lease_duration_s = duration_s;
	if (reply->lease_id == NULL)
		reply->out_of_memory = true;
}

struct value *
reply_map(struct arena *arena, const struct str_map *map)
{
	struct value *object = NULL;

	if (map->n == 0)
		return value_null(arena);
	object = value_object(arena);
	for (size_t i = 0; i < map->n; i++) {
		if (!value_set_str(arena, object, map->keys[i], map->values[i]))
			return NULL;
	}
	return object;
}

bool
reply_identity_policies(struct req *req, const struct token *token,
	struct str_list *ret_policies)
{
	struct identity who = { .entity = NULL };
	bool ok = true;
	int rc;

	*ret_policies = (struct str_list){ .n = 0 };
	if (token->entity_id[0] == '\0')
		return true;
	rc = identity_load(
		req->server, token->entity_id, req->arena, &who, NULL);
	if (rc != 0)
		return rc != ERR_MEMORY;
	if (who.policies.n > 0)
		/* What is cached may go when the reference does. */
		ok = str_list_dup(req->arena, &who.policies, ret_policies);
	identity_clear(&who);
	return ok;
}

struct str_list
reply_all_policies(struct arena *arena, const struct token *token,
	const struct str_list *more)
{
	const struct str_list *own = &token->policies;
	struct str_list all = *own;
	size_t i = 0, j = 0;

	if (more->n == 0)
		return all;
	all.n = 0;
	all.items = ARENA_ARRAY(arena, const char *, own->n + more->n);
	while (all.items != NULL && (i < own->n || j < more->n)) {
		int order = i == own->n ? 1
			: j == more->n  ? -1
					: strcmp(own->items[i], more->items[j]);

		all.items[all.n++] =
			order <= 0 ? own->items[i] : more->items[j];
		i += order <= 0;
		j += order >= 0;
	}
	return all;
}

static bool
set_list(struct arena *arena, struct value *object, const char *name,
	const struct str_list *list)
{
	return value_append(arena, object, name, value_of_list(arena, list));
}

void
reply_auth(struct reply *reply, const struct token *token,
	struct secret_view text, int64_t duration_s)
{
	struct arena *arena = reply->req->arena;
	struct value *auth = value_object(arena);
	struct span shown = span_of(text.data, text.len);
	const struct str_list *own = &token->policies;
	struct str_list more, all;
	bool ok = reply_identity_policies(reply->req, token, &more);

	all = reply_all_policies(arena, token, &more);
	ok = ok &&
		value_append(arena, auth, "client_token",
			value_span(arena, shown)) &&
		value_append(arena, auth, "accessor",
			value_string(arena, token->accessor)) &&
		all.n >= own->n && set_list(arena, auth, "policies", &all) &&
		set_list(arena, auth, "token_policies", own) &&
		(more.n == 0 ||
			set_list(arena, auth, "identity_policies", &more)) &&
		value_append(arena, auth, "metadata",
			reply_map(arena, &token->meta)) &&
		value_set_int(arena, auth, "lease_duration", duration_s) &&
		value_set_bool(
			arena, auth, "renewable", token->lease.renewable) &&
		value_set_str(arena, auth, "entity_id", token->entity_id) &&
		value_set_str(
			arena, auth, "token_type", token_type_name(token)) &&
		value_set_bool(arena, auth, "orphan", token->orphan);
	reply->auth = auth;
	reply->new_token = token;
	reply->new_policies = more;
	reply->new_token_text = text;
	if (!ok)
		reply->out_of_memory = true;
}

void
reply_raw(struct reply *reply, const char *content_type, struct span bytes)
{
	reply->raw_type = content_type;
	reply->raw = bytes;
}

/* Whether a list of entity tags, weak or strong, has this one. */
static bool
has_tag(const char *list, const char *tag)
{
	size_t len;

	for (; *list != '\0'; list += len) {
		list += strspn(list, ", \t");
		if (strncmp(list, "W/", 2) == 0)
			list += 2;
		len = strcspn(list, ", \t");
		if ((len == 1 && *list == '*') ||
			(len == strlen(tag) && memcmp(list, tag, len) == 0))
			return true;
	}
	return false;
}

void
reply_tag_of(struct span bytes, char out[REPLY_TAG_MAX])
{
	uint8_t hash[SHA256_BYTES];
	char text[2 * ETAG_BYTES + 1];

	sha256(bytes, hash);
	hex_encode(hash, ETAG_BYTES, text);
	(void)snprintf(out, REPLY_TAG_MAX, "\"%s\"", text);
}

void
reply_tagged_as(struct reply *reply, const char *content_type,
	struct span bytes, const char *tag)
{
	const char *asked = reply->req->if_none_match;

	reply_raw(reply, content_type, bytes);
	reply->etag = tag;
	if (asked != NULL && has_tag(asked, tag))
		reply->status = 304;
}

void
reply_tagged(struct reply *reply, const char *content_type, struct span bytes)
{
	char *tag = arena_alloc(reply->req->arena, REPLY_TAG_MAX, 1);

	if (tag == NULL) {
		reply->out_of_memory = true;
		return;
	}
	reply_tag_of(bytes, tag);
	reply_tagged_as(reply, content_type, bytes, tag);
}

void
reply_tidy_started(struct reply *reply)
{
	reply->status = 202;
	req_warn(reply->req,
		"Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.");
}
