/* The way of a host's certificate; its rules and its gate are cert_issue's. */
#include "server/engines/ssh/hosts/host_cert.h"

#include "server/engines/ssh/ca/cert_key.h"
#include "server/engines/ssh/ca/krl.h"
#include "server/engines/ssh/ca/trusted_keys.h"
#include "server/engines/ssh/hosts/host_secret.h"
#include "server/engines/ssh/records/role.h"

/* ---- asking ------------------------------------------------------------- */

static int
find_role(struct req *req, const char *name, struct compiled **ret_ref,
	const struct ssh_role **ret_role, struct err *err)
{
	const void *role = NULL;
	int rc = record_find(req->server->store, &req->mount->kv,
		&ssh_role_record, name, ret_ref, &role, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(
			err, ERR_INPUT, 400, "unknown role: %.64s", name);
	}
	if (rc == 0)
		*ret_role = role;
	return rc;
}

/* A host certificate for these names; all else is the role's. */
static int
wish_for(struct arena *arena, const struct str_list *principals,
	struct cert_wish *ret_wish, struct err *err)
{
	const char *names = NULL;
	struct buf list;
	int rc;

	buf_init(&list, CERT_NAMES_MAX);
	for (size_t i = 0; i < principals->n; i++) {
		if (i > 0)
			(void)buf_add_char(&list, ',');
		(void)buf_add_str(&list, principals->items[i]);
	}
	rc = buf_check(&list, err);
	if (rc == 0)
		names = arena_strdup(arena, buf_str(&list));
	buf_clear(&list);
	if (rc == 0 && names == NULL)
		rc = err_set_memory(err);
	if (rc == 0)
		*ret_wish = (struct cert_wish){ .asked = { .valid_principals =
								   names,
							.cert_type = "host",
							.key_id = "" } };
	return rc;
}

/* All but the signature, for the key of this blob. */
static int
decide(struct req *req, const char *host, const char *role_name,
	const struct ssh_role *role, const struct str_list *principals,
	struct span key, struct cert_decision *decision, struct err *err)
{
	/* In the host's own name: templates of identities find nobody. */
	const struct cert_asker asker = { .role_name = role_name,
		.display_name = host };
	struct cert_wish wish;
	int rc = wish_for(req->arena, principals, &wish, err);

	return rc != 0
		? rc
		: cert_decide_as(req, &asker, role, key, &wish, decision, err);
}

int
host_cert_check(struct req *req, const char *host, const char *role_name,
	const struct str_list *principals, struct err *err)
{
	const struct ssh_role *role = NULL;
	struct cert_decision decision;
	struct compiled *ref = NULL;
	int rc = find_role(req, role_name, &ref, &role, err);

	if (rc == 0)
		rc = decide(req, host, role_name, role, principals, SPAN_NONE,
			&decision, err);
	compiled_unref(&ref);
	return rc;
}

/* ---- making ------------------------------------------------------------- */

static int
sign(struct host_cert *cert, const struct ssh_role *role, struct err *err)
{
	struct req *req = cert->req;
	struct cert_decision decision;
	struct cert_key key;
	int rc = cert_key_parse(cert->public_key, req->arena, &key, err);

	if (rc == 0)
		rc = cert_key_check(role, &key, err);
	if (rc == 0)
		rc = decide(req, cert->host, cert->role, role,
			&cert->principals, key.blob, &decision, err);
	if (rc == 0)
		rc = cert_issue(req, role, &decision, &cert->issued, err);
	if (rc != 0)
		return rc;
	cert->key_line = sshkey_line(req->arena, key.blob);
	return cert->key_line != NULL ? 0 : err_set_memory(err);
}

/* Without a default issuer a mount can sign hosts all the same. */
static int
read_trusted_keys(struct host_cert *cert, struct err *err)
{
	int rc = ssh_trusted_keys(cert->req, &cert->trusted_keys, err);

	if (rc != ERR_INPUT)
		return rc;
	err_clear(err);
	cert->trusted_keys = span_str("");
	return 0;
}

int
host_cert_make(struct host_cert *cert, struct err *err)
{
	struct req *req = cert->req;
	const struct ssh_role *role = NULL;
	struct compiled *ref = NULL;
	int rc = find_role(req, cert->role, &ref, &role, err);

	cert->now_s = req_now_s(req);
	if (rc == 0)
		rc = sign(cert, role, err);
	compiled_unref(&ref);
	if (rc == 0)
		rc = ssh_register_draft(req, &cert->issued, &cert->row, err);
	if (rc == 0)
		rc = host_secret_new(
			req, cert->host, &cert->secret, &cert->secret_mac, err);
	if (rc == 0)
		rc = ssh_krl_version(req, &cert->krl_version, err);
	return rc != 0 ? rc : read_trusted_keys(cert, err);
}

/* ---- storing ------------------------------------------------------------ */

int
host_cert_store(struct store_tx *tx, struct host_cert *cert,
	struct ssh_host *host, struct err *err)
{
	struct req *req = cert->req;
	int rc = host_add_cert(host, cert->row.serial, cert->row.valid_before_s,
		tx_now_s(tx), req->arena, err);

	if (rc == 0)
		rc = ssh_register_insert(tx, &cert->row, err);
	if (rc != 0)
		return rc;
	host->role = cert->role;
	host->principals = cert->principals;
	host->public_key = cert->key_line;
	host_secret_take(host, cert->secret_mac);
	return host_put(tx, req, cert->host, host, err);
}

/* ---- answering ---------------------------------------------------------- */

const struct op_out host_cert_out[] = { { "host", FIELD_TYPE_STR, "Its name." },
	{ "signed_key", FIELD_TYPE_STR,
		"The certificate, a line as in *-cert.pub." },
	{ "serial_number", FIELD_TYPE_STR, "Serial, in hex." },
	{ "expiration", FIELD_TYPE_STR, "When it ends." },
	{ "renew_after", FIELD_TYPE_INT,
		"Seconds from now: two thirds of its life." },
	{ "trusted_user_ca_keys", FIELD_TYPE_STR,
		"What public_key says, for TrustedUserCAKeys." },
	{ "krl_version", FIELD_TYPE_INT, "Of the newest revocation list." },
	{ "host_secret", FIELD_TYPE_SECRET,
		"For enrol/report and principals/:host." },
	{ NULL, FIELD_TYPE_STR, NULL } };

void
host_cert_reply(struct reply *reply, const struct host_cert *cert)
{
	const int64_t end_s = cert->row.valid_before_s;

	ssh_register_notice(cert->req, &cert->row);
	reply_str(reply, "host", cert->host);
	reply_str(reply, "signed_key", cert->issued.signed_key);
	reply_str(reply, "serial_number", cert->issued.serial);
	reply_time_s(reply, "expiration", end_s);
	reply_int(reply, "renew_after", (end_s - cert->now_s) * 2 / 3);
	reply_span(reply, "trusted_user_ca_keys", cert->trusted_keys);
	reply_int(reply, "krl_version", cert->krl_version);
	reply_str(reply, "host_secret", cert->secret);
}
