/*
 * What stands at the end of an audit file: the answers to requests whose server
 * may have been killed before it wrote them, and how far the store was.
 */
#ifndef SALLYPORT_AUDIT_FILE_END_H
#define SALLYPORT_AUDIT_FILE_END_H

#include "audit/audit.h"
#include "audit/pin.h"
#include "audit/sink_file.h"

/*
 * Mark those of wanted, in order of id, whose answer stands in the last 64 MiB
 * and in the chain that ends at head. Opens the file anew; what cannot be read
 * is not found.
 */
void file_end_find_responses(const struct sink_file *sink,
	const struct auditline_head *head, struct audit_wanted *wanted,
	size_t n);

/* The newest pin with a good signature in the last 4 MiB; if later, to *pin. */
void file_end_find_pin(const struct sink_file *sink,
	const uint8_t public_key[AUDITLINE_PUBLIC], struct audit_pin *pin);

#endif
