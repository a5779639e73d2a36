/* The sentences of spec/ssh-engine.md 8.4 to 8.7, each with a case. */
#include "tests/unit/ssh/cert_fixture.h"

#include <stdlib.h>

#include "tests/support/figures.h"

#define KEY "a key's blob"
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

static int
apply(const struct ssh_role *role, const struct cert_asked *asked,
	const struct cert_caller *caller, struct cert_answer *ret_answer,
	struct err *err)
{
	const struct cert_question question = { .role = role,
		.asked = asked,
		.caller = caller,
		.key = span_str(KEY),
		.arena = somebody.arena };

	return cert_rules_apply(&question, ret_answer, err);
}

/* want: a part of what show says, or "400 " and the whole refusal. */
struct rule_case {
	const char *role, *asked, *want;
};

static void
run_case(const struct rule_case *c, const struct cert_caller *caller)
{
	struct cert_answer answer = { .skipped_extensions = false };
	struct err err = { 0 };
	struct buf text;
	int rc = apply(role_of(c->role, somebody.arena),
		asked_of(c->asked, somebody.arena), caller, &answer, &err);

	buf_init(&text, 65536);
	if (rc == 0)
		show_answer(&answer, &text);
	else
		(void)buf_addf(&text, "%d %s", err.status, err.message);
	if (rc == 0 ? strstr(buf_str(&text), c->want) == NULL
		    : strcmp(buf_str(&text), c->want) != 0)
		fail_msg("role {%s}\nasked {%s}\nwant %s\n got %s", c->role,
			c->asked, c->want, buf_str(&text));
	buf_clear(&text);
}

static void
run_cases(const struct rule_case *cases, size_t n, const struct identity *who)
{
	for (size_t i = 0; i < n; i++) {
		struct cert_caller caller = caller_of(who);

		run_case(&cases[i], &caller);
	}
}

#define RUN(cases) run_cases(cases, ARRAY_LEN(cases), &somebody.identity)
#define RUN_NOBODY(cases) run_cases(cases, ARRAY_LEN(cases), NULL)
#define ANY                                                                    \
	","                                                                    \
	"\"allowed_users\":\"*\",\"default_user\":\"u\""

static void
the_key_id_is_the_callers_or_the_formats(void **state)
{
	static const struct rule_case cases[] = {
		{ USER_ROLE ANY, "\"key_id\":\"mine\"",
			"400 setting key_id is not allowed by role" },
		{ USER_ROLE ANY ",\"allow_user_key_ids\":true",
			"\"key_id\":\"mi{{role_name}}\"",
			"id=mi{{role_name}};" },
		{ USER_ROLE ANY ",\"allow_user_key_ids\":true", "",
			"id=vault-token-ci-" },
		{ USER_ROLE ANY, "\"key_id\":\"\"", "id=vault-token-ci-" },
		{ USER_ROLE ANY ",\"key_id_format\":\"{{role_name}} x\"", "",
			"id=web x;" },
		{ USER_ROLE ANY
			",\"key_id_format\":\"{{ role_name }}{{other}}{{\"",
			"", "id={{ role_name }}{{other}}{{;" },
		{ USER_ROLE ANY ",\"allow_user_key_ids\":true",
			"\"key_id\":\"a\\nb\"",
			"400 key_id contains control characters" },
		{ USER_ROLE ANY ",\"allow_user_key_ids\":true",
			"\"key_id\":\"a\\u0085b\"",
			"400 key_id contains control characters" },
		{ USER_ROLE ANY ",\"allow_user_key_ids\":true",
			"\"key_id\":\"a\\u007f\"",
			"400 key_id contains control characters" },
		{ USER_ROLE ANY ",\"allow_user_key_ids\":true",
			"\"key_id\":\"caf\\u00e9\"", "id=caf\xc3\xa9;" },
		/* before the type, as the peers look at them */
		{ "\"key_type\":\"otp\",\"default_user\":\"u\"",
			"\"key_id\":\"x\"",
			"400 setting key_id is not allowed by role" },
	};

	(void)state;
	RUN(cases);
}

static void
a_name_in_the_key_id_is_not_looked_at_again(void **state)
{
	static const struct rule_case c = { USER_ROLE ANY
		",\"key_id_format\":\"{{token_display_name}}-{{role_name}}\"",
		"", "id={{role_name}}{{public_key_hash}}-web;" };
	static const struct rule_case nameless = { USER_ROLE ANY, "",
		"id=vault-" };
	struct cert_caller caller = caller_of(NULL);
	struct cert_answer answer;
	struct err err = { 0 };

	(void)state;
	caller.display_name = "{{role_name}}{{public_key_hash}}";
	run_case(&c, &caller);
	caller.display_name = "";
	run_case(&nameless, &caller);
	assert_int_equal(
		apply(role_of(USER_ROLE ANY, somebody.arena),
			asked_of("", somebody.arena), &caller, &answer, &err),
		0);
	assert_int_equal(answer.parts.key_id.len, strlen("vault-") + 64);
}

static void
a_key_id_has_an_end(void **state)
{
	char asked[2048] = "\"key_id\":\"";
	const size_t head = strlen(asked);
	const struct ssh_role *role = NULL;
	struct cert_caller caller = caller_of(NULL);
	struct cert_answer answer;
	struct err err = { 0 };

	(void)state;
	role = role_of(
		USER_ROLE ANY ",\"allow_user_key_ids\":true", somebody.arena);
	memset(asked + head, 'x', CERT_KEY_ID_MAX);
	memcpy(asked + head + CERT_KEY_ID_MAX, "\"", 2);
	assert_int_equal(apply(role, asked_of(asked, somebody.arena), &caller,
				 &answer, &err),
		0);
	memcpy(asked + head + CERT_KEY_ID_MAX, "x\"", 3);
	assert_int_equal(apply(role, asked_of(asked, somebody.arena), &caller,
				 &answer, &err),
		ERR_INPUT);
	assert_string_equal(err.message, "key_id is longer than 1024 bytes");
	err_clear(&err);
	/* The same of what a format makes. */
	caller.display_name = arena_strndup(somebody.arena, asked + head, 1000);
	assert_int_equal(apply(role, asked_of("", somebody.arena), &caller,
				 &answer, &err),
		ERR_INPUT);
	assert_string_equal(err.message, "key_id is longer than 1024 bytes");
}

static void
the_type_must_be_allowed(void **state)
{
	static const struct rule_case cases[] = {
		{ USER_ROLE ANY, "", "user id=" },
		{ USER_ROLE ANY, "\"cert_type\":\"\"", "user id=" },
		{ USER_ROLE ANY, "\"cert_type\":\"user\"", "user id=" },
		{ USER_ROLE ANY, "\"cert_type\":\"host\"",
			"400 cert_type 'host' is not allowed by role" },
		{ HOST_ROLE ANY, "",
			"400 cert_type 'user' is not allowed by role" },
		{ USER_ROLE ANY, "\"cert_type\":\"User\"",
			"400 cert_type must be either 'user' or 'host'" },
		{ "\"key_type\":\"otp\",\"default_user\":\"u\","
		  "\"allow_user_certificates\":true",
			"", "400 cert_type 'user' is not allowed by role" },
		{ "\"key_type\":\"otp\",\"default_user\":\"u\"",
			"\"cert_type\":\"host\"",
			"400 cert_type 'host' is not allowed by role" },
	};

	(void)state;
	RUN(cases);
}

#define USERS(list) USER_ROLE ",\"allowed_users\":\"" list "\""
#define NOT_VALID(name) "400 " name " is not a valid value for valid_principals"
#define NO_PRINCIPALS                                                          \
	"400 refusing to issue unsafe, globally-valid certificate with no principals specified; set valid_principals or default_user"
#define NONE_ALLOWED "400 role is not configured to allow any principals"

static void
user_principals_must_be_listed(void **state)
{
	static const struct rule_case cases[] = {
		{ USERS("ops,deploy"), "\"valid_principals\":\"ops\"",
			"p=ops;" },
		{ USERS("ops,deploy"),
			"\"valid_principals\":\"ops, deploy ,,ops\"",
			"p=deploy,ops;" },
		{ USERS(" ops , deploy "), "\"valid_principals\":\"deploy\"",
			"p=deploy;" },
		{ USERS("ops,deploy"), "\"valid_principals\":\"ops,root\"",
			NOT_VALID("root") },
		{ USERS("ops"), "\"valid_principals\":\"Ops\"",
			NOT_VALID("Ops") },
		{ USERS("ops"), "\"valid_principals\":\"op\"",
			NOT_VALID("op") },
		{ USERS("*"), "\"valid_principals\":\"b,a,C\"", "p=C,a,b;" },
		{ USERS("ops,*"), "\"valid_principals\":\"root\"",
			NOT_VALID("root") },
		{ USERS("ops,*"), "\"valid_principals\":\"*\"",
			NOT_VALID("*") },
		{ USERS(""), "\"valid_principals\":\"ops\"", NONE_ALLOWED },
		{ USERS(" , "), "\"valid_principals\":\"ops\"", NONE_ALLOWED },
		/* the default user is asked for, not allowed */
		{ USERS("ops") ",\"default_user\":\"ops\"", "", "p=ops;" },
		{ USERS("ops") ",\"default_user\":\"ops\"",
			"\"valid_principals\":\"\"", "p=ops;" },
		{ USERS("ops,web") ",\"default_user\":\"web,ops\"", "",
			"p=ops,web;" },
		{ USERS("ops") ",\"default_user\":\"root\"", "",
			NOT_VALID("root") },
		{ USERS("") ",\"default_user\":\"root\"", "", NONE_ALLOWED },
	};

	(void)state;
	RUN(cases);
}

static void
no_principals_means_no_certificate(void **state)
{
	static const struct rule_case cases[] = {
		{ USERS("ops"), "", NO_PRINCIPALS },
		{ USERS("*"), "", NO_PRINCIPALS },
		{ USERS("*"), "\"valid_principals\":\",\"", NO_PRINCIPALS },
		{ USERS("*"), "\"valid_principals\":\" , ,\"", NO_PRINCIPALS },
		{ USERS("") ",\"default_user\":\" , \"", "", NO_PRINCIPALS },
		{ HOST_ROLE ",\"allowed_domains\":\"*\"",
			"\"cert_type\":\"host\"", NO_PRINCIPALS },
		{ HOST_ROLE ",\"allowed_domains\":\"*\",\"default_user\":\"a\"",
			"\"cert_type\":\"host\"", NO_PRINCIPALS },
		{ USERS("ops") ",\"allow_empty_principals\":true", "", "p=;" },
		{ USERS("ops") ",\"allow_empty_principals\":true",
			"\"valid_principals\":\"root\"", NOT_VALID("root") },
	};

	(void)state;
	RUN(cases);
}

static void
a_principal_is_one_plain_name(void **state)
{
	const char *const bad[] = { "a b", "a\\\"b", "a'b", "a\\\\b", "a*",
		"a?", "!a", "a\\tb", "a\\u007f", "\\u00e9", "a\\nb" };
	char asked[64], want[128];
	struct cert_caller caller = caller_of(NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct rule_case c = { USERS("*"), asked, want };
		struct cert_answer answer;
		struct err err = { 0 };

		(void)snprintf(asked, sizeof(asked),
			"\"valid_principals\":\"%s\"", bad[i]);
		if (apply(role_of(c.role, somebody.arena),
			    asked_of(asked, somebody.arena), &caller, &answer,
			    &err) == 0)
			fail_msg("%s was let through", bad[i]);
		assert_non_null(strstr(err.message,
			"is not a valid value for valid_principals"));
	}
}

static void
too_many_principals_are_refused(void **state)
{
	char asked[4096] = "\"valid_principals\":\"";
	size_t len = strlen(asked);
	struct cert_caller caller = caller_of(NULL);
	struct rule_case c = { USERS("*"), asked, "p=u0,u1,u10,u100," };

	(void)state;
	for (int i = 0; i < SSHCERT_PRINCIPALS_MAX; i++)
		len += (size_t)snprintf(
			asked + len, sizeof(asked) - len, "u%d,", i);
	(void)snprintf(asked + len, sizeof(asked) - len, "\"");
	run_case(&c, &caller);
	(void)snprintf(asked + len, sizeof(asked) - len, "one-more\"");
	c.want = "400 more than 256 valid_principals";
	run_case(&c, &caller);
}

#define HOSTS(list, flags) HOST_ROLE ",\"allowed_domains\":\"" list "\"" flags
#define BARE ",\"allow_bare_domains\":true"
#define BELOW ",\"allow_subdomains\":true"
#define HOST(name) "\"cert_type\":\"host\",\"valid_principals\":\"" name "\""

static void
hosts_must_lie_in_the_domains(void **state)
{
	static const struct rule_case cases[] = {
		{ HOSTS("example.com", BARE), HOST("example.com"),
			"p=example.com;" },
		{ HOSTS("example.com", BARE), HOST("a.example.com"),
			NOT_VALID("a.example.com") },
		{ HOSTS("example.com", BELOW), HOST("a.example.com"),
			"p=a.example.com;" },
		{ HOSTS("example.com", BELOW), HOST("b.a.example.com"),
			"p=b.a.example.com;" },
		{ HOSTS("example.com", BELOW), HOST("example.com"),
			NOT_VALID("example.com") },
		{ HOSTS("example.com", ""), HOST("example.com"),
			NOT_VALID("example.com") },
		{ HOSTS("example.com", BARE BELOW), HOST("evilexample.com"),
			NOT_VALID("evilexample.com") },
		{ HOSTS("example.com", BARE BELOW), HOST(".example.com"),
			NOT_VALID(".example.com") },
		{ HOSTS("example.com", BARE BELOW), HOST("a..example.com"),
			NOT_VALID("a..example.com") },
		{ HOSTS("example.com", BARE BELOW), HOST("-a.example.com"),
			NOT_VALID("-a.example.com") },
		{ HOSTS("example.com", BARE BELOW), HOST("*.example.com"),
			NOT_VALID("*.example.com") },
		{ HOSTS("*.example.com", BARE), HOST("*.example.com"),
			"p=*.example.com;" },
		{ HOSTS("*", ""), HOST("a.example.com,10.0.0.1,2001:db8::1"),
			"p=10.0.0.1,2001:db8::1,a.example.com;" },
		{ HOSTS("*", ""), HOST("a_b.example.com"),
			"p=a_b.example.com;" },
		{ HOSTS("*", ""), HOST("*"), NOT_VALID("*") },
		{ HOSTS("*", ""), HOST("a b"), NOT_VALID("a b") },
		{ HOSTS("10.0.0.1", BARE), HOST("10.0.0.1"), "p=10.0.0.1;" },
		{ HOSTS("0.1", BELOW), HOST("10.0.0.1"),
			NOT_VALID("10.0.0.1") },
		{ HOSTS("", BARE), HOST("a.example.com"), NONE_ALLOWED },
		{ HOSTS("a.example.com,*", BARE), HOST("b.example.com"),
			NOT_VALID("b.example.com") },
	};

	(void)state;
	RUN(cases);
}

#define NAME "{{identity.entity.name}}"
#define RENDER(t, why) "400 template '" t "' could not be rendered -> " why
#define NO_VALUE "no value could be found for one of the template directives"

static void
templates_stand_for_what_is_known_of_the_caller(void **state)
{
	static const struct rule_case cases[] = {
		{ USERS(NAME) ",\"allowed_users_template\":true",
			"\"valid_principals\":\"Bob\"", "p=Bob;" },
		{ USERS("a-" NAME ",x") ",\"allowed_users_template\":true",
			"\"valid_principals\":\"a-Bob,x\"", "p=a-Bob,x;" },
		{ USERS(NAME), "\"valid_principals\":\"Bob\"",
			NOT_VALID("Bob") },
		/* a broken one fails whatever is asked */
		{ USERS("x,{{identity.entity.nope}}") ",\"allowed_users_template\":true",
			"\"valid_principals\":\"x\"",
			RENDER("{{identity.entity.nope}}", NO_VALUE) },
		{ USERS("{{identity.entity.aliases.none.name}}") ",\"allowed_users_template\":true",
			"\"valid_principals\":\"x\"",
			RENDER("{{identity.entity.aliases.none.name}}",
				"alias not found") },
		{ USERS("{{identity.groups.names.other.id}}") ",\"allowed_users_template\":true",
			"\"valid_principals\":\"x\"",
			RENDER("{{identity.groups.names.other.id}}",
				"entity is not a member of group \"other\"") },
		{ USERS("t{{time.now}},{{time.now.plus.1h}},{{time.now.minus.1m}}") ",\"allowed_users_template\":true",
			"\"valid_principals\":\"t1000000,1003600,999940\"",
			"p=1003600,999940,t1000000;" },
		{ USERS("Bob") ",\"default_user_template\":true,"
			       "\"default_user\":\"" NAME "\"",
			"", "p=Bob;" },
		{ USERS("red") ",\"default_user_template\":true,"
			       "\"default_user\":\"{{identity.entity.metadata.team}}\"",
			"", "p=red;" },
		{ USERS("Bob") ",\"default_user_template\":true,"
			       "\"default_user\":\"{{identity.entity.x}}\"",
			"", RENDER("{{identity.entity.x}}", NO_VALUE) },
		{ HOSTS(NAME ".example.com",
			  BELOW ",\"allowed_domains_template\":true"),
			HOST("web.Bob.example.com"), "p=web.Bob.example.com;" },
	};

	(void)state;
	RUN(cases);
}

static void
a_template_without_anybody_stands_for_nothing(void **state)
{
	static const struct rule_case cases[] = {
		{ USERS("x," NAME) ",\"allowed_users_template\":true",
			"\"valid_principals\":\"x\"", "p=x;" },
		{ USERS("x," NAME) ",\"allowed_users_template\":true",
			"\"valid_principals\":\"" NAME "\"", NOT_VALID(NAME) },
		{ USERS(NAME) ",\"allowed_users_template\":true",
			"\"valid_principals\":\"x\"", NONE_ALLOWED },
		{ USERS("x") ",\"default_user_template\":true,"
			     "\"default_user\":\"" NAME "\"",
			"", RENDER(NAME, "no entity found") },
		{ USERS("x") ",\"default_user_template\":true,"
			     "\"allow_empty_principals\":true,"
			     "\"default_user\":\"" NAME "\"",
			"", RENDER(NAME, "no entity found") },
		{ USERS("x") ",\"default_user_template\":true,"
			     "\"default_user\":\"" NAME ",x\"",
			"", "p=x;" },
	};

	(void)state;
	RUN_NOBODY(cases);
}

/* A caller who chose the name of the entity cannot widen a list with it. */
static void
commas_in_values_need_a_flag(void **state)
{
#define META "{{identity.entity.metadata.team}}"
	static const struct rule_case refused[] = {
		{ USERS(META) ",\"allowed_users_template\":true",
			"\"valid_principals\":\"root\"",
			RENDER(META,
				"template substitution contains forbidden value \",\"") },
		{ USERS("red,root") ",\"default_user_template\":true,"
				    "\"default_user\":\"" META "\"",
			"",
			RENDER(META,
				"template substitution contains forbidden value \",\"") },
	};
	static const struct rule_case taken = {
		USERS(META) ",\"allowed_users_template\":true,"
			    "\"allow_commas_in_identity_templates\":true",
		"\"valid_principals\":\"root\"", "p=root;"
	};
	struct rule_case c = refused[0];
	struct cert_caller caller = caller_of(&somebody.identity);

	(void)state;
	somebody.values[0] = "red,root";
	RUN(refused);
	run_case(&taken, &caller);
	c.want = taken.want;
	caller.allow_commas = true;
	run_case(&c, &caller);
	somebody.values[0] = "red root";
	c.want = RENDER(META, "a value has other bytes than [A-Za-z0-9_.@-]");
	run_case(&c, &caller);
	somebody.values[0] = "";
	run_case(&c, &caller);
	somebody.values[0] = "red";
}

static void
validity_is_the_requests_the_roles_or_the_mounts(void **state)
{
	static const struct rule_case cases[] = {
		{ USER_ROLE ANY, "", "v=-30+3600;" },
		{ USER_ROLE ANY, "\"ttl\":\"\"", "v=-30+3600;" },
		{ USER_ROLE ANY ",\"ttl\":600", "", "v=-30+600;" },
		{ USER_ROLE ANY ",\"ttl\":600", "\"ttl\":\"0s\"",
			"v=-30+600;" },
		{ USER_ROLE ANY ",\"ttl\":600", "\"ttl\":0", "v=-30+600;" },
		{ USER_ROLE ANY ",\"ttl\":600", "\"ttl\":\"15m\"",
			"v=-30+900;" },
		{ USER_ROLE ANY ",\"max_ttl\":600", "", "v=-30+600;" },
		{ USER_ROLE ANY ",\"max_ttl\":600", "\"ttl\":600",
			"v=-30+600;" },
		{ USER_ROLE ANY ",\"max_ttl\":600", "\"ttl\":601",
			"400 ttl is larger than maximum allowed 600" },
		{ USER_ROLE ANY, "\"ttl\":7201",
			"400 ttl is larger than maximum allowed 7200" },
		{ USER_ROLE ANY ",\"max_ttl\":\"48h\"", "\"ttl\":7201",
			"400 ttl is larger than maximum allowed 7200" },
		{ USER_ROLE ANY ",\"ttl\":\"48h\"", "", "v=-30+7200;" },
		{ USER_ROLE ANY ",\"not_before_duration\":90", "",
			"v=-90+3600;" },
		{ USER_ROLE ANY ",\"not_before_duration\":\"0s\"", "",
			"v=-30+3600;" },
		{ USER_ROLE ANY ",\"not_before_duration\":\"100000h\"", "",
			"v=-999999+3600;" },
	};

	(void)state;
	RUN(cases);
}

/* S3-6: whatever the three say, nothing is longer than the shortest maximum. */
static void
no_certificate_outlives_a_maximum(void **state)
{
	const unsigned n = (unsigned)figures_count("TTL_RULES", 2000, 200000);
	unsigned failures = 0;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct ssh_role *role = role_of(USER_ROLE ANY, somebody.arena);
		struct cert_asked asked = *asked_of("", somebody.arena);
		struct cert_caller caller = caller_of(NULL);
		struct cert_answer answer;
		struct err err = { 0 };
		int64_t max_s, wanted_s, got_s;
		int rc;

		role->ttl = (int64_t)random_below(4) * 1000;
		role->max_ttl = (int64_t)random_below(5) * 1000;
		asked.ttl = (int64_t)random_below(6) * 1000;
		caller.default_ttl_s = 500 + (int64_t)random_below(3000);
		caller.max_ttl_s = 500 + (int64_t)random_below(5000);
		max_s = caller.max_ttl_s;
		if (role->max_ttl != 0 && role->max_ttl < max_s)
			max_s = role->max_ttl;
		wanted_s = asked.ttl != 0 ? asked.ttl
			: role->ttl != 0  ? role->ttl
					  : caller.default_ttl_s;
		rc = apply(role, &asked, &caller, &answer, &err);
		if (asked.ttl > max_s) {
			failures += rc != ERR_INPUT;
			continue;
		}
		got_s = (int64_t)answer.parts.before_s - NOW_S;
		failures += rc != 0 ||
			got_s != (wanted_s < max_s ? wanted_s : max_s);
		if (i % 64 == 0) {
			arena_free(&somebody.arena);
			identity_fixture_init(&somebody);
		}
	}
	figures_report("S3-6", n, failures, "ttl triples");
	assert_int_equal(failures, 0);
}

#define CRIT(options) "\"critical_options\":{" options "}"
#define DEF_CRIT(options) ",\"default_critical_options\":{" options "}"
#define FORCED(options) ",\"forced_critical_options\":{" options "}"
#define CMD "\"force-command\":\"/bin/date\""
#define NET "\"source-address\":\"10.0.0.0/8,192.168.0.0/16\""
#define FIXED(name) "400 critical option \"" name "\" is fixed by role"

static void
critical_options_are_the_callers_or_the_defaults(void **state)
{
	static const struct rule_case cases[] = {
		{ USER_ROLE ANY, "", " c=;" },
		{ USER_ROLE ANY, CRIT("\"b\":\"2\",\"a\":\"1\""),
			" c=a:1|b:2;" },
		{ USER_ROLE ANY DEF_CRIT("\"a\":\"1\""), "", " c=a:1;" },
		{ USER_ROLE ANY DEF_CRIT("\"a\":\"1\""), CRIT(""), " c=a:1;" },
		{ USER_ROLE ANY DEF_CRIT("\"a\":\"1\""), CRIT("\"b\":\"2\""),
			" c=b:2;" },
		{ USER_ROLE ANY ",\"allowed_critical_options\":\" a , b \"",
			CRIT("\"b\":\"2\""), " c=b:2;" },
		{ USER_ROLE ANY ",\"allowed_critical_options\":\"b\"",
			CRIT("\"z\":\"\",\"b\":\"2\",\"a\":\"\""),
			"400 critical options not on allowed list: [a z]" },
		/* defaults are not held against the list */
		{ USER_ROLE ANY ",\"allowed_critical_options\":\"b\"" DEF_CRIT(
			  "\"a\":\"1\""),
			"", " c=a:1;" },
		{ USER_ROLE ANY, CRIT("\"a b\":\"1\""),
			"400 \"a b\" cannot be the name of an option" },
		{ USER_ROLE ANY, CRIT("\"\":\"1\""),
			"400 \"\" cannot be the name of an option" },
		{ HOSTS("a.b", BARE) DEF_CRIT("\"a\":\"1\""), HOST("a.b"),
			" c=a:1;" },
		{ HOSTS("a.b", BARE) ",\"allowed_critical_options\":\"b\"",
			HOST("a.b") "," CRIT("\"a\":\"\""),
			"400 critical options not on allowed list: [a]" },
	};

	(void)state;
	RUN(cases);
}

static void
sticky_options_stay_whatever_is_asked(void **state)
{
	static const struct rule_case cases[] = {
		{ USER_ROLE ANY DEF_CRIT(CMD), CRIT("\"a\":\"\""),
			" c=a:|force-command:/bin/date;" },
		{ USER_ROLE ANY DEF_CRIT(CMD), CRIT(CMD),
			" c=force-command:/bin/date;" },
		{ USER_ROLE ANY DEF_CRIT(CMD), CRIT("\"force-command\":\"sh\""),
			FIXED("force-command") },
		{ USER_ROLE ANY DEF_CRIT(CMD), CRIT("\"force-command\":\"\""),
			FIXED("force-command") },
		{ USER_ROLE ANY DEF_CRIT("\"verify-required\":\"\""),
			CRIT("\"a\":\"\""), " c=a:|verify-required:;" },
		{ USER_ROLE ANY DEF_CRIT("\"x\":\"1\"") FORCED("\"x\":\"2\""),
			"", " c=x:2;" },
		{ USER_ROLE ANY FORCED("\"x\":\"2\""), CRIT("\"a\":\"\""),
			" c=a:|x:2;" },
		{ USER_ROLE ANY FORCED("\"x\":\"2\""), CRIT("\"x\":\"1\""),
			FIXED("x") },
		/* the role's own say may be repeated, listed or not */
		{ USER_ROLE ANY
			",\"allowed_critical_options\":\"b\"" DEF_CRIT(CMD),
			CRIT(CMD), " c=force-command:/bin/date;" },
		/* addresses may become fewer */
		{ USER_ROLE ANY DEF_CRIT(NET), CRIT("\"a\":\"\""),
			" c=a:|source-address:10.0.0.0/8,192.168.0.0/16;" },
		{ USER_ROLE ANY DEF_CRIT(NET),
			CRIT("\"source-address\":\"10.1.2.3/16\""),
			" c=source-address:10.1.0.0/16;" },
		{ USER_ROLE ANY DEF_CRIT(NET),
			CRIT("\"source-address\":\"10.9.9.9, 192.168.1.0/24\""),
			" c=source-address:10.9.9.9,192.168.1.0/24;" },
		{ USER_ROLE ANY DEF_CRIT(NET),
			CRIT("\"source-address\":\"0.0.0.0/0\""),
			FIXED("source-address") },
		{ USER_ROLE ANY DEF_CRIT(NET),
			CRIT("\"source-address\":\"10.0.0.0/7\""),
			FIXED("source-address") },
		{ USER_ROLE ANY DEF_CRIT(NET),
			CRIT("\"source-address\":\"10.1.0.0/16,11.0.0.0/8\""),
			FIXED("source-address") },
		{ USER_ROLE ANY DEF_CRIT(NET),
			CRIT("\"source-address\":\"::/0\""),
			FIXED("source-address") },
		{ USER_ROLE ANY DEF_CRIT(NET), CRIT("\"source-address\":\"\""),
			FIXED("source-address") },
		{ USER_ROLE ANY DEF_CRIT(NET),
			CRIT("\"source-address\":\"10.0.0.1/8x\""),
			FIXED("source-address") },
	};

	(void)state;
	RUN(cases);
}

static void
a_certificate_can_be_bound_to_the_callers_address(void **state)
{
#define BIND ",\"bind_source_address\":true"
	static const struct rule_case cases[] = {
		{ USER_ROLE ANY BIND, "", " c=source-address:10.1.2.3;" },
		{ USER_ROLE ANY BIND DEF_CRIT(NET), "",
			" c=source-address:10.1.2.3;" },
		{ USER_ROLE ANY BIND, CRIT("\"source-address\":\"10.0.0.0/8\""),
			" c=source-address:10.1.2.3;" },
		{ USER_ROLE ANY BIND, CRIT("\"source-address\":\"11.0.0.1\""),
			"400 role binds certificates to the caller's address, which is not in source-address" },
		{ USER_ROLE ANY BIND DEF_CRIT(
			  "\"source-address\":\"192.168.0.0/16\""),
			"",
			"400 role binds certificates to the caller's address, which is not in source-address" },
		{ HOSTS("a.b", BARE) BIND, HOST("a.b"), " c=;" },
	};
	static const struct rule_case on_socket = {
		USER_ROLE ANY BIND, "",
		"400 role binds certificates to the caller's address, and this request came over a Unix socket"
	};
	struct cert_caller caller = caller_of(NULL);

	(void)state;
	RUN(cases);
	caller.address.family = 0;
	run_case(&on_socket, &caller);
}

#define EXT(options) "\"extensions\":{" options "}"
#define PTY "\"permit-pty\":\"\""
#define ALL_FIVE                                                               \
	"\"permit-X11-forwarding\":\"\",\"permit-agent-forwarding\":\"\",\"permit-port-forwarding\":\"\",\"permit-pty\":\"\",\"permit-user-rc\":\"\""
#define ALLOWED_EXT(list) ",\"allowed_extensions\":\"" list "\""

static void
extensions_are_the_callers_or_the_defaults(void **state)
{
	static const struct rule_case cases[] = {
		{ USER_ROLE ANY, "", " e=;" },
		{ USER_ROLE ANY, EXT(ALL_FIVE),
			" e=permit-X11-forwarding:|permit-agent-forwarding:|permit-port-forwarding:|permit-pty:|permit-user-rc:;" },
		{ USER_ROLE ANY ALLOWED_EXT("*"), EXT("\"a@b\":\"x\""),
			" e=a@b:x;" },
		{ USER_ROLE ANY ALLOWED_EXT(" permit-pty , x "), EXT(PTY),
			" e=permit-pty:;" },
		{ USER_ROLE ANY ALLOWED_EXT("permit-pty"),
			EXT(PTY ",\"z\":\"\",\"b\":\"\""),
			"400 extensions [b z] are not on allowed list" },
		{ USER_ROLE ANY ALLOWED_EXT("permit-pty,*"), EXT("\"b\":\"\""),
			"400 extensions [b] are not on allowed list" },
		{ USER_ROLE ANY ",\"default_extensions\":{" PTY "}", "",
			" e=permit-pty:;" },
		{ USER_ROLE ANY ",\"default_extensions\":{" PTY "}",
			EXT("\"x@y\":\"1\""), " e=x@y:1;" },
		/* defaults are not held against the list */
		{ USER_ROLE ANY ALLOWED_EXT("b") ",\"default_extensions\":{" PTY
						 "}",
			"", " e=permit-pty:;" },
		{ USER_ROLE ANY ",\"denied_extensions\":\"permit-pty\"",
			EXT(PTY),
			"400 extensions [permit-pty] are denied by role" },
		{ USER_ROLE ANY ALLOWED_EXT("permit-pty"), EXT(ALL_FIVE),
			"400 extensions [permit-X11-forwarding permit-agent-forwarding permit-port-forwarding permit-user-rc] are not on allowed list: the command asks for all five permit-* extensions, and this role allows fewer; \"sallyport ssh\" asks for none, so that the role's defaults apply" },
		{ HOSTS("a.b", BARE) ALLOWED_EXT("x"),
			HOST("a.b") "," EXT("\"y\":\"\""),
			"400 extensions [y] are not on allowed list" },
	};

	(void)state;
	RUN(cases);
}

static void
strict_extensions_allow_no_more_than_is_listed(void **state)
{
	static const struct rule_case cases[] = {
		{ USER_ROLE ANY, EXT(PTY),
			"400 extensions [permit-pty] are not on allowed list" },
		{ USER_ROLE ANY ",\"default_extensions\":{" PTY "}", "",
			" e=permit-pty:;" },
		{ USER_ROLE ANY ALLOWED_EXT("*"), EXT(PTY), " e=permit-pty:;" },
	};
	struct cert_caller caller = caller_of(NULL);

	(void)state;
	caller.strict_extensions = true;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		run_case(&cases[i], &caller);
}

static void
values_of_default_extensions_may_be_templates(void **state)
{
#define LOGIN(value)                                                           \
	",\"default_extensions\":{\"login@x\":\"" value "\"," PTY "}"
#define FILLS ",\"default_extensions_template\":true"
	static const struct rule_case cases[] = {
		{ USER_ROLE ANY LOGIN(NAME), "",
			" e=login@x:" NAME "|permit-pty:;" },
		{ USER_ROLE ANY LOGIN(NAME) FILLS, "",
			" e=login@x:Bob|permit-pty:;" },
		{ USER_ROLE ANY LOGIN("a " NAME) FILLS, "",
			" e=login@x:a Bob|permit-pty:;" },
		{ USER_ROLE ANY LOGIN(NAME) FILLS, EXT("\"z\":\"" NAME "\""),
			" e=z:" NAME ";" },
		{ USER_ROLE ANY LOGIN("{{identity.x}}") FILLS, "",
			RENDER("{{identity.x}}", NO_VALUE) },
	};
	static const struct rule_case skipped[] = {
		{ USER_ROLE ANY LOGIN(NAME) FILLS, "", " e=permit-pty:;" },
	};
	struct cert_answer answer;
	struct cert_caller caller = caller_of(NULL);
	struct err err = { 0 };

	(void)state;
	RUN(cases);
	RUN_NOBODY(skipped);
	assert_int_equal(
		apply(role_of(cases[1].role, somebody.arena),
			asked_of("", somebody.arena), &caller, &answer, &err),
		0);
	assert_true(answer.skipped_extensions);
}

/* The first fault is told, in the order of the peers. */
static void
refusals_come_in_order(void **state)
{
	static const struct rule_case cases[] = {
		{ USERS("a") ",\"max_ttl\":60",
			"\"key_id\":\"x\",\"cert_type\":\"x\"",
			"400 setting key_id is not allowed by role" },
		{ USERS("a") ",\"max_ttl\":60",
			"\"cert_type\":\"x\",\"valid_principals\":\"b\"",
			"400 cert_type must be either 'user' or 'host'" },
		{ USERS("a") ",\"max_ttl\":60",
			"\"valid_principals\":\"b\",\"ttl\":99",
			NOT_VALID("b") },
		{ USERS("a") ",\"max_ttl\":60,\"allowed_critical_options\":\"x\"",
			"\"valid_principals\":\"a\",\"ttl\":99," CRIT(
				"\"b\":\"\""),
			"400 ttl is larger than maximum allowed 60" },
		{ USERS("a") ",\"allowed_critical_options\":\"x\"" ALLOWED_EXT(
			  "x"),
			"\"valid_principals\":\"a\"," CRIT(
				"\"b\":\"\"") "," EXT("\"b\":\"\""),
			"400 critical options not on allowed list: [b]" },
	};

	(void)state;
	RUN(cases);
}

/* S3-11: a name passes where its labels end with those of the domain. */
static void
only_whole_labels_count(void **state)
{
	static const char alphabet[] = "ab.-*";
	const unsigned n =
		(unsigned)figures_count("DOMAIN_RULES", 4000, 400000);
	struct cert_caller caller = caller_of(NULL);
	unsigned failures = 0;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct ssh_role *role =
			role_of(HOSTS("a.b", BELOW), somebody.arena);
		struct cert_asked asked = *asked_of("", somebody.arena);
		struct cert_answer answer;
		struct err err = { 0 };
		char name[16];
		size_t len = 1 + random_below(9);
		bool below;

		for (size_t at = 0; at < len; at++)
			name[at] = alphabet[random_below(strlen(alphabet))];
		(void)snprintf(name + len, sizeof(name) - len, "%s",
			random_below(2) != 0 ? ".a.b" : "a.b");
		asked.cert_type = "host";
		asked.valid_principals = name;
		below = strlen(name) > 4 &&
			strcmp(name + strlen(name) - 4, ".a.b") == 0 &&
			strchr(name, '*') == NULL &&
			strstr(name, "..") == NULL && name[0] != '.' &&
			name[0] != '-' && strstr(name, ".-") == NULL &&
			strstr(name, "-.") == NULL;
		failures += (apply(role, &asked, &caller, &answer, &err) ==
				    0) != below;
		if (i % 64 == 0) {
			arena_free(&somebody.arena);
			identity_fixture_init(&somebody);
		}
	}
	figures_report("S3-11", n, failures, "names of hosts");
	assert_int_equal(failures, 0);
}

/* Whoever explains a refusal counts on it: the first rule that is not true. */
static void
a_refusal_counts_the_rules_before_it(void **state)
{
	static const struct {
		const char *asked, *rule;
	} cases[] = {
		{ "\"key_id\":\"x\",\"cert_type\":\"host\"", "key_id" },
		{ "\"cert_type\":\"host\",\"valid_principals\":\"a b\"",
			"cert_type" },
		{ "\"valid_principals\":\"a b\",\"ttl\":9999", "principals" },
		{ "\"ttl\":9999,\"critical_options\":{\"a\":\"\"}", "ttl" },
		{ "\"critical_options\":{\"a\":\"\"},\"extensions\":{\"b\":\"\"}",
			"critical_options" },
		{ "\"extensions\":{\"b\":\"\"}", "extensions" },
		{ "", NULL },
	};
	const struct ssh_role *role = role_of(USER_ROLE ANY
		",\"allowed_critical_options\":\"c\",\"allowed_extensions\":\"e\"",
		somebody.arena);
	const struct cert_caller caller = caller_of(NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cert_answer answer;
		struct err err = { 0 };
		const int rc =
			apply(role, asked_of(cases[i].asked, somebody.arena),
				&caller, &answer, &err);

		assert_int_equal(rc, cases[i].rule != NULL ? ERR_INPUT : 0);
		assert_true(answer.n_true == i);
		if (cases[i].rule != NULL)
			assert_string_equal(cert_rules[i].name, cases[i].rule);
	}
	assert_null(cert_rules[ARRAY_LEN(cases) - 1].name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_id_is_the_callers_or_the_formats),
		cmocka_unit_test(a_refusal_counts_the_rules_before_it),
		cmocka_unit_test(a_name_in_the_key_id_is_not_looked_at_again),
		cmocka_unit_test(a_key_id_has_an_end),
		cmocka_unit_test(the_type_must_be_allowed),
		cmocka_unit_test(user_principals_must_be_listed),
		cmocka_unit_test(no_principals_means_no_certificate),
		cmocka_unit_test(a_principal_is_one_plain_name),
		cmocka_unit_test(too_many_principals_are_refused),
		cmocka_unit_test(hosts_must_lie_in_the_domains),
		cmocka_unit_test(
			templates_stand_for_what_is_known_of_the_caller),
		cmocka_unit_test(a_template_without_anybody_stands_for_nothing),
		cmocka_unit_test(commas_in_values_need_a_flag),
		cmocka_unit_test(
			validity_is_the_requests_the_roles_or_the_mounts),
		cmocka_unit_test(no_certificate_outlives_a_maximum),
		cmocka_unit_test(
			critical_options_are_the_callers_or_the_defaults),
		cmocka_unit_test(sticky_options_stay_whatever_is_asked),
		cmocka_unit_test(
			a_certificate_can_be_bound_to_the_callers_address),
		cmocka_unit_test(extensions_are_the_callers_or_the_defaults),
		cmocka_unit_test(
			strict_extensions_allow_no_more_than_is_listed),
		cmocka_unit_test(values_of_default_extensions_may_be_templates),
		cmocka_unit_test(refusals_come_in_order),
		cmocka_unit_test(only_whole_labels_count),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
