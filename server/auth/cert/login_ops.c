/*
 * login: the certificate of the connection against the records, one after the
 * other until one takes it; and the same again where a token renews.
 */
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/codec.h"
#include "lib/sha256.h"
#include "lib/tls.h"
#include "server/auth/cert/cert.h"
#include "server/auth/cert/chain.h"
#include "server/auth/cert/rules.h"
#include "server/auth/login.h"

#define PAGE_ROWS 500
#define RECORDS_MAX 5000 /* that a login without a name looks at */
#define PROOF_LEN (2 * SHA256_BYTES + 1)

struct login_in {
	const char *name;
};

/* The caller's certificates and the revocation lists, as OpenSSL has them. */
struct client {
	struct req *req;
	const struct kv *kv;
	X509 *leaf;
	STACK_OF(X509) * others;
	STACK_OF(X509_CRL) * crls;
	bool was_trusted; /* by a record whose other rules did not fit */
};

static const struct field login_fields[] = {
	FIELD_STR(struct login_in, name, .len_max = 255,
		.doc = "The record to log in by; any that fits if left out."),
	FIELD_END,
};

/* ---- records of the mount ---------------------------------------------- */

/* A page of the names behind `after`. */
struct page {
	struct client *client;
	const char *prefix, *after;
	struct str_list names;
	struct err *err;
};

static int
add_name(void *ctx, const char *name, UNUSED const struct value *value,
	struct err *err)
{
	struct page *page = ctx;
	const char *copy = arena_strdup(page->client->req->arena, name);

	if (copy == NULL)
		return err_set_memory(err);
	page->names.items[page->names.n++] = copy;
	return 0;
}

static int
scan_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct page *page = ctx;

	page->names.n = 0;
	return kv_names(tx, page->client->kv, page->prefix, page->after,
		PAGE_ROWS, page->client->req->arena, add_name, page, err);
}

/* fn for each name in turn until one gives other than ERR_ABSENT. */
typedef int name_fn(
	struct client *client, const char *name, void *ctx, struct err *err);

static int
each_name(struct client *client, const char *prefix, name_fn *fn, void *ctx,
	struct err *err)
{
	struct page page = { .client = client, .prefix = prefix };
	size_t n_all = 0;
	int rc = ERR_ABSENT;

	page.names.items =
		ARENA_ARRAY(client->req->arena, const char *, PAGE_ROWS);
	if (page.names.items == NULL)
		return err_set_memory(err);
	do {
		int read = req_read(client->req, scan_page, &page, err);

		if (read != 0)
			return read;
		for (size_t i = 0; rc == ERR_ABSENT && i < page.names.n; i++)
			rc = fn(client, page.names.items[i], ctx, err);
		n_all += page.names.n;
		if (page.names.n > 0)
			page.after = page.names.items[page.names.n - 1];
	} while (rc == ERR_ABSENT && page.names.n == PAGE_ROWS &&
		n_all < RECORDS_MAX);
	return rc;
}

static int
add_list(struct client *client, const char *name, UNUSED void *ctx,
	struct err *err)
{
	struct compiled *ref = NULL;
	const void *found = NULL;
	int rc = record_find(client->req->server->store, client->kv,
		&cert_crl_record, name, &ref, &found, err);

	if (rc == 0)
		rc = chain_add_crls(((const struct cert_crl *)found)->crl,
			client->crls, err);
	compiled_unref(&ref);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return ERR_ABSENT; /* and the next one */
}

/* ---- the client --------------------------------------------------------- */

static void
client_clear(struct client *client)
{
	X509_free(client->leaf);
	sk_X509_pop_free(client->others, X509_free);
	sk_X509_CRL_pop_free(client->crls, X509_CRL_free);
}

static int
check_connection(const struct req *req, struct err *err)
{
	if (!req->is_tls)
		return err_set(err, ERR_INPUT, 400, "tls connection required");
	return req->n_client_certs > 0
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "client certificate must be supplied");
}

/* To be cleared whatever comes of it. */
static int
client_open(struct client *client, struct req *req, const struct kv *kv,
	struct err *err)
{
	int rc;

	*client = (struct client){ .req = req, .kv = kv };
	client->crls = sk_X509_CRL_new_null();
	if (client->crls == NULL)
		return err_set_memory(err);
	rc = chain_parse_client(req->client_certs, req->n_client_certs,
		&client->leaf, &client->others, err);
	if (rc != 0)
		return rc;
	rc = each_name(client, cert_crl_record.prefix, add_list, NULL, err);
	return rc == ERR_ABSENT ? 0 : rc;
}

/* ERR_ABSENT, not recorded: not by this record. */
static int
try_role(struct client *client, const struct cert_role *role, struct err *err)
{
	STACK_OF(X509) *trusted = NULL;
	enum chain_verdict verdict;
	int rc = chain_parse_certs(role->certificate, &trusted, err);

	if (rc != 0)
		return rc;
	verdict = chain_verify(client->leaf, client->others, trusted,
		client->crls, req_now_s(client->req));
	sk_X509_pop_free(trusted, X509_free);
	if (verdict == CHAIN_NO_MEMORY)
		return err_set_memory(err);
	client->was_trusted = client->was_trusted || verdict == CHAIN_GOOD ||
		verdict == CHAIN_REVOKED;
	return verdict == CHAIN_GOOD && cert_rules_match(role, client->leaf)
		? 0
		: ERR_ABSENT;
}

static int
refuse(const struct client *client, struct err *err)
{
	return err_set(err, ERR_INPUT, 400, "%s",
		client->was_trusted
			? "no chain matching all constraints could be found for this login certificate"
			: "invalid certificate or no client certificate supplied");
}

/* The certificate itself, by its hash. */
static void
fingerprint(const struct req *req, char out[PROOF_LEN])
{
	uint8_t hash[SHA256_BYTES];

	sha256(req->client_certs[0], hash);
	hex_encode(hash, sizeof(hash), out);
}

/* ---- login -------------------------------------------------------------- */

/* The record that took it. */
struct taken {
	struct login_record by;
	const char *name;
};

static int
try_record(struct client *client, const char *name, void *ctx, struct err *err)
{
	struct taken *taken = ctx;
	int rc = login_record_find(
		client->req, &cert_role_record, name, &taken->by, err);

	if (rc == 0)
		rc = try_role(client, taken->by.record, err);
	if (rc == ERR_ABSENT)
		err_clear(err);
	taken->name = name;
	return rc;
}

static int
find_record(struct client *client, struct taken *taken, struct err *err)
{
	const struct login_in *in = client->req->in;
	const char *name = arena_strlower(client->req->arena, in->name);
	int rc;

	if (name == NULL)
		return err_set_memory(err);
	rc = name[0] != '\0' ? try_record(client, name, taken, err)
			     : each_name(client, cert_role_record.prefix,
				       try_record, taken, err);
	return rc == ERR_ABSENT ? refuse(client, err) : rc;
}

static int
describe(const struct client *client, const struct taken *taken,
	struct login *login, struct err *err)
{
	static const char *keys[] = { "cert_name", "common_name",
		"serial_number", "subject_key_id", "authority_key_id" };
	struct arena *arena = client->req->arena;
	X509 *leaf = client->leaf;
	const char **values = ARENA_ARRAY(arena, const char *, ARRAY_LEN(keys));
	char *proof = arena_alloc(arena, PROOF_LEN, 1);

	if (values == NULL || proof == NULL)
		return err_set_memory(err);
	values[0] = taken->name;
	values[1] = cert_common_name(leaf, arena);
	values[2] = tls_cert_serial(leaf, arena);
	values[3] = cert_hex(X509_get0_subject_key_id(leaf), arena);
	values[4] = cert_hex(X509_get0_authority_key_id(leaf), arena);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (values[i] == NULL)
			return err_set_memory(err);
	}
	fingerprint(client->req, proof);
	login->meta = (struct str_map){ keys, values, ARRAY_LEN(keys) };
	login->alias = values[1][0] != '\0' ? values[1] : NULL;
	login->proof = proof;
	return 0;
}

static int
grant(const struct client *client, const struct taken *taken, struct err *err)
{
	const struct cert_role *role = taken->by.record;
	struct login login = { .by = &taken->by, .params = &role->token };
	int rc = describe(client, taken, &login, err);

	if (rc != 0)
		return rc;
	login.display_name =
		login_display_name(client->req, role->display_name);
	return login.display_name == NULL
		? err_set_memory(err)
		: login_grant(client->req, &login, err);
}

static int
login_cert(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct taken *taken = ARENA_NEW(req->arena, struct taken);
	struct client client;
	int rc = check_connection(req, err);

	if (rc != 0)
		return rc;
	if (taken == NULL)
		return err_set_memory(err);
	rc = client_open(&client, req, &req->mount->kv, err);
	if (rc == 0)
		rc = find_record(&client, taken, err);
	if (rc == 0)
		rc = grant(&client, taken, err);
	client_clear(&client);
	return rc;
}

const struct op cert_login_ops[] = {
	{
		.path = "login",
		.verb = OP_UPDATE,
		.flags = LOGIN_FLAGS | OP_SMALL_BODY,
		.in_size = sizeof(struct login_in),
		.fields = login_fields,
		.handler = login_cert,
		.summary = "Log in with the connection's certificate.",
		.text = "The certificate that the client showed in the TLS handshake is tried with\n"
			"the records in order of their names until one takes it.",
		.errors = { { 400, "no TLS, no certificate, or none that a record takes" },
			{ 403, "not from this address" } },
	},
	OP_END,
};

/* ---- renewal ------------------------------------------------------------ */

static int
check_same(const struct req *req, const struct token *token, struct err *err)
{
	char proof[PROOF_LEN];
	int rc = check_connection(req, err);

	if (rc != 0)
		return rc;
	fingerprint(req, proof);
	return strcmp(proof, token->proof) == 0
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "client identity during renewal not matching client identity used during login");
}

/* Still good, still fitting, and the one that the login was with (L14). */
static int
check_client(struct req *req, const struct mount *mount,
	const struct token *token, const struct cert_role *role,
	struct err *err)
{
	struct client client;
	int rc = check_same(req, token, err);

	if (rc != 0)
		return rc;
	rc = client_open(&client, req, &mount->kv, err);
	if (rc == 0)
		rc = try_role(&client, role, err);
	if (rc == ERR_ABSENT)
		rc = refuse(&client, err);
	client_clear(&client);
	return rc;
}

static int
is_binding_disabled(struct req *req, const struct mount *mount,
	bool *ret_disabled, struct err *err)
{
	struct compiled *ref = NULL;
	const void *found = NULL;
	int rc = record_find(req->server->store, &mount->kv,
		&cert_config_record, CERT_CONFIG, &ref, &found, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	*ret_disabled =
		rc == 0 && ((const struct cert_config *)found)->disable_binding;
	compiled_unref(&ref);
	return 0;
}

static int
check_binding(struct req *req, const struct mount *mount,
	const struct token *token, const void *record, struct err *err)
{
	bool is_free = false;
	int rc = is_binding_disabled(req, mount, &is_free, err);

	return rc != 0 || is_free
		? rc
		: check_client(req, mount, token, record, err);
}

int
cert_renew(struct req *req, const struct mount *mount,
	const struct token *token, const struct token_params **ret_params,
	struct err *err)
{
	static const struct login_renewal by = {
		.meta = "cert_name",
		.type = &cert_role_record,
		.params = offsetof(struct cert_role, token),
		.gone = "role ",
		.gone_end = " does not exist during renewal",
		.check = check_binding,
	};

	return login_renew(req, mount, token, &by, ret_params, err);
}
