/*
 * One request on its way: arena, canonical path, caller, bound input. Owned by
 * exactly one party at a time and moved whole (design.md 3). Handlers read it
 * and change state through req_read and req_write only.
 */
#ifndef SALLYPORT_SERVER_API_REQ_H
#define SALLYPORT_SERVER_API_REQ_H

#include "audit/audit.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/netaddr.h"
#include "server/api/op.h"
#include "server/core/identity.h"
#include "server/core/mount.h"
#include "server/core/policy.h"
#include "server/core/server.h"
#include "server/core/worker.h"
#include "storage/token.h"

#define REQ_CAPTURES_MAX 4
#define REQ_CERTS_MAX 10
#define REQ_ARENA_MAX (64 * 1024 * 1024)

struct req_pair {
	const char *name, *value;
};

/* What the table of operations says of a method and path. */
enum route_result {
	ROUTE_FOUND,
	ROUTE_NO_MOUNT,
	ROUTE_NO_PATH,
	ROUTE_NO_VERB, /* the path is there, the operation is not */
	ROUTE_BAD_NAME /* a capture with ".." in it */
};

/* The answer in bytes' reach of server/http. */
struct req_out {
	int status;
	const char *content_type; /* NULL: application/json */
	const char *location;     /* 301 */
	const char *allow;        /* 405 */
	const char *etag;         /* with its quotes; NULL: none */
	int64_t retry_after_s;    /* 0: none */
	struct buf body;          /* wiped by req_free */
};

struct req;
struct reply;

/* Of req_wait_then; `then` NULL: nothing to wait for. */
typedef void req_begin_fn(struct req *req, void *ctx, struct err *err);
typedef int req_then_fn(struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err);

struct req_wait {
	req_begin_fn *begin;
	req_then_fn *then;
	void *ctx;
	int rc;
};

struct req {
	struct job job; /* how it stands in the workers' queue */
	struct server *server;
	struct arena *arena;
	char id[37];
	int64_t start_ns;

	/* Filled by server/http before pipeline_submit. */
	const char *method; /* "GET" … as sent, upper case */
	const char *path;   /* canonical, without "/v1/" */
	bool path_ends_in_slash;
	const struct req_pair *query;
	size_t n_query;
	struct span body;
	bool body_is_form; /* media type application/x-www-form-urlencoded */
	struct secret_view token_text;
	const char *wrap_ttl_text;    /* X-Vault-Wrap-TTL, or "" */
	const char *wrap_format_text; /* X-Vault-Wrap-Format, or "" */
	const char *policy_override_text;
	const char *namespace_text; /* X-Vault-Namespace, or "" */
	const char *if_none_match;  /* as sent, or "" */
	const char *accept;         /* Accept as sent, or ""; NULL: none */
	struct netaddr peer;        /* family 0: a Unix socket */
	bool is_tls;
	/* The caller's certificate and what came with it, as DER; unchecked. */
	struct span client_certs[REQ_CERTS_MAX];
	size_t n_client_certs;
	const char *client_serial;  /* of the first of them; "" or NULL: none */
	bool local_listener;        /* loopback or Unix socket */
	bool unauthenticated_rekey; /* of the listener */

	/* Filled by the pipeline. */
	enum op_verb verb;
	bool is_help;
	int64_t wrap_ttl_s;  /* the answer is to be wrapped; 0: not */
	bool is_header;      /* HEAD or OPTIONS where neither is served */
	struct mount *mount; /* held */
	const char *mount_path_rest; /* path below the mount */
	enum route_result route;
	const struct op *op; /* NULL: no row of that path */
	const struct op *const
		*path_ops; /* rows of the path by verb, or NULL */
	struct req_pair captures[REQ_CAPTURES_MAX];
	size_t n_captures;
	struct value *data;     /* what was sent, for the audit log */
	void *in;               /* bound input, op->in_size bytes */
	uint64_t given;         /* bit i: op->fields[i] was given */
	struct value *warnings; /* list, or NULL */
	struct compiled *token_ref;
	const struct token *token; /* the caller's, or NULL */
	/*
	 * Its text, in the arena: for the audit lines and the look-up of one's
	 * own token alone. token_text is wiped right after authentication
	 * (reliability.md L23).
	 */
	struct secret_view own_token;
	struct identity who; /* behind the token; entity NULL: nobody */
	struct acl acl;
	bool has_sudo;        /* the caller holds sudo on this path */
	bool use_spent;       /* a limited token's use is in a commit */
	bool last_use;        /* … and it was the last one */
	bool refuse_last_use; /* req_check_lease_allowed was called */
	bool creates;         /* an OP_EXISTENCE update of what is not there */
	struct outbox_record *fact; /* put in by the last write */
	bool outbox_written;
	const char *lease_id; /* of the answer, for the outbox; or NULL */
	/* What the outbox row says: 0 as the row's operation answers, or -1
	 * where that is not known yet. Set in the closure. */
	int fact_status;
	bool audited;    /* its lines go to the audit log */
	bool line_waits; /* both lines at the end: it changes nothing */
	struct audit_ticket *line; /* the request line, on its way */
	struct compiled *held;     /* a record that the handler uses, or NULL */
	struct req_wait wait;      /* what the handler left to wait for … */
	struct run *run;           /* … and what goes on behind it */
	_Atomic int parties;       /* worker and device, until both let go */
	int line_rc;               /* what became of the response line */
	/* Says in the response line what a plain 400 does not; or NULL. */
	const char *audit_error;
	struct req_undo *undo;            /* of req_undo_unless_told, or NULL */
	struct audit_common audit_common; /* of both lines */

	struct compiled *answer_ref; /* what raw bytes lie in, held; or NULL */
	struct req_out out;

	/* Completion: called once, from any thread; takes the request back. */
	void (*done)(struct req *req);
	void *done_ctx;
};

/* A new request with an arena and an id; NULL: no memory. */
struct req *req_new(struct server *server);

/* Wipe and free all of it; NULL is fine. */
void req_free(struct req **req);

/* The value of a path capture; never NULL for a name of the row's path. */
const char *req_capture(const struct req *req, const char *name);

/* Whether the caller gave the field of this name; null and "" are not given. */
bool req_is_given(const struct req *req, const char *name);

/* Add to the answer's warnings. */
void req_warn(struct req *req, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Run fn on a snapshot of the store. */
int req_read(struct req *req, store_fn *fn, void *ctx, struct err *err);

/*
 * Run fn in the writer: together with it, in one transaction, a use of a
 * limited token is taken and the outbox row is written (design.md 7). Once in
 * a request wherever possible.
 */
int req_write(struct req *req, store_fn *fn, void *ctx, struct err *err);

/*
 * The same as a handler's last act, for rows with OP_ONE_WRITE: nobody waits.
 * The handler returns what this returns; when the batch is durable, or rc says
 * why not, `then` makes the answer on a worker, with err as fn left it. ctx is
 * in the request's arena.
 */
int req_write_then(struct req *req, store_fn *fn, void *ctx, req_then_fn *then,
	struct err *err);

/*
 * A handler's last act before that: something else to wait for without a
 * thread. begin gets ctx and starts it; whatever ends it calls req_resume once,
 * from any thread, perhaps at once. Then `then` goes on in the handler's place,
 * with that rc: it is called whatever happens, and may leave another wait, or
 * the write. ctx and err are kept until then.
 */
void req_wait_then(
	struct req *req, req_begin_fn *begin, void *ctx, req_then_fn *then);
void req_resume(struct req *req, int rc);

/*
 * For the pipeline: begin what a handler left to wait for, which hands the
 * request's job to the workers when it is done; or give it up. What came of it;
 * ERR_AUDIT: nobody took the line of a write.
 */
bool req_has_wait(const struct req *req);
void req_begin_wait(struct req *req, struct err *err);
int req_end_wait(struct req *req, struct reply *reply, struct err *err);

/*
 * What the last write took is given back by fn, in a write of its own, where
 * no answer leaves: it could not be made, or no audit device took its line.
 * told, or NULL, is called once where one leaves; it may not block.
 */
struct req_undo {
	struct store_job job; /* the first member */
	struct req *req;
	store_fn *fn;
	void (*told)(struct req *req, void *ctx);
	void *ctx;
	struct err err;
};

int req_undo_unless_told(
	struct req *req, const struct req_undo *undo, struct err *err);

/*
 * Before a change that is not one closure of the handler's (mounts, audit
 * devices, revoking below a prefix): take the token's use and write the outbox
 * row, without a status, so that a crash in the middle leaves a line that says
 * what was begun.
 */
int req_announce(struct req *req, struct err *err) WARN_UNUSED;

/*
 * Take the use of a limited token now, in a write of its own: for handlers
 * that end their own token other than through req_write.
 */
int req_spend_use(struct req *req, struct err *err) WARN_UNUSED;

/*
 * A caller on the last use of its token may not be given a lease: 400 with
 * the text of spec/core-api.md 5.3. Ask before making one; req_write then
 * refuses too where it turns out to take the last use.
 */
int req_check_lease_allowed(struct req *req, struct err *err) WARN_UNUSED;

/*
 * How long a lease may live that wants ttl_s: one made by a batch token does
 * not outlive it, since no row of the token's is there to take it back.
 */
int64_t req_cut_ttl_s(const struct req *req, int64_t ttl_s);

/* Time of the request in seconds, from the store's clock. */
int64_t req_now_s(const struct req *req);

#endif
