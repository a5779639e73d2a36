/* login: a signed nonce for a token. */
#include <string.h>

#include "lib/log.h"
#include "server/api/nonce.h"
#include "server/auth/login.h"
#include "server/auth/sshkey/proof.h"
#include "server/auth/token_rules.h"
#include "server/core/expire.h"

#define KEY_ID_MAX 256

struct login_in {
	const char *role, *nonce, *signature;
};

static const struct field login_fields[] = {
	FIELD_STR(struct login_in, role, .flags = FIELD_REQUIRED,
		.len_max = 256, .doc = "The role to log in with."),
	FIELD_STR(struct login_in, nonce, .flags = FIELD_REQUIRED,
		.len_max = NONCE_TEXT_MAX,
		.doc = "The nonce of a challenge, unchanged."),
	FIELD_STR(struct login_in, signature, .flags = FIELD_REQUIRED,
		.len_max = KEY_PROOF_TEXT_MAX,
		.doc = "The SSH signature, armoured or as base64."),
	FIELD_END,
};

/* A login on its way; in the request's arena. */
struct attempt {
	struct req *req;
	const char *role_name;
	struct login_record by;
	struct key_proof proof;
	struct proof_grant grant;
	struct nonce nonce;
	struct token_params params;
	char fingerprint[SSHKEY_FINGERPRINT_MAX];
};

/* One text for all: what is known here, and what is not, stays unsaid. */
static int
refuse(const struct attempt *attempt, const char *why, struct err *err)
{
	log_info("ssh login refused", LOG_STR("request", attempt->req->id),
		LOG_STR("why", why));
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, "invalid role, nonce or signature");
}

/* ---- the proof -------------------------------------------------------- */

static int
check_signature(struct attempt *attempt, struct err *err)
{
	struct req *req = attempt->req;
	const struct login_in *in = req->in;
	int rc = key_proof_read(req, in->signature, in->nonce, SSHKEY_PURPOSE,
		&attempt->proof, err);

	if (rc == ERR_CRYPTO)
		return refuse(attempt, "the signature is not good", err);
	if (rc != 0)
		return rc;
	rc = nonce_check(req, span_str(in->nonce), attempt->proof.blob,
		&attempt->nonce, err);
	return rc == ERR_ABSENT
		? refuse(attempt, "the nonce is not for this key", err)
		: rc;
}

static int
check_role(struct attempt *attempt, struct err *err)
{
	struct req *req = attempt->req;
	const struct proof_place place = { .peer = &req->peer,
		.now_s = req_now_s(req) };
	const char *why = NULL;
	int rc = login_record_find(req, &sshkey_role_record, attempt->role_name,
		&attempt->by, err);

	if (rc == ERR_ABSENT)
		return refuse(attempt, "no such role", err);
	if (rc != 0)
		return rc;
	why = proof_refused(&attempt->proof, attempt->by.record, &place,
		req->arena, &attempt->grant);
	return why != NULL ? refuse(attempt, why, err) : 0;
}

/* ---- the token -------------------------------------------------------- */

/* Never wider than the certificate: its addresses, its end. */
static int
narrow_params(struct attempt *attempt, struct err *err)
{
	const struct sshkey_role *role = attempt->by.record;
	struct token_params *params = &attempt->params;

	*params = role->token;
	params->explicit_max_ttl = token_smaller_limit(
		params->explicit_max_ttl, attempt->grant.left_s);
	if (!proof_narrow(attempt->req->arena, &role->token.bound_cidrs,
		    &attempt->grant.addresses, &params->bound_cidrs))
		return refuse(attempt,
			"the role and the certificate have no address in common",
			err);
	return 0;
}

/* The certificate's key id, where it is short and printable; else "". */
static const char *
key_id_of(struct arena *arena, const struct sshcert *cert)
{
	struct span id = cert->key_id;

	if (id.len == 0 || id.len > KEY_ID_MAX)
		return "";
	for (size_t i = 0; i < id.len; i++) {
		if (id.data[i] < ' ' || id.data[i] > '~')
			return "";
	}
	return arena_strndup(arena, id.data, id.len);
}

/* The key itself, also where a certificate vouches for it. */
static int
name_key(struct attempt *attempt, struct err *err)
{
	struct span blob;
	int rc = key_proof_key(attempt->req, &attempt->proof, &blob, err);

	if (rc == 0)
		sshkey_fingerprint(blob, attempt->fingerprint);
	return rc;
}

/* What look-ups and the audit log say of the login. False: no memory. */
static bool
describe(struct attempt *attempt, struct str_map *meta)
{
	static const char *key_names[] = { "role", "fingerprint", "principal",
		"key_id", "serial", "ca" };
	struct arena *arena = attempt->req->arena;
	const struct proof_grant *grant = &attempt->grant;
	const char **values =
		ARENA_ARRAY(arena, const char *, ARRAY_LEN(key_names));

	if (values == NULL)
		return false;
	*meta = (struct str_map){ key_names, values, 2 };
	values[0] = attempt->role_name;
	values[1] = attempt->fingerprint;
	if (grant->principal == NULL)
		return true;
	meta->n = ARRAY_LEN(key_names);
	values[2] = grant->principal;
	values[3] = key_id_of(arena, &attempt->proof.cert);
	values[4] = arena_printf(
		arena, "%llu", (unsigned long long)attempt->proof.cert.serial);
	values[5] = grant->ca;
	return values[3] != NULL && values[4] != NULL;
}

static int
use_nonce(struct store_tx *tx, void *ctx, struct err *err)
{
	struct attempt *attempt = ctx;
	int rc = nonce_use(tx, &attempt->nonce, err);

	return rc != ERR_ABSENT ? rc
				: err_set(err, ERR_INPUT, 400,
					  "invalid role, nonce or signature");
}

/*
 * A key is known by its fingerprint. A principal is what one CA says: another
 * CA's is somebody else.
 */
static int
grant_token(struct attempt *attempt, struct err *err)
{
	static const char *alias_keys[] = { "principal" };
	struct req *req = attempt->req;
	const struct proof_grant *grant = &attempt->grant;
	const char **alias_values = ARENA_ARRAY(req->arena, const char *, 1);
	struct login login = {
		.by = &attempt->by,
		.params = &attempt->params,
		.display_name = login_display_name(req,
			grant->principal != NULL ? grant->principal
						 : attempt->role_name),
		.alias = attempt->fingerprint,
		.claim = use_nonce,
		.claim_ctx = attempt,
	};

	if (login.display_name == NULL || alias_values == NULL ||
		!describe(attempt, &login.meta))
		return err_set_memory(err);
	if (grant->principal != NULL) {
		alias_values[0] = grant->principal;
		login.alias = arena_printf(
			req->arena, "%s/%s", grant->ca, grant->principal);
		login.alias_meta =
			(struct str_map){ alias_keys, alias_values, 1 };
		if (login.alias == NULL)
			return err_set_memory(err);
	}
	expire_notice(req->server->expire, attempt->nonce.end_s);
	return login_grant(req, &login, err);
}

static int
log_in(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	const struct login_in *in = req->in;
	struct attempt *attempt = ARENA_NEW(req->arena, struct attempt);
	int rc;

	if (attempt == NULL)
		return err_set_memory(err);
	attempt->req = req;
	attempt->role_name = arena_strlower(req->arena, in->role);
	if (attempt->role_name == NULL)
		return err_set_memory(err);
	rc = check_signature(attempt, err);
	if (rc == 0)
		rc = check_role(attempt, err);
	if (rc == 0)
		rc = narrow_params(attempt, err);
	if (rc != 0)
		return rc;
	rc = name_key(attempt, err);
	return rc != 0 ? rc : grant_token(attempt, err);
}

const struct op sshkey_login_ops[] = {
	{
		.path = "login",
		.verb = OP_UPDATE,
		.flags = LOGIN_FLAGS,
		.in_size = sizeof(struct login_in),
		.fields = login_fields,
		.handler = log_in,
		.summary = "Log in with a signed nonce.",
		.text = "A nonce is good for one login. Unknown roles, keys that a role does not have\n"
			"and bad signatures are answered alike; the server's log says why. A token from\n"
			"a certificate ends with it and is bound to its source-address.",
		.errors = { { 400, "no such role, or not a proof that it takes" },
			{ 403, "not from this address" } },
	},
	OP_END,
};
