/* One-time passwords as rows: drawn before the closure, decided inside it. */
#include "server/engines/ssh/otp.h"

#include <string.h>

#include "lib/random.h"
#include "server/core/expire.h"
#include "server/core/seal.h"

#define OTP_TEXT_LEN (ROWID_TEXT_MAX - 1)

/* A grant as the row keeps it: three strings, a NUL behind each. */
static int
encode_grant(struct arena *arena, const struct otp_grant *grant,
	struct span *ret_data, struct err *err)
{
	const char *const parts[] = { grant->username, grant->ip, grant->role };
	size_t len = 0;
	uint8_t *data;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		len += strlen(parts[i]) + 1;
	data = arena_alloc(arena, len, 1);
	if (data == NULL)
		return err_set_memory(err);
	*ret_data = span_of(data, len);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		memcpy(data, parts[i], strlen(parts[i]) + 1);
		data += strlen(parts[i]) + 1;
	}
	return 0;
}

static int
decode_grant(struct span data, struct otp_grant *ret_grant, struct err *err)
{
	const char *parts[3];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const uint8_t *end =
			data.len == 0 ? NULL : memchr(data.data, 0, data.len);

		if (end == NULL)
			return err_set(
				err, ERR_INTERNAL, 500, "internal error");
		parts[i] = (const char *)data.data;
		data = span_skip(data, (size_t)(end - data.data) + 1);
	}
	*ret_grant = (struct otp_grant){
		.username = parts[0], .ip = parts[1], .role = parts[2]
	};
	return 0;
}

static char *
lease_path(const struct req *req, const struct otp_grant *grant)
{
	return arena_printf(req->arena, "creds/%s", grant->role);
}

struct issue_ctx {
	struct req *req;
	struct lease lease;
	int64_t ttl_s;
	req_then_fn *then;
	void *then_ctx;
};

static int
insert_otp(struct store_tx *tx, void *ctx, struct err *err)
{
	struct issue_ctx *issue = ctx;
	struct lease *lease = &issue->lease;

	lease->issue_ns = tx_now_ns(tx);
	lease->expire_s = tx_now_s(tx) + issue->ttl_s;
	lease->max_s = lease->expire_s;
	return lease_insert(tx, lease, err);
}

/* Draw what a closure may not: numbers, salts, the password itself. */
static int
draft_otp(struct issue_ctx *issue, struct barrier *barrier, const char *path,
	struct otp_issued *otp, struct err *err)
{
	const struct mount *mount = issue->req->mount;
	struct store *store = issue->req->server->store;
	struct lease *lease = &issue->lease;

	struct {
		uint8_t lease[ROWID_SALT], otp[ROWID_SALT];
	} salts;

	int rc;

	rc = lease_path_number(store, mount->uuid, path, &lease->ref.path, err);
	if (rc == 0)
		rc = store_row_number(store, &lease->ref.row, err);
	if (rc != 0)
		return rc;
	random_bytes(&salts, sizeof(salts));
	memcpy(lease->salt, salts.lease, ROWID_SALT);
	rc = rowid_format(barrier, ROWID_OTP, mount->uuid, lease->ref,
		salts.otp, otp->text, err);
	secret_wipe(&salts, sizeof(salts));
	if (rc != 0)
		return rc;
	rowid_mac(barrier, ROWID_OTP, mount->uuid,
		span_of(otp->text, OTP_TEXT_LEN), lease->mac);
	return lease_id_format(barrier, mount->uuid, mount->path, path, lease,
		otp->lease_id, err);
}

static int
end_issue(struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err)
{
	const struct issue_ctx *issue = ctx;

	if (rc == 0)
		expire_notice(req->server->expire, issue->lease.expire_s);
	else
		req->lease_id = NULL;
	return issue->then(req, issue->then_ctx, rc, reply, err);
}

/* Everything of the row that is known before the writer runs. */
static int
prepare_issue(struct issue_ctx *issue, const struct otp_grant *grant,
	struct otp_issued *otp, struct err *err)
{
	struct req *req = issue->req;
	const char *path = lease_path(req, grant);
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	int rc;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	memcpy(issue->lease.request_id, req->id, sizeof(req->id));
	rc = path == NULL
		? err_set_memory(err)
		: encode_grant(req->arena, grant, &issue->lease.data, err);
	if (rc == 0)
		rc = draft_otp(issue, barrier, path, otp, err);
	seal_release_barrier(req->server->seal);
	return rc;
}

int
otp_issue(struct req *req, const struct otp_grant *grant, int64_t ttl_s,
	struct otp_issued *otp, req_then_fn *then, void *ctx, struct err *err)
{
	struct issue_ctx *issue = ARENA_NEW(req->arena, struct issue_ctx);
	int rc;

	if (issue == NULL)
		return err_set_memory(err);
	*issue = (struct issue_ctx){ .req = req,
		.ttl_s = ttl_s,
		.lease = { .kind = LEASE_OTP,
			.state = LEASE_LIVE,
			.ttl_s = ttl_s,
			.owner = token_owner(req->token) },
		.then = then,
		.then_ctx = ctx };
	rc = prepare_issue(issue, grant, otp, err);
	if (rc != 0)
		return rc;
	req->lease_id = otp->lease_id;
	return req_write_then(req, insert_otp, issue, end_issue, err);
}

struct take_ctx {
	struct req *req;
	struct rowref ref;
	uint8_t mac[ROWID_MAC];
	struct otp_question *question;
	struct lease lease;
	bool fitted;
	req_then_fn *then;
};

/* The row of a right OTP, whatever its state. */
static int
find_otp(struct store_tx *tx, struct take_ctx *take, struct err *err)
{
	struct lease *lease = &take->lease;
	int rc = lease_get(tx, take->ref, take->req->arena, lease, err);

	if (rc != 0)
		return rc;
	if (lease->kind != LEASE_OTP ||
		!secret_equal(secret_view_of(take->mac, ROWID_MAC),
			secret_view_of(lease->mac, ROWID_MAC)))
		return ERR_ABSENT;
	take->question->taken.known = true;
	return decode_grant(lease->data, &take->question->taken.grant, err);
}

/* The lease id of the row that was found, for outbox and audit line. */
static int
name_lease(struct store_tx *tx, struct take_ctx *take, struct err *err)
{
	struct req *req = take->req;
	const struct mount *mount = req->mount;
	const char *path = lease_path(req, &take->question->taken.grant);
	char *id = arena_alloc(req->arena, LEASE_ID_MAX, 1);
	int rc;

	if (path == NULL || id == NULL)
		return err_set_memory(err);
	rc = lease_id_format(tx_barrier(tx), mount->uuid, mount->path, path,
		&take->lease, id, err);
	if (rc == 0)
		req->lease_id = id;
	return rc;
}

/* Find live, mark used: one row, one transaction, so only one caller wins. */
static int
take_otp(struct store_tx *tx, void *ctx, struct err *err)
{
	struct take_ctx *take = ctx;
	struct otp_question *question = take->question;
	struct lease changed;
	int rc;

	question->taken = (struct otp_taken){ .known = false };
	take->req->lease_id = NULL;
	rc = find_otp(tx, take, err);
	if (rc == 0)
		rc = name_lease(tx, take, err);
	if (rc != 0)
		return rc;
	if (!lease_is_live(tx, &take->lease))
		return ERR_ABSENT;
	changed = take->lease;
	take->fitted = question->fits(question->hints, &question->taken.grant);
	/* A refusal is a change too: the recovered line must not say yes. */
	take->req->fact_status = take->fitted ? 0 : 400;
	if (!take->fitted)
		changed.misses++;
	if (take->fitted || changed.misses >= OTP_MISSES_MAX)
		changed.state = LEASE_USED;
	return lease_update(tx, &take->lease, &changed, err);
}

/*
 * Which row it would be. A guess names a path number that was never given, but
 * for one in 2^32 by each path: it is told from a right OTP here, so that
 * guesses never reach the writer.
 */
static int
find_row(struct take_ctx *take, struct barrier *barrier, struct err *err)
{
	const struct secret_view text = take->question->text;
	const struct req *req = take->req;
	const char *mount = req->mount->uuid;
	const struct span span = span_of(text.data, text.len);
	int rc = rowid_parse(barrier, ROWID_OTP, mount, span, &take->ref);

	if (rc != 0)
		return rc;
	rowid_mac(barrier, ROWID_OTP, mount, span, take->mac);
	return lease_path_check(req->server->store, take->ref.path, err);
}

static int
end_take(struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err)
{
	const struct take_ctx *take = ctx;

	if (rc == 0 && !take->fitted)
		rc = ERR_ABSENT;
	return take->then(req, take->question, rc, reply, err);
}

int
otp_take(struct req *req, struct otp_question *question, req_then_fn *then,
	struct err *err)
{
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	struct take_ctx *take = ARENA_NEW(req->arena, struct take_ctx);
	int rc;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = take == NULL ? err_set_memory(err) : 0;
	if (rc == 0) {
		*take = (struct take_ctx){
			.req = req, .question = question, .then = then
		};
		rc = find_row(take, barrier, err);
	}
	seal_release_barrier(req->server->seal);
	return rc != 0 ? rc
		       : req_write_then(req, take_otp, take, end_take, err);
}
