/*
 * Building and keeping revocation lists. The version's record is read first,
 * what is revoked after it: of that version or of a later one, so that nothing
 * is missing that was revoked when the version was counted up.
 */
#include "server/engines/ssh/ca/krl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/lock.h"
#include "lib/sshkrl.h"
#include "server/core/records.h"
#include "server/engines/ssh/ca/issuer.h"
#include "server/engines/ssh/ca/serials.h"

#define CONTENT_TYPE "application/octet-stream"
#define KRL_MAX ((size_t)256 * 1024 * 1024)
#define CA_BLOB_MAX 65536
#define STALE_TRIES 5
#define EPOCH_FIRST 1 /* of a store that was never put back */

static struct guard built_guard;

/* A list as it is served. */
struct built {
	struct built *next;
	char issuer_id[37]; /* "": of all issuers */
	char tag[REPLY_TAG_MAX];
	struct buf bytes;
};

/* What hangs on the version's record. */
struct lists {
	struct ssh_revocations of;
	pthread_mutex_t lock; /* one builds, the others wait for it */
	struct built *first GUARDED_BY(built_guard);
};

/* ---- what is revoked ---------------------------------------------------- */

struct content {
	struct req *req;
	struct arena *arena; /* of key ids and keys */
	const char *only;    /* "": all issuers */
	const struct ssh_revocations *of;
	struct buf *out;
	struct value *records;
	struct value *cas; /* object: id to blob in base64 */
};

static int
note_record(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	struct content *content = ctx;

	return value_append(content->arena, content->records, name,
		       value_copy(content->arena, value))
		? 0
		: err_set_memory(err);
}

static int
note_ca(void *ctx, const char *id, const struct value *value, struct err *err)
{
	struct content *content = ctx;

	return value_set_str(content->arena, content->cas, id,
		       value_find_str(value, "blob", ""))
		? 0
		: err_set_memory(err);
}

/*
 * All issuers that there are and were: hosts may go on to trust those. In one
 * snapshot, since they move from one prefix to the other.
 */
static int
read_cas(struct store_tx *tx, void *ctx, struct err *err)
{
	static const char *const prefixes[] = { SSH_ISSUER_PREFIX,
		SSH_ISSUER_DELETED_PREFIX, SSH_ISSUER_GONE_PREFIX };
	struct content *content = ctx;
	int rc = 0;

	content->cas = value_object(content->arena);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(prefixes); i++)
		rc = kv_scan(tx, &content->req->mount->kv, prefixes[i], NULL, 0,
			content->arena, note_ca, content, err);
	return rc;
}

static int
gather(struct content *content, struct err *err)
{
	struct req *req = content->req;
	int rc;

	content->records = value_object(content->arena);
	rc = records_each(req->server->store, &req->mount->kv,
		ssh_revoked_record.prefix, note_record, content, err);
	return rc != 0 ? rc : req_read(req, read_cas, content, err);
}

/* ---- writing it --------------------------------------------------------- */

static int
decode_blob(struct arena *arena, const char *text, struct span *ret,
	struct err *err)
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, CA_BLOB_MAX);
	rc = base64_decode(span_str(text), &bytes);
	if (rc == 0)
		*ret = arena_dup(arena, buf_span(&bytes));
	buf_clear(&bytes);
	if (rc != 0)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	return ret->data != NULL ? 0 : err_set_memory(err);
}

static void
add_serials(struct sshkrl_writer *writer, const struct ssh_serials *serials,
	const char *id) REQUIRES(ssh_serials_guard)
{
	size_t n;
	const struct ssh_serial *items = ssh_serials_of(serials, id, &n);

	for (size_t i = 0; i < n; i++)
		sshkrl_add_serial(writer, items[i].number);
}

static void
add_key_ids(struct sshkrl_writer *writer, const struct content *content,
	const char *id)
{
	VALUE_EACH (record, content->records) {
		const char *issuer = value_find_str(record, "issuer_id", "");
		const char *key_id = value_find_str(record, "key_id", "");

		if (key_id[0] != '\0' &&
			(issuer[0] == '\0' || strcmp(issuer, id) == 0))
			sshkrl_add_key_id(writer, span_str(key_id));
	}
}

static int
add_keys(struct sshkrl_writer *writer, const struct content *content,
	struct err *err)
{
	int rc = 0;

	VALUE_EACH (record, content->records) {
		const char *line = value_find_str(record, "public_key", "");
		struct span blob;

		if (line[0] == '\0')
			continue;
		rc = sshkey_parse_line(span_str(line), content->arena, &blob);
		if (rc != 0)
			return err_set(err, rc, 500, "internal error");
		sshkrl_add_key(writer, blob);
	}
	return 0;
}

/* Nothing may be left out for want of its CA's key. */
static int
check_cas(const struct content *content, const struct ssh_serials *serials,
	struct err *err) REQUIRES(ssh_serials_guard)
{
	const struct str_list *ids = ssh_serials_issuers(serials);

	for (size_t i = 0; i < ids->n; i++) {
		if (value_find(content->cas, ids->items[i]) != NULL)
			continue;
		(void)err_set(err, ERR_INTERNAL, 500, "internal error");
		return err_wrap(err, "a revoked certificate's issuer is gone");
	}
	return 0;
}

static int
add_cas(struct sshkrl_writer *writer, const struct content *content,
	const struct ssh_serials *serials, struct err *err)
	REQUIRES(ssh_serials_guard)
{
	VALUE_EACH (ca, content->cas) {
		struct span blob;
		int rc;

		if (content->only[0] != '\0' &&
			strcmp(content->only, ca->key) != 0)
			continue;
		rc = decode_blob(content->arena, ca->str, &blob, err);
		if (rc != 0)
			return rc;
		sshkrl_begin_ca(writer, blob);
		add_serials(writer, serials, ca->key);
		add_key_ids(writer, content, ca->key);
	}
	return 0;
}

/* An issuer's key is read after its serial numbers, so that it is there. */
static int
write_list(void *ctx, const struct ssh_serials *serials, struct err *err)
	REQUIRES(ssh_serials_guard)
{
	struct content *content = ctx;
	struct sshkrl_writer *writer = malloc(sizeof(*writer));
	int rc = writer == NULL ? err_set_memory(err) : gather(content, err);

	if (rc == 0)
		rc = check_cas(content, serials, err);
	if (rc == 0) {
		sshkrl_begin(writer, content->out,
			(uint64_t)content->of->version,
			(uint64_t)content->of->changed_s,
			content->req->mount->accessor);
		rc = add_cas(writer, content, serials, err);
		if (rc == 0)
			rc = add_keys(writer, content, err);
		if (rc == 0 && sshkrl_end(writer) != 0)
			rc = err_set(err, ERR_INTERNAL, 500, "internal error");
	}
	free(writer);
	return rc;
}

static int
build(struct req *req, const char *only, const struct ssh_revocations *of,
	struct buf *out, struct err *err)
{
	struct content content = { .req = req,
		.arena = arena_new(KRL_MAX),
		.only = only,
		.of = of,
		.out = out };
	int rc = content.arena == NULL
		? err_set_memory(err)
		: ssh_serials_use(req, write_list, &content, err);

	arena_free(&content.arena);
	return rc;
}

/* ---- keeping it --------------------------------------------------------- */

static int
compile_lists(UNUSED const void *ctx, UNUSED struct span key, struct span value,
	void **ret_object, size_t *ret_size, struct err *err)
{
	struct arena *arena = arena_new(ARENA_CHUNK);
	struct lists *lists = calloc(1, sizeof(*lists));
	void *record = NULL;
	int rc = arena == NULL || lists == NULL ? err_set_memory(err) : 0;

	if (rc == 0)
		rc = record_unpack(ssh_revocations_record.fields,
			ssh_revocations_record.size, value, arena, &record,
			err);
	if (rc == 0) {
		lists->of = *(const struct ssh_revocations *)record;
		if (pthread_mutex_init(&lists->lock, NULL) != 0)
			rc = err_set_memory(err);
	}
	arena_free(&arena);
	if (rc != 0) {
		free(lists);
		return rc;
	}
	*ret_object = lists;
	*ret_size = sizeof(*lists);
	return 0;
}

static void
free_built(struct built *built)
{
	buf_clear(&built->bytes);
	free(built);
}

static void
free_lists(void *object)
{
	struct lists *lists = object;
	struct built *next = NULL;

	guard_unshared(&built_guard);
	for (struct built *built = lists->first; built != NULL; built = next) {
		next = built->next;
		free_built(built);
	}
	(void)pthread_mutex_destroy(&lists->lock);
	free(lists);
}

static const struct compiled_type lists_type = {
	.name = "revocation lists",
	.compile = compile_lists,
	.free = free_lists,
};

/* The one of an issuer; NULL: not built yet. */
static const struct built *
find_built(const struct lists *lists, const char *issuer_id)
	REQUIRES(built_guard)
{
	const struct built *built = lists->first;

	while (built != NULL && strcmp(built->issuer_id, issuer_id) != 0)
		built = built->next;
	return built;
}

static int
build_one(struct req *req, struct lists *lists, const char *issuer_id,
	const struct built **ret_built, struct err *err) REQUIRES(built_guard)
{
	struct built *built = calloc(1, sizeof(*built));
	int rc;

	if (built == NULL)
		return err_set_memory(err);
	buf_init(&built->bytes, KRL_MAX);
	rc = build(req, issuer_id, &lists->of, &built->bytes, err);
	if (rc != 0) {
		free_built(built);
		return rc;
	}
	(void)snprintf(
		built->issuer_id, sizeof(built->issuer_id), "%s", issuer_id);
	reply_tag_of(buf_span(&built->bytes), built->tag);
	built->next = lists->first;
	lists->first = built;
	*ret_built = built;
	return 0;
}

static int
answer_built(struct req *req, struct lists *lists, const char *issuer_id,
	struct reply *reply, struct err *err)
{
	const struct built *built;
	int rc = 0;

	lock_take(&lists->lock, &built_guard);
	built = find_built(lists, issuer_id);
	if (built == NULL)
		rc = build_one(req, lists, issuer_id, &built, err);
	if (built != NULL)
		reply_tagged_as(reply, CONTENT_TYPE, buf_span(&built->bytes),
			built->tag);
	lock_give(&lists->lock, &built_guard);
	return rc;
}

/* Nothing was ever revoked: a valid list of nothing. */
static int
answer_empty(struct req *req, const char *issuer_id, struct reply *reply,
	struct err *err)
{
	const struct ssh_revocations none = { 0 };
	struct buf bytes;
	int rc;

	buf_init(&bytes, KRL_MAX);
	rc = build(req, issuer_id, &none, &bytes, err);
	if (rc == 0) {
		const struct span copy =
			arena_dup(req->arena, buf_span(&bytes));

		if (copy.data == NULL)
			rc = err_set_memory(err);
		else
			reply_tagged(reply, CONTENT_TYPE, copy);
	}
	buf_clear(&bytes);
	return rc;
}

static int
touch(struct store_tx *tx, void *ctx, struct err *err)
{
	struct req *req = ctx;

	if (atomic_load(&req->mount->is_going))
		return err_set(err, ERR_ABSENT, 404, "%s", "");
	return ssh_revocations_touch(tx, req, err);
}

/*
 * A store that was put back may have forgotten versions that hosts have seen:
 * what it has gets a version past them.
 */
static bool
is_of_now(const struct req *req, const struct lists *lists)
{
	return lists->of.epoch == (int64_t)atomic_load(&req->server->epoch);
}

/* All but the version is guarded by the object's own lock. */
static struct lists *
lists_of(const struct compiled *ref)
{
	return (struct lists *)(uintptr_t)compiled_object(ref);
}

/*
 * What is done with the lists of now. *ref holds them, and may be taken; ref
 * NULL: nothing was ever revoked.
 */
typedef int use_lists_fn(
	struct req *req, struct compiled **ref, void *ctx, struct err *err);

/* *ret_stale: they are not of now, and were not used. */
static int
try_lists(struct req *req, use_lists_fn *use, void *ctx, bool *ret_stale,
	struct err *err)
{
	struct compiled *ref = NULL;
	char key[KV_KEY_MAX];
	int rc = kv_key(&req->mount->kv, SSH_REVOCATIONS_RECORD, key, err);

	if (rc == 0)
		rc = store_compiled(req->server->store, span_str(key),
			&lists_type, &ref, err);
	if (rc == ERR_ABSENT) {
		/* There is no record then, and no need of one. */
		err_clear(err);
		*ret_stale = atomic_load(&req->server->epoch) > EPOCH_FIRST;
		return *ret_stale ? 0 : use(req, NULL, ctx, err);
	}
	if (rc != 0)
		return rc;
	*ret_stale = !is_of_now(req, lists_of(ref));
	if (!*ret_stale)
		rc = use(req, &ref, ctx, err);
	compiled_unref(&ref);
	return rc;
}

static int
with_lists(struct req *req, use_lists_fn *use, void *ctx, struct err *err)
{
	bool stale = false;
	int rc = try_lists(req, use, ctx, &stale, err);

	for (int tries = 0; rc == 0 && stale && tries < STALE_TRIES; tries++) {
		rc = store_write(req->server->store, touch, req, err);
		if (rc == 0)
			rc = try_lists(req, use, ctx, &stale, err);
	}
	if (rc == 0 && stale)
		rc = err_set(err, ERR_INTERNAL, 500, "internal error");
	return rc;
}

struct serving {
	const char *issuer_id;
	struct reply *reply;
};

static int
serve(struct req *req, struct compiled **ref, void *ctx, struct err *err)
{
	const struct serving *serving = ctx;

	if (ref == NULL)
		return answer_empty(
			req, serving->issuer_id, serving->reply, err);
	/* The answer is not copied: it lies in the list that all get. */
	req->answer_ref = *ref;
	*ref = NULL;
	return answer_built(req, lists_of(req->answer_ref), serving->issuer_id,
		serving->reply, err);
}

int
ssh_krl_reply(struct req *req, const char *issuer_id, struct reply *reply,
	struct err *err)
{
	struct serving serving = { .issuer_id = issuer_id, .reply = reply };

	return with_lists(req, serve, &serving, err);
}

static int
note_version(UNUSED struct req *req, struct compiled **ref, void *ctx,
	UNUSED struct err *err)
{
	int64_t *version = ctx;

	*version = ref == NULL ? 0 : lists_of(*ref)->of.version;
	return 0;
}

int
ssh_krl_version(struct req *req, int64_t *ret_version, struct err *err)
{
	int64_t version = 0;
	int rc = with_lists(req, note_version, &version, err);

	if (rc == 0)
		*ret_version = version;
	return rc;
}
