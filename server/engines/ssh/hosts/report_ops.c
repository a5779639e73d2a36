/* enrol/report: what a host has loaded, and what went wrong last. */
#include "server/engines/ssh/ca/krl.h"
#include "server/engines/ssh/hosts/host_secret.h"
#include "server/engines/ssh/hosts/tables.h"

#define LAST_ERROR_MAX 1024
#define VERSION_MAX (INT64_C(1) << 53) /* of what JSON numbers hold exactly */

struct report_in {
	const char *host;
	struct secret_view host_secret;
	int64_t krl_version, retry_count;
	const char *last_error;
};

static const struct field report_fields[] = {
	FIELD_STR(struct report_in, host, .flags = FIELD_REQUIRED,
		.len_max = 255, .doc = "Name of the host."),
	FIELD_SECRET(struct report_in, host_secret, .flags = FIELD_REQUIRED,
		.len_max = HOST_SECRET_MAX,
		.doc = "Its secret, of the last certificate."),
	FIELD_INT(struct report_in, krl_version, .min = 0, .max = VERSION_MAX,
		.doc = "Version of the revocation list that sshd has; 0: none."),
	FIELD_STR(struct report_in, last_error, .len_max = LAST_ERROR_MAX,
		.doc = "What went wrong last; empty: nothing."),
	FIELD_INT(struct report_in, retry_count, .min = 0, .max = INT32_MAX,
		.doc = "Failed tries since the last good one."),
	FIELD_END,
};

struct reporting {
	struct req *req;
	const char *name, *last_error;
};

/* It is shown on terminals: control characters become blanks. */
static const char *
clean(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);

	for (char *c = copy; c != NULL && *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
	return copy;
}

/* The host may have gone, or got a new secret, since the caller was found. */
static int
store_report(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct reporting *reporting = ctx;
	struct req *req = reporting->req;
	const struct report_in *in = req->in;
	bool is_current = false;
	struct ssh_host host;
	int rc = host_get_or_new(tx, req, reporting->name, &host, err);

	if (rc != 0)
		return rc;
	if (!host_secret_fits(tx_barrier(tx), req, reporting->name, &host,
		    in->host_secret, &is_current))
		return err_set(err, ERR_INPUT, 400, HOST_SECRET_REFUSED);
	if (is_current)
		host.former_mac = "";
	host.krl_version = in->krl_version;
	host.last_error = reporting->last_error;
	host.retry_count = in->retry_count;
	host.reported_s = tx_now_s(tx);
	return host_put(tx, req, reporting->name, &host, err);
}

static int
check_version(struct req *req, int64_t version, struct err *err)
{
	int64_t newest = 0;
	int rc = ssh_krl_version(req, &newest, err);

	if (rc == 0 && version > newest)
		return err_set(err, ERR_INPUT, 400,
			"krl_version is newer than any revocation list of this mount");
	return rc;
}

static int
report(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	const struct report_in *in = req->in;
	struct reporting reporting = { .req = req,
		.last_error = clean(req->arena, in->last_error) };
	const struct ssh_host *host = NULL;
	struct compiled *ref = NULL;
	int rc = reporting.last_error == NULL
		? err_set_memory(err)
		: host_secret_find(req, in->host, in->host_secret,
			  &reporting.name, &ref, &host, err);

	compiled_unref(&ref);
	if (rc == 0)
		rc = check_version(req, in->krl_version, err);
	return rc != 0 ? rc : req_write(req, store_report, &reporting, err);
}

const struct op ssh_report_ops[] = {
	{
		.path = "enrol/report",
		.verb = OP_UPDATE,
		.flags = OP_UNAUTHENTICATED | OP_SMALL_BODY,
		.in_size = sizeof(struct report_in),
		.fields = report_fields,
		.handler = report,
		.summary = "Report what a host has loaded.",
		.text = "Asked by the host itself; shown by hosts/:host.",
		.errors = { { 400, "no such host or secret, or no version of this mount's list" },
			{ 429, "too many refusals for this address" } },
	},
	OP_END,
};
