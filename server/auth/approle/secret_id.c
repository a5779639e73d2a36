/* Rows of secret ids: drawn, inserted, found and used up. */
#include "server/auth/approle/secret_id.h"

#include <string.h>

#include "lib/random.h"
#include "server/api/new_row.h"
#include "server/core/seal.h"

#define DATA_MAX 60000 /* the longest fields as JSON, in a row of 64 KiB */

/* What the row keeps beside times and hash. */
static const struct field data_fields[] = {
	FIELD_INT(struct approle_secret_id, num_uses, .doc = "Uses left."),
	FIELD_MAP(struct approle_secret_id, metadata, .doc = "Metadata."),
	FIELD_LIST(struct approle_secret_id, cidr_list, .doc = "Addresses."),
	FIELD_LIST(struct approle_secret_id, token_bound_cidrs,
		.doc = "Addresses of the tokens."),
	FIELD_END,
};

const char *
approle_secret_path(const struct req *req, const struct approle_role *role)
{
	return arena_printf(req->arena, LEASE_PRIVATE "secret-id/%s", role->id);
}

int
approle_secrets_of(struct req *req, const struct approle_role *role,
	struct approle_secrets *ret_secrets, struct err *err)
{
	struct approle_secrets secrets = { .req = req,
		.role = arena_strdup(req->arena, role->id) };
	const char *path = approle_secret_path(req, role);
	int rc;

	if (secrets.role == NULL || path == NULL)
		return err_set_memory(err);
	rc = lease_path_number(
		req->server->store, req->mount->uuid, path, &secrets.path, err);
	if (rc == 0)
		*ret_secrets = secrets;
	return rc;
}

/* ---- names ------------------------------------------------------------ */

/* The hash of a text, which is good for this role alone. */
static int
hash_text(const struct barrier *barrier, const struct approle_secrets *secrets,
	struct secret_view text, uint8_t out[ROWID_MAC], struct err *err)
{
	const size_t role_len = strlen(secrets->role) + 1;
	uint8_t *whole =
		arena_alloc(secrets->req->arena, role_len + text.len, 1);

	if (whole == NULL)
		return err_set_memory(err);
	memcpy(whole, secrets->role, role_len);
	if (text.len > 0)
		memcpy(whole + role_len, text.data, text.len);
	rowid_mac(barrier, ROWID_SECRET_ID, secrets->req->mount->uuid,
		span_of(whole, role_len + text.len), out);
	return 0;
}

/* The row that one of our own texts names, if it is one of this role. */
static int
parse_text(const struct barrier *barrier, const struct approle_secrets *secrets,
	enum rowid_kind kind, struct span text, struct rowref *ret_ref)
{
	int rc = rowid_parse(
		barrier, kind, secrets->req->mount->uuid, text, ret_ref);

	return rc == 0 && ret_ref->path != secrets->path ? ERR_ABSENT : rc;
}

bool
approle_secret_was_ours(
	const struct approle_secrets *secrets, struct secret_view text)
{
	struct seal *seal = secrets->req->server->seal;
	struct barrier *barrier = seal_hold_barrier(seal);
	struct rowref ref;
	bool ours;

	if (barrier == NULL)
		return false;
	ours = parse_text(barrier, secrets, ROWID_SECRET_ID,
		       span_of(text.data, text.len), &ref) == 0;
	seal_release_barrier(seal);
	return ours;
}

int
approle_secret_accessor(struct store_tx *tx,
	const struct approle_secrets *secrets, const struct lease *lease,
	char out[ROWID_TEXT_MAX], struct err *err)
{
	return rowid_format(tx_barrier(tx), ROWID_SECRET_ACCESSOR,
		secrets->req->mount->uuid, lease->ref, lease->salt, out, err);
}

/* ---- new ones --------------------------------------------------------- */

/* A text of our own: the row's number, sealed with random bits. */
static int
draw_text(const struct barrier *barrier, const struct approle_secrets *secrets,
	struct approle_secret_draft *draft, struct err *err)
{
	char *text = arena_alloc(secrets->req->arena, ROWID_TEXT_MAX, 1);
	uint8_t salt[ROWID_SALT];
	int rc;

	if (text == NULL)
		return err_set_memory(err);
	random_bytes(salt, sizeof(salt));
	rc = rowid_format(barrier, ROWID_SECRET_ID, secrets->req->mount->uuid,
		draft->secret.lease.ref, salt, text, err);
	secret_wipe(salt, sizeof(salt));
	if (rc == 0)
		draft->text = secret_view_of(text, strlen(text));
	return rc;
}

static int
draw(const struct barrier *barrier, const struct approle_secrets *secrets,
	struct secret_view custom, struct approle_secret_draft *draft,
	struct err *err)
{
	struct lease *lease = &draft->secret.lease;
	int rc = rowid_format(barrier, ROWID_SECRET_ACCESSOR,
		secrets->req->mount->uuid, lease->ref, lease->salt,
		draft->accessor, err);

	draft->text = custom;
	if (rc == 0 && custom.len == 0)
		rc = draw_text(barrier, secrets, draft, err);
	return rc != 0
		? rc
		: hash_text(barrier, secrets, draft->text, lease->mac, err);
}

int
approle_secret_draw(const struct approle_secrets *secrets,
	struct secret_view custom, struct approle_secret_draft *draft,
	struct err *err)
{
	struct req *req = secrets->req;
	struct lease *lease = &draft->secret.lease;
	struct barrier *barrier;
	int rc = req_new_row(req, LEASE_SECRET_ID, secrets->path, lease, err);

	if (rc != 0)
		return rc;
	lease->chosen = custom.len > 0;
	barrier = seal_hold_barrier(req->server->seal);
	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = draw(barrier, secrets, custom, draft, err);
	seal_release_barrier(req->server->seal);
	return rc;
}

/* The row's own bytes, into the arena. */
static int
encode(const struct approle_secret_id *secret, struct arena *arena,
	struct span *ret_data, struct err *err)
{
	return record_pack(data_fields, secret, DATA_MAX, arena, ret_data, err);
}

int
approle_secret_insert(struct store_tx *tx,
	const struct approle_secrets *secrets,
	struct approle_secret_draft *draft, int64_t ttl_s, struct err *err)
{
	struct lease *lease = &draft->secret.lease;
	int rc;

	lease->issue_ns = tx_now_ns(tx);
	lease->ttl_s = ttl_s;
	lease->expire_s = ttl_s == 0 ? 0 : tx_now_s(tx) + ttl_s;
	lease->counted = draft->secret.num_uses > 0;
	rc = encode(&draft->secret, secrets->req->arena, &lease->data, err);
	if (rc == 0 && lease->chosen)
		rc = lease_alias_put(tx, lease, err);
	if (rc == ERR_EXISTS) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"failed to store secret_id: SecretID is already registered");
	}
	return rc != 0 ? rc : lease_insert(tx, lease, err);
}

/* ---- found ------------------------------------------------------------ */

static int
decode(const struct lease *lease, struct arena *arena,
	struct approle_secret_id *ret_secret, struct err *err)
{
	void *record = NULL;
	int rc = record_unpack(data_fields, sizeof(*ret_secret), lease->data,
		arena, &record, err);

	if (rc != 0)
		return rc;
	*ret_secret = *(const struct approle_secret_id *)record;
	ret_secret->lease = *lease;
	return 0;
}

/* The row of ref, live and of these secrets. */
static int
find_row(struct store_tx *tx, const struct approle_secrets *secrets,
	struct rowref ref, struct lease *ret_lease, struct err *err)
{
	int rc = lease_get(tx, ref, secrets->req->arena, ret_lease, err);

	if (rc != 0)
		return rc;
	return ref.path == secrets->path &&
			ret_lease->kind == LEASE_SECRET_ID &&
			lease_is_live(tx, ret_lease)
		? 0
		: ERR_ABSENT;
}

static bool
has_mac(const struct lease *lease, const uint8_t mac[ROWID_MAC])
{
	return secret_equal(secret_view_of(lease->mac, ROWID_MAC),
		secret_view_of(mac, ROWID_MAC));
}

int
approle_secret_by_text(struct store_tx *tx,
	const struct approle_secrets *secrets, struct secret_view text,
	struct approle_secret_id *ret_secret, struct err *err)
{
	struct arena *arena = secrets->req->arena;
	const struct barrier *barrier = tx_barrier(tx);
	uint8_t mac[ROWID_MAC];
	struct lease lease;
	struct rowref ref;
	int rc = hash_text(barrier, secrets, text, mac, err);

	if (rc == 0)
		rc = parse_text(barrier, secrets, ROWID_SECRET_ID,
			span_of(text.data, text.len), &ref);
	if (rc == ERR_ABSENT)
		rc = lease_alias_get(tx, mac, arena, &ref, err);
	if (rc == 0)
		rc = find_row(tx, secrets, ref, &lease, err);
	if (rc != 0)
		return rc;
	return has_mac(&lease, mac) ? decode(&lease, arena, ret_secret, err)
				    : ERR_ABSENT;
}

int
approle_secret_by_accessor(struct store_tx *tx,
	const struct approle_secrets *secrets, struct span accessor,
	struct approle_secret_id *ret_secret, struct err *err)
{
	char text[ROWID_TEXT_MAX];
	struct lease lease;
	struct rowref ref;
	int rc = parse_text(
		tx_barrier(tx), secrets, ROWID_SECRET_ACCESSOR, accessor, &ref);

	if (rc == 0)
		rc = find_row(tx, secrets, ref, &lease, err);
	if (rc == 0)
		rc = approle_secret_accessor(tx, secrets, &lease, text, err);
	if (rc != 0)
		return rc;
	return secret_equal(secret_view_of(text, strlen(text)),
		       secret_view_of(accessor.data, accessor.len))
		? decode(&lease, secrets->req->arena, ret_secret, err)
		: ERR_ABSENT;
}

/* ---- used up ---------------------------------------------------------- */

static int
count_use(struct store_tx *tx, const struct approle_secret_id *secret,
	struct arena *arena, struct err *err)
{
	struct approle_secret_id used = *secret;
	int rc;

	if (secret->num_uses == 1)
		return lease_delete(tx, &secret->lease, err);
	used.num_uses--;
	used.lease.last_renewal_ns = tx_now_ns(tx);
	rc = encode(&used, arena, &used.lease.data, err);
	return rc != 0 ? rc
		       : lease_update(tx, &secret->lease, &used.lease, err);
}

int
approle_secret_use(struct store_tx *tx, const struct approle_secrets *secrets,
	const struct approle_secret_id *found, struct err *err)
{
	struct arena *arena = secrets->req->arena;
	struct approle_secret_id secret;
	struct lease lease;
	int rc = find_row(tx, secrets, found->lease.ref, &lease, err);

	if (rc == 0 && !has_mac(&lease, found->lease.mac))
		rc = ERR_ABSENT;
	if (rc == 0)
		rc = decode(&lease, arena, &secret, err);
	if (rc != 0 || secret.num_uses == 0)
		return rc;
	return count_use(tx, &secret, arena, err);
}
