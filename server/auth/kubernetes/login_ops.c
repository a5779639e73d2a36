/* login: what the token says is checked here, that it is good by the cluster.
 */
#include <string.h>

#include "lib/jws.h"
#include "lib/log.h"
#include "server/auth/jwt/claims.h"
#include "server/auth/keyset.h"
#include "server/auth/kubernetes/account.h"
#include "server/auth/login.h"
#include "server/outbound/outbound.h"

#define DEADLINE_MS 10000
#define ANSWER_MAX ((size_t)64 * 1024)
#define REVIEW_PATH "/apis/authentication.k8s.io/v1/tokenreviews"
#define ISSUER "kubernetes/serviceaccount"

struct login_in {
	const char *role;
	struct secret_view jwt;
};

/* One login: what it asked for, the records behind it, what came of it. */
struct attempt {
	struct req *req;
	const struct login_in *in;
	const char *role_name;
	struct compiled *config_ref;
	const struct kubernetes_config *config;
	struct login_record by; /* the role, which the token's write compares */
	const struct kubernetes_role *role;
	struct account account;
};

static const struct field login_fields[] = {
	FIELD_STR(struct login_in, role, .len_max = 255, .doc = "The role."),
	FIELD_SECRET(struct login_in, jwt, .len_max = JWS_MAX,
		.doc = "The service account's token."),
	FIELD_END,
};

static int
find_role(struct attempt *attempt, struct err *err)
{
	const struct login_in *in = attempt->in;
	int rc;

	if (in->role[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing role");
	if (in->jwt.len == 0)
		return err_set(err, ERR_INPUT, 400, "missing jwt");
	attempt->role_name = arena_strlower(attempt->req->arena, in->role);
	if (attempt->role_name == NULL)
		return err_set_memory(err);
	rc = login_record_find(attempt->req, &kubernetes_role_record,
		attempt->role_name, &attempt->by, err);
	attempt->role = attempt->by.record;
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(
		err, ERR_INPUT, 400, "invalid role name \"%.64s\"", in->role);
}

static int
find_config(struct attempt *attempt, struct err *err)
{
	const struct req *req = attempt->req;
	const void *found = NULL;
	int rc = record_find(req->server->store, &req->mount->kv,
		&kubernetes_config_record, KUBERNETES_CONFIG,
		&attempt->config_ref, &found, err);

	attempt->config = found;
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(
		err, ERR_INPUT, 400, "could not load backend configuration");
}

/* ---- the token ---------------------------------------------------------- */

/* Signed by one of the configured keys, where there are some. */
static int
check_signature(
	const struct attempt *attempt, const struct jws *jws, struct err *err)
{
	const struct keyset_source source = {
		.texts = &attempt->config->pem_keys,
		.jwks_url = "",
		.issuer = "",
		.ca_pem = "",
	};

	if (attempt->config->pem_keys.n == 0)
		return 0;
	return keyset_verify(attempt->req->server, &source, jws, err);
}

/* Issuer, audience and times, by the rules of the jwt method. */
static int
check_claims(const struct attempt *attempt, const struct value *claims,
	struct err *err)
{
	const struct kubernetes_config *config = attempt->config;
	const char *audience = attempt->role->audience;
	const char *issuer =
		config->issuer[0] != '\0' ? config->issuer : ISSUER;

	if (config->disable_iss_validation)
		issuer = "";
	return claims_check_plain(
		claims, issuer, audience, req_now_s(attempt->req), err);
}

static int
read_token(struct attempt *attempt, struct err *err)
{
	const struct secret_view jwt = attempt->in->jwt;
	const struct value *claims = NULL;
	struct jws jws;
	int rc = jws_parse(
		span_of(jwt.data, jwt.len), attempt->req->arena, &jws, err);

	if (rc == 0)
		rc = check_signature(attempt, &jws, err);
	if (rc != 0)
		return rc;
	rc = claims_parse(jws.payload, attempt->req->arena,
		"the claims of the jwt are not strict JSON", &claims, err);
	if (rc == 0)
		rc = check_claims(attempt, claims, err);
	return rc != 0 ? rc : account_of_claims(claims, &attempt->account, err);
}

/* ---- the cluster -------------------------------------------------------- */

static int
judge(const struct attempt *attempt, const struct outbound_answer *answer,
	struct err *err)
{
	if (answer->status == 401 || answer->status == 403)
		return err_set(err, ERR_DENIED, 403, "permission denied");
	if (answer->status != 200 && answer->status != 201)
		return err_set(err, ERR_PEER, 502,
			"the Kubernetes API answers with status %d",
			answer->status);
	return account_confirm(answer->body, &attempt->account,
		attempt->role->audience, attempt->req->arena, err);
}

static int
send_review(const struct attempt *attempt, const struct buf *review,
	struct outbound_answer *ret_answer, struct err *err)
{
	const struct kubernetes_config *config = attempt->config;
	const struct req *req = attempt->req;
	const size_t len = strlen(config->host);
	const struct outbound_request request = {
		.url = arena_printf(req->arena, "%.*s" REVIEW_PATH,
			(int)(config->host[len - 1] == '/' ? len - 1 : len),
			config->host),
		.ca_pem = config->ca_cert,
		.bearer = config->reviewer_jwt.len > 0 ? config->reviewer_jwt
						       : attempt->in->jwt,
		.json = buf_span(review),
		.answer_max = ANSWER_MAX,
		.deadline_ms = DEADLINE_MS,
		.allows_plain = req->server->settings->dev,
	};

	if (request.url == NULL)
		return err_set_memory(err);
	return outbound_https(
		req->server->outbound, &request, req->arena, ret_answer, err);
}

/* Strangers are told that it failed; why is for the log. */
static int
ask_cluster(const struct attempt *attempt, struct err *err)
{
	struct outbound_answer answer;
	struct err why = { 0 };
	struct buf review;
	int rc;

	buf_init(&review, OUTBOUND_MESSAGE_MAX);
	rc = account_review(attempt->in->jwt, attempt->role->audience,
		attempt->req->arena, &review, &why);
	if (rc == 0)
		rc = send_review(attempt, &review, &answer, &why);
	if (rc == 0)
		rc = judge(attempt, &answer, &why);
	buf_clear(&review);
	if (rc == 0)
		return 0;
	log_warn("a login was not confirmed by Kubernetes",
		LOG_STR("role", attempt->role_name),
		LOG_STR("why", why.message), LOG_STR("detail", why.detail));
	if (rc == ERR_PEER || rc == ERR_TIMEOUT || rc == ERR_INPUT)
		return err_set(err, ERR_PEER, 502,
			"the Kubernetes API could not be asked, try again");
	*err = why;
	return rc;
}

/* ---- login -------------------------------------------------------------- */

static int
grant(const struct attempt *attempt, struct err *err)
{
	static const char *keys[] = { "role", "service_account_name",
		"service_account_namespace", "service_account_secret_name",
		"service_account_uid" };
	const struct account *account = &attempt->account;
	struct req *req = attempt->req;
	const char **values =
		ARENA_ARRAY(req->arena, const char *, ARRAY_LEN(keys));
	const char *user = arena_printf(
		req->arena, "%s-%s", account->space, account->name);
	struct login login = {
		.by = &attempt->by,
		.params = &attempt->role->token,
		.meta = { keys, values, ARRAY_LEN(keys) },
		.alias = account->uid,
	};

	if (values == NULL || user == NULL)
		return err_set_memory(err);
	values[0] = attempt->role_name;
	values[1] = account->name;
	values[2] = account->space;
	values[3] = account->secret;
	values[4] = account->uid;
	login.alias_meta =
		(struct str_map){ keys + 1, values + 1, ARRAY_LEN(keys) - 1 };
	login.display_name = login_display_name(req, user);
	return login.display_name == NULL ? err_set_memory(err)
					  : login_grant(req, &login, err);
}

static int
try_login(struct attempt *attempt, struct err *err)
{
	int rc = find_role(attempt, err);

	if (rc == 0)
		rc = login_check_address(
			attempt->req, &attempt->role->token, err);
	if (rc == 0)
		rc = find_config(attempt, err);
	if (rc == 0)
		rc = read_token(attempt, err);
	if (rc == 0)
		rc = account_check(&attempt->account, attempt->role, err);
	if (rc == 0)
		rc = ask_cluster(attempt, err);
	return rc != 0 ? rc : grant(attempt, err);
}

static int
login_kubernetes(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct attempt *attempt = ARENA_NEW(req->arena, struct attempt);
	int rc;

	if (attempt == NULL)
		return err_set_memory(err);
	attempt->req = req;
	attempt->in = req->in;
	rc = try_login(attempt, err);
	compiled_unref(&attempt->config_ref);
	return rc;
}

const struct op kubernetes_login_ops[] = {
	{
		.path = "login",
		.verb = OP_UPDATE,
		.flags = LOGIN_FLAGS,
		.in_size = sizeof(struct login_in),
		.fields = login_fields,
		.handler = login_kubernetes,
		.summary = "Log in with a service account's token.",
		.text = "The cluster is asked whether the token is good and whose it is.",
		.errors = { { 400, "nothing is configured, an unknown role, or no such token" },
			{ 403, "the account is not bound, or not confirmed" },
			{ 502, "the cluster could not be asked" } },
	},
	OP_END,
};
