/*
 * A name's record says what is current (keys/<name>); the private halves stand
 * beside it, one record a version (key-versions/<name>/<number>).
 */
#include "server/engines/ssh/records/named_key.h"

#include <inttypes.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/number.h"
#include "lib/sshkey.h"
#include "server/keeper/keeper.h"

#define VERSIONS_MAX 10000 /* of a mount at a time */
#define SEALED_MAX 65536
#define VERSIONS "key-versions/"
#define VERSION_RECORD VERSIONS "%s/%010" PRId64 /* in order of number */

/* ---- records ------------------------------------------------------------ */

static const struct field key_fields[] = {
	FIELD_INT(struct ssh_named_key, version, .doc = "The current one."),
	FIELD_STR(struct ssh_named_key, public_key, .len_max = SSHKEY_LINE_MAX,
		.doc = "One line."),
	FIELD_STR(struct ssh_named_key, fingerprint, .doc = "SHA256:…"),
	FIELD_INT(struct ssh_named_key, created_s, .doc = "When it came."),
	FIELD_DURATION(struct ssh_named_key, max_age, .doc = "Warn then."),
	FIELD_BOOL(struct ssh_named_key, generated, .doc = "By the keeper."),
	FIELD_END,
};

struct value *
named_key_type(struct arena *arena, const char *public_key)
{
	return value_span(arena, span_of(public_key, strcspn(public_key, " ")));
}

static struct value *
key_info(struct req *req, UNUSED const char *name, const void *record)
{
	const struct ssh_named_key *key = record;
	struct arena *arena = req->arena;
	struct value *info = value_object(arena);

	return value_set(arena, info, "type",
		       named_key_type(arena, key->public_key)) &&
			value_set_str(
				arena, info, "fingerprint", key->fingerprint) &&
			value_set_str(
				arena, info, "public_key", key->public_key) &&
			value_set(arena, info, "created_time",
				reply_time_value(arena, key->created_s)) &&
			value_set_int(arena, info, "version", key->version)
		? info
		: NULL;
}

const struct record_type ssh_named_key_record = {
	.prefix = "keys/",
	.capture = "key_name",
	.fields = key_fields,
	.size = sizeof(struct ssh_named_key),
	.key_info = key_info,
};

static const struct field version_fields[] = {
	FIELD_STR(struct named_key_version, public_key,
		.len_max = SSHKEY_LINE_MAX, .doc = "One line."),
	FIELD_STR(struct named_key_version, sealed, .len_max = SEALED_MAX,
		.doc = "The private half, for the keeper alone."),
	FIELD_INT(struct named_key_version, created_s, .doc = "When it came."),
	FIELD_END,
};

static int
refuse_absent(const char *name, struct err *err)
{
	err_clear(err);
	return err_set(err, ERR_ABSENT, 500, "key \"%.64s\" not found", name);
}

static int
get_key(struct store_tx *tx, const struct kv *kv, const char *name,
	struct arena *arena, const struct ssh_named_key **ret_key,
	struct err *err)
{
	const void *record = NULL;
	int rc = record_get(
		tx, kv, &ssh_named_key_record, name, arena, &record, err);

	if (rc == 0)
		*ret_key = record;
	return rc;
}

int
named_key_get(struct store_tx *tx, const struct kv *kv, const char *name,
	struct arena *arena, struct named_key_info *ret_info, struct err *err)
{
	const struct ssh_named_key *key = NULL;
	int rc = get_key(tx, kv, name, arena, &key, err);

	if (rc == ERR_ABSENT)
		return refuse_absent(name, err);
	if (rc == 0)
		*ret_info = (struct named_key_info){
			.version = key->version,
			.public_key = key->public_key,
			.fingerprint = key->fingerprint,
		};
	return rc;
}

/* ---- versions ----------------------------------------------------------- */

static const char *
version_name(struct arena *arena, const char *name, int64_t version)
{
	return arena_printf(arena, VERSION_RECORD, name, version);
}

struct version_scan {
	const char *name; /* NULL: all */
	struct arena *arena;
	named_key_version_fn *fn;
	void *ctx;
};

/* full: "name/number". */
static int
decode_version(struct arena *arena, const char *full, const struct value *value,
	struct named_key_version *ret_version, struct err *err)
{
	const char *slash = strchr(full, '/');
	struct named_key_version version;
	void *record = NULL;
	int rc = record_decode(
		version_fields, sizeof(version), value, arena, &record, err);

	if (rc != 0)
		return rc;
	version = *(const struct named_key_version *)record;
	if (slash == NULL ||
		number_parse_i64(span_str(slash + 1), 1, INT64_MAX,
			&version.version) != 0)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	version.key = arena_strndup(arena, full, (size_t)(slash - full));
	if (version.key == NULL)
		return err_set_memory(err);
	*ret_version = version;
	return 0;
}

static int
hand_out_version(
	void *ctx, const char *rest, const struct value *value, struct err *err)
{
	const struct version_scan *scan = ctx;
	struct named_key_version version;
	const char *full = scan->name == NULL
		? rest
		: arena_printf(scan->arena, "%s/%s", scan->name, rest);
	int rc = full == NULL
		? err_set_memory(err)
		: decode_version(scan->arena, full, value, &version, err);

	return rc != 0 ? rc : scan->fn(scan->ctx, &version, err);
}

int
named_key_versions(struct store_tx *tx, const struct kv *kv, const char *name,
	struct arena *arena, named_key_version_fn *fn, void *ctx,
	struct err *err)
{
	struct version_scan scan = { name, arena, fn, ctx };
	const char *prefix = name == NULL
		? VERSIONS
		: arena_printf(arena, VERSIONS "%s/", name);

	if (prefix == NULL)
		return err_set_memory(err);
	return kv_scan(tx, kv, prefix, NULL, VERSIONS_MAX, arena,
		hand_out_version, &scan, err);
}

int
named_key_drop_version(struct store_tx *tx, const struct kv *kv,
	const char *name, int64_t version, struct arena *arena, struct err *err)
{
	const char *record = version_name(arena, name, version);

	return record == NULL ? err_set_memory(err)
			      : kv_delete(tx, kv, record, err);
}

/* ---- putting ------------------------------------------------------------ */

static int
note_newest(void *ctx, const struct named_key_version *version,
	UNUSED struct err *err)
{
	*(int64_t *)ctx = version->version;
	return 0;
}

static int
put_version(struct store_tx *tx, const struct kv *kv, const char *name,
	const struct ssh_named_key *key, const char *sealed,
	struct arena *arena, struct err *err)
{
	const struct named_key_version version = {
		.public_key = key->public_key,
		.sealed = sealed,
		.created_s = key->created_s,
	};
	const char *record = version_name(arena, name, key->version);
	struct value *value = record_encode(version_fields, &version, arena);

	return record == NULL || value == NULL
		? err_set_memory(err)
		: kv_put(tx, kv, record, value, err);
}

static int
put_key(struct store_tx *tx, const struct kv *kv, const char *name,
	const struct ssh_named_key *key, struct arena *arena, struct err *err)
{
	const char *record =
		arena_printf(arena, "%s%s", ssh_named_key_record.prefix, name);
	struct value *value = record_encode(key_fields, key, arena);

	return record == NULL || value == NULL
		? err_set_memory(err)
		: kv_put(tx, kv, record, value, err);
}

int
named_key_put(struct store_tx *tx, const struct kv *kv, const char *name,
	struct ssh_named_key *key, const char *sealed, struct arena *arena,
	struct err *err)
{
	const struct ssh_named_key *former = NULL;
	int64_t newest = 0;
	int rc = get_key(tx, kv, name, arena, &former, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	key->created_s = tx_now_s(tx);
	if (former != NULL &&
		strcmp(former->public_key, key->public_key) == 0) {
		key->version = former->version;
		key->created_s = former->created_s;
		key->generated = former->generated;
		return put_key(tx, kv, name, key, arena, err);
	}
	rc = named_key_versions(tx, kv, name, arena, note_newest, &newest, err);
	if (former != NULL && former->version > newest)
		newest = former->version;
	key->version = newest + 1;
	if (rc == 0)
		rc = put_version(tx, kv, name, key, sealed, arena, err);
	return rc != 0 ? rc : put_key(tx, kv, name, key, arena, err);
}

/* ---- opening ------------------------------------------------------------ */

struct opening {
	const struct kv *kv;
	const char *name;
	int64_t version;
	struct arena *arena;
	struct span sealed;
};

static int
find_sealed(struct store_tx *tx, void *ctx, struct err *err)
{
	struct opening *opening = ctx;
	const struct ssh_named_key *key = NULL;
	struct named_key_version version;
	struct value *value = NULL;
	const char *record = NULL;
	int64_t number = opening->version;
	int rc = 0;

	if (number == 0) {
		rc = get_key(tx, opening->kv, opening->name, opening->arena,
			&key, err);
		if (rc != 0)
			return rc;
		number = key->version;
	}
	record = version_name(opening->arena, opening->name, number);
	if (record == NULL)
		return err_set_memory(err);
	rc = kv_get(tx, opening->kv, record, opening->arena, &value, err);
	if (rc == 0)
		rc = decode_version(opening->arena, record + strlen(VERSIONS),
			value, &version, err);
	if (rc == 0 &&
		base64_bytes(
			opening->arena, version.sealed, &opening->sealed) != 0)
		rc = err_set(err, ERR_CRYPTO, 500, "internal error");
	return rc;
}

int
named_key_open(struct server *server, const struct kv *kv, const char *name,
	int64_t version, struct arena *arena, struct secret_view *ret_text,
	struct err *err)
{
	struct opening opening = {
		.kv = kv, .name = name, .version = version, .arena = arena
	};
	int rc = store_read(server->store, find_sealed, &opening, err);

	if (rc == ERR_ABSENT)
		return refuse_absent(name, err);
	return rc != 0 ? rc
		       : keeper_admin_open(server->keeper, opening.sealed,
				 arena, ret_text, err);
}
