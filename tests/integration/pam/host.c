/*
 * A program under PAM, as small as can be: runs the actions of its command
 * line on one handle with the password of standard input, prints what each
 * returned, and then what the module left behind in this process.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSWORD_MAX (17 * 1024 * 1024)

/* glibc's own, which libpam calls: ours comes first. */
void __syslog_chk(int priority, int flag, const char *format, ...);

static char *password;
static volatile sig_atomic_t n_signals;
static int n_reaped;

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

static void
count_signal(int number)
{
	int status;

	(void)number;
	n_signals++;
	while (waitpid(-1, &status, WNOHANG) > 0)
		n_reaped++;
}

static int
answer(int n, const struct pam_message **messages,
	struct pam_response **ret_answers, void *data)
{
	struct pam_response *answers = calloc((size_t)n, sizeof(*answers));

	(void)data;
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

static int
count_entries(const char *path)
{
	DIR *directory = opendir(path);
	int n = 0;

	while (directory != NULL && readdir(directory) != NULL)
		n++;
	if (directory != NULL)
		closedir(directory);
	return n;
}

static int
act(pam_handle_t *pamh, const char *action)
{
	if (strcmp(action, "auth") == 0)
		return pam_authenticate(pamh, 0);
	if (strcmp(action, "acct") == 0)
		return pam_acct_mgmt(pamh, 0);
	if (strcmp(action, "cred") == 0)
		return pam_setcred(pamh, PAM_ESTABLISH_CRED);
	if (strcmp(action, "open") == 0)
		return pam_open_session(pamh, 0);
	if (strcmp(action, "close") == 0)
		return pam_close_session(pamh, 0);
	if (strcmp(action, "chauthtok") == 0)
		return pam_chauthtok(pamh, 0);
	return -1;
}

struct handle {
	const char *directory, *user;
	int rc;
};

static void *
authenticate(void *ctx)
{
	const struct pam_conv conv = { answer, NULL };
	struct handle *handle = ctx;
	pam_handle_t *pamh = NULL;

	handle->rc = pam_start_confdir(
		"service", handle->user, &conv, handle->directory, &pamh);
	if (handle->rc == PAM_SUCCESS)
		handle->rc = pam_authenticate(pamh, 0);
	pam_end(pamh, handle->rc);
	return NULL;
}

/* Several handles at once, each in a thread: how many were let in. */
static int
several(const char *directory, const char *user)
{
	struct handle handles[8];
	pthread_t threads[8];
	int n = 0;

	for (int i = 0; i < 8; i++) {
		handles[i] = (struct handle){ directory, user, -1 };
		pthread_create(&threads[i], NULL, authenticate, &handles[i]);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		n += handles[i].rc == PAM_SUCCESS;
	}
	return n;
}

static void
read_password(void)
{
	size_t len;

	password = calloc(PASSWORD_MAX + 1, 1);
	len = fread(password, 1, PASSWORD_MAX, stdin);
	password[len] = '\0';
}

int
main(int argc, char **argv)
{
	const struct sigaction on_child = { .sa_handler = count_signal };
	const struct pam_conv conv = { answer, NULL };
	const struct pam_conv broken = { fail, NULL };
	struct sigaction now;
	pam_handle_t *pamh = NULL;
	mode_t mask;
	int fds, rc;

	read_password();
	sigaction(SIGCHLD, &on_child, NULL);
	rc = pam_start_confdir("service", argv[2], &conv, argv[1], &pamh);
	if (rc != PAM_SUCCESS)
		return 1;
	fds = count_entries("/proc/self/fd");
	for (int i = 3; i < argc; i++) {
		if (strcmp(argv[i], "mute") == 0) {
			pam_set_item(pamh, PAM_CONV, &broken);
		} else if (strcmp(argv[i], "null") == 0) {
			free(password);
			password = NULL;
		} else if (strcmp(argv[i], "rhost") == 0) {
			pam_set_item(pamh, PAM_RHOST, "evil\n\033[31mhost");
		} else if (strcmp(argv[i], "several") == 0) {
			printf("let_in=%d\n", several(argv[1], argv[2]));
		} else {
			rc = act(pamh, argv[i]);
			printf("%s=%d\n", argv[i], rc);
		}
	}
	for (char **one = pam_getenvlist(pamh); one != NULL && *one != NULL;
		one++)
		printf("ENV_%.*s=%d\n", (int)strcspn(*one, "="), *one, 1);
	printf("fds=%d\n", count_entries("/proc/self/fd") - fds);
	pam_end(pamh, rc);
	sigaction(SIGCHLD, NULL, &now);
	mask = umask(0);
	printf("threads=%d\n", count_entries("/proc/self/task") - 2);
	printf("signals=%d\nreaped=%d\n", (int)n_signals, n_reaped);
	printf("handler=%d\n", now.sa_handler == count_signal);
	printf("mask=%d\n", (int)mask);
	printf("children=%d\n",
		waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD);
	return 0;
}
