/* The records of issuers, and the way from a reference to one of them. */
#include "server/engines/ssh/ca/issuer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/codec.h"
#include "lib/sha256.h"
#include "lib/sshkey.h"
#include "server/engines/ssh/ca/tables.h"

#define SEALED_MAX 65536
#define LISTED_MAX 65536
#define NAME_PREFIX "config/issuer-name/"
#define KEY_PREFIX "config/issuer-key/"
#define FIND_TRIES 3

struct issuer_record {
	const char *issuer_name, *public_key;
	const char *blob, *sealed; /* base64 */
	int64_t created_s, retire_after_s, deleted_s;
	bool announced;
	struct ssh_issuer_limits limits;
};

static const struct field issuer_fields[] = {
	FIELD_STR(struct issuer_record, issuer_name, .doc = "Its name."),
	FIELD_STR(struct issuer_record, public_key, .len_max = SSHKEY_LINE_MAX,
		.doc = "As callers see it."),
	FIELD_STR(struct issuer_record, blob, .len_max = SSHKEY_LINE_MAX,
		.doc = "The public key's blob."),
	FIELD_STR(struct issuer_record, sealed, .len_max = SEALED_MAX,
		.doc = "The private key, for the keeper alone."),
	FIELD_INT(struct issuer_record, created_s, .doc = "When it was made."),
	FIELD_INT(struct issuer_record, retire_after_s,
		.doc = "In public_key until then."),
	FIELD_INT(struct issuer_record, deleted_s, .doc = "When it went."),
	FIELD_BOOL(struct issuer_record, announced,
		.doc = "In public_key before it is the default."),
	SSH_ISSUER_LIMITS_FIELDS(struct issuer_record, limits),
	FIELD_END,
};

/* What a list says of one that is there. */
static struct value *
issuer_info(struct req *req, const char *id, const void *record)
{
	const struct issuer_record *issuer = record;
	struct value *info = value_object(req->arena);
	struct ssh_issuers issuers = { .default_id = "" };
	struct err err = { 0 };

	if (ssh_issuers_get(NULL, req, &issuers, &err) != 0 ||
		!value_set_str(
			req->arena, info, "issuer_name", issuer->issuer_name) ||
		!value_set_bool(req->arena, info, "is_default",
			strcmp(issuers.default_id, id) == 0) ||
		!value_set_str(
			req->arena, info, "public_key", issuer->public_key))
		return NULL;
	return info;
}

static bool
set_time(struct req *req, struct value *object, const char *name, int64_t at_s)
{
	char text[CLOCK_TEXT_MAX];

	clock_format_s(at_s, text);
	return value_set_str(req->arena, object, name, text);
}

/* What a list says of one that is deleted. */
static struct value *
deleted_info(struct req *req, const char *id, const void *record)
{
	const struct issuer_record *issuer = record;
	struct value *info = value_object(req->arena);

	(void)id;
	if (!value_set_str(
		    req->arena, info, "issuer_name", issuer->issuer_name) ||
		!value_set_str(
			req->arena, info, "public_key", issuer->public_key) ||
		!set_time(req, info, "deleted_time", issuer->deleted_s) ||
		!set_time(req, info, "kept_until",
			issuer->deleted_s + SSH_ISSUER_KEPT_S))
		return NULL;
	return info;
}

const struct record_type ssh_issuer_record = {
	.prefix = SSH_ISSUER_PREFIX,
	.fields = issuer_fields,
	.size = sizeof(struct issuer_record),
	.key_info = issuer_info,
};

const struct record_type ssh_issuer_deleted_record = {
	.prefix = SSH_ISSUER_DELETED_PREFIX,
	.fields = issuer_fields,
	.size = sizeof(struct issuer_record),
	.key_info = deleted_info,
};

static const struct field issuers_fields[] = {
	FIELD_AS(STR, struct ssh_issuers, default_id, "default",
		.doc = "Id of the default issuer."),
	FIELD_NAMES(struct ssh_issuers, listed, .len_max = LISTED_MAX,
		.doc = "Ids of those in public_key beside it."),
	FIELD_END,
};

static const struct record_type issuers_record = {
	.prefix = "",
	.fields = issuers_fields,
	.size = sizeof(struct ssh_issuers),
};

/* A name or a key, which leads to an id. */
struct pointer_record {
	const char *id;
};

static const struct field pointer_fields[] = {
	FIELD_STR(struct pointer_record, id, .doc = "Id of the issuer."),
	FIELD_END,
};

static const struct record_type name_record = {
	.prefix = NAME_PREFIX,
	.fields = pointer_fields,
	.size = sizeof(struct pointer_record),
};

static const struct record_type key_record = {
	.prefix = KEY_PREFIX,
	.fields = pointer_fields,
	.size = sizeof(struct pointer_record),
};

/* ---- records to structs and back ------------------------------------- */

/* Inside a transaction, or compiled and cached where tx is NULL. */
static int
fetch(struct store_tx *tx, struct req *req, const struct record_type *type,
	const char *name, struct compiled **ret_ref, const void **ret_record,
	struct err *err)
{
	if (tx != NULL)
		return record_get(tx, &req->mount->kv, type, name, req->arena,
			ret_record, err);
	return record_find(req->server->store, &req->mount->kv, type, name,
		ret_ref, ret_record, err);
}

static int
decode_bytes(struct arena *arena, const char *text, struct span *ret_bytes,
	struct err *err)
{
	const int rc = base64_bytes(arena, text, ret_bytes);

	if (rc == ERR_INPUT)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	return rc != 0 ? err_set_memory(err) : 0;
}

static int
copy_issuer(struct req *req, const char *id, const struct issuer_record *record,
	struct ssh_issuer *ret_issuer, struct err *err)
{
	struct arena *arena = req->arena;
	struct ssh_issuer issuer = {
		.id = arena_strdup(arena, id),
		.name = arena_strdup(arena, record->issuer_name),
		.public_key = arena_strdup(arena, record->public_key),
		.created_s = record->created_s,
		.retire_after_s = record->retire_after_s,
		.announced = record->announced,
		.deleted_s = record->deleted_s,
	};
	int rc;

	if (issuer.id == NULL || issuer.name == NULL ||
		issuer.public_key == NULL ||
		!ssh_issuer_limits_dup(arena, &record->limits, &issuer.limits))
		return err_set_memory(err);
	rc = decode_bytes(arena, record->blob, &issuer.public_blob, err);
	if (rc == 0)
		rc = decode_bytes(arena, record->sealed, &issuer.sealed, err);
	if (rc == 0)
		*ret_issuer = issuer;
	return rc;
}

/* ERR_ABSENT where no issuer has this id. */
static int
get_issuer(struct store_tx *tx, struct req *req, const struct record_type *type,
	const char *id, struct ssh_issuer *ret_issuer, struct err *err)
{
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc = fetch(tx, req, type, id, &ref, &record, err);

	if (rc == 0)
		rc = copy_issuer(req, id, record, ret_issuer, err);
	compiled_unref(&ref);
	return rc;
}

struct value *
ssh_issuer_encode(struct req *req, const struct ssh_issuer *issuer)
{
	struct issuer_record record = {
		.issuer_name = issuer->name,
		.public_key = issuer->public_key,
		.blob = base64_text(req->arena, issuer->public_blob),
		.sealed = base64_text(req->arena, issuer->sealed),
		.created_s = issuer->created_s,
		.retire_after_s = issuer->retire_after_s,
		.deleted_s = issuer->deleted_s,
		.announced = issuer->announced,
		.limits = issuer->limits,
	};

	if (record.blob == NULL || record.sealed == NULL)
		return NULL;
	return record_encode(issuer_fields, &record, req->arena);
}

struct value *
ssh_issuers_encode(struct req *req, const struct ssh_issuers *issuers)
{
	return record_encode(issuers_fields, issuers, req->arena);
}

int
ssh_issuers_get(struct store_tx *tx, struct req *req,
	struct ssh_issuers *ret_issuers, struct err *err)
{
	const struct ssh_issuers *stored;
	struct compiled *ref = NULL;
	const void *record = NULL;
	struct ssh_issuers issuers;
	int rc;

	rc = fetch(tx, req, &issuers_record, SSH_ISSUERS_RECORD, &ref, &record,
		err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		*ret_issuers = (struct ssh_issuers){ .default_id = "" };
		return 0;
	}
	if (rc != 0)
		return rc;
	stored = record;
	issuers.default_id = arena_strdup(req->arena, stored->default_id);
	if (issuers.default_id == NULL ||
		!str_list_dup(req->arena, &stored->listed, &issuers.listed))
		rc = err_set_memory(err);
	else
		*ret_issuers = issuers;
	compiled_unref(&ref);
	return rc;
}

const char *
ssh_issuer_name_record(struct req *req, const char *name)
{
	return arena_printf(req->arena, NAME_PREFIX "%s", name);
}

const char *
ssh_issuer_key_record(struct req *req, struct span public_blob)
{
	uint8_t hash[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];

	sha256(public_blob, hash);
	hex_encode(hash, sizeof(hash), text);
	return arena_printf(req->arena, KEY_PREFIX "%s", text);
}

void
ssh_issuer_show(struct reply *reply, const struct ssh_issuer *issuer)
{
	reply_str(reply, "issuer_id", issuer->id);
	reply_str(reply, "issuer_name", issuer->name);
	reply_str(reply, "public_key", issuer->public_key);
	ssh_issuer_limits_show(reply, &issuer->limits);
}

bool
ssh_issuer_is_listed(const struct ssh_issuer *issuer, int64_t now_s)
{
	return issuer->announced || issuer->retire_after_s > now_s;
}

/* ---- references ------------------------------------------------------- */

/* The id behind a name or a key. ERR_ABSENT. */
static int
find_id(struct store_tx *tx, struct req *req, const struct record_type *type,
	const char *name, const char **ret_id, struct err *err)
{
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc = fetch(tx, req, type, name, &ref, &record, err);

	if (rc == 0) {
		*ret_id = arena_strdup(req->arena,
			((const struct pointer_record *)record)->id);
		if (*ret_id == NULL)
			rc = err_set_memory(err);
	}
	compiled_unref(&ref);
	return rc;
}

static int
find_default(struct store_tx *tx, struct req *req,
	struct ssh_issuer *ret_issuer, struct err *err)
{
	struct ssh_issuers issuers;
	int rc = ssh_issuers_get(tx, req, &issuers, err);

	if (rc != 0)
		return rc;
	if (issuers.default_id[0] == '\0')
		return ERR_ABSENT;
	return get_issuer(tx, req, &ssh_issuer_record, issuers.default_id,
		ret_issuer, err);
}

/* An id before a name: no name may look like one (issuer_change.c). */
static int
find_other(struct store_tx *tx, struct req *req, const char *ref,
	struct ssh_issuer *ret_issuer, struct err *err)
{
	const char *id = NULL;
	int rc = get_issuer(tx, req, &ssh_issuer_record, ref, ret_issuer, err);

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	rc = find_id(tx, req, &name_record, ref, &id, err);
	return rc != 0
		? rc
		: get_issuer(tx, req, &ssh_issuer_record, id, ret_issuer, err);
}

static int
find(struct store_tx *tx, struct req *req, const char *ref,
	struct ssh_issuer *ret_issuer, struct err *err)
{
	bool is_default = strcasecmp(ref, SSH_ISSUER_DEFAULT) == 0;
	int rc = is_default ? find_default(tx, req, ret_issuer, err)
			    : find_other(tx, req, ref, ret_issuer, err);

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	if (is_default)
		return err_set(err, ERR_INPUT, 400,
			"no default issuer currently configured");
	return err_set(err, ERR_INPUT, 400,
		"unable to find issuer for reference: %.64s", ref);
}

int
ssh_issuer_find(struct req *req, const char *ref, struct ssh_issuer *ret_issuer,
	struct err *err)
{
	int rc, tries = 0;

	/* The records are read one by one: a change may come in between. */
	do {
		err_clear(err);
		rc = find(NULL, req, ref, ret_issuer, err);
	} while (rc == ERR_INPUT && ++tries < FIND_TRIES);
	return rc;
}

int
ssh_issuer_find_tx(struct store_tx *tx, struct req *req, const char *ref,
	struct ssh_issuer *ret_issuer, struct err *err)
{
	return find(tx, req, ref, ret_issuer, err);
}

int
ssh_issuer_find_deleted(struct store_tx *tx, struct req *req, const char *id,
	struct ssh_issuer *ret_issuer, struct err *err)
{
	return get_issuer(
		tx, req, &ssh_issuer_deleted_record, id, ret_issuer, err);
}

struct kept {
	struct req *req;
	const char *id;
	struct ssh_issuer issuer;
};

static int
find_deleted(struct store_tx *tx, void *ctx, struct err *err)
{
	struct kept *kept = ctx;

	return ssh_issuer_find_deleted(
		tx, kept->req, kept->id, &kept->issuer, err);
}

int
ssh_issuer_find_kept(struct req *req, const char *ref,
	struct ssh_issuer *ret_issuer, struct err *err)
{
	struct kept kept = { .req = req, .id = ref };
	struct err ignored = { 0 };
	int rc = ssh_issuer_find(req, ref, ret_issuer, err);

	if (rc != ERR_INPUT ||
		req_read(req, find_deleted, &kept, &ignored) != 0)
		return rc;
	err_clear(err);
	*ret_issuer = kept.issuer;
	return 0;
}

struct key_search {
	struct req *req;
	const char *name;
	bool found;
};

static int
look_for_key(struct store_tx *tx, void *ctx, UNUSED struct err *err)
{
	struct key_search *search = ctx;

	search->found = kv_exists(tx, &search->req->mount->kv, search->name);
	return 0;
}

int
ssh_issuer_has_key(struct req *req, struct span public_blob, bool *ret_has,
	struct err *err)
{
	struct key_search search = { .req = req,
		.name = ssh_issuer_key_record(req, public_blob) };
	int rc = search.name == NULL
		? err_set_memory(err)
		: req_read(req, look_for_key, &search, err);

	if (rc == 0)
		*ret_has = search.found;
	return rc;
}

/* The hash of a key, in hex, as fingerprints print it in base64. */
static bool
hash_of(const char *fingerprint, char out[2 * SHA256_BYTES + 1])
{
	static const char prefix[] = "SHA256:";
	char padded[SSHKEY_FINGERPRINT_MAX + 1];
	struct buf hash;
	bool good;

	if (strncmp(fingerprint, prefix, strlen(prefix)) != 0 ||
		strlen(fingerprint) >= SSHKEY_FINGERPRINT_MAX)
		return false;
	(void)snprintf(
		padded, sizeof(padded), "%s=", fingerprint + strlen(prefix));
	buf_init(&hash, SHA256_BYTES);
	good = base64_decode(span_str(padded), &hash) == 0 &&
		hash.len == SHA256_BYTES;
	if (good)
		hex_encode(hash.data, hash.len, out);
	buf_clear(&hash);
	return good;
}

int
ssh_issuer_id_of(struct req *req, const char *fingerprint, const char **ret_id,
	struct err *err)
{
	char hash[2 * SHA256_BYTES + 1];
	int rc = ERR_ABSENT;

	if (hash_of(fingerprint, hash))
		rc = find_id(NULL, req, &key_record, hash, ret_id, err);
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	*ret_id = "";
	return 0;
}
