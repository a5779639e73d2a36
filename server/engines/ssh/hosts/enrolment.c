/* Rows of enrolment tokens: drawn, inserted, found. */
#include "server/engines/ssh/hosts/enrolment.h"

#include "lib/random.h"
#include "server/api/new_row.h"
#include "server/api/record_ops.h"
#include "server/core/seal.h"

#define LEASE_PATH LEASE_PRIVATE "enrolment"

static const struct field data_fields[] = {
	FIELD_STR(struct enrolment, host, .doc = "The host."),
	FIELD_STR(struct enrolment, role, .doc = "Role that signs."),
	FIELD_NAMES(struct enrolment, principals, .doc = "Of the host."),
	FIELD_NAMES(struct enrolment, cidr_list, .doc = "From where."),
	FIELD_END,
};

int
enrolment_path(struct req *req, uint32_t *ret_path, struct err *err)
{
	return lease_path_number(req->server->store, req->mount->uuid,
		LEASE_PATH, ret_path, err);
}

int
enrolment_decode(const struct lease *lease, struct arena *arena,
	struct enrolment *ret_enrolment, struct err *err)
{
	void *record = NULL;
	int rc = record_unpack(data_fields, sizeof(*ret_enrolment), lease->data,
		arena, &record, err);

	if (rc != 0)
		return rc;
	*ret_enrolment = *(const struct enrolment *)record;
	ret_enrolment->lease = *lease;
	return 0;
}

/* ---- new ones ----------------------------------------------------------- */

static int
draw(const struct barrier *barrier, const char *mount,
	struct enrolment_draft *draft, struct err *err)
{
	struct lease *lease = &draft->enrolment.lease;
	uint8_t salt[ROWID_SALT];
	int rc = rowid_format(barrier, ROWID_ENROLMENT_ACCESSOR, mount,
		lease->ref, lease->salt, draft->accessor, err);

	random_bytes(salt, sizeof(salt));
	if (rc == 0)
		rc = rowid_format(barrier, ROWID_ENROLMENT, mount, lease->ref,
			salt, draft->text, err);
	secret_wipe(salt, sizeof(salt));
	if (rc == 0)
		rowid_mac(barrier, ROWID_ENROLMENT, mount,
			span_str(draft->text), lease->mac);
	return rc;
}

int
enrolment_draw(struct req *req, struct enrolment_draft *draft, struct err *err)
{
	struct lease *lease = &draft->enrolment.lease;
	struct barrier *barrier = NULL;
	uint32_t path = 0;
	int rc = enrolment_path(req, &path, err);

	if (rc == 0)
		rc = req_new_row(req, LEASE_ENROLMENT, path, lease, err);
	if (rc != 0)
		return rc;
	/* A store that is put back brings no token back. */
	lease->counted = true;
	barrier = seal_hold_barrier(req->server->seal);
	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = draw(barrier, req->mount->uuid, draft, err);
	seal_release_barrier(req->server->seal);
	return rc;
}

int
enrolment_insert(struct store_tx *tx, struct req *req,
	struct enrolment_draft *draft, int64_t ttl_s, struct err *err)
{
	struct lease *lease = &draft->enrolment.lease;
	int rc = record_pack(data_fields, &draft->enrolment, LEASE_DATA_MAX,
		req->arena, &lease->data, err);

	if (rc == ERR_LIMIT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"'principals' and 'cidr_list' are too long together: an enrolment token holds 63 KiB of them");
	}
	lease->issue_ns = tx_now_ns(tx);
	lease->ttl_s = ttl_s;
	lease->expire_s = tx_now_s(tx) + ttl_s;
	return rc != 0 ? rc : lease_insert(tx, lease, err);
}

/* ---- found -------------------------------------------------------------- */

/* The row that a text of this kind names, if it is one of these. */
static int
parse_text(const struct barrier *barrier, const struct req *req,
	enum rowid_kind kind, uint32_t path, struct span text,
	struct rowref *ret_ref)
{
	int rc = rowid_parse(barrier, kind, req->mount->uuid, text, ret_ref);

	return rc == 0 && ret_ref->path != path ? ERR_ABSENT : rc;
}

bool
enrolment_was_ours(struct req *req, uint32_t path, struct secret_view text)
{
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	struct rowref ref;
	bool ours;

	if (barrier == NULL)
		return false;
	ours = parse_text(barrier, req, ROWID_ENROLMENT, path,
		       span_of(text.data, text.len), &ref) == 0;
	seal_release_barrier(req->server->seal);
	return ours;
}

static int
find_row(struct store_tx *tx, struct req *req, struct rowref ref,
	struct enrolment *ret_enrolment, struct err *err)
{
	struct lease lease;
	int rc = lease_get(tx, ref, req->arena, &lease, err);

	if (rc != 0)
		return rc;
	if (lease.kind != LEASE_ENROLMENT || !lease_is_live(tx, &lease))
		return ERR_ABSENT;
	return enrolment_decode(&lease, req->arena, ret_enrolment, err);
}

int
enrolment_by_text(struct store_tx *tx, struct req *req, uint32_t path,
	struct secret_view text, struct enrolment *ret_enrolment,
	struct err *err)
{
	const struct barrier *barrier = tx_barrier(tx);
	const struct span span = span_of(text.data, text.len);
	struct enrolment found;
	uint8_t mac[ROWID_MAC];
	struct rowref ref;
	int rc = parse_text(barrier, req, ROWID_ENROLMENT, path, span, &ref);

	if (rc == 0)
		rc = find_row(tx, req, ref, &found, err);
	if (rc != 0)
		return rc;
	rowid_mac(barrier, ROWID_ENROLMENT, req->mount->uuid, span, mac);
	if (!secret_equal(secret_view_of(mac, ROWID_MAC),
		    secret_view_of(found.lease.mac, ROWID_MAC)))
		return ERR_ABSENT;
	*ret_enrolment = found;
	return 0;
}

/* An accessor is printed from the row's own salt: it must come out alike. */
int
enrolment_by_accessor(struct store_tx *tx, struct req *req, uint32_t path,
	const char *accessor, struct enrolment *ret_enrolment, struct err *err)
{
	const struct barrier *barrier = tx_barrier(tx);
	struct enrolment found;
	char text[ROWID_TEXT_MAX];
	struct rowref ref;
	int rc = parse_text(barrier, req, ROWID_ENROLMENT_ACCESSOR, path,
		span_str(accessor), &ref);

	if (rc == 0)
		rc = find_row(tx, req, ref, &found, err);
	if (rc == 0)
		rc = rowid_format(barrier, ROWID_ENROLMENT_ACCESSOR,
			req->mount->uuid, ref, found.lease.salt, text, err);
	if (rc != 0)
		return rc;
	if (!span_equal(span_str(text), span_str(accessor)))
		return ERR_ABSENT;
	*ret_enrolment = found;
	return 0;
}
