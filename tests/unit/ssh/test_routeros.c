/* What RouterOS prints, what the doctor makes of it, and what is exported. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "server/engines/ssh/profiles/routeros.h"
#include "server/engines/ssh/profiles/routeros_checks.h"
#include "server/engines/ssh/profiles/routeros_export.h"
#include "tests/support/in_arena.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3VMB7I9qGvBHlBNsLgmzTNB3yP"

/* ---- reading ------------------------------------------------------------- */

static void
columns_are_read_by_their_whole_name(UNUSED void **state)
{
	const struct span line = span_str(
		" 0 X  name=a key-name=b comment=\"x name=c y\" user=\"bob\" last=z \r");

	static const struct {
		const char *name, *value;
	} rows[] = { { "name", "a" }, { "key-name", "b" },
		{ "comment", "x name=c y" }, { "user", "bob" },
		{ "last", "z" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_true(span_equal(routeros_column(line, rows[i].name),
			span_str(rows[i].value)));
	assert_null(routeros_column(line, "c").data);
	assert_null(routeros_column(line, "X").data);
	assert_null(routeros_column(SPAN_NONE, "name").data);
}

static void
settings_are_read_without_blanks(UNUSED void **state)
{
	const struct span printed = span_str(
		"  strong-crypto: yes\r\n            ciphers: aes-gcm,null\r\n  x:\n");

	assert_true(span_equal(
		routeros_setting(printed, "strong-crypto"), span_str("yes")));
	assert_true(span_equal(routeros_setting(printed, "ciphers"),
		span_str("aes-gcm,null")));
	assert_null(routeros_setting(printed, "crypto").data);
}

static void
versions_are_numbers_in_order(UNUSED void **state)
{
	static const struct {
		const char *text;
		int number;
	} rows[] = { { "7.16.2 (stable)\r\n", 7016 }, { "6.49.10", 6049 },
		{ "7.12rc1", 7012 }, { "", 0 }, { "bash: :put: not found", 0 },
		{ "7", 0 }, { "99999999999.1", 0 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(routeros_version(span_str(rows[i].text)),
			rows[i].number);
}

static void
a_key_ends_passwords_by_either_setting(UNUSED void **state)
{
	const struct span none = SPAN_NONE;

	assert_true(routeros_key_ends_password(span_str("no"), none));
	assert_true(routeros_key_ends_password(span_str("false"), none));
	assert_false(routeros_key_ends_password(span_str("yes"), none));
	assert_false(routeros_key_ends_password(span_str("true"), none));
	assert_true(
		routeros_key_ends_password(none, span_str("yes-if-no-key")));
	assert_false(routeros_key_ends_password(none, span_str("yes")));
	assert_false(routeros_key_ends_password(none, span_str("no")));
	assert_true(routeros_key_ends_password(none, none));
}

/* ---- the doctor ---------------------------------------------------------- */

static const char *
state_of(const struct doctor *doctor, const char *check)
{
	VALUE_EACH (row, doctor->rows) {
		if (strcmp(value_find_str(row, "check", ""), check) == 0)
			return value_find_str(row, "state", "");
	}
	return "none";
}

static const char *
fix_of(const struct doctor *doctor, const char *check)
{
	VALUE_EACH (row, doctor->rows) {
		if (strcmp(value_find_str(row, "check", ""), check) == 0)
			return value_find_str(row, "fix", "");
	}
	return "none";
}

static struct doctor
doctor_of(const struct profile_job *job)
{
	return (struct doctor){
		.job = job, .arena = arena, .rows = value_list(arena)
	};
}

static void
each_setting_has_its_row(UNUSED void **state)
{
	static const struct {
		const char *printed, *check, *state;
	} rows[] = {
		{ "strong-crypto: yes", "strong-crypto", "ok" },
		{ "strong-crypto: no", "strong-crypto", "warn" },
		{ "strong-crypto: false", "strong-crypto", "warn" },
		{ "allow-none-crypto: yes", "allow-none-crypto", "warn" },
		{ "allow-none-crypto: no", "allow-none-crypto", "ok" },
		{ "strong-crypto: yes", "allow-none-crypto", "none" },
		{ "forwarding-enabled: local", "forwarding-enabled", "warn" },
		{ "forwarding-enabled: no", "forwarding-enabled", "ok" },
		{ "ciphers: auto", "ciphers", "ok" },
		{ "ciphers: aes-gcm,aes-ctr", "ciphers", "ok" },
		{ "ciphers: aes-gcm,null", "ciphers", "warn" },
		{ "ciphers: 3des-cbc", "ciphers", "warn" },
		{ "host-key-size: 2048", "host-key", "ok" },
		{ "host-key-size: 1024", "host-key", "warn" },
		{ "host-key-type: ed25519\nhost-key-size: 1024", "host-key",
			"ok" },
		{ "always-allow-password-login: no", "password-login", "warn" },
		{ "always-allow-password-login: yes", "password-login", "ok" },
		{ "password-authentication: yes-if-no-key", "password-login",
			"warn" },
	};
	const struct profile_job job = { .host = "10.0.0.1" };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct doctor doctor = doctor_of(&job);

		routeros_check_ssh(&doctor, span_str(rows[i].printed));
		assert_string_equal(
			state_of(&doctor, rows[i].check), rows[i].state);
		assert_int_equal(strcmp(rows[i].state, "warn") == 0,
			strlen(fix_of(&doctor, rows[i].check)) > 4);
	}
}

static void
an_accepted_lockout_is_no_warning(UNUSED void **state)
{
	const struct profile_job job = { .accept_password_lockout = true };
	struct doctor doctor = doctor_of(&job);

	routeros_check_ssh(
		&doctor, span_str("always-allow-password-login: no"));
	assert_string_equal(state_of(&doctor, "password-login"), "ok");
}

static void
versions_services_and_policies_have_rows(UNUSED void **state)
{
	static const char *const needed[] = { "ssh", "write", NULL };

	static const struct {
		void (*check)(struct doctor *doctor, struct span printed);
		const char *printed, *name, *state;
	} rows[] = {
		{ routeros_check_version, "7.16.2 (stable)", "version", "ok" },
		{ routeros_check_version, "7.11", "version", "warn" },
		{ routeros_check_version, "6.49.10", "version", "warn" },
		{ routeros_check_version, "Linux", "version", "bad" },
		{ routeros_check_services, "0 X  name=telnet port=23",
			"services", "ok" },
		{ routeros_check_services, "0    name=telnet port=23",
			"services", "warn" },
		{ routeros_check_services, "name=www disabled=true ",
			"services", "ok" },
		{ routeros_check_services, "1    name=ssh port=22", "services",
			"ok" },
	};

	static const struct {
		const char *printed, *state, *seen;
	} policies[] = {
		{ "0 name=g policy=ssh,write,test", "ok", "all" },
		{ "0 name=g policy=ssh,write,!test", "warn", "test" },
		{ "0 name=g policy=ssh,!write,test", "bad", "write" },
		{ "0 name=g policy=test", "bad", "ssh,write" },
		{ "", "skipped", "not shown" },
	};
	const struct profile_job job = { .host = "10.0.0.1" };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct doctor doctor = doctor_of(&job);

		rows[i].check(&doctor, span_str(rows[i].printed));
		assert_string_equal(
			state_of(&doctor, rows[i].name), rows[i].state);
	}
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		struct doctor doctor = doctor_of(&job);

		routeros_check_policies(
			&doctor, span_str(policies[i].printed), needed);
		assert_string_equal(
			state_of(&doctor, "policies"), policies[i].state);
		assert_non_null(
			strstr(value_find_str(doctor.rows->first, "seen", ""),
				policies[i].seen));
	}
}

/* ---- the export ---------------------------------------------------------- */

static void
an_export_is_small_and_begins_with_a_delay(UNUSED void **state)
{
	for (int is_alter = 0; is_alter <= 1; is_alter++) {
		const struct routeros_export export = { .target = "core-1",
			.user = "sally$port",
			.password = "pass",
			.public_key = KEY,
			.is_alter = is_alter == 1 };
		const char *text = NULL, *at;
		struct err err = { 0 };

		assert_int_equal(
			routeros_export_format(&export, arena, &text, &err), 0);
		assert_true(strlen(text) <= ROUTEROS_EXPORT_MAX);
		assert_null(strchr(text, '\r'));
		assert_int_equal(text[strlen(text) - 1], '\n');
		for (at = text; *at == '#';)
			at = strchr(at, '\n') + 1;
		assert_memory_equal(at, ":delay ", strlen(":delay "));
		assert_non_null(strstr(text, "name=\"sally\\$port\""));
		assert_non_null(strstr(text, "contents=\"" KEY "\""));
	}
}

static void
an_export_that_no_device_takes_is_refused(UNUSED void **state)
{
	char key[ROUTEROS_EXPORT_MAX];
	const struct routeros_export export = { .target = "core-1",
		.user = "sallyport",
		.password = "pass",
		.public_key = key };
	const char *text = NULL;
	struct err err = { 0 };

	memset(key, 'A', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	assert_int_equal(
		routeros_export_format(&export, arena, &text, &err), ERR_INPUT);
	assert_null(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_read_by_their_whole_name),
		cmocka_unit_test(settings_are_read_without_blanks),
		cmocka_unit_test(versions_are_numbers_in_order),
		cmocka_unit_test(a_key_ends_passwords_by_either_setting),
		cmocka_unit_test(each_setting_has_its_row),
		cmocka_unit_test(an_accepted_lockout_is_no_warning),
		cmocka_unit_test(versions_services_and_policies_have_rows),
		cmocka_unit_test(an_export_is_small_and_begins_with_a_delay),
		cmocka_unit_test(an_export_that_no_device_takes_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
