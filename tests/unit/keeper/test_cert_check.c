/* The keeper's rules for certificates, each broken alone. */
#include "server/keeper/cert_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/sshkeypair.h"

#define HOUR 3600
#define NAMES_MAX 300

struct fixture {
	struct sshkeypair *ca, *user;
	struct sshcert_parts parts;
	struct span principals[NAMES_MAX];
	struct keeper_ca_limits limits;
	struct err err;
};

static int
setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	memset(f, 0, sizeof(*f));
	if (sshkeypair_generate("ed25519", 0, &f->ca, NULL) != 0 ||
		sshkeypair_generate("ec", 0, &f->user, NULL) != 0)
		return -1;
	f->principals[0] = span_str("alice");
	f->limits.validity_s = HOUR;
	f->parts = (struct sshcert_parts){
		.nonce = span_str("thirty-two bytes that are chance"),
		.key = sshkeypair_public(f->user),
		.type = SSHCERT_USER,
		.key_id = span_str("id"),
		.principals = f->principals,
		.n_principals = 1,
		.after_s = 1000000,
		.before_s = 1000000 + HOUR,
		.ca = sshkeypair_public(f->ca),
	};
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	sshkeypair_free(&f->ca);
	sshkeypair_free(&f->user);
	return 0;
}

/* What is said of the certificate as its parts are now. */
static int
check(struct fixture *f)
{
	struct sshcert cert;
	struct buf bytes;
	int rc;

	err_clear(&f->err);
	buf_init(&bytes, 65536);
	assert_int_equal(sshcert_build(&f->parts, &bytes), 0);
	assert_int_equal(sshcert_parse_unsigned(buf_span(&bytes), &cert), 0);
	rc = cert_check(&cert, sshkeypair_public(f->ca), &f->limits, &f->err);
	buf_clear(&bytes);
	return rc;
}

static void
refuses(struct fixture *f, const char *why)
{
	assert_int_equal(check(f), ERR_DENIED);
	assert_int_equal(f->err.status, 500);
	assert_string_equal(f->err.message, "internal error");
	assert_non_null(strstr(f->err.detail, why));
}

static void
a_good_one_passes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check(f), 0);
	f->parts.type = SSHCERT_HOST;
	assert_int_equal(check(f), 0);
}

static void
it_has_no_serial_yet(void **state)
{
	struct fixture *f = *state;

	f->parts.serial = 1;
	refuses(f, "serial");
	f->parts.serial = UINT64_MAX;
	refuses(f, "serial");
}

static void
the_ca_is_this_one(void **state)
{
	struct fixture *f = *state;
	struct sshkeypair *other = NULL;

	assert_int_equal(sshkeypair_generate("ed25519", 0, &other, NULL), 0);
	f->parts.ca = sshkeypair_public(other);
	refuses(f, "another CA");
	sshkeypair_free(&other);
}

static void
the_subject_is_not_the_ca(void **state)
{
	struct fixture *f = *state;

	f->parts.key = sshkeypair_public(f->ca);
	refuses(f, "own key");
}

static void
validity_is_within_the_limit(void **state)
{
	struct fixture *f = *state;

	f->parts.before_s++;
	refuses(f, "longer");
	f->limits.validity_s = 0;
	assert_int_equal(check(f), 0);
	f->parts.before_s = UINT64_MAX;
	refuses(f, "longer");
	f->parts.before_s = UINT64_MAX - 1;
	f->parts.after_s = 0;
	assert_int_equal(check(f), 0);
	f->limits.validity_s = HOUR;
	refuses(f, "longer");
}

static void
it_ends_after_it_begins(void **state)
{
	struct fixture *f = *state;

	f->parts.before_s = f->parts.after_s;
	refuses(f, "longer");
	f->parts.before_s = f->parts.after_s - 1;
	refuses(f, "longer");
	f->parts.before_s = f->parts.after_s + 1;
	assert_int_equal(check(f), 0);
}

static void
principals_are_256_at_most_or_none(void **state)
{
	struct fixture *f = *state;
	char names[SSHCERT_PRINCIPALS_MAX][8];

	f->parts.n_principals = 0;
	assert_int_equal(check(f), 0);
	for (size_t i = 0; i < SSHCERT_PRINCIPALS_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "u%zu", i);
		f->principals[i] = span_str(names[i]);
	}
	f->parts.n_principals = SSHCERT_PRINCIPALS_MAX;
	assert_int_equal(check(f), 0);
}

/* What no certificate can be built with. */
static int
check_names(struct fixture *f, unsigned type, struct span names)
{
	struct sshcert cert = { .after_s = 1,
		.before_s = 2,
		.principals = names,
		.ca = sshkeypair_public(f->ca) };

	cert.type = (enum sshcert_type)type;
	assert_int_equal(
		sshkey_parse(sshkeypair_public(f->user), &cert.key), 0);
	err_clear(&f->err);
	return cert_check(&cert, cert.ca, &f->limits, &f->err);
}

static void
more_principals_are_refused(void **state)
{
	struct fixture *f = *state;
	struct span cut;
	struct buf names;

	buf_init(&names, 65536);
	for (size_t i = 0; i < SSHCERT_PRINCIPALS_MAX; i++)
		assert_int_equal(
			sshwire_add_string(&names, span_str("name")), 0);
	assert_int_equal(check_names(f, SSHCERT_USER, buf_span(&names)), 0);
	/* A name that is cut off is none. */
	cut = span_of(names.data, 6);
	assert_int_equal(check_names(f, SSHCERT_USER, cut), ERR_DENIED);
	assert_int_equal(sshwire_add_string(&names, span_str("name")), 0);
	assert_int_equal(
		check_names(f, SSHCERT_USER, buf_span(&names)), ERR_DENIED);
	buf_clear(&names);
}

static void
there_is_no_third_type(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check_names(f, SSHCERT_HOST, SPAN_NONE), 0);
	assert_int_equal(check_names(f, 3, SPAN_NONE), ERR_DENIED);
	assert_non_null(strstr(f->err.detail, "neither"));
	assert_int_equal(check_names(f, 0, SPAN_NONE), ERR_DENIED);
}

static void
principals_have_the_form_of_their_type(void **state)
{
	static const struct {
		const char *name;
		bool user, host;
	} names[] = {
		{ "alice", true, true },
		{ "user@example.org", true, false },
		{ "dom\\user", false, false },
		{ "a b", false, false },
		{ "a,b", false, false },
		{ "a\"b", false, false },
		{ "*", false, false },
		{ "a?", false, false },
		{ "!a", false, false },
		{ "caf\xc3\xa9", false, false },
		{ "a\n", false, false },
		{ "", false, false },
		{ "host.example.org", true, true },
		{ "*.example.org", false, true },
		{ "a.*.example.org", false, false },
		{ "10.0.0.1", true, true },
		{ "2001:db8::1", true, true },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf list;
		bool user, host;

		buf_init(&list, 1024);
		assert_int_equal(
			sshwire_add_string(&list, span_str(names[i].name)), 0);
		user = check_names(f, SSHCERT_USER, buf_span(&list)) == 0;
		host = check_names(f, SSHCERT_HOST, buf_span(&list)) == 0;
		if (user != names[i].user || host != names[i].host)
			fail_msg("\"%s\"", names[i].name);
		buf_clear(&list);
	}
}

/* What the CA forces, in force until the next call. */
static void
force(struct fixture *f, const struct sshcert_option *options, size_t n)
{
	static struct buf list;

	buf_clear(&list);
	buf_init(&list, KEEPER_FORCED_MAX);
	assert_int_equal(sshcert_build_options(options, n, &list), 0);
	f->limits.forced = buf_span(&list);
}

static struct sshcert_option
option(const char *name, const char *value)
{
	return (struct sshcert_option){ span_str(name), span_str(value) };
}

static void
forced_options_are_there(void **state)
{
	const struct sshcert_option forced[] = {
		option("force-command", "date"), option("verify-required", "")
	};
	struct sshcert_option has[3];
	struct fixture *f = *state;

	force(f, forced, 2);
	refuses(f, "critical option");
	memcpy(has, forced, sizeof(forced));
	f->parts.critical = has;
	for (size_t left_out = 0; left_out < 2; left_out++) {
		has[0] = forced[1 - left_out];
		f->parts.n_critical = 1;
		refuses(f, "critical option");
	}
	has[0] = forced[0];
	has[1] = forced[1];
	has[2] = option("other@x", "y");
	f->parts.n_critical = 3;
	assert_int_equal(check(f), 0);
	has[0].value = span_str("id");
	refuses(f, "critical option");
	has[0].value = SPAN_NONE;
	refuses(f, "critical option");
	has[0] = forced[0];
	has[1].value = span_str("x");
	refuses(f, "critical option");
	/* In a host's they would be an error. */
	f->parts.n_critical = 0;
	refuses(f, "critical option");
	f->parts.type = SSHCERT_HOST;
	assert_int_equal(check(f), 0);
	force(f, forced, 0);
}

static void
addresses_may_be_narrower(void **state)
{
	static const struct {
		const char *value;
		bool fits;
	} values[] = {
		{ "10.0.0.0/8,192.168.1.0/24", true },
		{ "10.0.0.0/8", true },
		{ "10.1.2.3", true },
		{ "192.168.1.128/25,10.9.0.0/16", true },
		{ "10.0.0.0/7", false },
		{ "10.1.2.3,11.0.0.1", false },
		{ "0.0.0.0/0", false },
		{ "::/0", false },
		{ "!10.1.2.3", false },
		{ "10.1.2.3,*", false },
		{ ",", false },
		{ "x", false },
	};
	const struct sshcert_option forced =
		option("source-address", "10.0.0.0/8,192.168.1.0/24");
	struct sshcert_option has = forced;
	struct fixture *f = *state;

	force(f, &forced, 1);
	f->parts.critical = &has;
	f->parts.n_critical = 1;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		has.value = span_str(values[i].value);
		if ((check(f) == 0) != values[i].fits)
			fail_msg("%s", values[i].value);
	}
	/* Of nothing else is less enough. */
	has = option("force-command", "10.1.2.3");
	refuses(f, "critical option");
	force(f, &forced, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_one_passes),
		TEST(it_has_no_serial_yet),
		TEST(the_ca_is_this_one),
		TEST(the_subject_is_not_the_ca),
		TEST(validity_is_within_the_limit),
		TEST(it_ends_after_it_begins),
		TEST(principals_are_256_at_most_or_none),
		TEST(more_principals_are_refused),
		TEST(there_is_no_third_type),
		TEST(principals_have_the_form_of_their_type),
		TEST(forced_options_are_there),
		TEST(addresses_may_be_narrower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
