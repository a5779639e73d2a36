/*
 * revoke: certificates by serial number, key id, key or who asked for them;
 * revoked: what stands there until an operator takes it away.
 */
#include <string.h>

#include "server/engines/ssh/ca/cert_key.h"
#include "server/engines/ssh/ca/issuer.h"
#include "server/engines/ssh/ca/revocation.h"
#include "server/engines/ssh/ca/tables.h"

#define PAGE 250
#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define PUBLIC_KEY_MAX 32768

struct revoke_in {
	const char *serial_number, *key_id, *public_key, *entity_id;
	const char *issuer_ref, *role;
};

static const struct field revoke_fields[] = {
	FIELD_STR(struct revoke_in, serial_number,
		.doc = "Serial number in hex, as sign answered it."),
	FIELD_STR(struct revoke_in, key_id, .len_max = CERT_KEY_ID_MAX,
		.doc = "Every certificate with this key id, signed or to be signed."),
	FIELD_STR(struct revoke_in, public_key, .len_max = PUBLIC_KEY_MAX,
		.doc = "This key, a line as in *.pub: itself and in certificates."),
	FIELD_STR(struct revoke_in, entity_id,
		.doc = "Every live certificate that this entity asked for."),
	FIELD_STR(struct revoke_in, issuer_ref,
		.doc = "Only where this issuer signed."),
	FIELD_STR(struct revoke_in, role,
		.doc = "Only where it was signed under this role; not with key_id and public_key."),
	FIELD_END,
};

struct revoking {
	struct req *req;
	const struct revoke_in *in;
	struct ssh_cert_paths paths;
	struct ssh_issuer issuer; /* of issuer_ref; id "": any */
	int64_t revoked_s;

	/* by serial number */
	char serial[SSH_SERIAL_TEXT_MAX];

	/* by key id or key */
	struct ssh_revoked record;

	/* by entity: a page of the register */
	uint64_t after;
	size_t n_seen, n_refs;
	int64_t n_revoked, last_s;
	struct store_tx *tx;
	struct arena *page;
	struct rowref refs[PAGE];
};

static void
show_revocation(struct reply *reply, int64_t revoked_s)
{
	reply_int(reply, "revocation_time", revoked_s);
	reply_time_s(reply, "revocation_time_rfc3339", revoked_s);
}

/* ---- one certificate ----------------------------------------------------- */

/* Mount, issuer and role are its own (reliability.md L54). */
static int
check_cert(const struct revoking *revoking, const struct ssh_cert *cert,
	struct err *err)
{
	const struct revoke_in *in = revoking->in;
	const char *issuer_id = revoking->issuer.id;

	if (issuer_id[0] != '\0' && strcmp(issuer_id, cert->issuer_id) != 0)
		return err_set(err, ERR_INPUT, 400,
			"certificate with serial %s was not signed by issuer %.64s",
			cert->serial, in->issuer_ref);
	if (in->role[0] != '\0' && strcmp(in->role, cert->role) != 0)
		return err_set(err, ERR_INPUT, 400,
			"certificate with serial %s was not signed under role %.64s",
			cert->serial, in->role);
	return 0;
}

static int
revoke_serial(struct store_tx *tx, void *ctx, struct err *err)
{
	struct revoking *revoking = ctx;
	struct req *req = revoking->req;
	struct ssh_cert cert;
	int rc = ssh_cert_find(
		tx, req, revoking->paths.cert, revoking->serial, &cert, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"certificate with serial %s not found",
			revoking->serial);
	}
	if (rc == 0)
		rc = check_cert(revoking, &cert, err);
	if (rc == 0)
		rc = ssh_revoke_cert(
			tx, req, &revoking->paths, &cert, req->arena, err);
	if (rc == 0)
		revoking->revoked_s = cert.revoked_s;
	return rc;
}

static int
by_serial(struct revoking *revoking, struct reply *reply, struct err *err)
{
	int rc = ssh_serial_parse(
		revoking->in->serial_number, revoking->serial, err);

	if (rc == 0)
		rc = req_write(revoking->req, revoke_serial, revoking, err);
	if (rc == 0)
		show_revocation(reply, revoking->revoked_s);
	return rc;
}

/* ---- a key id, a key ---------------------------------------------------- */

static int
revoke_record(struct store_tx *tx, void *ctx, struct err *err)
{
	struct revoking *revoking = ctx;

	return ssh_revoke_record(tx, revoking->req, &revoking->record,
		&revoking->revoked_s, err);
}

static int
store_record(struct revoking *revoking, struct reply *reply, struct err *err)
{
	int rc;

	if (revoking->in->role[0] != '\0')
		return err_set(err, ERR_INPUT, 400,
			"role goes with serial_number and entity_id only");
	rc = req_write(revoking->req, revoke_record, revoking, err);
	if (rc == 0)
		show_revocation(reply, revoking->revoked_s);
	return rc;
}

static int
by_key_id(struct revoking *revoking, struct reply *reply, struct err *err)
{
	revoking->record = (struct ssh_revoked){ .kind = "key_id",
		.key_id = revoking->in->key_id,
		.issuer_id = revoking->issuer.id,
		.public_key = "",
		.fingerprint = "" };
	return store_record(revoking, reply, err);
}

static bool
is_blob(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/*
 * A CA's key in the list refuses every certificate that it signed, which is
 * what few mean: it has to be said twice.
 */
static int
check_not_ca(struct revoking *revoking, struct span blob, struct err *err)
{
	bool found = false;
	int rc;

	if (revoking->issuer.id[0] != '\0')
		return is_blob(revoking->issuer.public_blob, blob)
			? 0
			: err_set(err, ERR_INPUT, 400,
				  "issuer_ref goes with public_key only where it is that issuer's key");
	rc = ssh_issuer_has_key(revoking->req, blob, &found, err);
	if (rc != 0 || !found)
		return rc;
	return err_set(err, ERR_INPUT, 400,
		"public_key is an issuer's: every certificate that it signed would be refused; name it in issuer_ref too if that is meant");
}

static int
by_public_key(struct revoking *revoking, struct reply *reply, struct err *err)
{
	struct req *req = revoking->req;
	struct ssh_revoked *record = &revoking->record;
	char *fingerprint = arena_alloc(req->arena, SSHKEY_FINGERPRINT_MAX, 1);
	struct cert_key key;
	int rc = fingerprint == NULL ? err_set_memory(err)
				     : cert_key_parse(revoking->in->public_key,
					       req->arena, &key, err);

	if (rc == 0)
		rc = check_not_ca(revoking, key.blob, err);
	if (rc != 0)
		return rc;
	sshkey_fingerprint(key.blob, fingerprint);
	*record = (struct ssh_revoked){ .kind = "public_key",
		.key_id = "",
		.issuer_id = "",
		.public_key = sshkey_line(req->arena, key.blob),
		.fingerprint = fingerprint };
	return record->public_key == NULL ? err_set_memory(err)
					  : store_record(revoking, reply, err);
}

/* ---- all of an entity --------------------------------------------------- */

static bool
is_of_entity(const struct revoking *revoking, const struct ssh_cert *cert,
	int64_t now_s)
{
	const struct revoke_in *in = revoking->in;
	const char *issuer_id = revoking->issuer.id;

	return strcmp(cert->entity_id, in->entity_id) == 0 &&
		now_s < cert->valid_before_s &&
		(in->role[0] == '\0' || strcmp(in->role, cert->role) == 0) &&
		(issuer_id[0] == '\0' ||
			strcmp(issuer_id, cert->issuer_id) == 0);
}

static int
note_cert(void *ctx, const struct lease *lease, struct err *err)
{
	struct revoking *revoking = ctx;
	struct ssh_cert cert;
	int rc = ssh_cert_decode(lease, revoking->page, &cert, err);

	revoking->n_seen++;
	revoking->after = lease->ref.row;
	if (rc != 0 || !is_of_entity(revoking, &cert, tx_now_s(revoking->tx)))
		return rc;
	if (cert.revoked_s == 0)
		revoking->refs[revoking->n_refs++] = lease->ref;
	else if (cert.revoked_s > revoking->last_s)
		revoking->last_s = cert.revoked_s;
	return 0;
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct revoking *revoking = ctx;

	revoking->tx = tx;
	revoking->n_seen = 0;
	revoking->n_refs = 0;
	return lease_rows(tx, revoking->paths.cert, revoking->after, PAGE,
		revoking->page, note_cert, revoking, err);
}

/* Those of the page that are still there. */
static int
revoke_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct revoking *revoking = ctx;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < revoking->n_refs; i++) {
		struct ssh_cert cert;
		struct lease lease;

		rc = lease_get(
			tx, revoking->refs[i], revoking->page, &lease, err);
		if (rc == ERR_ABSENT) {
			err_clear(err);
			rc = 0;
			continue;
		}
		if (rc == 0)
			rc = ssh_cert_decode(
				&lease, revoking->page, &cert, err);
		if (rc == 0)
			rc = ssh_revoke_cert(tx, revoking->req,
				&revoking->paths, &cert, revoking->page, err);
		if (rc == 0)
			revoking->revoked_s = cert.revoked_s;
	}
	return rc;
}

static int
take_page(struct revoking *revoking, struct err *err)
{
	int rc;

	revoking->page = arena_new(PAGE_MEMORY_MAX);
	if (revoking->page == NULL)
		return err_set_memory(err);
	rc = req_read(revoking->req, read_page, revoking, err);
	if (rc == 0 && revoking->n_refs > 0) {
		rc = req_write(revoking->req, revoke_page, revoking, err);
		if (rc == 0) {
			revoking->n_revoked += (int64_t)revoking->n_refs;
			revoking->last_s = revoking->revoked_s;
		}
	}
	arena_free(&revoking->page);
	return rc;
}

/* The register is walked in steps: each is durable by itself. */
static int
by_entity(struct revoking *revoking, struct reply *reply, struct err *err)
{
	int rc = req_announce(revoking->req, err);

	do {
		if (rc == 0)
			rc = take_page(revoking, err);
	} while (rc == 0 && revoking->n_seen == PAGE);
	if (rc != 0)
		return rc;
	if (revoking->last_s == 0)
		return err_set(err, ERR_INPUT, 400,
			"no live certificate of entity %.64s",
			revoking->in->entity_id);
	show_revocation(reply, revoking->last_s);
	reply_int(reply, "certificates", revoking->n_revoked);
	return 0;
}

/* ---- revoke ------------------------------------------------------------- */

static int
find_issuer(struct revoking *revoking, struct err *err)
{
	const char *ref = revoking->in->issuer_ref;

	revoking->issuer.id = "";
	return ref[0] == '\0' ? 0
			      : ssh_issuer_find_kept(revoking->req, ref,
					&revoking->issuer, err);
}

static int
revoke(struct req *req, struct reply *reply, struct err *err)
{
	const struct revoke_in *in = req->in;

	const struct {
		const char *given;
		int (*revoke)(struct revoking *revoking, struct reply *reply,
			struct err *err);
	} ways[] = {
		{ in->serial_number, by_serial },
		{ in->key_id, by_key_id },
		{ in->public_key, by_public_key },
		{ in->entity_id, by_entity },
	};

	struct revoking *revoking = ARENA_NEW(req->arena, struct revoking);
	size_t n_given = 0, way = 0;
	int rc;

	if (revoking == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (ways[i].given[0] == '\0')
			continue;
		n_given++;
		way = i;
	}
	if (n_given != 1)
		return err_set(err, ERR_INPUT, 400,
			"give one of serial_number, key_id, public_key and entity_id, and no other");
	*revoking = (struct revoking){ .req = req, .in = in };
	rc = find_issuer(revoking, err);
	if (rc == 0)
		rc = ssh_cert_paths_get(req, &revoking->paths, err);
	return rc != 0 ? rc : ways[way].revoke(revoking, reply, err);
}

const struct op ssh_revoke_ops[] = {
	{
		.path = "revoke",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct revoke_in),
		.fields = revoke_fields,
		.handler = revoke,
		.summary = "Revoke certificates.",
		.text = "Every krl that is fetched after the answer has it; hosts refuse them when\n"
			"they have loaded it. By serial number or entity what the register knows is\n"
			"revoked; by key id or key also what it no longer knows, and what is signed\n"
			"later. What is revoked already keeps its time.",
		.out = (const struct op_out[]){ { "revocation_time",
							FIELD_TYPE_INT,
							"When, in seconds." },
			{ "revocation_time_rfc3339", FIELD_TYPE_STR,
				"The same." },
			{ "certificates", FIELD_TYPE_INT,
				"Of an entity: how many were revoked now." },
			{ NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400,
			"no such certificate in this mount, or not of that issuer or role" } },
	},
	{
		.path = "revoked",
		.verb = OP_LIST,
		.handler = record_list,
		.record = &ssh_revoked_record,
		.summary = "List the key ids and keys that are revoked.",
		.text = "Certificates by serial number: certs with revoked=true.",
	},
	{
		.path = "revoked/:id",
		.verb = OP_READ,
		.handler = record_read,
		.record = &ssh_revoked_record,
		.summary = "Read a revoked key id or key.",
	},
	{
		.path = "revoked/:id",
		.verb = OP_DELETE,
		.handler = record_delete,
		.record = &ssh_revoked_record,
		.summary = "Trust a key id or key again.",
		.text = "It leaves the revocation list with its next version. A certificate that\n"
			"is revoked by its serial number stays so.",
	},
	OP_END,
};
