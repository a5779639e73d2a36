/*
 * Any bytes as the body of a write, bound into every type of field: what is
 * bound is stored and read back as the same; what is refused says why with a
 * 400 and without the value of a secret. The first byte picks JSON, form or
 * bare endpoint.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/jsonw.h"
#include "server/api/bind.h"
#include "server/api/input.h"
#include "server/api/record_ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct all {
	const char *text;
	int64_t number, port, ttl;
	bool on;
	struct str_list list, names;
	struct str_map map;
	const struct value *object;
	struct secret_view code;
};

static const struct field fields[] = {
	FIELD_STR(struct all, text, .initial = "x", .alias = "t", .doc = "."),
	FIELD_INT(struct all, number, .doc = "."),
	FIELD_INT(struct all, port, .min = 1, .max = 65535, .initial = "22",
		.doc = "."),
	FIELD_DURATION(struct all, ttl, .doc = "."),
	FIELD_BOOL(struct all, on, .doc = "."),
	FIELD_LIST(struct all, list, .doc = "."),
	FIELD_NAMES(struct all, names, .doc = "."),
	FIELD_MAP(struct all, map, .doc = "."),
	FIELD_OBJECT(struct all, object, .doc = "."),
	FIELD_SECRET(struct all, code, .len_max = 16, .doc = "."),
	FIELD_END,
};

static const struct op ops[] = {
	{ .path = "weak",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct all),
		.fields = fields },
	{ .path = "bare",
		.verb = OP_UPDATE,
		.flags = OP_BARE,
		.in_size = sizeof(struct all),
		.fields = fields },
};

static void
print(struct arena *arena, const void *record, struct buf *out)
{
	struct value *object = record_encode(fields, record, arena);

	if (object == NULL)
		abort();
	buf_init(out, 64 << 20);
	jsonw_value(out, object, 0);
}

/* Encode, print, read, decode and print again: the same bytes. */
static void
check_stored(struct arena *arena, const struct all *bound)
{
	struct value *read = NULL;
	void *again = NULL;
	struct buf first, second;

	if (bound->port < 1 || bound->port > 65535 || bound->ttl < 0 ||
		bound->code.len > 16)
		abort();
	print(arena, bound, &first);
	if (json_parse(buf_span(&first), &json_limits_trusted, arena, &read,
		    NULL) != 0 ||
		record_decode(fields, sizeof(struct all), read, arena, &again,
			NULL) != 0)
		abort();
	print(arena, again, &second);
	if (!span_equal(buf_span(&first), buf_span(&second)))
		abort();
	buf_clear(&first);
	buf_clear(&second);
}

static void
check_refusal(const struct err *err)
{
	if (err->code == ERR_MEMORY)
		return;
	if (err->status != 400 || err->message[0] == '\0' ||
		strlen(err->message) > 400)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct req req = { .verb = OP_UPDATE };
	struct err err = { 0 };
	bool bare = size > 0 && (data[0] & 1) != 0;
	int rc;

	if (size == 0)
		return 0;
	req.arena = arena_new(64 << 20);
	if (req.arena == NULL)
		return 0;
	req.op = &ops[bare];
	req.body = span_of(data + 1, size - 1);
	req.body_is_form = (data[0] & 2) != 0;
	rc = input_scan(&req, bare, &err);
	if (rc == 0)
		rc = input_read(&req, bare, &err);
	if (rc == 0)
		rc = bind_input(&req, &err);
	if (rc == 0) {
		bind_warn(&req);
		check_stored(req.arena, req.in);
	} else {
		check_refusal(&err);
	}
	arena_free(&req.arena);
	return 0;
}
