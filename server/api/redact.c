/* Requests and answers as audit entries. */
#include "server/api/redact.h"

#include <string.h>

/* A token as the auth object of a line; NULL where memory ran out. */
static struct audit_auth *
auth_of(struct arena *arena, const struct token *token,
	const struct str_list *more, struct secret_view text)
{
	struct str_list all = reply_all_policies(arena, token, more);
	struct audit_auth *auth = ARENA_NEW(arena, struct audit_auth);

	if (auth == NULL || all.n < token->policies.n)
		return NULL;
	auth->client_token = text;
	auth->accessor = token->accessor;
	auth->display_name = token->display_name;
	auth->policies = all;
	auth->token_policies = token->policies;
	auth->identity_policies = *more;
	auth->num_uses = token->num_uses;
	auth->remaining_uses = token->num_uses;
	auth->entity_id = token->entity_id;
	auth->token_type = token_type_name(token);
	auth->token_ttl_s = token->creation_ttl_s;
	auth->token_issue_ns = token->lease.issue_ns;
	auth->no_default_policy = token->no_default_policy;
	if (token->meta.n > 0) {
		auth->metadata = reply_map(arena, &token->meta);
		if (auth->metadata == NULL)
			return NULL;
	}
	return auth;
}

static const char *
operation_of(const struct req *req)
{
	static const char *const names[OP_VERB_COUNT] = {
		[OP_READ] = "read",
		[OP_LIST] = "list",
		[OP_UPDATE] = "update",
		[OP_DELETE] = "delete",
	};

	if (req->is_help)
		return "help";
	if (req->is_header)
		return "header";
	return req->creates ? "create" : names[req->verb];
}

static const char *
address_of(const struct req *req)
{
	char text[NETADDR_TEXT_MAX];

	if (req->peer.family == 0)
		return "";
	netaddr_format(&req->peer, text);
	return arena_strdup(req->arena, text);
}

int
redact_request(struct req *req, const char *error,
	struct audit_entry *ret_entry, struct err *err)
{
	struct audit_entry entry = {
		.time_ns = store_now_ns(req->server->store),
		.error = error,
		.request_id = req->id,
		.operation = operation_of(req),
		.mount_type = req->mount != NULL ? req->mount->type->name : "",
		.client_token = req->own_token,
		.client_token_accessor = "",
		.path = req->path,
		.request_data = req->data,
		.remote_address = address_of(req),
		.wrap_ttl_s = req->wrap_ttl_s,
		.client_serial = req->client_serial,
		.lease_id = "",
		.redirect = "",
		.common = &req->audit_common,
	};

	req->audit_common.arena = req->arena;
	if (req->token != NULL) {
		entry.auth = auth_of(req->arena, req->token, &req->who.policies,
			req->own_token);
		entry.client_token_accessor = req->token->accessor;
	}
	if (entry.remote_address == NULL ||
		(req->token != NULL && entry.auth == NULL))
		return err_set_memory(err);
	if (req->mount != NULL &&
		(!value_to_list(req->arena,
			 req->mount->audit_non_hmac_request_keys,
			 &entry.clear_request_keys) ||
			!value_to_list(req->arena,
				req->mount->audit_non_hmac_response_keys,
				&entry.clear_response_keys)))
		return err_set_memory(err);
	*ret_entry = entry;
	return 0;
}

/* What a raw or an error answer says, as data. */
static int
special_data(struct req *req, const struct redact_answer *answer,
	const struct value **ret_data, struct err *err)
{
	const struct reply *reply = answer->reply;
	struct value *data = value_object(req->arena);
	bool ok;

	if (reply == NULL)
		ok = value_set_str(req->arena, data, "error", answer->text);
	else
		ok = value_set_str(req->arena, data, "http_content_type",
			     reply->raw_type) &&
			value_set(req->arena, data, "http_raw_body",
				value_span(req->arena, reply->raw)) &&
			value_set_int(req->arena, data, "http_status_code",
				req->out.status);
	if (!ok)
		return err_set_memory(err);
	*ret_data = data;
	return 0;
}

/* A wrapped token as the auth object of a line. */
static struct audit_auth *
auth_inside(struct arena *arena, const struct value *auth)
{
	struct audit_auth *shown = ARENA_NEW(arena, struct audit_auth);
	const char *text;

	if (shown == NULL)
		return NULL;
	text = value_find_str(auth, "client_token", "");
	shown->client_token = secret_view_of(text, strlen(text));
	shown->accessor = value_find_str(auth, "accessor", "");
	shown->entity_id = value_find_str(auth, "entity_id", "");
	shown->token_type = value_find_str(auth, "token_type", "");
	shown->metadata = value_find(auth, "metadata");
	if (!value_to_list(
		    arena, value_find(auth, "policies"), &shown->policies) ||
		!value_to_list(arena, value_find(auth, "token_policies"),
			&shown->token_policies))
		return NULL;
	return shown;
}

/* The answer that was handed out, as if it were told for the first time. */
static int
show_inside(struct req *req, const struct value *inside,
	struct audit_entry *entry, struct err *err)
{
	const struct value *auth = value_find(inside, "auth");

	entry->response_data = value_find(inside, "data");
	entry->lease_id = value_find_str(inside, "lease_id", "");
	entry->warnings = value_find(inside, "warnings");
	if (auth == NULL || auth->type != VALUE_OBJECT)
		return 0;
	entry->response_auth = auth_inside(req->arena, auth);
	return entry->response_auth != NULL ? 0 : err_set_memory(err);
}

static int
show_wrap(struct req *req, const struct wrap_info *wrap,
	struct audit_entry *entry, struct err *err)
{
	struct audit_wrap *shown = ARENA_NEW(req->arena, struct audit_wrap);

	if (shown == NULL)
		return err_set_memory(err);
	*shown = (struct audit_wrap){
		.ttl_s = wrap->ttl_s,
		.creation_ns = wrap->creation_ns,
		.token = secret_view_of(wrap->token, strlen(wrap->token)),
		.accessor = wrap->accessor,
		.creation_path = wrap->creation_path,
		.wrapped_accessor = wrap->wrapped_accessor,
	};
	entry->wrap_info = shown;
	return 0;
}

int
redact_response(struct req *req, const struct redact_answer *answer,
	struct audit_entry *ret_entry, struct err *err)
{
	const struct reply *reply = answer->reply;
	struct audit_entry entry;
	int rc = redact_request(req, answer->error, &entry, err);

	if (rc != 0)
		return rc;
	entry.is_response = true;
	if (reply != NULL && reply->unwrapped != NULL)
		rc = show_inside(req, reply->unwrapped, &entry, err);
	else if (reply != NULL && reply->wrap != NULL)
		rc = show_wrap(req, reply->wrap, &entry, err);
	else if (reply != NULL ? reply->raw_type != NULL
			       : answer->text[0] != '\0')
		rc = special_data(req, answer, &entry.response_data, err);
	else if (reply != NULL && !req->is_help)
		entry.response_data = reply->data;
	/* The lease that an answer is about, also where it does not show it. */
	if (req->lease_id != NULL)
		entry.lease_id = req->lease_id;
	if (rc == 0 && reply != NULL && reply->unwrapped == NULL) {
		entry.warnings = req->warnings;
		if (reply->lease_id != NULL)
			entry.lease_id = reply->lease_id;
		if (reply->new_token != NULL)
			entry.response_auth = auth_of(req->arena,
				reply->new_token, &reply->new_policies,
				reply->new_token_text);
		if (reply->new_token != NULL && entry.response_auth == NULL)
			return err_set_memory(err);
	}
	if (rc == 0)
		*ret_entry = entry;
	return rc;
}
