/* config/options: the switches of a mount, off until set. */
#include "server/engines/ssh/records/options.h"
#include "server/engines/ssh/tables.h"

static int
read_options(struct req *req, struct reply *reply, struct err *err)
{
	struct ssh_options options;
	int rc = ssh_options_get(req, &options, err);

	if (rc != 0)
		return rc;
	reply->data = record_encode(ssh_options_fields, &options, req->arena);
	return reply->data != NULL ? 0 : err_set_memory(err);
}

static int
put_options(struct store_tx *tx, void *ctx, struct err *err)
{
	struct req *req = ctx;

	return ssh_options_put(tx, &req->mount->kv, req->in, req->arena, err);
}

static int
write_options(struct req *req, struct reply *reply, struct err *err)
{
	(void)reply;
	return req_write(req, put_options, req, err);
}

const struct op ssh_options_ops[] = {
	{
		.path = "config/options",
		.verb = OP_READ,
		.handler = read_options,
		.summary = "Read the switches of this mount.",
	},
	{
		.path = "config/options",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct ssh_options),
		.fields = ssh_options_fields,
		.handler = write_options,
		.summary = "Replace the switches of this mount.",
		.text = "Switches that are left out go back to off, or to their default.",
	},
	OP_END,
};
