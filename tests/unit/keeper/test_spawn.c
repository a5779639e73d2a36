/*
 * A keeper in a process of its own: the calls work, from many threads at once;
 * its end is noticed; and it ends with the process that started it, however
 * that ends.
 */
#include "server/keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/keeper/ca_limits.h"
#include "server/keeper/frame.h"
#include "server/keeper/ipc.h"
#include "server/keeper/keeper_op.h"
#include "server/keeper/spawn.h"

#define N_THREADS 24
#define N_CALLS 200

static struct keeper *
start(void)
{
	struct keeper *keeper = NULL;
	struct err err = { 0 };

	assert_int_equal(keeper_spawn(0, NULL, &keeper, &err), 0);
	return keeper;
}

static void
a_keeper_elsewhere_opens_with_shares(void **state)
{
	struct keeper_share shares[3];
	struct keeper_progress progress;
	struct arena *arena = arena_new(1 << 20);
	struct keeper *keeper = start();
	struct keeper_blobs blobs;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(keeper_init(keeper, 3, 2, secret_view_of("ring", 4),
				 arena, shares, &blobs, &err),
		0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			keeper_unseal(keeper, 2,
				secret_view_of(shares[i].bytes, shares[i].len),
				&blobs, arena, &progress, &err),
			0);
	assert_true(progress.opened);
	assert_true(span_equal(progress.keyring, span_str("ring")));
	/* A refusal crosses with its status and text. */
	assert_int_equal(keeper_unseal(keeper, 2, secret_view_of("x", 1),
				 &blobs, arena, &progress, &err),
		ERR_INPUT);
	assert_int_equal(err.status, 400);
	assert_string_equal(err.message, "Unseal failed, invalid key");
	keeper_free(&keeper);
	assert_null(keeper);
	/* It was waited for. */
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
	arena_free(&arena);
}

/* Each asks for keyrings of its own and gets those. */
static void *
call_often(void *ctx)
{
	struct arena *arena = arena_new(8 << 20);
	struct keeper *keeper = ctx;
	static _Atomic unsigned next;
	const unsigned mine = ++next;
	size_t n_wrong = 0;

	for (int i = 0; i < N_CALLS; i++) {
		struct keeper_blobs blobs;
		struct keeper_progress progress;
		static const uint8_t key[32] =
			"thirty-two bytes that are a key";
		char ring[9000];
		const int len = snprintf(ring, sizeof(ring), "%0*u",
			i % 7 == 0 ? 8000 : 8, mine * 1000 + (unsigned)i);

		if (keeper_init_file(keeper, secret_view_of(key, 32),
			    secret_view_of(ring, (size_t)len), arena, &blobs,
			    NULL) != 0 ||
			keeper_unseal_file(keeper, secret_view_of(key, 32),
				&blobs, arena, &progress, NULL) != 0 ||
			!span_equal(
				progress.keyring, span_of(ring, (size_t)len)))
			n_wrong++;
		if (i % 20 == 0) {
			arena_free(&arena);
			arena = arena_new(8 << 20);
		}
	}
	arena_free(&arena);
	return n_wrong == 0 ? NULL : ctx;
}

static void
each_of_many_threads_gets_its_own_answers(void **state)
{
	pthread_t threads[N_THREADS];
	struct keeper *keeper = start();

	(void)state;
	for (size_t i = 0; i < N_THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, call_often, keeper),
			0);
	for (size_t i = 0; i < N_THREADS; i++) {
		void *wrong = NULL;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	keeper_free(&keeper);
}

/* Until it fails. */
static void *
call_until_the_end(void *ctx)
{
	struct keeper_progress progress;
	struct err err = { 0 };

	while (keeper_unseal_progress(ctx, &progress, &err) == 0)
		continue;
	return err.code == ERR_PEER && err.status == 500 ? NULL : ctx;
}

static pid_t
child_of(struct keeper *keeper)
{
	/* The only one there is. */
	char path[64], text[32] = "";
	int fd;

	(void)keeper;
	(void)snprintf(path, sizeof(path), "/proc/self/task/%ld/children",
		(long)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	(void)close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

static void
calls_fail_when_it_is_killed(void **state)
{
	pthread_t threads[N_THREADS];
	struct keeper *keeper = start();
	struct keeper_progress progress;
	struct err err = { 0 };
	int status = 0;

	(void)state;
	assert_false(keeper_has_ended(keeper, &status));
	for (size_t i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
					 call_until_the_end, keeper),
			0);
	assert_int_equal(kill(child_of(keeper), SIGKILL), 0);
	for (size_t i = 0; i < N_THREADS; i++) {
		void *wrong = NULL;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	while (!keeper_has_ended(keeper, &status))
		(void)usleep(1000);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_false(keeper_has_ended(keeper, &status));
	assert_int_equal(
		keeper_unseal_progress(keeper, &progress, &err), ERR_PEER);
	keeper_free(&keeper);
}

/* What is no message ends the connection and the process behind it. */
static void
nonsense_ends_it(void **state)
{
	static const uint8_t nonsense[64] = "GET / HTTP/1.1\r\n\r\n";
	struct err err = { 0 };
	uint8_t byte;
	int fd, status;
	pid_t pid;

	(void)state;
	assert_int_equal(spawn_keeper(0, NULL, &pid, &fd, &err), 0);
	assert_int_equal(frame_send(fd, span_of(nonsense, 64)), 0);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	(void)close(fd);
}

/* Nor do messages without a byte in them do harm: they get a refusal. */
static void
empty_messages_are_answered(void **state)
{
	struct inbox inbox;
	struct frame frame;
	struct buf out;
	size_t n = 0;
	pid_t pid;
	int fd;

	(void)state;
	assert_int_equal(spawn_keeper(0, NULL, &pid, &fd, NULL), 0);
	inbox_init(&inbox);
	buf_init(&out, KEEPER_MESSAGE_MAX);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(frame_add(&out, i, SPAN_NONE), 0);
	assert_int_equal(frame_send(fd, buf_span(&out)), 0);
	while (n < 20) {
		assert_int_equal(inbox_receive(&inbox, fd), 0);
		while (inbox_peek(&inbox, &frame) == 1) {
			assert_int_not_equal(frame.body.data[0], 0);
			inbox_take(&inbox, &frame);
			n++;
		}
	}
	(void)close(fd);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	inbox_clear(&inbox);
	buf_clear(&out);
}

#define N_QUICK 8

/* Requests for the making of keys, then quick ones, in one write. */
static void
add_makings(struct buf *out, uint32_t n)
{
	const struct keeper_ca_limits none = { 0 };
	struct buf message;

	buf_init(&message, KEEPER_MESSAGE_MAX);
	buf_add_char(&message, KEEPER_CA_GENERATE);
	ipc_add_field(&message, span_str("rsa"));
	ipc_add_u32(&message, 3072);
	ca_limits_add(&message, &none);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(frame_add(out, i, buf_span(&message)), 0);
	buf_reset(&message);
	buf_add_char(&message, KEEPER_PROGRESS);
	for (uint32_t i = 0; i < N_QUICK; i++)
		assert_int_equal(
			frame_add(out, 100 + i, buf_span(&message)), 0);
	buf_clear(&message);
}

/* Its answers come in the order in which they are ready. */
static size_t
take_answers(int fd, size_t n, struct frame *ret_frames, struct inbox *inbox,
	uint8_t *ret_codes)
{
	size_t got = 0;

	while (got < n) {
		struct frame frame;

		assert_int_equal(inbox_receive(inbox, fd), 0);
		while (inbox_peek(inbox, &frame) == 1) {
			assert_true(frame.body.len > 0 && got < n);
			ret_codes[got] = frame.body.data[0];
			ret_frames[got++] = frame;
			inbox_take(inbox, &frame);
		}
	}
	return got;
}

static void
open_with_a_key(int fd, struct inbox *inbox)
{
	static const uint8_t u[32] = "thirty-two bytes that are a key";
	struct ipc_message answer;
	struct span root, keyring;
	struct buf out, message;
	struct frame frame;

	buf_init(&out, KEEPER_MESSAGE_MAX);
	buf_init(&message, KEEPER_MESSAGE_MAX);
	buf_add_char(&message, KEEPER_INIT_FILE);
	ipc_add_field(&message, span_of(u, sizeof(u)));
	ipc_add_field(&message, span_str("ring"));
	assert_int_equal(frame_add(&out, 1, buf_span(&message)), 0);
	assert_int_equal(frame_send(fd, buf_span(&out)), 0);
	while (inbox_peek(inbox, &frame) == 0)
		assert_int_equal(inbox_receive(inbox, fd), 0);
	answer = ipc_read(frame.body);
	assert_int_equal(ipc_take_byte(&answer), 0);
	root = ipc_take_field(&answer, KEEPER_MESSAGE_MAX);
	keyring = ipc_take_field(&answer, KEEPER_MESSAGE_MAX);
	buf_reset(&message);
	buf_add_char(&message, KEEPER_UNSEAL_FILE);
	ipc_add_field(&message, span_of(u, sizeof(u)));
	ipc_add_field(&message, root);
	ipc_add_field(&message, keyring);
	inbox_take(inbox, &frame);
	buf_reset(&out);
	assert_int_equal(frame_add(&out, 2, buf_span(&message)), 0);
	assert_int_equal(frame_send(fd, buf_span(&out)), 0);
	while (inbox_peek(inbox, &frame) == 0)
		assert_int_equal(inbox_receive(inbox, fd), 0);
	assert_int_equal(frame.body.data[0], 0);
	inbox_take(inbox, &frame);
	buf_clear(&out);
	buf_clear(&message);
}

/* Whether two keys were made after everything else had its answer. */
static bool
makings_come_last(int fd, struct inbox *inbox)
{
	enum { N = 3 + N_QUICK };
	struct frame frames[N];
	uint8_t codes[N];
	struct buf out;

	buf_init(&out, KEEPER_MESSAGE_MAX);
	add_makings(&out, 3);
	assert_int_equal(frame_send(fd, buf_span(&out)), 0);
	assert_int_equal(take_answers(fd, N, frames, inbox, codes), N);
	buf_clear(&out);
	for (size_t i = 0; i < N; i++) {
		const bool last = i >= N - 2;

		if (frames[i].id >= 100)
			assert_int_equal(codes[i], 0);
		else if (codes[i] != 0)
			assert_int_equal(codes[i], -ERR_BUSY);
		if (last != (frames[i].id < 100 && codes[i] == 0))
			return false;
	}
	return true;
}

/*
 * Two keys are made and a third is refused; who asked behind them does not
 * wait, though an RSA key takes thousands of times as long. As a rule: now and
 * then its primes are found at once.
 */
static void
the_making_of_keys_holds_up_nobody(void **state)
{
	struct inbox inbox;
	bool so = false;
	pid_t pid;
	int fd;

	(void)state;
	assert_int_equal(spawn_keeper(0, NULL, &pid, &fd, NULL), 0);
	inbox_init(&inbox);
	open_with_a_key(fd, &inbox);
	for (int tries = 0; tries < 10 && !so; tries++)
		so = makings_come_last(fd, &inbox);
	assert_true(so);
	(void)close(fd);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	inbox_clear(&inbox);
}

static size_t
count_open_files(pid_t pid)
{
	char path[64], link[64];
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++) {
		(void)snprintf(
			path, sizeof(path), "/proc/%ld/fd/%d", (long)pid, fd);
		n += readlink(path, link, sizeof(link)) > 0;
	}
	return n;
}

static void
it_has_nothing_but_its_socket(void **state)
{
	const int file = open("/dev/null", O_RDONLY);
	struct keeper *keeper = start();
	struct keeper_progress progress;
	struct rlimit limit;
	struct err err = { 0 };
	pid_t pid = child_of(keeper);

	(void)state;
	/* It is set up before it answers. */
	assert_int_equal(keeper_unseal_progress(keeper, &progress, &err), 0);
	assert_int_equal(prlimit(pid, RLIMIT_CORE, NULL, &limit), 0);
	assert_int_equal(limit.rlim_max, 0);
	if (geteuid() == 0)
		assert_int_equal(count_open_files(pid), 4);
	/* Signals of the terminal and of the service manager are main's. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			kill(pid, (const int[]){ SIGINT, SIGTERM, SIGHUP }[i]),
			0);
	assert_int_equal(keeper_unseal_progress(keeper, &progress, &err), 0);
	keeper_free(&keeper);
	(void)close(file);
}

/* A process that starts a keeper, tells its pid and is killed. */
static pid_t
start_and_be_killed(void)
{
	int told[2], status;
	pid_t keeper_pid = 0, main_pid;

	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	main_pid = fork();
	assert_true(main_pid >= 0);
	if (main_pid == 0) {
		pid_t pid = 0;
		int fd;

		(void)spawn_keeper(0, NULL, &pid, &fd, NULL);
		if (write(told[1], &pid, sizeof(pid)) < 0)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(told[0], &keeper_pid, sizeof(keeper_pid)),
		sizeof(keeper_pid));
	assert_true(keeper_pid > 0);
	(void)kill(main_pid, SIGKILL);
	assert_int_equal(waitpid(main_pid, &status, 0), main_pid);
	(void)close(told[0]);
	(void)close(told[1]);
	return keeper_pid;
}

static void
it_ends_when_its_starter_is_killed(void **state)
{
	(void)state;
	/* Orphans come to this process, to be waited for. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	for (int i = 0; i < 20; i++) {
		const pid_t pid = start_and_be_killed();

		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_keeper_elsewhere_opens_with_shares),
		cmocka_unit_test(each_of_many_threads_gets_its_own_answers),
		cmocka_unit_test(calls_fail_when_it_is_killed),
		cmocka_unit_test(nonsense_ends_it),
		cmocka_unit_test(empty_messages_are_answered),
		cmocka_unit_test(the_making_of_keys_holds_up_nobody),
		cmocka_unit_test(it_has_nothing_but_its_socket),
		cmocka_unit_test(it_ends_when_its_starter_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
