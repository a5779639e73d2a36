/* The order of checks, who is told what, envelopes, uses and audit lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/jsonw.h"
#include "server/api/pipeline.h"
#include "server/api/reply.h"
#include "server/auth/auth.h"
#include "server/core/seal_open.h"
#include "server/sys/sys.h"
#include "storage/outbox.h"
#include "tests/support/api_call.h"
#include "tests/support/demo_mount.h"

static const struct mount_type *const types[] = { &sys_mount_type,
	&token_mount_type, &demo_mount_type, NULL };

#define DENIED REPLY_WRAPPED("permission denied")

static struct api_fixture *fixture;
static struct api_reply reply;

static int
setup(void **state)
{
	(void)state;
	demo_runs = 0;
	fixture = api_fixture_new(types);
	return fixture == NULL || api_mount(fixture, "demo", "demo/") != 0;
}

static int
teardown(void **state)
{
	(void)state;
	api_fixture_free(&fixture);
	return 0;
}

static void
send(const char *method, const char *path, const char *body, const char *token)
{
	const struct api_request request = {
		.method = method,
		.path = path,
		.body = body,
		.token = token,
	};

	api_send(fixture, &request, &reply);
}

static void
assert_answer(int status, const char *error)
{
	assert_int_equal(reply.status, status);
	assert_string_equal(api_error(&reply), error);
}

static void
assert_begins(const char *text, const char *with)
{
	assert_true(span_has_prefix(span_str(text), span_str(with)));
}

/* A token of one policy with these rules; uses 0: no limit. */
static const char *
make_token(const char *rules, int uses)
{
	struct value *body = value_object(fixture->arena);
	struct buf text;
	char request[128];

	assert_true(value_set_str(fixture->arena, body, "policy", rules));
	buf_init(&text, 65536);
	jsonw_value(&text, body, 0);
	api_call(fixture, OP_UPDATE, "sys/policies/acl/mine", buf_str(&text),
		&reply);
	buf_clear(&text);
	assert_int_equal(reply.status, 204);
	(void)snprintf(request, sizeof(request),
		"{\"policies\":[\"mine\"],\"num_uses\":%d,\"no_default_policy\":true}",
		uses);
	api_call(fixture, OP_UPDATE, "auth/token/create", request, &reply);
	assert_int_equal(reply.status, 200);
	return value_find_str(
		value_find(reply.json, "auth"), "client_token", NULL);
}

/* ---- who is told what -------------------------------------------------- */

static void
a_missing_token_is_400_and_a_bad_one_403(void **state)
{
	(void)state;
	send("GET", "demo/nothing", NULL, NULL);
	assert_answer(400, "missing client token");
	send("GET", "demo/nothing", NULL, "hvs.nonsense");
	assert_answer(403, "permission denied");
	assert_int_equal(demo_runs, 0);
}

static void
without_rights_every_path_answers_alike(void **state)
{
	static const char *const paths[] = { "demo/nothing", "demo/absent",
		"nowhere/at/all", "demo/cards/a..b", "demo/sudo" };
	const char *token = make_token("path \"x\" {}", 0);
	const char *first = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(paths); i++) {
		send("POST", paths[i], "{}", token);
		assert_answer(403, DENIED);
		if (first == NULL)
			first = reply.body;
		assert_string_equal(reply.body, first);
		assert_null(reply.allow);
	}
}

static void
root_is_told_what_is_missing(void **state)
{
	(void)state;
	send("GET", "nowhere/at/all", NULL, fixture->root);
	assert_answer(404, "no handler for route 'nowhere/at/all'");
	send("GET", "demo/absent", NULL, fixture->root);
	assert_answer(404, REPLY_WRAPPED("unsupported path"));
	send("DELETE", "demo/nothing", NULL, fixture->root);
	assert_answer(405, REPLY_WRAPPED("unsupported operation"));
	assert_string_equal(reply.allow, "GET, POST, PUT");
	send("GET", "demo/cards/a..b", NULL, fixture->root);
	assert_answer(400, "relative paths not supported");
	send("LIST", "demo/nothing", NULL, fixture->root);
	assert_answer(404, REPLY_WRAPPED("unsupported path"));
}

static void
open_paths_need_no_token_and_wrap_nothing(void **state)
{
	(void)state;
	send("POST", "demo/open", "{}", NULL);
	assert_answer(200, "");
	send("POST", "demo/open", "{}", "hvs.nonsense");
	assert_int_equal(reply.status, 200);
	send("GET", "demo/open", NULL, NULL);
	assert_answer(405, "unsupported operation");
	send("POST", "demo/open-fail", "{\"text\":\"x\"}", NULL);
	assert_answer(500, "internal error");
	send("LIST", "demo/open", NULL, NULL);
	assert_answer(400, "missing client token");
}

static void
an_engines_open_path_does_not_look_at_a_token(void **state)
{
	(void)state;
	send("POST", "demo/open", "{}", fixture->root);
	assert_false(value_find_bool(reply.data, "known", true));
}

static void
the_token_header_is_gone_before_the_handler(void **state)
{
	(void)state;
	demo_header_len = -1;
	send("GET", "demo/peek", NULL, fixture->root);
	assert_int_equal(demo_header_len, 0);
	assert_true(value_find_bool(reply.data, "known", false));
	assert_true(reply.token_wiped);
	demo_header_len = -1;
	send("POST", "demo/open", NULL, fixture->root);
	assert_int_equal(demo_header_len, 0);
}

static void
sudo_is_asked_for_on_top(void **state)
{
	const char *token = make_token(
		"path \"demo/sudo\" { capabilities = [\"update\"] }", 0);

	(void)state;
	send("POST", "demo/sudo", "{}", token);
	assert_answer(403, DENIED);
	token = make_token(
		"path \"demo/sudo\" { capabilities = [\"update\", \"sudo\"] }",
		0);
	send("POST", "demo/sudo", "{}", token);
	assert_int_equal(reply.status, 204);
}

static void
what_does_not_exist_needs_create(void **state)
{
	const char *token = make_token(
		"path \"demo/made/*\" { capabilities = [\"create\"] }", 0);

	(void)state;
	send("POST", "demo/made/b", "{}", token);
	assert_int_equal(reply.status, 204);
	send("POST", "demo/made/a", "{}", token);
	assert_answer(403, DENIED);
}

static void
policies_see_the_parameters(void **state)
{
	const char *token = make_token(
		"path \"demo/echo\" { capabilities = [\"update\"] denied_parameters = { n = [] } }",
		0);

	(void)state;
	send("POST", "demo/echo", "{\"text\":\"a\"}", token);
	assert_int_equal(reply.status, 200);
	send("POST", "demo/echo", "{\"n\":1}", token);
	assert_answer(403, DENIED);
}

/* ---- order ------------------------------------------------------------- */

static void
a_bad_token_beats_bad_json_and_limits_beat_both(void **state)
{
	char deep[64];

	(void)state;
	send("POST", "demo/echo", "{", "hvs.nonsense");
	assert_answer(403, "permission denied");
	send("POST", "demo/echo", "{", fixture->root);
	assert_answer(400, "error parsing JSON");
	memset(deep, '[', 40);
	deep[40] = '\0';
	send("POST", "demo/echo", deep, "hvs.nonsense");
	assert_answer(400, "error parsing JSON");
}

static void
policy_comes_before_field_errors(void **state)
{
	const char *token = make_token("path \"x\" {}", 0);

	(void)state;
	send("POST", "demo/echo", "{\"n\":\"x\"}", token);
	assert_answer(403, DENIED);
	send("POST", "demo/echo", "{\"n\":\"x\"}", fixture->root);
	assert_int_equal(reply.status, 400);
	assert_begins(api_error(&reply), "Field validation failed: error");
}

static void
a_sealed_server_says_so_in_two_ways(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(seal_seal(fixture->server->seal, &err), 0);
	send("GET", "demo/nothing", NULL, NULL);
	assert_answer(503, "Vault is sealed");
	send("GET", "demo/nothing", NULL, "any");
	assert_answer(503, "error performing token check: Vault is sealed");
	send("GET", "sys/seal-status", NULL, "any");
	assert_int_equal(reply.status, 200);
	assert_true(value_find_bool(reply.json, "sealed", false));
	assert_int_equal(
		seal_unseal(fixture->server->seal,
			secret_view_of(fixture->share, fixture->share_len),
			&err),
		0);
	send("POST", "demo/nothing", NULL, fixture->root);
	assert_int_equal(reply.status, 204);
}

static void
headers_are_checked_before_the_token(void **state)
{
	struct api_request request = {
		.method = "GET", .path = "demo/peek", .wrap_ttl = "x"
	};

	(void)state;
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 400);
	assert_begins(
		api_error(&reply), "error parsing X-Vault-Wrap-TTL header: ");
	request.wrap_ttl = "-5";
	api_send(fixture, &request, &reply);
	assert_answer(400,
		"error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be negative");
	request.wrap_ttl = "60";
	api_send(fixture, &request, &reply);
	assert_answer(400, "missing client token");
	request.wrap_ttl = "0";
	request.name_space = "team/";
	api_send(fixture, &request, &reply);
	assert_answer(403, "namespaces feature not enabled");
	request.name_space = "root/";
	request.override = "maybe";
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 400);
	request.override = "true";
	request.name_space = "/";
	api_send(fixture, &request, &reply);
	assert_answer(400, "missing client token");
}

static void
methods_that_nobody_serves_are_405(void **state)
{
	(void)state;
	send("PATCH", "demo/echo", "{}", fixture->root);
	assert_int_equal(reply.status, 405);
	assert_string_equal(reply.body, "{\"errors\":[]}\n");
	send("OPTIONS", "demo/echo", NULL, NULL);
	assert_answer(400, "missing client token");
	send("OPTIONS", "demo/echo", NULL, fixture->root);
	assert_answer(405, REPLY_WRAPPED("unsupported operation"));
	send("HEAD", "demo/peek", NULL,
		make_token("path \"*\" { capabilities = [\"read\"] }", 0));
	assert_int_equal(reply.status, 403);
	assert_string_equal(reply.body, "");
	send("HEAD", "sys/health", NULL, NULL);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "");
	send("HEAD", "demo/headed", NULL, NULL);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "");
}

static void
a_write_ends_in_no_slash(void **state)
{
	(void)state;
	send("PUT", "demo/echo/", "{}", fixture->root);
	assert_answer(400, "cannot write to a path ending in '/'");
}

static void
list_is_a_method_or_a_parameter(void **state)
{
	static const struct req_pair yes = { "list", "true" };
	static const struct req_pair no = { "list", "0" };
	static const struct req_pair bad = { "list", "maybe" };
	struct api_request request = { .method = "GET",
		.path = "demo/cards",
		.token = fixture->root,
		.query = &yes,
		.n_query = 1 };

	(void)state;
	api_call(fixture, OP_UPDATE, "demo/cards/a", "{}", &reply);
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 200);
	request.query = &no;
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 405);
	request.query = &bad;
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 400);
	assert_string_equal(reply.body, "{\"errors\":[]}\n");
}

static void
a_list_is_asked_of_the_policy_with_its_slash(void **state)
{
	const char *token = make_token(
		"path \"demo/cards/\" { capabilities = [\"list\"] }", 0);

	(void)state;
	api_call(fixture, OP_UPDATE, "demo/cards/a", "{}", &reply);
	send("LIST", "demo/cards", NULL, token);
	assert_int_equal(reply.status, 200);
}

static void
a_request_that_waited_too_long_is_not_begun(void **state)
{
	const struct api_request request = { .method = "POST",
		.path = "demo/nothing",
		.token = fixture->root,
		.age_ns = 91 * CLOCK_NS_PER_S };

	(void)state;
	api_send(fixture, &request, &reply);
	assert_answer(503, "overloaded");
	assert_int_equal(reply.retry_after_s, 1);
	assert_int_equal(demo_runs, 0);
}

/* ---- answers ----------------------------------------------------------- */

static void
the_envelope_has_eight_keys_in_order(void **state)
{
	static const char expected[] =
		"\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\"data\":{\"text\":\"a<b\",\"n\":3},\"wrap_info\":null,\"warnings\":null,\"auth\":null}\n";
	size_t id = strlen("{\"request_id\":\"") + 36;

	(void)state;
	send("POST", "demo/echo", "{\"text\":\"a<b\",\"n\":3}", fixture->root);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body + id, expected);
	assert_null(reply.content_type);
}

static void
nothing_is_404_for_a_read_and_204_for_a_write(void **state)
{
	(void)state;
	send("GET", "demo/nothing", NULL, fixture->root);
	assert_int_equal(reply.status, 404);
	assert_string_equal(reply.body, "{\"errors\":[]}\n");
	send("POST", "demo/nothing", NULL, fixture->root);
	assert_int_equal(reply.status, 204);
	assert_string_equal(reply.body, "");
	send("LIST", "demo/empty", NULL, fixture->root);
	assert_int_equal(reply.status, 404);
	assert_string_equal(reply.body, "{\"errors\":[]}\n");
}

static void
a_warning_alone_makes_an_answer(void **state)
{
	(void)state;
	send("POST", "demo/warn", NULL, fixture->root);
	assert_int_equal(reply.status, 200);
	assert_string_equal(
		value_find(reply.json, "warnings")->first->str, "mind the gap");
	assert_int_equal(reply.data->type, VALUE_NULL);
}

static void
unknown_members_are_warned_of_where_there_is_a_body(void **state)
{
	(void)state;
	send("POST", "demo/echo", "{\"zz\":1,\"aa\":2}", fixture->root);
	assert_string_equal(value_find(reply.json, "warnings")->first->str,
		"Endpoint ignored these unrecognized parameters: [aa zz]");
	send("POST", "demo/nothing", "{\"zz\":1}", fixture->root);
	assert_int_equal(reply.status, 204);
}

static void
doubled_bare_and_raw_answers_have_their_form(void **state)
{
	(void)state;
	send("POST", "demo/doubled", "{\"text\":\"d\"}", fixture->root);
	assert_string_equal(value_find_str(reply.json, "text", ""), "d");
	assert_string_equal(value_find_str(reply.data, "text", ""), "d");
	send("POST", "demo/bare", "{\"text\":\"b\"}", fixture->root);
	assert_string_equal(reply.body, "{\"text\":\"b\",\"n\":0}\n");
	send("POST", "demo/bare", "{\"n\":\"1\"}", fixture->root);
	assert_int_equal(reply.status, 400);
	send("GET", "demo/raw", NULL, NULL);
	assert_string_equal(reply.body, "raw bytes\n");
	assert_string_equal(reply.content_type, "text/plain");
}

/* RFC 9110 13.1.2: compared weakly; any tag that is there will do. */
static void
a_tagged_answer_leaves_out_what_the_caller_has(void **state)
{
	struct api_request request = { .method = "GET", .path = "demo/tagged" };
	const char *tag, *good[5], *bad[4];

	(void)state;
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "raw bytes\n");
	tag = reply.etag;
	assert_int_equal(strlen(tag), 34);
	good[0] = tag;
	good[1] = "*";
	good[2] = arena_printf(fixture->arena, "W/%s", tag);
	good[3] = arena_printf(fixture->arena, "\"other\" ,\t%s", tag);
	good[4] = arena_printf(fixture->arena, "%s, \"other\"", tag);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		request.if_none_match = good[i];
		api_send(fixture, &request, &reply);
		assert_int_equal(reply.status, 304);
		assert_string_equal(reply.etag, tag);
		assert_string_equal(reply.body, "");
	}
	bad[0] = "\"other\"";
	bad[1] = arena_printf(fixture->arena, "x%s", tag);
	bad[2] = arena_strndup(fixture->arena, tag, 33);
	bad[3] = " ,, ";
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		request.if_none_match = bad[i];
		api_send(fixture, &request, &reply);
		assert_int_equal(reply.status, 200);
	}
}

/* Its text is nobody's secret, and whoever fetches it takes no JSON. */
static void
a_tagged_answer_is_never_wrapped(void **state)
{
	const struct api_request request = {
		.method = "GET", .path = "demo/tagged", .wrap_ttl = "60"
	};

	(void)state;
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "raw bytes\n");
}

static void
errors_of_handlers_are_told_by_their_kind(void **state)
{
	static const struct {
		const char *body;
		int status;
		const char *text;
	} cases[] = {
		{ "{\"text\":\"input\"}", 400, "mend it" },
		{ "{\"text\":\"denied\"}", 403, DENIED },
		{ "{\"text\":\"bad token\"}", 403, "bad token" },
		{ "{\"text\":\"absent\"}", 404, "" },
		{ "{\"text\":\"silent\"}", 500,
			REPLY_WRAPPED("internal error") },
		{ "{\"text\":\"else\"}", 500, REPLY_WRAPPED("internal error") },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		send("POST", "demo/fail", cases[i].body, fixture->root);
		assert_answer(cases[i].status, cases[i].text);
		assert_null(strstr(reply.body, "must not be seen"));
	}
}

static void
slow_rows_run_too(void **state)
{
	(void)state;
	send("POST", "demo/slow", "{\"text\":\"s\"}", fixture->root);
	assert_string_equal(value_find_str(reply.data, "text", ""), "s");
}

static void
help_needs_a_token_but_no_policy(void **state)
{
	static const struct req_pair help = { "help", "1" };
	const char *token = make_token("path \"x\" {}", 0);
	struct api_request request = { .method = "GET",
		.path = "demo/echo",
		.query = &help,
		.n_query = 1 };

	(void)state;
	api_send(fixture, &request, &reply);
	assert_answer(400, "missing client token");
	request.token = token;
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 200);
	assert_begins(value_find_str(reply.json, "help", ""),
		"Request:        echo\nMatching Route: ^echo$\n\n");
	assert_non_null(value_find(reply.json, "openapi"));
	assert_int_equal(demo_runs, 0);
	request.path = "demo/absent";
	api_send(fixture, &request, &reply);
	assert_answer(404, REPLY_WRAPPED("unsupported path"));
	send("HELP", "demo", NULL, token);
	assert_begins(value_find_str(reply.json, "help", ""),
		"## DESCRIPTION\n\nRows for tests.\n\n## PATHS");
	request.path = "demo/open";
	request.token = NULL;
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 200);
}

static void
a_body_is_capped_by_its_route(void **state)
{
	const size_t max = 32 * 1024 * 1024;
	struct server *server = fixture->server;

	(void)state;
	assert_int_equal(
		pipeline_body_cap(server, "POST", "demo/small", true, max),
		4096);
	assert_int_equal(
		pipeline_body_cap(server, "GET", "demo/small", true, max), max);
	assert_int_equal(
		pipeline_body_cap(server, "PUT", "demo/echo", false, max),
		1024 * 1024);
	assert_int_equal(
		pipeline_body_cap(server, "PUT", "demo/echo", true, max), max);
	assert_int_equal(
		pipeline_body_cap(server, "PUT", "demo", true, 100), 100);
	assert_int_equal(
		pipeline_body_cap(server, "PUT", "nowhere", false, max),
		1024 * 1024);
}

/* ---- uses of a token --------------------------------------------------- */

#define ALL "path \"*\" { capabilities = [\"read\", \"update\", \"list\"] }"

static void
a_write_takes_one_use_in_its_transaction(void **state)
{
	const char *token = make_token(ALL, 2);

	(void)state;
	send("POST", "demo/note", "{\"text\":\"1\"}", token);
	assert_int_equal(reply.status, 204);
	send("POST", "demo/note", "{\"text\":\"2\"}", token);
	assert_int_equal(reply.status, 204);
	send("POST", "demo/note", "{\"text\":\"3\"}", token);
	assert_answer(403, "permission denied");
	send("GET", "demo/note", NULL, fixture->root);
	assert_string_equal(value_find_str(reply.data, "text", ""), "2");
}

static void
reads_help_and_refusals_take_a_use_too(void **state)
{
	static const struct req_pair help = { "help", "1" };
	const char *token = make_token(
		"path \"demo/peek\" { capabilities = [\"read\"] }", 5);
	const struct api_request request = { .method = "GET",
		.path = "demo/peek",
		.token = token,
		.query = &help,
		.n_query = 1 };

	(void)state;
	send("GET", "demo/peek", NULL, token);
	assert_int_equal(reply.status, 200);
	send("POST", "demo/note", "{}", token);
	assert_answer(403, DENIED);
	send("POST", "demo/note", "{", token);
	assert_answer(400, "error parsing JSON");
	api_send(fixture, &request, &reply);
	assert_int_equal(reply.status, 200);
	send("POST", "demo/open", "{}", token);
	assert_int_equal(reply.status, 200);
	send("GET", "demo/peek", NULL, token);
	assert_int_equal(reply.status, 200);
	send("GET", "demo/peek", NULL, token);
	assert_answer(403, "permission denied");
}

static void
an_undone_write_still_costs_a_use(void **state)
{
	const char *token = make_token(ALL, 1);

	(void)state;
	send("POST", "demo/note", "{\"text\":\"undo\"}", token);
	assert_answer(400, "undone");
	send("GET", "demo/note", NULL, fixture->root);
	assert_int_equal(reply.status, 404);
	send("GET", "demo/note", NULL, token);
	assert_answer(403, "permission denied");
}

static void
the_last_use_gets_no_lease(void **state)
{
	const char *token = make_token(ALL, 2);

	(void)state;
	send("POST", "demo/lease", "{\"text\":\"l\"}", token);
	assert_int_equal(reply.status, 200);
	assert_string_equal(
		value_find_str(reply.json, "lease_id", ""), "demo/lease/x");
	assert_true(value_find_bool(reply.json, "renewable", false));
	assert_int_equal(value_find_int(reply.json, "lease_duration", 0), 60);
	send("POST", "demo/lease", "{\"text\":\"m\"}", token);
	assert_answer(400,
		"Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.");
	send("GET", "demo/note", NULL, fixture->root);
	assert_string_equal(value_find_str(reply.data, "text", ""), "l");
}

static void
a_race_decides_who_takes_the_last_use(void **state)
{
	const char *token = make_token(ALL, 2);

	(void)state;
	/* Another request spends a use between the check and the write. */
	send("POST", "demo/raced", "{\"text\":\"r\"}", token);
	assert_int_equal(reply.status, 400);
	assert_begins(api_error(&reply), "Secret cannot be returned");
	send("GET", "demo/note", NULL, fixture->root);
	assert_int_equal(reply.status, 404);
	send("GET", "demo/note", NULL, token);
	assert_answer(403, "permission denied");
}

/* ---- audit ------------------------------------------------------------- */

/* The n-th line of the audit file as an object; counts from the end. */
static const struct value *
line_from_end(size_t n)
{
	const char *text = api_audit_text(fixture);
	size_t end = strlen(text), start;
	struct value *line = NULL;

	for (;;) {
		while (end > 0 && text[end - 1] == '\n')
			end--;
		start = end;
		while (start > 0 && text[start - 1] != '\n')
			start--;
		if (n-- == 0)
			break;
		end = start;
	}
	assert_int_equal(
		json_parse(span_of(text + start, end - start),
			&json_limits_trusted, fixture->arena, &line, NULL),
		0);
	return line;
}

static void
assert_lines(const char *type_error, const char *answer_error)
{
	const struct value *request = line_from_end(1);
	const struct value *answer = line_from_end(0);

	assert_string_equal(value_find_str(request, "type", ""), "request");
	assert_string_equal(value_find_str(request, "error", ""), type_error);
	assert_string_equal(value_find_str(answer, "type", ""), "response");
	assert_string_equal(value_find_str(answer, "error", ""), answer_error);
	assert_string_equal(
		value_find_str(value_find(request, "request"), "id", "1"),
		value_find_str(value_find(answer, "request"), "id", "2"));
}

static void
each_request_has_two_lines_and_no_secret(void **state)
{
	const struct value *request = NULL;
	const char *text = NULL;

	(void)state;
	assert_non_null(api_audit_file(fixture));
	send("POST", "demo/echo",
		"{\"text\":\"marker-one\",\"code\":\"marker-two\",\"other\":{\"x\":[\"marker-three\"]}}",
		fixture->root);
	assert_int_equal(reply.status, 200);
	assert_lines("", "");
	request = value_find(line_from_end(1), "request");
	assert_string_equal(value_find_str(request, "operation", ""), "update");
	assert_string_equal(value_find_str(request, "path", ""), "demo/echo");
	assert_string_equal(value_find_str(request, "mount_type", ""), "demo");
	assert_string_equal(
		value_find_str(request, "remote_address", ""), "192.0.2.7");
	text = api_audit_text(fixture);
	assert_null(strstr(text, "marker-"));
	assert_null(strstr(text, fixture->root));
}

static int
count_facts(
	void *ctx, const struct outbox_fact *facts, size_t n, struct err *err)
{
	(void)facts;
	(void)err;
	*(size_t *)ctx += n;
	return 0;
}

static void
a_change_leaves_no_outbox_row_once_its_line_is_durable(void **state)
{
	struct store *store = fixture->server->store;
	struct err err = { 0 };
	size_t n;

	(void)state;
	assert_non_null(api_audit_file(fixture));
	send("POST", "demo/note", "{\"text\":\"1\"}", fixture->root);
	assert_int_equal(reply.status, 204);
	/* Rows go with a later batch: writes without audit make some. */
	do {
		n = 0;
		send("POST", "demo/note", "{\"text\":\"2\"}", fixture->root);
		assert_int_equal(reply.status, 204);
		assert_int_equal(outbox_scan(store, count_facts, &n, &err), 0);
	} while (n > 1);
}

static void
an_announced_change_is_in_the_outbox_before_it_is_done(void **state)
{
	const struct value *data = NULL;

	(void)state;
	assert_non_null(api_audit_file(fixture));
	send("POST", "demo/announced", "{}", fixture->root);
	assert_int_equal(reply.status, 200);
	data = value_find(reply.json, "data");
	assert_int_equal(value_find_int(data, "facts", -1), 1);
	assert_int_equal(value_find_int(data, "status", -1), 0);
}

static void
a_change_whose_devices_a_seal_closed_is_told_by_the_outbox(void **state)
{
	const struct secret_view share =
		secret_view_of(fixture->share, fixture->share_len);
	struct err err = { 0 };

	(void)state;
	assert_non_null(api_audit_file(fixture));
	send("POST", "demo/sealed-note", "{\"text\":\"1\"}", fixture->root);
	assert_answer(500, "internal error");
	assert_int_equal(seal_unseal(fixture->server->seal, share, &err), 0);
	assert_non_null(strstr(api_audit_text(fixture), "\"recovered\":true"));
}

static void
nothing_is_written_to_a_mount_that_has_gone(void **state)
{
	(void)state;
	send("POST", "demo/unmounted-note", "{\"text\":\"1\"}", fixture->root);
	assert_answer(404, "no handler for route 'demo/unmounted-note'");
}

static void
sealing_itself_is_answered(void **state)
{
	(void)state;
	assert_non_null(api_audit_file(fixture));
	send("PUT", "sys/seal", NULL, fixture->root);
	assert_int_equal(reply.status, 204);
}

static void
refusals_are_logged_as_the_peer_words_them(void **state)
{
	const char *token = make_token("path \"x\" {}", 0);

	(void)state;
	assert_non_null(api_audit_file(fixture));
	send("GET", "demo/peek", NULL, NULL);
	assert_lines("missing client token", "invalid request");
	send("GET", "demo/peek", NULL, "hvs.nonsense");
	assert_lines("permission denied", DENIED);
	send("GET", "demo/peek", NULL, token);
	assert_lines(DENIED, DENIED);
	send("GET", "demo/absent", NULL, fixture->root);
	assert_lines("", REPLY_WRAPPED("unsupported path"));
	send("POST", "demo/fail", "{\"text\":\"input\"}", fixture->root);
	assert_lines("", "");
	assert_non_null(value_find(
		value_find(value_find(line_from_end(0), "response"), "data"),
		"error"));
}

static void
unaudited_rows_leave_no_line(void **state)
{
	(void)state;
	assert_non_null(api_audit_file(fixture));
	send("GET", "sys/health", NULL, NULL);
	assert_int_equal(reply.status, 200);
	assert_string_equal(api_audit_text(fixture), "");
}

static void
without_an_audit_line_nothing_is_done_or_told(void **state)
{
	char path[96];

	(void)state;
	assert_non_null(api_audit_file(fixture));
	/* A directory stands where the file would be opened anew. */
	(void)snprintf(path, sizeof(path), "%s/audit.log", fixture->directory);
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	send("POST", "demo/note", "{\"text\":\"unlogged\"}", fixture->root);
	assert_int_equal(reply.status, 500);
	assert_int_equal(demo_runs, 0);
	assert_int_equal(rmdir(path), 0);
}

/* Every way in which a handler may write, or not. */
static const char *const note_paths[] = { "demo/note", "demo/left-note",
	"demo/late-left-note", "demo/early-note", "demo/waited-left-note" };

static void
a_change_is_answered_from_any_way_of_writing(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(note_paths); i++) {
		const char *body =
			arena_printf(fixture->arena, "{\"text\":\"%zu\"}", i);

		if (i == 2)
			assert_non_null(api_audit_file(fixture));
		send("POST", note_paths[i], body, fixture->root);
		assert_int_equal(reply.status,
			strstr(note_paths[i], "left") != NULL ? 200 : 204);
		send("GET", "demo/note", NULL, fixture->root);
		assert_non_null(strstr(
			body, value_find_str(reply.data, "text", "none")));
	}
	send("POST", "demo/left-note", "{\"text\":\"undo\"}", fixture->root);
	assert_answer(400, "undone");
}

static void
what_was_waited_for_may_end_in_a_refusal(void **state)
{
	(void)state;
	assert_non_null(api_audit_file(fixture));
	send("POST", "demo/waited-left-note", "{\"text\":\"undo\"}",
		fixture->root);
	assert_answer(400, "undone");
	send("POST", "demo/waited-left-note", "{\"text\":\"refuse\"}",
		fixture->root);
	assert_answer(400, "refused");
	send("GET", "demo/note", NULL, fixture->root);
	assert_int_equal(reply.status, 404);
}

static int lines_in_write, writes_seen;

static void
look_for_line(const struct req *req)
{
	writes_seen++;
	lines_in_write += strstr(api_audit_text(fixture), req->id) != NULL;
}

static void
a_change_comes_behind_its_request_line(void **state)
{
	size_t i;

	(void)state;
	assert_non_null(api_audit_file(fixture));
	lines_in_write = writes_seen = 0;
	demo_in_write = look_for_line;
	for (i = 0; i < 40; i++) {
		send("POST", note_paths[i % ARRAY_LEN(note_paths)],
			"{\"text\":\"1\"}", fixture->root);
		assert_true(reply.status < 300);
	}
	demo_in_write = NULL;
	assert_int_equal(writes_seen, 40);
	assert_int_equal(lines_in_write, writes_seen);
}

static void
a_handler_that_began_early_changes_nothing_without_a_line(void **state)
{
	static const char *const paths[] = { "demo/left-note",
		"demo/early-note", "demo/early-nothing",
		"demo/waited-left-note" };
	char path[96];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(paths); i++) {
		if (i == 0)
			assert_non_null(api_audit_file(fixture));
		(void)snprintf(
			path, sizeof(path), "%s/audit.log", fixture->directory);
		(void)remove(path);
		(void)mkdir(path, 0700);
		send("POST", paths[i], "{\"text\":\"unlogged\"}",
			fixture->root);
		assert_answer(500, "internal error");
	}
	audit_disable_all(fixture->server->audit);
	send("GET", "demo/note", NULL, fixture->root);
	assert_int_equal(reply.status, 404);
	assert_int_equal(rmdir(path), 0);
}

static void
a_write_that_nobody_waits_for_takes_a_use_too(void **state)
{
	const char *token = make_token(
		"path \"demo/*\" { capabilities = [\"update\"] }", 2);

	(void)state;
	send("POST", "demo/left-note", "{\"text\":\"1\"}", token);
	assert_int_equal(reply.status, 200);
	send("POST", "demo/left-note", "{\"text\":\"1\"}", token);
	assert_int_equal(reply.status, 200);
	send("POST", "demo/left-note", "{\"text\":\"1\"}", token);
	assert_int_equal(reply.status, 403);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_missing_token_is_400_and_a_bad_one_403),
		CASE(without_rights_every_path_answers_alike),
		CASE(root_is_told_what_is_missing),
		CASE(open_paths_need_no_token_and_wrap_nothing),
		CASE(an_engines_open_path_does_not_look_at_a_token),
		CASE(the_token_header_is_gone_before_the_handler),
		CASE(sudo_is_asked_for_on_top),
		CASE(what_does_not_exist_needs_create),
		CASE(policies_see_the_parameters),
		CASE(a_bad_token_beats_bad_json_and_limits_beat_both),
		CASE(policy_comes_before_field_errors),
		CASE(a_sealed_server_says_so_in_two_ways),
		CASE(headers_are_checked_before_the_token),
		CASE(methods_that_nobody_serves_are_405),
		CASE(a_write_ends_in_no_slash),
		CASE(list_is_a_method_or_a_parameter),
		CASE(a_list_is_asked_of_the_policy_with_its_slash),
		CASE(a_request_that_waited_too_long_is_not_begun),
		CASE(the_envelope_has_eight_keys_in_order),
		CASE(nothing_is_404_for_a_read_and_204_for_a_write),
		CASE(a_warning_alone_makes_an_answer),
		CASE(unknown_members_are_warned_of_where_there_is_a_body),
		CASE(doubled_bare_and_raw_answers_have_their_form),
		CASE(a_tagged_answer_leaves_out_what_the_caller_has),
		CASE(a_tagged_answer_is_never_wrapped),
		CASE(errors_of_handlers_are_told_by_their_kind),
		CASE(slow_rows_run_too),
		CASE(help_needs_a_token_but_no_policy),
		CASE(a_body_is_capped_by_its_route),
		CASE(a_write_takes_one_use_in_its_transaction),
		CASE(reads_help_and_refusals_take_a_use_too),
		CASE(an_undone_write_still_costs_a_use),
		CASE(the_last_use_gets_no_lease),
		CASE(a_race_decides_who_takes_the_last_use),
		CASE(each_request_has_two_lines_and_no_secret),
		CASE(a_change_leaves_no_outbox_row_once_its_line_is_durable),
		CASE(refusals_are_logged_as_the_peer_words_them),
		CASE(an_announced_change_is_in_the_outbox_before_it_is_done),
		CASE(a_change_whose_devices_a_seal_closed_is_told_by_the_outbox),
		CASE(nothing_is_written_to_a_mount_that_has_gone),
		CASE(sealing_itself_is_answered),
		CASE(unaudited_rows_leave_no_line),
		CASE(without_an_audit_line_nothing_is_done_or_told),
		CASE(a_change_is_answered_from_any_way_of_writing),
		CASE(what_was_waited_for_may_end_in_a_refusal),
		CASE(a_change_comes_behind_its_request_line),
		CASE(a_handler_that_began_early_changes_nothing_without_a_line),
		CASE(a_write_that_nobody_waits_for_takes_a_use_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
