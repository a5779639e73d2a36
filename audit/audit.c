/*
 * The broker: which devices there are, who gets a line, and the watch over
 * devices that hang.
 */
#include "audit/audit.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/device.h"
#include "audit/device_config.h"
#include "audit/ticket.h"
#include "lib/base.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/random.h"

#define DEADLINE_MS 2000
#define DEVICES_MAX 64

static struct guard change_guard, devices_guard, watch_guard;

struct audit {
	struct sink_file_places places;
	struct device_settings device_settings;

	pthread_mutex_t change; /* one enable or disable at a time */
	pthread_rwlock_t lock;  /* never held while waiting */
	/* In order of path. */
	struct device *devices[DEVICES_MAX] GUARDED_BY(devices_guard);
	atomic_size_t n_devices;

	pthread_t watcher;
	pthread_mutex_t watch_lock;
	pthread_cond_t watch_wake;
	atomic_bool holding;  /* lines may lie unwritten: audit_flush */
	atomic_bool watching; /* the watcher knows that lines are queued */
	bool stop GUARDED_BY(watch_guard);
};

/* No line is due sooner than this after it came, whatever its device. */
static int64_t
shortest_deadline_ns(const struct audit *audit)
{
	int64_t usual_ns = audit->device_settings.deadline_ms * CLOCK_NS_PER_MS;
	int64_t least_ns = DEVICE_TIMEOUT_MIN_S * CLOCK_NS_PER_S;

	return usual_ns < least_ns ? usual_ns : least_ns;
}

/*
 * When to look again: at the earliest deadline of all devices, after those that
 * passed theirs, or before a line that comes meanwhile may be due; INT64_MAX
 * where no line waits. The devices are held, not locked: to give one up settles
 * tickets.
 */
static int64_t
watch_devices(struct audit *audit)
{
	struct device *devices[DEVICES_MAX];
	int64_t due_ns = INT64_MAX, now_ns = device_now_ns();
	int64_t latest_ns = now_ns + shortest_deadline_ns(audit);
	size_t i, n;

	lock_read(&audit->lock, &devices_guard);
	n = audit->n_devices;
	for (i = 0; i < n; i++)
		devices[i] = device_ref(audit->devices[i]);
	lock_end_read(&audit->lock, &devices_guard);
	for (i = 0; i < n; i++) {
		int64_t ns = device_watch(devices[i], now_ns);

		if (ns < due_ns)
			due_ns = ns;
		device_unref(&devices[i]);
	}
	return due_ns == INT64_MAX || due_ns < latest_ns ? due_ns : latest_ns;
}

/*
 * Sleep until then, or until lines come where there were none. Those that come
 * meanwhile are due later, so they need not wake anybody.
 */
static void
watch_sleep(struct audit *audit, int64_t due_ns) REQUIRES(watch_guard)
{
	struct timespec due = { .tv_sec = due_ns / CLOCK_NS_PER_S,
		.tv_nsec = due_ns % CLOCK_NS_PER_S };

	if (due_ns == INT64_MAX) {
		while (!audit->stop && !atomic_load(&audit->watching))
			lock_wait(&audit->watch_wake, &audit->watch_lock,
				&watch_guard);
		return;
	}
	while (!audit->stop &&
		lock_wait_until(&audit->watch_wake, &audit->watch_lock, &due,
			&watch_guard) == 0)
		;
}

static void *
watch(void *ctx)
{
	struct audit *audit = ctx;
	int64_t due_ns;

	lock_take(&audit->watch_lock, &watch_guard);
	while (!audit->stop) {
		lock_give(&audit->watch_lock, &watch_guard);
		due_ns = watch_devices(audit);
		if (due_ns == INT64_MAX) {
			/* Look again: a line may have come just before. */
			atomic_store(&audit->watching, false);
			due_ns = watch_devices(audit);
		}
		lock_take(&audit->watch_lock, &watch_guard);
		watch_sleep(audit, due_ns);
	}
	lock_give(&audit->watch_lock, &watch_guard);
	return NULL;
}

/* A line was queued: somebody must watch over it. */
static void
watch_arm(struct audit *audit)
{
	if (atomic_load(&audit->watching) ||
		atomic_exchange(&audit->watching, true))
		return;
	lock_take(&audit->watch_lock, &watch_guard);
	pthread_cond_signal(&audit->watch_wake);
	lock_give(&audit->watch_lock, &watch_guard);
}

static void
init_locks(struct audit *audit)
{
	pthread_mutex_init(&audit->change, NULL);
	pthread_rwlock_init(&audit->lock, NULL);
	pthread_mutex_init(&audit->watch_lock, NULL);
	lock_init_cond(&audit->watch_wake);
	atomic_init(&audit->watching, false);
	atomic_init(&audit->holding, false);
	atomic_init(&audit->n_devices, 0);
}

static void
destroy_locks(struct audit *audit)
{
	pthread_mutex_destroy(&audit->change);
	pthread_rwlock_destroy(&audit->lock);
	pthread_mutex_destroy(&audit->watch_lock);
	pthread_cond_destroy(&audit->watch_wake);
}

int
audit_new(const struct audit_settings *settings, struct audit **ret_audit,
	struct err *err)
{
	struct audit *audit = calloc(1, sizeof(*audit));

	if (audit == NULL)
		return err_set_memory(err);
	audit->places = (struct sink_file_places){
		.directories = settings->directories,
		.n_directories = settings->n_directories,
		.anywhere = settings->any_directory,
	};
	audit->device_settings = (struct device_settings){
		.clock = settings->clock,
		.places = &audit->places,
		.pin = settings->pin,
		.pin_ctx = settings->pin_ctx,
		.deadline_ms = settings->device_deadline_ms > 0
			? settings->device_deadline_ms
			: DEADLINE_MS,
	};
	init_locks(audit);
	if (pthread_create(&audit->watcher, NULL, watch, audit) != 0) {
		destroy_locks(audit);
		free(audit);
		return err_set(err, ERR_SYSTEM, 500, "internal error");
	}
	*ret_audit = audit;
	return 0;
}

void
audit_free(struct audit **ref)
{
	struct audit *audit = *ref;

	if (audit == NULL)
		return;
	audit_disable_all(audit);
	lock_take(&audit->watch_lock, &watch_guard);
	audit->stop = true;
	pthread_cond_signal(&audit->watch_wake);
	lock_give(&audit->watch_lock, &watch_guard);
	(void)pthread_join(audit->watcher, NULL);
	destroy_locks(audit);
	free(audit);
	*ref = NULL;
}

/* The device of that path; NULL: the first one. */
static struct device *
find_device(struct audit *audit, const char *path)
	REQUIRES_SHARED(devices_guard)
{
	size_t i;

	for (i = 0; i < audit->n_devices; i++) {
		if (path == NULL ||
			strcmp(device_path(audit->devices[i]), path) == 0)
			return audit->devices[i];
	}
	return NULL;
}

/* One path, which ends in '/', is the front of the other. */
static bool
is_nested(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);

	return strncmp(a, b, a_len < b_len ? a_len : b_len) == 0;
}

static int
check_path(struct audit *audit, const char *path, struct err *err)
{
	bool used = false;
	size_t i;

	lock_read(&audit->lock, &devices_guard);
	for (i = 0; i < audit->n_devices && !used; i++)
		used = is_nested(device_path(audit->devices[i]), path);
	lock_end_read(&audit->lock, &devices_guard);
	if (used)
		return err_set(err, ERR_EXISTS, 400, "path already in use");
	if (audit->n_devices == DEVICES_MAX)
		return err_set(err, ERR_LIMIT, 400, "too many audit devices");
	return 0;
}

/* Two chains in one file could not be told apart. */
static int
check_file(struct audit *audit, const struct device *device,
	const struct audit_device_config *config, struct err *err)
	REQUIRES_SHARED(devices_guard)
{
	size_t i;

	for (i = 0; i < audit->n_devices; i++) {
		if (device_is_same_file(device, audit->devices[i]))
			return err_set(err, ERR_EXISTS, 400,
				"sanity check failed; unable to open \"%s\" for writing: the device %s writes to it",
				value_find_str(config->options, "file_path",
					value_find_str(
						config->options, "path", "")),
				device_path(audit->devices[i]));
	}
	return 0;
}

/* The test line, durable; 400 with the device's reason where it fails. */
static int
write_test_line(struct audit *audit, struct device *device, struct err *err)
{
	struct audit_ticket *ticket = ticket_new(NULL, NULL);
	char id[RANDOM_UUID_MAX], why[ERR_DETAIL_MAX];
	struct audit_entry entry = { .request_id = id,
		.time_ns = clock_wall_ns(audit->device_settings.clock),
		.operation = "update",
		.path = "sys/audit/test" };
	const struct audit_entry *line = &entry;
	int rc;

	if (ticket == NULL)
		return err_set_memory(err);
	random_uuid(id);
	ticket_ref(ticket);
	device_submit(
		device, (struct device_entries){ &line, 1 }, true, ticket);
	ticket_finish(ticket, false);
	rc = ticket_wait(ticket);
	if (rc == 0)
		return 0;
	device_get_error(device, why);
	return err_set(err, ERR_INPUT, 400,
		"audit backend failed test message: %s", why);
}

static void
insert_device(struct audit *audit, struct device *device)
{
	size_t i;

	lock_write(&audit->lock, &devices_guard);
	for (i = audit->n_devices; i > 0 &&
		strcmp(device_path(audit->devices[i - 1]),
			device_path(device)) > 0;
		i--)
		audit->devices[i] = audit->devices[i - 1];
	audit->devices[i] = device;
	audit->n_devices++;
	lock_end_write(&audit->lock, &devices_guard);
}

static int
enable(struct audit *audit, const struct audit_device_config *config,
	bool skip_test, struct err *err)
{
	struct device *device = NULL;
	int rc = check_path(audit, config->path, err);

	if (rc == 0)
		rc = device_new(&audit->device_settings, config, &device, err);
	if (rc == 0) {
		lock_read(&audit->lock, &devices_guard);
		rc = check_file(audit, device, config, err);
		lock_end_read(&audit->lock, &devices_guard);
	}
	if (rc == 0)
		rc = device_start(device, err);
	if (rc == 0 && !skip_test)
		rc = write_test_line(audit, device, err);
	if (rc != 0) {
		device_close(&device);
		return rc;
	}
	insert_device(audit, device);
	return 0;
}

int
audit_enable(struct audit *audit, const struct audit_device_config *config,
	bool skip_test, struct err *err)
{
	int rc;

	lock_take(&audit->change, &change_guard);
	rc = enable(audit, config, skip_test, err);
	lock_give(&audit->change, &change_guard);
	return rc;
}

/* Out of the list; NULL where it is not in it. */
static struct device *
remove_device(struct audit *audit, const char *path)
{
	struct device *device = NULL;
	size_t i = 0;

	lock_write(&audit->lock, &devices_guard);
	device = find_device(audit, path);
	if (device != NULL) {
		while (audit->devices[i] != device)
			i++;
		audit->n_devices--;
		memmove(&audit->devices[i], &audit->devices[i + 1],
			(audit->n_devices - i) * sizeof(audit->devices[0]));
	}
	lock_end_write(&audit->lock, &devices_guard);
	return device;
}

void
audit_disable(struct audit *audit, const char *path)
{
	struct device *device = NULL;

	lock_take(&audit->change, &change_guard);
	device = remove_device(audit, path);
	device_close(&device);
	lock_give(&audit->change, &change_guard);
}

void
audit_disable_all(struct audit *audit)
{
	struct device *device = NULL;

	lock_take(&audit->change, &change_guard);
	while ((device = remove_device(audit, NULL)) != NULL)
		device_close(&device);
	lock_give(&audit->change, &change_guard);
}

bool
audit_is_enabled(const struct audit *audit)
{
	return atomic_load(&audit->n_devices) > 0;
}

/* Hand the entries to every device. How many there are. */
static size_t
submit(struct audit *audit, struct device_entries entries, bool sync,
	struct audit_ticket *ticket)
{
	size_t i, n;

	lock_read(&audit->lock, &devices_guard);
	n = audit->n_devices;
	for (i = 0; i < n; i++) {
		ticket_ref(ticket);
		device_submit(audit->devices[i], entries, sync, ticket);
	}
	lock_end_read(&audit->lock, &devices_guard);
	if (n > 0)
		watch_arm(audit);
	if (n > 0 && entries.items[entries.n - 1]->more)
		atomic_store(&audit->holding, true);
	return n;
}

/*
 * Have written what lies. A device that is alone has none beside it that its
 * disk could hold up: the caller may do that itself, which saves a change of
 * thread.
 */
static void
flush(struct audit *audit, bool may_sync)
{
	struct device *alone = NULL;
	size_t i;

	if (!atomic_load(&audit->holding) ||
		!atomic_exchange(&audit->holding, false))
		return;
	lock_read(&audit->lock, &devices_guard);
	if (audit->n_devices == 1)
		alone = device_ref(audit->devices[0]);
	else
		for (i = 0; i < audit->n_devices; i++)
			device_flush(audit->devices[i]);
	lock_end_read(&audit->lock, &devices_guard);
	if (alone == NULL)
		return;
	device_lead(alone, may_sync);
	device_unref(&alone);
}

void
audit_flush(struct audit *audit)
{
	flush(audit, true);
}

void
audit_flush_requests(struct audit *audit)
{
	flush(audit, false);
}

int
audit_request_begin(struct audit *audit, const struct audit_entry *entry,
	struct audit_ticket **ret_ticket, struct err *err)
{
	struct audit_ticket *ticket = ticket_new(NULL, NULL);
	size_t n;

	if (ticket == NULL)
		return err_set_memory(err);
	n = submit(audit, (struct device_entries){ &entry, 1 }, false, ticket);
	ticket_finish(ticket, n == 0);
	*ret_ticket = ticket;
	return 0;
}

int
audit_wait(struct audit *audit, struct audit_ticket **ticket, struct err *err)
{
	int rc;

	audit_flush_requests(audit);
	rc = ticket_wait(*ticket);

	*ticket = NULL;
	return rc == 0 ? 0 : err_set(err, ERR_AUDIT, 500, "internal error");
}

void
audit_then(struct audit_ticket **ref, audit_done_fn *done, void *ctx)
{
	struct audit_ticket *ticket = *ref;

	*ref = NULL;
	ticket_then(ticket, done, ctx);
}

static bool
submit_last(struct audit *audit, struct device_entries entries,
	audit_done_fn *done, void *ctx)
{
	struct audit_ticket *ticket = ticket_new(done, ctx);
	size_t n;

	if (ticket == NULL) {
		done(ctx, ERR_AUDIT);
		return true;
	}
	n = submit(audit, entries, true, ticket);
	ticket_finish(ticket, n == 0);
	return n > 0;
}

bool
audit_response(struct audit *audit, const struct audit_entry *entry,
	audit_done_fn *done, void *ctx)
{
	return submit_last(
		audit, (struct device_entries){ &entry, 1 }, done, ctx);
}

bool
audit_both(struct audit *audit, const struct audit_entry *request,
	const struct audit_entry *response, audit_done_fn *done, void *ctx)
{
	const struct audit_entry *const pair[] = { request, response };

	return submit_last(audit,
		(struct device_entries){ pair, ARRAY_LEN(pair) }, done, ctx);
}

int
audit_hash(struct audit *audit, const char *path, struct span input,
	char out[80], struct err *err)
{
	struct device *device = NULL;
	int rc = 0;

	lock_read(&audit->lock, &devices_guard);
	device = find_device(audit, path);
	if (device != NULL)
		rc = device_hash(device, input, out);
	lock_end_read(&audit->lock, &devices_guard);
	if (device == NULL)
		return err_set(err, ERR_ABSENT, 400,
			"unknown audit backend \"%s\"", path);
	return rc == 0 ? 0 : err_set(err, rc, 500, "internal error");
}

void
audit_reopen(struct audit *audit)
{
	size_t i;

	lock_read(&audit->lock, &devices_guard);
	for (i = 0; i < audit->n_devices; i++)
		device_reopen(audit->devices[i]);
	lock_end_read(&audit->lock, &devices_guard);
}

int
audit_each(struct audit *audit, audit_device_fn *fn, void *ctx, struct err *err)
{
	struct audit_device_status status;
	size_t i;
	int rc = 0;

	lock_read(&audit->lock, &devices_guard);
	for (i = 0; i < audit->n_devices && rc == 0; i++) {
		device_get_status(audit->devices[i], &status);
		rc = fn(ctx, &status, err);
	}
	lock_end_read(&audit->lock, &devices_guard);
	return rc;
}

void
audit_find_responses(struct audit *audit, struct audit_wanted *wanted, size_t n)
{
	size_t i;

	lock_read(&audit->lock, &devices_guard);
	for (i = 0; i < audit->n_devices; i++)
		device_find_responses(audit->devices[i], wanted, n);
	lock_end_read(&audit->lock, &devices_guard);
}

void
audit_find_pin(struct audit *audit, struct audit_pin *ret_pin)
{
	struct audit_pin pin = { 0 };
	size_t i;

	lock_read(&audit->lock, &devices_guard);
	for (i = 0; i < audit->n_devices; i++)
		device_find_pin(audit->devices[i], &pin);
	lock_end_read(&audit->lock, &devices_guard);
	*ret_pin = pin;
}
