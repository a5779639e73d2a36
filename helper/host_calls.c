/* enrol, enrol/challenge, enrol/renew, enrol/report, krl, public_key. */
#include "helper/host_calls.h"

#include <string.h>

#include "helper/host_files.h"
#include "helper/request.h"
#include "lib/fsutil.h"
#include "lib/sshcert.h"
#include "lib/sshsig.h"

#define NAMESPACE_START "sallyport-renew@"
#define HASH "sha512"
#define RSA_ALGORITHM "rsa-sha2-512"
#define MESSAGE_MAX 512
#define ETAG_MAX 128
#define RENEW_AFTER_MAX (INT64_C(100) * 366 * 86400)

/* ---- what comes back --------------------------------------------------- */

/* A member that is a text of 1 to max printable characters; else NULL. */
static const char *
find_word(const struct value *data, const char *name, size_t max)
{
	const struct span text = request_text(data, name);

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return NULL;
	}
	return text.len > 0 && text.len <= max ? (const char *)text.data : NULL;
}

static int
take_issue(const struct host *host, const struct value *data, struct span key,
	struct host_issue *ret_issue, struct err *err)
{
	const int64_t after_s = value_find_int(data, "renew_after", -1);
	struct host_issue issue = {
		.host = find_word(data, "host", HOST_NAME_LEN_MAX),
		.secret = find_word(data, "host_secret", HOST_SECRET_MAX - 1),
		.cert_line = request_text(data, "signed_key"),
		.user_ca = request_text(data, "trusted_user_ca_keys"),
		.renew_at_s = host->now_s + after_s,
	};
	int rc;

	if (issue.host == NULL || issue.secret == NULL || after_s < 0 ||
		after_s > RENEW_AFTER_MAX)
		return err_set(err, ERR_PEER, 502,
			"the server's answer lacks a host, its secret or a time");
	rc = host_files_check_cert(issue.cert_line, key, host->now_s,
		host->arena, &issue.cert, err);
	if (rc == 0 && issue.user_ca.len > 0)
		rc = host_files_check_keys(issue.user_ca, host->arena, err);
	if (rc == 0)
		*ret_issue = issue;
	return rc;
}

static int
ask(const struct host *host, const char *path, const struct value *body,
	const struct value **ret_data, struct err *err)
{
	const struct request request = {
		.method = "POST", .path = path, .body = body
	};

	return request_data(
		host->settings, &request, host->arena, ret_data, err);
}

int
host_calls_enrol(const struct host *host, const char *token, struct span key,
	struct host_issue *ret_issue, struct err *err)
{
	struct value *body = value_object(host->arena);
	const char *line = sshkey_line(host->arena, key);
	const struct value *data = NULL;
	int rc;

	if (line == NULL ||
		!value_set_str(host->arena, body, "enrolment_token", token) ||
		!value_set_str(host->arena, body, "public_key", line))
		return err_set_memory(err);
	rc = ask(host, "enrol", body, &data, err);
	return rc != 0 ? rc : take_issue(host, data, key, ret_issue, err);
}

/* ---- proof by the current key ------------------------------------------ */

/* What the server wants signed. */
struct question {
	const char *nonce, *name, *message;
};

/* A host key signs for renewals and for nothing else. */
static int
ask_question(
	const struct host *host, struct question *ret_question, struct err *err)
{
	struct value *body = value_object(host->arena);
	const struct value *data = NULL;
	struct question question = { .nonce = NULL };
	int rc;

	if (!value_set_str(host->arena, body, "host", host->record.host))
		return err_set_memory(err);
	rc = ask(host, "enrol/challenge", body, &data, err);
	if (rc != 0)
		return rc;
	question.nonce = find_word(data, "nonce", MESSAGE_MAX);
	question.name = find_word(data, "namespace", MESSAGE_MAX);
	question.message = find_word(data, "message", MESSAGE_MAX);
	if (question.nonce == NULL || question.name == NULL ||
		question.message == NULL ||
		strncmp(question.name, NAMESPACE_START,
			strlen(NAMESPACE_START)) != 0 ||
		!span_has_prefix(
			span_str(question.message), span_str(question.nonce)))
		return err_set(err, ERR_PEER, 502,
			"the server's challenge is not one to renew with");
	*ret_question = question;
	return 0;
}

static const char *
algorithm_of(struct span key)
{
	struct sshwire in = sshwire_of(key);

	return span_equal(sshwire_string(&in), span_str("ssh-rsa"))
		? RSA_ALGORITHM
		: NULL;
}

static int
sign_with_pair(
	const void *ctx, struct span data, struct buf *out, struct err *err)
{
	const struct sshkeypair *pair = ctx;

	return sshkeypair_sign(pair, algorithm_of(sshkeypair_public(pair)),
		false, data, out, err);
}

/* The whole signature, as base64 in the host's arena. */
static int
sign(const struct host *host, const struct sshkeypair *pair,
	const struct question *question, const char **ret_text, struct err *err)
{
	const struct sshsig sig = { .key = sshkeypair_public(pair),
		.name = span_str(question->name),
		.hash_name = span_str(HASH) };
	struct buf text;
	int rc;

	buf_init(&text, 4 * SSHSIG_MAX);
	rc = sshsig_make(&sig, span_str(question->message), sign_with_pair,
		pair, &text, err);
	if (rc == 0) {
		*ret_text = arena_strdup(host->arena, buf_str(&text));
		if (*ret_text == NULL)
			rc = err_set_memory(err);
	}
	buf_clear(&text);
	return rc;
}

int
host_calls_renew(const struct host *host, const struct sshkeypair *pair,
	struct span key, struct host_issue *ret_issue, struct err *err)
{
	struct arena *arena = host->arena;
	struct value *body = value_object(arena);
	const char *line = sshkey_line(arena, key);
	const struct value *data = NULL;
	const char *signature = NULL;
	struct question question = { .nonce = NULL };
	int rc = ask_question(host, &question, err);

	if (rc == 0)
		rc = sign(host, pair, &question, &signature, err);
	if (rc != 0)
		return rc;
	if (line == NULL ||
		!value_set_str(arena, body, "host", host->record.host) ||
		!value_set_str(arena, body, "nonce", question.nonce) ||
		!value_set_str(arena, body, "signature", signature) ||
		!value_set_str(arena, body, "public_key", line))
		return err_set_memory(err);
	rc = ask(host, "enrol/renew", body, &data, err);
	if (rc == 0)
		rc = take_issue(host, data, key, ret_issue, err);
	return rc;
}

/* ---- the rest ---------------------------------------------------------- */

int
host_calls_fetch(const struct host *host, const char *path, size_t max,
	const char *etag, struct span *ret_body, const char **ret_etag,
	struct err *err)
{
	const struct request request = {
		.method = "GET", .path = path, .etag = etag, .answer_max = max
	};
	struct apiclient_answer answer;
	int rc = request_send(
		host->settings, &request, host->arena, &answer, err);

	if (rc != 0)
		return rc;
	if (answer.status == 304) {
		*ret_body = SPAN_NONE;
		*ret_etag = etag;
		return 0;
	}
	if (answer.status != 200)
		return request_fail(&answer, err);
	if (answer.body.len == 0)
		return err_set(err, ERR_PEER, 502, "%s is empty", answer.url);
	*ret_body = answer.body;
	*ret_etag = strlen(answer.etag) <= ETAG_MAX ? answer.etag : "";
	return 0;
}

int
host_calls_report(
	const struct host *host, uint64_t krl_version, struct err *err)
{
	struct arena *arena = host->arena;
	struct value *body = value_object(arena);
	const struct request request = {
		.method = "POST", .path = "enrol/report", .body = body
	};
	struct apiclient_answer answer;
	const char *secret = NULL;
	int rc = host_read_secret(host, &secret, err);

	if (rc != 0)
		return rc;
	if (!value_set_str(arena, body, "host", host->record.host) ||
		!value_set_str(arena, body, "host_secret", secret) ||
		!value_set_int(
			arena, body, "krl_version", (int64_t)krl_version) ||
		!value_set_str(
			arena, body, "last_error", host->record.last_error) ||
		!value_set_int(
			arena, body, "retry_count", host->record.retry_count))
		return err_set_memory(err);
	rc = request_send(host->settings, &request, arena, &answer, err);
	if (rc == 0 && answer.status != 204)
		rc = request_fail(&answer, err);
	return rc;
}

int
host_calls_load_key(
	const char *path, struct sshkeypair **ret_pair, struct err *err)
{
	struct err why = { 0 };
	struct buf text;
	int rc;

	buf_init(&text, SSHKEYPAIR_TEXT_MAX);
	rc = file_read(path, &text, &why);
	if (rc == 0)
		rc = sshkeypair_parse(
			secret_view_of(text.data, text.len), ret_pair, &why);
	buf_clear(&text);
	return rc == 0 ? 0 : err_set(err, rc, 400, "%s: %s", path, why.message);
}
