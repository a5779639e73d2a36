/* The doctor's rows of a RouterOS device. */
#include "server/engines/ssh/profiles/routeros_checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/number.h"
#include "server/engines/ssh/profiles/routeros.h"

#define SEEN_MAX 512
#define HOST_KEY_BITS_MIN 2048

static void PRINTF_LIKE(5, 6) say(struct doctor *doctor, const char *check,
	enum doctor_state state, const char *fix, const char *fmt, ...)
{
	char seen[SEEN_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(seen, sizeof(seen), fmt, args);
	va_end(args);
	doctor_say(doctor, check, state, seen, fix);
}

/* A device's word in the console's spelling, for a format of "%.*s". */
static struct span
console_word(struct span value)
{
	if (span_equal(value, span_str("true")))
		return span_str("yes");
	if (span_equal(value, span_str("false")))
		return span_str("no");
	return value;
}

#define WORD(span) (int)(span).len, (const char *)(span).data

/* ---- version ------------------------------------------------------------- */

void
routeros_check_version(struct doctor *doctor, struct span version)
{
	const int number = routeros_version(version);
	struct span line = SPAN_NONE;

	(void)routeros_next_line(&version, &line);
	if (number == 0)
		say(doctor, "version", DOCTOR_BAD,
			"choose the profile of what it is",
			"this is no RouterOS: %.*s", WORD(line));
	else if (number < ROUTEROS_ED25519)
		say(doctor, "version", DOCTOR_WARN,
			"upgrade to 7.12 or later; until then roles need dynamic_key_type=rsa",
			"RouterOS %.*s takes RSA keys alone%s", WORD(line),
			number < 7000 ? ", and does not say how a command ended"
				      : "");
	else
		say(doctor, "version", DOCTOR_OK, "", "RouterOS %.*s",
			WORD(line));
}

/* ---- /ip ssh ------------------------------------------------------------- */

/* Settings that are as they should be where they have this value. */
static const struct {
	const char *name, *good, *fix;
} settings[] = {
	{ "strong-crypto", "yes", "/ip ssh set strong-crypto=yes" },
	{ "allow-none-crypto", "no", "/ip ssh set allow-none-crypto=no" },
	{ "forwarding-enabled", "no",
		"/ip ssh set forwarding-enabled=no, unless others are to reach on through it" },
};

static const char *const weak_ciphers[] = { "null", "3des-cbc" };

static bool
has_word(struct span list, const char *word)
{
	const size_t len = strlen(word);

	while (list.len > 0) {
		const uint8_t *end = memchr(list.data, ',', list.len);
		const size_t n =
			end != NULL ? (size_t)(end - list.data) : list.len;

		if (n == len && memcmp(list.data, word, len) == 0)
			return true;
		list = span_skip(list, n + (end != NULL));
	}
	return false;
}

static void
check_ciphers(struct doctor *doctor, struct span ciphers)
{
	bool is_weak = false;

	if (ciphers.data == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(weak_ciphers); i++)
		is_weak = is_weak || has_word(ciphers, weak_ciphers[i]);
	say(doctor, "ciphers", is_weak ? DOCTOR_WARN : DOCTOR_OK,
		is_weak ? "/ip ssh set ciphers=auto" : "", "ciphers=%.*s",
		WORD(ciphers));
}

static void
check_host_key(struct doctor *doctor, struct span type, struct span bits)
{
	const struct span rsa = span_str("rsa");
	int64_t n = 0;
	bool is_small;

	if (type.data == NULL)
		type = rsa; /* before 7.9 there is no other */
	if (number_parse_i64(bits, 0, INT32_MAX, &n) != 0)
		n = 0;
	is_small = span_equal(type, rsa) && n < HOST_KEY_BITS_MIN;
	say(doctor, "host-key", is_small ? DOCTOR_WARN : DOCTOR_OK,
		is_small
			? "/ip ssh set host-key-size=4096, /ip ssh regenerate-host-key, then sallyport target repin"
			: "",
		"host-key-type=%.*s host-key-size=%.*s", WORD(type),
		WORD(bits));
}

static void
check_passwords(struct doctor *doctor, struct span printed)
{
	const struct span old = routeros_setting(printed, ROUTEROS_PASSWORDS);
	const struct span new =
		routeros_setting(printed, ROUTEROS_PASSWORDS_723);

	if (!routeros_key_ends_password(old, new))
		say(doctor, "password-login", DOCTOR_OK, "",
			"a key changes nothing about passwords");
	else if (doctor->job->accept_password_lockout)
		say(doctor, "password-login", DOCTOR_OK, "",
			"a user with a key cannot log in by password, as accept_password_lockout says");
	else
		say(doctor, "password-login", DOCTOR_WARN,
			"set accept_password_lockout, or " ROUTEROS_PASSWORDS
			"=yes (from 7.23 on " ROUTEROS_PASSWORDS_723
			"=yes) in /ip ssh",
			"a user's first key ends that user's logins by password: such keys are refused");
}

void
routeros_check_ssh(struct doctor *doctor, struct span printed)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		const struct span value = console_word(
			routeros_setting(printed, settings[i].name));
		const bool is_good =
			span_equal(value, span_str(settings[i].good));

		if (value.data != NULL)
			say(doctor, settings[i].name,
				is_good ? DOCTOR_OK : DOCTOR_WARN,
				is_good ? "" : settings[i].fix, "%s=%.*s",
				settings[i].name, WORD(value));
	}
	check_ciphers(doctor, routeros_setting(printed, "ciphers"));
	check_host_key(doctor, routeros_setting(printed, "host-key-type"),
		routeros_setting(printed, "host-key-size"));
	check_passwords(doctor, printed);
}

/* ---- /ip service --------------------------------------------------------- */

/* They send passwords in clear. */
static const char *const clear_services[] = { "telnet", "ftp", "www", "api" };

/* The second word of "2 X  name=www …" where it is off. */
static bool
is_off(struct span line)
{
	const struct span disabled = routeros_column(line, "disabled");

	while (line.len > 0 &&
		(line.data[0] == ' ' ||
			(line.data[0] >= '0' && line.data[0] <= '9')))
		line = span_skip(line, 1);
	return span_has_prefix(line, span_str("X ")) ||
		routeros_is_yes(disabled);
}

void
routeros_check_services(struct doctor *doctor, struct span printed)
{
	const char *names = "";
	struct span line;

	while (routeros_next_line(&printed, &line)) {
		const struct span name = routeros_column(line, "name");

		for (size_t i = 0; i < ARRAY_LEN(clear_services); i++) {
			if (is_off(line) ||
				!span_equal(name, span_str(clear_services[i])))
				continue;
			names = arena_printf(doctor->arena, "%s%s%s", names,
				names[0] != '\0' ? "," : "", clear_services[i]);
			if (names == NULL)
				return;
		}
	}
	if (names[0] == '\0')
		say(doctor, "services", DOCTOR_OK, "",
			"no service that sends passwords in clear is on");
	else
		say(doctor, "services", DOCTOR_WARN,
			"/ip service set (name) disabled=yes",
			"these send passwords in clear: %s", names);
}

/* ---- policies ------------------------------------------------------------ */

static const char *
missing_of(const struct doctor *doctor, struct span policies,
	const char *const *wanted)
{
	const char *missing = "";

	for (; missing != NULL && *wanted != NULL; wanted++) {
		if (!has_word(policies, *wanted))
			missing = arena_printf(doctor->arena, "%s%s%s", missing,
				missing[0] != '\0' ? "," : "", *wanted);
	}
	return missing != NULL ? missing : "";
}

void
routeros_check_policies(
	struct doctor *doctor, struct span printed, const char *const *needed)
{
	static const char *const useful[] = { "test", NULL };
	struct span line, policies = SPAN_NONE;
	const char *missing;

	while (policies.data == NULL && routeros_next_line(&printed, &line))
		policies = routeros_column(line, "policy");
	if (policies.data == NULL) {
		say(doctor, "policies", DOCTOR_SKIPPED, "",
			"the admin user's group is not shown");
		return;
	}
	missing = missing_of(doctor, policies, needed);
	if (missing[0] != '\0')
		say(doctor, "policies", DOCTOR_BAD,
			"/user group set (the admin user's) policy=(these)",
			"the admin user's group lacks %s", missing);
	else if (missing_of(doctor, policies, useful)[0] != '\0')
		say(doctor, "policies", DOCTOR_WARN,
			"/user group set (the admin user's) policy=test",
			"the admin user's group lacks test: scripts and /system ssh-exec are refused");
	else
		say(doctor, "policies", DOCTOR_OK, "",
			"the admin user's group has all that is needed");
}
