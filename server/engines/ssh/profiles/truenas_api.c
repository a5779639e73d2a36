/* Calls to TrueNAS: paths, bodies, and what a refusal says. */
#include "server/engines/ssh/profiles/truenas_api.h"

#include <inttypes.h>
#include <string.h>

#include "lib/json.h"
#include "lib/jsonw.h"

#define PREFIX "/api/v2.0/"
#define ANSWER_MAX ((size_t)512 * 1024)
#define BODY_MAX ((size_t)512 * 1024)
#define MESSAGE_MAX 200

/* ---- one call ------------------------------------------------------------ */

static bool
is_short_line(const char *text)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		if ((uint8_t)text[len] < ' ' || text[len] == 0x7f)
			return false;
	}
	return len <= MESSAGE_MAX;
}

/* {"message": …}, or {attribute: [{"message": …}]}. */
const char *
truenas_message(const struct value *body)
{
	const char *message = value_find_str(body, "message", "");
	const struct value *at =
		body != NULL && body->type == VALUE_OBJECT ? body->first : NULL;

	for (; message[0] == '\0' && at != NULL; at = at->next) {
		if (at->type == VALUE_LIST)
			message = value_find_str(at->first, "message", "");
	}
	return is_short_line(message) ? message : "";
}

static int
refuse(const struct outbound_answer *answer, const struct value *body,
	struct err *err)
{
	const char *message = truenas_message(body);

	if (answer->status == 401)
		return err_set(
			err, ERR_PEER, 500, "it does not take the credential");
	if (answer->status == 404)
		return err_set(err, ERR_PEER, 500,
			"there is no TrueNAS API at this URL");
	return err_set(err, ERR_PEER, 500, "it answers %d%s%s", answer->status,
		message[0] != '\0' ? ": " : "", message);
}

/* path has a NULL where memory ran out; sent: an object, or NULL. */
static int
call(const struct truenas *nas, const char *method, const char *path,
	const struct value *sent, const struct value **ret_body,
	struct err *err)
{
	struct outbound_request request = {
		.url = path == NULL ? NULL
				    : arena_printf(nas->arena, "%s" PREFIX "%s",
					      nas->url, path),
		.method = method,
		.ca_pem = nas->ca_cert,
		.tls_pin = nas->tls_pin[0] != '\0' ? nas->tls_pin : NULL,
		.answer_max = ANSWER_MAX,
		.deadline_ms = nas->deadline_ms,
	};
	struct outbound_answer answer = { 0 };
	struct value *body = NULL;
	int rc;

	if (request.url == NULL)
		return err_set_memory(err);
	if (nas->user[0] != '\0') {
		request.user = nas->user;
		request.password = nas->secret;
	} else {
		request.bearer = nas->secret;
	}
	rc = sent == NULL
		? 0
		: jsonw_bytes(sent, BODY_MAX, nas->arena, &request.json, err);
	if (rc == 0)
		rc = outbound_https(
			nas->outbound, &request, nas->arena, &answer, err);
	if (rc != 0)
		return rc;
	rc = json_parse(
		answer.body, &json_limits_trusted, nas->arena, &body, NULL);
	if (answer.status < 200 || answer.status > 299)
		return refuse(&answer, body, err);
	if (rc != 0)
		return err_set(err, ERR_PEER, 500, "its answer is not JSON");
	*ret_body = body;
	return 0;
}

/* The same where the answer is not looked at. */
static int
call_only(const struct truenas *nas, const char *method, const char *path,
	const struct value *sent, struct err *err)
{
	const struct value *body = NULL;

	return call(nas, method, path, sent, &body, err);
}

/* ---- the calls ----------------------------------------------------------- */

int
truenas_version(
	const struct truenas *nas, const char **ret_version, struct err *err)
{
	const struct value *body = NULL;
	int rc = call(nas, "GET", "system/version", NULL, &body, err);

	if (rc != 0)
		return rc;
	if (body->type != VALUE_STRING || !is_short_line(body->str))
		return err_set(err, ERR_PEER, 500, "its version is no text");
	*ret_version = body->str;
	return 0;
}

int
truenas_find_user(const struct truenas *nas, const char *username,
	struct truenas_user *ret_user, struct err *err)
{
	const char *path =
		arena_printf(nas->arena, "user?username=%s", username);
	const struct value *body = NULL, *at;
	int rc = call(nas, "GET", path, NULL, &body, err);

	if (rc != 0)
		return rc;
	for (at = body->type == VALUE_LIST ? body->first : NULL; at != NULL;
		at = at->next) {
		if (strcmp(value_find_str(at, "username", ""), username) == 0)
			break;
	}
	if (at == NULL)
		return err_set(
			err, ERR_PEER, 500, "there is no user %s", username);
	*ret_user = (struct truenas_user){
		.id = value_find_int(at, "id", 0),
		.sshpubkey = value_find_str(at, "sshpubkey", ""),
	};
	return 0;
}

int
truenas_set_keys(const struct truenas *nas, int64_t user_id,
	const char *sshpubkey, struct err *err)
{
	struct value *sent = value_object(nas->arena);

	if (!value_set_str(nas->arena, sent, "sshpubkey", sshpubkey))
		return err_set_memory(err);
	return call_only(nas, "PUT",
		arena_printf(nas->arena, "user/id/%" PRId64, user_id), sent,
		err);
}

int
truenas_host_keys(const struct truenas *nas, int64_t port,
	struct str_list *ret_keys, struct err *err)
{
	struct value *sent = value_object(nas->arena);
	const struct value *body = NULL;
	const char *text = NULL;
	int rc;

	if (!value_set_str(nas->arena, sent, "host", "127.0.0.1") ||
		!value_set_int(nas->arena, sent, "port", port))
		return err_set_memory(err);
	rc = call(nas, "POST", "keychaincredential/remote_ssh_host_key_scan",
		sent, &body, err);
	if (rc != 0)
		return rc;
	if (body->type != VALUE_STRING)
		return err_set(err, ERR_PEER, 500, "its host key is no text");
	text = body->str;
	*ret_keys = (struct str_list){ NULL, 0 };
	return str_list_add(nas->arena, ret_keys, text) ? 0
							: err_set_memory(err);
}

int
truenas_make_api_key(const struct truenas *nas, const char *name,
	int64_t *ret_id, struct secret_view *ret_key, struct err *err)
{
	struct value *sent = value_object(nas->arena);
	const struct value *body = NULL;
	const char *key;
	int rc;

	if (!value_set_str(nas->arena, sent, "name", name))
		return err_set_memory(err);
	rc = call(nas, "POST", "api_key", sent, &body, err);
	if (rc != 0)
		return rc;
	key = value_find_str(body, "key", "");
	if (key[0] == '\0')
		return err_set(err, ERR_PEER, 500, "its answer has no key");
	*ret_id = value_find_int(body, "id", 0);
	*ret_key = secret_view_of(key, strlen(key));
	return 0;
}

int
truenas_drop_api_key(const struct truenas *nas, int64_t id, struct err *err)
{
	return call_only(nas, "DELETE",
		arena_printf(nas->arena, "api_key/id/%" PRId64, id), NULL, err);
}
