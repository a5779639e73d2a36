/*
 * "explain" of dynamic roles: where a key would be put, how the server would
 * get there and what it would know the machine by. Nothing is made, no machine
 * is asked and no private key is opened.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DYNAMIC_WAY_H
#define SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_DYNAMIC_WAY_H

#include "server/api/explain.h"
#include "server/engines/ssh/dynamic/dynamic_lease.h"

struct dynamic_way {
	struct dynamic_lease plan;
	struct profile_job job;
	bool is_planned, is_known; /* plan, job are set */
};

/*
 * Ask the rules that stand behind a role's own; *n_true counts those that hold
 * up. ERR_INPUT: the next did not.
 */
int dynamic_way_ask(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_way *way, size_t *n_true, struct err *err);

void dynamic_way_explain(struct reply *reply, struct explanation *explanation);

/* As far as it is known; port: where it is not. */
void dynamic_way_show(
	struct reply *reply, const struct dynamic_way *way, int64_t port);

/* What that adds to an answer, for the tables of operations. */
#define DYNAMIC_WAY_OUT                                                                       \
	{                                                                                     \
		"host", FIELD_TYPE_STR,                                                       \
		"With explain, of dynamic roles: the machine that would be called."           \
	},                                                                                    \
		{ "profile", FIELD_TYPE_STR, "With explain: its profile." },                  \
		{ "host_key_policy", FIELD_TYPE_STR,                                          \
			"With explain: strict, tofu or off." },                               \
	{                                                                                     \
		"host_keys", FIELD_TYPE_LIST,                                                 \
			"With explain: fingerprints of the host keys that are pinned for it." \
	}

#endif
