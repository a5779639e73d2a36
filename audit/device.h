/*
 * One audit device: its queues, its threads, its file and its chain. A device
 * that fails or blocks is out: it refuses lines at once, and tries again with
 * a line at most once a second.
 */
#ifndef SALLYPORT_AUDIT_DEVICE_H
#define SALLYPORT_AUDIT_DEVICE_H

#include "audit/audit.h"
#include "audit/sink_file.h"
#include "audit/ticket.h"

struct device;

struct device_settings {
	const struct clock *clock;
	const struct sink_file_places *places; /* borrowed for good */
	audit_pin_fn *pin;
	void *pin_ctx;
	int64_t deadline_ms;
};

/*
 * Check the configuration and open the file; no thread yet. 400 with the texts
 * of spec/core-api.md 7.1.
 */
int device_new(const struct device_settings *settings,
	const struct audit_device_config *config, struct device **ret_device,
	struct err *err);

/* Start the threads; lines are taken from now on. */
int device_start(struct device *device, struct err *err);

/*
 * Write what is queued, make it durable, stop the threads, drop the maker's
 * reference. NULL is fine.
 */
void device_close(struct device **ref);

/* Keep the memory for a while; the last to let go frees it. */
struct device *device_ref(struct device *device);
void device_unref(struct device **ref);

const char *device_path(const struct device *device);

/* Whether a device not started yet would write into the file of another. */
bool device_is_same_file(
	const struct device *fresh, const struct device *other);

/* Entries that become lines right behind each other, or none of them. */
struct device_entries {
	const struct audit_entry *const *items;
	size_t n; /* at least 1 */
};

/*
 * Queue the entries; the ticket gets one ticket_finish from the device, once
 * the last line is written (request) or durable (response, or sync), those
 * before it included. Any thread.
 */
void device_submit(struct device *device, struct device_entries entries,
	bool sync, struct audit_ticket *ticket);

/* Have written what lies there. */
void device_flush(struct device *device);

/*
 * The same, but where the device is a file that is idle the caller itself does
 * it, and waits for the disk: without may_sync only for lines that nobody
 * wants synced. What it cannot do is left to the device's threads.
 */
void device_lead(struct device *device, bool may_sync);

/*
 * Put the device out if its oldest line has waited longer than the deadline;
 * otherwise returns when (CLOCK_MONOTONIC, ns) that will be so, INT64_MAX
 * where no line waits.
 */
int64_t device_watch(struct device *device, int64_t now_ns);

/* Reopen the file soon, lines or not. */
void device_reopen(struct device *device);

void device_get_status(
	struct device *device, struct audit_device_status *ret_status);

/* Why the device failed last; "" where it never did. */
void device_get_error(struct device *device, char out[ERR_DETAIL_MAX]);

int device_hash(const struct device *device, struct span input, char out[80]);

/* *pin moves to the last pin of the device's file where that is further. */
void device_find_pin(const struct device *device, struct audit_pin *pin);

void device_find_responses(
	struct device *device, struct audit_wanted *wanted, size_t n);

/* The clock of deadlines. */
int64_t device_now_ns(void);

#endif
