/* Rows for tests: read nothing, fail in every way, write, lease, records. */
#include "tests/support/demo_mount.h"

#include <string.h>

#include "server/api/new_row.h"
#include "server/api/record_ops.h"
#include "server/core/seal_open.h"
#include "storage/outbox.h"
#include "tests/support/demo_machines.h"

#define DEMO_KEY_TTL_S 600

_Atomic int demo_runs;
_Atomic int demo_header_len;
void (*demo_in_write)(const struct req *req);

struct thing_in {
	const char *text;
	struct secret_view code;
	int64_t n;
};

static const struct field thing_fields[] = {
	FIELD_STR(struct thing_in, text, .doc = "Text."),
	FIELD_SECRET(struct thing_in, code, .doc = "Code."),
	FIELD_INT(struct thing_in, n, .max = 9, .doc = "Number."),
	FIELD_END,
};

static int
do_nothing(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)reply;
	(void)err;
	demo_runs++;
	return 0;
}

static int
echo(struct req *req, struct reply *reply, struct err *err)
{
	const struct thing_in *in = req->in;

	(void)err;
	demo_runs++;
	reply_str(reply, "text", in->text);
	reply_int(reply, "n", in->n);
	return 0;
}

static int
warn_only(struct req *req, struct reply *reply, struct err *err)
{
	(void)reply;
	(void)err;
	req_warn(req, "mind the %s", "gap");
	return 0;
}

static int
answer_raw(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)err;
	reply_raw(reply, "text/plain", span_str("raw bytes\n"));
	return 0;
}

static int
answer_tagged(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)err;
	reply_tagged(reply, "text/plain", span_str("raw bytes\n"));
	return 0;
}

static int
fail_by_text(struct req *req, struct reply *reply, struct err *err)
{
	const struct thing_in *in = req->in;

	demo_runs++;
	reply_str(reply, "leak", "must not be seen");
	if (strcmp(in->text, "input") == 0)
		return err_set(err, ERR_INPUT, 400, "mend it");
	if (strcmp(in->text, "denied") == 0)
		return err_set(err, ERR_DENIED, 403, "permission denied");
	if (strcmp(in->text, "bad token") == 0)
		return err_set(err, ERR_DENIED, 403, "bad token");
	if (strcmp(in->text, "absent") == 0)
		return err_set(err, ERR_ABSENT, 404, "%s", "");
	if (strcmp(in->text, "silent") == 0)
		return ERR_PEER;
	return err_set(err, ERR_SYSTEM, 500, "internal error");
}

static int
put_note(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct req *req = ctx;
	const struct thing_in *in = req->in;
	struct value *note = value_object(req->arena);

	if (demo_in_write != NULL)
		demo_in_write(req);

	if (!value_set_str(req->arena, note, "text", in->text))
		return err_set_memory(err);
	if (kv_put(tx, &req->mount->kv, "note", note, err) != 0)
		return err->code;
	if (strcmp(in->text, "undo") == 0)
		return err_set(err, ERR_INPUT, 400, "undone");
	return 0;
}

static int
write_note(struct req *req, struct reply *reply, struct err *err)
{
	(void)reply;
	demo_runs++;
	return req_write(req, put_note, req, err);
}

static int
answer_note(struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err)
{
	const struct req *same = ctx;
	const struct thing_in *in = same->in;

	(void)req;
	(void)err;
	if (rc == 0)
		reply_str(reply, "text", in->text);
	return rc;
}

/* A write that nobody waits for. */
static int
leave_note(struct req *req, struct reply *reply, struct err *err)
{
	(void)reply;
	demo_runs++;
	return req_write_then(req, put_note, req, answer_note, err);
}

static void
begin_nothing(struct req *req, void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	req_resume(req, 0);
}

static int
leave_note_then(struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err)
{
	const struct req *same = ctx;
	const struct thing_in *in = same->in;

	(void)reply;
	if (rc == 0 && strcmp(in->text, "refuse") == 0)
		return err_set(err, ERR_INPUT, 400, "refused");
	return rc != 0 ? rc
		       : req_write_then(req, put_note, req, answer_note, err);
}

/* The same, and before it something else that nobody waits for. */
static int
wait_and_leave_note(struct req *req, struct reply *reply, struct err *err)
{
	(void)reply;
	(void)err;
	demo_runs++;
	req_wait_then(req, begin_nothing, req, leave_note_then);
	return 0;
}

/* A change, and before it is answered somebody seals. */
static int
write_and_seal(struct req *req, struct reply *reply, struct err *err)
{
	int rc = write_note(req, reply, err);

	return rc != 0 ? rc : seal_seal(req->server->seal, err);
}

/* The mount is removed while a request of it is at work. */
static int
unmount_and_write(struct req *req, struct reply *reply, struct err *err)
{
	int rc = mounts_remove(req->server->mounts, req->mount->path, err);

	return rc != 0 ? rc : write_note(req, reply, err);
}

static int
read_note(struct req *req, struct reply *reply, struct err *err)
{
	struct value *note = NULL;
	int rc = kv_read(req->server->store, &req->mount->kv, "note",
		req->arena, &note, err);

	if (rc == 0)
		reply_str(reply, "text", value_find_str(note, "text", ""));
	return rc;
}

static int
lease_thing(struct req *req, struct reply *reply, struct err *err)
{
	int rc = req_check_lease_allowed(req, err);

	if (rc == 0)
		rc = req_write(req, put_note, req, err);
	if (rc == 0)
		reply_lease(reply, "demo/lease/x", true, 60);
	return rc;
}

static int
spend_one(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct req *req = ctx;
	bool last;

	return token_spend_use(
		tx, req->token->lease.ref, req->arena, &last, err);
}

/* A lease, with another request's use of the token in between. */
static int
lease_raced(struct req *req, struct reply *reply, struct err *err)
{
	int rc = req_check_lease_allowed(req, err);

	(void)reply;
	if (rc == 0)
		rc = store_write(req->server->store, spend_one, req, err);
	return rc != 0 ? rc : req_write(req, put_note, req, err);
}

/* ---- a lease that lies on a machine: see demo_machines.h ---------------- */

struct key_making {
	struct req *req;
	struct lease lease;
	bool live;
};

static int
insert_key(struct store_tx *tx, void *ctx, struct err *err)
{
	struct key_making *making = ctx;
	struct lease *lease = &making->lease;

	lease->state = LEASE_INSTALLING;
	lease->renewable = true;
	lease->owner = making->req->token->lease.ref;
	lease->issue_ns = tx_now_ns(tx);
	lease->ttl_s = DEMO_KEY_TTL_S;
	lease->expire_s = tx_now_s(tx) + DEMO_KEY_TTL_S;
	lease->max_s = tx_now_s(tx) + 2 * DEMO_KEY_TTL_S;
	lease->takeback.next_try_s = tx_now_s(tx) + 60;
	return lease_insert(tx, lease, err);
}

static int
end_key(struct store_tx *tx, void *ctx, struct err *err)
{
	struct key_making *making = ctx;

	return lease_end_install(tx, &making->lease, true, making->req->arena,
		&making->live, err);
}

static int
make_key(struct req *req, struct reply *reply, struct err *err)
{
	const struct mount *mount = req->mount;
	const char *machine = req_capture(req, "machine");
	char *path = arena_printf(req->arena, "keys/%s", machine);
	struct key_making making = { .req = req };
	struct barrier *barrier = NULL;
	char id[LEASE_ID_MAX];
	uint32_t number;
	int rc = lease_path_number(
		req->server->store, mount->uuid, path, &number, err);

	if (rc == 0)
		rc = req_new_row(
			req, LEASE_DYNAMIC, number, &making.lease, err);
	if (rc != 0)
		return rc;
	making.lease.data =
		span_str(arena_printf(req->arena, "%s/key", machine));
	barrier = seal_hold_barrier(req->server->seal);
	rc = lease_id_format(barrier, mount->uuid, mount->path, path,
		&making.lease, id, err);
	seal_release_barrier(req->server->seal);
	if (rc == 0)
		rc = req_write(req, insert_key, &making, err);
	if (rc == 0)
		demo_machine_of(making.lease.data)->n_keys++;
	if (rc == 0)
		rc = store_write(req->server->store, end_key, &making, err);
	if (rc == 0)
		reply_lease(reply, arena_strdup(req->arena, id), true,
			DEMO_KEY_TTL_S);
	return rc;
}

static int
peek(struct req *req, struct reply *reply, struct err *err)
{
	(void)err;
	demo_header_len = (int)req->token_text.len;
	reply_bool(reply, "known", req->token != NULL);
	return 0;
}

static int
list_keys(struct req *req, struct reply *reply, struct err *err)
{
	(void)err;
	reply_keys(reply, value_list(req->arena));
	return 0;
}

static int
exists_a(struct req *req, bool *ret_exists, struct err *err)
{
	(void)err;
	*ret_exists = strcmp(req_capture(req, "name"), "a") == 0;
	return 0;
}

/* ---- records ---------------------------------------------------------- */

struct card {
	const char *color, *shade;
	int64_t size;
	struct str_list tags;
	struct str_map extra;
	bool on;
};

static const struct field card_fields[] = {
	FIELD_STR(struct card, color, .initial = "red", .doc = "Colour."),
	FIELD_STR(struct card, shade, .doc = "Shade."),
	FIELD_INT(struct card, size, .min = 1, .max = 100, .initial = "5",
		.doc = "Size."),
	FIELD_LIST(struct card, tags, .doc = "Tags."),
	FIELD_MAP(struct card, extra, .doc = "Extra."),
	FIELD_BOOL(struct card, on, .initial = "true", .doc = "Switch."),
	FIELD_END,
};

static int
check_card(struct req *req, const char *name, void *record, struct err *err)
{
	struct card *card = record;

	(void)req;
	if (strcmp(card->color, "grey") == 0)
		card->color = "gray";
	if (strcmp(card->color, "none") == 0)
		return err_set(err, ERR_INPUT, 400, "no colour for %s", name);
	return 0;
}

static int
check_card_tx(struct store_tx *tx, struct req *req, const char *name,
	void *record, struct err *err)
{
	const struct card *card = record;

	(void)name;
	if (strcmp(card->shade, "needs-a") == 0 &&
		!kv_exists(tx, &req->mount->kv, "cards/a"))
		return err_set(err, ERR_INPUT, 400, "no card a");
	return 0;
}

static struct value *
card_info(struct req *req, const char *name, const void *record)
{
	const struct card *card = record;
	struct value *info = value_object(req->arena);

	(void)name;
	if (!value_set_str(req->arena, info, "color", card->color))
		return NULL;
	return info;
}

static int
keep_last(
	struct store_tx *tx, struct req *req, const char *name, struct err *err)
{
	(void)tx;
	(void)req;
	if (strcmp(name, "keep") == 0)
		return err_set(err, ERR_INPUT, 400, "kept");
	return 0;
}

static const struct record_type card_record = {
	.prefix = "cards/",
	.capture = "card",
	.lower_case_names = true,
	.fields = card_fields,
	.size = sizeof(struct card),
	.check = check_card,
	.check_tx = check_card_tx,
	.key_info = card_info,
	.on_delete = keep_last,
};

/* A record that merges, with a field only sent and one only stored. */
struct badge {
	const char *color, *mark;
	struct secret_view pin;
	int64_t size;
};

static const struct field badge_fields[] = {
	FIELD_STR(struct badge, color, .initial = "red", .doc = "Colour."),
	FIELD_INT(struct badge, size, .alias = "width", .doc = "Size."),
	FIELD_SECRET(
		struct badge, pin, .flags = FIELD_SENT, .doc = "A secret."),
	FIELD_STR(struct badge, mark, .flags = FIELD_STORED,
		.doc = "Whether a pin was ever sent."),
	FIELD_END,
};

static const struct field badge_color_fields[] = {
	FIELD_STR(struct badge, color, .initial = "red", .doc = "Colour."),
	FIELD_END,
};

static int
check_badge_tx(struct store_tx *tx, struct req *req, const char *name,
	void *record, struct err *err)
{
	struct badge *badge = record;

	(void)tx;
	(void)req;
	(void)name;
	if (badge->pin.len > 0)
		badge->mark = "pinned";
	if (badge->mark[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing pin");
	return 0;
}

static const struct record_type badge_record = {
	.prefix = "badges/",
	.capture = "badge",
	.merges = true,
	.fields = badge_fields,
	.size = sizeof(struct badge),
	.check_tx = check_badge_tx,
};

#define ROW(pattern, what, fn, ...)                                            \
	{                                                                      \
		.path = pattern, .verb = what, .handler = fn,                  \
		.summary = pattern, __VA_ARGS__                                \
	}
#define THING .in_size = sizeof(struct thing_in), .fields = thing_fields

static int
note_facts(
	void *ctx, const struct outbox_fact *facts, size_t n, struct err *err)
{
	struct reply *reply = ctx;

	(void)err;
	reply_int(reply, "facts", (int64_t)n);
	reply_int(reply, "status", n > 0 ? facts[0].status : -1);
	return 0;
}

/* What the outbox holds between the announcement and the change. */
static int
announce(struct req *req, struct reply *reply, struct err *err)
{
	int rc = req_announce(req, err);

	return rc != 0
		? rc
		: outbox_scan(req->server->store, note_facts, reply, err);
}

static const struct op demo_ops[] = {
	ROW("nothing", OP_READ, do_nothing, .flags = 0),
	ROW("nothing", OP_UPDATE, do_nothing, .flags = 0),
	ROW("echo", OP_UPDATE, echo, THING),
	ROW("echo", OP_READ, echo, THING),
	ROW("doubled", OP_UPDATE, echo, THING, .flags = OP_DOUBLED),
	ROW("bare", OP_UPDATE, echo, THING, .flags = OP_BARE),
	ROW("slow", OP_UPDATE, echo, THING, .flags = OP_SLOW),
	ROW("warn", OP_UPDATE, warn_only, .flags = 0),
	ROW("raw", OP_READ, answer_raw, .flags = OP_UNAUTHENTICATED),
	ROW("tagged", OP_READ, answer_tagged,
		.flags = OP_UNAUTHENTICATED | OP_RAW),
	ROW("fail", OP_UPDATE, fail_by_text, THING),
	ROW("open-fail", OP_UPDATE, fail_by_text, THING,
		.flags = OP_UNAUTHENTICATED),
	ROW("open", OP_UPDATE, peek, .flags = OP_UNAUTHENTICATED),
	ROW("small", OP_UPDATE, peek,
		.flags = OP_UNAUTHENTICATED | OP_SMALL_BODY),
	ROW("peek", OP_READ, peek, .flags = 0),
	ROW("headed", OP_READ, peek,
		.flags = OP_UNAUTHENTICATED | OP_UNAUDITED | OP_HEAD),
	ROW("note", OP_UPDATE, write_note, THING),
	ROW("left-note", OP_UPDATE, leave_note, THING, .flags = OP_ONE_WRITE),
	ROW("late-left-note", OP_UPDATE, leave_note, THING),
	ROW("waited-left-note", OP_UPDATE, wait_and_leave_note, THING,
		.flags = OP_ONE_WRITE),
	ROW("early-note", OP_UPDATE, write_note, THING, .flags = OP_ONE_WRITE),
	ROW("early-nothing", OP_UPDATE, do_nothing, THING,
		.flags = OP_ONE_WRITE),
	ROW("note", OP_READ, read_note, .flags = 0),
	ROW("unmounted-note", OP_UPDATE, unmount_and_write, THING),
	ROW("sealed-note", OP_UPDATE, write_and_seal, THING),
	ROW("announced", OP_UPDATE, announce, .flags = 0),
	ROW("lease", OP_UPDATE, lease_thing, THING),
	ROW("raced", OP_UPDATE, lease_raced, THING),
	ROW("keys/:machine", OP_UPDATE, make_key, .flags = 0),
	ROW("empty", OP_LIST, list_keys, .flags = 0),
	ROW("sudo", OP_UPDATE, do_nothing, .flags = OP_SUDO),
	ROW("made/:name", OP_UPDATE, do_nothing, .flags = OP_EXISTENCE,
		.exists = exists_a),
	ROW("badges/:badge", OP_UPDATE, record_write, .flags = OP_EXISTENCE,
		.exists = record_exists, .record = &badge_record),
	ROW("badges/:badge", OP_READ, record_read, .record = &badge_record),
	ROW("badges/:badge/color", OP_READ, record_part_read,
		.record = &badge_record),
	ROW("badges/:badge/color", OP_UPDATE, record_part_write,
		.record = &badge_record, .in_size = sizeof(struct badge),
		.fields = badge_color_fields),
	ROW("badges/:badge/color", OP_DELETE, record_part_delete,
		.record = &badge_record),
	RECORD_OPS("cards", "cards/:card", &card_record, "card"),
	OP_END,
};

static const struct op *const demo_tables[] = { demo_ops, NULL };

const struct mount_type demo_mount_type = {
	.name = "demo",
	.description = "Rows for tests.",
	.tables = demo_tables,
	.lease_hooks = &demo_lease_hooks,
};
