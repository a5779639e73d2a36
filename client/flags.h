/* Words of a command line into a struct, by a table of flags. */
#ifndef SALLYPORT_CLIENT_FLAGS_H
#define SALLYPORT_CLIENT_FLAGS_H

#include "client/command.h"

/* A table and the struct that it fills. */
struct flag_set {
	const struct flag *rows;
	void *record;
};

/* Defaults and environment into the record. ERR_INPUT names the variable. */
int flags_init(const struct flag_set *set, struct err *err);

/*
 * Parse options until the first word that is none, or "--". Each word is
 * looked for in every set. *ret_used: words taken. Errors as Go's flag
 * package words them (spec/cli.md 1).
 */
int flags_parse(const struct flag_set *sets, size_t n_sets, int argc,
	char **argv, int *ret_used, struct err *err);

/* SALLYPORT_<name>, else VAULT_<name>, else NULL; empty counts as unset. */
const char *flags_env(const char *name);

#endif
