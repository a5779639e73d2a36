/*
 * What an operator does to the store itself: back it up, check it, mend its
 * clock, see how far its key is used.
 */
#include "server/api/reply.h"
#include "server/core/seal.h"
#include "server/sys/tables.h"
#include "storage/scrub.h"

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

/* What a check found; names beyond the cap are counted only. */
#define DAMAGED_MAX 1000

struct check {
	struct arena *arena;
	struct value *names;
};

static void
add_name(void *ctx, const char *record)
{
	struct check *check = ctx;

	if (check->names->n < DAMAGED_MAX)
		(void)value_add(
			check->names, value_string(check->arena, record));
}

static int
check_store(struct req *req, struct reply *reply, struct err *err)
{
	struct check check = { req->arena, value_list(req->arena) };
	struct scrub pass = { 0 };
	int rc = check.names == NULL ? err_set_memory(err) : 0;

	while (rc == 0 && !pass.done)
		rc = scrub_step(
			req->server->store, &pass, add_name, &check, err);
	if (rc != 0)
		return rc;
	reply_int(reply, "records", (int64_t)pass.n_records);
	reply_int(reply, "damaged", (int64_t)pass.n_damaged);
	reply_value(reply, "damaged_records", check.names);
	return 0;
}

static int
read_key_status(struct req *req, struct reply *reply, struct err *err)
{
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	uint32_t term;
	int64_t installed_s;
	uint64_t n;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	barrier_status(barrier, &term, &installed_s, &n);
	seal_release_barrier(req->server->seal);
	reply_int(reply, "term", term);
	reply_time_s(reply, "install_time", installed_s);
	reply_int(reply, "encryptions", (int64_t)n);
	return 0;
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
		.path = "storage/check",
		.verb = OP_UPDATE,
		.flags = OP_SUDO | OP_SLOW,
		.handler = check_store,
		.summary =
			"Open every record of the store and tell which cannot be read.",
		.text = "A record that cannot be read is refused wherever it is needed, alone;\n"
			"nothing is changed. The server does the same by itself once a day and\n"
			"logs what it finds.",
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
	{
		.path = "key-status",
		.verb = OP_READ,
		.flags = OP_DOUBLED,
		.handler = read_key_status,
		.summary =
			"The key that seals the store's records, and how often it did.",
		.text = "Before it has sealed 2^32 values the server adds a new one by itself;\n"
			"what former keys sealed stays readable.",
	},
	OP_END,
};
