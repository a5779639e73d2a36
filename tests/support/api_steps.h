/* Tables of requests and what each is answered, for tests of handlers. */
#ifndef SALLYPORT_TESTS_SUPPORT_API_STEPS_H
#define SALLYPORT_TESTS_SUPPORT_API_STEPS_H

#include "tests/support/api_call.h"

struct api_step {
	const char *method, *path, *body; /* body NULL: none */
	int status;
	const char *error; /* errors[0]; NULL: not looked at */
	const char *holds; /* a part of the answer's body; NULL: any */
};

/* Send them in order with the root token; the test fails at the first wrong. */
void api_run_steps(
	struct api_fixture *fixture, const struct api_step *steps, size_t n);
#define API_RUN_STEPS(fixture, steps)                                          \
	api_run_steps((fixture), (steps), ARRAY_LEN(steps))

/* The same with another token; NULL: none. */
void api_run_steps_as(struct api_fixture *fixture, const char *token,
	const struct api_step *steps, size_t n);

/* One request as somebody; the answer is looked at by the caller. */
void api_call_as(struct api_fixture *fixture, const char *token,
	const char *method, const char *path, const char *body,
	struct api_reply *ret_reply);

/*
 * A token by auth/token/create of root with this body. It has the policy
 * "mine" with these rules where the body names it.
 */
const char *api_make_token(
	struct api_fixture *fixture, const char *rules, const char *body);

#endif
