/* Rows of certificates: written, found, read. */
#include "server/engines/ssh/ca/register.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/api/new_row.h"
#include "server/core/expire.h"
#include "server/core/seal.h"
#include "server/engines/ssh/records/options.h"

#define LEASE_PATH LEASE_PRIVATE "cert"
#define DATA_MAX 60000 /* a certificate of 24,000 bytes, as JSON */
#define HEX_DIGITS "0123456789abcdefABCDEF"

/* What the row keeps beside its times. */
static const struct field data_fields[] = {
	FIELD_STR(struct ssh_cert, serial, .doc = "Serial number."),
	FIELD_STR(struct ssh_cert, issuer_id, .doc = "Who signed."),
	FIELD_STR(struct ssh_cert, key_id, .doc = "Key id."),
	FIELD_STR(struct ssh_cert, cert_type, .doc = "user or host."),
	FIELD_NAMES(struct ssh_cert, principals, .len_max = DATA_MAX,
		.doc = "Whom it is for."),
	FIELD_INT(struct ssh_cert, valid_after_s, .doc = "Good from."),
	FIELD_INT(struct ssh_cert, valid_before_s, .doc = "Good until."),
	FIELD_MAP(struct ssh_cert, critical_options, .len_max = DATA_MAX,
		.doc = "Critical options."),
	FIELD_MAP(struct ssh_cert, extensions, .len_max = DATA_MAX,
		.doc = "Extensions."),
	FIELD_STR(struct ssh_cert, fingerprint, .doc = "Of the key."),
	FIELD_STR(struct ssh_cert, role, .doc = "Role."),
	FIELD_STR(struct ssh_cert, entity_id, .doc = "Who asked."),
	FIELD_STR(struct ssh_cert, display_name, .doc = "Token's name."),
	FIELD_STR(struct ssh_cert, token_accessor, .doc = "Token."),
	FIELD_STR(struct ssh_cert, remote_address, .doc = "From where."),
	FIELD_INT(struct ssh_cert, revoked_s, .doc = "When; 0: not."),
	FIELD_END,
};

int
ssh_register_path(struct req *req, uint32_t *ret_path, struct err *err)
{
	return lease_path_number(req->server->store, req->mount->uuid,
		LEASE_PATH, ret_path, err);
}

int
ssh_serial_parse(
	const char *text, char out[SSH_SERIAL_TEXT_MAX], struct err *err)
{
	const char *digits = text + strspn(text, "0");
	size_t len = strspn(digits, HEX_DIGITS);

	if (len == 0 || len >= SSH_SERIAL_TEXT_MAX || digits[len] != '\0')
		return err_set(err, ERR_INPUT, 400,
			"not a serial number (1 to 16 hex digits): %.64s",
			text);
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(digits[i] >= 'A' && digits[i] <= 'F'
				? digits[i] - 'A' + 'a'
				: digits[i]);
	out[len] = '\0';
	return 0;
}

/* ---- bytes -------------------------------------------------------------- */

int
ssh_cert_encode(struct ssh_cert *cert, struct arena *arena, struct err *err)
{
	return record_pack(
		data_fields, cert, DATA_MAX, arena, &cert->lease.data, err);
}

int
ssh_cert_decode(const struct lease *lease, struct arena *arena,
	struct ssh_cert *ret_cert, struct err *err)
{
	void *record = NULL;
	int rc = record_unpack(data_fields, sizeof(*ret_cert), lease->data,
		arena, &record, err);

	if (rc != 0)
		return rc;
	*ret_cert = *(const struct ssh_cert *)record;
	ret_cert->lease = *lease;
	return 0;
}

/* ---- finding ------------------------------------------------------------ */

int
ssh_cert_find(struct store_tx *tx, struct req *req, uint32_t path,
	const char *serial, struct ssh_cert *ret_cert, struct err *err)
{
	uint8_t mac[ROWID_MAC];
	struct lease lease;
	struct rowref ref;
	int rc;

	rowid_mac(tx_barrier(tx), ROWID_CERT, req->mount->uuid,
		span_str(serial), mac);
	rc = lease_alias_get(tx, mac, req->arena, &ref, err);
	if (rc == 0)
		rc = lease_get(tx, ref, req->arena, &lease, err);
	if (rc != 0)
		return rc;
	/* Another mount's would have another hash; seen here once more. */
	if (lease.kind != LEASE_CERT || ref.path != path)
		return err_set(err, ERR_ABSENT, 404, "%s", "");
	return ssh_cert_decode(&lease, req->arena, ret_cert, err);
}

/* ---- writing ------------------------------------------------------------ */

int
ssh_register_insert(struct store_tx *tx, struct ssh_cert *cert, struct err *err)
{
	struct lease *lease = &cert->lease;
	int rc;

	lease->issue_ns = tx_now_ns(tx);
	lease->ttl_s = lease->expire_s - tx_now_s(tx);
	rc = lease_alias_put(tx, lease, err);
	if (rc == ERR_EXISTS) {
		err_clear(err);
		(void)err_set(err, ERR_EXISTS, 500, "internal error");
		return err_wrap(err, "the serial number drawn is taken");
	}
	return rc != 0 ? rc : lease_insert(tx, lease, err);
}

void
ssh_register_notice(struct req *req, const struct ssh_cert *cert)
{
	expire_notice(req->server->expire, cert->lease.expire_s);
}

static bool
copy_names(struct arena *arena, const struct span *names, size_t n,
	struct str_list *ret_list)
{
	struct str_list list = {
		.items = ARENA_ARRAY(arena, const char *, n + 1), .n = n
	};

	if (list.items == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		list.items[i] =
			arena_strndup(arena, names[i].data, names[i].len);
		if (list.items[i] == NULL)
			return false;
	}
	*ret_list = list;
	return true;
}

static bool
copy_options(struct arena *arena, const struct sshcert_option *options,
	size_t n, struct str_map *ret_map)
{
	struct span *parts = ARENA_ARRAY(arena, struct span, 2 * n + 1);
	struct str_list keys, values;

	if (parts == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		parts[i] = options[i].name;
		parts[n + i] = options[i].value;
	}
	if (!copy_names(arena, parts, n, &keys) ||
		!copy_names(arena, parts + n, n, &values))
		return false;
	*ret_map = (struct str_map){
		.keys = keys.items, .values = values.items, .n = n
	};
	return true;
}

/* What the certificate says. */
static int
describe_parts(struct arena *arena, const struct sshcert_parts *parts,
	struct ssh_cert *cert, struct err *err)
{
	char *fingerprint = arena_alloc(arena, SSHKEY_FINGERPRINT_MAX, 1);

	cert->cert_type = parts->type == SSHCERT_HOST ? "host" : "user";
	cert->valid_after_s = (int64_t)parts->after_s;
	cert->valid_before_s = (int64_t)parts->before_s;
	cert->key_id =
		arena_strndup(arena, parts->key_id.data, parts->key_id.len);
	if (fingerprint == NULL || cert->key_id == NULL ||
		!copy_names(arena, parts->principals, parts->n_principals,
			&cert->principals) ||
		!copy_options(arena, parts->critical, parts->n_critical,
			&cert->critical_options) ||
		!copy_options(arena, parts->extensions, parts->n_extensions,
			&cert->extensions))
		return err_set_memory(err);
	sshkey_fingerprint(parts->key, fingerprint);
	cert->fingerprint = fingerprint;
	return 0;
}

/* Who asked for it. */
static int
describe_caller(struct req *req, const struct cert_issued *issued,
	struct ssh_cert *cert, struct err *err)
{
	const struct token *token = req->token;
	char *address = arena_alloc(req->arena, NETADDR_TEXT_MAX, 1);

	if (address == NULL)
		return err_set_memory(err);
	address[0] = '\0';
	if (req->peer.family != 0)
		netaddr_format(&req->peer, address);
	cert->remote_address = address;
	cert->role = issued->role_name;
	cert->display_name = issued->display_name;
	cert->token_accessor = token != NULL ? token->accessor : "";
	cert->entity_id = token != NULL ? token->entity_id : "";
	return 0;
}

/* Number, hash and end of its row. */
static int
draft_row(struct req *req, struct ssh_cert *cert, struct err *err)
{
	struct lease *lease = &cert->lease;
	struct ssh_options options;
	struct barrier *barrier = NULL;
	uint32_t path = 0;
	int rc = ssh_options_get(req, &options, err);

	if (rc == 0)
		rc = ssh_register_path(req, &path, err);
	if (rc == 0)
		rc = req_new_row(req, LEASE_CERT, path, lease, err);
	if (rc != 0)
		return rc;
	lease->chosen = true;
	barrier = seal_hold_barrier(req->server->seal);
	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rowid_mac(barrier, ROWID_CERT, req->mount->uuid, span_str(cert->serial),
		lease->mac);
	seal_release_barrier(req->server->seal);
	if (__builtin_add_overflow(cert->valid_before_s, options.cert_retention,
		    &lease->expire_s))
		lease->expire_s = INT64_MAX;
	return 0;
}

int
ssh_register_draft(struct req *req, const struct cert_issued *issued,
	struct ssh_cert *ret_cert, struct err *err)
{
	struct ssh_cert cert = { .serial = issued->serial,
		.issuer_id = issued->issuer_id };
	int rc = describe_parts(req->arena, &issued->parts, &cert, err);

	if (rc == 0)
		rc = describe_caller(req, issued, &cert, err);
	if (rc == 0)
		rc = draft_row(req, &cert, err);
	if (rc == 0)
		rc = ssh_cert_encode(&cert, req->arena, err);
	if (rc == 0)
		*ret_cert = cert;
	return rc;
}

struct writing {
	struct ssh_cert cert;
	req_then_fn *then;
	void *ctx;
};

static int
insert(struct store_tx *tx, void *ctx, struct err *err)
{
	struct writing *writing = ctx;

	return ssh_register_insert(tx, &writing->cert, err);
}

static int
end_register(struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err)
{
	const struct writing *writing = ctx;

	if (rc == 0)
		ssh_register_notice(req, &writing->cert);
	return writing->then(req, writing->ctx, rc, reply, err);
}

int
ssh_register(struct req *req, const struct cert_issued *issued,
	req_then_fn *then, void *ctx, struct err *err)
{
	struct writing *writing = ARENA_NEW(req->arena, struct writing);
	int rc;

	if (writing == NULL)
		return err_set_memory(err);
	*writing = (struct writing){ .then = then, .ctx = ctx };
	rc = ssh_register_draft(req, issued, &writing->cert, err);
	return rc != 0
		? rc
		: req_write_then(req, insert, writing, end_register, err);
}
