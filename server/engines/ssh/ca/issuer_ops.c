/* issuers, issuer/:issuer_ref, config/issuers, issuers/deleted. */
#include <string.h>
#include <strings.h>

#include "server/core/records.h"
#include "server/engines/ssh/ca/ca_key.h"
#include "server/engines/ssh/ca/tables.h"

/* ---- issuers/import ---------------------------------------------------- */

struct import_in {
	struct ssh_ca_key_in key;
	const char *issuer_name;
	bool set_default, announce;
	int64_t retire_after;
	struct ssh_issuer_limits limits;
};

#define IMPORT_FIELDS                                                              \
	SSH_CA_KEY_FIELDS(struct import_in, key),                                  \
		FIELD_BOOL(struct import_in, set_default,                          \
			.doc = "Make it the default issuer."),                     \
		FIELD_BOOL(struct import_in, announce,                             \
			.doc = "List it in public_key before it is the default."), \
		SSH_ISSUER_RETIRE_FIELD(struct import_in, retire_after),           \
		SSH_ISSUER_LIMITS_FIELDS(struct import_in, limits)

static const struct field import_fields[] = {
	IMPORT_FIELDS,
	FIELD_STR(struct import_in, issuer_name, .len_max = 255,
		.doc = "Name of the issuer."),
	FIELD_END,
};

static const struct field import_named_fields[] = {
	IMPORT_FIELDS,
	FIELD_STR(struct import_in, issuer_name, .flags = FIELD_PATH,
		.len_max = 255, .doc = "Name of the issuer."),
	FIELD_END,
};

static enum ssh_issuer_place
place_of(const struct import_in *in)
{
	if (in->set_default)
		return SSH_ISSUER_AS_DEFAULT;
	return in->announce ? SSH_ISSUER_ANNOUNCED : SSH_ISSUER_ASIDE;
}

static int
import_issuer(struct req *req, struct reply *reply, struct err *err)
{
	const struct import_in *in = req->in;
	const struct ssh_issuer_limits none = { 0 };
	struct ssh_issuer issuer = { .name = in->issuer_name,
		.limits = in->limits };
	struct ssh_issuer_add add = { .place = place_of(in),
		.retire_for_s = ssh_issuer_retire_for_s(in->retire_after) };
	bool generates = false;
	int rc = ssh_ca_key_check(req, &in->key, &generates, err);

	if (rc == 0 && issuer.name[0] != '\0')
		rc = ssh_issuer_check_name(req, &issuer.name, err);
	if (rc == 0)
		rc = ssh_issuer_limits_settle(req, &none, &issuer.limits, err);
	if (rc == 0 && generates)
		rc = ssh_ca_key_generate(
			req, in->key.key_type, in->key.key_bits, &issuer, err);
	else if (rc == 0)
		rc = ssh_ca_key_import(req, &in->key, &issuer, err);
	if (rc == 0)
		rc = ssh_ca_key_store(req, &issuer, &add, err);
	if (rc != 0)
		return rc;
	ssh_issuer_show(reply, &add.added);
	if (add.existed)
		req_warn(req,
			"An issuer with the provided public key already exists, returning the existing issuer");
	return 0;
}

/* ---- issuer/:issuer_ref ------------------------------------------------- */

static int
read_issuer(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer issuer;
	int rc = ssh_issuer_find(
		req, req_capture(req, "issuer_ref"), &issuer, err);

	if (rc != 0)
		return rc;
	ssh_issuer_show(reply, &issuer);
	if (issuer.retire_after_s > req_now_s(req))
		reply_time_s(reply, "retire_after", issuer.retire_after_s);
	return 0;
}

struct role_count {
	const char *ref;
	int64_t n;
};

static int
count_role(
	void *ctx, const char *name, const struct value *role, struct err *err)
{
	struct role_count *count = ctx;

	(void)name;
	(void)err;
	count->n +=
		strcmp(value_find_str(role, "issuer_ref", ""), count->ref) == 0;
	return 0;
}

/* Tell how many roles go on to name what is gone. It is done all the same. */
static void
warn_of_roles(struct req *req, const char *ref)
{
	struct role_count count = { .ref = ref };
	struct err err = { 0 };

	if (ref[0] == '\0')
		return;
	if (records_each(req->server->store, &req->mount->kv, "roles/",
		    count_role, &count, &err) != 0)
		req_warn(req,
			"Unable to check if any roles referenced this issuer by '%s'",
			ref);
	else if (count.n > 0)
		req_warn(req, "%lld roles reference '%s'", (long long)count.n,
			ref);
}

struct update_in {
	const char *issuer_name;
	struct ssh_issuer_limits limits;
};

static const struct field update_fields[] = {
	FIELD_STR(struct update_in, issuer_name, .len_max = 255,
		.doc = "The new name; left out: none, or as it is where a limit is given."),
	SSH_ISSUER_LIMITS_FIELDS(struct update_in, limits),
	FIELD_END,
};

/* The issuer as it is, and with the limits of the request. */
static int
narrow(struct req *req, const char *ref, struct ssh_issuer *from,
	struct ssh_issuer *to, struct err *err)
{
	const struct update_in *in = req->in;
	struct ssh_issuer_limits limits = in->limits;
	int rc = ssh_issuer_find(req, ref, from, err);

	if (rc == 0)
		rc = ssh_issuer_limits_settle(req, &from->limits, &limits, err);
	if (rc != 0)
		return rc;
	*to = *from;
	return ssh_ca_key_narrow(req, to, &limits, err);
}

static int
update_issuer(struct req *req, struct reply *reply, struct err *err)
{
	const struct update_in *in = req->in;
	const struct value *sent = value_find(req->data, "issuer_name");
	const bool names = sent != NULL && sent->type != VALUE_NULL;
	const bool limits = ssh_issuer_limits_are_given(req);
	struct ssh_issuer from, to;
	struct ssh_issuer_change change = { .req = req,
		.ref = req_capture(req, "issuer_ref"),
		.name = names || !limits ? in->issuer_name : NULL };
	int rc = 0;

	/* An empty name is more likely a mistake than the wish for none. */
	if (names)
		rc = ssh_issuer_check_name(req, &change.name, err);
	if (rc == 0 && limits) {
		change.from = &from;
		change.to = &to;
		rc = narrow(req, change.ref, &from, &to, err);
	}
	if (rc == 0)
		rc = req_write(req, ssh_issuer_update, &change, err);
	if (rc != 0)
		return rc;
	ssh_issuer_show(reply, &change.issuer);
	if (strcmp(change.previous_name, change.issuer.name) != 0)
		warn_of_roles(req, change.previous_name);
	return 0;
}

static int
delete_issuer(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer_change change = { .req = req,
		.ref = req_capture(req, "issuer_ref") };
	const struct ssh_issuer *issuer = &change.issuer;
	int rc = req_write(req, ssh_issuer_delete, &change, err);

	(void)reply;
	if (rc != 0 || issuer->id == NULL)
		return rc;
	ssh_ca_key_forget(req, issuer);
	warn_of_roles(req, issuer->name);
	warn_of_roles(req, issuer->id);
	if (change.was_default)
		req_warn(req,
			"Deleted issuer %s (via issuer_ref %s); this was configured as the default issuer. Operations without an explicit issuer will not work until a new default is configured.",
			issuer->id, change.ref);
	return 0;
}

/* ---- config/issuers ----------------------------------------------------- */

struct issuers_in {
	const char *def;
	int64_t retire_after;
};

static const struct field issuers_fields[] = {
	FIELD_AS(STR, struct issuers_in, def, "default", .len_max = 255,
		.doc = "Id or name of the issuer to be the default. Required."),
	SSH_ISSUER_RETIRE_FIELD(struct issuers_in, retire_after),
	FIELD_END,
};

static int
read_default(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer issuer;
	int rc = ssh_issuer_find(req, SSH_ISSUER_DEFAULT, &issuer, err);

	if (rc == 0)
		reply_str(reply, "default", issuer.id);
	return rc;
}

static void
tell_default(const struct ssh_issuer_change *change)
{
	struct req *req = change->req;
	const char *id = change->issuer.id;

	if (change->was_default)
		req_warn(req,
			"The default issuer is already set to the specified issuer.");
	else if (strcmp(change->ref, id) == 0)
		req_warn(req,
			"Previous default (%s) has been updated with the issuer '%s'",
			change->previous_id, change->ref);
	else
		req_warn(req,
			"Previous default (%s) has been updated with the issuer '%s' (resolved to %s)",
			change->previous_id, change->ref, id);
}

static int
write_default(struct req *req, struct reply *reply, struct err *err)
{
	const struct issuers_in *in = req->in;
	struct ssh_issuer_change change = { .req = req,
		.ref = in->def,
		.retire_for_s = ssh_issuer_retire_for_s(in->retire_after) };
	struct err why = { 0 };
	int rc;

	if (in->def[0] == '\0' || strcasecmp(in->def, SSH_ISSUER_DEFAULT) == 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid issuer specification; must be non-empty and can't be 'default'.");
	rc = req_write(req, ssh_issuer_set_default, &change, &why);
	if (rc == ERR_INPUT)
		return err_set(err, ERR_INPUT, 400,
			"error resolving issuer reference: %.900s",
			why.message);
	*err = why;
	if (rc != 0)
		return rc;
	reply_str(reply, "default", change.issuer.id);
	tell_default(&change);
	return 0;
}

/* ---- issuers/deleted ----------------------------------------------------- */

static int
restore_issuer(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer_change change = { .req = req,
		.ref = req_capture(req, "issuer_id") };
	int rc = req_write(req, ssh_issuer_restore, &change, err);

	if (rc == 0)
		ssh_issuer_show(reply, &change.issuer);
	return rc;
}

static int
destroy_issuer(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_issuer_change change = { .req = req,
		.ref = req_capture(req, "issuer_id") };

	(void)reply;
	return req_write(req, ssh_issuer_destroy, &change, err);
}

#define IMPORT_TEXT                                                                 \
	"As config/ca, but beside the issuers that are there. The first one of a\n" \
	"mount is the default in any case. Where the key is there already, that\n"  \
	"issuer is answered, with a warning."

#define IMPORT_ERRORS                                                          \
	"one half is missing, the halves do not match, a key cannot be read, or the name is taken"

const struct op ssh_issuer_ops[] = {
	{
		.path = "issuers",
		.verb = OP_LIST,
		.handler = record_list,
		.record = &ssh_issuer_record,
		.summary = "List the issuers by id.",
		.text = "key_info says name, public half, and which is the default.",
	},
	{
		.path = "issuers/import",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct import_in),
		.fields = import_fields,
		.handler = import_issuer,
		.summary = "Generate or import the key of one more issuer.",
		.text = IMPORT_TEXT,
		.errors = { { 400, IMPORT_ERRORS } },
	},
	{
		.path = "issuers/import/:issuer_name",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct import_in),
		.fields = import_named_fields,
		.handler = import_issuer,
		.summary =
			"Generate or import the key of one more issuer, by name.",
		.text = IMPORT_TEXT,
		.errors = { { 400, IMPORT_ERRORS } },
	},
	{
		.path = "issuer/:issuer_ref",
		.verb = OP_READ,
		.handler = read_issuer,
		.summary = "Read the public half of an issuer, and its limits.",
		.text = "A reference is an id, a name, or default. retire_after is there while\n"
			"public_key lists a former default.",
		.errors = { { 400, "there is no such issuer" } },
	},
	{
		.path = "issuer/:issuer_ref",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct update_in),
		.fields = update_fields,
		.handler = update_issuer,
		.summary = "Rename an issuer, or tighten its limits.",
		.text = "Roles that name it by its old name are counted in a warning. Limits\n"
			"are sealed with the key: they can be made tighter, never wider; another\n"
			"key (config/ca/rotate) may have others.",
		.errors = { { 400,
			"there is no such issuer, the name is taken, or a limit would be wider" } },
	},
	{
		.path = "issuer/:issuer_ref",
		.verb = OP_DELETE,
		.handler = delete_issuer,
		.summary = "Delete an issuer.",
		.text = "It signs no more and leaves public_key at once. For 30 days it is\n"
			"kept, sealed, under issuers/deleted.",
	},
	{
		.path = "config/issuers",
		.verb = OP_READ,
		.handler = read_default,
		.summary = "Read which issuer is the default.",
		.errors = { { 400, "there is none" } },
	},
	{
		.path = "config/issuers",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct issuers_in),
		.fields = issuers_fields,
		.handler = write_default,
		.summary = "Choose the default issuer.",
		.text = "public_key lists the former default behind it for retire_after.",
		.errors = { { 400, "there is no such issuer" } },
	},
	{
		.path = "issuers/deleted",
		.verb = OP_LIST,
		.handler = record_list,
		.record = &ssh_issuer_deleted_record,
		.summary =
			"List the issuers that were deleted and are still kept.",
		.text = "key_info says name, public half, and how long each is kept at least;\n"
			"after that it goes for good with the next change of issuers.",
	},
	{
		.path = "issuers/deleted/:issuer_id/restore",
		.verb = OP_UPDATE,
		.handler = restore_issuer,
		.summary = "Bring a deleted issuer back.",
		.text = "It is the default where there is none.",
		.errors = { { 400,
			"it is not kept, or its name or key is taken by now" } },
	},
	{
		.path = "issuers/deleted/:issuer_id",
		.verb = OP_DELETE,
		.handler = destroy_issuer,
		.summary = "Destroy a deleted issuer for good.",
	},
	OP_END,
};
