/* Questions of certificates from texts of JSON, without a server. */
#ifndef SALLYPORT_TESTS_UNIT_SSH_CERT_FIXTURE_H
#define SALLYPORT_TESTS_UNIT_SSH_CERT_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "server/engines/ssh/ca/cert_issue.h"
#include "server/engines/ssh/role_check.h"
#include "tests/unit/core/identity_fixture.h"

#define NOW_S 1000000
#define USER_ROLE "\"key_type\":\"ca\",\"allow_user_certificates\":true"
#define HOST_ROLE "\"key_type\":\"ca\",\"allow_host_certificates\":true"

struct wish_in {
	struct cert_wish wish;
};

static const struct field wish_fields[] = {
	CERT_WISH_FIELDS(struct wish_in, wish),
	FIELD_END,
};

static inline void *
decode(const struct field *fields, size_t size, const char *json,
	struct arena *arena)
{
	struct value *tree = NULL;
	void *record = NULL;
	struct err err = { 0 };

	assert_int_equal(json_parse(span_str(json), &json_limits_trusted, arena,
				 &tree, &err),
		0);
	if (record_decode(fields, size, tree, arena, &record, &err) != 0)
		fail_msg("%s: %s", json, err.message);
	return record;
}

/* A role as a write of these members would store it. */
static inline struct ssh_role *
role_of(const char *members, struct arena *arena)
{
	char json[8192];
	struct ssh_role *role = NULL;
	struct err err = { 0 };

	(void)snprintf(json, sizeof(json), "{%s}", members);
	role = decode(
		ssh_role_record.fields, ssh_role_record.size, json, arena);
	if (ssh_role_check(role, arena, &err) != 0)
		fail_msg("%s: %s", members, err.message);
	return role;
}

static inline const struct cert_asked *
asked_of(const char *members, struct arena *arena)
{
	char json[8192];
	const struct wish_in *in = NULL;

	(void)snprintf(json, sizeof(json), "{%s}", members);
	in = decode(wish_fields, sizeof(struct wish_in), json, arena);
	return &in->wish.asked;
}

/* Somebody at 10.1.2.3, a second after the epoch's first eleven days. */
static inline struct cert_caller
caller_of(const struct identity *identity)
{
	struct cert_caller caller = {
		.role_name = "web",
		.display_name = "token-ci",
		.identity = identity,
		.now_s = NOW_S,
		.default_ttl_s = 3600,
		.max_ttl_s = 7200,
	};

	assert_int_equal(
		netaddr_parse(span_str("10.1.2.3"), &caller.address), 0);
	return caller;
}

static inline void
add_options(struct buf *out, const char *what,
	const struct sshcert_option *options, size_t n)
{
	(void)buf_addf(out, " %s=", what);
	for (size_t i = 0; i < n; i++)
		(void)buf_addf(out, "%s%.*s:%.*s", i > 0 ? "|" : "",
			(int)options[i].name.len, options[i].name.data,
			(int)options[i].value.len, options[i].value.data);
	(void)buf_add_char(out, ';');
}

/* "user id=x; p=a,b; v=-30+3600; c=name:value|…; e=…;" */
static inline void
show_answer(const struct cert_answer *answer, struct buf *out)
{
	const struct sshcert_parts *parts = &answer->parts;

	(void)buf_addf(out,
		"%s id=%.*s; p=", parts->type == SSHCERT_USER ? "user" : "host",
		(int)parts->key_id.len, parts->key_id.data);
	for (size_t i = 0; i < parts->n_principals; i++)
		(void)buf_addf(out, "%s%.*s", i > 0 ? "," : "",
			(int)parts->principals[i].len,
			parts->principals[i].data);
	(void)buf_addf(out, "; v=-%d+%d;", NOW_S - (int)parts->after_s,
		(int)parts->before_s - NOW_S);
	add_options(out, "c", parts->critical, parts->n_critical);
	add_options(out, "e", parts->extensions, parts->n_extensions);
}

#endif
