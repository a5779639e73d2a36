/*
 * Calls in flight, each found by its number when its answer comes. At any time
 * one of the callers sends what all have queued, and another one, or the same
 * when it has sent, reads for all; the rest sleep. Who has its own answer
 * leaves its part to one that has not.
 *
 * The two sides cannot block each other for good: answers that are not read yet
 * are for callers of whom at most one is sending, so another reads.
 */
#include "server/keeper/link.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/lock.h"
#include "server/keeper/frame.h"

#define QUEUED_MAX ((size_t)32 * 1024 * 1024)

static struct guard link_guard;

/* A call in flight, on its caller's stack. */
struct waiter {
	struct waiter *next;
	uint32_t id;
	struct buf *out;
	bool answered;
	/*
	 * Once when another has read its answer; else when it has to send or to
	 * read, or when there are no more answers.
	 */
	sem_t wake;
};

struct link {
	int fd;
	pthread_mutex_t lock;
	uint32_t last_id GUARDED_BY(link_guard);
	/* In the order of their calls; none that has its answer. */
	struct waiter *first GUARDED_BY(link_guard);
	struct waiter *last GUARDED_BY(link_guard);
	struct waiter *sender GUARDED_BY(link_guard); /* never the same */
	struct waiter *reader GUARDED_BY(link_guard);
	struct buf queued GUARDED_BY(link_guard); /* to be sent */
	bool sending GUARDED_BY(link_guard);
	bool reading GUARDED_BY(link_guard);
	bool ended GUARDED_BY(link_guard); /* there are no more answers */
	struct buf sent;                   /* of whoever is sending */
	struct inbox inbox;                /* of whoever is reading */
};

int
link_new(int fd, struct link **ret_link, struct err *err)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return err_set_memory(err);
	guard_unshared(&link_guard);
	link->fd = fd;
	pthread_mutex_init(&link->lock, NULL);
	buf_init(&link->queued, QUEUED_MAX);
	buf_init(&link->sent, QUEUED_MAX);
	inbox_init(&link->inbox);
	*ret_link = link;
	return 0;
}

/* The other side's end shows as the end of what it sends. */
static void
wait_for_end(int fd, unsigned timeout_s)
{
	const struct timeval timeout = { .tv_sec = timeout_s };
	uint8_t rest[512];

	(void)setsockopt(
		fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	(void)shutdown(fd, SHUT_WR);
	while (recv(fd, rest, sizeof(rest), 0) > 0)
		continue;
}

void
link_free(struct link **link, unsigned timeout_s)
{
	struct link *old = *link;

	if (old == NULL)
		return;
	guard_unshared(&link_guard);
	wait_for_end(old->fd, timeout_s);
	(void)close(old->fd);
	buf_clear(&old->queued);
	buf_clear(&old->sent);
	inbox_clear(&old->inbox);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*link = NULL;
}

/* ---- who waits ---------------------------------------------------------- */

static void
add_waiter(struct link *link, struct waiter *waiter) REQUIRES(link_guard)
{
	waiter->id = ++link->last_id;
	if (link->first == NULL)
		link->first = waiter;
	else
		link->last->next = waiter;
	link->last = waiter;
}

/* The waiter of this number, who waits no longer; NULL: there is none. */
static struct waiter *
take_waiter(struct link *link, uint32_t id) REQUIRES(link_guard)
{
	struct waiter *before = NULL, *found = link->first;

	while (found != NULL && found->id != id) {
		before = found;
		found = found->next;
	}
	if (found == NULL)
		return NULL;
	if (before == NULL)
		link->first = found->next;
	else
		before->next = found->next;
	if (link->last == found)
		link->last = before;
	found->next = NULL;
	return found;
}

/* All that wait shall see it, and the other side: nobody hears it any more. */
static void
end_link(struct link *link) REQUIRES(link_guard)
{
	struct waiter *at = link->first;

	link->ended = true;
	(void)shutdown(link->fd, SHUT_RDWR);
	link->first = link->last = NULL;
	while (at != NULL) {
		struct waiter *next = at->next;

		(void)sem_post(&at->wake);
		at = next;
	}
}

/* ---- there -------------------------------------------------------------- */

/*
 * Whether somebody else sends from now on: the one that called last, which is
 * not done before it has sent.
 */
static bool
pass_on_sending(struct link *link) REQUIRES(link_guard)
{
	if (link->queued.len == 0 || link->ended || link->last == link->reader)
		return false;
	link->sender = link->last;
	(void)sem_post(&link->sender->wake);
	return true;
}

/* Send what is queued, and what others queue meanwhile. */
static void
send_for_all(struct link *link, const struct waiter *self) REQUIRES(link_guard)
{
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
		if (self->answered && pass_on_sending(link))
			return;
	}
	link->sender = NULL;
}

/* ---- and back ----------------------------------------------------------- */

static void
pass_on_reading(struct link *link) REQUIRES(link_guard)
{
	struct waiter *next = link->first;

	if (next != NULL && next == link->sender)
		next = next->next;
	link->reader = next;
	if (next != NULL)
		(void)sem_post(&next->wake);
}

/*
 * Give their answers to those that they are for; *ret_others: who of them is to
 * be woken. ERR_PEER for what is no answer.
 */
static int
hand_out(struct link *link, const struct waiter *self,
	struct waiter **ret_others) REQUIRES(link_guard)
{
	struct frame frame;
	int rc;

	while ((rc = inbox_peek(&link->inbox, &frame)) > 0) {
		struct waiter *waiter = take_waiter(link, frame.id);

		if (waiter == NULL)
			return ERR_PEER;
		buf_reset(waiter->out);
		(void)buf_add_span(waiter->out, frame.body);
		waiter->answered = true;
		inbox_take(&link->inbox, &frame);
		if (waiter == self)
			continue;
		*ret_others = waiter;
		ret_others = &waiter->next;
	}
	return rc;
}

static void
wake_all(struct waiter *waiter)
{
	while (waiter != NULL) {
		struct waiter *next = waiter->next;

		/* It may be gone at once. */
		(void)sem_post(&waiter->wake);
		waiter = next;
	}
}

/* Read for all until its own answer has come. */
static void
read_for_all(struct link *link, const struct waiter *self) REQUIRES(link_guard)
{
	while (!self->answered && !link->ended) {
		struct waiter *others = NULL;
		int rc;

		lock_give(&link->lock, &link_guard);
		rc = inbox_receive(&link->inbox, link->fd);
		lock_take(&link->lock, &link_guard);
		if (rc == 0)
			rc = hand_out(link, self, &others);
		if (rc != 0)
			end_link(link);
		if (self->answered || link->ended)
			pass_on_reading(link);
		lock_give(&link->lock, &link_guard);
		wake_all(others);
		lock_take(&link->lock, &link_guard);
	}
}

/* ---- a call ------------------------------------------------------------- */

static int
queue_call(struct link *link, struct waiter *waiter, struct span in)
	REQUIRES(link_guard)
{
	int rc;

	if (link->ended)
		return ERR_PEER;
	add_waiter(link, waiter);
	rc = frame_add(&link->queued, waiter->id, in);
	if (rc != 0)
		(void)take_waiter(link, waiter->id);
	else if (link->sender == NULL)
		link->sender = waiter;
	return rc;
}

/* Do what is this waiter's to do; true: it has nothing to wait for. */
static bool
do_part(struct link *link, struct waiter *waiter) REQUIRES(link_guard)
{
	if (link->sender == waiter)
		send_for_all(link, waiter);
	/* Whoever read its answer meanwhile wakes it. */
	if (waiter->answered)
		return false;
	if (link->reader == NULL && !link->ended)
		link->reader = waiter;
	if (link->reader == waiter)
		read_for_all(link, waiter);
	return waiter->answered || link->ended;
}

int
link_call(struct link *link, struct span in, struct buf *out, struct err *err)
{
	struct waiter waiter = { .out = out };
	bool over;
	int rc;

	(void)sem_init(&waiter.wake, 0, 0);
	lock_take(&link->lock, &link_guard);
	rc = queue_call(link, &waiter, in);
	over = rc != 0 || do_part(link, &waiter);
	lock_give(&link->lock, &link_guard);
	while (!over) {
		while (sem_wait(&waiter.wake) != 0)
			continue;
		if (waiter.answered)
			break;
		lock_take(&link->lock, &link_guard);
		over = do_part(link, &waiter);
		lock_give(&link->lock, &link_guard);
	}
	(void)sem_destroy(&waiter.wake);
	if (waiter.answered)
		return buf_check(out, err);
	if (err != NULL && err->code == 0)
		(void)snprintf(err->detail, sizeof(err->detail),
			"the keeper does not answer");
	return err_set(err, rc == 0 ? ERR_PEER : rc, 500, "internal error");
}
