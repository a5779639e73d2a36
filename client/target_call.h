/* What the commands of the group target have in common. */
#ifndef SALLYPORT_CLIENT_TARGET_CALL_H
#define SALLYPORT_CLIENT_TARGET_CALL_H

#include "client/cli.h"

#define TARGET_MOUNT_FLAG(record)                                              \
	TEXT_FLAG(record, mount_point, "mount-point", .initial = "ssh/",       \
		.help = "Where the engine is mounted.")

/* "<mount>targets/<name><tail>", in the arena. */
const char *target_path(struct cli *cli, const char *mount_point,
	const char *name, const char *tail);

/* POST to such a path, and say what is under way; false: err says why. */
bool target_post(struct cli *cli, const char *path, const struct value *body,
	const char *doing, const char *name, struct err *err);

/* The host keys of a scan as a table. */
void target_print_keys(struct cli *cli, const struct value *scan);

/* Their fingerprints: those in the state, or all where it is NULL. */
struct value *target_fingerprints(
	struct cli *cli, const struct value *scan, const char *state);

/*
 * Ask on the terminal whether the keys shown are the machine's: yes, or one
 * of their fingerprints, is yes. False too where there is no terminal.
 */
bool target_confirm(struct cli *cli, const struct value *fingerprints);

#endif
