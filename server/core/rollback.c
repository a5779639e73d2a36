/*
 * The store is compared with the pins that it left outside itself: those on
 * signed audit lines, which no answered request is without, and the epoch
 * file. A pin is never ahead of what was durable when it was made, so a store
 * that is behind one has lost commits, however that came.
 */
#include "server/core/rollback.h"

#include <stdatomic.h>

#include "lib/log.h"
#include "lib/random.h"
#include "server/core/audit_devices.h"
#include "server/core/epoch_file.h"
#include "server/core/server.h"
#include "storage/restore.h"
#include "storage/schema.h"

#define LINE_MEMORY_MAX (256 * 1024)

void
rollback_pin(void *ctx, struct audit_pin *ret_pin)
{
	struct server *server = ctx;
	const uint64_t epoch = atomic_load(&server->epoch);

	*ret_pin = (struct audit_pin){
		.epoch = epoch,
		.batch = epoch == 0 ? 0 : store_durable_batch(server->store),
	};
}

static int
read_position(struct store_tx *tx, void *ctx, struct err *err)
{
	struct audit_pin *position = ctx;

	(void)err;
	position->batch = tx_batch(tx);
	return 0;
}

static int
find_position(struct server *server, struct audit_pin *ret_pin, struct err *err)
{
	int rc = store_read(server->store, read_position, ret_pin, err);

	return rc != 0 ? rc : schema_epoch(server->store, &ret_pin->epoch, err);
}

/* The furthest that anybody outside the store saw of it. */
static int
find_seen(struct server *server, const char *cluster_id,
	struct audit_pin *ret_pin, struct err *err)
{
	struct audit_pin in_file = { 0 };
	int rc = 0;

	audit_find_pin(server->audit, ret_pin);
	if (!server->settings->dev)
		rc = epoch_file_read(
			server->settings, cluster_id, &in_file, err);
	if (audit_pin_is_before(*ret_pin, in_file))
		*ret_pin = in_file;
	return rc;
}

static int
refuse(const struct audit_pin *position, const struct audit_pin *seen,
	struct err *err)
{
	err_set(err, ERR_DENIED, 500, "%s", ROLLBACK_REASON);
	return err_wrap(err,
		"the store is at epoch %llu, commit %llu; seen was epoch %llu, commit %llu; an old store was put back, or commits were lost: put the newest store back, or start once with -accept-rollback",
		(unsigned long long)position->epoch,
		(unsigned long long)position->batch,
		(unsigned long long)seen->epoch,
		(unsigned long long)seen->batch);
}

/* ---- going on with an older store ------------------------------------- */

struct restoring {
	struct audit_pin position, seen;
	bool accepted; /* no backup: the operator said so */
};

static const struct value *
describe(const struct restoring *restoring, struct arena *arena)
{
	struct value *data = value_object(arena);

	if (!value_set_bool(
		    arena, data, "accept_rollback", restoring->accepted) ||
		!value_set_int(arena, data, "store_epoch",
			(int64_t)restoring->position.epoch) ||
		!value_set_int(arena, data, "store_batch",
			(int64_t)restoring->position.batch) ||
		!value_set_int(arena, data, "seen_epoch",
			(int64_t)restoring->seen.epoch) ||
		!value_set_int(arena, data, "seen_batch",
			(int64_t)restoring->seen.batch))
		return NULL;
	return data;
}

/* That it happens stands in the audit log before it does. */
static int
log_restore(struct server *server, const struct restoring *restoring,
	struct err *err)
{
	struct arena *arena = arena_new(LINE_MEMORY_MAX);
	char id[RANDOM_UUID_MAX];
	struct audit_entry request = {
		.time_ns = store_now_ns(server->store),
		.error = "",
		.request_id = id,
		.operation = "update",
		.mount_type = "system",
		.client_token_accessor = "",
		.path = "sys/unseal",
		.remote_address = "",
		.lease_id = "",
	};
	struct audit_entry response = request;
	int rc;

	random_uuid(id);
	response.is_response = true;
	if (arena != NULL)
		response.response_data = describe(restoring, arena);
	rc = response.response_data == NULL
		? err_set_memory(err)
		: audit_devices_write(server, &request, &response, err);
	arena_free(&arena);
	return rc;
}

static int
restore(struct server *server, const struct restoring *restoring,
	struct err *err)
{
	struct restored restored;
	int rc = log_restore(server, restoring, err);

	if (rc == 0 && restoring->accepted)
		rc = restore_demand(server->store, err);
	if (rc == 0)
		rc = restore_finish(
			server->store, restoring->seen.epoch, &restored, err);
	if (rc != 0)
		return err_wrap(err, "a store that was put back");
	log_warn(restoring->accepted
			? "an older store was accepted: its OTPs are dropped"
			: "the store was put back from a backup: its OTPs are dropped",
		LOG_INT("otps", (int64_t)restored.n_otps),
		LOG_INT("dynamic", (int64_t)restored.n_dynamic),
		LOG_INT("epoch", (int64_t)restored.epoch));
	return 0;
}

/* ---- both together ---------------------------------------------------- */

static int
settle(struct server *server, const char *cluster_id, bool accept,
	bool *ret_restored, struct err *err)
{
	struct restoring restoring = { 0 };
	bool due = false, behind;
	int rc = find_position(server, &restoring.position, err);

	if (rc == 0)
		rc = find_seen(server, cluster_id, &restoring.seen, err);
	if (rc == 0)
		rc = restore_is_due(server->store, &due, err);
	if (rc != 0)
		return rc;
	behind = audit_pin_is_before(restoring.position, restoring.seen);
	restoring.accepted = behind && !due;
	if (restoring.accepted && !accept)
		return refuse(&restoring.position, &restoring.seen, err);
	*ret_restored = due || behind;
	return *ret_restored ? restore(server, &restoring, err) : 0;
}

int
rollback_check(struct server *server, const char *cluster_id, bool accept,
	bool *ret_restored, struct err *err)
{
	struct err why = { 0 };
	uint64_t epoch;
	int rc = settle(server, cluster_id, accept, ret_restored, err);

	if (rc == 0)
		rc = schema_epoch(server->store, &epoch, err);
	if (rc != 0)
		return rc;
	atomic_store(&server->epoch, epoch);
	/* What was found may not be durable yet; without room it stays so. */
	rc = store_sync(server->store, &why);
	if (rc == 0)
		rollback_note(server, cluster_id);
	else if (rc != ERR_FULL)
		*err = why;
	return rc == ERR_FULL ? 0 : rc;
}

void
rollback_note(struct server *server, const char *cluster_id)
{
	struct audit_pin pin;
	struct err err = { 0 };

	rollback_pin(server, &pin);
	if (server->settings->dev || pin.batch == 0)
		return;
	if (epoch_file_write(server->settings, cluster_id, &pin, &err) != 0)
		log_warn(
			"the epoch file was not written: without it and an audit log an older store is not noticed",
			LOG_ERR(&err));
}
