/*
 * A pin is read from its end: what stands before it is any JSON, in which the
 * quotes of its names could only be escaped ones.
 */
#include "audit/pin.h"

#include <string.h>

#include "lib/number.h"

#define EPOCH ",\"epoch\":"
#define BATCH ",\"batch\":"

bool
audit_pin_is_before(struct audit_pin a, struct audit_pin b)
{
	return a.epoch != b.epoch ? a.epoch < b.epoch : a.batch < b.batch;
}

int
audit_pin_add(struct buf *body, const struct audit_pin *pin, struct err *err)
{
	if (pin->batch == 0)
		return 0;
	body->len--; /* the closing brace */
	buf_addf(body, EPOCH "%llu" BATCH "%llu}",
		(unsigned long long)pin->epoch, (unsigned long long)pin->batch);
	return buf_check(body, err);
}

/* Cut name and the number behind it off the end of body. */
static bool
cut_number(struct span *body, const char *name, uint64_t *ret_number)
{
	const size_t name_len = strlen(name);
	size_t at = body->len;

	while (at > 0 && body->data[at - 1] >= '0' && body->data[at - 1] <= '9')
		at--;
	if (at < name_len ||
		memcmp(body->data + at - name_len, name, name_len) != 0 ||
		number_parse_u64(
			span_skip(*body, at), UINT64_MAX, ret_number) != 0)
		return false;
	body->len = at - name_len;
	return true;
}

bool
audit_pin_of(struct span line, const uint8_t public_key[AUDITLINE_PUBLIC],
	struct audit_pin *ret_pin)
{
	struct audit_pin pin;
	struct span body;

	if (!auditline_is_signed_by(line, public_key, &body) ||
		!cut_number(&body, BATCH, &pin.batch) ||
		!cut_number(&body, EPOCH, &pin.epoch))
		return false;
	*ret_pin = pin;
	return true;
}
