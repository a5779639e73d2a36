/*
 * The device's thread takes all waiting lines, writes them with one write and
 * makes them durable with one fdatasync if one of them asks for it. Whoever
 * waits for a written line goes on before the sync.
 */
#include "audit/device.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "audit/chain.h"
#include "audit/device_config.h"
#include "audit/entry.h"
#include "lib/log.h"

#define BODY_MAX ((size_t)96 << 20)
#define BODY_USUAL 1500
#define QUEUE_LINES_MAX 8192
#define BATCH_BYTES_MAX ((size_t)16 << 20)
#define RETRY_NS CLOCK_NS_PER_S
#define SEARCH_MAX ((off_t)64 << 20)
#define PIN_SEARCH_MAX ((off_t)4 << 20)
#define BATCH_KEPT ((size_t)4 << 20)

struct line {
	struct line *next;
	_Atomic(struct ticket *) ticket; /* NULL once it was finished */
	struct buf body;
	bool sync;
	bool joined; /* to the next line: both in one batch */
	int64_t queued_ns;
};

struct device {
	atomic_uint refs;
	char *path;
	struct entry_style style;
	struct hasher *hasher;
	struct secret *sign_key;
	uint8_t public_key[AUDITLINE_PUBLIC];
	struct device_settings settings;
	pthread_t thread;
	bool started;
	struct auditline_head found; /* the chain's end at the start */

	/* the thread's own */
	struct sink_file *sink;
	struct chain chain;
	struct buf batch;
	bool closed; /* the sink must be opened before the next line */

	pthread_mutex_t lock; /* over all below */
	pthread_cond_t wake;
	struct line *queue, **queue_tail;
	size_t n_queued;
	struct line *in_work; /* what the thread writes now */
	bool stop, reopen, out;
	int64_t retry_ns; /* while out: not before this */
	uint64_t missed;
	struct auditline_head synced;
	char error[ERR_DETAIL_MAX];
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

static void
free_line(struct line *line)
{
	buf_clear(&line->body);
	free(line);
}

static void
free_lines(struct line *line)
{
	while (line != NULL) {
		struct line *next = line->next;

		free_line(line);
		line = next;
	}
}

/* Finish the line's ticket unless the other side did. No lock is held. */
static void
finish(struct line *line, bool ok)
{
	struct ticket *ticket = atomic_exchange(&line->ticket, NULL);

	if (ticket != NULL)
		ticket_finish(ticket, ok);
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
	device->queue_tail = &device->queue;
	pthread_mutex_init(&device->lock, NULL);
	pthread_cond_init(&device->wake, NULL);
	buf_init(&device->batch, BATCH_BYTES_MAX + 2 * BODY_MAX);
	rc = prepare(device, config, err);
	if (rc != 0) {
		device_close(&device);
		return rc;
	}
	*ret_device = device;
	return 0;
}

/* The queue's front as a list of its own, some 16 MiB; under the lock. */
static struct line *
take_batch(struct device *device)
{
	struct line *batch = device->queue, **end = &device->queue;
	size_t bytes = 0;
	bool joined = false;

	while (*end != NULL && (joined || bytes < BATCH_BYTES_MAX)) {
		joined = (*end)->joined;
		bytes += (*end)->body.len;
		device->n_queued--;
		end = &(*end)->next;
	}
	device->queue = *end;
	if (device->queue == NULL)
		device->queue_tail = &device->queue;
	*end = NULL;
	return batch;
}

/* Open the file where it is closed, has gone, or is asked to be. */
static int
ready_sink(struct device *device, bool reopen, struct err *err)
{
	int rc;

	if (device->closed)
		return open_sink(device, false, "device recovered", err);
	if (!reopen && !sink_file_is_moved(device->sink))
		return 0;
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
compose(struct device *device, struct line *lines, bool sign, uint64_t missed,
	bool *ret_started, struct err *err)
{
	struct line *line = NULL;
	int rc;

	buf_reset(&device->batch);
	rc = chain_begin(&device->chain, device->path,
		clock_wall_ns(device->settings.clock), missed, &device->batch,
		ret_started, err);
	for (line = lines; line != NULL && rc == 0; line = line->next) {
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
write_batch(struct device *device, struct line *lines, bool sign,
	uint64_t *ret_taken, bool *ret_started, struct err *err)
{
	struct chain before = device->chain;
	size_t written = 0;
	uint64_t missed;
	int rc;

	pthread_mutex_lock(&device->lock);
	missed = device->missed;
	pthread_mutex_unlock(&device->lock);
	rc = compose(device, lines, sign, missed, ret_started, err);
	if (rc == 0)
		rc = sink_file_write(device->sink, buf_span(&device->batch),
			device->settings.deadline_ms, &written, err);
	if (rc != 0)
		chain_rewind(&device->chain, &before,
			span_of(device->batch.data, written));
	*ret_taken = device->chain.head.seq - before.head.seq;
	if (*ret_started && *ret_taken > 0) {
		--*ret_taken;
		pthread_mutex_lock(&device->lock);
		device->missed -= missed;
		pthread_mutex_unlock(&device->lock);
	}
	return rc;
}

static void
go_out(struct device *device, uint64_t missed, const struct err *why)
{
	bool was_out;

	sink_file_close(device->sink);
	device->closed = true;
	device->chain.reason = "device recovered";
	pthread_mutex_lock(&device->lock);
	was_out = device->out;
	device->out = true;
	device->retry_ns = device_now_ns() + RETRY_NS;
	device->missed += missed;
	memcpy(device->error,
		why->detail[0] != '\0' ? why->detail : why->message,
		sizeof(device->error) - 1);
	pthread_mutex_unlock(&device->lock);
	if (!was_out)
		log_error("audit device failed",
			LOG_STR("device", device->path), LOG_ERR(why));
}

/* A write or a sync worked: the device takes lines, if it did not before. */
static void
come_back(struct device *device, bool synced)
{
	bool was_out;

	pthread_mutex_lock(&device->lock);
	was_out = device->out;
	device->out = false;
	if (synced)
		device->synced = device->chain.head;
	/* Lines were refused while the thread hung: the next line says so. */
	if (device->missed > 0 && device->chain.reason == NULL)
		device->chain.reason = "device recovered";
	pthread_mutex_unlock(&device->lock);
	if (was_out)
		log_warn("audit device works again",
			LOG_STR("device", device->path));
}

/*
 * Write, let go on who waits for that, sync, let go on the others. The device
 * is back before anybody goes on: their next line must not find it out.
 */
static int
put_out(struct device *device, struct line *lines, uint64_t *ret_taken,
	struct err *err)
{
	bool started = false, sync = false;
	struct line *line = NULL;
	int rc;

	for (line = lines; line != NULL; line = line->next)
		sync |= line->sync;
	rc = write_batch(device, lines, sync, ret_taken, &started, err);
	if (rc != 0)
		return rc;
	come_back(device, false);
	for (line = lines; line != NULL; line = line->next) {
		if (!line->sync)
			finish(line, true);
	}
	if (!sync)
		return 0;
	rc = sink_file_sync(device->sink, err);
	if (rc == 0)
		come_back(device, true);
	return rc;
}

static void
work(struct device *device, struct line *lines, bool reopen)
{
	struct err why = { 0 };
	struct line *line = NULL;
	uint64_t taken = 0, n = 0;
	int rc;

	for (line = lines; line != NULL; line = line->next)
		n++;
	rc = ready_sink(device, reopen, &why);
	if (rc == 0 && n > 0)
		rc = put_out(device, lines, &taken, &why);
	if (rc != 0)
		go_out(device, n - taken, &why);
	for (line = lines; line != NULL; line = line->next)
		finish(line, rc == 0);
	if (device->batch.cap > BATCH_KEPT)
		buf_clear(&device->batch);
}

static void *
run(void *ctx)
{
	struct device *device = ctx;
	struct line *lines = NULL;
	bool reopen;

	pthread_mutex_lock(&device->lock);
	for (;;) {
		while (device->queue == NULL && !device->stop &&
			!device->reopen)
			pthread_cond_wait(&device->wake, &device->lock);
		if (device->queue == NULL && device->stop)
			break;
		lines = device->in_work = take_batch(device);
		reopen = device->reopen;
		device->reopen = false;
		pthread_mutex_unlock(&device->lock);
		work(device, lines, reopen);
		pthread_mutex_lock(&device->lock);
		device->in_work = NULL;
		pthread_mutex_unlock(&device->lock);
		free_lines(lines);
		pthread_mutex_lock(&device->lock);
	}
	pthread_mutex_unlock(&device->lock);
	(void)sink_file_sync(device->sink, NULL);
	return NULL;
}

int
device_start(struct device *device, struct err *err)
{
	sigset_t all, before;
	int failed;

	/* Signals are for other threads; a reader that left is an error. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&device->thread, NULL, run, device);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed != 0)
		return err_set(err, ERR_SYSTEM, 500, "internal error");
	device->started = true;
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
	free(device->path);
	free(device);
}

void
device_close(struct device **ref)
{
	struct device *device = *ref;

	if (device == NULL)
		return;
	if (device->started) {
		pthread_mutex_lock(&device->lock);
		device->stop = true;
		pthread_cond_signal(&device->wake);
		pthread_mutex_unlock(&device->lock);
		(void)pthread_join(device->thread, NULL);
	}
	device_unref(ref);
}

/* Whether n lines may be queued now; under the lock. Counts them if not. */
static bool
may_queue(struct device *device, size_t n, bool *ret_probe)
{
	int64_t now_ns;

	*ret_probe = false;
	if (!device->out && device->n_queued < QUEUE_LINES_MAX)
		return true;
	now_ns = device_now_ns();
	if (device->out && now_ns >= device->retry_ns &&
		device->in_work == NULL && device->queue == NULL) {
		device->retry_ns = now_ns + RETRY_NS;
		*ret_probe = true;
		return true;
	}
	device->missed += n;
	return false;
}

static struct line *
render_line(struct device *device, const struct audit_entry *entry)
{
	struct line *line = calloc(1, sizeof(*line));

	if (line == NULL)
		return NULL;
	atomic_init(&line->ticket, NULL);
	buf_init(&line->body, BODY_MAX);
	(void)buf_reserve(&line->body, BODY_USUAL);
	if (entry_render(entry, &device->style, &line->body, NULL) != 0) {
		free_line(line);
		return NULL;
	}
	return line;
}

/* The lines of all entries, joined; NULL where one cannot be rendered. */
static struct line *
render_lines(struct device *device, struct device_entries entries,
	struct line **ret_last)
{
	struct line *first = NULL, **end = &first;

	for (size_t i = 0; i < entries.n; i++) {
		*end = render_line(device, entries.items[i]);
		if (*end == NULL) {
			free_lines(first);
			return NULL;
		}
		(*end)->joined = i + 1 < entries.n;
		*ret_last = *end;
		end = &(*end)->next;
	}
	return first;
}

static void
count_missed(struct device *device, size_t n)
{
	pthread_mutex_lock(&device->lock);
	device->missed += n;
	pthread_mutex_unlock(&device->lock);
}

/* False where the device went out meanwhile. */
static bool
push(struct device *device, struct line *first, struct line *last, bool probe)
{
	int64_t queued_ns = device_now_ns();
	bool taken, wake = false;

	pthread_mutex_lock(&device->lock);
	taken = !device->out || probe;
	if (taken) {
		wake = device->queue == NULL && device->in_work == NULL;
		*device->queue_tail = first;
		device->queue_tail = &last->next;
		for (; first != NULL; first = first->next) {
			first->queued_ns = queued_ns;
			device->n_queued++;
		}
	}
	pthread_mutex_unlock(&device->lock);
	/* Not under the lock: the thread would wake only to wait for it. */
	if (wake)
		pthread_cond_signal(&device->wake);
	return taken;
}

void
device_submit(struct device *device, struct device_entries entries, bool sync,
	struct ticket *ticket)
{
	struct line *first = NULL, *last = NULL;
	bool wanted, probe;

	pthread_mutex_lock(&device->lock);
	wanted = may_queue(device, entries.n, &probe);
	pthread_mutex_unlock(&device->lock);
	if (!wanted) {
		ticket_finish(ticket, false);
		return;
	}
	first = render_lines(device, entries, &last);
	if (first != NULL) {
		last->sync = sync;
		atomic_store(&last->ticket, ticket);
		if (push(device, first, last, probe))
			return;
		free_lines(first);
	}
	count_missed(device, entries.n);
	ticket_finish(ticket, false);
}

/*
 * When the oldest line came that somebody still waits for; INT64_MAX where
 * there is none. Under the lock.
 */
static int64_t
oldest_ns(const struct device *device)
{
	const struct line *line = device->in_work;

	while (line != NULL && atomic_load(&line->ticket) == NULL)
		line = line->next;
	if (line == NULL)
		line = device->queue;
	return line == NULL ? INT64_MAX : line->queued_ns;
}

/* The ticket of some line that the thread works on; under the lock. */
static struct ticket *
take_ticket(struct device *device)
{
	struct line *line = NULL;

	for (line = device->in_work; line != NULL; line = line->next) {
		struct ticket *ticket = atomic_exchange(&line->ticket, NULL);

		if (ticket != NULL)
			return ticket;
	}
	return NULL;
}

/*
 * The thread hangs in a write or a sync. Nobody waits for it longer; what it
 * has in its hands may still come out, what is queued never will.
 */
static void
give_up(struct device *device)
{
	struct line *queue = NULL, *line = NULL;
	struct ticket *ticket = NULL;

	pthread_mutex_lock(&device->lock);
	device->out = true;
	device->retry_ns = device_now_ns() + RETRY_NS;
	queue = device->queue;
	device->queue = NULL;
	device->queue_tail = &device->queue;
	device->missed += device->n_queued;
	device->n_queued = 0;
	ticket = take_ticket(device);
	pthread_mutex_unlock(&device->lock);
	log_error("audit device is blocked", LOG_STR("device", device->path));
	while (ticket != NULL) {
		ticket_finish(ticket, false);
		pthread_mutex_lock(&device->lock);
		ticket = take_ticket(device);
		pthread_mutex_unlock(&device->lock);
	}
	for (line = queue; line != NULL; line = line->next)
		finish(line, false);
	free_lines(queue);
}

int64_t
device_watch(struct device *device, int64_t now_ns)
{
	int64_t deadline_ns = device->settings.deadline_ms * 1000000;
	int64_t since_ns;

	pthread_mutex_lock(&device->lock);
	since_ns = oldest_ns(device);
	pthread_mutex_unlock(&device->lock);
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
	pthread_mutex_lock(&device->lock);
	device->reopen = true;
	pthread_cond_signal(&device->wake);
	pthread_mutex_unlock(&device->lock);
}

void
device_get_status(struct device *device, struct audit_device_status *ret_status)
{
	pthread_mutex_lock(&device->lock);
	*ret_status = (struct audit_device_status){
		.path = device->path,
		.healthy = !device->out,
		.lines_missed = device->missed,
		.head = device->synced,
	};
	pthread_mutex_unlock(&device->lock);
	memcpy(ret_status->public_key, device->public_key, AUDITLINE_PUBLIC);
}

void
device_get_error(struct device *device, char out[ERR_DETAIL_MAX])
{
	pthread_mutex_lock(&device->lock);
	memcpy(out, device->error, ERR_DETAIL_MAX);
	pthread_mutex_unlock(&device->lock);
}

int
device_hash(const struct device *device, struct span input, char out[80])
{
	hasher_text(device->hasher, input, out);
	return 0;
}

/* The end of the part of a line that says which type it is. */
#define TYPE_END 80

/* What follows in a line where pattern is; none where it is not. */
static struct span
span_behind(struct span line, const char *pattern)
{
	const size_t len = strlen(pattern);
	const uint8_t *at = line.len == 0
		? NULL
		: memmem(line.data, line.len, pattern, len);

	return at == NULL ? SPAN_NONE
			  : span_skip(line, (size_t)(at - line.data) + len);
}

/* The request id of a response line, which needs no unescaping. */
static struct span
response_id(struct span line)
{
	const size_t head_len = line.len < TYPE_END ? line.len : TYPE_END;
	struct span id = SPAN_NONE;
	const uint8_t *end = NULL;

	if (span_behind(span_of(line.data, head_len), ",\"type\":\"response\",")
			.len > 0)
		id = span_behind(line, "\"request\":{\"id\":\"");
	if (id.len > 0)
		end = memchr(id.data, '"', id.len);
	return end == NULL ? SPAN_NONE
			   : span_of(id.data, (size_t)(end - id.data));
}

static int
compare_wanted(const void *key, const void *element)
{
	const struct span *id = key;
	const struct audit_wanted *wanted = element;

	return span_compare(*id, span_str(wanted->request_id));
}

struct finding {
	struct audit_wanted *wanted;
	size_t n, n_left;
	struct auditline_head
		next; /* the line of the chain before those seen */
};

/* Whether line is the next one of the chain, which is walked backwards. */
static bool
is_of_chain(struct finding *finding, struct span line)
{
	struct auditline_head before, head;

	if (!auditline_heads_of(line, &before, &head) ||
		!auditline_head_equal(&head, &finding->next))
		return false;
	finding->next = before;
	return true;
}

static bool
note_response(void *ctx, struct span line, bool whole)
{
	struct finding *finding = ctx;
	/* A half-lost line may look whole, but tells nobody anything. */
	struct span id = whole && is_of_chain(finding, line) ? response_id(line)
							     : SPAN_NONE;
	struct audit_wanted *wanted = NULL;

	if (id.len > 0)
		wanted = bsearch(&id, finding->wanted, finding->n,
			sizeof(*finding->wanted), compare_wanted);
	if (wanted != NULL && !wanted->found) {
		wanted->found = true;
		finding->n_left--;
	}
	return finding->n_left == 0;
}

void
device_find_responses(
	struct device *device, struct audit_wanted *wanted, size_t n)
{
	struct finding finding = { .wanted = wanted, .n = n };
	size_t i;

	pthread_mutex_lock(&device->lock);
	finding.next = device->synced.seq > device->found.seq ? device->synced
							      : device->found;
	pthread_mutex_unlock(&device->lock);
	for (i = 0; i < n; i++)
		finding.n_left += !wanted[i].found;
	/* Unreadable counts as not found: the line is then written again. */
	if (finding.n_left > 0)
		(void)sink_file_path_lines_back(device->sink, SEARCH_MAX,
			note_response, &finding, NULL);
}

struct pin_search {
	const struct device *device;
	struct audit_pin pin;
};

static bool
note_pin(void *ctx, struct span line, bool whole)
{
	struct pin_search *search = ctx;

	return whole &&
		audit_pin_of(line, search->device->public_key, &search->pin);
}

void
device_find_pin(const struct device *device, struct audit_pin *pin)
{
	struct pin_search search = { .device = device };

	(void)sink_file_path_lines_back(
		device->sink, PIN_SEARCH_MAX, note_pin, &search, NULL);
	if (audit_pin_is_before(*pin, search.pin))
		*pin = search.pin;
}
