/* A denial covers the case variants of its paths; nothing else does (L03). */
#include "server/core/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/core/acl_fixture.h"

#define RULE(path, caps) "path \"" path "\" { capabilities = [" caps "] }\n"

static const struct {
	const char *text;
	const char *path;
	bool allowed;
} cases[] = {
	/* grants mean their own letters */
	{ RULE("a/b", "\"read\""), "A/b", false },
	{ RULE("a/*", "\"read\""), "A/b", false },
	{ RULE("a/+", "\"read\""), "A/b", false },
	/* denials mean all spellings */
	{ RULE("s/*", "\"read\"") RULE("s/admin", "\"deny\""), "s/Admin",
		false },
	{ RULE("s/*", "\"read\"") RULE("s/ADMIN", "\"deny\""), "s/admin",
		false },
	{ RULE("s/*", "\"read\"") RULE("s/adm*", "\"deny\""), "s/ADMins",
		false },
	{ RULE("s/*", "\"read\"") RULE("s/+/adm", "\"deny\""), "s/x/ADM",
		false },
	{ RULE("s/+/*", "\"read\"") RULE("s/+/adm", "\"deny\""), "s/x/ADM",
		false },
	{ RULE("s/+/*", "\"read\"") RULE("s/+/ad*", "\"deny\""), "s/x/ADM",
		false },
	/* the longer pattern still wins */
	{ RULE("S/*", "\"deny\"") RULE("s/team/*", "\"read\""), "s/team/x",
		true },
	{ RULE("s/*", "\"deny\"") RULE("s/team/*", "\"read\""), "s/Team/x",
		false },
	/* the same pattern in another spelling does not */
	{ RULE("s/Team/*", "\"deny\"") RULE("s/team/*", "\"read\""), "s/team/x",
		false },
	{ RULE("s/Team", "\"deny\"") RULE("s/team", "\"read\""), "s/team",
		false },
	{ RULE("+/Team", "\"deny\"") RULE("+/team", "\"read\""), "s/team",
		false },
	/* ASCII letters only */
	{ RULE("s/*", "\"read\"") RULE("s/\xc3\xa4", "\"deny\""), "s/\xc3\x84",
		true },
	{ RULE("s/*", "\"read\"") RULE("s/[", "\"deny\""), "s/{", true },
};

static void
denials_cover_case_variants(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		if (policy_allows(cases[i].text, CAP_READ, cases[i].path,
			    NULL) != cases[i].allowed)
			fail_msg("%zu: %s on %s", i, cases[i].text,
				cases[i].path);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(denials_cover_case_variants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
