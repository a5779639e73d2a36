/*
 * Texts are parsed; addresses are fetched through outbound. A discovery
 * document must name the issuer that it was asked for (OpenID Connect
 * Discovery 1.0, section 4.3).
 */
#include "server/auth/keyset_load.h"

#include <string.h>

#include "lib/json.h"
#include "server/outbound/outbound.h"

#define DEADLINE_MS 10000
#define ANSWER_MAX ((size_t)256 * 1024)
#define ARENA_MAX ((size_t)4 * 1024 * 1024)
#define DISCOVERY "/.well-known/openid-configuration"
#define HTTP_OK 200

bool
keyset_is_remote(const struct keyset_source *source)
{
	return source->texts == NULL || source->texts->n == 0;
}

/* A text is a key set where it begins like one. */
static int
add_text(struct jwks *keys, const char *text, struct err *err)
{
	const char *begin = text + strspn(text, " \t\r\n");
	const struct span span = span_of(begin, strlen(begin));

	return *begin == '{' ? jwks_add_json(keys, span, err)
			     : jwks_add_pem(keys, span, err);
}

/* What an address answers, which must be 200. */
static int
fetch(struct server *server, const struct keyset_source *source,
	const char *url, struct arena *arena, struct span *ret_body,
	struct err *err)
{
	const struct outbound_request request = {
		.url = url,
		.ca_pem = source->ca_pem,
		.answer_max = ANSWER_MAX,
		.deadline_ms = DEADLINE_MS,
		.allows_plain = server->settings->dev,
	};
	struct outbound_answer answer;
	int rc =
		outbound_https(server->outbound, &request, arena, &answer, err);

	if (rc == 0 && answer.status != HTTP_OK)
		rc = err_set(err, ERR_PEER, 502, "the answer has status %d",
			answer.status);
	if (rc == 0)
		*ret_body = answer.body;
	return rc;
}

static int
add_url(struct server *server, const struct keyset_source *source,
	const char *url, struct arena *arena, struct jwks *keys,
	struct err *err)
{
	struct span body;
	int rc = fetch(server, source, url, arena, &body, err);

	return rc != 0 ? rc : jwks_add_json(keys, body, err);
}

static int
read_discovery(struct span body, const char *issuer, struct arena *arena,
	const char **ret_url, struct err *err)
{
	struct value *document = NULL;
	const char *url;
	int rc = json_parse(body, &json_limits_request, arena, &document, err);

	if (rc != 0)
		return rc;
	if (document->type != VALUE_OBJECT ||
		strcmp(value_find_str(document, "issuer", ""), issuer) != 0)
		return err_set(err, ERR_INPUT, 400,
			"its issuer is not the one that was asked for");
	url = value_find_str(document, "jwks_uri", "");
	if (url[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "it names no key set");
	*ret_url = url;
	return 0;
}

static int
add_discovered(struct server *server, const struct keyset_source *source,
	struct arena *arena, struct jwks *keys, struct err *err)
{
	const char *issuer = source->issuer;
	const size_t len = strlen(issuer);
	const char *url = arena_printf(arena, "%.*s" DISCOVERY,
		(int)(issuer[len - 1] == '/' ? len - 1 : len), issuer);
	struct span body;
	int rc;

	if (url == NULL)
		return err_set_memory(err);
	rc = fetch(server, source, url, arena, &body, err);
	if (rc == 0)
		rc = read_discovery(body, issuer, arena, &url, err);
	return rc != 0 ? rc : add_url(server, source, url, arena, keys, err);
}

static int
add_remote(struct server *server, const struct keyset_source *source,
	struct jwks *keys, struct err *err)
{
	struct arena *arena = arena_new(ARENA_MAX);
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = source->jwks_url[0] != '\0'
		? add_url(server, source, source->jwks_url, arena, keys, err)
		: add_discovered(server, source, arena, keys, err);
	arena_free(&arena);
	return rc;
}

int
keyset_load(struct server *server, const struct keyset_source *source,
	struct jwks *keys, struct err *err)
{
	int rc = 0;

	if (keyset_is_remote(source))
		rc = add_remote(server, source, keys, err);
	else
		for (size_t i = 0; rc == 0 && i < source->texts->n; i++)
			rc = add_text(keys, source->texts->items[i], err);
	if (rc == 0 && jwks_count(keys) == 0)
		rc = err_set(err, ERR_INPUT, 400,
			"there is no key in it that can check a signature");
	return rc;
}
