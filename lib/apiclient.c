/*
 * The API client over libcurl. Nothing of the environment reaches a transfer:
 * no proxy, no netrc, no cookies, no redirect that was not asked for. Each
 * call makes its own connections: libcurl sends a request a second time where
 * a kept one turns out dead, and a one-time password must go out once only.
 */
#include "lib/apiclient.h"

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/clock.h"
#include "lib/fsutil.h"
#include "lib/json.h"

#define SETTINGS_MAX (256 * 1024)
#define CA_MAX (4 * 1024 * 1024)
#define BODY_MAX (32 * 1024 * 1024)
#define RETRY_WAIT_MS 1000
#define UNIX_PREFIX "unix://"

struct apiclient {
	/* Strings in the arena; spki_sha256 in libcurl's form. */
	struct apiclient_settings settings;
	struct arena *arena;
	struct buf ca; /* PEM text of trusted roots; empty: the system's */
	CURL *curl;
};

/* One call on its way. */
struct call {
	struct apiclient *client;
	const struct apiclient_request *request;
	struct arena *arena;
	int64_t deadline_ns;
	struct buf body;
	struct curl_slist *headers, *connect_to;
	char words[CURL_ERROR_SIZE];
	struct apiclient_answer answer;
};

/*
 * libcurl copies header lines and bodies, so its memory is wiped when freed.
 */
static void
wiping_free(void *data)
{
	if (data != NULL)
		secret_wipe(data, malloc_usable_size(data));
	free(data);
}

static void *
wiping_realloc(void *data, size_t size)
{
	size_t old = data != NULL ? malloc_usable_size(data) : 0;
	void *grown = malloc(size);

	if (grown == NULL)
		return NULL;
	if (data != NULL)
		memcpy(grown, data, old < size ? old : size);
	wiping_free(data);
	return grown;
}

static void
setup_curl(void)
{
	(void)curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free,
		wiping_realloc, strdup, calloc);
}

static int64_t
now_ns(void)
{
	return clock_boot_ns(clock_system());
}

/* One string of the settings into the arena; NULL counts as "". */
static int
copy_str(struct arena *arena, const char **str)
{
	*str = arena_strdup(arena, *str != NULL ? *str : "");
	return *str != NULL ? 0 : ERR_MEMORY;
}

static int
copy_addresses(struct apiclient *client, struct err *err)
{
	struct apiclient_settings *settings = &client->settings;
	const char **copy = ARENA_ARRAY(
		client->arena, const char *, settings->n_addresses + 1);

	if (copy == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < settings->n_addresses; i++) {
		copy[i] = settings->addresses[i];
		if (copy_str(client->arena, &copy[i]) != 0)
			return err_set_memory(err);
	}
	settings->addresses = copy;
	return 0;
}

static int
copy_settings(struct apiclient *client, struct err *err)
{
	struct apiclient_settings *settings = &client->settings;
	const char **strings[] = {
		&settings->ca_cert,
		&settings->ca_path,
		&settings->client_cert,
		&settings->client_key,
		&settings->tls_server_name,
		&settings->spki_sha256,
		&settings->name_space,
	};

	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		if (copy_str(client->arena, strings[i]) != 0)
			return err_set_memory(err);
	if (settings->body_max == 0)
		settings->body_max = BODY_MAX;
	if (settings->spki_sha256[0] != '\0') {
		settings->spki_sha256 = arena_printf(
			client->arena, "sha256//%s", settings->spki_sha256);
		if (settings->spki_sha256 == NULL)
			return err_set_memory(err);
	}
	return copy_addresses(client, err);
}

static bool
has_prefix(const char *str, const char *prefix)
{
	return strncasecmp(str, prefix, strlen(prefix)) == 0;
}

const char *
apiclient_without_password(struct arena *arena, const char *url)
{
	const char *scheme = strstr(url, "://");
	const char *start = scheme != NULL ? scheme + 3 : url;
	const char *at = memrchr(start, '@', strcspn(start, "/?#"));
	const char *colon =
		at != NULL ? memchr(start, ':', (size_t)(at - start)) : NULL;

	if (colon == NULL)
		return url;
	return arena_printf(
		arena, "%.*s***%s", (int)(colon + 1 - url), url, at);
}

static int
check_settings(const struct apiclient *client, struct err *err)
{
	const struct apiclient_settings *settings = &client->settings;

	if (settings->n_addresses == 0)
		return err_set(err, ERR_INPUT, 400, "no server address given");
	for (size_t i = 0; i < settings->n_addresses; i++) {
		const char *address = settings->addresses[i];

		if (!has_prefix(address, "http://") &&
			!has_prefix(address, "https://") &&
			!has_prefix(address, UNIX_PREFIX "/"))
			return err_set(err, ERR_INPUT, 400,
				"address \"%s\" is neither http://, https:// "
				"nor unix:///path",
				apiclient_without_password(
					client->arena, address));
	}
	if ((settings->client_cert[0] == '\0') !=
		(settings->client_key[0] == '\0'))
		return err_set(err, ERR_INPUT, 400,
			"both client cert and client key must be provided");
	return 0;
}

/* How many certificates a PEM text holds. */
static size_t
count_certificates(struct span text)
{
	BIO *bio = text.len > 0 && text.len <= CA_MAX
		? BIO_new_mem_buf(text.data, (int)text.len)
		: NULL;
	size_t n = 0;
	X509 *cert;

	while (bio != NULL &&
		(cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		X509_free(cert);
		n++;
	}
	BIO_free(bio);
	ERR_clear_error();
	return n;
}

/* The file's text goes behind ca where it holds a certificate. */
static int
add_ca_file(
	struct buf *ca, const char *path, size_t *ret_certs, struct err *err)
{
	struct buf text;
	size_t n;
	int rc;

	buf_init(&text, CA_MAX);
	rc = file_read(path, &text, err);
	if (rc != 0)
		goto out;
	n = count_certificates(buf_span(&text));
	if (n > 0) {
		(void)buf_add_span(ca, buf_span(&text));
		(void)buf_add_char(ca, '\n');
		rc = buf_check(ca, err);
	}
	*ret_certs = n;
out:
	buf_clear(&text);
	return rc;
}

static int
load_ca_file(struct apiclient *client, const char *path, struct err *err)
{
	struct err cause = { 0 };
	size_t n = 0;

	if (add_ca_file(&client->ca, path, &n, &cause) != 0)
		return err_set(err, ERR_INPUT, 400,
			"Error loading CA File: %s: %s", path,
			err_reason(&cause));
	if (n == 0)
		return err_set(err, ERR_INPUT, 400,
			"Error loading CA File: Couldn't parse PEM in: %s",
			path);
	return 0;
}

/* Every file of the directory that holds certificates; others are passed. */
static int
load_ca_dir(struct apiclient *client, const char *dir_path, struct err *err)
{
	DIR *dir = opendir(dir_path);
	struct dirent *entry;
	size_t total = 0;

	if (dir == NULL)
		return err_set(err, ERR_INPUT, 400,
			"Error loading CA Path: %s cannot be opened", dir_path);
	while ((entry = readdir(dir)) != NULL) {
		const char *path = arena_printf(
			client->arena, "%s/%s", dir_path, entry->d_name);
		size_t n = 0;

		if (entry->d_name[0] != '.' && path != NULL &&
			add_ca_file(&client->ca, path, &n, NULL) == 0)
			total += n;
	}
	(void)closedir(dir);
	if (total == 0)
		return err_set(err, ERR_INPUT, 400,
			"Error loading CA Path: no certificate in %s",
			dir_path);
	return 0;
}

static int
load_ca(struct apiclient *client, struct err *err)
{
	const struct apiclient_settings *settings = &client->settings;

	if (settings->ca_cert[0] != '\0')
		return load_ca_file(client, settings->ca_cert, err);
	if (settings->ca_path[0] != '\0')
		return load_ca_dir(client, settings->ca_path, err);
	return 0;
}

void
apiclient_setup(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, setup_curl);
}

int
apiclient_new(const struct apiclient_settings *settings,
	struct apiclient **ret_client, struct err *err)
{
	struct apiclient *client = calloc(1, sizeof(*client));
	int rc = 0;

	apiclient_setup();
	if (client == NULL)
		return err_set_memory(err);
	client->settings = *settings;
	buf_init(&client->ca, CA_MAX);
	client->arena = arena_new(SETTINGS_MAX);
	client->curl = curl_easy_init();
	if (client->arena == NULL || client->curl == NULL)
		rc = err_set_memory(err);
	if (rc == 0)
		rc = copy_settings(client, err);
	if (rc == 0)
		rc = check_settings(client, err);
	if (rc == 0)
		rc = load_ca(client, err);
	if (rc == 0)
		*ret_client = client;
	else
		apiclient_free(&client);
	return rc;
}

void
apiclient_free(struct apiclient **client)
{
	if (*client == NULL)
		return;
	curl_easy_cleanup((*client)->curl);
	buf_clear(&(*client)->ca);
	arena_free(&(*client)->arena);
	free(*client);
	*client = NULL;
}

static size_t
take_body(char *data, size_t size, size_t n, void *ctx)
{
	struct call *call = ctx;

	return buf_add(&call->body, data, size * n) == 0 ? size * n : 0;
}

/* Append "name: value"; a failure leaves NULL behind for the check at last. */
static bool
add_header(struct call *call, const char *name, struct span value)
{
	struct curl_slist *list;
	struct buf line;

	buf_init(&line, 65536);
	(void)buf_add_str(&line, name);
	(void)buf_add_str(&line, ": ");
	(void)buf_add_span(&line, value);
	list = line.rc == 0 ? curl_slist_append(call->headers, buf_str(&line))
			    : NULL;
	buf_clear(&line);
	if (list == NULL)
		return false;
	call->headers = list;
	return true;
}

static bool
add_own_headers(struct call *call)
{
	for (size_t i = 0; i < call->request->n_headers; i++) {
		struct curl_slist *list = curl_slist_append(
			call->headers, call->request->headers[i]);

		if (list == NULL)
			return false;
		call->headers = list;
	}
	return true;
}

static bool
add_namespace(struct call *call)
{
	const char *name = call->client->settings.name_space;
	size_t len = strlen(name);
	const char *slash = len > 0 && name[len - 1] != '/' ? "/" : "";
	const char *text = arena_printf(call->arena, "%s%s", name, slash);

	return text != NULL &&
		(len == 0 ||
			add_header(call, "X-Vault-Namespace", span_str(text)));
}

static int
build_headers(struct call *call, struct err *err)
{
	const struct apiclient_request *request = call->request;
	struct span token = span_of(request->token.data, request->token.len);
	bool ok = add_header(call, "X-Vault-Request", span_str("true")) &&
		add_header(call, "Content-Type", span_str("application/json"));

	/* No wait for "100 Continue": bodies are small. */
	ok = ok && add_header(call, "Expect", SPAN_NONE);
	if (ok && token.len > 0)
		ok = add_header(call, "X-Vault-Token", token);
	if (ok && request->wrap_ttl != NULL && request->wrap_ttl[0] != '\0')
		ok = add_header(
			call, "X-Vault-Wrap-TTL", span_str(request->wrap_ttl));
	ok = ok && add_namespace(call) && add_own_headers(call);
	return ok ? 0 : err_set_memory(err);
}

static void
set_tls(CURL *curl, struct apiclient *client)
{
	const struct apiclient_settings *settings = &client->settings;
	long verify = settings->tls_skip_verify ? 0 : 1;

	curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify * 2);
	if (client->ca.len > 0) {
		struct curl_blob blob = {
			.data = client->ca.data,
			.len = client->ca.len,
			.flags = CURL_BLOB_NOCOPY,
		};

		curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	if (settings->client_cert[0] != '\0') {
		curl_easy_setopt(curl, CURLOPT_SSLCERT, settings->client_cert);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, settings->client_key);
	}
	if (settings->spki_sha256[0] != '\0')
		curl_easy_setopt(
			curl, CURLOPT_PINNEDPUBLICKEY, settings->spki_sha256);
}

static void
set_request(CURL *curl, const struct apiclient_request *request)
{
	bool has_body = request->body.len > 0 ||
		strcmp(request->method, "PUT") == 0 ||
		strcmp(request->method, "POST") == 0;

	if (has_body) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
			request->body.len > 0 ? (const char *)request->body.data
					      : "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t)request->body.len);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static void
set_habits(struct call *call, const char *protocol)
{
	CURL *curl = call->client->curl;

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocol);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	/* "creds/../x" is for the server to refuse, not for us to shorten. */
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(
		curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(
		curl, CURLOPT_USERAGENT, "sallyport/" SALLYPORT_VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, call->words);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers);
}

static void
set_deadlines(struct call *call, int64_t left_ms)
{
	int64_t connect_ms = call->client->settings.connect_ms;

	if (connect_ms <= 0 || connect_ms > left_ms)
		connect_ms = left_ms;
	curl_easy_setopt(call->client->curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
	curl_easy_setopt(call->client->curl, CURLOPT_CONNECTTIMEOUT_MS,
		(long)connect_ms);
}

/*
 * Connect to the address as given but greet and check the name of the
 * settings: the URL carries that name, the Host field the address.
 */
static int
set_server_name(struct call *call, CURLU *url)
{
	const char *name = call->client->settings.tls_server_name;
	char *host = NULL, *port = NULL;
	const char *line = NULL, *authority = NULL;
	int rc = ERR_MEMORY;

	if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) !=
			CURLUE_OK)
		goto out;
	line = arena_printf(call->arena, "%s:%s:%s:%s", name, port, host, port);
	authority = arena_printf(call->arena, "%s:%s", host, port);
	if (line == NULL || authority == NULL ||
		curl_url_set(url, CURLUPART_HOST, name, 0) != CURLUE_OK ||
		!add_header(call, "Host", span_str(authority)))
		goto out;
	call->connect_to = curl_slist_append(NULL, line);
	if (call->connect_to == NULL)
		goto out;
	curl_easy_setopt(
		call->client->curl, CURLOPT_CONNECT_TO, call->connect_to);
	rc = 0;
out:
	curl_free(host);
	curl_free(port);
	return rc;
}

/* Point the transfer at url, an http or https one. */
static int
set_url(struct call *call, const char *url, struct err *err)
{
	CURLU *parts = curl_url();
	bool is_tls = has_prefix(url, "https://");
	char *text = NULL;
	int rc = 0;

	if (parts == NULL ||
		curl_url_set(parts, CURLUPART_URL, url, CURLU_PATH_AS_IS) !=
			CURLUE_OK) {
		rc = err_set(err, ERR_INPUT, 400, "bad URL \"%s\"",
			call->answer.url);
		goto out;
	}
	if (is_tls && call->client->settings.tls_server_name[0] != '\0')
		rc = set_server_name(call, parts);
	if (rc != 0 ||
		curl_url_get(parts, CURLUPART_URL, &text, 0) != CURLUE_OK ||
		curl_easy_setopt(call->client->curl, CURLOPT_URL, text) !=
			CURLE_OK)
		rc = err_set_memory(err);
out:
	curl_free(text);
	curl_url_cleanup(parts);
	return rc;
}

/* What became of a transfer; a request line that left counts as sent. */
static enum apiclient_outcome
judge(struct call *call, CURLcode code)
{
	CURL *curl = call->client->curl;
	long request_size = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &request_size);
	switch (code) {
	case CURLE_OK:
		return APICLIENT_ANSWERED;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return APICLIENT_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		if (request_size > 0 || now_ns() >= call->deadline_ns)
			return APICLIENT_TIMEOUT;
		return APICLIENT_UNREACHABLE;
	default:
		return request_size > 0 ? APICLIENT_LOST
					: APICLIENT_UNREACHABLE;
	}
}

struct hint {
	const char *scheme; /* of the address */
	const char *words;  /* somewhere in libcurl's text */
	const char *hint;
};

static const struct hint hints[] = {
	{ "https", "wrong version number",
		"server gave HTTP response to HTTPS client" },
	{ "https", "packet length too long",
		"server gave HTTP response to HTTPS client" },
	{ "http:", "Empty reply", "the server may want https" },
	{ "http:", "HTTP/0.9", "the server may want https" },
	{ "http:", "reset by peer", "the server may want https" },
};

static const char *
find_hint(const char *url, const char *words)
{
	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if (has_prefix(url, hints[i].scheme) &&
			strstr(words, hints[i].words) != NULL)
			return hints[i].hint;
	return NULL;
}

/* The system's own reason why no connection was made; "" where it has none. */
static const char *
system_reason(struct call *call)
{
	long code = 0;
	const char *text;

	if (call->answer.outcome != APICLIENT_UNREACHABLE)
		return "";
	(void)curl_easy_getinfo(call->client->curl, CURLINFO_OS_ERRNO, &code);
	text = code != 0 ? strerrordesc_np((int)code) : NULL;
	return text != NULL ? text : "";
}

/* "Put" for "PUT", as other clients of this API print it. */
static int
describe(struct call *call, CURLcode code, struct err *err)
{
	const char *method = call->request->method;
	const char *url = call->answer.url;
	const char *words =
		call->words[0] != '\0' ? call->words : curl_easy_strerror(code);
	const char *hint = find_hint(url, words);
	const char *reason = system_reason(call);
	bool is_timeout = call->answer.outcome == APICLIENT_TIMEOUT;
	char verb[16] = "";

	for (size_t i = 0; i < sizeof(verb) - 1 && method[i] != '\0'; i++)
		verb[i] = (char)(i == 0 ? method[i] : method[i] | 0x20);
	if (call->body.rc == ERR_LIMIT)
		words = "the answer is larger than allowed";
	err_clear(err);
	return err_set(err, is_timeout ? ERR_TIMEOUT : ERR_PEER, 502,
		"%s \"%s\": %s%s%s%s%s%s", verb, url, words,
		reason[0] != '\0' ? ": " : "", reason, hint != NULL ? " (" : "",
		hint != NULL ? hint : "",
		hint != NULL ? "; check -address and VAULT_ADDR)" : "");
}

static void
end_transfer(struct call *call)
{
	curl_slist_free_all(call->headers);
	curl_slist_free_all(call->connect_to);
	call->headers = NULL;
	call->connect_to = NULL;
	curl_easy_reset(call->client->curl);
}

static int64_t
left_ms(const struct call *call)
{
	return (call->deadline_ns - now_ns()) / CLOCK_NS_PER_MS;
}

/* The value of a field of the answer, in libcurl's memory; or NULL. */
static const char *
find_field(struct call *call, const char *name)
{
	struct curl_header *field = NULL;

	return curl_easy_header(call->client->curl, name, 0, CURLH_HEADER, -1,
		       &field) == CURLHE_OK
		? field->value
		: NULL;
}

/* What a caller may want of the head of the answer. */
static int
keep_head(struct call *call, struct err *err)
{
	const char *etag = find_field(call, "ETag");
	const char *date = find_field(call, "Date");
	long status = 0;

	(void)curl_easy_getinfo(
		call->client->curl, CURLINFO_RESPONSE_CODE, &status);
	call->answer.status = (int)status;
	call->answer.date_s = date != NULL ? curl_getdate(date, NULL) : -1;
	call->answer.etag = arena_strdup(call->arena, etag != NULL ? etag : "");
	return call->answer.etag != NULL ? 0 : err_set_memory(err);
}

/* socket_path NULL: to the URL's own host. */
static int
transfer(struct call *call, const char *url, const char *socket_path,
	struct err *err)
{
	CURL *curl = call->client->curl;
	int64_t ms = left_ms(call);
	CURLcode code;
	int rc;

	if (ms <= 0) {
		call->answer.outcome = APICLIENT_TIMEOUT;
		return describe(call, CURLE_OPERATION_TIMEDOUT, err);
	}
	buf_reset(&call->body);
	call->words[0] = '\0';
	rc = build_headers(call, err);
	if (rc == 0)
		rc = set_url(call, url, err);
	if (rc != 0)
		return rc;
	set_habits(call, has_prefix(url, "https://") ? "https" : "http");
	set_request(curl, call->request);
	set_tls(curl, call->client);
	set_deadlines(call, ms);
	if (socket_path != NULL)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
	code = curl_easy_perform(curl);
	call->answer.outcome = judge(call, code);
	if (code != CURLE_OK)
		return describe(call, code, err);
	return keep_head(call, err);
}

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 307 || status == 308;
}

/* The answer points elsewhere: ask there once, never without TLS after TLS. */
static int
follow(struct call *call, struct err *err)
{
	char *location = NULL;
	const char *target;

	(void)curl_easy_getinfo(
		call->client->curl, CURLINFO_REDIRECT_URL, &location);
	if (location == NULL)
		return 0;
	target = arena_strdup(call->arena, location);
	if (target == NULL)
		return err_set_memory(err);
	if (has_prefix(call->answer.url, "https://") &&
		!has_prefix(target, "https://"))
		return err_set(err, ERR_PEER, 502,
			"redirect would cause protocol downgrade");
	end_transfer(call);
	call->answer.url = apiclient_without_password(call->arena, target);
	if (call->answer.url == NULL)
		return err_set_memory(err);
	return transfer(call, target, NULL, err);
}

/* The address without its trailing slashes, and the path behind it. */
static const char *
join(struct arena *arena, const char *address, const char *path)
{
	size_t len = strlen(address);

	while (len > 0 && address[len - 1] == '/')
		len--;
	return arena_printf(arena, "%.*s%s", (int)len, address, path);
}

static int
ask_address(struct call *call, const char *address, struct err *err)
{
	const char *path = call->request->path;
	bool is_unix = has_prefix(address, UNIX_PREFIX);
	const char *url =
		join(call->arena, is_unix ? "http://localhost" : address, path);
	int rc;

	if (url == NULL)
		return err_set_memory(err);
	call->answer.url = is_unix
		? join(call->arena, address, path)
		: apiclient_without_password(call->arena, url);
	if (call->answer.url == NULL)
		return err_set_memory(err);
	rc = transfer(
		call, url, is_unix ? address + strlen(UNIX_PREFIX) : NULL, err);
	if (rc == 0 && call->client->settings.follow_redirect && !is_unix &&
		is_redirect(call->answer.status))
		rc = follow(call, err);
	end_transfer(call);
	return rc;
}

/* Every address until one takes the request. */
static int
ask_once(struct call *call, struct err *err)
{
	const struct apiclient_settings *settings = &call->client->settings;
	int rc = 0;

	for (size_t i = 0; i < settings->n_addresses; i++) {
		err_clear(err);
		rc = ask_address(call, settings->addresses[i], err);
		if (rc != ERR_PEER ||
			(call->answer.outcome != APICLIENT_UNREACHABLE &&
				call->answer.outcome != APICLIENT_TLS))
			break;
	}
	return rc;
}

static bool
may_retry(const struct call *call, int rc)
{
	int status = call->answer.status;

	if (rc != 0)
		return rc == ERR_PEER &&
			call->answer.outcome == APICLIENT_UNREACHABLE;
	return status == 412 || (status >= 500 && status != 501);
}

static void
wait_before_retry(const struct call *call)
{
	struct timespec pause = {
		.tv_sec = RETRY_WAIT_MS / 1000,
		.tv_nsec = RETRY_WAIT_MS % 1000 * CLOCK_NS_PER_MS,
	};

	if (left_ms(call) > RETRY_WAIT_MS)
		(void)nanosleep(&pause, NULL);
}

/* The body into the caller's arena, and as JSON where it is some. */
static int
keep_body(struct call *call, struct err *err)
{
	struct span body = buf_span(&call->body);
	struct err ignored = { 0 };

	if (body.len == 0)
		return 0;
	call->answer.body = arena_dup(call->arena, body);
	if (call->answer.body.data == NULL)
		return err_set_memory(err);
	if (json_parse(call->answer.body, &json_limits_trusted, call->arena,
		    &call->answer.json, &ignored) != 0)
		call->answer.json = NULL;
	return 0;
}

int
apiclient_call(struct apiclient *client,
	const struct apiclient_request *request, struct arena *arena,
	struct apiclient_answer *ret_answer, struct err *err)
{
	struct err own = { 0 };
	struct call call = {
		.client = client,
		.request = request,
		.arena = arena,
		.deadline_ns =
			now_ns() + client->settings.total_ms * CLOCK_NS_PER_MS,
	};
	int rc;

	if (err == NULL)
		err = &own;
	call.answer.outcome = APICLIENT_UNREACHABLE;
	buf_init(&call.body, client->settings.body_max);
	rc = ask_once(&call, err);
	for (int i = 0; i < client->settings.retries; i++) {
		if (!may_retry(&call, rc) || left_ms(&call) <= RETRY_WAIT_MS)
			break;
		wait_before_retry(&call);
		rc = ask_once(&call, err);
	}
	if (rc == 0)
		rc = keep_body(&call, err);
	buf_clear(&call.body);
	*ret_answer = call.answer;
	return rc;
}

char *
apiclient_escape_path(struct arena *arena, const char *path)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char plain[] = "-._~!$&'()*+,;=:@/";
	char *text = arena_alloc(arena, 3 * strlen(path) + 1, 1);
	char *out = text;

	if (text == NULL)
		return NULL;
	for (; *path != '\0'; path++) {
		uint8_t c = (uint8_t)*path;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z') || strchr(plain, c) != NULL) {
			*out++ = *path;
			continue;
		}
		*out++ = '%';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	return text;
}
