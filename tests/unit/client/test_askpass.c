/* The one-shot socket: a password prompt of our own user, once. */
#include "client/askpass.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PASSWORD "0123-the-password"
#define NOBODY 65534

static struct askpass askpass;
static struct err err;

static int
open_one(void **state)
{
	(void)state;
	(void)unsetenv("XDG_RUNTIME_DIR");
	return askpass_open(&askpass, &err);
}

static int
close_it(void **state)
{
	(void)state;
	askpass_close(&askpass);
	return 0;
}

/* In a child: ask with a prompt as uid; 0: got the password, 1: nothing. */
static pid_t
ask(const char *prompt, uid_t uid)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char got[64] = "";
	const pid_t pid = fork();

	if (pid != 0) {
		(void)close(fd);
		return pid;
	}
	(void)snprintf(
		addr.sun_path, sizeof(addr.sun_path), "%s", askpass.path);
	if ((uid != geteuid() && setresuid(uid, uid, uid) != 0) ||
		connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
		_exit(2);
	/* Whoever is turned away may find the connection closed already. */
	if (prompt != NULL)
		(void)send(fd, prompt, strlen(prompt), MSG_NOSIGNAL);
	if (prompt == NULL)
		(void)shutdown(fd, SHUT_WR);
	_exit(recv(fd, got, sizeof(got) - 1, 0) > 0 &&
				strcmp(got, PASSWORD) == 0
			? 0
			: 1);
}

static bool
serve(void)
{
	return askpass_serve(
		&askpass, secret_view_of(PASSWORD, strlen(PASSWORD)));
}

static int
status_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
the_socket_lies_in_a_private_directory(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(askpass.dir.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(stat(askpass.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(strncmp(askpass.path, askpass.dir.path,
				 strlen(askpass.dir.path)),
		0);
}

static void
a_password_prompt_is_answered_once(void **state)
{
	char path[sizeof(askpass.path)], directory[sizeof(askpass.dir.path)];
	const pid_t pid = ask("bob@h's password: ", geteuid());
	struct stat st;

	(void)state;
	memcpy(path, askpass.path, sizeof(path));
	memcpy(directory, askpass.dir.path, sizeof(directory));
	assert_true(serve());
	assert_int_equal(status_of(pid), 0);
	assert_int_equal(askpass.fd, -1);
	assert_int_not_equal(stat(path, &st), 0);
	assert_int_not_equal(stat(directory, &st), 0);
	assert_false(serve());
}

static void
other_prompts_get_nothing(void **state)
{
	static const char *const prompts[] = {
		"Are you sure you want to continue connecting (yes/no)? ",
		"Verification code: ", "Enter PIN for key: ", "passwor", "x",
		NULL
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(prompts); i++) {
		const pid_t pid = ask(prompts[i], geteuid());

		assert_false(serve());
		assert_int_equal(status_of(pid), 1);
	}
	/* The password is still there for the right one. */
	a_password_prompt_is_answered_once(state);
}

static void
another_user_gets_nothing(void **state)
{
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	/* Kept out by the directory; and where that is open, by the check. */
	pid = ask("Password: ", NOBODY);
	assert_int_equal(status_of(pid), 2);
	assert_int_equal(chmod(askpass.dir.path, 0755), 0);
	assert_int_equal(chmod(askpass.path, 0666), 0);
	pid = ask("Password: ", NOBODY);
	assert_false(serve());
	assert_int_equal(status_of(pid), 1);
}

static void
closing_removes_all_and_may_be_repeated(void **state)
{
	char directory[sizeof(askpass.dir.path)];
	struct stat st;

	(void)state;
	memcpy(directory, askpass.dir.path, sizeof(directory));
	askpass_close(&askpass);
	assert_int_not_equal(stat(directory, &st), 0);
	askpass_close(&askpass);
	assert_int_equal(askpass.fd, -1);
}

static void
a_runtime_directory_is_used_where_it_fits(void **state)
{
	static const char *const bad[] = { "relative", "/nonexistent",
		"/a-path-that-leaves-no-room-for-a-socket" };
	char place[] = "/tmp/runtime-XXXXXX";

	(void)state;
	askpass_close(&askpass);
	assert_non_null(mkdtemp(place));
	(void)setenv("XDG_RUNTIME_DIR", place, 1);
	assert_int_equal(askpass_open(&askpass, &err), 0);
	assert_int_equal(strncmp(askpass.path, place, strlen(place)), 0);
	askpass_close(&askpass);
	assert_int_equal(rmdir(place), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)setenv("XDG_RUNTIME_DIR", bad[i], 1);
		assert_int_equal(askpass_open(&askpass, &err), 0);
		assert_int_equal(strncmp(askpass.path, "/tmp/", 5), 0);
		askpass_close(&askpass);
	}
}

static void
our_other_self_fails_without_a_socket(void **state)
{
	(void)state;
	(void)unsetenv(ASKPASS_VARIABLE);
	assert_int_equal(askpass_main("Password: "), EXIT_FAILURE);
	(void)setenv(ASKPASS_VARIABLE, "/nonexistent/askpass", 1);
	assert_int_equal(askpass_main("Password: "), EXIT_FAILURE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_socket_lies_in_a_private_directory, open_one,
			close_it),
		cmocka_unit_test_setup_teardown(
			a_password_prompt_is_answered_once, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			other_prompts_get_nothing, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			another_user_gets_nothing, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			closing_removes_all_and_may_be_repeated, open_one,
			close_it),
		cmocka_unit_test_setup_teardown(
			a_runtime_directory_is_used_where_it_fits, open_one,
			close_it),
		cmocka_unit_test(our_other_self_fails_without_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
