/*
 * What the helper does beside checking a password: one row for each word that
 * may stand first on its command line.
 */
#ifndef SALLYPORT_HELPER_COMMAND_H
#define SALLYPORT_HELPER_COMMAND_H

#include "helper/flags.h"
#include "helper/host.h"

/* Begins the options of every command. */
struct command_options {
	const char *config, *log_level;
	bool dev;
};

/* The rows of those; record is the struct that they begin as .common. */
#define COMMAND_FLAGS(record)                                                  \
	FLAG_ROW_TEXT(record, common.config, "config",                         \
		"Configuration; " SYSCONFDIR "/sallyport/helper.hcl."),        \
		FLAG_ROW_BOOL(record, common.dev, "dev",                       \
			"Plain http:// only; never for production."),          \
		FLAG_ROW_TEXT(record, common.log_level, "log-level",           \
			"off, trace, debug, info, warn or error.")

struct command {
	const char *name, *summary;
	const struct flag *flags;
	/* 0: all is well. A set err is told. */
	int (*run)(struct host *host, const void *options, struct err *err);
};

/* No command's options are larger. */
#define COMMAND_OPTIONS_MAX 256

extern const struct command cmd_enrol, cmd_renew, cmd_principals, cmd_status,
	cmd_doctor;

/* NULL: no command has this name. */
const struct command *command_find(const char *name);

/* A line for each. */
void command_print_all(void);

#endif
