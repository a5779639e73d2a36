/* targets/:name/export: what makes a device ready for its target, to run. */
#include <string.h>

#include "lib/random.h"
#include "server/engines/ssh/profiles/routeros_export.h"
#include "server/engines/ssh/records/named_key.h"
#include "server/engines/ssh/records/target.h"
#include "server/engines/ssh/targets/tables.h"

#define PASSWORD_LEN 32
#define PROFILE "routeros"

struct export_in {
	const char *format;
};

static const struct field export_fields[] = {
	FIELD_STR(struct export_in, format, .initial = "rsc", .len_max = 8,
		.flags = FIELD_QUERY,
		.doc = "rsc: for FlashFig, Netinstall or run-after-reset. alter: for an ACS, which may send it again."),
	FIELD_END,
};

static const struct op_out export_out[] = {
	{ "format", FIELD_TYPE_STR, "As asked." },
	{ "filename", FIELD_TYPE_STR, "A name for the file." },
	{ "text", FIELD_TYPE_STR,
		"The script: lines with LF, at most 4,000 bytes. The password in it is random each time and kept nowhere." },
	{ NULL, FIELD_TYPE_STR, NULL },
};

/* What is read of the store. */
struct reading {
	struct req *req;
	const char *name;
	const struct ssh_target *target;
	struct named_key_info key;
};

static int
read_target(struct store_tx *tx, void *ctx, struct err *err)
{
	struct reading *reading = ctx;
	struct req *req = reading->req;
	const struct kv *kv = &req->mount->kv;
	int rc = target_get(
		tx, kv, reading->name, req->arena, &reading->target, err);

	if (rc != 0)
		return rc;
	if (strcmp(reading->target->profile, PROFILE) != 0)
		return err_set(err, ERR_INPUT, 400,
			"target \"%s\" has the profile %s: there are such exports for " PROFILE
			" alone",
			reading->name, reading->target->profile);
	if (reading->target->user[0] == '\0' || reading->target->key[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"target \"%s\" needs a user and a key of its own",
			reading->name);
	return named_key_get(
		tx, kv, reading->target->key, req->arena, &reading->key, err);
}

static int
export_target(struct req *req, struct reply *reply, struct err *err)
{
	const struct export_in *in = req->in;
	struct reading reading = { .req = req,
		.name = req_capture(req, "name") };
	char password[PASSWORD_LEN + 1];
	const char *text = NULL;
	const bool is_alter = strcmp(in->format, "alter") == 0;
	int rc;

	if (!is_alter && strcmp(in->format, "rsc") != 0)
		return err_set(
			err, ERR_INPUT, 400, "format must be rsc or alter");
	rc = req_read(req, read_target, &reading, err);
	if (rc != 0)
		return rc;
	random_base62(password, PASSWORD_LEN);
	rc = routeros_export_format(
		&(const struct routeros_export){
			.target = reading.name,
			.user = reading.target->user,
			.password = password,
			.public_key = reading.key.public_key,
			.is_alter = is_alter,
		},
		req->arena, &text, err);
	secret_wipe(password, sizeof(password));
	if (rc != 0)
		return rc;
	reply_str(reply, "format", in->format);
	reply_str(reply, "filename",
		arena_printf(req->arena, "%s.%s", reading.name, in->format));
	reply_str(reply, "text", text);
	return 0;
}

const struct op ssh_target_export_ops[] = {
	{
		.path = "targets/:name/export",
		.verb = OP_READ,
		.in_size = sizeof(struct export_in),
		.fields = export_fields,
		.handler = export_target,
		.summary =
			"Print a script that makes a RouterOS device ready for a target.",
		.text = "The admin user of the target with its group and key, and strong-crypto. It\n"
			"begins with a delay and may be run again: what is there is left alone.",
		.out = export_out,
		.errors = { { 400, "another profile, or no user or key" },
			{ 404, "there is no such target" } },
	},
	OP_END,
};
