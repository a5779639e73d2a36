/* Targets and pins in the store: found by name and by address; their jobs. */
#include "server/engines/ssh/records/target.h"

#include <inttypes.h>
#include <string.h>

#include "server/engines/ssh/records/target_index.h"

#define MS_PER_S 1000

/* ---- by name ------------------------------------------------------------ */

int
target_get(struct store_tx *tx, const struct kv *kv, const char *name,
	struct arena *arena, const struct ssh_target **ret_target,
	struct err *err)
{
	const void *record = NULL;
	struct err why = { 0 };
	int rc = record_get(
		tx, kv, &ssh_target_record, name, arena, &record, &why);

	if (rc == ERR_ABSENT)
		return err_set(err, ERR_ABSENT, 404,
			"target \"%.64s\" not found", name);
	if (rc != 0) {
		*err = why;
		return rc;
	}
	*ret_target = record;
	return 0;
}

struct look {
	const struct kv *kv;
	const char *name;
	struct arena *arena;
	const struct ssh_target *target;
};

static int
look_up(struct store_tx *tx, void *ctx, struct err *err)
{
	struct look *look = ctx;

	return target_get(
		tx, look->kv, look->name, look->arena, &look->target, err);
}

int
target_read(struct store *store, const struct kv *kv, const char *name,
	struct arena *arena, const struct ssh_target **ret_target,
	struct err *err)
{
	struct look look = { .kv = kv, .name = name, .arena = arena };
	int rc = store_read(store, look_up, &look, err);

	if (rc == 0)
		*ret_target = look.target;
	return rc;
}

/* ---- by address --------------------------------------------------------- */

/*
 * A record for each target below its address, so that creds finds it without
 * reading all: "target_at/<host> <port>/<name>".
 */
#define AT_PREFIX "target_at/"

static const char *
at_name(struct arena *arena, const char *host, int64_t port, const char *name)
{
	return arena_printf(
		arena, AT_PREFIX "%s %" PRId64 "/%s", host, port, name);
}

int
target_index_add(struct store_tx *tx, const struct kv *kv, const char *name,
	const struct ssh_target *target, struct arena *arena, struct err *err)
{
	const char *full = at_name(arena, target->host, target->port, name);
	const struct value *empty = value_object(arena);

	if (full == NULL || empty == NULL)
		return err_set_memory(err);
	return kv_put(tx, kv, full, empty, err);
}

int
target_index_drop(struct store_tx *tx, const struct kv *kv, const char *name,
	const struct ssh_target *target, struct arena *arena, struct err *err)
{
	const char *full = at_name(arena, target->host, target->port, name);

	return full == NULL ? err_set_memory(err)
			    : kv_delete(tx, kv, full, err);
}

struct finding {
	const struct kv *kv;
	struct arena *arena;
	const char *host;
	int64_t port;
	const char *name; /* "": none is there */
	const struct ssh_target *target;
};

static int
take_name(void *ctx, const char *name, UNUSED const struct value *value,
	struct err *err)
{
	struct finding *finding = ctx;

	finding->name = arena_strdup(finding->arena, name);
	return finding->name != NULL ? 0 : err_set_memory(err);
}

static int
find_at(struct store_tx *tx, void *ctx, struct err *err)
{
	struct finding *finding = ctx;
	const char *prefix =
		at_name(finding->arena, finding->host, finding->port, "");
	int rc;

	finding->name = "";
	if (prefix == NULL)
		return err_set_memory(err);
	rc = kv_names(tx, finding->kv, prefix, NULL, 1, finding->arena,
		take_name, finding, err);
	if (rc == 0 && finding->name[0] == '\0')
		return err_set(err, ERR_ABSENT, 404,
			"no target has the address %.64s port %" PRId64,
			finding->host, finding->port);
	return rc != 0 ? rc
		       : target_get(tx, finding->kv, finding->name,
				 finding->arena, &finding->target, err);
}

int
target_find_by_address(struct store *store, const struct kv *kv, const char *ip,
	int64_t port, struct arena *arena, const char **ret_name,
	const struct ssh_target **ret_target, struct err *err)
{
	struct finding finding = {
		.kv = kv, .arena = arena, .host = ip, .port = port
	};
	int rc = store_read(store, find_at, &finding, err);

	if (rc != 0)
		return rc;
	*ret_name = finding.name;
	*ret_target = finding.target;
	return 0;
}

/* ---- pins of addresses without a target --------------------------------- */

struct pinned {
	struct str_list host_keys;
};

static const struct field pinned_fields[] = {
	FIELD_NAMES(struct pinned, host_keys, .len_max = PINS_TEXT_MAX,
		.doc = "Keys that were learned."),
	FIELD_END,
};

static const struct record_type pinned_record = {
	.prefix = "pins/",
	.fields = pinned_fields,
	.size = sizeof(struct pinned),
};

/* Its name with the prefix of its type. */
static const char *
pinned_name(struct arena *arena, const char *host, int64_t port)
{
	return arena_printf(
		arena, "%s%s %" PRId64, pinned_record.prefix, host, port);
}

int
target_forget_pins(struct store_tx *tx, const struct kv *kv, const char *host,
	int64_t port, struct arena *arena, struct err *err)
{
	const char *full = pinned_name(arena, host, port);

	return full == NULL ? err_set_memory(err)
			    : kv_delete(tx, kv, full, err);
}

static int
get_pinned(struct store_tx *tx, const struct finding *finding,
	struct str_list *ret_pins, struct err *err)
{
	const char *full =
		pinned_name(finding->arena, finding->host, finding->port);
	const void *record = NULL;
	struct err why = { 0 };
	int rc;

	if (full == NULL)
		return err_set_memory(err);
	rc = record_get(tx, finding->kv, &pinned_record,
		full + strlen(pinned_record.prefix), finding->arena, &record,
		&why);
	if (rc == ERR_ABSENT) {
		*ret_pins = (struct str_list){ NULL, 0 };
		return 0;
	}
	if (rc != 0) {
		*err = why;
		return rc;
	}
	*ret_pins = ((const struct pinned *)record)->host_keys;
	return 0;
}

/* The target there, or none: then finding->target is NULL. */
static int
find_if_there(struct store_tx *tx, struct finding *finding, struct err *err)
{
	struct err why = { 0 };
	int rc = find_at(tx, finding, &why);

	if (rc == ERR_ABSENT) {
		finding->target = NULL;
		return 0;
	}
	if (rc != 0)
		*err = why;
	return rc;
}

static int
find_pins(struct store_tx *tx, struct finding *finding,
	struct str_list *ret_pins, struct err *err)
{
	int rc = find_if_there(tx, finding, err);

	if (rc != 0)
		return rc;
	if (finding->target == NULL)
		return get_pinned(tx, finding, ret_pins, err);
	*ret_pins = finding->target->host_keys;
	return 0;
}

struct reading {
	struct finding finding;
	struct str_list pins;
};

static int
read_pins(struct store_tx *tx, void *ctx, struct err *err)
{
	struct reading *reading = ctx;

	return find_pins(tx, &reading->finding, &reading->pins, err);
}

int
target_pins(struct store *store, const struct kv *kv, const char *host,
	int64_t port, struct arena *arena, struct str_list *ret_host_keys,
	struct err *err)
{
	struct reading reading = { .finding = { .kv = kv,
					   .arena = arena,
					   .host = host,
					   .port = port } };
	int rc = store_read(store, read_pins, &reading, err);

	if (rc == 0)
		*ret_host_keys = reading.pins;
	return rc;
}

int
target_put(struct store_tx *tx, const struct kv *kv, const char *name,
	const struct ssh_target *target, struct arena *arena, struct err *err)
{
	struct value *value =
		record_encode(ssh_target_record.fields, target, arena);
	const char *full =
		arena_printf(arena, "%s%s", ssh_target_record.prefix, name);

	if (value == NULL || full == NULL)
		return err_set_memory(err);
	return kv_put(tx, kv, full, value, err);
}

static int
put_pinned(struct store_tx *tx, const struct finding *finding,
	const struct str_list *pins, struct err *err)
{
	const struct pinned pinned = { .host_keys = *pins };
	struct value *value =
		record_encode(pinned_fields, &pinned, finding->arena);
	const char *full =
		pinned_name(finding->arena, finding->host, finding->port);

	if (value == NULL || full == NULL)
		return err_set_memory(err);
	return kv_put(tx, finding->kv, full, value, err);
}

struct pinning {
	struct finding finding;
	const char *host_key;
};

/* Another caller may have pinned another key since this one dialled. */
static int
pin_key(struct store_tx *tx, void *ctx, struct err *err)
{
	struct pinning *pinning = ctx;
	struct finding *finding = &pinning->finding;
	struct str_list pins;
	struct ssh_target target;
	int rc = find_pins(tx, finding, &pins, err);

	if (rc != 0 || pins_have(&pins, pinning->host_key, finding->arena))
		return rc;
	if (pins.n > 0)
		return err_set(err, ERR_DENIED, 500,
			"host key %s is not the one that was pinned meanwhile",
			pins_fingerprint(pinning->host_key, finding->arena));
	if (!str_list_add(finding->arena, &pins, pinning->host_key))
		return err_set_memory(err);
	if (finding->target == NULL)
		return put_pinned(tx, finding, &pins, err);
	target = *finding->target;
	target.host_keys = pins;
	return target_put(
		tx, finding->kv, finding->name, &target, finding->arena, err);
}

int
target_pin(struct server *server, const struct kv *kv, const char *host,
	int64_t port, const char *host_key, struct err *err)
{
	struct pinning pinning = {
		.finding = { .kv = kv, .host = host, .port = port },
		.host_key = host_key,
	};
	struct arena *arena = arena_new(REQ_ARENA_MAX);
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	pinning.finding.arena = arena;
	rc = store_write(server->store, pin_key, &pinning, err);
	arena_free(&arena);
	return rc;
}

/* ---- what logs in there ------------------------------------------------- */

int
target_job(const struct ssh_target *target, struct profile_job *ret_job,
	struct err *err)
{
	enum outbound_host_key_policy policy;
	int rc = pins_policy(target->host_key_policy, &policy, err);

	if (rc != 0)
		return rc;
	*ret_job = (struct profile_job){
		.host = target->host,
		.port = target->port,
		.source = target->source_address,
		.admin_user = target->user,
		.host_keys = target->host_keys,
		.policy = policy,
		.legacy_crypto = target->legacy_crypto,
		.url = target->url,
		.ca_cert = target->ca_cert,
		.tls_pin = target->tls_pin,
		.api_user = target->api_user,
		.api_secret = target->api_secret,
		.deadline_ms = target->timeout * MS_PER_S,
		.username = "",
		.tag = "",
		.public_key = "",
		.options = "",
		.install_script = "",
		.accept_password_lockout = target->accept_password_lockout,
	};
	return 0;
}
