/*
 * The request object: making and freeing it, what handlers ask of it, and the
 * one way in which they change state (req_write).
 */
#include "server/api/req.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/random.h"
#include "storage/outbox.h"

#define WARNING_MAX 1024

struct req *
req_new(struct server *server)
{
	struct arena *arena = arena_new(REQ_ARENA_MAX);
	struct req *req = NULL;

	if (arena == NULL)
		return NULL;
	req = ARENA_NEW(arena, struct req);
	if (req == NULL) {
		arena_free(&arena);
		return NULL;
	}
	req->server = server;
	req->arena = arena;
	req->start_ns = clock_boot_ns(server->clock);
	random_uuid(req->id);
	buf_init(&req->out.body, REQ_ARENA_MAX);
	return req;
}

void
req_free(struct req **req)
{
	struct arena *arena = NULL;

	if (*req == NULL)
		return;
	arena = (*req)->arena;
	buf_clear(&(*req)->out.body);
	compiled_unref(&(*req)->held);
	compiled_unref(&(*req)->answer_ref);
	arena_free(&arena); /* the request itself lies in it */
	*req = NULL;
}

const char *
req_capture(const struct req *req, const char *name)
{
	size_t i;

	for (i = 0; i < req->n_captures; i++) {
		if (strcmp(req->captures[i].name, name) == 0)
			return req->captures[i].value;
	}
	return "";
}

bool
req_is_given(const struct req *req, const char *name)
{
	const struct field *fields = req->op->fields;

	for (size_t i = 0; fields[i].name != NULL; i++) {
		if (strcmp(fields[i].name, name) == 0)
			return (req->given >> i & 1) != 0;
	}
	return false;
}

void
req_warn(struct req *req, const char *fmt, ...)
{
	char text[WARNING_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (req->warnings == NULL)
		req->warnings = value_list(req->arena);
	/* A warning that finds no memory is the least loss of such a request.
	 */
	(void)value_add(req->warnings, value_string(req->arena, text));
}

int64_t
req_now_s(const struct req *req)
{
	return store_now_s(req->server->store);
}

int64_t
req_cut_ttl_s(const struct req *req, int64_t ttl_s)
{
	int64_t left_s;

	if (req->token == NULL || !req->token->batch)
		return ttl_s;
	left_s = req->token->lease.expire_s - req_now_s(req);
	if (left_s < 1)
		left_s = 1;
	return left_s < ttl_s ? left_s : ttl_s;
}

int
req_read(struct req *req, store_fn *fn, void *ctx, struct err *err)
{
	return store_read(req->server->store, fn, ctx, err);
}

/* Whether this request still has to take a use off its token. */
static bool
owes_use(const struct req *req)
{
	return req->token != NULL && req->token->num_uses > 0 &&
		!req->use_spent &&
		(req->op == NULL || (req->op->flags & OP_UNAUTHENTICATED) == 0);
}

struct write_ctx {
	struct req *req;
	store_fn *fn; /* NULL: nothing but the use */
	void *ctx;
	bool spends, last;
};

static int
refuse_lease(struct err *err)
{
	return err_set(err, ERR_INPUT, 400,
		"Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.");
}

static int
put_fact(struct store_tx *tx, struct req *req, struct err *err)
{
	static const char *const operations[OP_VERB_COUNT] = { "read", "list",
		"update", "delete" };
	struct outbox_fact fact = {
		.time_ns = tx_now_ns(tx),
		.operation = req->creates ? "create" : operations[req->verb],
		.path = req->path,
		.accessor = req->token != NULL ? req->token->accessor : "",
		.lease_id = req->lease_id != NULL ? req->lease_id : "",
		.status = req->fact_status > 0 ? req->fact_status : 204,
	};

	if (req->fact_status == 0 &&
		(req->op->out != NULL || req->lease_id != NULL))
		fact.status = 200;
	if (req->fact_status < 0)
		fact.status = 0;
	memcpy(fact.request_id, req->id, sizeof(fact.request_id));
	return outbox_put(tx, &fact, &req->fact, err);
}

/* One transaction: the token's use, the handler's change, the outbox row. */
static int
write_all(struct store_tx *tx, void *ctx, struct err *err)
{
	struct write_ctx *write = ctx;
	struct req *req = write->req;
	int rc;

	write->last = false;
	if (write->spends) {
		rc = token_spend_use(tx, req->token->lease.ref, req->arena,
			&write->last, err);
		if (rc != 0)
			return rc;
	}
	if (write->fn == NULL)
		return 0;
	if (write->last && req->refuse_last_use)
		return refuse_lease(err);
	/* Asked here, in the writer: the sweep's own closures come later. */
	if (req->mount != NULL && atomic_load(&req->mount->is_going))
		return err_set(err, ERR_ABSENT, 404,
			"no handler for route '%.64s'", req->path);
	rc = write->fn(tx, write->ctx, err);
	if (rc != 0 || !req->audited || req->outbox_written)
		return rc;
	return put_fact(tx, req, err);
}

/* What a write needs of its request; a change comes behind its line. */
static int
prepare_write(struct req *req, store_fn *fn, void *ctx, struct write_ctx *write,
	struct err *err)
{
	*write = (struct write_ctx){
		.req = req,
		.fn = fn,
		.ctx = ctx,
		.spends = owes_use(req),
	};
	return req->line_waits
		? err_set(err, ERR_INTERNAL, 500, "internal error")
		: 0;
}

/* The write is durable. */
static void
note_write(const struct write_ctx *write)
{
	struct req *req = write->req;

	if (write->spends) {
		req->use_spent = true;
		req->last_use = write->last;
	}
	if (write->fn != NULL && req->audited)
		req->outbox_written = true;
}

static int
write_now(struct req *req, store_fn *fn, void *ctx, struct err *err)
{
	struct write_ctx write;
	int rc = prepare_write(req, fn, ctx, &write, err);

	if (rc == 0 && req->line != NULL)
		rc = audit_wait(req->server->audit, &req->line, err);
	if (rc == 0)
		rc = store_write(req->server->store, write_all, &write, err);
	if (rc == 0)
		note_write(&write);
	return rc;
}

/* ---- waiting without a thread ----------------------------------------- */

void
req_wait_then(
	struct req *req, req_begin_fn *begin, void *ctx, req_then_fn *then)
{
	req->wait = (struct req_wait){ begin, then, ctx, 0 };
}

static req_begin_fn begin_last_write;

bool
req_has_wait(const struct req *req)
{
	return req->wait.then != NULL;
}

void
req_begin_wait(struct req *req, struct err *err)
{
	/* A write brings its line along; no other wait is for it to lie. */
	if (req->line != NULL && req->wait.begin != begin_last_write)
		audit_flush_requests(req->server->audit);
	req->wait.begin(req, req->wait.ctx, err);
}

void
req_resume(struct req *req, int rc)
{
	req->wait.rc = rc;
	workers_resume(req->server->workers, &req->job);
}

int
req_end_wait(struct req *req, struct reply *reply, struct err *err)
{
	const struct req_wait wait = req->wait;

	req->wait = (struct req_wait){ .then = NULL };
	return wait.then(req, wait.ctx, wait.rc, reply, err);
}

/* ---- a write that nobody waits for ----------------------------------- */

struct last_write {
	struct store_job job; /* the first member */
	struct write_ctx write;
	req_then_fn *then;
};

static void
end_last_write(struct store_job *job)
{
	struct last_write *last = (struct last_write *)(void *)job;

	req_resume(last->write.req, job->rc);
}

static void
line_is_known(void *ctx, int rc)
{
	struct last_write *last = ctx;
	struct store_job *job = &last->job;

	job->rc = rc;
	if (rc == 0)
		store_write_begin(last->write.req->server->store, job);
	else
		job->done(job);
}

/* Once the request line is out. */
static void
begin_last_write(struct req *req, void *ctx, struct err *err)
{
	struct last_write *last = ctx;

	last->job = (struct store_job){ .fn = write_all,
		.ctx = &last->write,
		.err = err,
		.done = end_last_write };
	if (req->line != NULL)
		audit_then(&req->line, line_is_known, last);
	else
		line_is_known(last, 0);
}

static int
go_on_behind_write(struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err)
{
	const struct last_write *last = ctx;

	if (rc == ERR_AUDIT)
		return rc;
	if (rc == 0)
		note_write(&last->write);
	return last->then(req, last->write.ctx, rc, reply, err);
}

int
req_write_then(struct req *req, store_fn *fn, void *ctx, req_then_fn *then,
	struct err *err)
{
	struct last_write *last = ARENA_NEW(req->arena, struct last_write);
	int rc;

	if (last == NULL)
		return err_set_memory(err);
	rc = prepare_write(req, fn, ctx, &last->write, err);
	if (rc != 0)
		return rc;
	last->then = then;
	req_wait_then(req, begin_last_write, last, go_on_behind_write);
	return 0;
}

int
req_undo_unless_told(
	struct req *req, const struct req_undo *undo, struct err *err)
{
	req->undo = ARENA_NEW(req->arena, struct req_undo);
	if (req->undo == NULL)
		return err_set_memory(err);
	*req->undo = *undo;
	req->undo->req = req;
	return 0;
}

int
req_write(struct req *req, store_fn *fn, void *ctx, struct err *err)
{
	return write_now(req, fn, ctx, err);
}

static int
change_nothing(
	UNUSED struct store_tx *tx, UNUSED void *ctx, UNUSED struct err *err)
{
	return 0;
}

int
req_announce(struct req *req, struct err *err)
{
	req->fact_status = -1;
	return req_write(req, change_nothing, NULL, err);
}

int
req_spend_use(struct req *req, struct err *err)
{
	return owes_use(req) ? write_now(req, NULL, NULL, err) : 0;
}

int
req_check_lease_allowed(struct req *req, struct err *err)
{
	req->refuse_last_use = true;
	if (owes_use(req) && req->token->num_uses == 1)
		return refuse_lease(err);
	return 0;
}
