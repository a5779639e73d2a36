/* lib/apiclient under the settings of this host. */
#include "helper/request.h"

#include <stdio.h>
#include <string.h>

#include "lib/jsonw.h"
#include "lib/log.h"
#include "lib/netaddr.h"

#define CONNECT_MS 3000
#define ADDRESSES_MAX 16
#define ERRORS_MAX 512
#define ERROR_LEN_MAX 200

static size_t
split_addresses(const char *list, struct arena *arena,
	const char *addresses[ADDRESSES_MAX])
{
	struct span piece;
	size_t pos = 0;
	size_t n = 0;

	while (n < ADDRESSES_MAX && comma_next(list, &pos, &piece)) {
		addresses[n] = arena_strndup(arena, piece.data, piece.len);
		if (addresses[n] == NULL)
			return 0;
		n++;
	}
	return n;
}

static int
open_client(const struct helper_settings *settings,
	const struct request *request, struct arena *arena,
	struct apiclient **ret_client, struct err *err)
{
	const char *addresses[ADDRESSES_MAX];
	const struct apiclient_settings client = {
		.addresses = addresses,
		.n_addresses =
			split_addresses(settings->vault_addr, arena, addresses),
		.ca_cert = settings->ca_cert,
		.ca_path = settings->ca_path,
		.client_cert = settings->client_cert,
		.client_key = settings->client_key,
		.tls_server_name = settings->tls_server_name,
		.spki_sha256 = settings->server_spki_sha256,
		.name_space = settings->namespace,
		.tls_skip_verify = settings->tls_skip_verify,
		.connect_ms = CONNECT_MS,
		.total_ms = request->total_ms > 0
			? request->total_ms
			: settings->timeout_seconds * 1000,
		.body_max = request->answer_max > 0 ? request->answer_max
						    : REQUEST_BODY_MAX,
	};

	if (settings->tls_skip_verify)
		log_warn("tls_skip_verify is on: any server may say yes");
	return apiclient_new(&client, ret_client, err);
}

int
request_send(const struct helper_settings *settings,
	const struct request *request, struct arena *arena,
	struct apiclient_answer *ret_answer, struct err *err)
{
	const bool has_etag = request->etag != NULL && request->etag[0] != '\0';
	const char *mount =
		apiclient_escape_path(arena, settings->ssh_mount_point);
	const char *match = has_etag
		? arena_printf(arena, "If-None-Match: %s", request->etag)
		: "";
	struct apiclient_request asked = { .method = request->method,
		.wrap_ttl = "",
		.headers = &match,
		.n_headers = has_etag ? 1 : 0 };
	struct apiclient *client = NULL;
	int rc = 0;

	*ret_answer =
		(struct apiclient_answer){ .outcome = APICLIENT_UNREACHABLE };
	asked.path = mount == NULL
		? NULL
		: arena_printf(arena, "/v1/%s/%s", mount, request->path);
	if (asked.path == NULL || match == NULL)
		return err_set_memory(err);
	if (request->body != NULL)
		rc = jsonw_bytes(request->body, REQUEST_BODY_MAX, arena,
			&asked.body, err);
	if (rc == 0)
		rc = open_client(settings, request, arena, &client, err);
	if (rc == 0)
		rc = apiclient_call(client, &asked, arena, ret_answer, err);
	apiclient_free(&client);
	return rc;
}

/* The server's texts, each behind before. */
static void
join_errors(const struct apiclient_answer *answer, const char *before,
	char text[ERRORS_MAX])
{
	const struct value *errors = value_find(answer->json, "errors");
	size_t used = 0;

	text[0] = '\0';
	VALUE_EACH (item, errors) {
		struct span one = value_text(item);
		const int len = (int)(one.len > ERROR_LEN_MAX ? ERROR_LEN_MAX
							      : one.len);
		int n = snprintf(text + used, ERRORS_MAX - used, "%s%.*s",
			before, len, (const char *)one.data);

		if (n < 0 || (size_t)n >= ERRORS_MAX - used)
			break;
		used += (size_t)n;
	}
}

int
request_refusal(const char *method, const struct apiclient_answer *answer,
	struct err *err)
{
	char text[ERRORS_MAX];

	join_errors(answer, "\n* ", text);
	return err_set(err, ERR_PEER, answer->status,
		"Error making API request.\n\nURL: %s %s\nCode: %d. Errors:\n%s",
		method, answer->url, answer->status, text);
}

int
request_fail(const struct apiclient_answer *answer, struct err *err)
{
	char text[ERRORS_MAX];

	join_errors(answer, ": ", text);
	return err_set(err, ERR_PEER, answer->status, "%s answered %d%s",
		answer->url, answer->status, text);
}

int
request_data(const struct helper_settings *settings,
	const struct request *request, struct arena *arena,
	const struct value **ret_data, struct err *err)
{
	struct apiclient_answer answer;
	const struct value *data;
	int rc = request_send(settings, request, arena, &answer, err);

	if (rc != 0)
		return rc;
	if (answer.status != 200)
		return request_fail(&answer, err);
	data = value_find(answer.json, "data");
	if (data == NULL || data->type != VALUE_OBJECT)
		return err_set(err, ERR_PEER, 502,
			"%s: unexpected response from server", answer.url);
	*ret_data = data;
	return 0;
}

struct span
request_text(const struct value *data, const char *name)
{
	const struct value *found = value_find(data, name);

	return found != NULL && found->type == VALUE_STRING ? value_text(found)
							    : SPAN_NONE;
}
