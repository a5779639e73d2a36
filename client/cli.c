/* Calls, tokens and the words of failures. */
#include "client/cli.h"

#include <ctype.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "client/flags.h"
#include "client/preview.h"
#include "client/say.h"
#include "client/token_file.h"
#include "lib/duration.h"
#include "lib/fsutil.h"
#include "lib/jsonw.h"
#include "lib/number.h"

#define CONNECT_MS 30000
#define TIMEOUT_DEFAULT_S 60
#define TIMEOUT_MAX_S (365 * 86400) /* in ms, it fits what counts them */
#define WRAP_TTL_DEFAULT "5m"
#define STDIN_MAX (16 * 1024 * 1024)

/* ---- the connection ----------------------------------------------------- */

static int
read_timeout_s(int64_t more_s, int64_t *ret_s, struct err *err)
{
	const char *text = flags_env("CLIENT_TIMEOUT");
	int64_t said_s = 0;

	if (text != NULL &&
		(duration_parse_s(span_str(text), &said_s, NULL) != 0 ||
			said_s < 0))
		return err_set(err, ERR_INPUT, 400,
			"failed to read environment: could not parse \"VAULT_CLIENT_TIMEOUT\"");
	/* 0 is nothing said, as the peer has it. */
	if (said_s == 0)
		said_s = TIMEOUT_DEFAULT_S + (more_s > 0 ? more_s : 0);
	*ret_s = said_s > TIMEOUT_MAX_S || said_s < 0 ? TIMEOUT_MAX_S : said_s;
	return 0;
}

static int
read_retries(int *ret_n, struct err *err)
{
	const char *text = flags_env("MAX_RETRIES");
	uint64_t n = 0;

	if (text != NULL && number_parse_u64(span_str(text), 100, &n) != 0)
		return err_set(err, ERR_INPUT, 400,
			"failed to read environment: could not parse VAULT_MAX_RETRIES");
	*ret_n = (int)n;
	return 0;
}

const char *
cli_address(const struct cli *cli)
{
	const struct cli_options *options = &cli->options;

	return options->agent_address[0] != '\0' ? options->agent_address
						 : options->address;
}

static int
open_client(struct cli *cli, struct err *err)
{
	const struct cli_options *options = &cli->options;
	const char *address = cli_address(cli);
	int64_t timeout_s = 0;
	int retries = 0;
	int rc = read_timeout_s(cli->more_s, &timeout_s, err);

	if (rc == 0)
		rc = read_retries(&retries, err);
	if (rc != 0)
		return rc;
	const struct apiclient_settings settings = {
		.addresses = &address,
		.n_addresses = 1,
		.ca_cert = options->ca_cert,
		.ca_path = options->ca_path,
		.client_cert = options->client_cert,
		.client_key = options->client_key,
		.tls_server_name = options->tls_server_name,
		.spki_sha256 = "",
		.name_space = options->namespace,
		.tls_skip_verify = options->tls_skip_verify,
		.follow_redirect = true,
		.connect_ms = CONNECT_MS,
		.total_ms = timeout_s * 1000,
		.retries = retries,
		.body_max = CLI_BODY_MAX,
	};

	return apiclient_new(&settings, &cli->client, err);
}

int
cli_load_token(struct cli *cli, struct err *err)
{
	const char *text = flags_env("TOKEN");
	int rc;

	if (cli->token_read)
		return 0;
	if (text != NULL) {
		cli->token = secret_view_of(text, strlen(text));
	} else {
		rc = token_file_read(cli->arena, &cli->token, err);
		if (rc != 0)
			return rc;
	}
	for (size_t i = 0; i < cli->token.len; i++) {
		if (!isgraph(cli->token.data[i]))
			return err_set(err, ERR_INPUT, 400,
				"configured Vault token contains non-printable characters and cannot be used");
	}
	cli->token_read = true;
	return 0;
}

void
cli_use_token(struct cli *cli, const char *token)
{
	cli->token = secret_view_of(token, strlen(token));
	cli->token_read = true;
	cli->no_token = false;
}

/* ---- a call ------------------------------------------------------------- */

/* Bytes of a name or value that stand in a query as they are (RFC 3986). */
static void
add_escaped(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		const uint8_t c = text.data[i];

		if (isalnum(c) || memchr("-._~", c, 4) != NULL)
			(void)buf_add_char(out, (char)c);
		else
			(void)buf_addf(out, "%%%02X", c);
	}
}

static void
add_pair(struct buf *out, const char *key, const struct value *value)
{
	struct buf text;

	buf_init(&text, CLI_BODY_MAX);
	if (value->type == VALUE_STRING)
		(void)buf_add_span(&text, value_text(value));
	else
		jsonw_value(&text, value, 0);
	(void)buf_add_char(out, out->len == 0 ? '?' : '&');
	add_escaped(out, span_str(key));
	(void)buf_add_char(out, '=');
	add_escaped(out, buf_span(&text));
	buf_clear(&text);
}

/* A list's items each under its key. */
static void
add_query(struct buf *out, const struct value *query)
{
	VALUE_EACH (member, query) {
		if (member->type != VALUE_LIST)
			add_pair(out, member->key, member);
		else
			VALUE_EACH (item, member)
				add_pair(out, member->key, item);
	}
}

/* "/v1/<path>?query" in the arena; NULL: no memory. */
static char *
request_path(struct cli *cli, const char *path, const struct value *query)
{
	const char *escaped = apiclient_escape_path(cli->arena, path);
	char *whole = NULL;
	struct buf text;

	buf_init(&text, CLI_BODY_MAX);
	add_query(&text, query);
	if (escaped != NULL && buf_check(&text, NULL) == 0)
		whole = arena_printf(
			cli->arena, "/v1/%s%s", escaped, buf_str(&text));
	buf_clear(&text);
	return whole;
}

/* Vault's layout: each error on a line with a star, or the raw body. */
static void
describe_refusal(const struct cli *cli, const char *method, struct err *err)
{
	const struct apiclient_answer *answer = &cli->answer;
	const struct value *errors = value_find(answer->json, "errors");
	struct buf text;

	buf_init(&text, 2 * CLI_BODY_MAX);
	(void)buf_addf(&text,
		"Error making API request.\n\nURL: %s %s\nCode: %d. %s\n\n",
		method, answer->url, answer->status,
		errors != NULL ? "Errors:" : "Raw Message:");
	if (errors == NULL)
		(void)buf_add_span(&text, answer->body);
	VALUE_EACH (item, errors) {
		const struct span one = value_text(item);

		(void)buf_addf(&text, "%s* %.*s",
			item != value_first(errors) ? "\n" : "", (int)one.len,
			(const char *)one.data);
	}
	(void)err_set(err, ERR_PEER, answer->status, "%s", buf_str(&text));
	buf_clear(&text);
}

/* A second redirect is no answer: nothing was written, and a read is empty. */
static bool
is_answered(int status, const char *method)
{
	return status >= 200 &&
		(status < 300 || (status < 400 && strcmp(method, "GET") == 0));
}

/* A page of whatever else listens there is not taken for the answer. */
static bool
check_answer(struct cli *cli, const char *method, struct err *err)
{
	struct apiclient_answer *answer = &cli->answer;

	if (!is_answered(answer->status, method)) {
		describe_refusal(cli, method, err);
		return false;
	}
	if (answer->status >= 300) {
		answer->json = NULL;
		answer->body = SPAN_NONE;
	}
	if (answer->json != NULL || answer->body.len == 0 || cli->takes_text)
		return true;
	(void)err_set(err, ERR_PEER, 0,
		"%s %s answered with something other than JSON, or with too much of it; %scheck -address and VAULT_ADDR",
		method, answer->url,
		strcmp(method, "GET") == 0
			? "read -format=raw prints it as it is; or "
			: "");
	return false;
}

/* In the words of the API client. */
static void
describe_failure(
	const struct cli *cli, const struct err *cause, struct err *err)
{
	const bool plain_http = strncmp(cli_address(cli), "http://", 7) == 0;

	(void)err_set(err, cause->code, 0, "%s%s", cause->message,
		cli->answer.outcome == APICLIENT_TLS && !plain_http
			? "\nDoes the server speak plain HTTP? Then say so with -address=http://… or VAULT_ADDR."
			: "");
}

/* ---- what a call carries ------------------------------------------------ */

#define HEADERS_MAX (FLAG_LIST_MAX + 4)

/* Headers besides those that the API client has a place for. */
struct headers {
	const char *lines[HEADERS_MAX];
	size_t n;
};

static void
add_header(struct cli *cli, struct headers *headers, const char *name,
	const char *value)
{
	const char *line = arena_printf(cli->arena, "%s: %s", name, value);

	if (line != NULL && headers->n < HEADERS_MAX)
		headers->lines[headers->n++] = line;
}

static void
add_asked(struct cli *cli, struct headers *headers)
{
	const struct cli_options *options = &cli->options;

	for (size_t i = 0; i < options->mfa.n; i++)
		add_header(cli, headers, "X-Vault-MFA", options->mfa.items[i]);
	if (options->policy_override)
		add_header(cli, headers, "X-Vault-Policy-Override", "true");
}

/* "5m" for 300; what is to be wrapped for its own sake has the peer's. */
static const char *
wrap_ttl_text(struct cli *cli, const char *method, const char *path)
{
	char text[DURATION_TEXT_MAX];
	const char *copy;

	if (cli->options.wrap_ttl <= 0)
		return strcmp(path, "sys/wrapping/wrap") == 0 &&
				strcmp(method, "GET") != 0
			? WRAP_TTL_DEFAULT
			: "";
	duration_format_s(cli->options.wrap_ttl, text);
	copy = arena_strdup(cli->arena, text);
	return copy != NULL ? copy : "";
}

/* ---- a call ------------------------------------------------------------- */

void
cli_clear(struct cli *cli)
{
	apiclient_free(&cli->client);
	arena_free(&cli->arena);
}

/* Print what the call would be, and end the run. */
static void __attribute__((noreturn)) show_call(struct cli *cli,
	const struct apiclient_request *request, const char *path, bool is_list)
{
	const char *space = cli->options.namespace;
	struct headers headers = { .n = 0 };
	struct preview preview = { .options = &cli->options,
		.address = cli_address(cli),
		.method = request->method,
		.path = request->path,
		.headers = headers.lines,
		.has_token = request->token.len > 0,
		.body = request->body };
	struct buf out;

	if (space[0] != '\0')
		add_header(cli, &headers, "X-Vault-Namespace",
			cli_with_slash(cli, space));
	if (request->wrap_ttl[0] != '\0')
		add_header(
			cli, &headers, "X-Vault-Wrap-TTL", request->wrap_ttl);
	add_asked(cli, &headers);
	preview.n_headers = headers.n;
	buf_init(&out, CLI_BODY_MAX);
	if (cli->options.output_curl_string)
		preview_curl(&preview, &out);
	else
		preview_policy(request->method, path, is_list, &out);
	(void)fwrite(out.data, 1, out.len, stdout);
	buf_clear(&out);
	cli_clear(cli);
	exit(say_finish(EXIT_DONE));
}

/* What stands in the request; false: no memory, or a token that is none. */
static bool
fill_request(struct cli *cli, const char *path, const struct value *query,
	struct headers *headers, struct apiclient_request *request,
	struct err *err)
{
	request->path = request_path(cli, path, query);
	if (request->path == NULL) {
		(void)err_set_memory(err);
		return false;
	}
	if (!cli->no_token && cli_load_token(cli, err) != 0)
		return false;
	if (!cli->no_token)
		request->token = cli->token;
	add_asked(cli, headers);
	request->headers = headers->lines;
	request->n_headers = headers->n;
	request->wrap_ttl = wrap_ttl_text(cli, request->method, path);
	return true;
}

static bool
call(struct cli *cli, const char *method, const char *path,
	const struct value *query, struct span body, struct err *err)
{
	struct apiclient_request request = { .method = method, .body = body };
	struct headers headers = { .n = 0 };
	struct err cause = { 0 };
	int rc;

	if (!fill_request(cli, path, query, &headers, &request, err))
		return false;
	if (cli->options.output_curl_string || cli->options.output_policy)
		show_call(
			cli, &request, path, value_find(query, "list") != NULL);
	if (cli->client == NULL && open_client(cli, err) != 0)
		return false;
	say_progress(cli->doing);
	rc = apiclient_call(
		cli->client, &request, cli->arena, &cli->answer, &cause);
	say_progress(NULL);
	if (rc != 0) {
		describe_failure(cli, &cause, err);
		return false;
	}
	return check_answer(cli, method, err);
}

bool
cli_call(struct cli *cli, const char *method, const char *path,
	const struct value *body, struct err *err)
{
	struct buf text;
	bool good;

	buf_init(&text, CLI_BODY_MAX);
	if (body != NULL)
		jsonw_value(&text, body, 0);
	good = buf_check(&text, err) == 0 &&
		call(cli, method, path, NULL, buf_span(&text), err);
	buf_clear(&text);
	return good;
}

bool
cli_call_query(struct cli *cli, const char *method, const char *path,
	const struct value *query, struct err *err)
{
	return call(cli, method, path, query, SPAN_NONE, err);
}

/* ---- words -------------------------------------------------------------- */

int
cli_fail(const char *what, const struct err *err)
{
	say_error("%s: %s", what, err->message);
	return EXIT_SERVER;
}

int
cli_usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say_error_args(fmt, args);
	va_end(args);
	return EXIT_USAGE;
}

char *
cli_clean_path(struct cli *cli, const char *path)
{
	size_t len;

	path += strspn(path, " \t/");
	len = strlen(path);
	while (len > 0 && strchr(" \t/", path[len - 1]) != NULL)
		len--;
	return arena_strndup(cli->arena, path, len);
}

const char *
cli_with_slash(struct cli *cli, const char *path)
{
	const char *text =
		arena_printf(cli->arena, "%s/", cli_clean_path(cli, path));

	return text != NULL ? text : path;
}

char *
cli_path(struct cli *cli, const char *prefix, const char *path)
{
	const char *clean = cli_clean_path(cli, path);

	return clean == NULL ? NULL
			     : arena_printf(cli->arena, "%s%s", prefix, clean);
}

/* ---- what people type --------------------------------------------------- */

int
cli_read_line(struct cli *cli, const char **ret_text, struct err *err)
{
	char *line = arena_alloc(cli->arena, 4096, 1);

	if (line == NULL)
		return err_set_memory(err);
	if (fgets(line, 4096, stdin) == NULL)
		return err_set(err, ERR_INPUT, 400, "nothing was typed");
	line[strcspn(line, "\r\n")] = '\0';
	*ret_text = line;
	return 0;
}

/* Signals that would leave a terminal without echo behind. */
static void
list_stop_signals(sigset_t *signals)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT,
		SIGTSTP };

	(void)sigemptyset(signals);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		(void)sigaddset(signals, numbers[i]);
}

/* Whether a line was typed before one of the blocked signals came. */
static bool
wait_for_line(const sigset_t *signals)
{
	struct pollfd ready[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = signalfd(-1, signals, SFD_CLOEXEC),
			.events = POLLIN } };
	const bool typed =
		poll(ready, ARRAY_LEN(ready), -1) > 0 && ready[1].revents == 0;

	if (ready[1].fd >= 0)
		(void)close(ready[1].fd);
	return typed;
}

int
cli_read_hidden(struct cli *cli, FILE *prompt_to, const char *prompt,
	const char **ret_text, struct err *err)
{
	sigset_t signals, old;
	struct termios shown, hidden;
	int rc;

	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return err_set(err, ERR_INPUT, 400,
			"file descriptor 0 is not a terminal");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	list_stop_signals(&signals);
	(void)sigprocmask(SIG_BLOCK, &signals, &old);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	fprintf(prompt_to, "%s", prompt);
	(void)fflush(prompt_to);
	/* Unbuffered, so that nothing typed stays in the stream's buffer. */
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	rc = wait_for_line(&signals)
		? cli_read_line(cli, ret_text, err)
		: err_set(err, ERR_INPUT, 400, "nothing was typed");
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fprintf(prompt_to, "\n");
	/* What came meanwhile has its effect now. */
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return rc;
}

int
cli_read_stdin(struct cli *cli, struct span *ret_text, struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, STDIN_MAX);
	rc = fd_read_all(STDIN_FILENO, &text, err);
	if (rc == 0)
		*ret_text = arena_dup(cli->arena, buf_span(&text));
	buf_clear(&text);
	return rc;
}
