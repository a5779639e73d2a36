/*
 * The audit broker. A request is logged before its work and after it; if no
 * enabled device takes the line, the work is not done or the answer not given
 * (design.md 7, spec/core-api.md 7.1, 7.2). Each device has threads that write
 * batches and make them durable. Knows nothing of HTTP or of operations: it
 * is handed an entry.
 */
#ifndef SALLYPORT_AUDIT_AUDIT_H
#define SALLYPORT_AUDIT_AUDIT_H

#include "audit/pin.h"
#include "lib/auditline.h"
#include "lib/clock.h"
#include "lib/value.h"

struct audit;

#define AUDIT_KEY 32

/* Who asks, or whom a login made; spec/core-api.md 7.2, row auth. */
struct audit_auth {
	struct secret_view client_token; /* hashed; len 0: none */
	const char *accessor;            /* hashed unless hmac_accessor=false */
	const char *display_name;
	struct str_list policies, token_policies, identity_policies;
	const struct value *metadata; /* object of strings, or NULL */
	int64_t num_uses, remaining_uses;
	const char *entity_id;
	const char *token_type; /* "service", "default" … */
	int64_t token_ttl_s;
	int64_t token_issue_ns; /* 0: left out */
	bool no_default_policy;
};

/* What stands in an answer's place where it was wrapped. */
struct audit_wrap {
	int64_t ttl_s, creation_ns;
	struct secret_view token; /* hashed */
	const char *accessor;
	const char *creation_path;
	const char *wrapped_accessor; /* "" where no token is inside */
};

/*
 * What both lines of a request say alike, as a device rendered it for the
 * first. It lives as long as the request and is good for that device alone.
 */
struct audit_common {
	struct arena *arena;
	uint64_t hasher_id; /* of the device's hasher */
	struct span text;   /* empty: no device has rendered it yet */
};

/* One entry; everything is borrowed until the call's completion. */
struct audit_entry {
	int64_t time_ns;
	bool is_response;
	const char *error;             /* "" or text, in clear */
	const struct audit_auth *auth; /* NULL: {"token_type":"default"} */
	/* request */
	const char *request_id;
	const char *operation;  /* read update delete list help … */
	const char *mount_type; /* "" where no mount matched */
	struct secret_view client_token;
	const char *client_token_accessor;
	const char *path;
	const struct value *request_data; /* object or NULL */
	const char *remote_address;
	int64_t wrap_ttl_s;
	const char *client_serial; /* of its TLS certificate; NULL: none */
	/* response */
	const struct audit_auth *response_auth; /* or NULL */
	const char *lease_id;
	const struct value *response_data;
	const struct value *warnings; /* list of strings or NULL */
	const char *redirect;
	const struct audit_wrap *wrap_info; /* or NULL */
	bool recovered; /* written at start for an outbox row */
	int status;     /* of a recovered line; else 0 */
	/* names whose values stay clear, by mount tune; NULL-safe */
	struct str_list clear_request_keys, clear_response_keys;
	/* Shared by the entries of one request, which are rendered one after
	 * the other and differ in nothing of request and auth; or NULL. */
	struct audit_common *common;
	/* This one may lie until audit_flush: more may be at hand. */
	bool more;
};

/* How far the store is now; any thread, never blocks. */
typedef void audit_pin_fn(void *ctx, struct audit_pin *ret_pin);

struct audit_settings {
	const struct clock *clock;
	audit_pin_fn *pin; /* NULL: lines carry no pins */
	void *pin_ctx;
	const char *const *directories; /* file devices only below these */
	size_t n_directories;
	bool any_directory;         /* dev mode */
	int64_t device_deadline_ms; /* 0: 2,000 */
};

/* What a device is made from; strings are copied. */
struct audit_device_config {
	const char *path; /* "file/" */
	const char *type; /* "file" */
	const char *description;
	const struct value *options; /* object of strings */
	bool local;
	uint8_t hmac_key[AUDIT_KEY];
	uint8_t sign_seed[AUDIT_KEY]; /* Ed25519 seed */
	struct auditline_head head;   /* where the chain stood; zeros: new */
};

int audit_new(const struct audit_settings *settings, struct audit **ret_audit,
	struct err *err);

/* Write what is queued, stop the threads, free. NULL is fine. */
void audit_free(struct audit **ref);

/*
 * Check a configuration, open the device and, unless skip_test, write its
 * test line. 400 with the texts of spec/core-api.md 7.1 where it cannot be.
 * The device takes lines when this returns.
 */
int audit_enable(struct audit *audit, const struct audit_device_config *config,
	bool skip_test, struct err *err);

/* Close a device; unknown paths succeed. */
void audit_disable(struct audit *audit, const char *path);

/* Close all devices (at seal), after their queues are durable. */
void audit_disable_all(struct audit *audit);

/* At least one device is enabled: only then is there auditing. */
bool audit_is_enabled(const struct audit *audit);

/*
 * Hand in a request line: *ret_ticket then stands for it, and goes to
 * audit_wait or audit_then, once.
 */
struct audit_ticket;
int audit_request_begin(struct audit *audit, const struct audit_entry *entry,
	struct audit_ticket **ret_ticket, struct err *err);

/*
 * Wait until at least one device has written the line (not yet synced).
 * ERR_AUDIT where none did within the deadline. No device: 0.
 */
int audit_wait(
	struct audit *audit, struct audit_ticket **ticket, struct err *err);

/*
 * Have done called once, with 0 when a device has written the line, else
 * ERR_AUDIT: from this call, or later from a device's thread, which it may not
 * hold up.
 */
typedef void audit_done_fn(void *ctx, int rc);
void audit_then(struct audit_ticket **ref, audit_done_fn *done, void *ctx);

/*
 * Log a response line; done is called once, from a device's thread (or from
 * this call), with 0 when the line and its request line are durable on a
 * device, else ERR_AUDIT. The entry is rendered before the call returns.
 * False where there was no device: then done was called with 0.
 */
bool audit_response(struct audit *audit, const struct audit_entry *entry,
	audit_done_fn *done, void *ctx);

/*
 * Log both lines of a request whose work changed nothing, one right behind the
 * other; else as audit_response. No device has the second without the first.
 */
bool audit_both(struct audit *audit, const struct audit_entry *request,
	const struct audit_entry *response, audit_done_fn *done, void *ctx);

/*
 * Have the lines written that lie there since more were at hand. Whoever hands
 * in such a line sees to it that this is called soon, by anybody. May wait for
 * the disk of a device that is alone.
 */
void audit_flush(struct audit *audit);

/* The same for who has more to do: what is to be synced is left to others. */
void audit_flush_requests(struct audit *audit);

/* "hmac-sha256:…" as the device hashes input. ERR_ABSENT: no such device. */
int audit_hash(struct audit *audit, const char *path, struct span input,
	char out[80], struct err *err);

/* Reopen files (SIGHUP); also done when a file was renamed or unlinked. */
void audit_reopen(struct audit *audit);

/* For each enabled device, in order of path; for listing and heads. */
struct audit_device_status {
	const char *path;
	bool healthy;
	uint64_t lines_missed;
	struct auditline_head head; /* of the last synced line */
	uint8_t public_key[AUDITLINE_PUBLIC];
};

typedef int audit_device_fn(
	void *ctx, const struct audit_device_status *status, struct err *err);
int audit_each(
	struct audit *audit, audit_device_fn *fn, void *ctx, struct err *err);

/*
 * The furthest pin among the last ones that the file devices signed, each
 * looked for near the end (4 MiB) of its file; zeros where there is none.
 */
void audit_find_pin(struct audit *audit, struct audit_pin *ret_pin);

/* A request id, and whether a response line with it was found. */
struct audit_wanted {
	const char *request_id;
	bool found;
};

/*
 * Mark those of n wanted ids, in order of their bytes, whose response line
 * stands near the end (64 MiB) of a file device: for the outbox at start.
 * Reads each file once, whatever n is.
 */
void audit_find_responses(
	struct audit *audit, struct audit_wanted *wanted, size_t n);

#endif
