/*
 * One audit entry as a JSON object in Vault's form, without the tail that
 * lib/auditline.h adds: docs/audit-format.md, section Entries.
 */
#ifndef SALLYPORT_AUDIT_ENTRY_H
#define SALLYPORT_AUDIT_ENTRY_H

#include "audit/audit.h"
#include "audit/hasher.h"
#include "lib/buf.h"

/* How one device wants its entries. */
struct entry_style {
	const struct hasher *hasher;
	bool log_raw;        /* hash nothing */
	bool clear_accessor; /* hmac_accessor=false */
};

/*
 * Append the entry to out. Failures show in buf_check too, so that no part of
 * an entry is ever written.
 */
int entry_render(const struct audit_entry *entry,
	const struct entry_style *style, struct buf *out, struct err *err);

#endif
