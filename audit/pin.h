/*
 * A pin says on a signed line how far the store was when the line was made, so
 * that an older store that is put in its place shows (docs/audit-format.md,
 * section Pins).
 */
#ifndef SALLYPORT_AUDIT_PIN_H
#define SALLYPORT_AUDIT_PIN_H

#include "lib/auditline.h"

/* The store's epoch and the number of its last durable commit. */
struct audit_pin {
	uint64_t epoch, batch; /* batch 0: not known, no pin */
};

/* a is of an earlier epoch, or of an earlier commit of the same one. */
bool audit_pin_is_before(struct audit_pin a, struct audit_pin b);

/* Make a pin, unless it is not known, the last members of a whole body. */
int audit_pin_add(
	struct buf *body, const struct audit_pin *pin, struct err *err);

/* The pin of a line with a good signature; false where there is none. */
bool audit_pin_of(struct span line, const uint8_t public_key[AUDITLINE_PUBLIC],
	struct audit_pin *ret_pin);

#endif
