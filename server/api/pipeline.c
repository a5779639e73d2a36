/*
 * The order of things: admit, queue, limits, token, input, policy, request
 * line, route, bind, handler, use of the token, answer, response line, done.
 */
#include "server/api/pipeline.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "server/api/admit.h"
#include "server/api/bind.h"
#include "server/api/caller.h"
#include "server/api/envelope.h"
#include "server/api/help.h"
#include "server/api/input.h"
#include "server/api/redact.h"
#include "server/api/reply.h"
#include "server/api/route.h"
#include "server/api/wrap.h"
#include "server/core/seal.h"
#include "storage/outbox.h"

#define REQUEST_NS_MAX (90 * CLOCK_NS_PER_S)
#define SMALL_BODY 4096

/* How far a request came; says how the audit log words a refusal. */
enum stage { STAGE_INPUT, STAGE_TOKEN, STAGE_POLICY, STAGE_ROUTE, STAGE_WORK };

/* A request in a worker's hands. */
struct run {
	struct req *req;
	struct reply reply;
	struct err err;
	enum stage stage;
	bool unlogged; /* nobody took the request line: nothing is done */
	struct audit_entry request; /* the request line, where it waits */
};

/* ---- the end --------------------------------------------------------- */

static void
finish(struct req *req)
{
	if (req->outbox_written)
		outbox_done(req->server->store, &req->fact, req->line_rc == 0);
	if (req->line_rc != 0) {
		/* Nobody learns what no audit line vouches for. */
		envelope_error(req, 500,
			req->line_waits && !admit_is_open(req)
				? REPLY_WRAPPED("internal error")
				: "internal error");
		req->out.allow = NULL;
		req->out.retry_after_s = 0;
	}
	if (strcmp(req->method, "HEAD") == 0)
		buf_reset(&req->out.body);
	caller_clear(req);
	mount_unref(req->server->mounts, &req->mount);
	req->done(req);
}

static void
finish_undone(struct store_job *job)
{
	finish(((struct req_undo *)(void *)job)->req);
}

/*
 * What was taken for an answer that nobody gets is given back first: the line
 * was refused for good, so that no answer leaves whatever comes of it.
 */
static void
complete(struct req *req)
{
	struct req_undo *undo = req->undo;

	if (undo != NULL && req->line_rc != 0) {
		undo->job = (struct store_job){ .fn = undo->fn,
			.ctx = undo->ctx,
			.err = &undo->err,
			.done = finish_undone };
		store_write_begin(req->server->store, &undo->job);
		return;
	}
	if (undo != NULL && undo->told != NULL)
		undo->told(req, undo->ctx);
	finish(req);
}

/* Both the worker and the device that wrote the line hold the request. */
static void
let_go(struct req *req)
{
	if (atomic_fetch_sub(&req->parties, 1) == 1)
		complete(req);
}

static void
line_done(void *ctx, int rc)
{
	struct req *req = ctx;

	req->line_rc = rc;
	let_go(req);
}

/* A refusal that no audit line tells of: nothing was looked at. */
static void
turn_away(struct req *req, const struct err *err)
{
	envelope_error(req, err->status, err->message);
	if (err->code == ERR_BUSY)
		req->out.retry_after_s = 1;
	caller_forget(req);
	complete(req);
}

/* ---- errors ---------------------------------------------------------- */

static void
wrap(struct err *err)
{
	char text[ERR_MESSAGE_MAX];

	(void)snprintf(
		text, sizeof(text), REPLY_WRAPPED("%.900s"), err->message);
	memcpy(err->message, text, sizeof(err->message));
}

/* How our own faults are told, before the handler and in it. */
static void
settle_fault(struct run *run)
{
	struct err *err = &run->err;

	if (err->code == 0)
		(void)err_set(err, ERR_INTERNAL, 500, "internal error");
	if (err->status == 500 && !admit_is_open(run->req))
		wrap(err);
}

/* How a handler's failure is told (spec/core-api.md 1.8). */
static void
settle_error(struct run *run)
{
	struct err *err = &run->err;

	settle_fault(run);
	if (err->status == 403 && !admit_is_open(run->req) &&
		strcmp(err->message, "permission denied") == 0)
		wrap(err);
}

static void
log_failure(const struct req *req, const struct err *err)
{
	if (err->status < 500 || err->code == ERR_SEALED ||
		err->code == ERR_BUSY)
		return;
	log_error("request failed", LOG_STR("request", req->id),
		LOG_INT("status", err->status), LOG_ERR(err));
}

/* The clear error of the request line; "" where it goes on to the work. */
static const char *
request_error(const struct run *run)
{
	return run->err.code != 0 ? run->err.message : "";
}

/* The clear error of the response line; plain 400 answers have none. */
static const char *
response_error(const struct run *run)
{
	const struct err *err = &run->err;

	if (err->code == 0)
		return "";
	if (run->req->audit_error != NULL)
		return run->req->audit_error;
	if (run->stage == STAGE_TOKEN && err->status == 400)
		return "invalid request";
	if (run->stage == STAGE_TOKEN && err->status == 403)
		return REPLY_WRAPPED("permission denied");
	return err->status == 400 ? "" : err->message;
}

/* ---- before the handler ---------------------------------------------- */

static bool
looks_at_token(const struct req *req)
{
	if (!admit_is_open(req))
		return true;
	/* An engine's open paths do not care (spec/ssh-engine.md 1.1). */
	return req->mount != NULL && req->token_text.len > 0 &&
		(req->mount->type->builtin || req->mount->type->is_auth);
}

static int
authenticate(struct run *run)
{
	struct req *req = run->req;
	int rc = 0;

	run->stage = STAGE_TOKEN;
	if (looks_at_token(req))
		rc = caller_find(req, !admit_is_open(req), &run->err);
	caller_forget(req);
	return rc;
}

/*
 * Where a request is about a wrapping token and names none in its body, the
 * caller's token is the one, and is refused as such (spec/core-api.md 5.1).
 */
static void
word_refusal(struct run *run, bool bare)
{
	struct req *req = run->req;
	struct err err = { 0 };

	if (req->op == NULL || (req->op->flags & OP_WRAPPING) == 0 ||
		run->err.code == ERR_SEALED ||
		input_read(req, bare, &err) != 0 ||
		value_find(req->data, "token") != NULL)
		return;
	if (req->own_token.len > 0) {
		(void)wrap_refuse(req, false, &run->err);
		return;
	}
	err_clear(&run->err);
	(void)err_set(&run->err, ERR_INPUT, 400,
		"error validating wrapping token: token is empty");
}

/* All that can refuse a request before its line is written. */
static int
prepare(struct run *run)
{
	struct req *req = run->req;
	bool bare = req->op != NULL && (req->op->flags & OP_BARE) != 0;
	/* What no row is about is refused as such, whatever its body. */
	bool strict = bare && req->route == ROUTE_FOUND;
	size_t len = strlen(req->path);
	int rc;

	if (req->verb == OP_UPDATE && len > 0 && req->path[len - 1] == '/')
		return err_set(&run->err, ERR_INPUT, 400,
			"cannot write to a path ending in '/'");
	rc = input_scan(req, strict, &run->err);
	if (rc != 0)
		return rc;
	rc = authenticate(run);
	if (rc != 0) {
		word_refusal(run, bare);
		return rc;
	}
	run->stage = STAGE_INPUT;
	rc = input_read(req, strict, &run->err);
	if (rc != 0 || admit_is_open(req) || req->is_help)
		return rc;
	run->stage = STAGE_POLICY;
	return caller_check(req, &run->err);
}

/* "GET, POST, PUT" of a path's rows. */
static const char *
allowed_methods(const struct req *req)
{
	static const char *const names[OP_VERB_COUNT] = { ", GET", ", LIST",
		", POST, PUT", ", DELETE" };
	const char *text = "";
	size_t verb;

	for (verb = 0; req->path_ops != NULL && verb < OP_VERB_COUNT; verb++) {
		if (req->path_ops[verb] != NULL && text != NULL)
			text = arena_printf(
				req->arena, "%s%s", text, names[verb]);
	}
	return text != NULL && text[0] != '\0' ? text + 2 : NULL;
}

/* Tell those who may know what is not there. */
static int
check_route(struct run *run)
{
	struct req *req = run->req;
	struct err *err = &run->err;
	int rc = 0;

	switch (req->route) {
	case ROUTE_FOUND:
		return 0;
	case ROUTE_NO_MOUNT:
		return err_set(err, ERR_ABSENT, 404,
			"no handler for route '%.64s'", req->path);
	case ROUTE_BAD_NAME:
		return err_set(
			err, ERR_INPUT, 400, "relative paths not supported");
	case ROUTE_NO_PATH:
		rc = err_set(err, ERR_ABSENT, 404, "unsupported path");
		break;
	case ROUTE_NO_VERB:
		req->out.allow = allowed_methods(req);
		/* Vault's hand-written endpoints say no more than that. */
		if (req->op != NULL && (req->op->flags & OP_BARE) != 0)
			return err_set(err, ERR_INPUT, 405, "%s", "");
		rc = err_set(err, ERR_INPUT, 405, "unsupported operation");
		break;
	}
	if (!admit_is_open(req))
		wrap(err);
	return rc;
}

/* ---- the work -------------------------------------------------------- */

static int
answer_help(struct run *run)
{
	struct req *req = run->req;
	struct openapi_mount mount = { .path = "sys/" };
	struct buf text;
	int rc;

	/* While sealed there is no mount, but there is help for sys/. */
	mount.type = mounts_type(req->server->mounts, "system", false);
	if (req->mount != NULL) {
		mount.path = req->mount->path;
		mount.type = req->mount->type;
	}
	buf_init(&text, REQ_ARENA_MAX);
	rc = help_text(req->arena, mount.type, req->op, req->mount_path_rest,
		&text, &run->err);
	if (rc == 0) {
		reply_span(&run->reply, "help", buf_span(&text));
		reply_value(&run->reply, "see_also", value_null(req->arena));
		reply_value(&run->reply, "openapi",
			openapi_one(req->arena, &mount, req->op));
	}
	buf_clear(&text);
	return rc;
}

static void
run_handler(struct run *run)
{
	struct req *req = run->req;
	int rc;

	run->stage = STAGE_ROUTE;
	if (check_route(run) != 0)
		return;
	run->stage = STAGE_WORK;
	if (req->is_help)
		rc = answer_help(run);
	else
		rc = bind_input(req, &run->err);
	if (rc == 0 && !req->is_help)
		rc = req->op->handler(req, &run->reply, &run->err);
	if (rc != 0)
		settle_error(run);
}

/* Where the caller asked for that and there is something, it is wrapped. */
static void
wrap_up(struct run *run)
{
	struct req *req = run->req;
	int rc;

	if (run->err.code != 0 || req->wrap_ttl_s == 0 || req->is_help ||
		(req->op->flags & (OP_BARE | OP_RAW)) != 0 ||
		run->reply.wrap != NULL)
		return;
	rc = envelope_write(req, &run->reply, &run->err);
	if (rc == 0 && req->out.status < 300 && req->out.body.len > 0)
		rc = wrap_answer(req, &run->reply, &run->err);
	if (rc != 0)
		settle_error(run);
}

/* An answer that could not be made takes nothing. */
static void
settle_undo(struct run *run)
{
	struct req *req = run->req;
	struct err err = { 0 };

	if (run->err.code == 0 || req->undo == NULL)
		return;
	if (store_write(req->server->store, req->undo->fn, req->undo->ctx,
		    &err) != 0)
		log_warn("what a request took is lost", LOG_ERR(&err));
	req->undo = NULL;
}

/*
 * What made no write takes its token's use now; so do refused requests, but
 * for those that no audit line tells of.
 */
static void
settle_use(struct run *run)
{
	struct err err = { 0 };

	if (run->unlogged)
		return;
	if (req_spend_use(run->req, &err) != 0 && run->err.code == 0)
		run->err = err;
	if (!run->req->last_use)
		return;
	err_clear(&err);
	if (lease_revoke_tree(run->req->server->store,
		    run->req->token->lease.ref, &err) != 0)
		log_warn("a used-up token is left to expiry", LOG_ERR(&err));
}

static void
write_answer(struct run *run)
{
	struct req *req = run->req;

	if (run->err.code == 0 &&
		envelope_write(req, &run->reply, &run->err) == 0)
		return;
	log_failure(req, &run->err);
	envelope_error(req, run->err.status, run->err.message);
	if (run->err.code == ERR_BUSY)
		req->out.retry_after_s = 1;
}

/* ---- the audit lines ------------------------------------------------- */

/*
 * What changes nothing, not even its token's uses, may write its request line
 * together with its response line: until both are durable nobody has learned
 * anything. That saves two changes of thread.
 */
static bool
changes_nothing(const struct req *req)
{
	return (req->verb == OP_READ || req->verb == OP_LIST) &&
		req->wrap_ttl_s == 0 &&
		(req->token == NULL || req->token->num_uses == 0);
}

/* The handler may begin: its one write waits for the request line. */
static bool
waits_in_write(const struct run *run)
{
	const struct req *req = run->req;

	return run->err.code == 0 && req->route == ROUTE_FOUND &&
		!req->is_help && (req->op->flags & OP_ONE_WRITE) != 0;
}

/* Nobody took the request line: nothing was done. */
static int
refuse_unlogged(struct run *run, int rc)
{
	err_clear(&run->err);
	run->stage = STAGE_WORK;
	run->unlogged = true;
	(void)err_set(&run->err, rc, 500, "internal error");
	log_error("audit of a request failed", LOG_ERR(&run->err));
	wrap(&run->err);
	return rc;
}

/* The request line; where nobody takes it, nothing is done. */
static int
log_request(struct run *run)
{
	struct req *req = run->req;
	struct err err = { 0 };
	int rc;

	req->audited = audit_is_enabled(req->server->audit);
	if (!req->audited)
		return 0;
	rc = redact_request(req, request_error(run), &run->request, &err);
	req->line_waits = rc == 0 && changes_nothing(req);
	run->request.more = true; /* until the end of work */
	if (rc == 0 && !req->line_waits)
		rc = audit_request_begin(
			req->server->audit, &run->request, &req->line, &err);
	if (rc == 0 && req->line != NULL && !waits_in_write(run))
		rc = audit_wait(req->server->audit, &req->line, &err);
	return rc == 0 ? 0 : refuse_unlogged(run, rc);
}

/* The handler may have ended without a write: wait now. */
static void
settle_line(struct run *run)
{
	struct req *req = run->req;

	if (req->line != NULL &&
		audit_wait(req->server->audit, &req->line, NULL) != 0)
		(void)refuse_unlogged(run, ERR_AUDIT);
}

static bool
wants_response_line(const struct req *req)
{
	if (req->audited)
		return true;
	/* A device that this very request opened gets its answer. */
	return audit_is_enabled(req->server->audit) &&
		(req->op == NULL ||
			(req->op->flags & OP_NO_AUDIT_BEFORE_OPEN) == 0);
}

/*
 * A seal closed the devices while this request was at work. What it changed
 * stands, and its outbox row tells of it at the next unseal; what it would
 * say stays unsaid. Sealing itself is answered: it says and keeps nothing.
 */
static bool
is_cut_off(const struct req *req)
{
	return req->audited && seal_is_sealed(req->server->seal) &&
		(req->outbox_written || req->out.body.len > 0);
}

/* The line, with the request's own where that has waited for it. */
static bool
hand_over(struct run *run, const struct audit_entry *entry)
{
	struct req *req = run->req;
	struct audit *audit = req->server->audit;

	return req->line_waits
		? audit_both(audit, &run->request, entry, line_done, req)
		: audit_response(audit, entry, line_done, req);
}

static void
log_response(struct run *run)
{
	struct req *req = run->req;
	bool failed = run->err.code != 0;
	struct redact_answer answer = {
		.reply = failed ? NULL : &run->reply,
		.error = response_error(run),
		.text = "",
	};
	struct audit_entry entry;
	int rc;

	if (failed && run->stage != STAGE_ROUTE && run->err.status < 500)
		answer.text = run->err.message;
	atomic_store(&req->parties, 2);
	rc = redact_response(req, &answer, &entry, NULL);
	entry.more = true;
	if (rc != 0)
		line_done(req, ERR_AUDIT);
	else if (!hand_over(run, &entry) && is_cut_off(req))
		req->line_rc = ERR_AUDIT;
	let_go(req);
}

/* ---- threads --------------------------------------------------------- */

static bool
is_slow(const struct req *req)
{
	return req->op != NULL && (req->op->flags & OP_SLOW) != 0;
}

static bool
is_late(const struct req *req)
{
	int64_t now_ns = clock_boot_ns(req->server->clock);

	return now_ns - req->start_ns > REQUEST_NS_MAX;
}

/* All that follows the handler and its write. */
static void
end_work(struct run *run)
{
	struct req *req = run->req;

	settle_line(run);
	wrap_up(run);
	settle_use(run);
	write_answer(run);
	settle_undo(run);
	if (wants_response_line(req))
		log_response(run);
	else
		complete(req);
}

/* Leave the thread while the request waits; where it does not, it ends. */
static void
wait_or_end(struct run *run)
{
	struct req *req = run->req;

	if (run->err.code == 0 && req_has_wait(req)) {
		if (workers_park(req->server->workers)) {
			req->run = run;
			req_begin_wait(req, &run->err);
			return;
		}
		req->wait.rc = err_set(&run->err, ERR_BUSY, 503, "overloaded");
		(void)req_end_wait(req, &run->reply, &run->err);
	}
	end_work(run);
}

/* Too late, or no memory for what follows. */
static void
turn_away_late(struct req *req)
{
	struct err err = { 0 };

	(void)err_set(&err, ERR_BUSY, 503, "overloaded");
	turn_away(req, &err);
}

static void
begin(struct req *req)
{
	struct run *run = ARENA_NEW(req->arena, struct run);

	if (run == NULL || is_late(req)) {
		turn_away_late(req);
		return;
	}
	/* The rest is zero already, and stays untouched where all goes well. */
	run->req = req;
	run->reply.req = req;
	if (prepare(run) != 0)
		settle_fault(run);
	/* A list may take long: what lies does not wait for it. */
	if (req->verb == OP_LIST)
		audit_flush_requests(req->server->audit);
	if (log_request(run) == 0 && run->err.code == 0)
		run_handler(run);
	wait_or_end(run);
}

/* What the request waited for is over. */
static void
go_on(struct req *req)
{
	struct run *run = req->run;
	int rc = req_end_wait(req, &run->reply, &run->err);

	if (rc == ERR_AUDIT)
		(void)refuse_unlogged(run, rc);
	else if (rc != 0)
		settle_error(run);
	wait_or_end(run);
}

/*
 * Lines lie as long as other requests are there to add theirs: one write, and
 * one sync, for all that came together. Whoever finds none sees to that; slow
 * requests do not wait for quick ones to come to it.
 */
static void
work(struct job *job)
{
	struct req *req = (struct req *)(void *)job; /* its first member */
	struct server *server = req->server;
	const bool slow = is_slow(req);

	if (req->run == NULL)
		begin(req);
	else
		go_on(req);
	/* The request may be gone. */
	if (slow || !workers_have_more(server->workers))
		audit_flush(server->audit);
}

/* Health and its like: no token, no line, no disk. */
static void
run_at_once(struct req *req)
{
	struct run run = { .req = req, .reply = { .req = req } };
	int rc;

	caller_forget(req);
	rc = input_read(req, true, &run.err);
	if (rc == 0)
		rc = bind_input(req, &run.err);
	if (rc == 0)
		rc = req->op->handler(req, &run.reply, &run.err);
	if (rc != 0)
		settle_error(&run);
	write_answer(&run);
	complete(req);
}

void
pipeline_submit(struct req *req)
{
	struct err err = { 0 };

	if (admit(req, &err) != 0) {
		turn_away(req, &err);
		return;
	}
	if (req->op != NULL && !req->is_help && req->route == ROUTE_FOUND &&
		(req->op->flags & OP_UNAUDITED) != 0) {
		run_at_once(req);
		return;
	}
	req->job.fn = work;
	if (workers_submit(
		    req->server->workers, &req->job, is_slow(req), &err) != 0)
		turn_away(req, &err);
}

/* ---- the size of bodies ---------------------------------------------- */

/* The row that a write to path would reach; NULL: none. */
static const struct op *
write_row(struct server *server, const char *path)
{
	struct mount *mount = mounts_find(server->mounts, path);
	const struct router *router = NULL;
	const struct op *op = NULL;

	if (mount == NULL)
		return NULL;
	if (strlen(path) > strlen(mount->path))
		router = router_of(mount->type);
	if (router != NULL)
		op = router_row(router, path + strlen(mount->path), OP_UPDATE);
	mount_unref(server->mounts, &mount);
	return op;
}

bool
pipeline_knows_token(struct server *server, struct secret_view text)
{
	return caller_is_known(server, text);
}

size_t
pipeline_body_cap(struct server *server, const char *method, const char *path,
	bool is_known, size_t max_size)
{
	const struct op *op = NULL;
	size_t cap = is_known ? SIZE_MAX : PIPELINE_ANONYMOUS_BODY;

	if (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0)
		op = write_row(server, path);
	if (op != NULL && (op->flags & OP_SMALL_BODY) != 0)
		cap = SMALL_BODY;
	return cap < max_size ? cap : max_size;
}
