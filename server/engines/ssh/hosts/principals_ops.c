/* principals/:host: who may log in to an account there, at each login. */
#include <string.h>

#include "server/engines/ssh/ca/issuer.h"
#include "server/engines/ssh/ca/revocation.h"
#include "server/engines/ssh/hosts/accounts.h"
#include "server/engines/ssh/hosts/host_secret.h"
#include "server/engines/ssh/hosts/tables.h"
#include "server/engines/ssh/records/options.h"
#include "server/engines/ssh/records/principal.h"

struct principals_in {
	struct secret_view host_secret;
	const char *username, *serial_number, *key_id;
	const char *fingerprint, *ca_fingerprint;
};

static const struct field principals_fields[] = {
	FIELD_SECRET(struct principals_in, host_secret, .flags = FIELD_REQUIRED,
		.len_max = HOST_SECRET_MAX,
		.doc = "The host's secret, of its last certificate."),
	FIELD_STR(struct principals_in, username, .flags = FIELD_REQUIRED,
		.len_max = 255, .doc = "The account."),
	FIELD_STR(struct principals_in, serial_number, .len_max = 64,
		.doc = "Serial number of the certificate, in hex."),
	FIELD_STR(struct principals_in, key_id, .len_max = CERT_KEY_ID_MAX,
		.doc = "Its key id."),
	FIELD_STR(struct principals_in, fingerprint, .len_max = 255,
		.doc = "Fingerprint (SHA256) of its key."),
	FIELD_STR(struct principals_in, ca_fingerprint, .len_max = 255,
		.doc = "Fingerprint (SHA256) of the CA's key."),
	FIELD_END,
};

/* ---- the certificate ---------------------------------------------------- */

/* What somebody logs in with. */
struct login {
	struct req *req;
	uint32_t path; /* of the register */
	const char *issuer_id;
	char serial[SSH_SERIAL_TEXT_MAX]; /* "": none, or no number */
	bool registered, revoked;
};

/*
 * The register's row, where it is of the certificate that was shown: another
 * CA may have signed one of the same number. ERR_ABSENT.
 */
static int
find_row(struct store_tx *tx, const struct login *login,
	struct ssh_cert *ret_cert, struct err *err)
{
	const struct principals_in *in = login->req->in;
	struct ssh_cert cert;
	int rc = login->serial[0] == '\0'
		? ERR_ABSENT
		: ssh_cert_find(tx, login->req, login->path, login->serial,
			  &cert, err);

	if (rc != 0)
		return rc;
	if (strcmp(cert.key_id, in->key_id) != 0 ||
		strcmp(cert.fingerprint, in->fingerprint) != 0)
		return ERR_ABSENT;
	*ret_cert = cert;
	return 0;
}

/* A list of what is revoked may have the CA's own key, too. */
static int
look_at_ca(struct store_tx *tx, const struct login *login, int64_t *ret_since_s,
	struct err *err)
{
	const struct principals_in *in = login->req->in;
	const struct ssh_revoked ca = { .kind = "public_key",
		.key_id = "",
		.fingerprint = in->ca_fingerprint };

	return ssh_revoked_since(tx, login->req, &ca, ret_since_s, err);
}

static int
look_at_cert(struct store_tx *tx, void *ctx, struct err *err)
{
	struct login *login = ctx;
	const struct principals_in *in = login->req->in;
	struct ssh_cert cert = { .issuer_id = login->issuer_id,
		.key_id = in->key_id,
		.fingerprint = in->fingerprint };
	int64_t since_s = 0, ca_since_s = 0;
	const char *by = "";
	int rc = find_row(tx, login, &cert, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	login->registered =
		rc == 0 && strcmp(cert.issuer_id, login->issuer_id) == 0;
	rc = ssh_cert_revoked_since(tx, login->req, &cert, &since_s, &by, err);
	if (rc == 0)
		rc = look_at_ca(tx, login, &ca_since_s, err);
	login->revoked = since_s != 0 || ca_since_s != 0;
	return rc;
}

static int
read_cert(struct login *login, struct err *err)
{
	struct req *req = login->req;
	const struct principals_in *in = req->in;
	int rc = ssh_issuer_id_of(
		req, in->ca_fingerprint, &login->issuer_id, err);

	/* A certificate may have any number, 0 too, which none of ours has. */
	if (ssh_serial_parse(in->serial_number, login->serial, NULL) != 0)
		login->serial[0] = '\0';
	if (rc == 0)
		rc = ssh_register_path(req, &login->path, err);
	return rc != 0 ? rc : req_read(req, look_at_cert, login, err);
}

/* ---- the account -------------------------------------------------------- */

/* Without accounts anywhere: what sshd does by itself. */
static int
name_alone(const char *username, struct arena *arena,
	struct str_list *ret_principals, struct err *err)
{
	return !principal_is_user(username) ||
			str_list_add(arena, ret_principals, username)
		? 0
		: err_set_memory(err);
}

/* By the host's own accounts, or else by those of the default's record. */
static int
choose(const struct login *login, const char *name, const struct ssh_host *own,
	const struct ssh_host *others, struct str_list *ret_principals,
	struct err *err)
{
	struct req *req = login->req;
	const struct principals_in *in = req->in;
	const bool is_own = !accounts_are_none(own->accounts);
	const struct value *accounts = own->accounts;
	bool strict = own->require_registered;

	if (!is_own && others != NULL) {
		accounts = others->accounts;
		strict = strict || others->require_registered;
	}
	if (login->revoked || (strict && !login->registered))
		return 0;
	return accounts_are_none(accounts)
		? name_alone(in->username, req->arena, ret_principals, err)
		: accounts_principals(accounts, in->username, name, req->arena,
			  ret_principals, err);
}

static int
decide(const struct login *login, const char *name, const struct ssh_host *own,
	struct str_list *ret_principals, struct err *err)
{
	struct req *req = login->req;
	struct compiled *ref = NULL;
	const void *others = NULL;
	int rc = record_find(req->server->store, &req->mount->kv,
		&ssh_host_record, HOST_DEFAULT, &ref, &others, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = 0;
	}
	if (rc == 0)
		rc = choose(login, name, own, others, ret_principals, err);
	compiled_unref(&ref);
	return rc;
}

static int
answer(struct login *login, const char *name, const struct ssh_host *own,
	struct reply *reply, struct err *err)
{
	struct req *req = login->req;
	struct str_list principals = { .n = 0 };
	struct ssh_options options;
	int rc = ssh_options_get(req, &options, err);

	if (rc == 0)
		rc = read_cert(login, err);
	if (rc == 0)
		rc = decide(login, name, own, &principals, err);
	if (rc != 0)
		return rc;
	reply_value(
		reply, "principals", value_of_list(req->arena, &principals));
	reply_int(reply, "valid_for", options.principals_cache_ttl);
	return 0;
}

static int
read_principals(struct req *req, struct reply *reply, struct err *err)
{
	const struct principals_in *in = req->in;
	struct login login = { .req = req };
	const struct ssh_host *host = NULL;
	struct compiled *ref = NULL;
	const char *name = NULL;
	int rc = host_secret_find(req, req_capture(req, "host"),
		in->host_secret, &name, &ref, &host, err);

	if (rc == 0)
		rc = answer(&login, name, host, reply, err);
	compiled_unref(&ref);
	return rc;
}

const struct op ssh_principals_ops[] = {
	{
		.path = "principals/:host",
		.verb = OP_UPDATE,
		.flags = OP_UNAUTHENTICATED | OP_SMALL_BODY,
		.in_size = sizeof(struct principals_in),
		.fields = principals_fields,
		.handler = read_principals,
		.summary =
			"Ask which principals may log in to an account of a host.",
		.text = "For sshd's AuthorizedPrincipalsCommand, asked by the host itself at each\n"
			"login. None where the certificate is revoked, where it is not registered and\n"
			"must be, and where no account fits (hosts/:host). Changes nothing.",
		.out = (const struct op_out
				[]){ { "principals", FIELD_TYPE_LIST,
					     "Any of these may log in." },
			{ "valid_for", FIELD_TYPE_INT,
				"Seconds for which the answer may be used while there is no other." },
			{ NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400, "no such host, or not its secret" },
			{ 429, "too many refusals for this address" } },
	},
	OP_END,
};
