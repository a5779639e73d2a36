/* Records and rows of what is revoked. */
#include "server/engines/ssh/ca/revocation.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/number.h"
#include "lib/sha256.h"
#include "server/engines/ssh/ca/revoked_marks.h"
#include "storage/pack.h"

#define REVOKED_PATH LEASE_PRIVATE "cert-revoked"
#define REVOKED_PREFIX "revoked/"
#define ID_BYTES 16 /* of a hash, in hex: the name of a record */
#define US_PER_S INT64_C(1000000)
#define ISSUER_ID_LEN 36
#define ROW_DATA 64

/* ---- the version -------------------------------------------------------- */

static const struct field revocations_fields[] = {
	FIELD_INT(struct ssh_revocations, version, .doc = "Of the list."),
	FIELD_INT(struct ssh_revocations, changed_s, .doc = "When."),
	FIELD_INT(struct ssh_revocations, epoch, .doc = "Of the store."),
	FIELD_END,
};

const struct record_type ssh_revocations_record = {
	.prefix = "",
	.fields = revocations_fields,
	.size = sizeof(struct ssh_revocations),
};

/* The new version; what is read on the way lies in the arena. */
static int
count_up(struct store_tx *tx, struct req *req, struct arena *arena,
	int64_t *ret_version, struct err *err)
{
	struct ssh_revocations next = {
		.version = tx_now_s(tx) * US_PER_S,
		.changed_s = tx_now_s(tx),
		.epoch = (int64_t)atomic_load(&req->server->epoch),
	};
	const struct ssh_revocations *last;
	const void *record = NULL;
	struct value *value;
	int rc = record_get(tx, &req->mount->kv, &ssh_revocations_record,
		SSH_REVOCATIONS_RECORD, arena, &record, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	last = record;
	if (rc == 0 && last->version >= next.version)
		next.version = last->version + 1;
	value = record_encode(revocations_fields, &next, arena);
	if (value == NULL)
		return err_set_memory(err);
	*ret_version = next.version;
	return kv_put(tx, &req->mount->kv, SSH_REVOCATIONS_RECORD, value, err);
}

int
ssh_revocations_touch(struct store_tx *tx, struct req *req, struct err *err)
{
	int64_t version;

	return count_up(tx, req, req->arena, &version, err);
}

/* ---- key ids and keys --------------------------------------------------- */

static const struct field revoked_fields[] = {
	FIELD_STR(struct ssh_revoked, kind, .doc = "key_id or public_key."),
	FIELD_STR(struct ssh_revoked, key_id, .doc = "The key id."),
	FIELD_STR(struct ssh_revoked, issuer_id,
		.doc = "Whose certificates of that key id; empty: all."),
	FIELD_STR(struct ssh_revoked, public_key, .len_max = SSHKEY_LINE_MAX,
		.doc = "The key."),
	FIELD_STR(struct ssh_revoked, fingerprint, .doc = "Of the key."),
	FIELD_INT(struct ssh_revoked, revoked_s, .doc = "When."),
	FIELD_END,
};

static void
show_revoked(UNUSED struct req *req, UNUSED const char *name,
	const void *record, struct reply *reply)
{
	const struct ssh_revoked *revoked = record;

	reply_str(reply, "kind", revoked->kind);
	if (revoked->key_id[0] != '\0') {
		reply_str(reply, "key_id", revoked->key_id);
		reply_str(reply, "issuer_id", revoked->issuer_id);
	} else {
		reply_str(reply, "public_key", revoked->public_key);
		reply_str(reply, "fingerprint", revoked->fingerprint);
	}
	reply_int(reply, "revocation_time", revoked->revoked_s);
	reply_time_s(reply, "revocation_time_rfc3339", revoked->revoked_s);
}

static struct value *
revoked_info(struct req *req, UNUSED const char *name, const void *record)
{
	const struct ssh_revoked *revoked = record;
	struct value *info = value_object(req->arena);
	bool is_id = revoked->key_id[0] != '\0';

	return value_set_str(req->arena, info, "kind", revoked->kind) &&
			value_set_str(req->arena, info,
				is_id ? "key_id" : "fingerprint",
				is_id ? revoked->key_id
				      : revoked->fingerprint) &&
			value_set_int(req->arena, info, "revocation_time",
				revoked->revoked_s)
		? info
		: NULL;
}

static int
note_removal(struct store_tx *tx, struct req *req, UNUSED const char *name,
	struct err *err)
{
	return ssh_revocations_touch(tx, req, err);
}

const struct record_type ssh_revoked_record = {
	.prefix = REVOKED_PREFIX,
	.capture = "id",
	.fields = revoked_fields,
	.size = sizeof(struct ssh_revoked),
	.show = show_revoked,
	.key_info = revoked_info,
	.on_delete = note_removal,
};

/* The name follows from what is revoked: a key id may be long. */
const char *
ssh_revoked_id(struct req *req, const struct ssh_revoked *revoked)
{
	const char *text = arena_printf(req->arena, "%s %s %s", revoked->kind,
		revoked->key_id[0] != '\0' ? revoked->issuer_id
					   : revoked->fingerprint,
		revoked->key_id);
	uint8_t hash[SHA256_BYTES];
	char hex[2 * ID_BYTES + 1];

	if (text == NULL)
		return NULL;
	sha256(span_str(text), hash);
	hex_encode(hash, ID_BYTES, hex);
	return arena_strdup(req->arena, hex);
}

int
ssh_revoked_since(struct store_tx *tx, struct req *req,
	const struct ssh_revoked *what, int64_t *ret_since_s, struct err *err)
{
	const char *id = ssh_revoked_id(req, what);
	const void *record = NULL;
	int rc = id == NULL
		? err_set_memory(err)
		: record_get(tx, &req->mount->kv, &ssh_revoked_record, id,
			  req->arena, &record, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		*ret_since_s = 0;
		return 0;
	}
	if (rc == 0)
		*ret_since_s = ((const struct ssh_revoked *)record)->revoked_s;
	return rc;
}

int
ssh_revoke_record(struct store_tx *tx, struct req *req,
	const struct ssh_revoked *revoked, int64_t *ret_revoked_s,
	struct err *err)
{
	struct ssh_revoked made = *revoked;
	const char *name = NULL;
	struct value *value;
	int rc = ssh_revoked_since(tx, req, revoked, ret_revoked_s, err);

	if (rc != 0 || *ret_revoked_s != 0)
		return rc;
	made.revoked_s = tx_now_s(tx);
	value = record_encode(revoked_fields, &made, req->arena);
	name = arena_printf(
		req->arena, REVOKED_PREFIX "%s", ssh_revoked_id(req, revoked));
	if (value == NULL || name == NULL)
		return err_set_memory(err);
	rc = kv_put(tx, &req->mount->kv, name, value, err);
	if (rc == 0)
		rc = ssh_revoked_mark(
			tx, req, name + strlen(REVOKED_PREFIX), err);
	if (rc == 0)
		rc = ssh_revocations_touch(tx, req, err);
	if (rc == 0)
		*ret_revoked_s = made.revoked_s;
	return rc;
}

/* ---- serial numbers ----------------------------------------------------- */

int
ssh_cert_paths_get(
	struct req *req, struct ssh_cert_paths *ret_paths, struct err *err)
{
	struct ssh_cert_paths paths;
	int rc = ssh_register_path(req, &paths.cert, err);

	if (rc == 0)
		rc = lease_path_number(req->server->store, req->mount->uuid,
			REVOKED_PATH, &paths.revoked, err);
	if (rc == 0)
		*ret_paths = paths;
	return rc;
}

int
ssh_revoked_row_decode(const struct lease *lease, uint64_t *ret_serial,
	char ret_issuer_id[37], struct err *err)
{
	struct unpack in = unpack_of(lease->data);
	uint64_t serial = unpack_u64(&in);
	int rc;

	unpack_bytes(&in, (uint8_t *)ret_issuer_id, ISSUER_ID_LEN);
	ret_issuer_id[ISSUER_ID_LEN] = '\0';
	rc = unpack_end(&in, "a revoked certificate", err);
	if (rc == 0)
		*ret_serial = serial;
	return rc;
}

/* The row's bytes, into the arena. */
static int
encode_revoked(const struct ssh_cert *cert, struct arena *arena,
	struct span *ret_data, struct err *err)
{
	struct buf bytes;
	uint64_t serial = 0;
	int rc;

	for (const char *c = cert->serial; *c != '\0'; c++)
		serial = serial << 4 |
			(uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
	if (strlen(cert->issuer_id) != ISSUER_ID_LEN)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	buf_init(&bytes, ROW_DATA);
	pack_u64(&bytes, serial);
	(void)buf_add(&bytes, cert->issuer_id, ISSUER_ID_LEN);
	rc = buf_check(&bytes, err);
	if (rc == 0)
		*ret_data = arena_dup(arena, buf_span(&bytes));
	if (rc == 0 && ret_data->data == NULL)
		rc = err_set_memory(err);
	buf_clear(&bytes);
	return rc;
}

/* Numbered by the list's version: behind all that were revoked before. */
static int
insert_revoked(struct store_tx *tx, struct req *req,
	const struct ssh_cert_paths *paths, const struct ssh_cert *cert,
	int64_t version, struct arena *arena, struct err *err)
{
	struct lease row = { .kind = LEASE_REVOKED_CERT,
		.state = LEASE_LIVE,
		.ref = { .path = paths->revoked, .row = (uint64_t)version },
		.issue_ns = tx_now_ns(tx) };
	int rc;

	memcpy(row.request_id, req->id, sizeof(req->id));
	if (__builtin_add_overflow(
		    cert->valid_before_s, SSH_REVOKED_SLACK_S, &row.expire_s))
		row.expire_s = INT64_MAX;
	if (row.expire_s <= tx_now_s(tx))
		return 0;
	row.ttl_s = row.expire_s - tx_now_s(tx);
	rc = encode_revoked(cert, arena, &row.data, err);
	return rc != 0 ? rc : lease_insert(tx, &row, err);
}

int
ssh_revoke_cert(struct store_tx *tx, struct req *req,
	const struct ssh_cert_paths *paths, struct ssh_cert *cert,
	struct arena *arena, struct err *err)
{
	const struct lease old = cert->lease;
	int64_t version = 0;
	int rc;

	if (cert->revoked_s != 0)
		return 0;
	cert->revoked_s = tx_now_s(tx);
	rc = ssh_cert_encode(cert, arena, err);
	if (rc == 0)
		rc = lease_update(tx, &old, &cert->lease, err);
	if (rc == 0)
		rc = count_up(tx, req, arena, &version, err);
	return rc != 0
		? rc
		: insert_revoked(tx, req, paths, cert, version, arena, err);
}

/* ---- asking ------------------------------------------------------------- */

#define WAYS 3

/* The records by which a certificate is revoked, whichever there is. */
static void
list_ways(const char *key_id, const char *issuer_id, const char *fingerprint,
	struct ssh_revoked ways[WAYS])
{
	const struct ssh_revoked all[WAYS] = {
		{ "key_id", key_id, "", "", "", 0 },
		{ "key_id", key_id, issuer_id, "", "", 0 },
		{ "public_key", "", "", "", fingerprint, 0 },
	};

	memcpy(ways, all, sizeof(all));
}

/* Outside transactions: ERR_INPUT (400) where there is this record. */
static int
refuse_if_there(struct req *req, const char *id,
	const struct ssh_revoked *revoked, struct err *err)
{
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc = record_find(req->server->store, &req->mount->kv,
		&ssh_revoked_record, id, &ref, &record, err);

	compiled_unref(&ref);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc != 0)
		return rc;
	if (revoked->key_id[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"public_key %s is revoked: delete revoked/%s to have it signed again",
			revoked->fingerprint, id);
	return err_set(err, ERR_INPUT, 400,
		"key id \"%.64s\" is revoked: delete revoked/%s to have it used again",
		revoked->key_id, id);
}

int
ssh_revocation_check_new(struct req *req, const struct sshcert_parts *parts,
	const char *issuer_id, struct err *err)
{
	char fingerprint[SSHKEY_FINGERPRINT_MAX];
	struct ssh_revoked ways[WAYS];
	struct compiled *ref = NULL;
	const char *marks = NULL, *key_id = NULL;
	int rc = ssh_revoked_marks_find(req, &ref, &marks, err);

	if (rc != 0 || marks == NULL)
		return rc;
	sshkey_fingerprint(parts->key, fingerprint);
	key_id = arena_strndup(
		req->arena, parts->key_id.data, parts->key_id.len);
	if (key_id == NULL)
		rc = err_set_memory(err);
	else
		list_ways(key_id, issuer_id, fingerprint, ways);
	for (size_t i = 0; rc == 0 && i < WAYS; i++) {
		const char *id = ssh_revoked_id(req, &ways[i]);

		if (id == NULL)
			rc = err_set_memory(err);
		else if (ssh_revoked_marks_have(marks, id))
			rc = refuse_if_there(req, id, &ways[i], err);
	}
	compiled_unref(&ref);
	return rc;
}

int
ssh_cert_revoked_since(struct store_tx *tx, struct req *req,
	const struct ssh_cert *cert, int64_t *ret_since_s, const char **ret_by,
	struct err *err)
{
	struct ssh_revoked ways[WAYS];
	int64_t since_s = 0;
	int rc;

	list_ways(cert->key_id, cert->issuer_id, cert->fingerprint, ways);
	*ret_since_s = cert->revoked_s;
	*ret_by = cert->revoked_s != 0 ? "serial_number" : "";
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		rc = ssh_revoked_since(tx, req, &ways[i], &since_s, err);
		if (rc != 0)
			return rc;
		if (since_s != 0 &&
			(*ret_since_s == 0 || since_s < *ret_since_s)) {
			*ret_since_s = since_s;
			*ret_by = ways[i].kind;
		}
	}
	return 0;
}
