/* A token from its draft to the auth block of the answer. */
#include "server/auth/new_token.h"

#include <string.h>

#include "server/api/cap.h"
#include "server/api/reply.h"
#include "server/core/expire.h"
#include "server/core/seal.h"

struct new_token *
new_token_start(struct req *req, const char *path)
{
	struct new_token *made = ARENA_NEW(req->arena, struct new_token);

	if (made == NULL)
		return NULL;
	made->req = req;
	made->path = path != NULL ? path : req->mount_path_rest;
	made->token = (struct token){
		.display_name = "",
		.path = arena_printf(
			req->arena, "%s%s", req->mount->path, made->path),
		.entity_id = "",
		.role = "",
		.lease = { .kind = LEASE_TOKEN, .state = LEASE_LIVE },
	};
	memcpy(made->token.lease.request_id, req->id, sizeof(req->id));
	return made->token.path != NULL ? made : NULL;
}

static int
draft(struct new_token *made, const struct mount *tokens,
	const struct barrier *barrier, struct secret_view custom_id,
	struct err *err)
{
	const struct req *req = made->req;
	const struct token_place place = { .tokens = tokens->uuid,
		.mount = req->mount->uuid,
		.path = made->path };

	return token_draft(req->server->store, barrier, &place,
		span_of(custom_id.data, custom_id.len), &made->draft, err);
}

int
new_token_draft(
	struct new_token *made, struct secret_view custom_id, struct err *err)
{
	struct server *server = made->req->server;
	struct barrier *barrier = seal_hold_barrier(server->seal);
	struct mount *tokens = NULL;
	int rc;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	tokens = mounts_find(server->mounts, MOUNT_TOKENS);
	rc = tokens == NULL ? err_set(err, ERR_INTERNAL, 500, "internal error")
			    : draft(made, tokens, barrier, custom_id, err);
	mount_unref(server->mounts, &tokens);
	seal_release_barrier(server->seal);
	return rc;
}

int
new_token_insert(struct store_tx *tx, struct new_token *made, struct err *err)
{
	const struct token_lifetime *life = &made->life;
	struct lease *lease = &made->token.lease;

	lease->issue_ns = tx_now_ns(tx);
	lease->ttl_s = life->ttl_s;
	lease->expire_s = life->ttl_s == 0 ? 0 : tx_now_s(tx) + life->ttl_s;
	lease->max_s = life->max_s == 0 ? 0 : tx_now_s(tx) + life->max_s;
	made->token.creation_ttl_s = life->ttl_s;
	return token_insert(tx, &made->draft, &made->token, err);
}

void
new_token_reply(struct new_token *made, struct reply *reply)
{
	struct req *req = made->req;
	const struct lease *lease = &made->token.lease;

	if (made->life.capped)
		req_warn_cap(req, made->life.asked_s, made->life.max_s);
	if (lease->expire_s != 0)
		expire_notice(req->server->expire, lease->expire_s);
	reply_auth(reply, &made->token,
		secret_view_of(made->draft.text, strlen(made->draft.text)),
		made->life.ttl_s);
}
