/* The unseal file: 32 bytes as text, in a file that only its owner reads. */
#ifndef SALLYPORT_SERVER_CORE_UNSEAL_FILE_H
#define SALLYPORT_SERVER_CORE_UNSEAL_FILE_H

#include "lib/secret.h"
#include "server/core/settings_table.h"

#define UNSEAL_KEY 32

/* Hex or base64 of 32 bytes. Errors name the file and what would be right. */
int unseal_file_read(
	const char *path, struct secret **ret_key, struct err *err);

/*
 * For a first init: read the file of the settings, or make it with mode 0400
 * where there is none. Warns where it stands beside the store.
 */
int unseal_file_make(const struct server_settings *settings,
	struct secret **ret_key, struct err *err);

#endif
