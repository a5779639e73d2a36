/* The transaction functions behind everything that changes issuers. */
#include "server/engines/ssh/ca/issuer_change.h"

#include <string.h>
#include <strings.h>

#include "server/engines/ssh/ca/revocation.h"

#define NAME_MAX_LEN 255
#define UUID_LEN 36
#define RETIRE_FOR_S (7 * INT64_C(86400))

/* A record's name of these parts; NULL: no memory. */
static const char *
record_of(struct req *req, const char *prefix, const char *id)
{
	return arena_printf(req->arena, "%s%s", prefix, id);
}

static int
put(struct store_tx *tx, struct req *req, const char *name,
	const struct value *value, struct err *err)
{
	if (name == NULL || value == NULL)
		return err_set_memory(err);
	return kv_put(tx, &req->mount->kv, name, value, err);
}

static int
drop(struct store_tx *tx, struct req *req, const char *name, struct err *err)
{
	return name == NULL ? err_set_memory(err)
			    : kv_delete(tx, &req->mount->kv, name, err);
}

static int
put_issuer(struct store_tx *tx, struct req *req,
	const struct ssh_issuer *issuer, struct err *err)
{
	return put(tx, req, record_of(req, SSH_ISSUER_PREFIX, issuer->id),
		ssh_issuer_encode(req, issuer), err);
}

/* A record that leads to an id. */
static int
put_pointer(struct store_tx *tx, struct req *req, const char *name,
	const char *id, struct err *err)
{
	struct value *value = value_object(req->arena);

	if (!value_set_str(req->arena, value, "id", id))
		return err_set_memory(err);
	return put(tx, req, name, value, err);
}

static int
put_pointers(struct store_tx *tx, struct req *req,
	const struct ssh_issuer *issuer, struct err *err)
{
	int rc = put_pointer(tx, req,
		ssh_issuer_key_record(req, issuer->public_blob), issuer->id,
		err);

	if (rc != 0 || issuer->name[0] == '\0')
		return rc;
	return put_pointer(tx, req, ssh_issuer_name_record(req, issuer->name),
		issuer->id, err);
}

/* ---- the default and the list ---------------------------------------- */

/* The issuer of an id that may be gone; id NULL then. */
static int
look_for(struct store_tx *tx, struct req *req, const char *id,
	struct ssh_issuer *ret_issuer, struct err *err)
{
	int rc;

	*ret_issuer = (struct ssh_issuer){ .id = NULL };
	rc = ssh_issuer_find_tx(tx, req, id, ret_issuer, err);
	if (rc != ERR_INPUT)
		return rc;
	err_clear(err);
	return 0;
}

/* Store it, less those on the list that no longer belong there. */
static int
put_issuers(struct store_tx *tx, struct req *req, struct ssh_issuers *issuers,
	struct err *err)
{
	struct ssh_issuer issuer;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < issuers->listed.n; i++) {
		const char *id = issuers->listed.items[i];

		rc = look_for(tx, req, id, &issuer, err);
		if (rc != 0)
			return rc;
		if (issuer.id != NULL && strcmp(id, issuers->default_id) != 0 &&
			ssh_issuer_is_listed(&issuer, tx_now_s(tx)))
			issuers->listed.items[n++] = id;
	}
	issuers->listed.n = n;
	return put(tx, req, SSH_ISSUERS_RECORD,
		ssh_issuers_encode(req, issuers), err);
}

static int
list_id(struct req *req, struct ssh_issuers *issuers, const char *id,
	struct err *err)
{
	return str_list_add(req->arena, &issuers->listed, id)
		? 0
		: err_set_memory(err);
}

/* A change of the default under way. */
struct move {
	struct ssh_issuers *issuers;
	struct ssh_issuer *to;
	int64_t retire_for_s;
	int64_t retire_after_s; /* set: when the former one leaves the list */
};

/* The former default stays on the list for a while. */
static int
retire_default(struct store_tx *tx, struct req *req, struct move *move,
	struct err *err)
{
	const char *id = move->issuers->default_id;
	struct ssh_issuer old;
	int rc;

	move->retire_after_s = 0;
	if (id[0] == '\0' || strcmp(id, move->to->id) == 0)
		return 0;
	rc = ssh_issuer_find_tx(tx, req, id, &old, err);
	if (rc != 0)
		return rc;
	if (__builtin_add_overflow(
		    tx_now_s(tx), move->retire_for_s, &old.retire_after_s))
		return err_set(
			err, ERR_INPUT, 400, "retire_after is too large");
	old.announced = false;
	move->retire_after_s = old.retire_after_s;
	rc = put_issuer(tx, req, &old, err);
	return rc != 0 ? rc : list_id(req, move->issuers, id, err);
}

static int
move_default(struct store_tx *tx, struct req *req, struct move *move,
	struct err *err)
{
	int rc = retire_default(tx, req, move, err);

	if (rc != 0)
		return rc;
	move->to->announced = false;
	move->to->retire_after_s = 0;
	rc = put_issuer(tx, req, move->to, err);
	if (rc != 0)
		return rc;
	move->issuers->default_id = move->to->id;
	return put_issuers(tx, req, move->issuers, err);
}

/* ---- those that were deleted ------------------------------------------ */

struct expired {
	struct req *req;
	int64_t now_s;
	struct value *ids;
};

static int
note_expired(
	void *ctx, const char *id, const struct value *record, struct err *err)
{
	struct expired *expired = ctx;
	int64_t deleted_s = value_find_int(record, "deleted_s", 0);

	if (expired->now_s - deleted_s < SSH_ISSUER_KEPT_S)
		return 0;
	return value_add(expired->ids, value_string(expired->req->arena, id))
		? 0
		: err_set_memory(err);
}

static int
drop_deleted(
	struct store_tx *tx, struct req *req, const char *id, struct err *err)
{
	return drop(
		tx, req, record_of(req, SSH_ISSUER_DELETED_PREFIX, id), err);
}

/*
 * The private key goes for good. Hosts may go on to trust the public one, so
 * that revocation lists still need to name it.
 */
static int
destroy(struct store_tx *tx, struct req *req, const char *id, struct err *err)
{
	struct value *gone = value_object(req->arena);
	struct value *record = NULL;
	const char *name = record_of(req, SSH_ISSUER_DELETED_PREFIX, id);
	int rc = name == NULL
		? err_set_memory(err)
		: kv_get(tx, &req->mount->kv, name, req->arena, &record, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc != 0)
		return rc;
	if (!value_set_str(req->arena, gone, "blob",
		    value_find_str(record, "blob", "")))
		return err_set_memory(err);
	rc = put(
		tx, req, record_of(req, SSH_ISSUER_GONE_PREFIX, id), gone, err);
	return rc != 0 ? rc : drop_deleted(tx, req, id, err);
}

/* Every change lets go for good of what was deleted long ago. */
static int
drop_expired(struct store_tx *tx, struct req *req, struct err *err)
{
	struct expired expired = { req, tx_now_s(tx), value_list(req->arena) };
	int rc = kv_scan(tx, &req->mount->kv, SSH_ISSUER_DELETED_PREFIX, NULL,
		0, req->arena, note_expired, &expired, err);

	VALUE_EACH (id, expired.ids) {
		if (rc == 0)
			rc = destroy(tx, req, id->str, err);
	}
	return rc;
}

int64_t
ssh_issuer_retire_for_s(int64_t retire_after_s)
{
	return retire_after_s != 0 ? retire_after_s : RETIRE_FOR_S;
}

/* ---- names ------------------------------------------------------------- */

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		(c >= 'a' && c <= 'z') || c == '_';
}

/* As path captures are, but for '@' (spec/ssh-engine.md 1.2). */
static bool
is_name(const char *name, size_t len)
{
	if (!is_word(name[0]) || !is_word(name[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_word(name[i]) && name[i] != '-' && name[i] != '.')
			return false;
	}
	return strstr(name, "..") == NULL;
}

/* One that looks like an id could pose as an issuer that is gone. */
static bool
is_like_id(const char *name, size_t len)
{
	return len == UUID_LEN && name[8] == '-' && name[13] == '-' &&
		name[18] == '-' && name[23] == '-';
}

int
ssh_issuer_check_name(struct req *req, const char **name, struct err *err)
{
	const char *text = *name + strspn(*name, " \t\r\n");
	size_t len = strlen(text);

	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;
	text = arena_strndup(req->arena, text, len);
	if (text == NULL)
		return err_set_memory(err);
	if (len == 0)
		return err_set(
			err, ERR_INPUT, 400, "expected non-empty issuer name");
	if (strcasecmp(text, SSH_ISSUER_DEFAULT) == 0)
		return err_set(err, ERR_INPUT, 400,
			"reserved keyword 'default' can not be used as issuer name");
	if (!is_name(text, len))
		return err_set(err, ERR_INPUT, 400,
			"issuer name contained invalid characters");
	if (len > NAME_MAX_LEN)
		return err_set(err, ERR_INPUT, 400, "issuer name is too long");
	if (is_like_id(text, len))
		return err_set(err, ERR_INPUT, 400,
			"issuer name can not look like an issuer id");
	*name = text;
	return 0;
}

static int
check_name_free(
	struct store_tx *tx, struct req *req, const char *name, struct err *err)
{
	const char *record = ssh_issuer_name_record(req, name);

	if (record == NULL)
		return err_set_memory(err);
	if (name[0] != '\0' && kv_exists(tx, &req->mount->kv, record))
		return err_set(
			err, ERR_INPUT, 400, "issuer name already in use");
	return 0;
}

/* ---- adding ------------------------------------------------------------ */

/* The issuer with this key; id NULL: none. */
static int
look_for_key(struct store_tx *tx, struct req *req, struct span public_blob,
	struct ssh_issuer *ret_issuer, struct err *err)
{
	const char *record = ssh_issuer_key_record(req, public_blob);
	struct value *pointer = NULL;
	int rc;

	*ret_issuer = (struct ssh_issuer){ .id = NULL };
	if (record == NULL)
		return err_set_memory(err);
	rc = kv_get(tx, &req->mount->kv, record, req->arena, &pointer, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	return rc != 0
		? rc
		: ssh_issuer_find_tx(tx, req, value_find_str(pointer, "id", ""),
			  ret_issuer, err);
}

int
ssh_issuer_check_default(const struct ssh_issuers *issuers,
	enum ssh_issuer_place place, bool rotates, struct err *err)
{
	bool is_set = issuers->default_id[0] != '\0';

	if (is_set && place == SSH_ISSUER_AS_FIRST)
		return err_set(err, ERR_INPUT, 400,
			"keys are already configured; delete them before reconfiguring");
	if (!is_set && rotates)
		return err_set(err, ERR_INPUT, 400,
			"no default issuer currently configured");
	return 0;
}

/* Put it where it belongs among the others. */
static int
place_issuer(struct store_tx *tx, struct ssh_issuer_add *add,
	struct ssh_issuers *issuers, struct err *err)
{
	struct req *req = add->req;
	struct move move = { .issuers = issuers,
		.to = &add->added,
		.retire_for_s = add->retire_for_s };
	int rc;

	if (issuers->default_id[0] == '\0' ||
		add->place == SSH_ISSUER_AS_DEFAULT) {
		rc = move_default(tx, req, &move, err);
		add->retire_after_s = move.retire_after_s;
		return rc;
	}
	add->added.announced = add->place == SSH_ISSUER_ANNOUNCED;
	rc = put_issuer(tx, req, &add->added, err);
	if (rc != 0 || !add->added.announced)
		return rc;
	rc = list_id(req, issuers, add->added.id, err);
	return rc != 0 ? rc : put_issuers(tx, req, issuers, err);
}

static int
add_new(struct store_tx *tx, struct ssh_issuer_add *add,
	struct ssh_issuers *issuers, struct err *err)
{
	struct req *req = add->req;
	int rc = check_name_free(tx, req, add->added.name, err);

	if (rc != 0)
		return rc;
	add->added.created_s = tx_now_s(tx);
	rc = put_pointers(tx, req, &add->added, err);
	if (rc == 0)
		rc = place_issuer(tx, add, issuers, err);
	/* Key ids that are revoked are so for its certificates too. */
	if (rc == 0)
		rc = ssh_revocations_touch(tx, req, err);
	return rc != 0 ? rc : drop_expired(tx, req, err);
}

int
ssh_issuer_add(struct store_tx *tx, void *ctx, struct err *err)
{
	struct ssh_issuer_add *add = ctx;
	struct ssh_issuers issuers;
	struct ssh_issuer same;
	int rc = ssh_issuers_get(tx, add->req, &issuers, err);

	if (rc == 0)
		rc = ssh_issuer_check_default(
			&issuers, add->place, add->rotates, err);
	if (rc == 0)
		rc = look_for_key(
			tx, add->req, add->issuer->public_blob, &same, err);
	if (rc != 0)
		return rc;
	add->previous_id = issuers.default_id;
	add->retire_after_s = 0;
	add->existed = same.id != NULL;
	add->added = add->existed ? same : *add->issuer;
	if (!add->existed)
		return add_new(tx, add, &issuers, err);
	/* Where there is no default, what is there already will do. */
	return issuers.default_id[0] == '\0'
		? place_issuer(tx, add, &issuers, err)
		: 0;
}

/* ---- changing ---------------------------------------------------------- */

static int
rename(struct store_tx *tx, struct ssh_issuer_change *change, struct err *err)
{
	struct req *req = change->req;
	struct ssh_issuer *issuer = &change->issuer;
	int rc;

	if (change->name == NULL || strcmp(issuer->name, change->name) == 0)
		return 0;
	rc = check_name_free(tx, req, change->name, err);
	if (rc == 0 && issuer->name[0] != '\0')
		rc = drop(tx, req, ssh_issuer_name_record(req, issuer->name),
			err);
	issuer->name = change->name;
	return rc != 0 ? rc : put_pointers(tx, req, issuer, err);
}

/* What was sealed meanwhile may have limits of its own. */
static int
reseal(struct ssh_issuer_change *change, struct err *err)
{
	if (change->to == NULL)
		return 0;
	if (!span_equal(change->issuer.sealed, change->from->sealed))
		return err_set(err, ERR_BUSY, 503,
			"the issuer was changed meanwhile, try again");
	change->issuer.sealed = change->to->sealed;
	change->issuer.limits = change->to->limits;
	return 0;
}

int
ssh_issuer_update(struct store_tx *tx, void *ctx, struct err *err)
{
	struct ssh_issuer_change *change = ctx;
	int rc = ssh_issuer_find_tx(
		tx, change->req, change->ref, &change->issuer, err);

	if (rc != 0)
		return rc;
	change->previous_name = change->issuer.name;
	rc = rename(tx, change, err);
	if (rc == 0)
		rc = reseal(change, err);
	return rc != 0 ? rc : put_issuer(tx, change->req, &change->issuer, err);
}

int
ssh_issuer_set_default(struct store_tx *tx, void *ctx, struct err *err)
{
	struct ssh_issuer_change *change = ctx;
	struct ssh_issuers issuers;
	struct move move = { .issuers = &issuers,
		.to = &change->issuer,
		.retire_for_s = change->retire_for_s };
	int rc = ssh_issuer_find_tx(
		tx, change->req, change->ref, &change->issuer, err);

	if (rc == 0)
		rc = ssh_issuers_get(tx, change->req, &issuers, err);
	if (rc != 0)
		return rc;
	change->previous_id = issuers.default_id;
	change->was_default =
		strcmp(issuers.default_id, change->issuer.id) == 0;
	return change->was_default ? 0
				   : move_default(tx, change->req, &move, err);
}

/* ---- deleting ---------------------------------------------------------- */

/* Its record moves to those that are kept; name and key are free again. */
static int
put_aside(struct store_tx *tx, struct req *req, struct ssh_issuer *issuer,
	struct err *err)
{
	int rc;

	issuer->deleted_s = tx_now_s(tx);
	issuer->announced = false;
	issuer->retire_after_s = 0;
	rc = put(tx, req, record_of(req, SSH_ISSUER_DELETED_PREFIX, issuer->id),
		ssh_issuer_encode(req, issuer), err);
	if (rc == 0)
		rc = drop(tx, req,
			record_of(req, SSH_ISSUER_PREFIX, issuer->id), err);
	if (rc == 0)
		rc = drop(tx, req,
			ssh_issuer_key_record(req, issuer->public_blob), err);
	if (rc == 0 && issuer->name[0] != '\0')
		rc = drop(tx, req, ssh_issuer_name_record(req, issuer->name),
			err);
	return rc;
}

int
ssh_issuer_delete(struct store_tx *tx, void *ctx, struct err *err)
{
	struct ssh_issuer_change *change = ctx;
	struct req *req = change->req;
	struct ssh_issuers issuers;
	int rc = look_for(tx, req, change->ref, &change->issuer, err);

	if (rc == 0)
		rc = ssh_issuers_get(tx, req, &issuers, err);
	if (rc != 0 || change->issuer.id == NULL)
		return rc;
	change->was_default =
		strcmp(issuers.default_id, change->issuer.id) == 0;
	if (change->was_default)
		issuers.default_id = "";
	rc = put_aside(tx, req, &change->issuer, err);
	if (rc == 0)
		rc = put_issuers(tx, req, &issuers, err);
	return rc != 0 ? rc : drop_expired(tx, req, err);
}

static int
note_id(void *ctx, const char *id, const struct value *record, struct err *err)
{
	struct expired *all = ctx;

	(void)record;
	return value_add(all->ids, value_string(all->req->arena, id))
		? 0
		: err_set_memory(err);
}

int
ssh_issuer_delete_all(struct store_tx *tx, void *ctx, struct err *err)
{
	struct ssh_issuer_change *change = ctx;
	struct req *req = change->req;
	struct expired all = { .req = req, .ids = value_list(req->arena) };
	struct ssh_issuers none = { .default_id = "" };
	struct ssh_issuer *issuer = NULL;
	int rc = kv_names(tx, &req->mount->kv, SSH_ISSUER_PREFIX, NULL, 0,
		req->arena, note_id, &all, err);

	if (rc != 0)
		return rc;
	change->n_deleted = 0;
	change->deleted =
		ARENA_ARRAY(req->arena, struct ssh_issuer, all.ids->n + 1);
	if (change->deleted == NULL)
		return err_set_memory(err);
	VALUE_EACH (id, all.ids) {
		issuer = &change->deleted[change->n_deleted++];
		if (rc == 0)
			rc = ssh_issuer_find_tx(tx, req, id->str, issuer, err);
		if (rc == 0)
			rc = put_aside(tx, req, issuer, err);
	}
	if (rc == 0)
		rc = put_issuers(tx, req, &none, err);
	return rc != 0 ? rc : drop_expired(tx, req, err);
}

/* ---- what was deleted --------------------------------------------------- */

static int
find_deleted(
	struct store_tx *tx, struct ssh_issuer_change *change, struct err *err)
{
	int rc = ssh_issuer_find_deleted(
		tx, change->req, change->ref, &change->issuer, err);

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_INPUT, 400,
		"unable to find deleted issuer: %.64s", change->ref);
}

int
ssh_issuer_destroy(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct ssh_issuer_change *change = ctx;

	return destroy(tx, change->req, change->ref, err);
}

/* Name and key must still be nobody else's. */
int
ssh_issuer_restore(struct store_tx *tx, void *ctx, struct err *err)
{
	struct ssh_issuer_change *change = ctx;
	struct ssh_issuer_add add = { .req = change->req,
		.place = SSH_ISSUER_ASIDE };
	struct ssh_issuers issuers;
	struct ssh_issuer same;
	int rc = find_deleted(tx, change, err);

	if (rc == 0)
		rc = ssh_issuers_get(tx, change->req, &issuers, err);
	if (rc == 0)
		rc = look_for_key(tx, change->req, change->issuer.public_blob,
			&same, err);
	if (rc == 0 && same.id != NULL)
		rc = err_set(err, ERR_INPUT, 400, "issuer %s has the same key",
			same.id);
	if (rc == 0)
		rc = check_name_free(tx, change->req, change->issuer.name, err);
	if (rc == 0)
		rc = drop_deleted(tx, change->req, change->issuer.id, err);
	if (rc != 0)
		return rc;
	change->issuer.deleted_s = 0;
	add.added = change->issuer;
	rc = put_pointers(tx, change->req, &add.added, err);
	return rc != 0 ? rc : place_issuer(tx, &add, &issuers, err);
}
