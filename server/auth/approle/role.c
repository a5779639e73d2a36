/* What a role may be, and the index of role ids. */
#include "server/auth/approle/role.h"

#include <string.h>

#include "lib/cidr_list.h"
#include "lib/codec.h"
#include "lib/random.h"

static const struct field role_fields[] = {
	APPROLE_BIND_SECRET_ID(),
	APPROLE_BOUND_CIDRS(
		"secret_id_bound_cidrs", .alias = "bound_cidr_list"),
	APPROLE_NUM_USES(),
	APPROLE_TTL(),
	FIELD_BOOL(struct approle_role, local_secret_ids,
		.doc = "Shown again; fixed when the role is made."),
	APPROLE_ROLE_ID(),
	TOKEN_PARAMS_FIELDS(struct approle_role, token),
	FIELD_AS(STR, struct approle_role, id, "own_id", .flags = FIELD_STORED,
		.doc = "Names the rows of its secret ids."),
	FIELD_END,
};

/* ---- role ids --------------------------------------------------------- */

/* The index record of a role id; NULL: no memory. */
static const char *
index_name(struct store_tx *tx, const struct req *req, const char *role_id)
{
	uint8_t mac[ROWID_MAC];
	char hex[2 * ROWID_MAC + 1];

	barrier_mac(tx_barrier(tx), "approle role id",
		span_str(req->mount->uuid), span_str(role_id), mac);
	hex_encode(mac, sizeof(mac), hex);
	return arena_printf(req->arena, "role-id/%s", hex);
}

struct looking {
	struct req *req;
	const char *role_id, *name;
};

static int
look_up(struct store_tx *tx, void *ctx, struct err *err)
{
	struct looking *looking = ctx;
	struct req *req = looking->req;
	const char *index = index_name(tx, req, looking->role_id);
	struct value *value = NULL;
	int rc;

	if (index == NULL)
		return err_set_memory(err);
	rc = kv_get(tx, &req->mount->kv, index, req->arena, &value, err);
	if (rc == 0)
		looking->name = value_find_str(value, "role", "");
	return rc;
}

int
approle_role_by_id(struct req *req, const char *role_id, const char **ret_name,
	struct err *err)
{
	struct looking looking = { .req = req, .role_id = role_id };
	int rc = req_read(req, look_up, &looking, err);

	if (rc == 0)
		*ret_name = looking.name;
	return rc;
}

static int
drop_index(struct store_tx *tx, struct req *req, const char *role_id,
	struct err *err)
{
	const char *index = index_name(tx, req, role_id);

	return index == NULL ? err_set_memory(err)
			     : kv_delete(tx, &req->mount->kv, index, err);
}

static int
put_index(struct store_tx *tx, struct req *req, const char *role_id,
	const char *name, struct err *err)
{
	const char *index = index_name(tx, req, role_id);
	struct value *value = value_object(req->arena);

	if (index == NULL || !value_set_str(req->arena, value, "role", name))
		return err_set_memory(err);
	if (kv_exists(tx, &req->mount->kv, index))
		return err_set(err, ERR_INPUT, 400, "role_id already in use");
	return kv_put(tx, &req->mount->kv, index, value, err);
}

/* ---- writes ----------------------------------------------------------- */

/* What a closure may not draw. */
static int
draw_ids(struct req *req, const char *name, void *record, struct err *err)
{
	struct approle_role *sent = record;
	char id[RANDOM_UUID_MAX], role_id[RANDOM_UUID_MAX];

	(void)name;
	random_uuid(id);
	random_uuid(role_id);
	sent->new_id = arena_strdup(req->arena, id);
	sent->new_role_id = arena_strdup(req->arena, role_id);
	return sent->new_id != NULL && sent->new_role_id != NULL
		? 0
		: err_set_memory(err);
}

static int
check_settings(const struct approle_role *role, const struct approle_role *old,
	struct err *err)
{
	if (old != NULL && old->local_secret_ids != role->local_secret_ids)
		return err_set(err, ERR_INPUT, 400,
			"local_secret_ids can only be modified during role creation");
	if (role->secret_id_ttl < 0)
		return err_set(err, ERR_INPUT, 400,
			"secret_id_ttl cannot be negative");
	if (!role->bind_secret_id && role->secret_id_bound_cidrs.n == 0 &&
		role->token.bound_cidrs.n == 0)
		return err_set(err, ERR_INPUT, 400,
			"at least one constraint should be enabled on the role");
	return 0;
}

/* An id that was not sent, or was emptied, stays or is the drawn one. */
static void
settle_ids(struct approle_role *role, const struct approle_role *old,
	const struct approle_role *sent)
{
	if (old == NULL)
		role->id = sent->new_id;
	if (role->role_id[0] == '\0')
		role->role_id = old != NULL ? old->role_id : sent->new_role_id;
}

static int
move_index(struct store_tx *tx, struct req *req, const char *name,
	const struct approle_role *role, const struct approle_role *old,
	struct err *err)
{
	int rc = 0;

	if (old != NULL && strcmp(old->role_id, role->role_id) == 0)
		return 0;
	if (old != NULL)
		rc = drop_index(tx, req, old->role_id, err);
	return rc != 0 ? rc : put_index(tx, req, role->role_id, name, err);
}

static int
check_role(struct store_tx *tx, struct req *req, const char *name, void *record,
	struct err *err)
{
	struct approle_role *role = record;
	const struct approle_role *old;
	const void *stored = NULL;
	int rc = record_get(tx, &req->mount->kv, &approle_role_record, name,
		req->arena, &stored, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	old = stored;
	settle_ids(role, old, req->in);
	rc = check_settings(role, old, err);
	if (rc == 0)
		rc = cidr_list_check(req->arena, "secret_id_bound_cidrs",
			&role->secret_id_bound_cidrs, err);
	if (rc == 0)
		rc = token_params_check(req, &role->token, err);
	return rc != 0 ? rc : move_index(tx, req, name, role, old, err);
}

static int
forget_role(
	struct store_tx *tx, struct req *req, const char *name, struct err *err)
{
	const struct approle_role *role;
	const void *stored = NULL;
	int rc = record_get(tx, &req->mount->kv, &approle_role_record, name,
		req->arena, &stored, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	role = stored;
	return rc != 0 ? rc : drop_index(tx, req, role->role_id, err);
}

/* ---- reads ------------------------------------------------------------ */

static void
show_role(struct req *req, const char *name, const void *record,
	struct reply *reply)
{
	const struct approle_role *role = record;

	(void)name;
	reply_bool(reply, "bind_secret_id", role->bind_secret_id);
	reply_bool(reply, "local_secret_ids", role->local_secret_ids);
	reply_value(reply, "secret_id_bound_cidrs",
		value_of_list(req->arena, &role->secret_id_bound_cidrs));
	reply_int(reply, "secret_id_num_uses", role->secret_id_num_uses);
	reply_int(reply, "secret_id_ttl", role->secret_id_ttl);
	token_params_show(&role->token, reply);
}

const struct record_type approle_role_record = {
	.prefix = "role/",
	.capture = "role",
	.lower_case_names = true,
	.merges = true,
	.fields = role_fields,
	.size = sizeof(struct approle_role),
	.check = draw_ids,
	.check_tx = check_role,
	.show = show_role,
	.on_delete = forget_role,
};
