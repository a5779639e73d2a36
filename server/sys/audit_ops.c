/* audit, audit-hash: where the audit log goes. */
#include "server/api/reply.h"
#include "server/core/audit_devices.h"
#include "server/sys/tables.h"

struct device_in {
	const char *type, *description;
	const struct value *options;
	bool local, skip_test;
};

static const struct field device_fields[] = {
	FIELD_STR(struct device_in, type, .len_max = 64,
		.doc = "Kind of device; \"file\"."),
	FIELD_STR(struct device_in, description, .len_max = 1024,
		.doc = "A text for people."),
	FIELD_OBJECT(struct device_in, options,
		.doc = "file_path, mode, hmac_accessor, log_raw, write_timeout."),
	FIELD_BOOL(struct device_in, local, .doc = "Shown again in lists."),
	FIELD_BOOL(struct device_in, skip_test,
		.doc = "Do not write a test line first."),
	FIELD_END,
};

struct hash_in {
	const char *input;
};

static const struct field hash_fields[] = {
	FIELD_STR(struct hash_in, input, .len_max = 65536,
		.doc = "Text to hash as the device does."),
	FIELD_END,
};

static int
list_devices(struct req *req, struct reply *reply, struct err *err)
{
	struct value *list = NULL;
	int rc = audit_devices_list(req->server, req->arena, &list, err);

	if (rc == 0)
		reply->data = list;
	return rc;
}

static int
enable_device(struct req *req, struct reply *reply, struct err *err)
{
	const struct device_in *in = req->in;
	int rc = req_announce(req, err);

	(void)reply;
	if (rc != 0)
		return rc;
	return audit_devices_add(req->server, req_capture(req, "path"),
		in->type, in->description, in->options, in->local,
		in->skip_test, err);
}

static int
disable_device(struct req *req, struct reply *reply, struct err *err)
{
	int rc = req_announce(req, err);

	(void)reply;
	return rc != 0 ? rc
		       : audit_devices_remove(
				 req->server, req_capture(req, "path"), err);
}

static int
hash_input(struct req *req, struct reply *reply, struct err *err)
{
	const struct hash_in *in = req->in;
	const char *path =
		arena_printf(req->arena, "%s/", req_capture(req, "path"));
	char hash[80];
	int rc;

	if (path == NULL)
		return err_set_memory(err);
	if (in->input[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"the \"input\" parameter is empty");
	rc = audit_hash(
		req->server->audit, path, span_str(in->input), hash, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		return err_set(err, ERR_INPUT, 400,
			"unknown audit backend \"%.64s\"", path);
	}
	if (rc == 0)
		reply_str(reply, "hash", hash);
	return rc;
}

const struct op sys_audit_ops[] = {
	{
		.path = "audit",
		.verb = OP_READ,
		.flags = OP_SUDO | OP_DOUBLED,
		.handler = list_devices,
		.summary =
			"List the enabled audit devices, with their public keys.",
	},
	{
		.path = "audit/:path",
		.verb = OP_UPDATE,
		.flags = OP_SUDO | OP_DOUBLED | OP_REST,
		.in_size = sizeof(struct device_in),
		.fields = device_fields,
		.handler = enable_device,
		.summary = "Enable an audit device.",
		.text = "From then on no request is answered that a device did not take. A file\n"
			"lies below one of the configured audit_directories.",
		.errors = { { 400,
			"in use, unknown type, or not to be opened" } },
	},
	{
		.path = "audit/:path",
		.verb = OP_DELETE,
		.flags = OP_SUDO | OP_DOUBLED | OP_REST,
		.handler = disable_device,
		.summary = "Disable an audit device.",
	},
	{
		.path = "audit-hash/:path",
		.verb = OP_UPDATE,
		.flags = OP_DOUBLED | OP_REST,
		.in_size = sizeof(struct hash_in),
		.fields = hash_fields,
		.handler = hash_input,
		.summary =
			"Hash a text as an audit device does, to find it in its log.",
		.errors = { { 400, "no input, or no such device" } },
	},
	OP_END,
};
