/* lookup: which roles are good for an address. */

#include "server/engines/ssh/otp_role.h"
#include "server/engines/ssh/records/options.h"
#include "server/engines/ssh/tables.h"
#include "server/engines/ssh/zeroaddress.h"

/* Roles read in one snapshot; a longer list goes on in another. */
#define PAGE 500
#define ROLE_MEMORY_MAX ((size_t)16 * 1024 * 1024)

struct lookup_in {
	const char *ip;
};

static const struct field lookup_fields[] = {
	FIELD_STR(struct lookup_in, ip, .len_max = 255,
		.doc = "Address of a host, an IPv4 or IPv6 literal. Required."),
	FIELD_END,
};

struct lookup {
	struct req *req;
	struct netaddr addr;
	struct ssh_options options;
	struct str_list zero;
	struct value *by_block;  /* names of roles by their blocks */
	struct value *by_listed; /* names of zero-address roles */
	const char *after;       /* the last role looked at */
	size_t n_seen;           /* in this page */
};

/* May the caller ask this role for a credential? */
static bool
caller_may_use(const struct lookup *lookup, const char *role)
{
	struct acl_request wanted = { .wants = CAP_UPDATE,
		.checks_parameters = false };
	struct err ignored = { 0 };
	bool sudo = false;

	if (!lookup->options.lookup_filter_by_policy)
		return true;
	wanted.path = arena_printf(lookup->req->arena, "%screds/%s",
		lookup->req->mount->path, role);
	return wanted.path != NULL &&
		acl_check(&lookup->req->acl, &wanted, &sudo, &ignored) == 0;
}

/* A block that no longer parses ends the search in its role. */
static bool
role_fits(const struct lookup *lookup, const struct ssh_role *role, bool zero)
{
	const struct otp_role_ip_rule rule = { .zero_address = zero,
		.dev = lookup->req->server->settings->dev };
	struct err ignored = { 0 };

	return otp_role_check_ip(role, &lookup->addr, rule, &ignored) == 0;
}

/* The list that a role is to be in; NULL: it does not fit. */
static struct value *
list_of(const struct lookup *lookup, const char *name,
	const struct ssh_role *role)
{
	if (role_fits(lookup, role, false))
		return lookup->by_block;
	if (str_list_has(&lookup->zero, name) && role_fits(lookup, role, true))
		return lookup->by_listed;
	return NULL;
}

/* In memory of its own: there may be many large roles. */
static int
find_list(const struct lookup *lookup, const char *name,
	const struct value *value, struct value **ret_list, struct err *err)
{
	struct arena *own = arena_new(ROLE_MEMORY_MAX);
	void *role = NULL;
	int rc = own == NULL
		? err_set_memory(err)
		: record_decode(ssh_role_record.fields, ssh_role_record.size,
			  value, own, &role, err);

	if (rc == 0)
		*ret_list = list_of(lookup, name, role);
	arena_free(&own);
	return rc;
}

static int
add_if_fit(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	struct lookup *lookup = ctx;
	struct value *list = NULL;
	int rc = find_list(lookup, name, value, &list, err);

	lookup->n_seen++;
	lookup->after = name;
	if (rc != 0 || list == NULL || !caller_may_use(lookup, name))
		return rc;
	return value_add(list, value_string(lookup->req->arena, name))
		? 0
		: err_set_memory(err);
}

static int
read_page(struct store_tx *tx, void *ctx, struct err *err)
{
	struct lookup *lookup = ctx;

	lookup->n_seen = 0;
	return kv_scan(tx, &lookup->req->mount->kv, ssh_role_record.prefix,
		lookup->after, PAGE, lookup->req->arena, add_if_fit, lookup,
		err);
}

static int
find_roles(struct lookup *lookup, struct err *err)
{
	int rc;

	do {
		rc = req_read(lookup->req, read_page, lookup, err);
	} while (rc == 0 && lookup->n_seen == PAGE);
	return rc;
}

/* Roles by block in order of name, then the zero-address ones; none: null. */
static void
reply_roles(struct reply *reply, const struct lookup *lookup)
{
	struct arena *arena = lookup->req->arena;
	struct value *all = value_list(arena);

	VALUE_EACH (name, lookup->by_block)
		(void)value_add(all, value_span(arena, value_text(name)));
	VALUE_EACH (name, lookup->by_listed)
		(void)value_add(all, value_span(arena, value_text(name)));
	if (all != NULL && all->n == 0)
		all = value_null(arena);
	reply_value(reply, "roles", all);
}

static int
lookup_roles(struct req *req, struct reply *reply, struct err *err)
{
	const struct lookup_in *in = req->in;
	struct lookup lookup = { .req = req,
		.by_block = value_list(req->arena),
		.by_listed = value_list(req->arena),
		.after = "" };
	int rc;

	if (in->ip[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "Missing ip");
	if (netaddr_parse(span_str(in->ip), &lookup.addr) != 0)
		return err_set(
			err, ERR_INPUT, 400, "Invalid IP \"%.64s\"", in->ip);
	rc = ssh_options_get(req, &lookup.options, err);
	if (rc == 0)
		rc = zeroaddress_roles(req, &lookup.zero, err);
	if (rc == 0)
		rc = find_roles(&lookup, err);
	if (rc == 0)
		reply_roles(reply, &lookup);
	return rc;
}

const struct op ssh_lookup_ops[] = {
	{
		.path = "lookup",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct lookup_in),
		.fields = lookup_fields,
		.handler = lookup_roles,
		.summary = "List the roles that are good for an address.",
		.out =
			(const struct op_out[]){
				{ "roles", FIELD_TYPE_LIST,
					"Names of roles, or null." },
				{ NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400, "no address, or not an address literal" } },
	},
	OP_END,
};
