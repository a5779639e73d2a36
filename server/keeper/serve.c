/*
 * A thread reads while it holds the reader's lock, takes a few messages, and
 * leaves the reading to the next before it answers them. A call that takes
 * seconds is taken alone, and there is a thread more for each that may be.
 */
#include "server/keeper/serve.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/lock.h"
#include "server/keeper/frame.h"
#include "server/keeper/keeper.h"

#define BATCH_MAX 16
#define QUICK_MAX 4 /* threads */
#define THREADS_MAX (QUICK_MAX + SAFE_SLOW_MAX)
#define ANSWERS_MAX ((size_t)BATCH_MAX * (KEEPER_MESSAGE_MAX + FRAME_HEAD))

static struct guard reader_guard;
static struct guard writer_guard;

struct post {
	int fd;
	struct safe *safe;
	pthread_mutex_t reader;
	struct inbox inbox GUARDED_BY(reader_guard);
	bool ended GUARDED_BY(reader_guard);
	pthread_mutex_t writer;
};

/* What a thread has in hand. */
struct work {
	struct inbox batch;
	struct buf answer, answers;
	bool slow;
};

/* Copy messages that are there, at most a batch; a slow one goes alone. */
static int
take_batch(struct post *post, struct work *work) REQUIRES(reader_guard)
{
	struct frame frame;
	int rc = 0;

	for (int n = 0; rc == 0 && n < BATCH_MAX && !work->slow; n++) {
		rc = inbox_peek(&post->inbox, &frame);
		if (rc <= 0)
			return rc;
		if (n > 0 && safe_is_slow(frame.body))
			return 0;
		work->slow = safe_is_slow(frame.body);
		rc = frame_add(&work->batch.buf, frame.id, frame.body);
		inbox_take(&post->inbox, &frame);
	}
	return rc;
}

/* At least one message; false: there will be none. */
static bool
read_batch(struct post *post, struct work *work)
{
	int rc = 0;

	work->slow = false;
	lock_take(&post->reader, &reader_guard);
	while (rc == 0 && !post->ended && work->batch.buf.len == 0) {
		rc = take_batch(post, work);
		if (rc == 0 && work->batch.buf.len == 0)
			rc = inbox_receive(&post->inbox, post->fd);
	}
	if (rc != 0)
		post->ended = true;
	lock_give(&post->reader, &reader_guard);
	return work->batch.buf.len > 0;
}

/* Whoever cannot be answered must not wait for ever: the connection ends. */
static int
answer_batch(struct post *post, struct work *work)
{
	struct frame frame;
	int rc = 0;

	while (rc == 0 && inbox_peek(&work->batch, &frame) > 0) {
		rc = safe_answer(post->safe, frame.body, &work->answer, NULL);
		if (rc == 0)
			rc = frame_add(&work->answers, frame.id,
				buf_span(&work->answer));
		inbox_take(&work->batch, &frame);
	}
	if (rc != 0)
		return rc;
	lock_take(&post->writer, &writer_guard);
	rc = frame_send(post->fd, buf_span(&work->answers));
	lock_give(&post->writer, &writer_guard);
	return rc;
}

static void *
serve(void *ctx)
{
	struct post *post = ctx;
	struct work work;

	inbox_init(&work.batch);
	buf_init(&work.answer, KEEPER_MESSAGE_MAX);
	buf_init(&work.answers, ANSWERS_MAX);
	while (read_batch(post, &work) && answer_batch(post, &work) == 0) {
		buf_reset(&work.answer);
		buf_reset(&work.answers);
	}
	/* Nobody reads on, nor waits for more answers. */
	(void)shutdown(post->fd, SHUT_RDWR);
	inbox_clear(&work.batch);
	buf_clear(&work.answer);
	buf_clear(&work.answers);
	return NULL;
}

/* This thread, and as many as there are cores to work on. */
static int
count_threads(void)
{
	const long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
	const int n = n_cores < 1 ? 1 : (int)n_cores;

	return (n < QUICK_MAX ? n : QUICK_MAX) + SAFE_SLOW_MAX;
}

int
serve_keeper(int fd, struct safe *safe, struct err *err)
{
	struct post post = { .fd = fd, .safe = safe };
	pthread_t threads[THREADS_MAX];
	const int n = count_threads();
	int n_started = 0, failed = 0;

	guard_unshared(&reader_guard);
	pthread_mutex_init(&post.reader, NULL);
	pthread_mutex_init(&post.writer, NULL);
	inbox_init(&post.inbox);
	for (int i = 1; i < n && failed == 0; i++) {
		failed =
			pthread_create(&threads[n_started], NULL, serve, &post);
		n_started += failed == 0;
	}
	if (failed == 0)
		(void)serve(&post);
	else
		(void)shutdown(fd, SHUT_RDWR);
	safe_seal(safe);
	for (int i = 0; i < n_started; i++)
		(void)pthread_join(threads[i], NULL);
	inbox_clear(&post.inbox);
	pthread_mutex_destroy(&post.reader);
	pthread_mutex_destroy(&post.writer);
	errno = failed;
	return failed == 0 ? 0 : err_set_errno(err, "pthread_create");
}
