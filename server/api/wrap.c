/* Answers into wrapping tokens, and out again. */
#include "server/api/wrap.h"

#include <string.h>

#include "server/core/expire.h"
#include "server/core/token_store.h"

/* Wrapping tokens are in nobody's tree; their rows stand here. */
#define WRAPPING_PATH "wrapping"
#define JSON_TYPE "application/json"

/* A wrapping token on its way into the store. */
struct wrapping {
	struct token token;
	struct token_draft draft;
};

static int
draw(struct req *req, struct wrapping *made, struct err *err)
{
	struct token_store held;
	struct token_place place = { .path = WRAPPING_PATH };
	int rc = token_store_hold(req->server, &held, err);

	if (rc != 0)
		return rc;
	place.tokens = held.mount->uuid;
	place.mount = held.mount->uuid;
	rc = token_draft(req->server->store, held.barrier, &place, SPAN_NONE,
		&made->draft, err);
	token_store_release(&held);
	return rc;
}

/* The accessor of a token inside is kept where look-ups show it. */
static void
note_accessor(struct wrapping *made, const char **accessor)
{
	static const char *keys[] = { "wrapped_accessor" };

	if (*accessor != NULL && (*accessor)[0] != '\0')
		made->token.meta = (struct str_map){ keys, accessor, 1 };
}

static struct wrapping *
new_wrapping(struct req *req, const char **accessor)
{
	struct wrapping *made = ARENA_NEW(req->arena, struct wrapping);

	if (made == NULL)
		return NULL;
	made->token = (struct token){ .display_name = "",
		.path = req->path,
		.entity_id = "",
		.role = "" };
	note_accessor(made, accessor);
	memcpy(made->token.lease.request_id, req->id, sizeof(req->id));
	return made;
}

static int
insert(struct store_tx *tx, struct wrapping *made, int64_t ttl_s,
	const struct wrapped_answer *answer, struct err *err)
{
	struct lease *lease = &made->token.lease;

	if (__builtin_add_overflow(tx_now_s(tx), ttl_s, &lease->expire_s))
		return err_set(err, ERR_INPUT, 400, "ttl is too large");
	lease->issue_ns = tx_now_ns(tx);
	lease->ttl_s = ttl_s;
	made->token.creation_ttl_s = ttl_s;
	return wrapping_insert(tx, &made->draft, &made->token, answer, err);
}

/* It is durable: expiry hears of it, and the answer is this. */
static int
show(struct req *req, const struct wrapping *made, struct reply *reply,
	struct err *err)
{
	const struct token *token = &made->token;
	struct wrap_info *info = ARENA_NEW(req->arena, struct wrap_info);

	expire_notice(req->server->expire, token->lease.expire_s);
	if (info == NULL)
		return err_set_memory(err);
	*info = (struct wrap_info){
		.token = made->draft.text,
		.accessor = token->accessor,
		.creation_path = token->path,
		.wrapped_accessor =
			token->meta.n > 0 ? token->meta.values[0] : "",
		.ttl_s = token->creation_ttl_s,
		.creation_ns = token->lease.issue_ns,
	};
	*reply = (struct reply){ .req = req, .wrap = info };
	return 0;
}

/* ---- an answer is wrapped ----------------------------------------------- */

struct wrap_ctx {
	struct req *req;
	struct wrapping *made;
	struct wrapped_answer answer;
};

static int
insert_answer(struct store_tx *tx, void *ctx, struct err *err)
{
	struct wrap_ctx *wrap = ctx;

	return insert(
		tx, wrap->made, wrap->req->wrap_ttl_s, &wrap->answer, err);
}

/*
 * A token that nobody will ever see goes; any other credential ends with its
 * time, or with the token of who asked for it.
 */
static void
take_back(struct req *req, const struct reply *reply)
{
	struct err err = { 0 };

	if (reply->new_token != NULL && reply->new_token->lease.ref.row != 0)
		(void)lease_revoke_tree(
			req->server->store, reply->new_token->lease.ref, &err);
}

int
wrap_answer(struct req *req, struct reply *reply, struct err *err)
{
	const char **accessor = ARENA_NEW(req->arena, const char *);
	struct wrap_ctx wrap = { .req = req };
	int rc = 0;

	if (accessor != NULL) {
		*accessor = value_find_str(reply->auth, "accessor", "");
		wrap.made = new_wrapping(req, accessor);
	}
	if (wrap.made == NULL)
		rc = err_set_memory(err);
	if (rc == 0)
		rc = draw(req, wrap.made, err);
	wrap.answer = (struct wrapped_answer){
		.status = req->out.status,
		.content_type = req->out.content_type != NULL
			? req->out.content_type
			: JSON_TYPE,
		.body = buf_span(&req->out.body),
	};
	if (req->fact_status == 0)
		req->fact_status = 200;
	if (rc == 0)
		rc = req_write(req, insert_answer, &wrap, err);
	if (rc == 0)
		return show(req, wrap.made, reply, err);
	take_back(req, reply);
	return rc;
}

/* ---- a token is handed in ----------------------------------------------- */

int
wrap_refuse(struct req *req, bool used, struct err *err)
{
	req->audit_error =
		used ? "wrapping token was used before" : WRAP_INVALID;
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, WRAP_INVALID);
}

int
wrap_parse(struct req *req, struct secret_view text,
	struct wrapping_name *ret_name, struct err *err)
{
	struct token_store held;
	int rc = token_store_hold(req->server, &held, err);

	if (rc != 0)
		return rc;
	rc = wrapping_parse(held.barrier, held.mount->uuid, text, ret_name);
	token_store_release(&held);
	if (rc == ERR_ABSENT)
		return wrap_refuse(req, false, err);
	return rc == 0 ? 0 : err_set(err, rc, 500, "internal error");
}

struct take_ctx {
	struct req *req;
	struct wrapping_name name;
	struct token token;
	struct wrapped_answer answer;
	struct wrapping *next; /* takes the answer over; or NULL */
	bool used;             /* refused: it was taken before */
};

/* The new one is as the old one was, and begins now. */
static int
take_over(struct store_tx *tx, struct take_ctx *take, struct err *err)
{
	struct token *token = &take->next->token;

	token->path = take->token.path;
	token->meta = take->token.meta;
	return insert(
		tx, take->next, take->token.creation_ttl_s, &take->answer, err);
}

static int
take_row(struct store_tx *tx, void *ctx, struct err *err)
{
	struct take_ctx *take = ctx;
	int rc = wrapping_take(tx, &take->name, take->req->arena, &take->token,
		&take->answer, &take->used, err);

	return rc == 0 && take->next != NULL ? take_over(tx, take, err) : rc;
}

static int
give_back(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct take_ctx *take = ctx;

	return wrapping_give_back(tx, take->name.ref, take->req->arena, err);
}

static void
forget(struct req *req, void *ctx)
{
	const struct take_ctx *take = ctx;

	wrapping_forget(req->server->store, take->name.ref);
}

/*
 * The caller's own wrapping token is taken, and so needs no use of its own
 * taken besides; where it is not, its use is due as that of any other.
 */
static int
write_take(struct req *req, struct take_ctx *take, struct err *err)
{
	const struct req_undo undo = {
		.fn = give_back, .told = forget, .ctx = take
	};
	const bool own = req->token != NULL &&
		req->token->lease.ref.row == take->name.ref.row;
	int rc;

	req->fact_status = 200;
	if (own)
		req->use_spent = true;
	rc = req_write(req, take_row, take, err);
	if (rc == 0)
		return req_undo_unless_told(req, &undo, err);
	if (own)
		req->use_spent = false;
	return rc == ERR_ABSENT ? wrap_refuse(req, take->used, err) : rc;
}

/* In the arena: what is given back may be so behind the handler. */
static struct take_ctx *
new_take(struct req *req)
{
	struct take_ctx *take = ARENA_NEW(req->arena, struct take_ctx);

	if (take != NULL)
		take->req = req;
	return take;
}

int
wrap_take(struct req *req, struct secret_view text,
	struct wrapped_answer *ret_answer, struct err *err)
{
	struct take_ctx *take = new_take(req);
	int rc;

	if (take == NULL)
		return err_set_memory(err);
	rc = wrap_parse(req, text, &take->name, err);
	if (rc == 0)
		rc = write_take(req, take, err);
	if (rc == 0)
		*ret_answer = take->answer;
	return rc;
}

int
wrap_take_over(struct req *req, struct secret_view text, struct reply *reply,
	struct err *err)
{
	static const char *none = "";
	struct take_ctx *take = new_take(req);
	struct wrapping *next = new_wrapping(req, &none);
	int rc;

	if (take == NULL || next == NULL)
		return err_set_memory(err);
	take->next = next;
	rc = wrap_parse(req, text, &take->name, err);
	if (rc == 0)
		rc = draw(req, next, err);
	if (rc == 0)
		rc = write_take(req, take, err);
	return rc == 0 ? show(req, next, reply, err) : rc;
}
