/* Tables of requests, walked. */
#include "tests/support/api_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/jsonw.h"

void
api_call_as(struct api_fixture *fixture, const char *token, const char *method,
	const char *path, const char *body, struct api_reply *ret_reply)
{
	const struct api_request request = {
		.method = method, .path = path, .body = body, .token = token
	};

	api_send(fixture, &request, ret_reply);
}

static void
check_step(const struct api_step *step, const struct api_reply *reply, size_t i)
{
	const char *body = reply->body != NULL ? reply->body : "";

	if (reply->status != step->status)
		fail_msg("step %zu, %s %s: %d, not %d: %.300s", i, step->method,
			step->path, reply->status, step->status, body);
	if (step->error != NULL && strcmp(api_error(reply), step->error) != 0)
		fail_msg("step %zu, %s %s: \"%s\", not \"%s\"", i, step->method,
			step->path, api_error(reply), step->error);
	if (step->holds != NULL && strstr(body, step->holds) == NULL)
		fail_msg("step %zu, %s %s: no %s in %.600s", i, step->method,
			step->path, step->holds, body);
}

void
api_run_steps_as(struct api_fixture *fixture, const char *token,
	const struct api_step *steps, size_t n)
{
	struct api_reply reply;
	size_t i;

	for (i = 0; i < n; i++) {
		api_call_as(fixture, token, steps[i].method, steps[i].path,
			steps[i].body, &reply);
		check_step(&steps[i], &reply, i);
	}
}

void
api_run_steps(
	struct api_fixture *fixture, const struct api_step *steps, size_t n)
{
	api_run_steps_as(fixture, fixture->root, steps, n);
}

const char *
api_make_token(struct api_fixture *fixture, const char *rules, const char *body)
{
	struct value *policy = value_object(fixture->arena);
	struct api_reply reply;
	const char *token;
	struct buf text;

	buf_init(&text, 65536);
	assert_true(value_set_str(fixture->arena, policy, "policy", rules));
	jsonw_value(&text, policy, 0);
	api_call(fixture, OP_UPDATE, "sys/policies/acl/mine", buf_str(&text),
		&reply);
	buf_clear(&text);
	assert_int_equal(reply.status, 204);
	api_call(fixture, OP_UPDATE, "auth/token/create", body, &reply);
	assert_int_equal(reply.status, 200);
	token = value_find_str(
		value_find(reply.json, "auth"), "client_token", NULL);
	assert_non_null(token);
	return token;
}
