/* The table of checks stands at the end; each kind of check is a function. */
#include "helper/doctor.h"

#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "helper/host_status.h"
#include "helper/program.h"
#include "helper/request.h"
#include "helper/user.h"
#include "lib/fsutil.h"
#include "lib/sshcert.h"

#define CLOCK_APART_S 30 /* what certificates allow for (S3-26) */
#define TEXT_MAX (256 * 1024)
#define RUN_MS 30000
#define TIMER "sallyport-helper-renew.timer"
#define BLANKS " \t"

/* Into the text of a finding, or into its remedy. */
static void say(char out[FINDING_MAX], const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
say(char out[FINDING_MAX], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(out, FINDING_MAX, fmt, args);
	va_end(args);
}

/* ---- which hosts ------------------------------------------------------- */

static bool
is_enrolled(const struct host *host)
{
	return host->record.host[0] != '\0';
}

static bool
takes_otps(const struct host *host)
{
	return host->settings->allowed_roles[0] != '\0';
}

static bool
asks_principals(const struct host *host)
{
	return is_enrolled(host) && host->record.principals;
}

/* ---- the server and the clock ------------------------------------------ */

static const char *const server_fixes[] = {
	[APICLIENT_ANSWERED] = "look into the server's log",
	[APICLIENT_UNREACHABLE] =
		"check vault_addr, the name look-up, firewalls, and whether the server runs",
	[APICLIENT_TLS] =
		"name the server's authority in ca_cert, and the name in its certificate in vault_addr or tls_server_name",
	[APICLIENT_LOST] = "look into the server's log",
	[APICLIENT_TIMEOUT] =
		"check firewalls and the server's load; timeout_seconds is how long is waited",
};

static void
check_server(struct doctor *doctor, const void *what, struct finding *finding)
{
	const struct host *host = doctor->host;
	const struct request request = { .method = "GET",
		.path = "public_key",
		.answer_max = HOST_FILE_MAX };
	struct apiclient_answer answer;
	struct err err = { 0 };
	int rc = request_send(
		host->settings, &request, host->arena, &answer, &err);

	(void)what;
	if (rc == 0 && answer.status >= 500)
		rc = request_fail(&answer, &err);
	if (rc != 0) {
		say(finding->text, "%s", err.message);
		say(finding->fix, "%s", server_fixes[answer.outcome]);
		return;
	}
	doctor->server_s = answer.date_s;
	finding->good = true;
	say(finding->text, "%s answers", host->settings->vault_addr);
}

static void
check_clock(struct doctor *doctor, const void *what, struct finding *finding)
{
	const int64_t apart_s = doctor->server_s - doctor->host->now_s;

	(void)what;
	if (doctor->server_s < 0) {
		say(finding->text, "the server has not said what time it is");
		say(finding->fix, "mend what is said of the server");
	} else if (llabs(apart_s) > CLOCK_APART_S) {
		say(finding->text, "%lld seconds %s the server's",
			(long long)llabs(apart_s),
			apart_s > 0 ? "behind" : "ahead of");
		say(finding->fix,
			"let both keep time: timedatectl set-ntp true; then timedatectl timesync-status");
	} else {
		finding->good = true;
		say(finding->text, "as the server's");
	}
}

/* ---- sshd -------------------------------------------------------------- */

static void
check_sshd(struct doctor *doctor, const void *what, struct finding *finding)
{
	const struct helper_settings *settings = doctor->host->settings;
	struct err err = { 0 };
	int rc = sshd_check(settings, &err);

	(void)what;
	if (rc == 0)
		rc = sshd_look(
			settings, doctor->host->arena, &doctor->view, &err);
	if (rc == 0) {
		finding->good = true;
		say(finding->text, "takes %s", settings->sshd_config);
		return;
	}
	say(finding->text, "%s", err.message);
	say(finding->fix, "mend the line that it names, then: %s -t",
		settings->sshd_program);
}

/* A setting of sshd, and what it must be. */
struct wanted {
	const char *name;   /* as sshd -T prints it */
	const char *value;  /* NULL: the path of a file of ours */
	bool is_cert;       /* which is the certificate */
	size_t path_offset; /* or else: into struct host_paths */
};

static const char *
wanted_value(const struct host *host, const struct wanted *wanted)
{
	const void *member = (const char *)&host->paths + wanted->path_offset;
	const char *const *path = member;

	if (wanted->value != NULL)
		return wanted->value;
	return wanted->is_cert ? host_cert_path(host) : *path;
}

/* The number of the first line of a file that sets name; 0: none does. */
static int
find_line(const char *path, const char *name)
{
	struct buf text;
	int found = 0;
	int number = 1;

	buf_init(&text, TEXT_MAX);
	if (file_read(path, &text, NULL) == 0) {
		const char *at = buf_str(&text);

		for (; found == 0 && *at != '\0'; number++) {
			at += strspn(at, BLANKS);
			if (strncasecmp(at, name, strlen(name)) == 0 &&
				strchr(BLANKS "=", at[strlen(name)]) != NULL)
				found = number;
			at += strcspn(at, "\n");
			at += *at == '\n';
		}
	}
	buf_clear(&text);
	return found;
}

/*
 * Where it is set first: in a part, in the order of their names, or in the
 * whole, which includes them. Our own part is never to blame, and what comes
 * behind it neither. 0: nowhere.
 */
static int
find_first(const struct host *host, const char *pattern, const char *name,
	const char **ret_path)
{
	glob_t parts = { .gl_pathc = 0 };
	int line = 0;

	*ret_path = host->settings->sshd_config;
	if (glob(pattern, 0, NULL, &parts) == 0) {
		for (size_t i = 0; line == 0 && i < parts.gl_pathc; i++) {
			line = find_line(parts.gl_pathv[i], name);
			if (line != 0)
				*ret_path = arena_strdup(
					host->arena, parts.gl_pathv[i]);
		}
	}
	globfree(&parts);
	if (line != 0 && *ret_path != NULL &&
		strcmp(*ret_path, host->paths.conf) != 0)
		return line;
	*ret_path = host->settings->sshd_config;
	return find_line(*ret_path, name);
}

static void
tell_who_sets(
	const struct host *host, const char *name, struct finding *finding)
{
	const char *pattern =
		arena_printf(host->arena, "%s/*.conf", host->paths.conf_dir);
	const char *path = NULL;
	const int line =
		pattern != NULL ? find_first(host, pattern, name, &path) : 0;

	if (line != 0)
		say(finding->fix,
			"%s line %d comes first: change it, then reload sshd",
			path, line);
	else
		say(finding->fix,
			"set it in %s, and let %s begin with \"Include %s/*.conf\"; then reload sshd",
			host->paths.conf_dir, host->settings->sshd_config,
			host->paths.conf_dir);
}

static void
check_setting(struct doctor *doctor, const void *what, struct finding *finding)
{
	const struct wanted *wanted = what;
	const struct host *host = doctor->host;
	const char *value = wanted_value(host, wanted);

	if (doctor->view.text == NULL || value == NULL) {
		say(finding->text, "unknown, since sshd -T fails");
		say(finding->fix, "mend what is said of sshd");
	} else if (sshd_has(&doctor->view, wanted->name, value)) {
		finding->good = true;
		say(finding->text, "%s", value);
	} else {
		const char *now =
			sshd_value(&doctor->view, wanted->name, host->arena);

		say(finding->text, "%s is %s, not %s", wanted->name,
			now[0] != '\0' ? now : "not set", value);
		tell_who_sets(host, wanted->name, finding);
	}
}

/* ---- PAM --------------------------------------------------------------- */

/* Whether a line that is no comment holds all of the words. */
static bool
has_line(const char *text, const char *one, const char *two)
{
	while (*text != '\0') {
		const size_t len = strcspn(text, "\n");
		const char *start = text + strspn(text, BLANKS);
		const char *at = memmem(text, len, one, strlen(one));

		if (*start != '#' && at != NULL &&
			memmem(text, len, two, strlen(two)) != NULL)
			return true;
		text += len + (text[len] == '\n');
	}
	return false;
}

static void
check_pam(struct doctor *doctor, const void *what, struct finding *finding)
{
	const char *path = doctor->host->settings->pam_file;
	const char *lines = "";
	struct buf text;

	(void)what;
	buf_init(&text, TEXT_MAX);
	if (file_read(path, &text, NULL) == 0)
		lines = buf_str(&text);
	if (!has_line(lines, "auth", "pam_sallyport.so") &&
		!has_line(lines, "pam_exec.so", "sallyport-helper")) {
		say(finding->text, "%s has no line of pam_sallyport.so", path);
		say(finding->fix,
			"add the line of docs/install-on-hosts.md, 2");
	} else if (has_line(lines, "@include", "common-auth")) {
		say(finding->text, "%s takes Unix passwords too", path);
		say(finding->fix, "put a # before \"@include common-auth\"");
	} else {
		finding->good = true;
		say(finding->text, "%s asks for one-time passwords", path);
	}
	buf_clear(&text);
}

/* ---- files ------------------------------------------------------------- */

/* Whose a file must be, and what nobody else may do. */
struct guarded {
	size_t path_offset; /* into struct host_paths */
	mode_t forbidden;   /* bits of its mode */
	mode_t right;       /* the mode to set */
	const char *owner;  /* a user's name */
};

static void
check_file(struct doctor *doctor, const void *what, struct finding *finding)
{
	const struct guarded *guarded = what;
	const void *member =
		(const char *)&doctor->host->paths + guarded->path_offset;
	const char *path = *(const char *const *)member;
	const struct passwd *owner = getpwnam(guarded->owner);
	struct stat st;

	if (lstat(path, &st) != 0) {
		say(finding->text, "%s: %s", path, strerror(errno));
		say(finding->fix,
			"sallyport-helper renew writes it; directories come from systemd-tmpfiles --create");
	} else if (owner == NULL) {
		say(finding->text, "there is no user %s", guarded->owner);
		say(finding->fix, "systemd-sysusers");
	} else if (st.st_uid != owner->pw_uid ||
		(st.st_mode & guarded->forbidden) != 0) {
		say(finding->text, "%s has mode %04o and owner %u", path,
			(unsigned)st.st_mode & 07777U, (unsigned)st.st_uid);
		say(finding->fix, "chown %s %s; chmod %04o %s", guarded->owner,
			path, (unsigned)guarded->right, path);
	} else {
		finding->good = true;
		say(finding->text, "%s", path);
	}
}

/* ---- the enrolment ----------------------------------------------------- */

static void
check_enrolment(
	struct doctor *doctor, const void *what, struct finding *finding)
{
	struct value *object = NULL;
	bool is_good = false;

	(void)what;
	if (host_status_describe(doctor->host, &object, &is_good, NULL) != 0) {
		say(finding->text, "out of memory");
		return;
	}
	if (is_good) {
		finding->good = true;
		say(finding->text, "%s, certificate until %s",
			doctor->host->record.host,
			value_find_str(object, "valid_before", ""));
		return;
	}
	say(finding->text, "%s%s%s", value_find_str(object, "state", ""),
		doctor->host->record.last_error[0] != '\0' ? ": " : "",
		doctor->host->record.last_error);
	say(finding->fix, "sallyport-helper renew says more");
}

static void
check_timer(struct doctor *doctor, const void *what, struct finding *finding)
{
	static const char *const words[] = { "systemctl", "is-active", TIMER,
		NULL };
	struct buf out;
	int status = 0;

	(void)doctor;
	(void)what;
	buf_init(&out, TEXT_MAX);
	if (program_run(words, RUN_MS, &out, &status, NULL) == 0 &&
		status == 0) {
		finding->good = true;
		say(finding->text, TIMER " is active");
	} else {
		say(finding->text, TIMER " is not active");
		say(finding->fix, "systemctl enable --now " TIMER);
	}
	buf_clear(&out);
}

/* ---- the table --------------------------------------------------------- */

#define PATH_OFFSET(member) offsetof(struct host_paths, member)
#define OURS(keyword, member)                                                  \
	&(const struct wanted)                                                 \
	{                                                                      \
		.name = keyword, .path_offset = PATH_OFFSET(member)            \
	}
#define FIXED(keyword, text)                                                   \
	&(const struct wanted)                                                 \
	{                                                                      \
		.name = keyword, .value = text                                 \
	}
#define GUARDED(member, bits, mode, user)                                      \
	&(const struct guarded)                                                \
	{                                                                      \
		.path_offset = PATH_OFFSET(member), .forbidden = bits,         \
		.right = mode, .owner = user                                   \
	}

const struct check doctor_checks[] = {
	{ "server", NULL, check_server, NULL },
	{ "clock", NULL, check_clock, NULL },
	{ "enrolment", is_enrolled, check_enrolment, NULL },
	{ "timer", is_enrolled, check_timer, NULL },
	{ "sshd", NULL, check_sshd, NULL },
	{ "host certificate", is_enrolled, check_setting,
		&(const struct wanted){
			.name = "hostcertificate", .is_cert = true } },
	{ "trusted CA keys", is_enrolled, check_setting,
		OURS("trustedusercakeys", user_ca) },
	{ "revocation list", is_enrolled, check_setting,
		OURS("revokedkeys", krl) },
	{ "principals", asks_principals, check_setting,
		FIXED("authorizedprincipalscommanduser", HELPER_USER) },
	{ "prompts", takes_otps, check_setting,
		FIXED("kbdinteractiveauthentication", "yes") },
	{ "PAM in sshd", takes_otps, check_setting, FIXED("usepam", "yes") },
	{ "passwords", takes_otps, check_setting,
		FIXED("passwordauthentication", "no") },
	{ "PAM", takes_otps, check_pam, NULL },
	{ "configuration", NULL, check_file,
		GUARDED(config, 0022, 0644, "root") },
	{ "secret", is_enrolled, check_file,
		GUARDED(secret, 0137, 0640, "root") },
	{ "record", is_enrolled, check_file,
		GUARDED(record, 0022, 0644, "root") },
	{ "CA keys' file", is_enrolled, check_file,
		GUARDED(user_ca, 0022, 0644, "root") },
	{ "list's file", is_enrolled, check_file,
		GUARDED(krl, 0022, 0644, "root") },
	{ "sshd's part", is_enrolled, check_file,
		GUARDED(conf, 0022, 0644, "root") },
	{ "cache", asks_principals, check_file,
		GUARDED(cache, 0077, 0700, HELPER_USER) },
	{ NULL, NULL, NULL, NULL },
};

/* One line for a good finding, two for a bad one. */
static void
print(const char *name, const struct finding *finding, struct buf *out)
{
	(void)buf_addf(out, "%-4s %-17s %s\n", finding->good ? "ok" : "BAD",
		name, finding->text);
	if (!finding->good)
		(void)buf_addf(
			out, "%-4s %-17s %s\n", "", "fix:", finding->fix);
}

int
doctor_run(const struct host *host, struct buf *out, bool *ret_good,
	struct err *err)
{
	struct doctor doctor = { .host = host, .server_s = -1 };
	bool all_good = true;

	for (const struct check *check = doctor_checks; check->name != NULL;
		check++) {
		struct finding finding = { .good = false };

		if (check->applies != NULL && !check->applies(host))
			continue;
		check->run(&doctor, check->what, &finding);
		print(check->name, &finding, out);
		all_good = all_good && finding.good;
	}
	*ret_good = all_good;
	return buf_check(out, err);
}
