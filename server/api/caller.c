/* Token look-up and the policy decision of a request. */
#include "server/api/caller.h"

#include <string.h>

#include "server/api/reply.h"
#include "server/core/token_store.h"
#include "storage/wrapping.h"

#define KNOWN_ARENA_MAX ((size_t)256 * 1024)

void
caller_forget(struct req *req)
{
	/* The bytes lie in the request's own memory. */
	if (req->token_text.len > 0)
		secret_wipe((void *)(uintptr_t)req->token_text.data,
			req->token_text.len);
	req->token_text = secret_view_of(NULL, 0);
}

/* Keep the text where only own_token finds it; the header's bytes go. */
static int
take_text(struct req *req, struct err *err)
{
	struct secret_view sent = req->token_text;
	struct span copy;

	copy = arena_dup(req->arena, span_of(sent.data, sent.len));
	caller_forget(req);
	if (copy.data == NULL)
		return err_set_memory(err);
	req->own_token = secret_view_of(copy.data, copy.len);
	return 0;
}

static int
look_up(struct server *server, struct secret_view text, struct arena *arena,
	struct compiled **ret_ref, const struct token **ret_token,
	struct err *err)
{
	struct token_store held;
	int rc = token_store_hold(server, &held, err);

	if (rc != 0)
		return rc;
	rc = token_find(server->store, held.barrier, held.mount->uuid, text,
		arena, ret_ref, ret_token, err);
	token_store_release(&held);
	return rc;
}

bool
caller_is_known(struct server *server, struct secret_view text)
{
	struct compiled *ref = NULL;
	const struct token *token = NULL;
	struct arena *arena = NULL;
	struct err err = { 0 };
	bool known = false;

	if (text.len > 0)
		arena = arena_new(KNOWN_ARENA_MAX);
	if (arena != NULL)
		known = look_up(server, text, arena, &ref, &token, &err) == 0;
	compiled_unref(&ref);
	arena_free(&arena);
	return known;
}

static int
find_token(struct req *req, struct err *err)
{
	int rc = look_up(req->server, req->own_token, req->arena,
		&req->token_ref, &req->token, err);

	if (rc == ERR_SEALED) {
		err_clear(err);
		return err_set(err, rc, 503,
			"error performing token check: Vault is sealed");
	}
	return rc;
}

/* A token that never ends is root's: it may not lock everybody out. */
static int
check_address(const struct req *req, struct err *err)
{
	const struct token *token = req->token;

	if (token->bound_cidrs.n == 0 || token->lease.expire_s == 0 ||
		cidr_any_contains(token->bound_cidrs.items,
			token->bound_cidrs.n, &req->peer))
		return 0;
	return err_set(err, ERR_DENIED, 403, "permission denied");
}

/* What the token may do, with what its entity and groups add. */
static int
find_rights(struct req *req, struct err *err)
{
	const struct token *token = req->token;
	int rc = 0;

	if (token->entity_id[0] != '\0')
		rc = identity_load(req->server, token->entity_id, req->arena,
			&req->who, err);
	if (rc != 0)
		return rc;
	return acl_load(req->server, &token->policies,
		req->who.entity != NULL ? &req->who : NULL, req->arena,
		&req->acl, err);
}

int
caller_find(struct req *req, bool required, struct err *err)
{
	int rc;

	if (req->token_text.len == 0)
		return required
			? err_set(err, ERR_INPUT, 400, "missing client token")
			: 0;
	rc = take_text(req, err);
	if (rc == 0)
		rc = find_token(req, err);
	if (rc == 0)
		rc = check_address(req, err);
	if (rc == 0)
		rc = find_rights(req, err);
	if (rc != ERR_ABSENT && rc != ERR_DENIED)
		return rc;
	if (rc == ERR_DENIED && required)
		return rc;
	err_clear(err);
	if (required)
		return err_set(err, ERR_DENIED, 403, "permission denied");
	/* One that is good for nothing is none: a login needs none. */
	caller_clear(req);
	return 0;
}

/* Whether an update is in truth a create (spec/core-api.md 4.3). */
static int
find_creates(struct req *req, struct err *err)
{
	bool exists = true;
	int rc;

	if (req->op == NULL || req->op->verb != OP_UPDATE ||
		(req->op->flags & OP_EXISTENCE) == 0)
		return 0;
	rc = req->op->exists(req, &exists, err);
	req->creates = rc == 0 && !exists;
	return rc;
}

static int
ask_policies(struct req *req, struct err *err)
{
	static const unsigned wants[OP_VERB_COUNT] = {
		[OP_READ] = CAP_READ,
		[OP_LIST] = CAP_LIST,
		[OP_UPDATE] = CAP_UPDATE,
		[OP_DELETE] = CAP_DELETE,
	};
	struct acl_request request = { .path = req->path, .data = req->data };

	request.wants = req->creates ? CAP_CREATE : wants[req->verb];
	request.wrap_ttl_s = req->wrap_ttl_s;
	request.wants_sudo = req->op != NULL && (req->op->flags & OP_SUDO) != 0;
	request.checks_parameters =
		req->verb == OP_READ || req->verb == OP_UPDATE;
	return acl_check(&req->acl, &request, &req->has_sudo, err);
}

/*
 * What a wrapping token may do: be handed in. Its policy is built in, for
 * there is nothing in it to choose.
 */
static int
check_wrapping_token(const struct req *req, struct err *err)
{
	static const struct {
		enum op_verb verb;
		const char *path;
	} allowed[] = { { OP_UPDATE, "sys/wrapping/unwrap" },
		{ OP_READ, "cubbyhole/response" } };

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		if (req->verb == allowed[i].verb &&
			strcmp(req->path, allowed[i].path) == 0)
			return 0;
	}
	return err_set(err, ERR_DENIED, 403, "permission denied");
}

int
caller_check(struct req *req, struct err *err)
{
	int rc = 0;

	if (req->is_header && !req->acl.root)
		rc = err_set(err, ERR_DENIED, 403, "permission denied");
	if (rc == 0)
		rc = find_creates(req, err);
	if (rc == 0 && token_is_wrapping(req->token))
		rc = check_wrapping_token(req, err);
	else if (rc == 0)
		rc = ask_policies(req, err);
	if (rc != ERR_DENIED)
		return rc;
	err_clear(err);
	return err_set(err, rc, 403, "%s", REPLY_WRAPPED("permission denied"));
}

void
caller_clear(struct req *req)
{
	acl_clear(&req->acl);
	identity_clear(&req->who);
	req->token = NULL;
	compiled_unref(&req->token_ref);
}
