/* What an issuer's limits make of certificates, each with a case. */
#include "tests/unit/ssh/cert_fixture.h"

#include "server/engines/ssh/ca/issuer_limits.h"

#define ROLE                                                                   \
	USER_ROLE ",\"allowed_users\":\"ops\",\"default_user\":\"ops\","       \
		  "\"max_ttl\":7200,\"ttl\":3600"
#define COMMAND ROLE ",\"default_critical_options\":{\"force-command\":\"id\"}"
#define NET                                                                    \
	ROLE ",\"forced_critical_options\":"                                   \
	     "{\"source-address\":\"10.0.0.0/8\"}"
#define BIND ROLE ",\"bind_source_address\":true"
#define SLOW ROLE ",\"not_before_duration\":600"
#define HOSTS                                                                  \
	HOST_ROLE ",\"allowed_domains\":\"*\",\"ttl\":3600,"                   \
		  "\"max_ttl\":3600"

static struct identity_fixture somebody;

static int
setup(void **state)
{
	(void)state;
	identity_fixture_init(&somebody);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(&somebody.arena);
	return 0;
}

struct limits_in {
	struct ssh_issuer_limits limits;
};

static const struct field limits_fields[] = {
	SSH_ISSUER_LIMITS_FIELDS(struct limits_in, limits),
	FIELD_END,
};

/* want: a part of what show_answer says, or "400 " and the whole refusal. */
struct limit_case {
	const char *limits, *role, *asked, *want;
};

static void
run_case(const struct limit_case *c)
{
	const struct limits_in *in = decode(limits_fields,
		sizeof(struct limits_in), c->limits, somebody.arena);
	const struct cert_caller caller = caller_of(&somebody.identity);
	const struct cert_question question = {
		.role = role_of(c->role, somebody.arena),
		.asked = asked_of(c->asked, somebody.arena),
		.caller = &caller,
		.key = span_str("a key"),
		.arena = somebody.arena,
	};
	struct cert_answer answer = { .skipped_extensions = false };
	struct err err = { 0 };
	struct buf got;
	int rc = cert_rules_apply(&question, &answer, &err);

	buf_init(&got, 8192);
	if (rc == 0)
		rc = ssh_issuer_limits_apply(
			&in->limits, &question, &answer, &err);
	if (rc == 0)
		show_answer(&answer, &got);
	else
		(void)buf_addf(&got, "%d %s", err.status, err.message);
	if (strncmp(c->want, "400 ", 4) == 0
			? strcmp(buf_str(&got), c->want) != 0
			: strstr(buf_str(&got), c->want) == NULL)
		fail_msg("%s %s %s: want %s, got %s", c->limits, c->role,
			c->asked, c->want, buf_str(&got));
	buf_clear(&got);
}

static void
limits_are_told_in_time(void **state)
{
	static const struct limit_case cases[] = {
		{ "{}", ROLE, "", "v=-30+3600;" },
		{ "{}", ROLE, "\"ttl\":7200", "v=-30+7200;" },
		/* A role's own ttl is cut, one that is asked for refused. */
		{ "{\"max_validity\":600}", ROLE, "", "v=-30+570;" },
		{ "{\"max_validity\":\"10m\"}", ROLE, "\"ttl\":570",
			"v=-30+570;" },
		{ "{\"max_validity\":600}", ROLE, "\"ttl\":571",
			"400 ttl is larger than maximum allowed 570: the issuer's max_validity of 600 seconds counts from 30 seconds ago" },
		{ "{\"max_validity\":3630}", ROLE, "", "v=-30+3600;" },
		{ "{\"max_validity\":601}", SLOW, "", "v=-600+1;" },
		{ "{\"max_validity\":600}", SLOW, "",
			"400 the issuer's max_validity of 600 seconds is used up by the role's not_before_duration of 600" },
		{ "{\"max_validity\":600}", HOSTS,
			"\"cert_type\":\"host\",\"valid_principals\":\"a.b\"",
			"v=-30+570;" },
		/* The role's limit is told first. */
		{ "{\"max_validity\":600}", ROLE, "\"ttl\":7201",
			"400 ttl is larger than maximum allowed 7200" },
		/* Options join those that are there. */
		{ "{\"forced_critical_options\":{\"force-command\":\"date\"}}",
			ROLE, "", "c=force-command:date;" },
		{ "{\"forced_critical_options\":{\"verify-required\":\"\"}}",
			COMMAND, "", "c=force-command:id|verify-required:;" },
		{ "{\"forced_critical_options\":{\"force-command\":\"id\"}}",
			COMMAND, "", "c=force-command:id;" },
		{ "{\"forced_critical_options\":{\"force-command\":\"date\"}}",
			COMMAND, "",
			"400 critical option \"force-command\" is fixed by issuer" },
		{ "{\"forced_critical_options\":{\"force-command\":\"date\"}}",
			ROLE, "\"critical_options\":{\"force-command\":\"sh\"}",
			"400 critical option \"force-command\" is fixed by issuer" },
		{ "{\"forced_critical_options\":{\"force-command\":\"date\"}}",
			ROLE,
			"\"critical_options\":{\"force-command\":\"date\"}",
			"c=force-command:date;" },
		/* Of addresses the narrower ones count, whose they may be. */
		{ "{\"forced_critical_options\":{\"source-address\":\"10.1.0.0/16\"}}",
			NET, "", "c=source-address:10.1.0.0/16;" },
		{ "{\"forced_critical_options\":{\"source-address\":\"0.0.0.0/0\"}}",
			NET, "", "c=source-address:10.0.0.0/8;" },
		{ "{\"forced_critical_options\":{\"source-address\":\"10.0.0.0/8\"}}",
			BIND, "", "c=source-address:10.1.2.3;" },
		{ "{\"forced_critical_options\":{\"source-address\":\"11.0.0.0/8\"}}",
			BIND, "",
			"400 critical option \"source-address\" is fixed by issuer" },
		/* Hosts' certificates have none. */
		{ "{\"forced_critical_options\":{\"force-command\":\"date\"}}",
			HOSTS,
			"\"cert_type\":\"host\",\"valid_principals\":\"a.b\"",
			"c=; e=;" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		run_case(&cases[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_told_in_time),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
