/* A token from its draft to the auth block of the answer. */
#include "server/auth/new_token.h"

#include <string.h>

#include "server/api/cap.h"
#include "server/api/reply.h"
#include "server/core/expire.h"
#include "server/core/token_store.h"
#include "storage/token_batch.h"

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

/* As long as an entity's id, which is not known before the write. */
#define SOME_ENTITY "00000000-0000-0000-0000-000000000000"

static int
seal_text(struct new_token *made, const struct token *token,
	const struct token_store *held, struct err *err)
{
	return token_batch_seal(held->barrier, held->mount->uuid, token,
		made->req->arena, &made->text, err);
}

/* All of a batch token but its text, which is tried for its size. */
static int
draft_batch(
	struct new_token *made, const struct token_store *held, struct err *err)
{
	struct token *token = &made->token, tried;

	token->lease.issue_ns = store_now_ns(made->req->server->store);
	token->lease.ttl_s = made->life.ttl_s;
	token->lease.expire_s =
		token->lease.issue_ns / CLOCK_NS_PER_S + made->life.ttl_s;
	token->lease.renewable = false;
	token->creation_ttl_s = made->life.ttl_s;
	token->orphan = token->lease.owner.row == 0;
	tried = *token;
	tried.entity_id = SOME_ENTITY;
	return seal_text(made, &tried, held, err);
}

static int
draft(struct new_token *made, struct secret_view custom_id,
	const struct token_store *held, struct err *err)
{
	const struct req *req = made->req;
	const struct token_place place = { .tokens = held->mount->uuid,
		.mount = req->mount->uuid,
		.path = made->path };

	if (made->token.batch)
		return draft_batch(made, held, err);
	made->text = made->draft.text;
	return token_draft(req->server->store, held->barrier, &place,
		span_of(custom_id.data, custom_id.len), &made->draft, err);
}

int
new_token_draft(
	struct new_token *made, struct secret_view custom_id, struct err *err)
{
	struct token_store held;
	int rc = token_store_hold(made->req->server, &held, err);

	if (rc != 0)
		return rc;
	rc = draft(made, custom_id, &held, err);
	token_store_release(&held);
	return rc;
}

int
new_token_insert(struct store_tx *tx, struct new_token *made, struct err *err)
{
	const struct token_lifetime *life = &made->life;
	struct lease *lease = &made->token.lease;

	if (made->token.batch)
		return 0;
	lease->issue_ns = tx_now_ns(tx);
	lease->ttl_s = life->ttl_s;
	lease->expire_s = life->ttl_s == 0 ? 0 : tx_now_s(tx) + life->ttl_s;
	lease->max_s = life->max_s == 0 ? 0 : tx_now_s(tx) + life->max_s;
	made->token.creation_ttl_s = life->ttl_s;
	return token_insert(tx, &made->draft, &made->token, err);
}

static int
seal_batch(struct new_token *made, struct err *err)
{
	struct token_store held;
	int rc = token_store_hold(made->req->server, &held, err);

	if (rc != 0)
		return rc;
	rc = seal_text(made, &made->token, &held, err);
	token_store_release(&held);
	return rc;
}

int
new_token_reply(struct new_token *made, struct reply *reply, struct err *err)
{
	struct req *req = made->req;
	const struct lease *lease = &made->token.lease;
	int rc = 0;

	if (made->life.capped)
		req_warn_cap(req, made->life.asked_s, made->life.max_s);
	if (made->token.batch)
		rc = seal_batch(made, err);
	else if (lease->expire_s != 0)
		expire_notice(req->server->expire, lease->expire_s);
	if (rc != 0)
		return rc;
	reply_auth(reply, &made->token,
		secret_view_of(made->text, strlen(made->text)),
		made->life.ttl_s);
	return 0;
}
