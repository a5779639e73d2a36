/*
 * certs, cert/:serial, tidy/certs: the register as operators read it and clear
 * it. One request looks at a bounded number of rows, in pages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/engines/ssh/ca/revocation.h"
#include "server/engines/ssh/ca/tables.h"

#define PAGE 250
#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define KEYS_MAX 1000
#define LOOK_AT_MAX 10000

/* ---- list --------------------------------------------------------------- */

struct certs_in {
	const char *after;
	int64_t limit;
	const char *role, *key_id, *principal, *entity_id;
	bool live, revoked;
};

static const struct field certs_fields[] = {
	FIELD_STR(struct certs_in, after, .flags = FIELD_QUERY,
		.doc = "Serial number that the page begins behind."),
	FIELD_INT(struct certs_in, limit, .flags = FIELD_QUERY,
		.doc = "At most so many, and never more than 1,000."),
	FIELD_STR(struct certs_in, role, .flags = FIELD_QUERY,
		.doc = "Only those of this role."),
	FIELD_STR(struct certs_in, key_id, .flags = FIELD_QUERY,
		.doc = "Only those with this key id."),
	FIELD_STR(struct certs_in, principal, .flags = FIELD_QUERY,
		.doc = "Only those for this user or host."),
	FIELD_STR(struct certs_in, entity_id, .flags = FIELD_QUERY,
		.doc = "Only those that this entity asked for."),
	FIELD_BOOL(struct certs_in, live, .flags = FIELD_QUERY,
		.doc = "Only those that have not ended and are not revoked."),
	FIELD_BOOL(struct certs_in, revoked, .flags = FIELD_QUERY,
		.doc = "Only those that are revoked."),
	FIELD_END,
};

struct listing {
	struct req *req;
	struct store_tx *tx;
	uint32_t path;
	uint64_t after; /* the last row seen */
	const char *last_serial;
	size_t limit, n_seen, n_page;
	struct value *keys, *info;
	struct arena *page;
};

static bool
is_wanted_text(const char *wanted, const char *text)
{
	return wanted[0] == '\0' || strcmp(wanted, text) == 0;
}

/* All that a row alone tells. */
static bool
is_wanted(const struct certs_in *in, const struct ssh_cert *cert, int64_t now_s)
{
	return is_wanted_text(in->role, cert->role) &&
		is_wanted_text(in->key_id, cert->key_id) &&
		is_wanted_text(in->entity_id, cert->entity_id) &&
		(in->principal[0] == '\0' ||
			str_list_has(&cert->principals, in->principal)) &&
		(!in->live || now_s < cert->valid_before_s);
}

static int
add_cert(struct listing *listing, const struct ssh_cert *cert, bool revoked,
	struct err *err)
{
	struct arena *arena = listing->req->arena;
	struct value *info = value_object(arena);

	if (!value_add(listing->keys, value_string(arena, cert->serial)) ||
		!value_set_str(arena, info, "key_id", cert->key_id) ||
		!value_append(arena, info, "principals",
			value_of_list(arena, &cert->principals)) ||
		!value_set(arena, info, "valid_before",
			reply_time_value(arena, cert->valid_before_s)) ||
		!value_set_str(arena, info, "role", cert->role) ||
		!value_set_bool(arena, info, "revoked", revoked) ||
		!value_append(arena, listing->info, cert->serial, info))
		return err_set_memory(err);
	return 0;
}

static int
look_at(void *ctx, const struct lease *lease, struct err *err)
{
	struct listing *listing = ctx;
	const struct certs_in *in = listing->req->in;
	const char *by = "";
	struct ssh_cert cert;
	int64_t since_s = 0;
	int rc;

	listing->n_page++;
	listing->n_seen++;
	listing->after = lease->ref.row;
	rc = ssh_cert_decode(lease, listing->page, &cert, err);
	if (rc != 0)
		return rc;
	listing->last_serial = arena_strdup(listing->req->arena, cert.serial);
	if (!is_wanted(in, &cert, tx_now_s(listing->tx)))
		return 0;
	rc = ssh_cert_revoked_since(
		listing->tx, listing->req, &cert, &since_s, &by, err);
	if (rc == 0 && !(in->live && since_s != 0) &&
		(since_s != 0 || !in->revoked))
		rc = add_cert(listing, &cert, since_s != 0, err);
	return rc == 0 && listing->keys->n == listing->limit ? 1 : rc;
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct listing *listing = ctx;

	listing->tx = tx;
	listing->n_page = 0;
	return lease_rows(tx, listing->path, listing->after, PAGE,
		listing->page, look_at, listing, err);
}

/* Until the end, enough names or enough work; *ret_more: not the end. */
static int
read_pages(struct listing *listing, bool *ret_more, struct err *err)
{
	int rc;

	do {
		listing->page = arena_new(PAGE_MEMORY_MAX);
		if (listing->page == NULL)
			return err_set_memory(err);
		rc = req_read(listing->req, read_page, listing, err);
		arena_free(&listing->page);
		*ret_more = listing->n_page == PAGE ||
			listing->keys->n == listing->limit;
	} while (rc == 0 && listing->n_page == PAGE &&
		listing->keys->n < listing->limit &&
		listing->n_seen < LOOK_AT_MAX);
	return rc;
}

struct looking {
	struct req *req;
	uint32_t path;
	const char *serial;
	struct ssh_cert cert;
	int64_t revoked_s;
	const char *revoked_by;
};

static int
find_cert(struct store_tx *tx, void *ctx, struct err *err)
{
	struct looking *looking = ctx;
	int rc = ssh_cert_find(tx, looking->req, looking->path, looking->serial,
		&looking->cert, err);

	return rc != 0
		? rc
		: ssh_cert_revoked_since(tx, looking->req, &looking->cert,
			  &looking->revoked_s, &looking->revoked_by, err);
}

/* The row behind which a page begins. */
static int
find_after(struct listing *listing, const char *after, struct err *err)
{
	char serial[SSH_SERIAL_TEXT_MAX];
	struct looking looking = {
		.req = listing->req, .path = listing->path, .serial = serial
	};
	int rc;

	if (after[0] == '\0')
		return 0;
	rc = ssh_serial_parse(after, serial, err);
	if (rc == 0)
		rc = req_read(listing->req, find_cert, &looking, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"after: certificate with serial %s not found", serial);
	}
	if (rc == 0)
		listing->after = looking.cert.lease.ref.row;
	return rc;
}

static int
list_certs(struct req *req, struct reply *reply, struct err *err)
{
	const struct certs_in *in = req->in;
	struct listing listing = { .req = req,
		.limit = in->limit > 0 && in->limit < KEYS_MAX
			? (size_t)in->limit
			: KEYS_MAX,
		.keys = value_list(req->arena),
		.info = value_object(req->arena) };
	bool more = false;
	int rc = ssh_register_path(req, &listing.path, err);

	if (rc == 0)
		rc = find_after(&listing, in->after, err);
	if (rc == 0)
		rc = read_pages(&listing, &more, err);
	if (rc != 0)
		return rc;
	reply_keys(reply, listing.keys);
	if (listing.keys->n > 0)
		reply_value(reply, "key_info", listing.info);
	if (more)
		reply_str(reply, "next_after", listing.last_serial);
	return 0;
}

/* ---- read --------------------------------------------------------------- */

static void
show_cert(struct reply *reply, const struct looking *looking)
{
	const struct ssh_cert *cert = &looking->cert;
	const struct lease *lease = &cert->lease;
	struct arena *arena = reply->req->arena;
	char decimal[24];

	(void)snprintf(decimal, sizeof(decimal), "%llu",
		strtoull(cert->serial, NULL, 16));
	reply_str(reply, "serial_number", cert->serial);
	reply_str(reply, "serial_decimal", decimal);
	reply_str(reply, "issuer_id", cert->issuer_id);
	reply_str(reply, "key_id", cert->key_id);
	reply_str(reply, "cert_type", cert->cert_type);
	reply_value(
		reply, "principals", value_of_list(arena, &cert->principals));
	reply_time_s(reply, "valid_after", cert->valid_after_s);
	reply_time_s(reply, "valid_before", cert->valid_before_s);
	reply_value(reply, "critical_options",
		value_of_map(arena, &cert->critical_options));
	reply_value(
		reply, "extensions", value_of_map(arena, &cert->extensions));
	reply_str(reply, "fingerprint", cert->fingerprint);
	reply_str(reply, "role", cert->role);
	reply_str(reply, "entity_id", cert->entity_id);
	reply_str(reply, "display_name", cert->display_name);
	reply_str(reply, "token_accessor", cert->token_accessor);
	reply_str(reply, "request_id", lease->request_id);
	reply_str(reply, "remote_address", cert->remote_address);
	reply_time_ns(reply, "issue_time", lease->issue_ns);
	reply_bool(reply, "revoked", looking->revoked_s != 0);
	reply_int(reply, "revocation_time", looking->revoked_s);
	reply_str(reply, "revoked_by", looking->revoked_by);
}

static int
read_cert(struct req *req, struct reply *reply, struct err *err)
{
	char serial[SSH_SERIAL_TEXT_MAX];
	struct looking looking = { .req = req, .serial = serial };
	int rc = ssh_serial_parse(req_capture(req, "serial"), serial, err);

	if (rc == 0)
		rc = ssh_register_path(req, &looking.path, err);
	if (rc == 0)
		rc = req_read(req, find_cert, &looking, err);
	if (rc == 0)
		show_cert(reply, &looking);
	return rc;
}

/* ---- tidy --------------------------------------------------------------- */

struct tidy_in {
	int64_t safety_buffer;
};

static const struct field tidy_fields[] = {
	FIELD_DURATION(struct tidy_in, safety_buffer, .flags = FIELD_QUERY,
		.initial = "72h",
		.doc = "Certificates stay at least so long past their end."),
	FIELD_END,
};

struct tidying {
	struct req *req;
	uint32_t path;
	uint64_t after;
	size_t n_seen, n_refs;
	int64_t ended_s; /* those that ended before this */
	struct arena *page;
	struct rowref refs[PAGE];
};

/* Only what has ended, and was not touched by the buffer (L46). */
static bool
is_over(const struct tidying *tidying, const struct ssh_cert *cert)
{
	return cert->lease.kind == LEASE_CERT &&
		cert->valid_before_s < tidying->ended_s;
}

static int
note_over(void *ctx, const struct lease *lease, struct err *err)
{
	struct tidying *tidying = ctx;
	struct ssh_cert cert;
	int rc = ssh_cert_decode(lease, tidying->page, &cert, err);

	tidying->n_seen++;
	tidying->after = lease->ref.row;
	if (rc == 0 && is_over(tidying, &cert))
		tidying->refs[tidying->n_refs++] = lease->ref;
	return rc;
}

static int
find_over(struct store_tx *tx, void *ctx, struct err *err)
{
	struct tidying *tidying = ctx;

	tidying->n_seen = 0;
	tidying->n_refs = 0;
	return lease_rows(tx, tidying->path, tidying->after, PAGE,
		tidying->page, note_over, tidying, err);
}

/* The row may have gone meanwhile. */
static int
delete_over(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct tidying *tidying = ctx;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < tidying->n_refs; i++) {
		struct lease lease;

		rc = lease_get(
			tx, tidying->refs[i], tidying->page, &lease, err);
		if (rc == 0) {
			rc = lease_delete(tx, &lease, err);
		} else if (rc == ERR_ABSENT) {
			err_clear(err);
			rc = 0;
		}
	}
	return rc;
}

static int
tidy_page(struct tidying *tidying, struct err *err)
{
	int rc;

	tidying->page = arena_new(PAGE_MEMORY_MAX);
	if (tidying->page == NULL)
		return err_set_memory(err);
	rc = req_read(tidying->req, find_over, tidying, err);
	if (rc == 0 && tidying->n_refs > 0)
		rc = req_write(tidying->req, delete_over, tidying, err);
	arena_free(&tidying->page);
	return rc;
}

static int
tidy_certs(struct req *req, struct reply *reply, struct err *err)
{
	const struct tidy_in *in = req->in;
	struct tidying *tidying = ARENA_NEW(req->arena, struct tidying);
	int rc;

	if (tidying == NULL)
		return err_set_memory(err);
	*tidying = (struct tidying){ .req = req };
	tidying->ended_s = req_now_s(req) - in->safety_buffer;
	rc = req_announce(req, err);
	if (rc == 0)
		rc = ssh_register_path(req, &tidying->path, err);
	do {
		if (rc == 0)
			rc = tidy_page(tidying, err);
	} while (rc == 0 && tidying->n_seen == PAGE);
	if (rc == 0)
		reply_tidy_started(reply);
	return rc;
}

const struct op ssh_certs_ops[] = {
	{
		.path = "certs",
		.verb = OP_LIST,
		.in_size = sizeof(struct certs_in),
		.fields = certs_fields,
		.handler = list_certs,
		.summary =
			"List the certificates that were signed, in order of issue.",
		.text = "By serial number, those that a filter leaves; key_info says whose each is\n"
			"and until when. A request looks at 10,000 certificates at most: where\n"
			"next_after is there, go on with it as after, even where keys are empty.",
		.errors = { { 400,
			"after is no certificate's serial number" } },
	},
	{
		.path = "cert/:serial",
		.verb = OP_READ,
		.handler = read_cert,
		.summary = "Read what is known of a certificate.",
		.text = "Until the mount's cert_retention past its end. token_accessor leads to\n"
			"the session that asked for it.",
		.errors = { { 400, "that is no serial number" },
			{ 404, "no certificate of this mount has it" } },
	},
	{
		.path = "tidy/certs",
		.verb = OP_DELETE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct tidy_in),
		.fields = tidy_fields,
		.handler = tidy_certs,
		.summary = "Forget certificates that have ended.",
		.text = "Before their cert_retention is over. None that is live goes.",
	},
	OP_END,
};
