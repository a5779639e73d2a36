/*
 * What a request may do is fixed here: TLS 1.2 at least, chain and name
 * checked or the server's key pinned, nothing of the environment, no redirect,
 * no second try, a connection of its own.
 */
#include "server/outbound/https.h"

#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "lib/apiclient.h"
#include "lib/codec.h"
#include "server/outbound/tcp.h"

#define BEARER "Authorization: Bearer "
#define BASIC "Authorization: Basic "
#define PIN "sha256//"
#define PIN_LEN (strlen(PIN) + 44)

/* One request on its way. */
struct sending {
	const struct outbound_request *request;
	CURL *curl;
	struct curl_slist *headers;
	const char *method;
	struct secret_view bearer;
	struct buf line; /* of Authorization */
	struct buf *body;
	char words[CURL_ERROR_SIZE];
};

static size_t
take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct sending *sending = ctx;

	return buf_add(sending->body, data, size * n) == 0 ? size * n : 0;
}

static int
check_url(const struct outbound_request *request, struct err *err)
{
	const char *url = request->url;

	if (strncasecmp(url, "https://", strlen("https://")) == 0)
		return 0;
	if (request->allows_plain &&
		strncasecmp(url, "http://", strlen("http://")) == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"\"%.64s\" does not begin with https://", url);
}

static int
find_method(const struct outbound_request *request, const char **ret_method,
	struct err *err)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH",
		"DELETE" };

	if (request->method[0] == '\0') {
		*ret_method = request->json.data == NULL ? "GET" : "POST";
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(request->method, methods[i]) == 0) {
			*ret_method = methods[i];
			return 0;
		}
	return err_set(
		err, ERR_INPUT, 400, "\"%.16s\" is no method", request->method);
}

/* libcurl takes several, and anything that is none for a file's name. */
static int
check_pin(const char *pin, struct err *err)
{
	if (pin[0] == '\0' ||
		(strncmp(pin, PIN, strlen(PIN)) == 0 &&
			strlen(pin) == PIN_LEN && strchr(pin, ';') == NULL))
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"\"%.64s\" is no pin: give \"" PIN "\" and base64 of a SHA-256",
		pin);
}

int
outbound_clean_bearer(
	struct secret_view *token, const char *name, struct err *err)
{
	while (token->len > 0 && memchr("\r\n", token->data[token->len - 1], 2))
		token->len--;
	for (size_t i = 0; i < token->len; i++) {
		if (token->data[i] <= ' ' || token->data[i] >= 0x7f)
			return err_set(err, ERR_INPUT, 400,
				"%s is no token: it holds a blank, a line end or another byte that none has",
				name);
	}
	return 0;
}

static int
check_request(const struct outbound_request *request, struct err *err)
{
	int rc = check_url(request, err);

	if (rc == 0)
		rc = check_pin(request->tls_pin, err);
	if (rc == 0)
		rc = tcp_check_source(request->source, err);
	if (rc == 0 && strchr(request->user, ':') != NULL)
		rc = err_set(err, ERR_INPUT, 400,
			"a user's name cannot have a colon");
	return rc;
}

static bool
add_header(struct sending *sending, const char *line)
{
	struct curl_slist *list = curl_slist_append(sending->headers, line);

	if (list != NULL)
		sending->headers = list;
	return list != NULL;
}

static bool
add_bearer(struct sending *sending)
{
	const struct secret_view bearer = sending->bearer;

	if (bearer.len == 0)
		return true;
	(void)buf_add_str(&sending->line, BEARER);
	return buf_add(&sending->line, bearer.data, bearer.len) == 0 &&
		add_header(sending, buf_str(&sending->line));
}

static bool
add_basic(struct sending *sending)
{
	const struct outbound_request *request = sending->request;
	struct buf pair;
	bool good;

	if (request->user[0] == '\0')
		return true;
	buf_init(&pair, OUTBOUND_MESSAGE_MAX);
	(void)buf_addf(&pair, "%s:", request->user);
	(void)buf_add(&pair, request->password.data, request->password.len);
	(void)buf_add_str(&sending->line, BASIC);
	good = pair.rc == 0 &&
		base64_encode(buf_span(&pair), &sending->line) == 0 &&
		add_header(sending, buf_str(&sending->line));
	buf_clear(&pair);
	return good;
}

static bool
add_headers(struct sending *sending)
{
	bool good = add_header(sending, "Accept: application/json") &&
		/* No wait for "100 Continue": bodies are small. */
		add_header(sending, "Expect:");

	/* libcurl would call an empty body a form. */
	good = good &&
		add_header(sending,
			sending->request->json.data == NULL
				? "Content-Type:"
				: "Content-Type: application/json");
	return good && add_bearer(sending) && add_basic(sending);
}

static void
set_roots(CURL *curl, const char *ca_pem)
{
	struct curl_blob blob = {
		.data = (void *)(uintptr_t)ca_pem,
		.len = strlen(ca_pem),
		.flags = CURL_BLOB_NOCOPY,
	};

	if (blob.len == 0)
		return;
	curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
}

/* Chain and name, or the one key, or all of them. */
static void
set_trust(CURL *curl, const struct outbound_request *request)
{
	const bool is_pinned = request->tls_pin[0] != '\0';
	const bool checks_chain = !is_pinned || request->ca_pem[0] != '\0';

	curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, checks_chain ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, checks_chain ? 2L : 0L);
	set_roots(curl, request->ca_pem);
	if (is_pinned)
		curl_easy_setopt(
			curl, CURLOPT_PINNEDPUBLICKEY, request->tls_pin);
}

static void
set_method(struct sending *sending)
{
	const struct span json = sending->request->json;
	CURL *curl = sending->curl;

	/* A body, if an empty one, but where there should be none. */
	if (json.data != NULL ||
		(strcmp(sending->method, "GET") != 0 &&
			strcmp(sending->method, "DELETE") != 0)) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
			json.data == NULL ? (const void *)"" : json.data);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t)json.len);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, sending->method);
}

static void
set_options(struct sending *sending)
{
	const struct outbound_request *request = sending->request;
	CURL *curl = sending->curl;

	curl_easy_setopt(curl, CURLOPT_URL, request->url);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
		request->allows_plain ? "http,https" : "https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(
		curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	set_trust(curl, request);
	if (request->source[0] != '\0')
		curl_easy_setopt(curl, CURLOPT_INTERFACE, request->source);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(
		curl, CURLOPT_USERAGENT, "sallyport/" SALLYPORT_VERSION);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->deadline_ms);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, sending->words);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, sending);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, sending->headers);
	set_method(sending);
}

static int
perform(struct sending *sending, int *ret_status, struct err *err)
{
	const CURLcode code = curl_easy_perform(sending->curl);
	long status = 0;

	if (sending->body->rc == ERR_LIMIT)
		return err_set(err, ERR_PEER, 502,
			"the answer is longer than %zu bytes",
			sending->body->size_max);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return err_set(err, ERR_PEER, 502, HALT_WHY);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, ERR_TIMEOUT, 502, "no answer in time");
	if (code != CURLE_OK)
		return err_set(err, ERR_PEER, 502, "%s",
			sending->words[0] != '\0' ? sending->words
						  : curl_easy_strerror(code));
	curl_easy_getinfo(sending->curl, CURLINFO_RESPONSE_CODE, &status);
	*ret_status = (int)status;
	return 0;
}

int
https_send(const struct outbound_request *request, const struct halt *halt,
	int *ret_status, struct buf *body, struct err *err)
{
	struct sending sending = {
		.request = request, .bearer = request->bearer, .body = body
	};
	int rc = check_request(request, err);

	if (rc == 0)
		rc = find_method(request, &sending.method, err);
	if (rc == 0)
		rc = outbound_clean_bearer(
			&sending.bearer, "the bearer's token", err);
	if (rc != 0)
		return rc;
	apiclient_setup();
	buf_init(&sending.line, OUTBOUND_MESSAGE_MAX);
	sending.curl = curl_easy_init();
	if (sending.curl == NULL || !add_headers(&sending)) {
		rc = err_set_memory(err);
		goto out;
	}
	set_options(&sending);
	halt_watch_curl(halt, sending.curl);
	rc = perform(&sending, ret_status, err);
out:
	curl_slist_free_all(sending.headers);
	curl_easy_cleanup(sending.curl);
	buf_clear(&sending.line);
	return rc;
}
