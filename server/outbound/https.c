/*
 * What a request may do is fixed here: TLS 1.2 at least, chain and name
 * checked, nothing of the environment, no redirect, no second try, a
 * connection of its own.
 */
#include "server/outbound/https.h"

#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "lib/apiclient.h"

#define BEARER "Authorization: Bearer "

/* One request on its way. */
struct sending {
	const struct outbound_request *request;
	CURL *curl;
	struct curl_slist *headers;
	struct buf line; /* of the bearer's header */
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

static bool
add_header(struct sending *sending, const char *line)
{
	struct curl_slist *list = curl_slist_append(sending->headers, line);

	if (list != NULL)
		sending->headers = list;
	return list != NULL;
}

static bool
add_headers(struct sending *sending)
{
	const struct secret_view bearer = sending->request->bearer;
	bool good = add_header(sending, "Accept: application/json") &&
		/* No wait for "100 Continue": bodies are small. */
		add_header(sending, "Expect:");

	if (sending->request->json.data != NULL)
		good = good &&
			add_header(sending, "Content-Type: application/json");
	if (bearer.len == 0)
		return good;
	(void)buf_add_str(&sending->line, BEARER);
	return good && memchr(bearer.data, '\n', bearer.len) == NULL &&
		buf_add(&sending->line, bearer.data, bearer.len) == 0 &&
		add_header(sending, buf_str(&sending->line));
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
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	set_roots(curl, request->ca_pem);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(
		curl, CURLOPT_USERAGENT, "sallyport/" SALLYPORT_VERSION);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->deadline_ms);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, sending->words);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, sending);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, sending->headers);
	if (request->json.data == NULL)
		return;
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->json.data);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
		(curl_off_t)request->json.len);
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
https_send(const struct outbound_request *request, int *ret_status,
	struct buf *body, struct err *err)
{
	struct sending sending = { .request = request, .body = body };
	int rc = check_url(request, err);

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
	rc = perform(&sending, ret_status, err);
out:
	curl_slist_free_all(sending.headers);
	curl_easy_cleanup(sending.curl);
	buf_clear(&sending.line);
	return rc;
}
