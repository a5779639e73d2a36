/*
 * The filter is text, four bits to the hex digit, as records are. A name is a
 * hash already: each three of its digits are the number of a bit.
 */
#include "server/engines/ssh/ca/revoked_marks.h"

#include <string.h>

#include "server/api/record_ops.h"

#define RECORD_NAME "revoked-marks"
#define DIGITS 1024    /* 4,096 bits: some 400 names, then look-ups */
#define BITS_OF_NAME 4 /* three digits each */

struct marks_record {
	const char *marks;
};

static const struct field marks_fields[] = {
	FIELD_STR(struct marks_record, marks, .len_max = DIGITS,
		.doc = "Bits, in hex."),
	FIELD_END,
};

static const struct record_type marks_record = {
	.prefix = "",
	.fields = marks_fields,
	.size = sizeof(struct marks_record),
};

static unsigned
digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The number of a name's i-th bit. */
static unsigned
bit_of(const char *id, size_t i)
{
	const char *at = id + 3 * i;

	return digit(at[0]) << 8 | digit(at[1]) << 4 | digit(at[2]);
}

bool
ssh_revoked_marks_have(const char *marks, const char *id)
{
	for (size_t i = 0; i < BITS_OF_NAME; i++) {
		const unsigned bit = bit_of(id, i);

		if ((digit(marks[bit / 4]) >> bit % 4 & 1) == 0)
			return false;
	}
	return true;
}

static void
set_bits(char marks[DIGITS + 1], const char *id)
{
	for (size_t i = 0; i < BITS_OF_NAME; i++) {
		const unsigned bit = bit_of(id, i);
		char *at = &marks[bit / 4];

		*at = "0123456789abcdef"[digit(*at) | 1U << bit % 4];
	}
}

int
ssh_revoked_mark(
	struct store_tx *tx, struct req *req, const char *id, struct err *err)
{
	char marks[DIGITS + 1];
	const struct marks_record made = { .marks = marks };
	const void *record = NULL;
	struct value *value = NULL;
	int rc = record_get(tx, &req->mount->kv, &marks_record, RECORD_NAME,
		req->arena, &record, err);

	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	memset(marks, '0', DIGITS);
	marks[DIGITS] = '\0';
	if (rc == 0)
		memcpy(marks, ((const struct marks_record *)record)->marks,
			DIGITS);
	set_bits(marks, id);
	value = record_encode(marks_fields, &made, req->arena);
	if (value == NULL)
		return err_set_memory(err);
	return kv_put(tx, &req->mount->kv, RECORD_NAME, value, err);
}

int
ssh_revoked_marks_find(struct req *req, struct compiled **ret_ref,
	const char **ret_marks, struct err *err)
{
	const void *record = NULL;
	int rc = record_find(req->server->store, &req->mount->kv, &marks_record,
		RECORD_NAME, ret_ref, &record, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		*ret_marks = NULL;
		return 0;
	}
	if (rc == 0)
		*ret_marks = ((const struct marks_record *)record)->marks;
	return rc;
}
