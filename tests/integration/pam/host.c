/*
 * A program under PAM, as small as can be: runs the actions of its command
 * line on one handle with the password of standard input, prints what each
 * returned, and then what the module left behind in this process. What the
 * module says to syslog goes to standard error.
 *
 *   host DIRECTORY USER WORD...
 *
 * DIRECTORY/service has the PAM lines. A word is an action of PAM (`actions`),
 * a change of this process (`changes`), or one of
 *
 *   service=NAME  go on with a new handle of DIRECTORY/NAME
 *   other         change between two handles
 *   several       authenticate in eight threads at once, each with a handle
 *   N*auth        authenticate N times: the code, or -1 if they differ
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PASSWORD_MAX (17 * 1024 * 1024)

/* glibc's own, which libpam calls: ours comes first. */
void __syslog_chk(int priority, int flag, const char *format, ...);

static const char *directory, *user;
static pam_handle_t *handles[2]; /* [0] is in use */
static char *password;
static volatile sig_atomic_t n_signals, n_alarms;
static volatile int n_reaped;
static volatile int own_child_status = -1;
static unsigned delay_us;
static bool is_timed, has_child;
static volatile long late_ms, n_rounds;

void
__syslog_chk(int priority, int flag, const char *format, ...)
{
	va_list words;

	(void)priority;
	(void)flag;
	va_start(words, format);
	vfprintf(stderr, format, words);
	va_end(words);
	fputc('\n', stderr);
}

/* ---- conversations ------------------------------------------------------- */

static int
answer(int n, const struct pam_message **messages,
	struct pam_response **ret_answers, void *data)
{
	struct pam_response *answers = calloc((size_t)n, sizeof(*answers));

	(void)data;
	if (answers == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			answers[i].resp =
				password == NULL ? NULL : strdup(password);
	}
	*ret_answers = answers;
	return PAM_SUCCESS;
}

static int
fail(int n, const struct pam_message **messages,
	struct pam_response **ret_answers, void *data)
{
	(void)n;
	(void)messages;
	(void)ret_answers;
	(void)data;
	return PAM_CONV_ERR;
}

static const struct pam_conv conversation = { answer, NULL };
static const struct pam_conv broken = { fail, NULL };

static pam_handle_t *
start(const char *service)
{
	pam_handle_t *pamh = NULL;

	if (pam_start_confdir(service, user, &conversation, directory, &pamh) !=
		PAM_SUCCESS)
		exit(1);
	return pamh;
}

/* ---- what it does to itself --------------------------------------------- */

static void
count_signal(int number)
{
	int status;
	pid_t pid;

	(void)number;
	n_signals++;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			own_child_status = WEXITSTATUS(status);
		else
			n_reaped++;
	}
}

static void
count_alarm(int number)
{
	(void)number;
	n_alarms++;
}

/* Takes every child that anyone here makes, as soon as it ends. */
static void *
reap_all(void *ctx)
{
	(void)ctx;
	for (;;) {
		if (waitpid(-1, NULL, __WALL) > 0)
			n_reaped++;
		else
			usleep(200);
	}
	return NULL;
}

/* How much later than asked for this machine lets a program run on, in all. */
static void *
watch(void *ctx)
{
	struct timespec before, after;

	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &before);
		usleep(20000);
		clock_gettime(CLOCK_MONOTONIC, &after);
		const long late = (after.tv_sec - before.tv_sec) * 1000 +
			(after.tv_nsec - before.tv_nsec) / 1000000 - 20;
		if (late > 0)
			late_ms += late;
		n_rounds++;
	}
	return ctx;
}

static void
begin(void *(*run)(void *))
{
	pthread_t thread;

	pthread_create(&thread, NULL, run, NULL);
	pthread_detach(thread);
}

static void
change_mute(void)
{
	pam_set_item(handles[0], PAM_CONV, &broken);
}

static void
change_null(void)
{
	free(password);
	password = NULL;
}

static void
change_rhost(void)
{
	pam_set_item(handles[0], PAM_RHOST, "evil\n\033[31mhost");
}

static void
change_ignore(void)
{
	signal(SIGCHLD, SIG_IGN);
}

static void
change_reaper(void)
{
	begin(reap_all);
}

static void
change_timed(void)
{
	is_timed = true;
	begin(watch);
}

/* A signal every millisecond, and no call of ours is restarted after it. */
static void
change_storm(void)
{
	const struct sigaction on_alarm = { .sa_handler = count_alarm };
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };

	sigaction(SIGALRM, &on_alarm, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void
change_block(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

/* A child of our own that ends while the module is at work. */
static void
change_child(void)
{
	has_child = true;
	if (fork() == 0) {
		usleep(10000);
		_exit(77);
	}
}

/* What a busy machine has not come to yet: our child's end, and the watch. */
static void
settle(void)
{
	const long n = n_rounds;

	while (is_timed && n_rounds == n)
		usleep(1000);
	for (int i = 0; has_child && own_child_status == -1 && i < 60000; i++)
		usleep(1000);
}

static void
note_delay(int status, unsigned us, void *data)
{
	(void)status;
	(void)data;
	delay_us = us;
}

static void
change_delay(void)
{
	pam_set_item(handles[0], PAM_FAIL_DELAY, (void *)note_delay);
}

static const struct {
	const char *name;
	void (*change)(void);
} changes[] = {
	{ "mute", change_mute },     /* a conversation that fails */
	{ "null", change_null },     /* no password at all */
	{ "rhost", change_rhost },   /* control bytes in it */
	{ "ignore", change_ignore }, /* SIGCHLD is ignored */
	{ "reaper", change_reaper }, /* a thread waits for all children */
	{ "timed", change_timed },   /* print how long auth took */
	{ "storm", change_storm },   /* of SIGALRM */
	{ "block", change_block },   /* every signal */
	{ "child", change_child },   /* of our own */
	{ "delay", change_delay },   /* print the wanted one, do not wait */
};

/* ---- PAM ----------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*act)(pam_handle_t *pamh, int flags);
	int flags;
} actions[] = {
	{ "auth", pam_authenticate, 0 },
	{ "acct", pam_acct_mgmt, 0 },
	{ "cred", pam_setcred, PAM_ESTABLISH_CRED },
	{ "open", pam_open_session, 0 },
	{ "close", pam_close_session, 0 },
	{ "chauthtok", pam_chauthtok, 0 },
};

static void *
authenticate(void *ctx)
{
	pam_handle_t *pamh = start("service");
	int *rc = ctx;

	*rc = pam_authenticate(pamh, 0);
	pam_end(pamh, *rc);
	return NULL;
}

static void
several(void)
{
	pthread_t threads[8];
	int codes[8];
	int n = 0;

	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, authenticate, &codes[i]);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		n += codes[i] == PAM_SUCCESS;
	}
	printf("let_in=%d\n", n);
}

static int
repeat(int n)
{
	const int rc = pam_authenticate(handles[0], 0);
	bool same = true;

	while (--n > 0)
		same = pam_authenticate(handles[0], 0) == rc && same;
	return same ? rc : -1;
}

static int
act(const char *name)
{
	struct timespec before, after;
	int rc = -1;

	clock_gettime(CLOCK_MONOTONIC, &before);
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			rc = actions[i].act(handles[0], actions[i].flags);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	if (is_timed)
		printf("ms=%ld\n",
			(after.tv_sec - before.tv_sec) * 1000 +
				(after.tv_nsec - before.tv_nsec) / 1000000);
	return rc;
}

static void
use_service(const char *service)
{
	pam_end(handles[0], 0);
	handles[0] = start(service);
}

static void
use_other(void)
{
	pam_handle_t *other = handles[1];

	handles[1] = handles[0];
	handles[0] = other != NULL ? other : start("service");
}

static void
obey(const char *word)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		if (strcmp(changes[i].name, word) == 0) {
			changes[i].change();
			return;
		}
	}
	if (strncmp(word, "service=", 8) == 0)
		use_service(word + 8);
	else if (strcmp(word, "other") == 0)
		use_other();
	else if (strcmp(word, "several") == 0)
		several();
	else if (strstr(word, "*auth") != NULL)
		printf("%s=%d\n", word, repeat((int)strtol(word, NULL, 10)));
	else
		printf("%s=%d\n", word, act(word));
	fflush(stdout);
}

/* ---- what is left ------------------------------------------------------- */

static int
count_entries(const char *path)
{
	DIR *entries = opendir(path);
	int n = 0;

	while (entries != NULL && readdir(entries) != NULL)
		n++;
	if (entries != NULL)
		closedir(entries);
	return n;
}

/* Everything of this process that a module could change by mistake. */
struct state {
	struct sigaction actions[65];
	sigset_t mask;
	char cwd[4096];
	mode_t umask;
	char *locale;
	char **environment;
	int n_fds, n_variables;
	pid_t session;
};

static struct state
take_state(void)
{
	struct state state = { .umask = umask(0) };

	umask(state.umask);
	for (int i = 1; i <= 64; i++)
		sigaction(i, NULL, &state.actions[i]);
	sigprocmask(SIG_BLOCK, NULL, &state.mask);
	if (getcwd(state.cwd, sizeof(state.cwd)) == NULL)
		exit(1);
	state.locale = strdup(setlocale(LC_ALL, NULL));
	state.environment = environ;
	while (environ[state.n_variables] != NULL)
		state.n_variables++;
	state.n_fds = count_entries("/proc/self/fd");
	state.session = getsid(0);
	return state;
}

static int
count_actions(const struct state *a, const struct state *b)
{
	int n = 0;

	for (int i = 1; i <= 64; i++)
		n += a->actions[i].sa_handler != b->actions[i].sa_handler ||
			a->actions[i].sa_flags != b->actions[i].sa_flags;
	return n;
}

static void
report(const struct state *before, const struct state *after)
{
	sigset_t pending;
	int n = 0;

	sigpending(&pending);
	for (int i = 1; i <= 64; i++)
		n += i != SIGALRM && sigismember(&pending, i) == 1;
	printf("fds=%d\n", after->n_fds - before->n_fds);
	printf("handlers=%d\n", count_actions(before, after));
	printf("signal_mask=%d\n",
		memcmp(&before->mask, &after->mask, sizeof(sigset_t)) != 0);
	printf("umask=%d\n", before->umask != after->umask);
	printf("cwd=%d\n", strcmp(before->cwd, after->cwd) != 0);
	printf("locale=%d\n", strcmp(before->locale, after->locale) != 0);
	printf("environment=%d\n",
		before->environment != after->environment ||
			before->n_variables != after->n_variables);
	printf("session=%d\n", before->session != after->session);
	printf("pending=%d\n", n);
	printf("threads=%d\n", count_entries("/proc/self/task") - 2);
	printf("signals=%d\nreaped=%d\nalarms=%d\n", (int)n_signals, n_reaped,
		(int)n_alarms);
	printf("own_child=%d\n", own_child_status);
	printf("delay_us=%u\nlate=%ld\n", delay_us, late_ms);
	printf("children=%d\n",
		waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD);
}

static void
print_variables(void)
{
	char **list = pam_getenvlist(handles[0]);

	for (char **one = list; one != NULL && *one != NULL; one++) {
		printf("ENV_%.*s=%d\n", (int)strcspn(*one, "="), *one, 1);
		free(*one);
	}
	free(list);
}

static void
read_password(void)
{
	size_t len;

	password = calloc(PASSWORD_MAX + 1, 1);
	if (password == NULL)
		exit(1);
	len = fread(password, 1, PASSWORD_MAX, stdin);
	password[len] = '\0';
	password = realloc(password, len + 1);
}

/* The state counts from behind the words that change it, which come first. */
static bool
is_change(const char *word)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		if (strcmp(changes[i].name, word) == 0)
			return true;
	}
	return false;
}

int
main(int argc, char **argv)
{
	const struct sigaction on_child = { .sa_handler = count_signal };
	struct state before, after;
	int i = 3;

	directory = argv[1];
	user = argv[2];
	read_password();
	sigaction(SIGCHLD, &on_child, NULL);
	handles[0] = start("service");
	while (i < argc && is_change(argv[i]))
		obey(argv[i++]);
	before = take_state();
	while (i < argc)
		obey(argv[i++]);
	settle();
	print_variables();
	after = take_state();
	for (int h = 0; h < 2; h++) {
		if (handles[h] != NULL)
			pam_end(handles[h], 0);
	}
	report(&before, &after);
	free(before.locale);
	free(after.locale);
	free(password);
	return 0;
}
