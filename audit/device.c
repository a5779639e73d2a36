/*
 * A device has two threads that do the same: take all waiting lines, write
 * them with one write, let go on who waits for that, and make them durable
 * with one fdatasync if one of them asks for it. One writes at a time and one
 * syncs at a time, so that request lines go on being written during a sync;
 * lines that want a sync gather for the next one. Of a file that is idle a
 * caller may do the same once, in a thread's stead.
 */
#include "audit/device.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "audit/chain.h"
#include "audit/device_config.h"
#include "audit/entry.h"
#include "audit/file_end.h"
#include "audit/line.h"
#include "lib/blocking.h"
#include "lib/lock.h"
#include "lib/log.h"

#define QUEUE_LINES_MAX 8192
#define BATCH_BYTES_MAX ((size_t)16 << 20)
#define RETRY_NS CLOCK_NS_PER_S
#define LYING_MAX 64
#define BATCH_KEPT ((size_t)4 << 20)

#define THREADS 2

static struct guard device_guard;

struct device {
	atomic_uint refs;
	char *path;
	struct entry_style style;
	struct hasher *hasher;
	struct secret *sign_key;
	uint8_t public_key[AUDITLINE_PUBLIC];
	struct device_settings settings;
	pthread_t threads[THREADS];
	size_t n_threads;
	struct auditline_head found; /* the chain's end at the start */

	/*
	 * Of the thread that is writing. Nothing but a sync runs on the sink
	 * meanwhile, and none while it is opened or closed.
	 */
	struct sink_file *sink;
	struct chain chain;
	struct buf batch;
	bool closed; /* the sink must be opened before the next line */

	pthread_mutex_t lock;
	pthread_cond_t wake;  /* there is something to write */
	pthread_cond_t ended; /* a write or a sync has ended */
	/* Lines that want to be written, and those that want a sync too. */
	struct lines to_write GUARDED_BY(device_guard);
	struct lines to_sync GUARDED_BY(device_guard);
	size_t n_running GUARDED_BY(device_guard);
	size_t n_leading GUARDED_BY(device_guard); /* callers at work */
	bool writing GUARDED_BY(device_guard);
	bool syncing GUARDED_BY(device_guard);
	/* The sync is over, its thread wants to write. */
	bool sync_failed GUARDED_BY(device_guard);
	/* A thread was, and has not come yet. */
	bool woken GUARDED_BY(device_guard);
	struct line *in_write GUARDED_BY(device_guard);
	struct line *in_sync GUARDED_BY(device_guard);
	bool stop GUARDED_BY(device_guard);
	bool reopen GUARDED_BY(device_guard);
	bool out GUARDED_BY(device_guard);
	int64_t retry_ns GUARDED_BY(device_guard); /* while out: not before */
	uint64_t missed GUARDED_BY(device_guard);
	struct auditline_head synced GUARDED_BY(device_guard);
	char error[ERR_DETAIL_MAX] GUARDED_BY(device_guard);
};

int64_t
device_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * CLOCK_NS_PER_S + now.tv_nsec;
}

const char *
device_path(const struct device *device)
{
	return device->path;
}

bool
device_is_same_file(const struct device *fresh, const struct device *other)
{
	return sink_file_is_same(fresh->sink, other->sink);
}

static int
make_keys(struct device *device, const struct audit_device_config *config,
	struct err *err)
{
	int rc = hasher_new(config->hmac_key, &device->hasher, err);

	if (rc != 0)
		return rc;
	device->style.hasher = device->hasher;
	device->sign_key = secret_new(AUDITLINE_SECRET);
	if (device->sign_key == NULL)
		return err_set_memory(err);
	crypto_sign_seed_keypair(device->public_key,
		secret_bytes(device->sign_key), config->sign_seed);
	return 0;
}

static int
open_sink(
	struct device *device, bool start, const char *reason, struct err *err)
{
	int rc = sink_file_open(device->sink, err);

	if (rc == 0)
		rc = chain_resume(
			&device->chain, device->sink, start, reason, err);
	device->closed = rc != 0;
	return rc;
}

/* Everything of the device that may fail, into a zeroed struct. */
static int
prepare(struct device *device, const struct audit_device_config *config,
	struct err *err)
{
	struct device_options options;
	int rc = device_config_parse(config, &options, err);

	if (rc != 0)
		return rc;
	device->style.log_raw = options.log_raw;
	device->style.clear_accessor = !options.hmac_accessor;
	if (options.timeout_ms > 0)
		device->settings.deadline_ms = options.timeout_ms;
	device->path = strdup(config->path);
	if (device->path == NULL)
		return err_set_memory(err);
	rc = make_keys(device, config, err);
	if (rc == 0)
		rc = sink_file_new(config->options, device->settings.places,
			&device->sink, err);
	if (rc != 0)
		return rc;
	device->chain.head = config->head;
	guard_unshared(&device_guard);
	device->synced = config->head;
	rc = open_sink(device, true, "device opened", err);
	device->found = device->chain.head;
	return rc;
}

int
device_new(const struct device_settings *settings,
	const struct audit_device_config *config, struct device **ret_device,
	struct err *err)
{
	struct device *device = calloc(1, sizeof(*device));
	int rc;

	if (device == NULL)
		return err_set_memory(err);
	atomic_init(&device->refs, 1);
	device->settings = *settings;
	pthread_mutex_init(&device->lock, NULL);
	pthread_cond_init(&device->wake, NULL);
	pthread_cond_init(&device->ended, NULL);
	buf_init(&device->batch, BATCH_BYTES_MAX + 2 * LINE_BODY_MAX);
	rc = prepare(device, config, err);
	if (rc != 0) {
		device_close(&device);
		return rc;
	}
	*ret_device = device;
	return 0;
}

/* ---- writing and syncing ---------------------------------------------- */

/* What a thread has in its hands. */
struct batch {
	struct lines lines;
	bool sync, reopen;
};

/*
 * Request lines first: a response line never overtakes its request's. During
 * a sync there are no others, and the last line of a synced batch is one that
 * asked for the sync.
 */
static struct batch
take_batch(struct device *device, bool may_sync) REQUIRES(device_guard)
{
	struct batch batch = { .sync = false };

	lines_take(&batch.lines, &device->to_write, BATCH_BYTES_MAX);
	if (may_sync && !device->syncing) {
		if (device->to_write.first == NULL)
			lines_take(&batch.lines, &device->to_sync,
				BATCH_BYTES_MAX);
		batch.sync = batch.lines.n > 0 && batch.lines.last->sync;
		batch.reopen = device->reopen;
		device->reopen = false;
	}
	device->writing = true;
	device->in_write = batch.lines.first;
	return batch;
}

/*
 * The sink may be opened and closed when this returns. True: the sync failed,
 * and its thread waits to put the device out.
 */
static bool
wait_for_sync(struct device *device)
{
	bool failed;

	lock_take(&device->lock, &device_guard);
	while (device->syncing && !device->sync_failed)
		lock_wait(&device->ended, &device->lock, &device_guard);
	failed = device->sync_failed;
	lock_give(&device->lock, &device_guard);
	return failed;
}

/* Open the file where it is closed, has gone, or is asked to be. */
static int
ready_sink(struct device *device, bool reopen, struct err *err)
{
	bool failed;
	int rc;

	if (!device->closed && !reopen && !sink_file_is_moved(device->sink))
		return 0;
	failed = wait_for_sync(device);
	if (device->closed)
		return open_sink(device, false, "device recovered", err);
	if (failed)
		return err_set(err, ERR_SYSTEM, 500, "fdatasync failed");
	/*
	 * Request lines may stand at its end that no sync has covered yet: the
	 * one for their answers' lines will be of the new file.
	 */
	rc = sink_file_sync(device->sink, err);
	device->closed = rc != 0;
	return rc != 0 ? rc : open_sink(device, false, "device reopened", err);
}

/*
 * How far the store is, as the last words of a line that gets a signature:
 * asked for only now, so that all lines up to it were made no later.
 */
static int
add_pin(const struct device *device, struct line *line, struct err *err)
{
	struct audit_pin pin = { 0 };

	if (device->settings.pin != NULL)
		device->settings.pin(device->settings.pin_ctx, &pin);
	return audit_pin_add(&line->body, &pin, err);
}

/* The bytes of a batch; sign: its last line carries a signature. */
static int
compose(struct device *device, const struct lines *lines, bool sign,
	uint64_t missed, bool *ret_started, struct err *err)
{
	struct line *line = NULL;
	int rc;

	buf_reset(&device->batch);
	rc = chain_begin(&device->chain, device->path,
		clock_wall_ns(device->settings.clock), missed, &device->batch,
		ret_started, err);
	for (line = lines->first; line != NULL && rc == 0; line = line->next) {
		bool last = sign && line->next == NULL;

		if (last)
			rc = add_pin(device, line, err);
		if (rc == 0)
			rc = auditline_append(&device->batch,
				buf_span(&line->body), &device->chain.head,
				last ? device->sign_key : NULL, err);
	}
	return rc;
}

/*
 * Compose and write. Where that fails, *ret_taken is how many lines were
 * written all the same, and the chain stands behind them.
 */
static int
write_batch(struct device *device, const struct batch *batch,
	uint64_t *ret_taken, struct err *err)
{
	struct chain before = device->chain;
	bool started = false;
	size_t written = 0;
	uint64_t missed;
	int rc;

	lock_take(&device->lock, &device_guard);
	missed = device->missed;
	lock_give(&device->lock, &device_guard);
	/* Lines were refused while a thread hung: this batch says so. */
	if (missed > 0 && device->chain.reason == NULL)
		device->chain.reason = "device recovered";
	rc = compose(device, &batch->lines, batch->sync, missed, &started, err);
	if (rc == 0)
		rc = sink_file_write(device->sink, buf_span(&device->batch),
			device->settings.deadline_ms, &written, err);
	if (rc != 0)
		chain_rewind(&device->chain, &before,
			span_of(device->batch.data, written));
	*ret_taken = device->chain.head.seq - before.head.seq;
	if (started && *ret_taken > 0) {
		--*ret_taken;
		lock_take(&device->lock, &device_guard);
		device->missed -= missed;
		lock_give(&device->lock, &device_guard);
	}
	return rc;
}

static void
go_out(struct device *device, uint64_t missed, const struct err *why)
{
	bool was_out;

	(void)wait_for_sync(device);
	sink_file_close(device->sink);
	device->closed = true;
	device->chain.reason = "device recovered";
	lock_take(&device->lock, &device_guard);
	was_out = device->out;
	device->out = true;
	device->retry_ns = device_now_ns() + RETRY_NS;
	device->missed += missed;
	memcpy(device->error,
		why->detail[0] != '\0' ? why->detail : why->message,
		sizeof(device->error) - 1);
	lock_give(&device->lock, &device_guard);
	if (!was_out)
		log_error("audit device failed",
			LOG_STR("device", device->path), LOG_ERR(why));
}

/*
 * A write or a sync worked: the device takes lines, if it did not before; but
 * not while a sync hangs. Under the lock; true where that is news.
 */
static bool
come_back(struct device *device) REQUIRES(device_guard)
{
	bool was_out = device->out && !device->syncing;

	if (was_out)
		device->out = false;
	return was_out;
}

static void
log_back(const struct device *device, bool was_out)
{
	if (was_out)
		log_warn("audit device works again",
			LOG_STR("device", device->path));
}

/* Whether a thread could do something. */
static bool
has_work(const struct device *device) REQUIRES(device_guard)
{
	if (device->writing || device->sync_failed)
		return false;
	return device->to_write.first != NULL ||
		(!device->syncing &&
			(device->to_sync.first != NULL || device->reopen));
}

/*
 * Whether to wake a thread, once the lock is let go; under the lock. One that
 * is on its way already finds all there is.
 */
static bool
wants_wake(struct device *device) REQUIRES(device_guard)
{
	if (device->woken || !has_work(device))
		return false;
	device->woken = true;
	return true;
}

/*
 * The writing is over, well or not; the other thread may go on with it while
 * this one syncs. The device is back before anybody hears of the write: their
 * next line must not find it out.
 */
static void
end_write(struct device *device, const struct batch *batch, int rc)
{
	bool was_out = false, wake = false;

	lock_take(&device->lock, &device_guard);
	device->writing = false;
	device->in_write = NULL;
	if (rc == 0 && batch->lines.n > 0)
		was_out = come_back(device);
	if (rc == 0 && batch->sync) {
		device->syncing = true;
		device->in_sync = batch->lines.first;
		wake = wants_wake(device);
	}
	pthread_cond_broadcast(&device->ended);
	lock_give(&device->lock, &device_guard);
	if (wake)
		pthread_cond_signal(&device->wake);
	log_back(device, was_out);
}

/* The other thread goes on with what gathered while this one tells of it. */
static void
end_sync(struct device *device, const struct auditline_head *head)
{
	bool was_out, wake;

	lock_take(&device->lock, &device_guard);
	device->syncing = false;
	device->in_sync = NULL;
	device->synced = *head;
	was_out = come_back(device);
	wake = wants_wake(device);
	pthread_cond_broadcast(&device->ended);
	lock_give(&device->lock, &device_guard);
	if (wake)
		pthread_cond_signal(&device->wake);
	log_back(device, was_out);
}

/* What was written since the last good sync may be lost: out, before more. */
static void
fail_sync(struct device *device, const struct err *why)
{
	lock_take(&device->lock, &device_guard);
	device->sync_failed = true;
	pthread_cond_broadcast(&device->ended);
	while (device->writing)
		lock_wait(&device->ended, &device->lock, &device_guard);
	device->writing = true;
	lock_give(&device->lock, &device_guard);
	go_out(device, 0, why);
	lock_take(&device->lock, &device_guard);
	device->writing = false;
	device->syncing = false;
	device->sync_failed = false;
	device->in_sync = NULL;
	lock_give(&device->lock, &device_guard);
}

/* Finish those that wait for a sync, or those that do not. */
static void
finish_lines(const struct batch *batch, bool sync, bool ok)
{
	struct line *line = NULL;

	for (line = batch->lines.first; line != NULL; line = line->next) {
		if (line->sync == sync)
			line_finish(line, ok);
	}
}

static int
write_out(struct device *device, const struct batch *batch,
	struct auditline_head *ret_head)
{
	struct err why = { 0 };
	uint64_t taken = 0;
	int rc = ready_sink(device, batch->reopen, &why);

	if (rc == 0 && batch->lines.n > 0)
		rc = write_batch(device, batch, &taken, &why);
	if (rc != 0)
		go_out(device, batch->lines.n - taken, &why);
	if (device->batch.cap > BATCH_KEPT)
		buf_clear(&device->batch);
	*ret_head = device->chain.head;
	end_write(device, batch, rc);
	return rc;
}

static int
sync_out(struct device *device, const struct auditline_head *head)
{
	struct err why = { 0 };
	int rc = sink_file_sync(device->sink, &why);

	if (rc == 0)
		end_sync(device, head);
	else
		fail_sync(device, &why);
	return rc;
}

static void
work(struct device *device, struct batch *batch)
{
	struct auditline_head head;
	int rc = write_out(device, batch, &head);

	finish_lines(batch, false, rc == 0);
	if (rc == 0 && batch->sync)
		rc = sync_out(device, &head);
	finish_lines(batch, true, rc == 0);
	line_free_all(batch->lines.first);
}

/* ---- the threads ------------------------------------------------------ */

/* Under the lock; false: the thread is to end. */
static bool
wait_for_work(struct device *device) REQUIRES(device_guard)
{
	while (!has_work(device)) {
		/* The other thread, if it is at work, does the rest. */
		if (device->stop && device->n_leading == 0)
			return false;
		device->woken = false;
		lock_wait(&device->wake, &device->lock, &device_guard);
		device->woken = false;
	}
	return true;
}

/*
 * Closed on purpose: lines that stand behind the last signature, such as the
 * request that closes the device, get one that is signed behind them. Else
 * who holds the file could cut them off unseen. No other thread is left.
 */
static void
sign_off(struct device *device)
{
	uint64_t seq = device->chain.head.seq, taken;
	struct batch batch = { .sync = true };
	struct err err = { 0 };
	struct line *line = NULL;

	guard_unshared(&device_guard);
	if (device->closed || seq == device->synced.seq ||
		seq == device->found.seq)
		return;
	line = line_new();
	if (line == NULL)
		return;
	chain_render_end(device->path, clock_wall_ns(device->settings.clock),
		&line->body);
	batch.lines = (struct lines){ line, line, 1 };
	if (write_batch(device, &batch, &taken, &err) != 0)
		log_warn("an audit device's end is not signed",
			LOG_STR("device", device->path), LOG_ERR(&err));
	line_free_all(line);
}

static void *
run(void *ctx)
{
	struct device *device = ctx;
	struct batch batch;
	bool last;

	(void)pthread_setname_np(pthread_self(), "audit");
	lock_take(&device->lock, &device_guard);
	while (wait_for_work(device)) {
		batch = take_batch(device, true);
		lock_give(&device->lock, &device_guard);
		work(device, &batch);
		lock_take(&device->lock, &device_guard);
	}
	last = --device->n_running == 0;
	lock_give(&device->lock, &device_guard);
	if (last) {
		sign_off(device);
		(void)sink_file_sync(device->sink, NULL);
	}
	return NULL;
}

int
device_start(struct device *device, struct err *err)
{
	sigset_t all, before;
	int failed = 0;

	/* Signals are for other threads; a reader that left is an error. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	guard_unshared(&device_guard);
	device->n_running = THREADS;
	while (device->n_threads < THREADS && failed == 0) {
		failed = pthread_create(
			&device->threads[device->n_threads], NULL, run, device);
		device->n_threads += failed == 0;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0)
		return err_set(err, ERR_SYSTEM, 500, "internal error");
	return 0;
}

struct device *
device_ref(struct device *device)
{
	atomic_fetch_add(&device->refs, 1);
	return device;
}

void
device_unref(struct device **ref)
{
	struct device *device = *ref;

	*ref = NULL;
	if (atomic_fetch_sub(&device->refs, 1) != 1)
		return;
	sink_file_free(&device->sink);
	hasher_free(&device->hasher);
	secret_free(&device->sign_key);
	buf_clear(&device->batch);
	pthread_mutex_destroy(&device->lock);
	pthread_cond_destroy(&device->wake);
	pthread_cond_destroy(&device->ended);
	free(device->path);
	free(device);
}

static void
stop_threads(struct device *device)
{
	size_t i;

	lock_take(&device->lock, &device_guard);
	device->stop = true;
	pthread_cond_broadcast(&device->wake);
	lock_give(&device->lock, &device_guard);
	for (i = 0; i < device->n_threads; i++)
		(void)pthread_join(device->threads[i], NULL);
}

void
device_close(struct device **ref)
{
	if (*ref == NULL)
		return;
	if ((*ref)->n_threads > 0)
		stop_threads(*ref);
	device_unref(ref);
}

/* ---- queueing --------------------------------------------------------- */

/* No thread has anything to do or in its hands. */
static bool
is_idle(const struct device *device) REQUIRES(device_guard)
{
	return !device->writing && !device->syncing &&
		device->to_write.first == NULL && device->to_sync.first == NULL;
}

static size_t
n_queued(const struct device *device) REQUIRES(device_guard)
{
	return device->to_write.n + device->to_sync.n;
}

/* Whether n lines may be queued now. Counts them if not. */
static bool
may_queue(struct device *device, size_t n, bool *ret_probe)
	REQUIRES(device_guard)
{
	int64_t now_ns;

	*ret_probe = false;
	if (!device->out && n_queued(device) < QUEUE_LINES_MAX)
		return true;
	now_ns = device_now_ns();
	if (device->out && now_ns >= device->retry_ns && is_idle(device)) {
		device->retry_ns = now_ns + RETRY_NS;
		*ret_probe = true;
		return true;
	}
	device->missed += n;
	return false;
}

/* The lines of all entries, joined; the last has the ticket. */
static int
render_lines(struct device *device, struct device_entries entries, bool sync,
	struct lines *ret_lines)
{
	struct lines lines = { .first = NULL };

	for (size_t i = 0; i < entries.n; i++) {
		struct line *line = line_new();
		struct lines one = { line, line, 1 };

		if (line == NULL ||
			entry_render(entries.items[i], &device->style,
				&line->body, NULL) != 0) {
			line_free_all(line);
			line_free_all(lines.first);
			return ERR_MEMORY;
		}
		line->joined = i + 1 < entries.n;
		line->sync = sync;
		lines_join(&lines, &one);
	}
	*ret_lines = lines;
	return 0;
}

static void
count_missed(struct device *device, size_t n)
{
	lock_take(&device->lock, &device_guard);
	device->missed += n;
	lock_give(&device->lock, &device_guard);
}

/* False where the device went out meanwhile. */
static bool
push(struct device *device, struct lines *lines, bool probe, bool more)
{
	int64_t queued_ns = device_now_ns();
	struct line *line = NULL;
	bool taken, wake = false;

	for (line = lines->first; line != NULL; line = line->next)
		line->queued_ns = queued_ns;
	lock_take(&device->lock, &device_guard);
	taken = !device->out || probe;
	if (taken) {
		/* Of one entry at least.
		 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		lines_join(lines->last->sync ? &device->to_sync
					     : &device->to_write,
			lines);
		wake = !(more && n_queued(device) < LYING_MAX) &&
			wants_wake(device);
	}
	lock_give(&device->lock, &device_guard);
	/* Not under the lock: the thread would wake only to wait for it. */
	if (wake)
		pthread_cond_signal(&device->wake);
	return taken;
}

void
device_submit(struct device *device, struct device_entries entries, bool sync,
	struct audit_ticket *ticket)
{
	const bool more = entries.items[entries.n - 1]->more;
	struct lines lines;
	bool wanted, probe;

	lock_take(&device->lock, &device_guard);
	wanted = may_queue(device, entries.n, &probe);
	lock_give(&device->lock, &device_guard);
	if (!wanted) {
		ticket_finish(ticket, false);
		return;
	}
	if (render_lines(device, entries, sync, &lines) == 0) {
		atomic_store(&lines.last->ticket, ticket);
		if (push(device, &lines, probe, more))
			return;
		line_free_all(lines.first);
	}
	count_missed(device, entries.n);
	ticket_finish(ticket, false);
}

void
device_flush(struct device *device)
{
	bool wake;

	lock_take(&device->lock, &device_guard);
	wake = wants_wake(device);
	lock_give(&device->lock, &device_guard);
	if (wake)
		pthread_cond_signal(&device->wake);
}

/* Whether a caller may go ahead: a pipe would hold it up by its reader. */
static bool
may_lead(const struct device *device, bool may_sync) REQUIRES(device_guard)
{
	return !device->stop && has_work(device) &&
		sink_file_is_regular(device->sink) &&
		(may_sync || device->to_write.first != NULL);
}

/* Leave what has come meanwhile, and the end, to the threads. */
static void
end_leading(struct device *device)
{
	bool wake;

	lock_take(&device->lock, &device_guard);
	device->n_leading--;
	wake = wants_wake(device) || device->stop;
	lock_give(&device->lock, &device_guard);
	if (wake)
		pthread_cond_broadcast(&device->wake);
}

void
device_lead(struct device *device, bool may_sync)
{
	struct batch batch;
	bool leads;

	lock_take(&device->lock, &device_guard);
	leads = may_lead(device, may_sync);
	if (leads) {
		device->n_leading++;
		batch = take_batch(device, may_sync);
	}
	lock_give(&device->lock, &device_guard);
	if (!leads) {
		device_flush(device);
		return;
	}
	blocking_begin();
	work(device, &batch);
	blocking_end();
	end_leading(device);
}

/* ---- the watch -------------------------------------------------------- */

/*
 * When the oldest line came that somebody still waits for; INT64_MAX where
 * there is none.
 */
static int64_t
oldest_ns(const struct device *device) REQUIRES(device_guard)
{
	const struct line *const lines[] = { device->in_sync, device->in_write,
		device->to_write.first, device->to_sync.first };
	int64_t oldest = INT64_MAX;
	size_t i;

	for (i = 0; i < ARRAY_LEN(lines); i++) {
		int64_t since_ns = line_waiting_since_ns(lines[i]);

		if (since_ns < oldest)
			oldest = since_ns;
	}
	return oldest;
}

/* The ticket of some line that a thread works on. */
static struct audit_ticket *
take_ticket(struct device *device) REQUIRES(device_guard)
{
	struct line *const lines[] = { device->in_write, device->in_sync };
	struct audit_ticket *ticket = NULL;
	struct line *line = NULL;
	size_t i;

	for (i = 0; i < ARRAY_LEN(lines); i++) {
		for (line = lines[i]; line != NULL && ticket == NULL;
			line = line->next)
			ticket = atomic_exchange(&line->ticket, NULL);
	}
	return ticket;
}

/*
 * A thread hangs in a write or a sync. Nobody waits for it longer; what they
 * have in their hands may still come out, what is queued never will.
 */
static void
give_up(struct device *device)
{
	struct lines queued = { .first = NULL };
	struct line *line = NULL;
	struct audit_ticket *ticket = NULL;

	lock_take(&device->lock, &device_guard);
	device->out = true;
	device->retry_ns = device_now_ns() + RETRY_NS;
	lines_join(&queued, &device->to_write);
	lines_join(&queued, &device->to_sync);
	device->missed += queued.n;
	ticket = take_ticket(device);
	lock_give(&device->lock, &device_guard);
	log_error("audit device is blocked", LOG_STR("device", device->path));
	while (ticket != NULL) {
		ticket_finish(ticket, false);
		lock_take(&device->lock, &device_guard);
		ticket = take_ticket(device);
		lock_give(&device->lock, &device_guard);
	}
	for (line = queued.first; line != NULL; line = line->next)
		line_finish(line, false);
	line_free_all(queued.first);
}

int64_t
device_watch(struct device *device, int64_t now_ns)
{
	int64_t deadline_ns = device->settings.deadline_ms * CLOCK_NS_PER_MS;
	int64_t since_ns;

	lock_take(&device->lock, &device_guard);
	since_ns = oldest_ns(device);
	lock_give(&device->lock, &device_guard);
	if (since_ns == INT64_MAX)
		return INT64_MAX;
	if (since_ns + deadline_ns > now_ns)
		return since_ns + deadline_ns;
	give_up(device);
	return INT64_MAX;
}

void
device_reopen(struct device *device)
{
	lock_take(&device->lock, &device_guard);
	device->reopen = true;
	lock_give(&device->lock, &device_guard);
	device_flush(device);
}

void
device_get_status(struct device *device, struct audit_device_status *ret_status)
{
	lock_take(&device->lock, &device_guard);
	*ret_status = (struct audit_device_status){
		.path = device->path,
		.healthy = !device->out,
		.lines_missed = device->missed,
		.head = device->synced,
	};
	lock_give(&device->lock, &device_guard);
	memcpy(ret_status->public_key, device->public_key, AUDITLINE_PUBLIC);
}

void
device_get_error(struct device *device, char out[ERR_DETAIL_MAX])
{
	lock_take(&device->lock, &device_guard);
	memcpy(out, device->error, ERR_DETAIL_MAX);
	lock_give(&device->lock, &device_guard);
}

int
device_hash(const struct device *device, struct span input, char out[80])
{
	hasher_text(device->hasher, input, out);
	return 0;
}

void
device_find_responses(
	struct device *device, struct audit_wanted *wanted, size_t n)
{
	struct auditline_head head;

	lock_take(&device->lock, &device_guard);
	head = device->synced.seq > device->found.seq ? device->synced
						      : device->found;
	lock_give(&device->lock, &device_guard);
	file_end_find_responses(device->sink, &head, wanted, n);
}

void
device_find_pin(const struct device *device, struct audit_pin *pin)
{
	file_end_find_pin(device->sink, device->public_key, pin);
}
