/* One thread that takes the held signals while the other is in a call. */
#include "client/interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "client/child.h"
#include "lib/base.h"

#define WORDS "Waiting for the server, to take back what it makes.\n"

static sigset_t set;
static pthread_t thread;
static bool is_waiting;
static _Atomic int taken;

/* As if nobody had held it. */
static void
end_by(int number)
{
	sigset_t one;

	(void)sigemptyset(&one);
	(void)sigaddset(&one, number);
	(void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	(void)raise(number);
}

static void *
take_signals(UNUSED void *ctx)
{
	int number = 0;

	while (sigwait(&set, &number) == 0) {
		if (atomic_exchange(&taken, number) != 0)
			end_by(number);
		(void)!write(STDERR_FILENO, WORDS, sizeof(WORDS) - 1);
	}
	return NULL;
}

void
interrupt_wait(void)
{
	atomic_store(&taken, 0);
	child_end_signals(&set);
	is_waiting = pthread_create(&thread, NULL, take_signals, NULL) == 0;
}

int
interrupt_end(void)
{
	if (is_waiting) {
		(void)pthread_cancel(thread);
		(void)pthread_join(thread, NULL);
		is_waiting = false;
	}
	return atomic_load(&taken);
}
