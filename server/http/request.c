/* From the parser's spans to the request's own strings. */
#include "server/http/request.h"

#include <string.h>
#include <strings.h>

#define BEARER "Bearer "
#define FORM_TYPE "application/x-www-form-urlencoded"

static struct span
trim_blanks(struct span text)
{
	while (text.len > 0 && text.data[0] == ' ')
		text = span_skip(text, 1);
	while (text.len > 0 && text.data[text.len - 1] == ' ')
		text.len--;
	return text;
}

/* The token as sent: its own field, else a bearer's; len 0: none. */
static struct span
find_token(const struct http_parser *parser)
{
	struct span token = http_parser_find(parser, "x-vault-token");
	struct span bearer = http_parser_find(parser, "authorization");
	struct span prefix = span_str(BEARER);

	if (token.len > 0)
		return token;
	if (bearer.len > 0 && span_has_prefix(bearer, prefix))
		return trim_blanks(span_skip(bearer, prefix.len));
	return SPAN_NONE;
}

static bool
take_token(struct req *req, struct http_parser *parser)
{
	struct span token = find_token(parser);
	struct span copy = SPAN_NONE;

	if (token.len > 0)
		copy = arena_dup(req->arena, token);
	http_parser_scrub(parser, "x-vault-token");
	http_parser_scrub(parser, "authorization");
	req->token_text = secret_view_of(copy.data, copy.len);
	return token.len == 0 || copy.data != NULL;
}

/* A field's value as a string; "" where it is absent. */
static bool
take_text(struct req *req, const struct http_parser *parser, const char *name,
	const char **ret_text)
{
	struct span value = http_parser_find(parser, name);

	*ret_text = value.len == 0
		? ""
		: arena_strndup(req->arena, value.data, value.len);
	return *ret_text != NULL;
}

static bool
is_form(const struct http_parser *parser)
{
	struct span type = http_parser_find(parser, "content-type");
	const uint8_t *end =
		type.len > 0 ? memchr(type.data, ';', type.len) : NULL;

	if (end != NULL)
		type.len = (size_t)(end - type.data);
	type = trim_blanks(type);
	return type.len == strlen(FORM_TYPE) &&
		strncasecmp((const char *)type.data, FORM_TYPE, type.len) == 0;
}

enum http_path_verdict
request_fill(struct req *req, struct http_parser *parser,
	const struct endpoint *endpoint, const struct netaddr *peer,
	const char **ret_location)
{
	struct http_path path = { .path = "" };
	enum http_path_verdict verdict;
	size_t len;

	req->method = http_method_name(parser->method);
	req->peer = *peer;
	req->local_listener = endpoint->is_local;
	req->unauthenticated_rekey = endpoint->settings->unauthenticated_rekey;
	req->body_is_form = is_form(parser);
	if (!take_token(req, parser) ||
		!take_text(
			req, parser, "x-vault-wrap-ttl", &req->wrap_ttl_text) ||
		!take_text(req, parser, "x-vault-wrap-format",
			&req->wrap_format_text) ||
		!take_text(req, parser, "x-vault-policy-override",
			&req->policy_override_text) ||
		!take_text(req, parser, "x-vault-namespace",
			&req->namespace_text) ||
		!take_text(req, parser, "if-none-match", &req->if_none_match) ||
		!take_text(req, parser, "accept", &req->accept))
		return HTTP_PATH_MEMORY;
	verdict =
		http_path_parse(http_parser_target(parser), req->arena, &path);
	len = strlen(path.path);
	req->path = path.path;
	req->path_ends_in_slash = len > 0 && path.path[len - 1] == '/';
	req->query = path.query;
	req->n_query = path.n_query;
	*ret_location = path.location;
	return verdict;
}
