/* What an operator does to the store itself: back it up, mend its clock. */
#include "server/api/reply.h"
#include "server/sys/tables.h"

struct backup_in {
	const char *file;
};

static const struct field backup_fields[] = {
	FIELD_STR(struct backup_in, file, .len_max = 4000,
		.doc = "Absolute path, on the server's machine, of a file that is not there yet."),
	FIELD_END,
};

static int
write_backup(struct req *req, struct reply *reply, struct err *err)
{
	const struct backup_in *in = req->in;

	(void)reply;
	if (in->file[0] != '/')
		return err_set(err, ERR_INPUT, 400,
			"'file' must be the absolute path of a new file on the server");
	return store_backup(req->server->store, in->file, err);
}

static int
reset_clock(struct req *req, struct reply *reply, struct err *err)
{
	int rc = store_clock_reset(req->server->store, err);

	if (rc == 0)
		reply_time_ns(reply, "now", store_now_ns(req->server->store));
	return rc;
}

const struct op sys_storage_ops[] = {
	{
		.path = "storage/backup",
		.verb = OP_UPDATE,
		.flags = OP_SUDO,
		.in_size = sizeof(struct backup_in),
		.fields = backup_fields,
		.handler = write_backup,
		.summary =
			"Copy the store, at one point in time, to a new file on the server.",
		.text = "The copy is sealed as the store is. docs/operations.md says how to\n"
			"restore it.",
		.errors = { { 400, "not absolute, or there is such a file" } },
	},
	{
		.path = "storage/clock-reset",
		.verb = OP_UPDATE,
		.flags = OP_SUDO,
		.handler = reset_clock,
		.summary =
			"Set the store's clock mark to the machine's time again.",
		.text = "For a mark that a wrong clock once pushed into the future.",
	},
	OP_END,
};
