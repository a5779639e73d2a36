/*
 * Audit devices as records: "audit/<path>" is the device's configuration,
 * "audit-heads/<path>" where its chain of lines stands. The latter is written
 * each second at most and only when it moved, so it is a record of its own.
 */
#include "server/core/audit_devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/blocking.h"
#include "lib/codec.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/random.h"
#include "server/core/records.h"
#include "server/core/seal.h"
#include "server/core/server.h"
#include "storage/outbox.h"

#define AUDIT_PATH_MAX 128
#define NAME_MAX_BYTES (AUDIT_PATH_MAX + 32)
#define AUDIT_MEMORY_MAX (4 * 1024 * 1024)

/* One change at a time; a head's write must not outlive its device. */
static struct guard change_guard;
static pthread_mutex_t change = PTHREAD_MUTEX_INITIALIZER;

static void
device_name(const char *path, char out[NAME_MAX_BYTES])
{
	(void)snprintf(out, NAME_MAX_BYTES, "audit/%s", path);
}

static void
head_name(const char *path, char out[NAME_MAX_BYTES])
{
	(void)snprintf(out, NAME_MAX_BYTES, "audit-heads/%s", path);
}

/* ---- heads ------------------------------------------------------------ */

static struct auditline_head
decode_head(const struct value *record)
{
	struct auditline_head head = { 0 };
	int64_t seq = value_find_int(record, "seq", 0);
	struct span link = value_text(value_find(record, "link"));
	size_t len = 0;

	if (seq <= 0 ||
		hex_decode(link, head.link, sizeof(head.link), &len) != 0 ||
		len != sizeof(head.link))
		return (struct auditline_head){ 0 };
	head.seq = (uint64_t)seq;
	return head;
}

static struct value *
encode_head(struct arena *arena, const struct auditline_head *head)
{
	struct value *record = value_object(arena);
	char link[2 * AUDITLINE_HASH + 1];

	hex_encode(head->link, sizeof(head->link), link);
	if (!value_set_int(arena, record, "seq", (int64_t)head->seq) ||
		!value_set_str(arena, record, "link", link))
		return NULL;
	return record;
}

/* Heads of all devices, and those that the store has of them. */
struct heads {
	struct server *server;
	struct arena *arena;

	struct moved {
		const char *path;
		struct auditline_head head;
		struct moved *next;
	} * first;
};

/* Heads as they were last written, so that an idle second writes nothing. */
static struct written {
	char path[AUDIT_PATH_MAX + 2];
	uint64_t seq;
	struct written *next;
} * written_heads;

static struct written *
written_of(const char *path)
{
	struct written *written = NULL;

	for (written = written_heads; written != NULL;
		written = written->next) {
		if (strcmp(written->path, path) == 0)
			return written;
	}
	written = calloc(1, sizeof(*written));
	if (written == NULL)
		return NULL;
	(void)snprintf(written->path, sizeof(written->path), "%s", path);
	written->next = written_heads;
	written_heads = written;
	return written;
}

static void
forget_written(void)
{
	while (written_heads != NULL) {
		struct written *next = written_heads->next;

		free(written_heads);
		written_heads = next;
	}
}

static int
collect_moved(
	void *ctx, const struct audit_device_status *status, struct err *err)
{
	struct heads *heads = ctx;
	const struct written *written = written_of(status->path);
	struct moved *moved = NULL;

	if (written == NULL)
		return err_set_memory(err);
	if (written->seq == status->head.seq)
		return 0;
	if (heads->arena == NULL)
		heads->arena = arena_new(AUDIT_MEMORY_MAX);
	if (heads->arena != NULL)
		moved = ARENA_NEW(heads->arena, struct moved);
	if (moved == NULL)
		return err_set_memory(err);
	moved->path = arena_strdup(heads->arena, status->path);
	if (moved->path == NULL)
		return err_set_memory(err);
	moved->head = status->head;
	moved->next = heads->first;
	heads->first = moved;
	return 0;
}

/* "file/" to "file". */
static void
without_slash(const char *path, char out[AUDIT_PATH_MAX + 2])
{
	size_t len = strlen(path);

	(void)snprintf(out, AUDIT_PATH_MAX + 2, "%s", path);
	if (len > 0 && len <= AUDIT_PATH_MAX && out[len - 1] == '/')
		out[len - 1] = '\0';
}

static int
put_heads(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct heads *heads = ctx;
	const struct moved *moved = NULL;
	int rc = 0;

	for (moved = heads->first; moved != NULL && rc == 0;
		moved = moved->next) {
		struct value *record = encode_head(heads->arena, &moved->head);
		char path[AUDIT_PATH_MAX + 2], name[NAME_MAX_BYTES];

		if (record == NULL)
			return err_set_memory(err);
		without_slash(moved->path, path);
		head_name(path, name);
		rc = kv_put(tx, &heads->server->system, name, record, err);
	}
	return rc;
}

static void
save_heads_locked(struct server *server)
{
	struct heads heads = { .server = server };
	const struct moved *moved = NULL;
	struct err err = { 0 };
	int rc = audit_each(server->audit, collect_moved, &heads, &err);

	if (rc == 0 && heads.first != NULL)
		rc = store_write(server->store, put_heads, &heads, &err);
	for (moved = heads.first; moved != NULL && rc == 0;
		moved = moved->next) {
		struct written *written = written_of(moved->path);

		if (written != NULL)
			written->seq = moved->head.seq;
	}
	/* The store itself tells of a full disk; here it would each second. */
	if (rc != 0 && rc != ERR_SEALED && rc != ERR_FULL)
		log_warn("heads of the audit log were not stored",
			LOG_ERR(&err));
	arena_free(&heads.arena);
}

void
audit_devices_save_heads(struct server *server)
{
	lock_take(&change, &change_guard);
	save_heads_locked(server);
	lock_give(&change, &change_guard);
}

/* ---- opening ---------------------------------------------------------- */

/* Open the device of a record; config's keys are wiped before it returns. */
static int
open_device(struct server *server, const struct barrier *barrier,
	const char *path, const struct value *record,
	const struct auditline_head *head, bool skip_test, struct err *err)
{
	const char *uuid = value_find_str(record, "uuid", "");
	char slashed[AUDIT_PATH_MAX + 2];
	struct audit_device_config config = {
		.path = slashed,
		.type = value_find_str(record, "type", ""),
		.description = value_find_str(record, "description", ""),
		.options = value_find(record, "options"),
		.local = value_find_bool(record, "local", false),
		.head = *head,
	};
	int rc;

	(void)snprintf(slashed, sizeof(slashed), "%s/", path);
	barrier_derive(barrier, "audit-hmac", span_str(uuid), config.hmac_key);
	barrier_derive(barrier, "audit-sign", span_str(uuid), config.sign_seed);
	rc = audit_enable(server->audit, &config, skip_test, err);
	secret_wipe(config.hmac_key, sizeof(config.hmac_key));
	secret_wipe(config.sign_seed, sizeof(config.sign_seed));
	return rc;
}

struct loading {
	struct server *server;
	const struct barrier *barrier;
	size_t n_open, n_failed;
};

static int
load_one(void *ctx, const char *path, const struct value *record,
	struct err *err)
{
	struct loading *loading = ctx;
	struct server *server = loading->server;
	struct arena *arena = arena_new(AUDIT_MEMORY_MAX);
	struct auditline_head head = { 0 };
	struct value *stored = NULL;
	char name[NAME_MAX_BYTES];
	struct err why = { 0 };
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	head_name(path, name);
	rc = kv_read(
		server->store, &server->system, name, arena, &stored, &why);
	if (rc == 0)
		head = decode_head(stored);
	arena_free(&arena);
	if (rc != 0 && rc != ERR_ABSENT) {
		err_set(err, rc, 500, "internal error");
		return err_wrap(err, "record %s: %s", name, why.detail);
	}
	err_clear(&why);
	rc = open_device(
		server, loading->barrier, path, record, &head, true, &why);
	loading->n_open += rc == 0;
	loading->n_failed += rc != 0;
	if (rc != 0)
		log_error("audit device does not open", LOG_STR("path", path),
			LOG_ERR(&why));
	return 0;
}

/* ---- the outbox ------------------------------------------------------- */

/* Waits for the completion of one line. */
static struct guard completion_guard;

struct completion {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done GUARDED_BY(completion_guard);
	int rc GUARDED_BY(completion_guard);
};

static void
complete(void *ctx, int rc)
{
	struct completion *completion = ctx;

	lock_take(&completion->mutex, &completion_guard);
	completion->done = true;
	completion->rc = rc;
	pthread_cond_signal(&completion->cond);
	lock_give(&completion->mutex, &completion_guard);
}

#define COMPLETION_INIT                                                        \
	{                                                                      \
		.mutex = PTHREAD_MUTEX_INITIALIZER,                            \
		.cond = PTHREAD_COND_INITIALIZER,                              \
	}

static int
wait_for(struct completion *completion)
{
	int rc;

	blocking_begin();
	lock_take(&completion->mutex, &completion_guard);
	while (!completion->done)
		lock_wait(&completion->cond, &completion->mutex,
			&completion_guard);
	rc = completion->rc;
	lock_give(&completion->mutex, &completion_guard);
	blocking_end();
	return rc;
}

int
audit_devices_write(struct server *server, const struct audit_entry *request,
	const struct audit_entry *response, struct err *err)
{
	struct completion completion = COMPLETION_INIT;

	(void)audit_both(
		server->audit, request, response, complete, &completion);
	if (wait_for(&completion) == 0)
		return 0;
	return err_set(err, ERR_AUDIT, 500, "internal error");
}

/* The line that a crash swallowed: the change was made. */
static int
write_recovered(struct audit *audit, const struct outbox_fact *fact)
{
	struct completion completion = COMPLETION_INIT;
	struct audit_entry entry = {
		.time_ns = fact->time_ns,
		.is_response = true,
		.error = "",
		.request_id = fact->request_id,
		.operation = fact->operation,
		.mount_type = "",
		.client_token_accessor = fact->accessor,
		.path = fact->path,
		.remote_address = "",
		.lease_id = fact->lease_id,
		.recovered = true,
		.status = fact->status,
	};

	(void)audit_response(audit, &entry, complete, &completion);
	return wait_for(&completion);
}

struct recovery {
	struct server *server;
	size_t n;
};

/* The facts whose response line no device has, in lines of their own. */
static int
write_lost(struct recovery *recovery, const struct outbox_fact *facts,
	const struct audit_wanted *wanted, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (wanted[i].found)
			continue;
		if (write_recovered(recovery->server->audit, &facts[i]) != 0)
			return err_set(err, ERR_AUDIT, 500, "internal error");
		recovery->n++;
	}
	return 0;
}

static int
recover_some(
	void *ctx, const struct outbox_fact *facts, size_t n, struct err *err)
{
	struct recovery *recovery = ctx;
	struct audit *audit = recovery->server->audit;
	struct audit_wanted *wanted = calloc(n, sizeof(*wanted));
	int rc = 0;

	if (wanted == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < n; i++)
		wanted[i].request_id = facts[i].request_id;
	if (audit_is_enabled(audit)) {
		audit_find_responses(audit, wanted, n);
		rc = write_lost(recovery, facts, wanted, n, err);
	}
	free(wanted);
	if (rc == 0)
		outbox_forget(recovery->server->store, facts, n);
	return rc;
}

int
audit_devices_recover(struct server *server, struct err *err)
{
	struct recovery recovery = { .server = server };
	int rc;

	lock_take(&change, &change_guard);
	rc = outbox_scan(server->store, recover_some, &recovery, err);
	lock_give(&change, &change_guard);
	if (recovery.n > 0)
		log_warn("audit lines of the last run were recovered",
			LOG_INT("lines", (int64_t)recovery.n));
	return rc;
}

int
audit_devices_load(
	struct server *server, struct barrier *barrier, struct err *err)
{
	struct loading loading = { .server = server, .barrier = barrier };
	int rc;

	lock_take(&change, &change_guard);
	forget_written();
	rc = records_each(server->store, &server->system, "audit/", load_one,
		&loading, err);
	if (rc == 0 && loading.n_failed > 0 && loading.n_open == 0) {
		rc = err_set(err, ERR_AUDIT, 500, "internal error");
		err_wrap(err, "no audit device opens");
	}
	lock_give(&change, &change_guard);
	return rc;
}

/* ---- adding and removing ---------------------------------------------- */

static bool
is_path(const char *path)
{
	const char *at = path;

	while ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
		(*at >= '0' && *at <= '9') ||
		(*at != '\0' && strchr("-_./", *at)))
		at++;
	return *at == '\0' && path[0] != '\0' && path[0] != '/' &&
		at[-1] != '/' && at - path <= AUDIT_PATH_MAX &&
		strstr(path, "//") == NULL && strstr(path, "..") == NULL;
}

struct nesting {
	const char *path;
	bool taken;
};

/* path equals name, lies in it or contains it. */
static int
check_nesting(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	struct nesting *nesting = ctx;
	size_t name_len = strlen(name), path_len = strlen(nesting->path);
	size_t len = name_len < path_len ? name_len : path_len;
	const char *longer = name_len < path_len ? nesting->path : name;

	(void)value;
	(void)err;
	nesting->taken |= strncmp(name, nesting->path, len) == 0 &&
		(longer[len] == '\0' || longer[len] == '/');
	return 0;
}

static int
check_path(struct server *server, const char *path, struct err *err)
{
	struct nesting nesting = { .path = path };
	int rc;

	if (!is_path(path))
		return err_set(err, ERR_INPUT, 400,
			"invalid audit path \"%.64s\"", path);
	rc = records_each(server->store, &server->system, "audit/",
		check_nesting, &nesting, err);
	if (rc == 0 && nesting.taken)
		rc = err_set(err, ERR_EXISTS, 400, "path already in use");
	return rc;
}

/* Values of options become strings; true is "1". */
static struct value *
string_options(struct arena *arena, const struct value *options)
{
	struct value *strings = value_object(arena);

	VALUE_EACH (option, options) {
		const char *text = "";
		char digits[24];

		if (option->type == VALUE_NULL)
			continue;
		if (option->type == VALUE_BOOL)
			text = option->boolean ? "1" : "0";
		if (option->type == VALUE_STRING ||
			option->type == VALUE_NUMBER)
			text = option->str;
		if (option->type == VALUE_INT) {
			(void)snprintf(digits, sizeof(digits), "%lld",
				(long long)option->integer);
			text = digits;
		}
		if (!value_set_str(arena, strings, option->key, text))
			return NULL;
	}
	return strings;
}

static struct value *
device_record(struct arena *arena, const char *type, const char *description,
	const struct value *options, bool local)
{
	struct value *record = value_object(arena);
	char uuid[RANDOM_UUID_MAX];

	random_uuid(uuid);
	if (!value_set_str(arena, record, "uuid", uuid) ||
		!value_set_str(arena, record, "type", type) ||
		!value_set_str(arena, record, "description",
			description == NULL ? "" : description) ||
		!value_set_bool(arena, record, "local", local) ||
		!value_set(arena, record, "options",
			string_options(arena, options)))
		return NULL;
	return record;
}

static int
add_locked(struct server *server, const struct barrier *barrier,
	const char *path, const struct value *record, bool skip_test,
	struct err *err)
{
	struct auditline_head none = { 0 };
	char name[NAME_MAX_BYTES], slashed[AUDIT_PATH_MAX + 2];
	int rc = check_path(server, path, err);

	if (rc == 0)
		rc = open_device(
			server, barrier, path, record, &none, skip_test, err);
	if (rc != 0)
		return rc;
	device_name(path, name);
	rc = kv_write(server->store, &server->system, name, record, err);
	if (rc == 0)
		return 0;
	(void)snprintf(slashed, sizeof(slashed), "%s/", path);
	audit_disable(server->audit, slashed);
	return rc;
}

int
audit_devices_add(struct server *server, const char *path, const char *type,
	const char *description, const struct value *options, bool local,
	bool skip_test, struct err *err)
{
	struct arena *arena = arena_new(AUDIT_MEMORY_MAX);
	struct value *record = NULL;
	struct barrier *barrier = NULL;
	int rc;

	if (arena != NULL)
		record =
			device_record(arena, type, description, options, local);
	if (record == NULL) {
		arena_free(&arena);
		return err_set_memory(err);
	}
	barrier = seal_hold_barrier(server->seal);
	if (barrier == NULL) {
		rc = err_set(err, ERR_SEALED, 503, "Vault is sealed");
	} else {
		lock_take(&change, &change_guard);
		rc = add_locked(server, barrier, path, record, skip_test, err);
		lock_give(&change, &change_guard);
		seal_release_barrier(server->seal);
	}
	arena_free(&arena);
	return rc;
}

int
audit_devices_remove(struct server *server, const char *path, struct err *err)
{
	char name[NAME_MAX_BYTES], slashed[AUDIT_PATH_MAX + 2];
	int rc;

	if (!is_path(path))
		return 0; /* no device has such a path */
	lock_take(&change, &change_guard);
	device_name(path, name);
	rc = records_delete(server->store, &server->system, name, err);
	head_name(path, name);
	if (rc == 0)
		rc = records_delete(server->store, &server->system, name, err);
	if (rc == 0) {
		(void)snprintf(slashed, sizeof(slashed), "%s/", path);
		audit_disable(server->audit, slashed);
		forget_written();
	}
	lock_give(&change, &change_guard);
	return rc;
}

/* ---- listing ---------------------------------------------------------- */

struct listing {
	struct arena *arena;
	struct value *list;
};

static int
list_one(void *ctx, const char *path, const struct value *record,
	struct err *err)
{
	struct listing *listing = ctx;
	struct arena *arena = listing->arena;
	const char *slashed = arena_printf(arena, "%s/", path);
	struct value *device = value_object(arena);
	const struct value *options = value_find(record, "options");

	if (slashed == NULL || options == NULL ||
		!value_set_str(arena, device, "path", slashed) ||
		!value_set_str(arena, device, "type",
			value_find_str(record, "type", "")) ||
		!value_set_str(arena, device, "description",
			value_find_str(record, "description", "")) ||
		!value_set(
			arena, device, "options", value_copy(arena, options)) ||
		!value_set_bool(arena, device, "local",
			value_find_bool(record, "local", false)) ||
		!value_set(arena, listing->list, slashed, device))
		return err_set_memory(err);
	return 0;
}

/* Number and hash of the last synced line: what is cut off shows by it. */
static bool
set_head(struct arena *arena, struct value *device,
	const struct auditline_head *head)
{
	struct value *value = value_object(arena);
	char hash[2 * AUDITLINE_HASH + 1];

	hex_encode(head->link, AUDITLINE_HASH, hash);
	return value_set_int(arena, value, "seq", (int64_t)head->seq) &&
		value_set_str(arena, value, "hash", hash) &&
		value_set(arena, device, "head", value);
}

/* Of a device that is open, the public half of its key and its head too. */
static int
add_status(void *ctx, const struct audit_device_status *status, struct err *err)
{
	struct listing *listing = ctx;
	struct value *device = value_find(listing->list, status->path);
	struct buf text;
	int rc = 0;

	if (device == NULL)
		return 0;
	buf_init(&text, 256);
	if (base64_encode(span_of(status->public_key, AUDITLINE_PUBLIC),
		    &text) != 0 ||
		!value_set_str(
			listing->arena, device, "public_key", buf_str(&text)) ||
		!set_head(listing->arena, device, &status->head))
		rc = err_set_memory(err);
	buf_clear(&text);
	return rc;
}

int
audit_devices_list(struct server *server, struct arena *arena,
	struct value **ret_list, struct err *err)
{
	struct listing listing = { arena, value_object(arena) };
	int rc;

	if (listing.list == NULL)
		return err_set_memory(err);
	rc = records_each(server->store, &server->system, "audit/", list_one,
		&listing, err);
	if (rc == 0)
		rc = audit_each(server->audit, add_status, &listing, err);
	if (rc == 0)
		*ret_list = listing.list;
	return rc;
}
