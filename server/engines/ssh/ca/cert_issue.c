/* From a wish to a certificate that has passed the gate. */
#include "server/engines/ssh/ca/cert_issue.h"

#include <inttypes.h>
#include <string.h>

#include "lib/random.h"
#include "lib/sshkeypair.h"
#include "server/engines/ssh/ca/cert_gate.h"
#include "server/engines/ssh/ca/revocation.h"
#include "server/engines/ssh/records/options.h"
#include "server/keeper/keeper.h"

#define NONCE_BYTES 32
#define SKIPPED                                                                \
	"default_extension templating enabled with at least one extension requiring identity templating. However, this request lacked identity entity information, causing one or more extensions to be skipped from the generated certificate."
#define CERT_MAX 24000     /* bytes; its line fits SSHKEY_LINE_MAX */
#define SIGNATURE_MAX 3000 /* of it; the largest RSA key's is 2,048 */

int
cert_under_role(struct req *req, const char *unknown, cert_role_fn *fn,
	struct reply *reply, struct err *err)
{
	const char *name = req_capture(req, "role");
	const void *role = NULL;
	int rc = record_find(req->server->store, &req->mount->kv,
		&ssh_role_record, name, &req->held, &role, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400, "%s%.64s", unknown, name);
	}
	return rc != 0 ? rc : fn(req, role, reply, err);
}

static int
describe_caller(struct req *req, const struct cert_asker *asker,
	struct cert_caller *ret_caller, struct err *err)
{
	struct ssh_options options;
	int rc = ssh_options_get(req, &options, err);

	if (rc != 0)
		return rc;
	*ret_caller = (struct cert_caller){
		.role_name = asker->role_name,
		.display_name = asker->display_name,
		.identity = asker->identity,
		.address = req->peer,
		.now_s = req_now_s(req),
		.default_ttl_s = mount_default_ttl_s(req->server, req->mount),
		.max_ttl_s = mount_max_ttl_s(req->server, req->mount),
		.strict_extensions = options.strict_extensions,
		.allow_commas = options.allow_commas_in_identity_templates,
	};
	return 0;
}

/* "": whatever the key has. */
static const char *
algorithm_of(const struct ssh_role *role)
{
	return strcmp(role->algorithm_signer, "default") == 0
		? ""
		: role->algorithm_signer;
}

/* What keeps the issuer's key from signing, in the words of 8.9. */
static int
refuse_signature(int rc, const struct err *why, struct err *err)
{
	if (rc == ERR_INPUT || rc == ERR_DENIED)
		return err_set(err, rc, why->status,
			"failed to generate signed SSH key: sign error: %.900s",
			why->message);
	*err = *why;
	return rc;
}

/* The keeper would say the same, and only when it signs. */
static int
check_algorithm(struct req *req, const struct ssh_role *role,
	const struct ssh_issuer *issuer, struct err *err)
{
	const char *algorithm = algorithm_of(role);
	struct sshkey ca;
	struct err why = { 0 };
	int rc;

	if (algorithm[0] == '\0')
		return 0;
	if (sshkey_parse(issuer->public_blob, &ca) != 0)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	rc = sshkeypair_check_algorithm(ca.kind, algorithm,
		req->server->settings->allow_sha1_signatures, &why);
	return rc == 0 ? 0 : refuse_signature(rc, &why, err);
}

/* The rules that do not lie in the role alone. */
static int
ask_issuer(struct req *req, const struct cert_question *question,
	struct cert_decision *decision, struct err *err)
{
	const struct ssh_issuer *issuer = &decision->issuer;
	int rc = check_algorithm(req, question->role, issuer, err);

	if (rc != 0)
		return rc;
	decision->n_true++;
	rc = ssh_issuer_limits_apply(
		&issuer->limits, question, &decision->answer, err);
	if (rc != 0)
		return rc;
	decision->n_true++;
	rc = ssh_revocation_check_new(
		req, &decision->answer.parts, issuer->id, err);
	if (rc == 0)
		decision->n_true++;
	return rc;
}

int
cert_decide_as(struct req *req, const struct cert_asker *asker,
	const struct ssh_role *role, struct span key,
	const struct cert_wish *wish, struct cert_decision *decision,
	struct err *err)
{
	const struct cert_question question = { .role = role,
		.asked = &wish->asked,
		.caller = &decision->caller,
		.key = key,
		.arena = req->arena };
	int rc = describe_caller(req, asker, &decision->caller, err);

	if (rc != 0)
		return rc;
	decision->key = key;
	rc = cert_rules_apply(&question, &decision->answer, err);
	decision->n_true = 1 + decision->answer.n_true;
	if (decision->answer.skipped_extensions)
		req_warn(req, "%s", SKIPPED);
	if (rc == 0)
		rc = ssh_issuer_find(
			req, role->issuer_ref, &decision->issuer, err);
	if (rc != 0)
		return rc;
	decision->n_true++;
	return ask_issuer(req, &question, decision, err);
}

int
cert_decide(struct req *req, const struct ssh_role *role, struct span key,
	const struct cert_wish *wish, struct cert_decision *decision,
	struct err *err)
{
	const struct token *token = req->token;
	const struct cert_asker asker = {
		.role_name = req_capture(req, "role"),
		.display_name = token != NULL ? token->display_name : "",
		.identity = &req->who,
	};

	return cert_decide_as(req, &asker, role, key, wish, decision, err);
}

/* ---- from a decision to a certificate ----------------------------------- */

struct making {
	const struct ssh_role *role;
	const struct cert_decision *decision;
	struct cert_issued issued;
	struct span unsigned_cert; /* for the keeper */
};

/* What a certificate is built from, besides the rules' answer. */
static int
build(struct sshcert_parts *parts, struct arena *arena, struct span *ret_cert,
	struct err *err)
{
	uint8_t *nonce = arena_alloc(arena, 1, NONCE_BYTES);
	struct buf cert;
	int rc;

	if (nonce == NULL)
		return err_set_memory(err);
	random_bytes(nonce, NONCE_BYTES);
	parts->nonce = span_of(nonce, NONCE_BYTES);
	buf_init(&cert, CERT_MAX - SIGNATURE_MAX);
	rc = sshcert_build(parts, &cert);
	if (rc == 0) {
		*ret_cert = arena_dup(arena, buf_span(&cert));
		if (ret_cert->data == NULL)
			rc = ERR_MEMORY;
	}
	buf_clear(&cert);
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	return rc == 0
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "failed to generate signed SSH key: the certificate would be too large");
}

static int
begin(struct req *req, const struct ssh_role *role,
	const struct cert_decision *decision, struct making *making,
	struct err *err)
{
	*making = (struct making){ .role = role,
		.decision = decision,
		.issued = { .parts = decision->answer.parts,
			.role_name = decision->caller.role_name,
			.display_name = decision->caller.display_name } };
	making->issued.parts.ca = decision->issuer.public_blob;
	return build(
		&making->issued.parts, req->arena, &making->unsigned_cert, err);
}

/* What the caller gets of a certificate that may leave. */
static int
show(struct span cert, struct arena *arena, struct cert_issued *issued,
	struct err *err)
{
	const char *line = sshkey_line(arena, cert);

	issued->serial = arena_printf(arena, "%" PRIx64, issued->parts.serial);
	issued->signed_key =
		line == NULL ? NULL : arena_printf(arena, "%s\n", line);
	if (issued->serial == NULL || issued->signed_key == NULL)
		return err_set_memory(err);
	return 0;
}

/* Every certificate passes here; where this ends well it is as good as out. */
static int
let_out(struct req *req, struct making *making,
	const struct keeper_signed *made, struct err *err)
{
	const struct cert_decision *decision = making->decision;
	const struct cert_gate gate = { .role = making->role,
		.caller = &decision->caller,
		.key = decision->key,
		.serial = made->serial,
		.ca = decision->issuer.public_blob,
		.limits = &decision->issuer.limits,
		.allow_sha1 = req->server->settings->allow_sha1_signatures,
		.arena = req->arena };
	int rc = cert_gate_check(&gate, made->cert, err);

	making->issued.issuer_id = decision->issuer.id;
	making->issued.parts.serial = made->serial;
	return rc != 0 ? rc
		       : show(made->cert, req->arena, &making->issued, err);
}

/* What the keeper made, if it did, and out. */
static int
end(struct req *req, struct making *making, int rc,
	const struct keeper_signed *made, const struct err *why,
	struct err *err)
{
	return rc != 0 ? refuse_signature(rc, why, err)
		       : let_out(req, making, made, err);
}

int
cert_issue(struct req *req, const struct ssh_role *role,
	const struct cert_decision *decision, struct cert_issued *ret_issued,
	struct err *err)
{
	struct keeper_signed made = { .serial = 0 };
	struct making making;
	struct err why = { 0 };
	int rc = begin(req, role, decision, &making, err);

	if (rc != 0)
		return rc;
	rc = keeper_ca_sign(req->server->keeper, decision->issuer.sealed,
		algorithm_of(role),
		req->server->settings->allow_sha1_signatures,
		making.unsigned_cert, req->arena, &made, &why);
	rc = end(req, &making, rc, &made, &why, err);
	if (rc == 0)
		*ret_issued = making.issued;
	return rc;
}

/* ---- without waiting ---------------------------------------------------- */

struct waiting {
	struct keeper_signing signing; /* the first member */
	struct req *req;
	struct cert_decision decision;
	struct making making;
	struct cert_issued *issued;
	req_then_fn *then;
	void *ctx;
};

static void
resume(struct link_job *job)
{
	struct waiting *waiting = (struct waiting *)(void *)job;

	req_resume(waiting->req, 0);
}

static void
begin_signing(struct req *req, void *ctx, UNUSED struct err *err)
{
	struct waiting *waiting = ctx;

	waiting->signing.job.done = resume;
	keeper_ca_sign_begin(req->server->keeper,
		waiting->decision.issuer.sealed,
		algorithm_of(waiting->making.role),
		req->server->settings->allow_sha1_signatures,
		waiting->making.unsigned_cert, &waiting->signing);
}

/* rc: whether the keeper was asked at all. */
static int
end_signing(struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err)
{
	struct waiting *waiting = ctx;
	struct keeper_signed made = { .serial = 0 };
	struct err why = { 0 };

	if (rc == 0) {
		rc = keeper_ca_sign_end(
			&waiting->signing, req->arena, &made, &why);
		rc = end(req, &waiting->making, rc, &made, &why, err);
	}
	if (rc == 0)
		*waiting->issued = waiting->making.issued;
	return waiting->then(req, waiting->ctx, rc, reply, err);
}

int
cert_issue_then(struct req *req, const struct ssh_role *role,
	const struct cert_decision *decision, struct cert_issued *issued,
	req_then_fn *then, void *ctx, struct err *err)
{
	struct waiting *waiting = ARENA_NEW(req->arena, struct waiting);
	int rc;

	if (waiting == NULL)
		return err_set_memory(err);
	waiting->req = req;
	waiting->decision = *decision;
	waiting->issued = issued;
	waiting->then = then;
	waiting->ctx = ctx;
	rc = begin(req, role, &waiting->decision, &waiting->making, err);
	if (rc == 0)
		req_wait_then(req, begin_signing, waiting, end_signing);
	return rc;
}

void
cert_reply(struct reply *reply, const struct cert_issued *issued)
{
	reply_str(reply, "issuer_id", issued->issuer_id);
	reply_str(reply, "serial_number", issued->serial);
	reply_str(reply, "signed_key", issued->signed_key);
}
