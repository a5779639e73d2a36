/*
 * sallyport-helper: under pam_exec it takes the place of vault-ssh-helper (a
 * password on standard input, an exit status); started by pam_sallyport.so it
 * reads a frame and answers with a line (helper/verdict.h). A first word that
 * names a command (helper/command.h) makes it that.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sodium.h>

#include "helper/command.h"
#include "helper/otp_form.h"
#include "helper/verify.h"
#include "lib/fsutil.h"
#include "lib/json.h"
#include "lib/log.h"

#define ARENA_MAX (8 * 1024 * 1024)
#define COMMAND_ARENA_MAX ((size_t)256 * 1024 * 1024) /* a list, some times */
#define COMMAND_PATH "/usr/sbin:/usr/bin:/sbin:/bin"
#define CONFIG SYSCONFDIR "/sallyport/helper.hcl"
#define STDIN_MAX 4096
#define MODULE_WORD "-module"

struct flags {
	const char *config, *log_level;
	bool verify_only, dev, module, version, help;
};

/* ---- flags -------------------------------------------------------------- */

static const struct flag flag_rows[] = {
	FLAG_ROW_TEXT(struct flags, config, "config",
		"Path of the configuration file; required."),
	FLAG_ROW_BOOL(struct flags, verify_only, "verify-only",
		"Ask the server for a sign of life, without a password."),
	FLAG_ROW_BOOL(struct flags, dev, "dev",
		"Plain http:// only; drops ca_cert and ca_path."),
	FLAG_ROW_TEXT(struct flags, log_level, "log-level",
		"off, trace, debug, info, warn or error."),
	FLAG_END,
};

static void
print_usage(void)
{
	printf("Usage: sallyport-helper [options]\n"
	       "       sallyport-helper command [options]\n\n"
	       "Checks the one-time password on standard input for PAM.\n\n"
	       "Options:\n\n");
	flags_print(flag_rows);
	printf("\nCommands, each with -h for its options:\n\n");
	command_print_all();
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
	const char *word;

	for (int i = 1; i < argc; i++)
		flags->version = flags->version || is_version_word(argv[i]);
	if (flags->version)
		return 0;
	if (argc == 2 && strcmp(argv[1], MODULE_WORD) == 0) {
		flags->module = true;
		return 0;
	}
	return flags_parse(flag_rows, argc - 1, argv + 1, flags, &word);
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
	/* Whoever ignores it has given us that, and no word of our children. */
	(void)signal(SIGCHLD, SIG_DFL);
}

static int
fail(const struct err *err)
{
	log_error(err->message);
	return EXIT_FAILURE;
}

static bool
set_up(void)
{
	harden();
	if (sodium_init() < 0)
		return false;
	json_setup();
	return true;
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

/* ---- commands ---------------------------------------------------------- */

static void
print_command_usage(const struct command *command)
{
	printf("Usage: sallyport-helper %s [options]\n\n%s\n\nOptions:\n\n",
		command->name, command->summary);
	flags_print(command->flags);
}

/* sshd's own programs are found by this PATH, not by the caller's. */
static int
run_with(const struct command *command, const struct command_options *common,
	const void *options, struct arena *arena, struct err *err)
{
	const char *named = common->config != NULL ? common->config : CONFIG;
	struct helper_settings settings;
	char config[PATH_MAX];
	struct host host;
	int rc;

	if (setenv("PATH", COMMAND_PATH, 1) != 0)
		return err_set_errno(err, "setenv");
	if (realpath(named, config) == NULL)
		return err_set(
			err, ERR_INPUT, 400, "%s: %s", named, strerror(errno));
	rc = helper_settings_load(config, common->dev, arena, &settings, err);
	if (rc == 0)
		rc = host_open(
			&settings, config, common->dev, arena, &host, err);
	return rc != 0 ? rc : command->run(&host, options, err);
}

/* A word on a PAM line must not let anyone in, whatever it finds good. */
static int
run_command(const struct command *command, int n, char *const *words)
{
	_Alignas(
		max_align_t) unsigned char options[COMMAND_OPTIONS_MAX] = { 0 };
	const struct command_options *common = (const void *)options;
	const char *word = NULL;
	struct arena *arena;
	struct err err = { 0 };
	int rc;

	if (flags_parse(command->flags, n, words, options, &word) != 0 ||
		word != NULL || set_log_level(common->log_level) != 0) {
		print_command_usage(command);
		return EXIT_FAILURE;
	}
	if (getenv("PAM_TYPE") != NULL || !set_up())
		return EXIT_FAILURE;
	arena = arena_new(COMMAND_ARENA_MAX);
	if (arena == NULL)
		return EXIT_FAILURE;
	rc = run_with(command, common, options, arena, &err);
	arena_free(&arena);
	if (err.code != 0)
		log_error(err.message);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
	struct flags flags = { .config = NULL };
	struct arena *arena = NULL;
	struct err err = { 0 };
	const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;
	int rc;

	if (command != NULL)
		return run_command(command, argc - 2, argv + 2);
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
	arena = set_up() ? arena_new(ARENA_MAX) : NULL;
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
