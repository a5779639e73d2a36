/*
 * Setting up a target: a key of ours gets there, the machine's host key here,
 * a login is tried, and only then the target is stored. Steps with names; the
 * first that fails ends it, and what those before it did is taken back.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_TARGETS_SETUP_H
#define SALLYPORT_SERVER_ENGINES_SSH_TARGETS_SETUP_H

#include "server/engines/ssh/profiles/truenas_api.h"
#include "server/engines/ssh/records/named_key.h"
#include "server/engines/ssh/records/target.h"

struct setup {
	struct req *req;
	const char *name;         /* of the target, which must be new */
	struct ssh_target target; /* as it will be stored */
	struct truenas nas;       /* semi-automatic: with the credential */

	/* What the steps came to know. */
	struct named_key_info key;
	const char *line; /* that goes to the machine: key and comment */

	/* What the steps did, to be taken back. */
	bool made_key, wrote_line, stored;
	int64_t api_key_id; /* 0: none */

	struct value *steps; /* list of { name, detail }, of those made */
};

enum setup_way {
	SETUP_SEMI_AUTOMATIC, /* by an administrator's credential, once */
	SETUP_PASTE,          /* what somebody is to paste there */
	SETUP_CHECK           /* behind that: does it let us in? */
};

/* ERR_EXISTS (400) where there is a target of this name; ctx: the setup. */
int setup_check_new(struct store_tx *tx, void *ctx, struct err *err);

/*
 * Make the steps. The message of an error names the step that failed, why, and
 * what of the former steps was taken back; its status is 400 for what the
 * caller can mend, else 500.
 */
int setup_run(struct setup *setup, enum setup_way way, struct err *err);

#endif
