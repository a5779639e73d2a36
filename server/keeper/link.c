/*
 * Calls in flight, each found by its number when its answer comes. One of the
 * callers at a time sends what all have queued; the reader alone hears answers,
 * and the end of them.
 *
 * The two sides cannot block each other for good, since the reader never sends.
 */
#include "server/keeper/link.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/blocking.h"
#include "lib/lock.h"
#include "server/keeper/frame.h"

#define QUEUED_MAX ((size_t)32 * 1024 * 1024)

static struct guard link_guard;

struct link {
	int fd;
	pthread_t reader;
	pthread_mutex_t lock;
	pthread_cond_t over; /* it has ended */
	uint32_t last_id GUARDED_BY(link_guard);
	/* In the order of their calls; none that has its answer. */
	struct link_job *first GUARDED_BY(link_guard);
	struct link_job **end GUARDED_BY(link_guard);
	struct buf queued GUARDED_BY(link_guard); /* to be sent */
	bool sending GUARDED_BY(link_guard);
	bool ended GUARDED_BY(link_guard); /* there are no more answers */
	struct buf sent;                   /* of whoever is sending */
	struct inbox inbox;                /* the reader's */
};

/* ---- what is in flight -------------------------------------------------- */

static void
add_job(struct link *link, struct link_job *job) REQUIRES(link_guard)
{
	job->next = NULL;
	*link->end = job;
	link->end = &job->next;
}

/* The job of this number, which waits no longer; NULL: there is none. */
static struct link_job *
take_job(struct link *link, uint32_t id) REQUIRES(link_guard)
{
	struct link_job **at = &link->first;
	struct link_job *found = NULL;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	found = *at;
	if (found == NULL)
		return NULL;
	*at = found->next;
	if (link->end == &found->next)
		link->end = at;
	found->next = NULL;
	return found;
}

/* The other side shall see it too: nobody hears it any more. */
static void
end_link(struct link *link) REQUIRES(link_guard)
{
	link->ended = true;
	pthread_cond_signal(&link->over);
	(void)shutdown(link->fd, SHUT_RDWR);
}

static void
finish(struct link_job *job, int rc)
{
	job->rc = rc;
	job->done(job);
}

static void
finish_all(struct link_job *job, int rc)
{
	while (job != NULL) {
		struct link_job *next = job->next;

		/* It may be gone at once. */
		finish(job, rc);
		job = next;
	}
}

/* ---- there -------------------------------------------------------------- */

/* Send what is queued, and what others queue meanwhile. */
static void
send_for_all(struct link *link) REQUIRES(link_guard)
{
	link->sending = true;
	while (link->queued.len > 0 && !link->ended) {
		const struct buf queued = link->queued;
		int rc;

		link->queued = link->sent;
		link->sent = queued;
		lock_give(&link->lock, &link_guard);
		rc = frame_send(link->fd, buf_span(&link->sent));
		buf_reset(&link->sent);
		lock_take(&link->lock, &link_guard);
		if (rc != 0)
			end_link(link);
	}
	link->sending = false;
}

void
link_begin(struct link *link, struct span in, struct link_job *job)
{
	int rc = ERR_PEER;

	lock_take(&link->lock, &link_guard);
	job->id = ++link->last_id;
	if (!link->ended)
		rc = frame_add(&link->queued, job->id, in);
	if (rc == 0) {
		add_job(link, job);
		if (!link->sending)
			send_for_all(link);
	}
	lock_give(&link->lock, &link_guard);
	if (rc != 0)
		finish(job, rc);
}

/* ---- and back ----------------------------------------------------------- */

/*
 * Give their answers to those that they are for, whom *ret_answered lists.
 * ERR_PEER for what is no answer.
 */
static int
hand_out(struct link *link, struct link_job **ret_answered) REQUIRES(link_guard)
{
	struct frame frame;
	int rc;

	while ((rc = inbox_peek(&link->inbox, &frame)) > 0) {
		struct link_job *job = take_job(link, frame.id);

		if (job == NULL)
			return ERR_PEER;
		buf_reset(job->out);
		(void)buf_add_span(job->out, frame.body);
		inbox_take(&link->inbox, &frame);
		*ret_answered = job;
		ret_answered = &job->next;
	}
	return rc;
}

static void *
read_for_all(void *ctx)
{
	struct link *link = ctx;
	struct link_job *unanswered = NULL;
	int rc = 0;

	while (rc == 0) {
		struct link_job *answered = NULL;

		rc = inbox_receive(&link->inbox, link->fd);
		lock_take(&link->lock, &link_guard);
		if (rc == 0)
			rc = hand_out(link, &answered);
		lock_give(&link->lock, &link_guard);
		finish_all(answered, 0);
	}
	lock_take(&link->lock, &link_guard);
	end_link(link);
	unanswered = link->first;
	link->first = NULL;
	link->end = &link->first;
	lock_give(&link->lock, &link_guard);
	finish_all(unanswered, ERR_PEER);
	return NULL;
}

/* Signals are for others: whoever makes a link may not have blocked them yet.
 */
static int
start_reader(struct link *link, struct err *err)
{
	pthread_attr_t attr;
	sigset_t all;

	(void)sigfillset(&all);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setsigmask_np(&attr, &all);
	errno = pthread_create(&link->reader, &attr, read_for_all, link);
	(void)pthread_attr_destroy(&attr);
	return errno == 0 ? 0 : err_set_errno(err, "pthread_create");
}

/* ---- a call that is waited for ------------------------------------------ */

struct waiter {
	struct link_job job; /* the first member */
	sem_t over;
};

static void
wake(struct link_job *job)
{
	(void)sem_post(&((struct waiter *)(void *)job)->over);
}

int
link_call(struct link *link, struct span in, struct buf *out, struct err *err)
{
	struct waiter waiter = { .job = { .out = out, .done = wake } };

	(void)sem_init(&waiter.over, 0, 0);
	link_begin(link, in, &waiter.job);
	blocking_begin();
	while (sem_wait(&waiter.over) != 0)
		continue;
	blocking_end();
	(void)sem_destroy(&waiter.over);
	if (waiter.job.rc == 0)
		return buf_check(out, err);
	if (err != NULL && err->code == 0)
		(void)snprintf(err->detail, sizeof(err->detail),
			"the keeper does not answer");
	return err_set(err, waiter.job.rc, 500, "internal error");
}

/* ---- from the first to the last ----------------------------------------- */

static void
destroy(struct link *link)
{
	guard_unshared(&link_guard);
	buf_clear(&link->queued);
	buf_clear(&link->sent);
	inbox_clear(&link->inbox);
	pthread_cond_destroy(&link->over);
	pthread_mutex_destroy(&link->lock);
	free(link);
}

int
link_new(int fd, struct link **ret_link, struct err *err)
{
	struct link *link = calloc(1, sizeof(*link));
	int rc;

	if (link == NULL)
		return err_set_memory(err);
	guard_unshared(&link_guard);
	link->fd = fd;
	link->end = &link->first;
	pthread_mutex_init(&link->lock, NULL);
	lock_init_cond(&link->over);
	buf_init(&link->queued, QUEUED_MAX);
	buf_init(&link->sent, QUEUED_MAX);
	inbox_init(&link->inbox);
	rc = start_reader(link, err);
	if (rc != 0) {
		destroy(link);
		return rc;
	}
	*ret_link = link;
	return 0;
}

/* The other side's end is the reader's. */
static void
wait_for_end(struct link *link, unsigned timeout_s)
{
	struct timespec until;

	(void)shutdown(link->fd, SHUT_WR);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_s;
	lock_take(&link->lock, &link_guard);
	while (!link->ended &&
		lock_wait_until(
			&link->over, &link->lock, &until, &link_guard) == 0)
		;
	if (!link->ended)
		end_link(link);
	lock_give(&link->lock, &link_guard);
	(void)pthread_join(link->reader, NULL);
}

void
link_free(struct link **link, unsigned timeout_s)
{
	struct link *old = *link;

	if (old == NULL)
		return;
	wait_for_end(old, timeout_s);
	(void)close(old->fd);
	destroy(old);
	*link = NULL;
}
