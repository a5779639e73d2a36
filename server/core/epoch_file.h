/*
 * The epoch file: how far the store was when the server was last unsealed or
 * sealed, in a file beside the audit log, so that an older store that is put
 * in its place shows even where no audit device ran (docs/storage-format.md,
 * section Rollback). One for each cluster id, in the first of the audit
 * directories; those of the others are read too, since directories move.
 */
#ifndef SALLYPORT_SERVER_CORE_EPOCH_FILE_H
#define SALLYPORT_SERVER_CORE_EPOCH_FILE_H

#include "audit/pin.h"
#include "server/core/settings_table.h"

/*
 * The furthest of all files of that cluster; zeros where there is none. A file
 * that cannot be read, or that others may write, is an error that names it.
 */
int epoch_file_read(const struct server_settings *settings,
	const char *cluster_id, struct audit_pin *ret_pin, struct err *err);

/* Replace the file in the first directory (mode 0640). */
int epoch_file_write(const struct server_settings *settings,
	const char *cluster_id, const struct audit_pin *pin, struct err *err);

#endif
