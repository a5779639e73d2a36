/* hosts, hosts/:host: what is known of each, and who may log in there. */
#include <string.h>

#include "server/engines/ssh/ca/krl.h"
#include "server/engines/ssh/hosts/accounts.h"
#include "server/engines/ssh/hosts/host.h"
#include "server/engines/ssh/hosts/tables.h"

/* ---- the record --------------------------------------------------------- */

#define STORED .flags = FIELD_STORED

static const struct field host_fields[] = {
	FIELD_AS(STR, struct ssh_host, accounts_text, "accounts",
		.flags = FIELD_SENT | FIELD_JSON, .len_max = ACCOUNTS_TEXT_MAX,
		.doc = "An object: the principals that may log in, by account; \"*\" is every other account."),
	FIELD_BOOL(struct ssh_host, require_registered,
		.doc = "Only certificates that are in the register log in."),
	FIELD_AS(OBJECT, struct ssh_host, accounts, "account_principals",
		STORED, .doc = "accounts, once read."),
	FIELD_STR(struct ssh_host, role, STORED, .doc = "Role that signs."),
	FIELD_NAMES(struct ssh_host, principals, STORED, .doc = "Its names."),
	FIELD_STR(struct ssh_host, public_key, STORED, .doc = "Its key."),
	FIELD_STR(struct ssh_host, serial, STORED, .doc = "Current one."),
	FIELD_MAP(struct ssh_host, certificates, STORED, .doc = "Live ones."),
	FIELD_STR(struct ssh_host, secret_mac, STORED, .doc = "Its secret."),
	FIELD_STR(struct ssh_host, former_mac, STORED, .doc = "A former one."),
	FIELD_INT(struct ssh_host, enrolled_s, STORED, .doc = "When."),
	FIELD_INT(struct ssh_host, renewed_s, STORED, .doc = "When."),
	FIELD_INT(struct ssh_host, valid_before_s, STORED, .doc = "The end."),
	FIELD_INT(struct ssh_host, krl_version, STORED, .doc = "Loaded."),
	FIELD_INT(struct ssh_host, retry_count, STORED, .doc = "Failures."),
	FIELD_INT(struct ssh_host, reported_s, STORED, .doc = "When."),
	FIELD_STR(struct ssh_host, last_error, STORED, .doc = "The last."),
	FIELD_END,
};

static int
read_sent(struct req *req, const char *name, void *record, struct err *err)
{
	struct ssh_host *host = record;
	int rc = 0;

	if (strcmp(name, HOST_DEFAULT) != 0)
		rc = host_name_check(req->arena, name, &name, err);
	if (rc == 0 && host->accounts_text[0] != '\0')
		rc = accounts_parse(
			host->accounts_text, req->arena, &host->accounts, err);
	return rc;
}

/* A record keeps the accounts that it has unless others were sent. */
static int
take_accounts(UNUSED struct store_tx *tx, struct req *req,
	UNUSED const char *name, void *record, UNUSED struct err *err)
{
	const struct ssh_host *sent = req->in;
	struct ssh_host *host = record;

	if (sent->accounts != NULL)
		host->accounts = sent->accounts;
	return 0;
}

/* ---- what is shown ------------------------------------------------------ */

static struct value *
time_of(struct arena *arena, int64_t at_s)
{
	return reply_time_value(arena, at_s);
}

/* What a list tells of a host, and a read as well. */
static struct value *
host_info(struct req *req, UNUSED const char *name, const void *record)
{
	const struct ssh_host *host = record;
	struct arena *arena = req->arena;
	struct value *info = value_object(arena);

	return value_set_bool(
		       arena, info, "enrolled", host_is_enrolled(host)) &&
			value_set(arena, info, "valid_before",
				time_of(arena, host->valid_before_s)) &&
			value_set_int(arena, info, "krl_version",
				host->krl_version) &&
			value_set(arena, info, "reported_at",
				time_of(arena, host->reported_s)) &&
			value_set_str(
				arena, info, "last_error", host->last_error) &&
			value_set_int(
				arena, info, "retry_count", host->retry_count)
		? info
		: NULL;
}

const struct record_type ssh_host_record = {
	.prefix = "host/",
	.capture = "host",
	.lower_case_names = true,
	.merges = true,
	.fields = host_fields,
	.size = sizeof(struct ssh_host),
	.check = read_sent,
	.check_tx = take_accounts,
	.key_info = host_info,
};

/* Whether the host that info tells of has yet to load the newest list. */
static bool
set_behind(struct arena *arena, struct value *info, int64_t newest)
{
	const bool reported = value_find_str(info, "reported_at", NULL) != NULL;

	return value_set_bool(arena, info, "krl_behind",
		value_find_bool(info, "enrolled", false) &&
			(!reported ||
				value_find_int(info, "krl_version", 0) <
					newest));
}

/* ---- list --------------------------------------------------------------- */

/* The version is read last: whoever has not loaded it by then is behind. */
static int
list_hosts(struct req *req, struct reply *reply, struct err *err)
{
	struct value *infos = NULL;
	int64_t newest = 0;
	int rc = record_list(req, reply, err);

	if (rc == 0)
		rc = ssh_krl_version(req, &newest, err);
	if (rc != 0)
		return rc;
	infos = value_find(reply->data, "key_info");
	for (struct value *info = infos != NULL ? infos->first : NULL;
		info != NULL; info = info->next) {
		if (!set_behind(req->arena, info, newest))
			return err_set_memory(err);
	}
	return 0;
}

/* ---- read --------------------------------------------------------------- */

static struct value *
show_certificates(struct arena *arena, const struct ssh_host *host)
{
	struct value *all = value_object(arena);

	for (size_t i = 0; i < host->certificates.n; i++) {
		if (!value_set(arena, all, host->certificates.keys[i],
			    time_of(arena, host_cert_end_s(host, i))))
			return NULL;
	}
	return all;
}

static int
show_fingerprint(
	struct reply *reply, const struct ssh_host *host, struct err *err)
{
	char text[SSHKEY_FINGERPRINT_MAX] = "";
	struct span blob;

	if (host->public_key[0] != '\0') {
		int rc = sshkey_parse_line(
			span_str(host->public_key), reply->req->arena, &blob);

		if (rc != 0)
			return err_set(err, rc, 500, "internal error");
		sshkey_fingerprint(blob, text);
	}
	reply_str(reply, "fingerprint", text);
	return 0;
}

static int
show_host(struct reply *reply, const char *name, const struct ssh_host *host,
	int64_t newest, struct err *err)
{
	struct arena *arena = reply->req->arena;
	const struct value *accounts = host->accounts;

	reply->data = host_info(reply->req, name, host);
	if (reply->data == NULL || !set_behind(arena, reply->data, newest))
		return err_set_memory(err);
	reply_int(reply, "krl_newest", newest);
	reply_str(reply, "host", name);
	reply_str(reply, "role", host->role);
	reply_value(
		reply, "principals", value_of_list(arena, &host->principals));
	reply_str(reply, "public_key", host->public_key);
	reply_str(reply, "serial_number", host->serial);
	reply_value(reply, "certificates", show_certificates(arena, host));
	reply_value(reply, "enrolled_at", time_of(arena, host->enrolled_s));
	reply_value(reply, "renewed_at", time_of(arena, host->renewed_s));
	reply_value(reply, "accounts",
		accounts != NULL ? value_copy(arena, accounts)
				 : value_object(arena));
	reply_bool(reply, "require_registered", host->require_registered);
	return show_fingerprint(reply, host, err);
}

static int
read_host(struct req *req, struct reply *reply, struct err *err)
{
	const char *name = arena_strlower(req->arena, req_capture(req, "host"));
	struct compiled *ref = NULL;
	const void *host = NULL;
	int64_t newest = 0;
	int rc = name == NULL
		? err_set_memory(err)
		: record_find(req->server->store, &req->mount->kv,
			  &ssh_host_record, name, &ref, &host, err);

	if (rc != 0)
		return rc;
	rc = ssh_krl_version(req, &newest, err);
	if (rc == 0)
		rc = show_host(reply, name, host, newest, err);
	compiled_unref(&ref);
	return rc;
}

/* ---- delete ------------------------------------------------------------- */

struct deleting {
	struct req *req;
	const char *name;
	struct ssh_cert_paths paths;
};

/* One that the register has forgotten has ended long ago. */
static int
revoke_one(struct store_tx *tx, const struct deleting *deleting,
	const char *serial, struct err *err)
{
	struct ssh_cert cert;
	int rc = ssh_cert_find(
		tx, deleting->req, deleting->paths.cert, serial, &cert, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	return rc != 0 ? rc
		       : ssh_revoke_cert(tx, deleting->req, &deleting->paths,
				 &cert, deleting->req->arena, err);
}

static int
drop_host(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct deleting *deleting = ctx;
	struct req *req = deleting->req;
	const char *full = arena_printf(
		req->arena, "%s%s", ssh_host_record.prefix, deleting->name);
	struct ssh_host host;
	int rc = host_get_or_new(tx, req, deleting->name, &host, err);

	for (size_t i = 0; rc == 0 && i < host.certificates.n; i++)
		rc = revoke_one(tx, deleting, host.certificates.keys[i], err);
	if (rc == 0 && full == NULL)
		rc = err_set_memory(err);
	return rc != 0 ? rc : kv_delete(tx, &req->mount->kv, full, err);
}

static int
delete_host(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct deleting deleting = { .req = req,
		.name = arena_strlower(req->arena, req_capture(req, "host")) };
	int rc = deleting.name == NULL
		? err_set_memory(err)
		: ssh_cert_paths_get(req, &deleting.paths, err);

	return rc != 0 ? rc : req_write(req, drop_host, &deleting, err);
}

const struct op ssh_host_ops[] = {
	{
		.path = "hosts",
		.verb = OP_LIST,
		.handler = list_hosts,
		.record = &ssh_host_record,
		.summary = "List the hosts that are known.",
		.text = "key_info says of each until when its certificate is good, what it reported\n"
			"last, and whether it has yet to load the newest revocation list (krl_behind).",
	},
	{
		.path = "hosts/:host",
		.verb = OP_READ,
		.handler = read_host,
		.record = &ssh_host_record,
		.summary = "Read a host.",
		.text = "The record default speaks for hosts that have no accounts of their own.",
	},
	{
		.path = "hosts/:host",
		.verb = OP_UPDATE,
		.handler = record_write,
		.record = &ssh_host_record,
		.summary = "Say who may log in to a host.",
		.text = "For principals/:host. A host may be written before it enrols; what is not\n"
			"sent stays as it is. Of accounts, {{username}} and {{host}} in a principal stand\n"
			"for the account and the host, and {} takes all away.",
		.errors = { { 400,
			"no name of a host, or accounts that cannot be" } },
	},
	{
		.path = "hosts/:host",
		.verb = OP_DELETE,
		.handler = delete_host,
		.record = &ssh_host_record,
		.summary = "Revoke a host's certificates and forget it.",
		.text = "It cannot renew then: it must enrol anew.",
	},
	OP_END,
};
