/* Calls, tokens and the words of failures. */
#include "client/cli.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "client/flags.h"
#include "client/token_file.h"
#include "lib/duration.h"
#include "lib/fsutil.h"
#include "lib/jsonw.h"
#include "lib/number.h"

#define CONNECT_MS 30000
#define TIMEOUT_DEFAULT_S 60
#define STDIN_MAX (16 * 1024 * 1024)

/* ---- the connection ----------------------------------------------------- */

static int
read_timeout_s(int64_t *ret_s, struct err *err)
{
	const char *text = flags_env("CLIENT_TIMEOUT");

	*ret_s = TIMEOUT_DEFAULT_S;
	if (text == NULL)
		return 0;
	if (duration_parse_s(span_str(text), ret_s, NULL) != 0 || *ret_s < 0)
		return err_set(err, ERR_INPUT, 400,
			"failed to read environment: could not parse \"VAULT_CLIENT_TIMEOUT\"");
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

static int
open_client(struct cli *cli, struct err *err)
{
	const struct cli_options *options = &cli->options;
	const char *address = options->agent_address[0] != '\0'
		? options->agent_address
		: options->address;
	int64_t timeout_s = 0;
	int retries = 0;
	int rc = read_timeout_s(&timeout_s, err);

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

		if (isalnum(c) || strchr("-._~", c) != NULL)
			(void)buf_add_char(out, (char)c);
		else
			(void)buf_addf(out, "%%%02X", c);
	}
}

static void
add_query(struct buf *out, const struct value *query)
{
	char before = '?';

	VALUE_EACH (member, query) {
		(void)buf_add_char(out, before);
		add_escaped(out, span_str(member->key));
		(void)buf_add_char(out, '=');
		add_escaped(out, value_text(member));
		before = '&';
	}
}

/* "/v1/<path>?query" in the arena; NULL: no memory. */
static char *
request_path(struct cli *cli, const char *path, const struct value *query)
{
	const char *escaped = apiclient_escape_path(cli->arena, path);
	char *whole = NULL;
	struct buf text;

	buf_init(&text, 65536);
	if (escaped != NULL && buf_addf(&text, "/v1/%s", escaped) == 0) {
		add_query(&text, query);
		if (buf_check(&text, NULL) == 0)
			whole = arena_strdup(cli->arena, buf_str(&text));
	}
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

	buf_init(&text, ERR_MESSAGE_MAX);
	(void)buf_addf(&text,
		"Error making API request.\n\nURL: %s %s\nCode: %d. %s\n\n",
		method, answer->url, answer->status,
		errors != NULL ? "Errors:" : "Raw Message:");
	if (errors == NULL)
		(void)buf_add_span(&text, answer->body);
	VALUE_EACH (item, errors) {
		const struct span one = value_text(item);

		(void)buf_addf(&text, "%s* %.*s",
			item != errors->first ? "\n" : "", (int)one.len,
			(const char *)one.data);
	}
	(void)err_set(err, ERR_PEER, answer->status, "%s", buf_str(&text));
	buf_clear(&text);
}

/* "Get", "Put": the verb as Go's client says it. */
static void
describe_failure(const struct cli *cli, const char *method,
	const struct err *cause, struct err *err)
{
	const bool plain_http =
		strncmp(cli->options.address, "http://", 7) == 0;

	(void)err_set(err, cause->code, 0, "%c%s \"%s\": %s%s", method[0],
		strcmp(method, "GET") == 0            ? "et"
			: strcmp(method, "PUT") == 0  ? "ut"
			: strcmp(method, "POST") == 0 ? "ost"
						      : "elete",
		cli->answer.url != NULL ? cli->answer.url : "", cause->message,
		cli->answer.outcome == APICLIENT_TLS && !plain_http
			? "\nDoes the server speak plain HTTP? Then say so with -address=http://… or VAULT_ADDR."
			: "");
}

static bool
call(struct cli *cli, const char *method, const char *path,
	const struct value *query, struct span body, struct err *err)
{
	struct apiclient_request request = { .method = method,
		.path = request_path(cli, path, query),
		.wrap_ttl = cli->options.wrap_ttl,
		.body = body };
	static const char *const headers[] = { "X-Vault-Request: true" };
	struct err cause = { 0 };

	if (request.path == NULL) {
		(void)err_set_memory(err);
		return false;
	}
	if (!cli->no_token && cli_load_token(cli, err) != 0)
		return false;
	if (cli->client == NULL && open_client(cli, err) != 0)
		return false;
	request.headers = headers;
	request.n_headers = ARRAY_LEN(headers);
	if (!cli->no_token)
		request.token = cli->token;
	if (apiclient_call(cli->client, &request, cli->arena, &cli->answer,
		    &cause) != 0) {
		describe_failure(cli, method, &cause, err);
		return false;
	}
	if (cli->answer.status >= 200 && cli->answer.status < 400)
		return true;
	describe_refusal(cli, method, err);
	return false;
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
	fprintf(stderr, "%s: %s\n", what, err->message);
	return EXIT_SERVER;
}

int
cli_usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
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

static int
read_line(struct cli *cli, const char **ret_text, struct err *err)
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

int
cli_read_hidden(struct cli *cli, FILE *prompt_to, const char *prompt,
	const char **ret_text, struct err *err)
{
	struct termios shown, hidden;
	int rc;

	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return err_set(err, ERR_INPUT, 400,
			"file descriptor 0 is not a terminal");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(prompt_to, "%s", prompt);
	(void)fflush(prompt_to);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	/* Unbuffered, so that nothing typed stays in the stream's buffer. */
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	rc = read_line(cli, ret_text, err);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	fprintf(prompt_to, "\n");
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
