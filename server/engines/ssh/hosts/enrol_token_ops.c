/* enrol/tokens: made for a host, listed, withdrawn. */
#include "lib/cidr_list.h"
#include "server/api/row_ids.h"
#include "server/core/expire.h"
#include "server/engines/ssh/hosts/enrolment.h"
#include "server/engines/ssh/hosts/host.h"
#include "server/engines/ssh/hosts/host_cert.h"
#include "server/engines/ssh/hosts/tables.h"

#define TTL_S INT64_C(3600)
#define TTL_MAX_S (24 * INT64_C(3600))
#define ROW_MEMORY_MAX ((size_t)16 * 1024 * 1024)

/* ---- new ---------------------------------------------------------------- */

struct token_in {
	const char *host, *role;
	struct str_list principals, cidr_list;
	int64_t ttl;
};

static const struct field token_fields[] = {
	FIELD_STR(struct token_in, host, .flags = FIELD_REQUIRED,
		.len_max = 255,
		.doc = "Name of the host: a DNS name or an IPv4 address."),
	FIELD_STR(struct token_in, role, .flags = FIELD_REQUIRED,
		.len_max = 255,
		.doc = "Role of type ca that signs its certificates."),
	FIELD_LIST(struct token_in, principals, .len_max = CERT_NAMES_MAX,
		.doc = "Names in its certificates; the host's if left out."),
	FIELD_DURATION(struct token_in, ttl, .max = TTL_MAX_S,
		.doc = "How long the token waits to be used; 1 hour if left out."),
	FIELD_LIST(struct token_in, cidr_list, .len_max = 16384,
		.doc = "Blocks of addresses that it may be used from; none: any."),
	FIELD_END,
};

struct making {
	struct req *req;
	struct enrolment_draft draft;
};

static int
insert_token(struct store_tx *tx, void *ctx, struct err *err)
{
	struct making *making = ctx;
	const struct token_in *in = making->req->in;

	return enrolment_insert(tx, making->req, &making->draft,
		in->ttl > 0 ? in->ttl : TTL_S, err);
}

static int
take_wishes(struct making *making, struct err *err)
{
	struct req *req = making->req;
	const struct token_in *in = req->in;
	struct enrolment *enrolment = &making->draft.enrolment;
	int rc = host_name_check(req->arena, in->host, &enrolment->host, err);

	enrolment->role = in->role;
	enrolment->cidr_list = in->cidr_list;
	enrolment->principals = in->principals;
	if (rc == 0 && enrolment->principals.n == 0 &&
		!str_list_add(
			req->arena, &enrolment->principals, enrolment->host))
		rc = err_set_memory(err);
	if (rc == 0)
		rc = cidr_list_check(
			req->arena, "cidr_list", &enrolment->cidr_list, err);
	return rc != 0 ? rc
		       : host_cert_check(req, enrolment->host, enrolment->role,
				 &enrolment->principals, err);
}

/* What is told of a token, whoever asks. */
static struct value *
info_of(struct arena *arena, const struct enrolment *enrolment)
{
	struct value *info = value_object(arena);

	return value_set_str(arena, info, "host", enrolment->host) &&
			value_set_str(arena, info, "role", enrolment->role) &&
			value_set(arena, info, "principals",
				value_of_list(arena, &enrolment->principals)) &&
			value_set(arena, info, "cidr_list",
				value_of_list(arena, &enrolment->cidr_list)) &&
			value_set(arena, info, "expiration",
				reply_time_value(
					arena, enrolment->lease.expire_s))
		? info
		: NULL;
}

static int
show_token(struct reply *reply, const struct enrolment *enrolment,
	const char *accessor, struct err *err)
{
	reply->data = info_of(reply->req->arena, enrolment);
	if (reply->data == NULL)
		return err_set_memory(err);
	reply_str(reply, "accessor", accessor);
	return 0;
}

static int
make_token(struct req *req, struct reply *reply, struct err *err)
{
	struct making *making = ARENA_NEW(req->arena, struct making);
	const struct enrolment *enrolment;
	int rc;

	if (making == NULL)
		return err_set_memory(err);
	enrolment = &making->draft.enrolment;
	making->req = req;
	rc = enrolment_draw(req, &making->draft, err);
	if (rc == 0)
		rc = take_wishes(making, err);
	if (rc == 0)
		rc = req_write(req, insert_token, making, err);
	if (rc != 0)
		return rc;
	expire_notice(req->server->expire, enrolment->lease.expire_s);
	rc = show_token(reply, enrolment, making->draft.accessor, err);
	reply_str(reply, "enrolment_token", making->draft.text);
	return rc;
}

/* ---- list --------------------------------------------------------------- */

static const struct field no_fields[] = { FIELD_END };

static bool
is_live(const struct lease *lease)
{
	return lease->state == LEASE_LIVE;
}

/* Read in memory of its own: there may be many. */
static int
row_info(struct req *req, const struct lease *lease, struct value **ret_info,
	struct err *err)
{
	struct arena *own = arena_new(ROW_MEMORY_MAX);
	struct enrolment enrolment;
	int rc = own == NULL ? err_set_memory(err)
			     : enrolment_decode(lease, own, &enrolment, err);

	if (rc == 0) {
		*ret_info = info_of(req->arena, &enrolment);
		rc = *ret_info != NULL ? 0 : err_set_memory(err);
	}
	arena_free(&own);
	return rc;
}

static int
list_tokens(struct req *req, struct reply *reply, struct err *err)
{
	struct row_ids ids = { .mount_uuid = req->mount->uuid,
		.kind = ROWID_ENROLMENT_ACCESSOR,
		.wants = is_live,
		.info = row_info,
		.infos = value_object(req->arena) };
	struct value *names = value_list(req->arena);
	int rc = enrolment_path(req, &ids.path, err);

	if (rc == 0 && (names == NULL || ids.infos == NULL))
		rc = err_set_memory(err);
	if (rc == 0)
		rc = row_ids_add(req, &ids, names, err);
	if (rc != 0)
		return rc;
	reply_keys(reply, names);
	if (names->n > 0)
		reply_value(reply, "key_info", ids.infos);
	return 0;
}

/* ---- one ---------------------------------------------------------------- */

struct looking {
	struct req *req;
	uint32_t path;
	struct enrolment enrolment;
};

static int
find_token(struct store_tx *tx, void *ctx, struct err *err)
{
	struct looking *looking = ctx;
	struct req *req = looking->req;

	return enrolment_by_accessor(tx, req, looking->path,
		req_capture(req, "accessor"), &looking->enrolment, err);
}

static int
delete_token(struct store_tx *tx, void *ctx, struct err *err)
{
	struct looking *looking = ctx;
	int rc = find_token(tx, looking, err);

	return rc != 0 ? rc : lease_delete(tx, &looking->enrolment.lease, err);
}

/* It is not echoed: a 404's text stands in the audit log in clear. */
static int
settle_absent(int rc, struct err *err)
{
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_ABSENT, 404, "no such enrolment token");
}

static int
read_token(struct req *req, struct reply *reply, struct err *err)
{
	struct looking looking = { .req = req };
	int rc = enrolment_path(req, &looking.path, err);

	if (rc == 0)
		rc = settle_absent(
			req_read(req, find_token, &looking, err), err);
	return rc != 0 ? rc
		       : show_token(reply, &looking.enrolment,
				 req_capture(req, "accessor"), err);
}

static int
withdraw_token(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	struct looking looking = { .req = req };
	int rc = enrolment_path(req, &looking.path, err);

	return rc != 0
		? rc
		: settle_absent(
			  req_write(req, delete_token, &looking, err), err);
}

#define SHOWN                                                                  \
	{ "accessor", FIELD_TYPE_STR, "Its accessor." },                       \
		{ "host", FIELD_TYPE_STR, "Whom it is for." },                 \
		{ "role", FIELD_TYPE_STR, "Role that signs." },                \
		{ "principals", FIELD_TYPE_LIST, "Names of the host." },       \
		{ "cidr_list", FIELD_TYPE_LIST, "From where it is good." },    \
		{ "expiration", FIELD_TYPE_STR, "Until when it is good." },    \
	{                                                                      \
		NULL, FIELD_TYPE_STR, NULL                                     \
	}

const struct op ssh_enrol_token_ops[] = {
	{
		.path = "enrol/tokens",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct token_in),
		.fields = token_fields,
		.handler = make_token,
		.summary = "Make a token that a host enrols with, once.",
		.text = "The role must allow host certificates for these principals without regard\n"
			"to who asks: nobody is behind a host.",
		.out = (const struct op_out[]){ { "enrolment_token",
							FIELD_TYPE_SECRET,
							"The token." },
			SHOWN },
		.errors = { { 400,
			"no name of a host, or the role does not allow it" } },
	},
	{
		.path = "enrol/tokens",
		.verb = OP_LIST,
		.in_size = sizeof(struct token_in),
		.fields = no_fields, /* all at once: accessors have no order */
		.handler = list_tokens,
		.summary = "List the accessors of tokens that wait to be used.",
	},
	{
		.path = "enrol/tokens/:accessor",
		.verb = OP_READ,
		.handler = read_token,
		.summary = "Read an enrolment token, by its accessor.",
		.out = (const struct op_out[]){ SHOWN },
		.errors = { { 404, "used, withdrawn, ended, or never made" } },
	},
	{
		.path = "enrol/tokens/:accessor",
		.verb = OP_DELETE,
		.handler = withdraw_token,
		.summary = "Withdraw an enrolment token, by its accessor.",
		.errors = { { 404, "used, withdrawn, ended, or never made" } },
	},
	OP_END,
};
