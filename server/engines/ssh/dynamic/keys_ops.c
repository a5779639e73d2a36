/* keys, keys/:key_name, tidy/dynamic-keys. */
#include <inttypes.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/log.h"
#include "lib/sshkey.h"
#include "lib/sshkeypair.h"
#include "server/engines/ssh/dynamic/key_users.h"
#include "server/engines/ssh/dynamic/tables.h"
#include "server/engines/ssh/records/named_key.h"
#include "server/keeper/keeper.h"

#define USERS_TOLD 5  /* names of those who need a key, in a refusal */
#define GONE_MAX 1000 /* versions that are forgotten at a time */
#define KEYS_MAX 10000

/* ---- versions that nobody needs ------------------------------------------ */

/* One that is not its key's current one, and never will be again. */
struct former {
	struct named_key_version version;
	struct former *next;
};

struct forgetting {
	const struct mount *mount;
	struct arena *arena;
	const char *forced; /* none of this key's is needed; or NULL */
	struct former *former;
	const struct key_leases *leases;
	struct store_tx *tx;
};

static int
note_former(void *ctx, const struct named_key_version *version, struct err *err)
{
	struct forgetting *forgetting = ctx;
	struct named_key_info info = { .version = 0 };
	struct former *former = NULL;
	int rc = named_key_get(forgetting->tx, &forgetting->mount->kv,
		version->key, forgetting->arena, &info, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = 0;
	}
	if (rc != 0 || info.version == version->version)
		return rc;
	former = ARENA_NEW(forgetting->arena, struct former);
	if (former == NULL)
		return err_set_memory(err);
	*former = (struct former){ { .key = version->key,
					   .version = version->version },
		forgetting->former };
	forgetting->former = former;
	return 0;
}

static int
read_former(struct store_tx *tx, void *ctx, struct err *err)
{
	struct forgetting *forgetting = ctx;

	forgetting->tx = tx;
	forgetting->former = NULL;
	return named_key_versions(tx, &forgetting->mount->kv, NULL,
		forgetting->arena, note_former, forgetting, err);
}

/* A lease logs in with it. */
static bool
is_needed(const struct forgetting *forgetting,
	const struct named_key_version *version)
{
	if (forgetting->forced != NULL &&
		strcmp(forgetting->forced, version->key) == 0)
		return false;
	return key_leases_of(
		       forgetting->leases, version->key, version->version) > 0;
}

static int
drop_gone(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct forgetting *forgetting = ctx;
	int n_gone = 0, rc = 0;

	for (const struct former *former = forgetting->former;
		rc == 0 && former != NULL && n_gone < GONE_MAX;
		former = former->next) {
		if (is_needed(forgetting, &former->version))
			continue;
		rc = named_key_drop_version(tx, &forgetting->mount->kv,
			former->version.key, former->version.version,
			forgetting->arena, err);
		n_gone++;
	}
	return rc;
}

/*
 * A lease takes the version that is current when its row is written: one that
 * was not current before the rows were counted, and has none, never gets any.
 * Hence that order. forced: a key that was deleted whoever needs it; or NULL.
 */
static int
forget_versions(struct req *req, const char *forced, struct err *err)
{
	struct store *store = req->server->store;
	struct forgetting forgetting = {
		.mount = req->mount, .arena = req->arena, .forced = forced
	};
	struct key_leases *leases = NULL;
	int rc = store_read(store, read_former, &forgetting, err);

	if (rc == 0)
		rc = key_leases_count(
			req->server, req->mount, req->arena, &leases, err);
	if (rc != 0)
		return rc;
	forgetting.leases = leases;
	return store_write(store, drop_gone, &forgetting, err);
}

/* What was asked is done: versions that stay go with the next change. */
static void
try_to_forget_versions(struct req *req)
{
	struct err err = { 0 };

	if (forget_versions(req, NULL, &err) != 0)
		log_warn("former versions of keys were not forgotten",
			LOG_STR("mount", req->mount->path), LOG_ERR(&err));
}

/* ---- keys/:key_name: write ----------------------------------------------- */

struct key_in {
	struct secret_view key;
	bool generate, replace;
	const char *key_type;
	int64_t key_bits, max_age;
};

static const struct field key_fields[] = {
	FIELD_AS(SECRET, struct key_in, key, "key",
		.len_max = SSHKEYPAIR_TEXT_MAX,
		.doc = "Private key to take in: OpenSSH's form, PKCS#1, SEC1 or PKCS#8, not encrypted."),
	FIELD_BOOL(struct key_in, generate,
		.doc = "Make a key instead; its private half never leaves the server."),
	FIELD_STR(struct key_in, key_type, .len_max = 64, .initial = "ed25519",
		.doc = "Type of a key that is generated: ed25519, rsa, ec, or an OpenSSH name."),
	FIELD_INT(struct key_in, key_bits, .max = SSHKEY_RSA_BITS_MAX,
		.doc = "Bits of a key that is generated; 0 is 4096 for RSA, 256 for \"ec\"."),
	FIELD_DURATION(struct key_in, max_age,
		.doc = "Age from which a read warns that the key is old; 0: none."),
	FIELD_BOOL(struct key_in, replace, .initial = "true",
		.doc = "false: refused where a key of this name is there."),
	FIELD_END,
};

/* "Invalid key", as the peer says; what has the mark of a key is told more. */
static int
refuse_key(const struct key_in *in, const struct err *why, struct err *err)
{
	static const char mark[] = "PRIVATE KEY-----";

	if (in->key.len > 0 &&
		memmem(in->key.data, in->key.len, mark, strlen(mark)) != NULL)
		return err_set(err, ERR_INPUT, 400, "Invalid key: %.900s",
			why->message);
	return err_set(err, ERR_INPUT, 400, "Invalid key");
}

static int
import_key(struct req *req, struct keeper_admin *ret_admin, struct err *err)
{
	const struct key_in *in = req->in;
	struct err why = { 0 };
	int rc = keeper_admin_import(
		req->server->keeper, in->key, req->arena, ret_admin, &why);

	if (rc == ERR_INPUT)
		return refuse_key(in, &why, err);
	if (rc != 0)
		*err = why;
	return rc;
}

static int
obtain_key(struct req *req, struct keeper_admin *ret_admin, struct err *err)
{
	const struct key_in *in = req->in;

	if (in->generate && in->key.len > 0)
		return err_set(err, ERR_INPUT, 400,
			"key must not be set when generate is set to true");
	return in->generate
		? keeper_admin_generate(req->server->keeper, in->key_type,
			  (unsigned)in->key_bits, req->arena, ret_admin, err)
		: import_key(req, ret_admin, err);
}

struct putting {
	struct req *req;
	const char *name, *sealed;
	struct ssh_named_key key;
};

static int
put_key(struct store_tx *tx, void *ctx, struct err *err)
{
	struct putting *putting = ctx;
	struct req *req = putting->req;
	const struct key_in *in = req->in;
	struct named_key_info info;
	int rc = 0;

	if (!in->replace) {
		rc = named_key_get(tx, &req->mount->kv, putting->name,
			req->arena, &info, err);
		if (rc == 0)
			return err_set(err, ERR_INPUT, 400,
				"key \"%.64s\" is there already",
				putting->name);
		if (rc != ERR_ABSENT)
			return rc;
		err_clear(err);
	}
	return named_key_put(tx, &req->mount->kv, putting->name, &putting->key,
		putting->sealed, req->arena, err);
}

static int
begin_put(struct req *req, const struct keeper_admin *admin,
	struct putting *ret_putting, struct err *err)
{
	const struct key_in *in = req->in;
	char fingerprint[SSHKEY_FINGERPRINT_MAX];
	struct putting putting = {
		.req = req,
		.name = req_capture(req, "key_name"),
		.sealed = base64_text(req->arena, admin->sealed),
		.key = { .public_key =
				 sshkey_line(req->arena, admin->public_key),
			.max_age = in->max_age,
			.generated = in->generate },
	};

	sshkey_fingerprint(admin->public_key, fingerprint);
	putting.key.fingerprint = arena_strdup(req->arena, fingerprint);
	if (putting.sealed == NULL || putting.key.public_key == NULL ||
		putting.key.fingerprint == NULL)
		return err_set_memory(err);
	*ret_putting = putting;
	return 0;
}

/* What every answer about a key begins with. */
static void
show_key(struct reply *reply, const struct ssh_named_key *key)
{
	reply_value(reply, "type",
		named_key_type(reply->req->arena, key->public_key));
	reply_str(reply, "fingerprint", key->fingerprint);
	reply_str(reply, "public_key", key->public_key);
	reply_int(reply, "version", key->version);
}

static int
write_key(struct req *req, struct reply *reply, struct err *err)
{
	const struct key_in *in = req->in;
	struct keeper_admin admin;
	struct putting putting;
	int rc = obtain_key(req, &admin, err);

	if (rc == 0)
		rc = begin_put(req, &admin, &putting, err);
	if (rc == 0)
		rc = req_write(req, put_key, &putting, err);
	if (rc != 0)
		return rc;
	if (putting.key.version > 1)
		try_to_forget_versions(req);
	if (in->generate)
		show_key(reply, &putting.key);
	return 0;
}

/* ---- read -----------------------------------------------------------------
 */

struct reading {
	struct req *req;
	const char *name;
	const struct ssh_named_key *key;
	struct value *versions, *roles, *targets;
};

static int
note_version(
	void *ctx, const struct named_key_version *version, struct err *err)
{
	struct reading *reading = ctx;
	struct arena *arena = reading->req->arena;
	struct value *shown = value_object(arena);

	return value_set_int(arena, shown, "version", version->version) &&
			value_set_str(arena, shown, "public_key",
				version->public_key) &&
			value_set(arena, shown, "created_time",
				reply_time_value(arena, version->created_s)) &&
			value_add(reading->versions, shown)
		? 0
		: err_set_memory(err);
}

static int
note_user(void *ctx, const char *kind, const char *name, const char *key,
	struct err *err)
{
	struct reading *reading = ctx;
	struct value *list =
		strcmp(kind, "role") == 0 ? reading->roles : reading->targets;

	if (strcmp(key, reading->name) != 0)
		return 0;
	return value_add(list, value_string(reading->req->arena, name))
		? 0
		: err_set_memory(err);
}

static int
read_all(struct store_tx *tx, void *ctx, struct err *err)
{
	struct reading *reading = ctx;
	struct req *req = reading->req;
	const struct kv *kv = &req->mount->kv;
	const void *record = NULL;
	int rc = record_get(tx, kv, &ssh_named_key_record, reading->name,
		req->arena, &record, err);

	reading->key = record;
	reading->versions = value_list(req->arena);
	reading->roles = value_list(req->arena);
	reading->targets = value_list(req->arena);
	if (rc == 0)
		rc = named_key_versions(tx, kv, reading->name, req->arena,
			note_version, reading, err);
	return rc != 0 ? rc : key_users_each(tx, kv, note_user, reading, err);
}

static bool
count_version_leases(
	const struct reading *reading, const struct key_leases *leases)
{
	struct value *version = reading->versions->first;

	for (; version != NULL; version = version->next) {
		if (!value_set_int(reading->req->arena, version, "leases",
			    key_leases_of(leases, reading->name,
				    value_find_int(version, "version", 0))))
			return false;
	}
	return true;
}

static void
warn_of_age(struct req *req, const struct ssh_named_key *key)
{
	const int64_t age_s = req_now_s(req) - key->created_s;

	if (key->max_age > 0 && age_s > key->max_age)
		req_warn(req,
			"the key is %" PRId64
			" days old, more than its max_age: replace it",
			age_s / 86400);
}

static int
read_key(struct req *req, struct reply *reply, struct err *err)
{
	struct reading reading = { .req = req,
		.name = req_capture(req, "key_name") };
	struct key_leases *leases = NULL;
	int rc = req_read(req, read_all, &reading, err);

	if (rc == 0)
		rc = key_leases_count(
			req->server, req->mount, req->arena, &leases, err);
	if (rc != 0)
		return rc;
	if (!count_version_leases(&reading, leases))
		return err_set_memory(err);
	show_key(reply, reading.key);
	reply_time_s(reply, "created_time", reading.key->created_s);
	reply_bool(reply, "generated", reading.key->generated);
	reply_int(reply, "max_age", reading.key->max_age);
	reply_value(reply, "versions", reading.versions);
	reply_value(reply, "roles", reading.roles);
	reply_value(reply, "targets", reading.targets);
	reply_int(reply, "leases", key_leases_of(leases, reading.name, 0));
	warn_of_age(req, reading.key);
	return 0;
}

/* ---- delete ---------------------------------------------------------------
 */

struct delete_in {
	bool force;
};

static const struct field delete_fields[] = {
	FIELD_BOOL(struct delete_in, force, .flags = FIELD_QUERY,
		.doc = "Delete it though a role, a target or a lease needs it."),
	FIELD_END,
};

struct deleting {
	struct req *req;
	const char *name;
	bool force;
	int64_t n_leases;
	struct value *users; /* the first ones, as a refusal names them */
	size_t n_users;
};

static int
note_named(void *ctx, const char *kind, const char *name, const char *key,
	struct err *err)
{
	struct deleting *deleting = ctx;
	struct arena *arena = deleting->req->arena;
	const char *text = NULL;

	if (strcmp(key, deleting->name) != 0 ||
		++deleting->n_users > USERS_TOLD)
		return 0;
	text = arena_printf(arena, "%s \"%s\"", kind, name);
	return text != NULL &&
			value_add(deleting->users, value_string(arena, text))
		? 0
		: err_set_memory(err);
}

static int
refuse_needed(const struct deleting *deleting, struct err *err)
{
	struct buf users;
	int rc;

	buf_init(&users, ERR_MESSAGE_MAX);
	VALUE_EACH (user, deleting->users)
		(void)buf_addf(&users, "%s, ", user->str);
	if (deleting->n_users > USERS_TOLD)
		(void)buf_addf(
			&users, "%zu more, ", deleting->n_users - USERS_TOLD);
	rc = err_set(err, ERR_INPUT, 400,
		"key \"%.64s\" is in use by %.700s%" PRId64
		" leases; force=true deletes it all the same",
		deleting->name, buf_str(&users), deleting->n_leases);
	buf_clear(&users);
	return rc;
}

static const char *
record_name(const struct req *req, const char *name)
{
	return arena_printf(
		req->arena, "%s%s", ssh_named_key_record.prefix, name);
}

static int
drop_key(struct store_tx *tx, void *ctx, struct err *err)
{
	struct deleting *deleting = ctx;
	struct req *req = deleting->req;
	const char *record = record_name(req, deleting->name);
	int rc = 0;

	deleting->users = value_list(req->arena);
	deleting->n_users = 0;
	if (deleting->users == NULL || record == NULL)
		return err_set_memory(err);
	if (!kv_exists(tx, &req->mount->kv, record))
		return 0;
	if (!deleting->force)
		rc = key_users_each(
			tx, &req->mount->kv, note_named, deleting, err);
	if (rc != 0)
		return rc;
	if (deleting->n_users > 0 || deleting->n_leases > 0)
		return refuse_needed(deleting, err);
	return kv_delete(tx, &req->mount->kv, record, err);
}

static int
delete_key(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	const struct delete_in *in = req->in;
	struct deleting deleting = { .req = req,
		.name = req_capture(req, "key_name"),
		.force = in->force };
	struct key_leases *leases = NULL;
	int rc = 0;

	if (!in->force) {
		rc = key_leases_count(
			req->server, req->mount, req->arena, &leases, err);
		deleting.n_leases = key_leases_of(leases, deleting.name, 0);
	}
	if (rc == 0)
		rc = req_write(req, drop_key, &deleting, err);
	if (rc != 0)
		return rc;
	if (in->force)
		return forget_versions(req, deleting.name, err);
	try_to_forget_versions(req);
	return 0;
}

/* ---- tidy/dynamic-keys -----------------------------------------------------
 */

struct tidying {
	struct req *req;
	const struct key_leases *leases;
	struct value *named, *keys; /* objects: by name */
	size_t n_removed;
};

static int
note_needed(void *ctx, UNUSED const char *kind, UNUSED const char *name,
	const char *key, struct err *err)
{
	const struct tidying *tidying = ctx;
	struct arena *arena = tidying->req->arena;

	return value_set_bool(arena, tidying->named, key, true)
		? 0
		: err_set_memory(err);
}

static int
note_key(void *ctx, const char *name, UNUSED const struct value *record,
	struct err *err)
{
	const struct tidying *tidying = ctx;

	return value_add(tidying->keys, value_string(tidying->req->arena, name))
		? 0
		: err_set_memory(err);
}

static int
drop_unneeded(struct store_tx *tx, void *ctx, struct err *err)
{
	struct tidying *tidying = ctx;
	struct req *req = tidying->req;
	const struct kv *kv = &req->mount->kv;
	const char *record = NULL;
	int rc;

	tidying->named = value_object(req->arena);
	tidying->keys = value_list(req->arena);
	tidying->n_removed = 0;
	if (tidying->named == NULL || tidying->keys == NULL)
		return err_set_memory(err);
	rc = key_users_each(tx, kv, note_needed, tidying, err);
	if (rc == 0)
		rc = kv_names(tx, kv, ssh_named_key_record.prefix, NULL,
			KEYS_MAX, req->arena, note_key, tidying, err);
	VALUE_EACH (key, tidying->keys) {
		if (rc != 0 || value_find(tidying->named, key->str) != NULL ||
			key_leases_of(tidying->leases, key->str, 0) > 0)
			continue;
		record = record_name(req, key->str);
		rc = record == NULL ? err_set_memory(err)
				    : kv_delete(tx, kv, record, err);
		tidying->n_removed++;
	}
	return rc;
}

static int
tidy_keys(struct req *req, struct reply *reply, struct err *err)
{
	struct tidying tidying = { .req = req };
	struct key_leases *leases = NULL;
	const char *message = NULL;
	int rc = key_leases_count(
		req->server, req->mount, req->arena, &leases, err);

	tidying.leases = leases;
	if (rc == 0)
		rc = req_write(req, drop_unneeded, &tidying, err);
	if (rc == 0)
		rc = forget_versions(req, NULL, err);
	if (rc != 0)
		return rc;
	message = arena_printf(req->arena, "Removed %zu of %zu host keys.",
		tidying.n_removed, tidying.keys->n);
	if (message == NULL)
		return err_set_memory(err);
	reply_str(reply, "message", message);
	return 0;
}

/* ---- rows ------------------------------------------------------------------
 */

static const struct op_out key_out[] = {
	{ "type", FIELD_TYPE_STR, "As the public line begins." },
	{ "fingerprint", FIELD_TYPE_STR, "SHA256:…" },
	{ "public_key", FIELD_TYPE_STR, "One line, for authorized_keys." },
	{ "version", FIELD_TYPE_INT, "The current one." },
	{ "created_time", FIELD_TYPE_STR, "When it was made or taken in." },
	{ "generated", FIELD_TYPE_BOOL, "Whether the server made it." },
	{ "max_age", FIELD_TYPE_INT, "Seconds; 0: none." },
	{ "versions", FIELD_TYPE_LIST,
		"Those that are kept: version, public_key, created_time, leases." },
	{ "roles", FIELD_TYPE_LIST, "Dynamic roles that name it." },
	{ "targets", FIELD_TYPE_LIST, "Targets that name it." },
	{ "leases", FIELD_TYPE_INT, "Live leases that need it." },
	{ NULL, FIELD_TYPE_STR, NULL },
};

const struct op ssh_keys_ops[] = {
	{
		.path = "keys",
		.verb = OP_LIST,
		.handler = record_list,
		.record = &ssh_named_key_record,
		.summary =
			"List the keys that the server logs in to targets with.",
		.text = "key_info says type, fingerprint, public half, age and version.",
	},
	{
		.path = "keys/:key_name",
		.verb = OP_READ,
		.handler = read_key,
		.summary = "Read the public half of a key, and who needs it.",
		.text = "The private half is shown by nothing. A warning says when the key is\n"
			"older than its max_age.",
		.out = key_out,
	},
	{
		.path = "keys/:key_name",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct key_in),
		.fields = key_fields,
		.handler = write_key,
		.summary = "Register or generate a key.",
		.text = "A key of this name is replaced; its former version is kept as long as a\n"
			"lease was made with it. The private half is sealed by the keeper, apart\n"
			"from CAs. Nothing is answered for a key that was sent.",
		.errors = { { 400,
			"that is no private key, it is encrypted, or the name is taken and replace is false" } },
	},
	{
		.path = "keys/:key_name",
		.verb = OP_DELETE,
		.in_size = sizeof(struct delete_in),
		.fields = delete_fields,
		.handler = delete_key,
		.summary = "Delete a key that nobody needs.",
		.text = "With force=true, although somebody does: what was put on targets with\n"
			"it can then not be taken off again until a key of this name is back.",
		.errors = { { 400, "a role, a target or a lease needs it" } },
	},
	{
		.path = "tidy/dynamic-keys",
		.verb = OP_DELETE,
		.flags = OP_SLOW,
		.handler = tidy_keys,
		.summary =
			"Delete the keys that no role, target or lease needs.",
	},
	OP_END,
};
