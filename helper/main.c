/*
 * sallyport-helper: under pam_exec it takes the place of vault-ssh-helper (a
 * password on standard input, an exit status); started by pam_sallyport.so it
 * reads a frame and answers with a line (helper/verdict.h).
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sodium.h>

#include "helper/helper_settings.h"
#include "helper/otp_form.h"
#include "helper/verify.h"
#include "lib/fsutil.h"
#include "lib/json.h"
#include "lib/log.h"

#define ARENA_MAX (8 * 1024 * 1024)
#define STDIN_MAX 4096
#define MODULE_WORD "-module"

struct flags {
	const char *config, *log_level;
	bool verify_only, dev, module, version, help;
};

extern char **environ;

/* ---- flags -------------------------------------------------------------- */

static const struct flag {
	const char *name;
	bool is_text;
	size_t offset;
	const char *help;
} flag_rows[] = {
	{ "config", true, offsetof(struct flags, config),
		"Path of the configuration file; required." },
	{ "verify-only", false, offsetof(struct flags, verify_only),
		"Ask the server for a sign of life, without a password." },
	{ "dev", false, offsetof(struct flags, dev),
		"Plain http:// only; drops ca_cert and ca_path." },
	{ "log-level", true, offsetof(struct flags, log_level),
		"off, trace, debug, info, warn or error." },
};

static void
print_usage(void)
{
	printf("Usage: sallyport-helper [options]\n\n"
	       "Checks the one-time password on standard input for PAM.\n\n"
	       "Options:\n\n");
	for (size_t i = 0; i < ARRAY_LEN(flag_rows); i++)
		printf("  -%-12s %s\n", flag_rows[i].name, flag_rows[i].help);
}

/* "-name" or "--name", and what stands behind '='. */
static const struct flag *
find_flag(const char *word, const char **ret_value)
{
	const char *name = word + (word[1] == '-' ? 2 : 1);
	const size_t len = strcspn(name, "=");

	*ret_value = name[len] == '=' ? name + len + 1 : NULL;
	for (size_t i = 0; i < ARRAY_LEN(flag_rows); i++) {
		if (strlen(flag_rows[i].name) == len &&
			strncmp(flag_rows[i].name, name, len) == 0)
			return &flag_rows[i];
	}
	return NULL;
}

static int
set_flag(struct flags *flags, const struct flag *flag, const char *value)
{
	void *member = (char *)flags + flag->offset;
	const char **text = member;
	bool *on = member;

	if (flag->is_text) {
		*text = value;
		return value != NULL ? 0 : ERR_INPUT;
	}
	*on = value == NULL || strcasecmp(value, "true") == 0 ||
		strcmp(value, "1") == 0;
	return *on || strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0
		? 0
		: ERR_INPUT;
}

static bool
is_version_word(const char *word)
{
	return strcmp(word, "version") == 0 || strcmp(word, "-v") == 0 ||
		strcmp(word, "-version") == 0 || strcmp(word, "--version") == 0;
}

/* Version words win over everything; words that are no flags are ignored. */
static int
parse_flags(int argc, char *const *argv, struct flags *flags)
{
	for (int i = 1; i < argc; i++)
		flags->version = flags->version || is_version_word(argv[i]);
	if (flags->version)
		return 0;
	if (argc == 2 && strcmp(argv[1], MODULE_WORD) == 0) {
		flags->module = true;
		return 0;
	}
	for (int i = 1; i < argc; i++) {
		const struct flag *flag;
		const char *value;

		if (argv[i][0] != '-')
			continue;
		flag = find_flag(argv[i], &value);
		if (flag == NULL)
			return ERR_INPUT;
		if (flag->is_text && value == NULL && i + 1 < argc)
			value = argv[++i];
		if (set_flag(flags, flag, value) != 0)
			return ERR_INPUT;
	}
	return 0;
}

/* ---- the process itself ------------------------------------------------- */

/* PAM_* is all that is left: nothing else may steer us (L61). */
static void
clear_environment(void)
{
	char **keep = environ;

	if (environ == NULL)
		return;
	for (char **at = environ; *at != NULL; at++) {
		if (strncmp(*at, "PAM_", 4) == 0)
			*keep++ = *at;
	}
	*keep = NULL;
}

static void
harden(void)
{
	const struct rlimit none = { 0, 0 };

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	clear_environment();
	(void)signal(SIGPIPE, SIG_IGN);
}

static int
fail(const struct err *err)
{
	log_error(err->message);
	return EXIT_FAILURE;
}

/* ---- under pam_exec ------------------------------------------------------ */

/* All of standard input, less one trailing NUL (spec/ssh-helper.md 6). */
static int
read_password(struct buf *ret_password, struct err *err)
{
	struct err ignored = { 0 };

	if (fd_read_all(STDIN_FILENO, ret_password, &ignored) != 0)
		return err_set(
			err, ERR_INPUT, 400, "uuid string is wrong length");
	if (ret_password->len > 0 &&
		ret_password->data[ret_password->len - 1] == '\0')
		ret_password->len--;
	return 0;
}

static int
probe(const struct helper_settings *settings, struct arena *arena,
	struct err *err)
{
	int rc = verify_probe(
		settings, settings->timeout_seconds * 1000, arena, err);

	if (rc != 0)
		return rc;
	if (settings->allowed_roles[0] == '\0')
		log_warn("allowed_roles is empty: every login will be refused");
	log_info("sallyport-helper verification successful!");
	return 0;
}

static int
check_login(const struct helper_settings *settings, struct arena *arena,
	struct err *err)
{
	const char *user = getenv("PAM_USER");
	struct verdict_line line = { .verdict = VERDICT_DENY };
	struct buf password;
	struct verify_login login = { .user = user != NULL ? user : "",
		.total_ms = settings->timeout_seconds * 1000 };
	int rc;

	buf_init(&password, STDIN_MAX);
	rc = read_password(&password, err);
	if (rc == 0 && login.user[0] == '\0')
		rc = err_set(err, ERR_INPUT, 400, "PAM_USER is not set");
	if (rc == 0) {
		login.otp = secret_view_of(password.data, password.len);
		verify_otp(settings, &login, arena, &line);
		if (!verdict_is_allow(line.verdict))
			rc = err_set(err, ERR_DENIED, 400, "%s", line.why);
	}
	buf_clear(&password);
	if (rc == 0)
		log_info("authenticated!", LOG_STR("user", login.user),
			LOG_STR("ip", line.ip), LOG_STR("role", line.role));
	return rc;
}

static int
run_by_hand(const struct flags *flags, struct arena *arena, struct err *err)
{
	struct helper_settings settings;
	int rc;

	if (flags->config == NULL || flags->config[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"at least one config path must be specified with -config");
	rc = helper_settings_load(
		flags->config, flags->dev, arena, &settings, err);
	if (rc != 0)
		return rc;
	if (flags->dev)
		log_warn("Dev mode is enabled!");
	log_info("using SSH mount point",
		LOG_STR("mount", settings.ssh_mount_point));
	log_info("using namespace", LOG_STR("namespace", settings.namespace));
	return flags->verify_only ? probe(&settings, arena, err)
				  : check_login(&settings, arena, err);
}

/* ---- under the module ---------------------------------------------------- */

/*
 * End with whoever waits for us: SIGIO when the control pipe closes, SIGALRM
 * at the deadline; both end the process by their default action.
 */
static int
follow_control(uint32_t timeout_ms)
{
	struct pollfd control = { .fd = VERDICT_FD_CONTROL, .events = POLLIN };

	(void)alarm(timeout_ms / 1000 + 1);
	if (fcntl(VERDICT_FD_CONTROL, F_SETOWN, getpid()) != 0 ||
		fcntl(VERDICT_FD_CONTROL, F_SETFL, O_ASYNC | O_NONBLOCK) != 0)
		return ERR_SYSTEM;
	return poll(&control, 1, 0) > 0 ? ERR_TIMEOUT : 0;
}

static void
judge(const struct verdict_frame *frame, struct arena *arena,
	struct verdict_line *ret_line)
{
	struct helper_settings settings;
	struct err err = { 0 };
	struct verify_login login = { .otp = frame->otp };

	login.user = arena_strndup(arena, frame->user.data, frame->user.len);
	if (login.user == NULL)
		return;
	if (helper_settings_load_fd(VERDICT_FD_CONFIG, frame->dev, arena,
		    &settings, &err) != 0) {
		ret_line->verdict = VERDICT_CONFIG;
		(void)snprintf(ret_line->why, sizeof(ret_line->why), "%.500s",
			err.message);
		return;
	}
	login.total_ms = settings.timeout_seconds * 1000;
	if (login.total_ms > frame->timeout_ms)
		login.total_ms = frame->timeout_ms;
	verify_otp(&settings, &login, arena, ret_line);
}

static int
answer(const struct verdict_frame *frame, struct arena *arena, struct err *err)
{
	struct verdict_line line = { .verdict = VERDICT_UNAVAILABLE };
	struct buf text;
	int rc;

	judge(frame, arena, &line);
	buf_init(&text, VERDICT_LINE_MAX);
	rc = verdict_line_write(frame->nonce, &line, &text, err);
	if (rc == 0)
		rc = fd_write_all(VERDICT_FD_LINE, text.data, text.len, err);
	buf_clear(&text);
	return rc;
}

static int
run_for_module(struct arena *arena, struct err *err)
{
	struct verdict_frame frame;
	struct buf bytes;
	int rc;

	log_set_level(LOG_OFF);
	buf_init(&bytes, VERDICT_FRAME_MAX);
	rc = fd_read_all(VERDICT_FD_FRAME, &bytes, err);
	if (rc == 0)
		rc = verdict_frame_read(buf_span(&bytes), &frame, err);
	if (rc == 0)
		rc = follow_control(frame.timeout_ms);
	if (rc == 0)
		rc = answer(&frame, arena, err);
	buf_clear(&bytes);
	return rc;
}

static int
set_log_level(const char *name)
{
	enum log_level level = LOG_INFO;

	if (name != NULL && log_level_parse(name, &level) != 0)
		return ERR_INPUT;
	log_set_level(level);
	return 0;
}

int
main(int argc, char **argv)
{
	struct flags flags = { .config = NULL };
	struct arena *arena = NULL;
	struct err err = { 0 };
	int rc;

	if (parse_flags(argc, argv, &flags) != 0 ||
		set_log_level(flags.log_level) != 0) {
		print_usage();
		return EXIT_FAILURE;
	}
	if (flags.version) {
		printf("sallyport-helper v%s\n", SALLYPORT_VERSION);
		/* A stray word on a PAM line must not let anyone in. */
		return getenv("PAM_TYPE") == NULL ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	harden();
	if (sodium_init() < 0)
		return EXIT_FAILURE;
	json_setup();
	arena = arena_new(ARENA_MAX);
	if (arena == NULL)
		return EXIT_FAILURE;
	rc = flags.module ? run_for_module(arena, &err)
			  : run_by_hand(&flags, arena, &err);
	arena_free(&arena);
	if (rc != 0)
		return fail(&err);
	/* The module reads a line; its mode is no yes on a pam_exec line. */
	return flags.module ? EXIT_FAILURE : EXIT_SUCCESS;
}
