/* A thread that asks when it is told to. */
#include "server/main/heartbeat.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "server/keeper/keeper.h"

#define LAST_ANSWER_S 5

struct heartbeat {
	struct keeper *keeper;
	pthread_t thread;
	sem_t ask; /* once more, or leave */
	sem_t answered;
	_Atomic bool leaves;
	unsigned n_missed; /* main's */
};

static void *
ask(void *ctx)
{
	struct heartbeat *heartbeat = ctx;

	for (;;) {
		while (sem_wait(&heartbeat->ask) != 0)
			continue;
		if (atomic_load(&heartbeat->leaves))
			return NULL;
		/* A failure is an answer too: the keeper's end shows by itself.
		 */
		(void)keeper_ping(heartbeat->keeper, NULL);
		(void)sem_post(&heartbeat->answered);
	}
}

int
heartbeat_start(struct keeper *keeper, struct heartbeat **ret_heartbeat,
	struct err *err)
{
	struct heartbeat *heartbeat = calloc(1, sizeof(*heartbeat));

	if (heartbeat == NULL)
		return err_set_memory(err);
	heartbeat->keeper = keeper;
	(void)sem_init(&heartbeat->ask, 0, 1);
	(void)sem_init(&heartbeat->answered, 0, 0);
	errno = pthread_create(&heartbeat->thread, NULL, ask, heartbeat);
	if (errno != 0) {
		free(heartbeat);
		return err_set_errno(err, "pthread_create");
	}
	*ret_heartbeat = heartbeat;
	return 0;
}

unsigned
heartbeat_beat(struct heartbeat *heartbeat)
{
	if (sem_trywait(&heartbeat->answered) != 0)
		return ++heartbeat->n_missed;
	heartbeat->n_missed = 0;
	(void)sem_post(&heartbeat->ask);
	return 0;
}

/* Whether the answer that is due has come. */
static bool
has_answer(struct heartbeat *heartbeat)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LAST_ANSWER_S;
	while (sem_timedwait(&heartbeat->answered, &until) != 0) {
		if (errno != EINTR)
			return false;
	}
	return true;
}

void
heartbeat_stop(struct heartbeat **heartbeat)
{
	struct heartbeat *old = *heartbeat;

	if (old == NULL)
		return;
	if (!has_answer(old))
		keeper_kill(old->keeper);
	atomic_store(&old->leaves, true);
	(void)sem_post(&old->ask);
	(void)pthread_join(old->thread, NULL);
	(void)sem_destroy(&old->ask);
	(void)sem_destroy(&old->answered);
	free(old);
	*heartbeat = NULL;
}
