/* Workers: everything queued runs, bounds hold, slow work waits apart. */
#include "server/core/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/blocking.h"

/* A gate that jobs wait at, and what came of them. */
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool open, in_silence; /* waiting jobs do not say so */
	size_t n_waiting, n_done;
};

struct gated_job {
	struct job job;
	struct gate *gate;
};

static void
gate_init(struct gate *gate)
{
	*gate = (struct gate){ .open = false };
	pthread_mutex_init(&gate->mutex, NULL);
	pthread_cond_init(&gate->cond, NULL);
}

static void
pass_gate(struct job *job)
{
	struct gate *gate = ((struct gated_job *)job)->gate;

	pthread_mutex_lock(&gate->mutex);
	gate->n_waiting++;
	pthread_cond_broadcast(&gate->cond);
	if (!gate->in_silence)
		blocking_begin();
	while (!gate->open)
		pthread_cond_wait(&gate->cond, &gate->mutex);
	if (!gate->in_silence)
		blocking_end();
	gate->n_done++;
	pthread_cond_broadcast(&gate->cond);
	pthread_mutex_unlock(&gate->mutex);
}

static void
wait_for_waiting(struct gate *gate, size_t n)
{
	pthread_mutex_lock(&gate->mutex);
	while (gate->n_waiting < n)
		pthread_cond_wait(&gate->cond, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void
wait_for_done(struct gate *gate, size_t n)
{
	pthread_mutex_lock(&gate->mutex);
	while (gate->n_done < n)
		pthread_cond_wait(&gate->cond, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void
open_gate(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->open = true;
	pthread_cond_broadcast(&gate->cond);
	pthread_mutex_unlock(&gate->mutex);
}

static struct workers *
new_workers(size_t threads, size_t queue)
{
	struct workers *workers = NULL;
	struct err err = { 0 };

	assert_int_equal(workers_new(threads, queue, &workers, &err), 0);
	return workers;
}

static int
submit(struct workers *workers, struct gated_job *job, struct gate *gate,
	bool slow)
{
	struct err err = { 0 };
	int rc;

	job->job.fn = pass_gate;
	job->gate = gate;
	rc = workers_submit(workers, &job->job, slow, &err);
	if (rc != 0) {
		assert_int_equal(err.status, 503);
		assert_string_equal(err.message, "overloaded");
	}
	return rc;
}

static void
every_job_runs_once(void **state)
{
	static struct gated_job jobs[2000];
	struct workers *workers = new_workers(4, ARRAY_LEN(jobs));
	struct gate gate;
	size_t i;

	(void)state;
	gate_init(&gate);
	open_gate(&gate);
	for (i = 0; i < ARRAY_LEN(jobs); i++)
		assert_int_equal(submit(workers, &jobs[i], &gate, false), 0);
	workers_free(&workers);
	assert_int_equal(gate.n_done, ARRAY_LEN(jobs));
}

static void
threads_are_started_up_to_the_limit(void **state)
{
	struct workers *workers = new_workers(3, 10);
	struct gated_job jobs[5];
	struct gate gate;
	size_t i;

	(void)state;
	gate_init(&gate);
	for (i = 0; i < ARRAY_LEN(jobs); i++)
		assert_int_equal(submit(workers, &jobs[i], &gate, false), 0);
	wait_for_waiting(&gate, 3);
	/* The other two have nobody to run them. */
	assert_int_equal(gate.n_waiting, 3);
	open_gate(&gate);
	wait_for_done(&gate, ARRAY_LEN(jobs));
	workers_free(&workers);
}

/* As many as there are processors, and two at least. */
static size_t
n_at_work(void)
{
	const long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 2 ? (size_t)n : 2;
}

static void
jobs_that_do_not_wait_take_turns(void **state)
{
	const size_t n = n_at_work() + 3;
	struct gated_job *jobs = calloc(n, sizeof(*jobs));
	struct workers *workers = new_workers(2 * n, n);
	struct gate gate;
	size_t i;

	(void)state;
	assert_non_null(jobs);
	gate_init(&gate);
	gate.in_silence = true;
	for (i = 0; i < n; i++)
		assert_int_equal(submit(workers, &jobs[i], &gate, false), 0);
	wait_for_waiting(&gate, n_at_work());
	assert_true(workers_have_more(workers));
	assert_int_equal(gate.n_waiting, n_at_work());
	open_gate(&gate);
	wait_for_done(&gate, n);
	workers_free(&workers);
	free(jobs);
}

static void
jobs_that_wait_in_silence_do_not_stop_the_rest(void **state)
{
	const size_t n = n_at_work();
	struct gated_job *jobs = calloc(n, sizeof(*jobs));
	struct workers *workers = new_workers(2 * n, n + 3);
	struct gated_job rest[3];
	struct gate gate, opened;
	size_t i;

	(void)state;
	assert_non_null(jobs);
	gate_init(&gate);
	gate_init(&opened);
	open_gate(&opened);
	gate.in_silence = true;
	for (i = 0; i < n; i++)
		assert_int_equal(submit(workers, &jobs[i], &gate, false), 0);
	wait_for_waiting(&gate, n);
	for (i = 0; i < ARRAY_LEN(rest); i++)
		assert_int_equal(submit(workers, &rest[i], &opened, false), 0);
	/* The first call may see that jobs were taken before. */
	workers_look_after(workers);
	workers_look_after(workers);
	wait_for_done(&opened, ARRAY_LEN(rest));
	open_gate(&gate);
	workers_free(&workers);
	free(jobs);
}

static void
full_queue_is_refused(void **state)
{
	struct workers *workers = new_workers(1, 2);
	struct gated_job jobs[4];
	struct gate gate;

	(void)state;
	gate_init(&gate);
	assert_int_equal(submit(workers, &jobs[0], &gate, false), 0);
	wait_for_waiting(&gate, 1);
	assert_int_equal(submit(workers, &jobs[1], &gate, false), 0);
	assert_int_equal(submit(workers, &jobs[2], &gate, false), 0);
	assert_int_equal(submit(workers, &jobs[3], &gate, false), ERR_BUSY);
	open_gate(&gate);
	wait_for_done(&gate, 3);
	workers_free(&workers);
}

static void
slow_work_does_not_hold_up_the_rest(void **state)
{
	struct workers *workers = new_workers(2, 10);
	struct gated_job slow[4], quick[2];
	struct gate closed, opened;
	size_t i;

	(void)state;
	gate_init(&closed);
	gate_init(&opened);
	open_gate(&opened);
	for (i = 0; i < ARRAY_LEN(slow); i++)
		assert_int_equal(submit(workers, &slow[i], &closed, true), 0);
	wait_for_waiting(&closed, 2);
	for (i = 0; i < ARRAY_LEN(quick); i++)
		assert_int_equal(submit(workers, &quick[i], &opened, false), 0);
	wait_for_done(&opened, 2);
	assert_int_equal(closed.n_waiting, 2);
	open_gate(&closed);
	workers_free(&workers);
	assert_int_equal(closed.n_done, 4);
}

static void
idle_threads_are_used_again(void **state)
{
	struct workers *workers = new_workers(2, 10);
	struct gated_job job;
	struct gate gate;
	size_t i;

	(void)state;
	gate_init(&gate);
	open_gate(&gate);
	for (i = 0; i < 100; i++) {
		assert_int_equal(submit(workers, &job, &gate, false), 0);
		wait_for_done(&gate, i + 1);
	}
	workers_free(&workers);
}

struct parked_job {
	struct gated_job gated; /* the first member */
	struct workers *workers;
};

static void
park(struct job *job)
{
	struct parked_job *parked = (struct parked_job *)job;

	assert_true(workers_park(parked->workers));
	job->fn = pass_gate;
	pthread_mutex_lock(&parked->gated.gate->mutex);
	parked->gated.gate->n_waiting++;
	pthread_cond_broadcast(&parked->gated.gate->cond);
	pthread_mutex_unlock(&parked->gated.gate->mutex);
}

static void
submit_parking(struct workers *workers, struct parked_job *parked,
	struct gate *gate, bool slow)
{
	*parked = (struct parked_job){ .workers = workers,
		.gated = { .gate = gate, .job = { .fn = park } } };
	assert_int_equal(
		workers_submit(workers, &parked->gated.job, slow, NULL), 0);
}

static void
parked_jobs_hold_no_thread(void **state)
{
	struct workers *workers = new_workers(1, 100);
	static struct parked_job jobs[50];
	struct gate gate;
	size_t i;

	(void)state;
	gate_init(&gate);
	open_gate(&gate);
	for (i = 0; i < ARRAY_LEN(jobs); i++)
		submit_parking(workers, &jobs[i], &gate, false);
	wait_for_waiting(&gate, ARRAY_LEN(jobs));
	assert_int_equal(gate.n_done, 0);
	for (i = 0; i < ARRAY_LEN(jobs); i++)
		workers_resume(workers, &jobs[i].gated.job);
	wait_for_done(&gate, ARRAY_LEN(jobs));
	workers_free(&workers);
}

/* No ordinary job has come yet: nobody is there to take it up again. */
static void
a_slow_job_that_parks_is_taken_up_again(void **state)
{
	struct workers *workers = new_workers(1, 10);
	struct parked_job parked;
	struct gate gate;

	(void)state;
	gate_init(&gate);
	open_gate(&gate);
	submit_parking(workers, &parked, &gate, true);
	wait_for_waiting(&gate, 1);
	workers_resume(workers, &parked.gated.job);
	wait_for_done(&gate, 1);
	workers_free(&workers);
}

static struct job *first_run;

static void
note_first(struct job *job)
{
	if (first_run == NULL)
		first_run = job;
}

static void
resumed_jobs_come_before_new_ones(void **state)
{
	struct workers *workers = new_workers(1, 10);
	struct job fresh = { .fn = note_first };
	struct parked_job parked;
	struct gated_job holder;
	struct gate gate, closed;

	(void)state;
	gate_init(&gate);
	gate_init(&closed);
	submit_parking(workers, &parked, &gate, false);
	wait_for_waiting(&gate, 1);
	assert_int_equal(submit(workers, &holder, &closed, false), 0);
	wait_for_waiting(&closed, 1);
	first_run = NULL;
	assert_int_equal(workers_submit(workers, &fresh, false, NULL), 0);
	parked.gated.job.fn = note_first;
	workers_resume(workers, &parked.gated.job);
	open_gate(&closed);
	workers_free(&workers);
	assert_ptr_equal(first_run, &parked.gated.job);
}

static void *
stop_workers(void *ctx)
{
	workers_stop(ctx);
	return NULL;
}

static void
the_end_waits_for_what_is_parked(void **state)
{
	struct workers *workers = new_workers(2, 10);
	struct parked_job parked;
	struct gated_job fresh;
	struct gate gate;
	pthread_t thread;
	size_t n = 0;

	(void)state;
	gate_init(&gate);
	open_gate(&gate);
	submit_parking(workers, &parked, &gate, false);
	wait_for_waiting(&gate, 1);
	assert_int_equal(
		pthread_create(&thread, NULL, stop_workers, workers), 0);
	/* Refused from the moment on when the end has begun. */
	while (submit(workers, &fresh, &gate, false) == 0)
		wait_for_done(&gate, ++n);
	workers_resume(workers, &parked.gated.job);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(gate.n_done, n + 1);
	workers_free(&workers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_runs_once),
		cmocka_unit_test(threads_are_started_up_to_the_limit),
		cmocka_unit_test(jobs_that_do_not_wait_take_turns),
		cmocka_unit_test(
			jobs_that_wait_in_silence_do_not_stop_the_rest),
		cmocka_unit_test(full_queue_is_refused),
		cmocka_unit_test(slow_work_does_not_hold_up_the_rest),
		cmocka_unit_test(idle_threads_are_used_again),
		cmocka_unit_test(parked_jobs_hold_no_thread),
		cmocka_unit_test(a_slow_job_that_parks_is_taken_up_again),
		cmocka_unit_test(resumed_jobs_come_before_new_ones),
		cmocka_unit_test(the_end_waits_for_what_is_parked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
