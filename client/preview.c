/* -output-curl-string and -output-policy. */
#include "client/preview.h"

#include <string.h>

#include "lib/jsonw.h"

#define UNIX_PREFIX "unix://"

/* Inside single quotes a shell reads all but the quote itself as it is. */
static void
add_quoted(struct buf *out, struct span text)
{
	(void)buf_add_char(out, '\'');
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\'')
			(void)buf_add_str(out, "'\"'\"'");
		else
			(void)buf_add_char(out, (char)text.data[i]);
	}
	(void)buf_add_char(out, '\'');
}

static void
add_option(struct buf *out, const char *option, const char *value)
{
	if (value[0] == '\0')
		return;
	(void)buf_addf(out, "%s ", option);
	add_quoted(out, span_str(value));
	(void)buf_add_char(out, ' ');
}

static void
add_tls(struct buf *out, const struct cli_options *options)
{
	if (options->tls_skip_verify)
		(void)buf_add_str(out, "--insecure ");
	add_option(out, "--cacert", options->ca_cert);
	add_option(out, "--capath", options->ca_path);
	add_option(out, "--cert", options->client_cert);
	add_option(out, "--key", options->client_key);
}

static void
add_url(struct buf *out, const struct preview *call)
{
	const bool is_unix =
		strncmp(call->address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
	struct span address =
		span_str(is_unix ? "http://localhost" : call->address);
	struct buf url;

	if (is_unix)
		add_option(out, "--unix-socket",
			call->address + strlen(UNIX_PREFIX));
	while (address.len > 0 && address.data[address.len - 1] == '/')
		address.len--;
	buf_init(&url, CLI_BODY_MAX);
	(void)buf_add_span(&url, address);
	(void)buf_add_str(&url, call->path);
	add_quoted(out, buf_span(&url));
	buf_clear(&url);
}

void
preview_curl(const struct preview *call, struct buf *out)
{
	(void)buf_add_str(out, "curl ");
	if (strcmp(call->method, "GET") != 0)
		(void)buf_addf(out, "-X %s ", call->method);
	add_tls(out, call->options);
	(void)buf_add_str(out, "-H \"X-Vault-Request: true\" ");
	if (call->has_token)
		(void)buf_add_str(
			out, "-H \"X-Vault-Token: $(sallyport print token)\" ");
	for (size_t i = 0; i < call->n_headers; i++)
		add_option(out, "-H", call->headers[i]);
	if (call->body.len > 0) {
		(void)buf_add_str(out, "-d ");
		add_quoted(out, call->body);
		(void)buf_add_char(out, ' ');
	}
	add_url(out, call);
	(void)buf_add_char(out, '\n');
}

/* ---- policies ----------------------------------------------------------- */

/* What the server gives to sudo alone; a test compares it with its tables. */
static bool
needs_sudo(const char *path, bool is_list)
{
	static const struct {
		const char *path;
		bool is_prefix, list_only;
	} rows[] = {
		{ .path = "auth/token/accessors", .list_only = true },
		{ .path = "sys/audit" },
		{ .path = "sys/audit/", .is_prefix = true },
		{ .path = "sys/auth/", .is_prefix = true },
		{ .path = "sys/leases/lookup", .list_only = true },
		{ .path = "sys/leases/lookup/", .is_prefix = true },
		{ .path = "sys/leases/revoke-force/", .is_prefix = true },
		{ .path = "sys/leases/revoke-prefix/", .is_prefix = true },
		{ .path = "sys/remount" },
		{ .path = "sys/revoke-force/", .is_prefix = true },
		{ .path = "sys/revoke-prefix/", .is_prefix = true },
		{ .path = "sys/seal" },
		{ .path = "sys/storage/", .is_prefix = true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const size_t len = strlen(rows[i].path) + !rows[i].is_prefix;

		if ((is_list || !rows[i].list_only) &&
			strncmp(path, rows[i].path, len) == 0)
			return true;
	}
	return false;
}

static const char *
capabilities_of(const char *method, bool is_list)
{
	static const struct {
		const char *method, *capabilities;
	} rows[] = {
		{ "GET", "\"read\"" },
		{ "PUT", "\"create\", \"update\"" },
		{ "POST", "\"create\", \"update\"" },
		{ "DELETE", "\"delete\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows) && !is_list; i++) {
		if (strcmp(rows[i].method, method) == 0)
			return rows[i].capabilities;
	}
	return "\"list\"";
}

void
preview_policy(
	const char *method, const char *path, bool is_list, struct buf *out)
{
	(void)buf_add_str(out, "path ");
	jsonw_string(out, span_str(path)); /* which HCL reads the same */
	(void)buf_addf(out, " {\n  capabilities = [%s%s]\n}\n",
		capabilities_of(method, is_list),
		needs_sudo(path, is_list) ? ", \"sudo\"" : "");
}
