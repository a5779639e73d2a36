/* The flags of sallyportd (spec/cli.md 3.7). */
#ifndef SALLYPORT_SERVER_MAIN_OPTIONS_H
#define SALLYPORT_SERVER_MAIN_OPTIONS_H

#include "lib/err.h"

#define OPTIONS_CONFIGS_MAX 32

struct options {
	const char *configs[OPTIONS_CONFIGS_MAX];
	size_t n_configs;
	bool dev, dev_no_store_token, accept_rollback, help, version;
	const char *dev_root_token_id, *dev_listen_address, *dev_storage;
	const char *log_level, *log_format; /* NULL: the configuration's */
};

/*
 * Read argv: -x=v, -x v, --x=v; booleans alone or with =true/false. The
 * environment (SALLYPORT_… first, then VAULT_…) gives the two dev defaults.
 * ERR_INPUT names the flag. Strings are argv's own.
 */
int options_parse(int argc, char *const *argv, struct options *ret_options,
	struct err *err);

/* What -help prints: every flag with its text. */
void options_print_help(void);

#endif
