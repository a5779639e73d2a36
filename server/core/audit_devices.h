/*
 * Audit devices as records of sys/, keys for them from the barrier, and the
 * outbox: recovered lines at start.
 */
#ifndef SALLYPORT_SERVER_CORE_AUDIT_DEVICES_H
#define SALLYPORT_SERVER_CORE_AUDIT_DEVICES_H

#include "audit/audit.h"
#include "lib/value.h"

struct barrier;
struct server;

/*
 * While the server opens: open every recorded device with keys from barrier. A
 * device that does not open is logged; it is an error where none does.
 */
int audit_devices_load(
	struct server *server, struct barrier *barrier, struct err *err);

/* After that: the lines that the last run did not get out, from the outbox. */
int audit_devices_recover(struct server *server, struct err *err);

/*
 * A pair of lines of our own; returns once they are durable. ERR_AUDIT: no
 * device took them. Without devices: 0.
 */
int audit_devices_write(struct server *server,
	const struct audit_entry *request, const struct audit_entry *response,
	struct err *err);

/* Enable and record; texts of spec/core-api.md 7.1. path without '/'. */
int audit_devices_add(struct server *server, const char *path, const char *type,
	const char *description, const struct value *options, bool local,
	bool skip_test, struct err *err);
int audit_devices_remove(
	struct server *server, const char *path, struct err *err);

/* Object keyed by path, as GET sys/audit shows it. */
int audit_devices_list(struct server *server, struct arena *arena,
	struct value **ret_list, struct err *err);

/* Write the heads of synced lines into the store (from expiry's thread). */
void audit_devices_save_heads(struct server *server);

#endif
