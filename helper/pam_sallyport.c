/*
 * pam_sallyport.so: ask for the password, have the helper check it, say yes
 * or no. Speaks to no network itself, keeps no state but one mark on the
 * handle, and answers every fault with a refusal (spec/ssh-helper.md 8).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>

#include "helper/otp_form.h"
#include "helper/pam_options.h"
#include "helper/spawn.h"
#include "helper/user.h"
#include "helper/verdict.h"

#define EXPORTED __attribute__((visibility("default")))
#define MARK "sallyport_authenticated"
#define ROLE_VARIABLE "SALLYPORT_ROLE"
#define IP_VARIABLE "SALLYPORT_OTP_IP"
#define CONFIG_MAX (64 * 1024)
#define NOBODY "nobody"
#define NAME_MAX_LEN 256

/* One call of pam_sm_authenticate. */
struct login {
	pam_handle_t *pamh;
	struct pam_options options;
	const char *user, *rhost;
	struct secret_view otp;
};

/* What is logged comes from outside: no control bytes (reliability.md 5.4). */
static void
clean_text(const char *text, char *out, size_t cap)
{
	size_t n = 0;

	for (; text != NULL && *text != '\0' && n + 1 < cap; text++)
		out[n++] = *text >= ' ' && *text < 0x7f ? *text : '?';
	out[n] = '\0';
}

static void
log_outcome(const struct login *login, int priority, const char *outcome,
	const struct verdict_line *line)
{
	char user[NAME_MAX_LEN], rhost[NAME_MAX_LEN], why[NAME_MAX_LEN];

	clean_text(login->user, user, sizeof(user));
	clean_text(login->rhost, rhost, sizeof(rhost));
	clean_text(line->why, why, sizeof(why));
	pam_syslog(login->pamh, priority,
		"%s: user=%s rhost=%s role=%s request_id=%s%s%s", outcome, user,
		rhost, line->role, line->request_id,
		why[0] != '\0' ? " why=" : "", why);
}

static void
log_refusal(const struct login *login, const char *why)
{
	struct verdict_line line = { .verdict = VERDICT_DENY };

	(void)snprintf(line.why, sizeof(line.why), "%.500s", why);
	log_outcome(login, LOG_NOTICE, "one-time password refused", &line);
}

/* ---- what the helper is given -------------------------------------------- */

/* Regular, root's, not writable by others, not too large. */
static int
open_config(const struct login *login)
{
	struct stat st;
	int fd = open(login->options.config,
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0) {
		log_refusal(login, "the configuration cannot be opened");
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
		(st.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
		st.st_size <= CONFIG_MAX)
		return fd;
	log_refusal(login,
		"the configuration must be a regular file of root's that nobody else can write");
	(void)close(fd);
	return -1;
}

/* Who the helper runs as; unchanged where we are not root. */
static bool
choose_user(const struct login *login, struct spawn *spawn)
{
	const struct passwd *entry;

	if (geteuid() != 0)
		return true;
	entry = pam_modutil_getpwnam(login->pamh, HELPER_USER);
	if (entry == NULL)
		entry = pam_modutil_getpwnam(login->pamh, NOBODY);
	if (entry == NULL || entry->pw_uid == 0)
		return false;
	spawn->drop = true;
	spawn->uid = entry->pw_uid;
	spawn->gid = entry->pw_gid;
	return true;
}

static bool
draw_nonce(char nonce[VERDICT_NONCE_LEN + 1])
{
	uint8_t bytes[VERDICT_NONCE_LEN / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

static int
write_frame(const struct login *login, const char *nonce, struct buf *out,
	struct err *err)
{
	struct verdict_frame frame = {
		.user = span_str(login->user),
		.rhost = span_str(login->rhost),
		.otp = login->otp,
		.timeout_ms = (uint32_t)login->options.timeout_s * 1000,
		.dev = login->options.dev,
		.debug = login->options.debug,
	};

	memcpy(frame.nonce, nonce, sizeof(frame.nonce));
	return verdict_frame_write(&frame, out, err);
}

/* The helper's line; VERDICT_UNAVAILABLE where there is none. */
static void
ask_helper(const struct login *login, struct spawn *spawn,
	struct verdict_line *line)
{
	char nonce[VERDICT_NONCE_LEN + 1];
	struct buf frame, text;
	struct err err = { 0 };
	int rc = ERR_SYSTEM;

	*line = (struct verdict_line){ .verdict = VERDICT_UNAVAILABLE };
	buf_init(&frame, VERDICT_FRAME_MAX);
	buf_init(&text, VERDICT_LINE_MAX);
	if (draw_nonce(nonce))
		rc = write_frame(login, nonce, &frame, &err);
	spawn->frame = buf_span(&frame);
	if (rc == 0)
		rc = spawn_run(spawn, &text, &err);
	if (rc == 0)
		verdict_line_read(nonce, buf_span(&text), line);
	else
		(void)snprintf(
			line->why, sizeof(line->why), "%.500s", err.message);
	buf_clear(&frame);
	buf_clear(&text);
}

/* ---- the answer --------------------------------------------------------- */

static void
no_cleanup(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh;
	(void)data;
	(void)status;
}

static int
put_variable(pam_handle_t *pamh, const char *name, const char *value)
{
	char text[NAME_MAX_LEN + 64];

	(void)snprintf(text, sizeof(text), "%s=%s", name, value);
	return pam_putenv(pamh, text);
}

/* An earlier yes on this handle says nothing about this attempt. */
static void
forget_login(pam_handle_t *pamh)
{
	static const char *const names[] = { ROLE_VARIABLE, IP_VARIABLE };

	(void)pam_set_data(pamh, MARK, NULL, NULL);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (pam_getenv(pamh, names[i]) != NULL)
			(void)pam_putenv(pamh, names[i]);
	}
}

static int
accept_login(const struct login *login, const struct verdict_line *line)
{
	static char mark[] = MARK;

	if (put_variable(login->pamh, ROLE_VARIABLE, line->role) !=
			PAM_SUCCESS ||
		put_variable(login->pamh, IP_VARIABLE, line->ip) !=
			PAM_SUCCESS ||
		pam_set_data(login->pamh, MARK, mark, no_cleanup) !=
			PAM_SUCCESS)
		return PAM_BUF_ERR;
	log_outcome(login, LOG_INFO, "one-time password accepted", line);
	return PAM_SUCCESS;
}

static int
refuse_login(const struct login *login, const struct verdict_line *line)
{
	log_outcome(login, LOG_NOTICE, "one-time password refused", line);
	return line->verdict == VERDICT_DENY ? PAM_AUTH_ERR
					     : PAM_AUTHINFO_UNAVAIL;
}

static int
check_with_helper(const struct login *login)
{
	struct spawn spawn = { .program = login->options.helper,
		.config_fd = open_config(login),
		.timeout_ms = login->options.timeout_s * 1000 };
	struct verdict_line line;

	if (spawn.config_fd < 0)
		return PAM_AUTHINFO_UNAVAIL;
	if (choose_user(login, &spawn)) {
		if (login->options.debug)
			pam_syslog(login->pamh, LOG_DEBUG,
				"asking %s as uid %ld, config %s, timeout %ld s",
				login->options.helper,
				(long)(spawn.drop ? spawn.uid : geteuid()),
				login->options.config,
				(long)login->options.timeout_s);
		ask_helper(login, &spawn, &line);
	} else {
		line = (struct verdict_line){ .verdict = VERDICT_UNAVAILABLE,
			.why = "no unprivileged user to run the helper as" };
	}
	(void)close(spawn.config_fd);
	if (verdict_is_allow(line.verdict))
		return accept_login(login, &line);
	return refuse_login(login, &line);
}

/* ---- user and password -------------------------------------------------- */

static int
get_names(struct login *login)
{
	const void *rhost = NULL;
	int rc = pam_get_user(login->pamh, &login->user, NULL);

	if (rc != PAM_SUCCESS)
		return rc == PAM_CONV_AGAIN ? PAM_INCOMPLETE : PAM_AUTH_ERR;
	if (login->user == NULL || login->user[0] == '\0' ||
		strlen(login->user) >= NAME_MAX_LEN)
		return PAM_USER_UNKNOWN;
	if (pam_get_item(login->pamh, PAM_RHOST, &rhost) != PAM_SUCCESS ||
		rhost == NULL || strlen(rhost) >= NAME_MAX_LEN)
		rhost = "";
	login->rhost = rhost;
	return PAM_SUCCESS;
}

/* One trailing newline is the prompt's, not the password's. */
static int
get_password(struct login *login)
{
	const void *item = NULL;
	const char *text = NULL;
	size_t len;
	int rc;

	if (login->options.use_first_pass) {
		rc = pam_get_item(login->pamh, PAM_AUTHTOK, &item);
		text = item;
	} else {
		rc = pam_get_authtok(
			login->pamh, PAM_AUTHTOK, &text, login->options.prompt);
	}
	if (rc != PAM_SUCCESS || text == NULL)
		return rc == PAM_CONV_ERR ? PAM_CONV_ERR : PAM_AUTH_ERR;
	len = strnlen(text, OTP_FORM_LEN + 2);
	if (len > 0 && text[len - 1] == '\n')
		len--;
	login->otp = secret_view_of(text, len);
	return PAM_SUCCESS;
}

static int
authenticate(struct login *login)
{
	struct err err = { 0 };
	int rc = get_names(login);

	if (rc == PAM_SUCCESS)
		rc = get_password(login);
	if (rc != PAM_SUCCESS) {
		log_refusal(login, "no user or no password was given");
		return rc;
	}
	if (otp_form_check(login->otp, &err) != 0) {
		log_refusal(login, err.message);
		return PAM_AUTH_ERR;
	}
	if (pam_modutil_getpwnam(login->pamh, login->user) == NULL) {
		log_refusal(login, "no such user on this host");
		return PAM_USER_UNKNOWN;
	}
	return check_with_helper(login);
}

EXPORTED int
pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct login login = { .pamh = pamh, .user = "", .rhost = "" };
	struct err err = { 0 };

	(void)flags;
	forget_login(pamh);
	if (pam_options_parse(argc, argv, &login.options, &err) != 0) {
		log_refusal(&login, err.message);
		return PAM_AUTHINFO_UNAVAIL;
	}
	(void)pam_fail_delay(
		pamh, (unsigned)login.options.fail_delay_ms * 1000);
	return authenticate(&login);
}

/* ---- the rest grants nothing -------------------------------------------- */

EXPORTED int
pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}

EXPORTED int
pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return pam_sm_setcred(pamh, flags, argc, argv);
}

EXPORTED int
pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	return pam_sm_setcred(pamh, flags, argc, argv);
}

/* Only where this very handle authenticated. */
EXPORTED int
pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	const void *mark = NULL;

	(void)flags;
	(void)argc;
	(void)argv;
	if (pam_get_data(pamh, MARK, &mark) == PAM_SUCCESS && mark != NULL)
		return PAM_SUCCESS;
	return PAM_PERM_DENIED;
}

EXPORTED int
pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_AUTHTOK_ERR;
}
