/*
 * The record of a role. Its role id leads to it through an index record, under
 * a keyed hash; its own id, which no other role of any time has, names the
 * rows of its secret ids.
 */
#ifndef SALLYPORT_SERVER_AUTH_APPROLE_ROLE_H
#define SALLYPORT_SERVER_AUTH_APPROLE_ROLE_H

#include "server/api/record_ops.h"
#include "server/auth/token_params.h"

struct approle_role {
	const char *id;      /* its own: a UUID, never shown */
	const char *role_id; /* what logins name it by */
	bool bind_secret_id; /* logins need a secret id */
	bool local_secret_ids;
	int64_t secret_id_num_uses, secret_id_ttl; /* 0: no limit */
	struct str_list secret_id_bound_cidrs;
	struct token_params token;
	/* Drawn for a write that creates a role; in its input alone. */
	const char *new_id, *new_role_id;
};

extern const struct record_type approle_role_record;

/* Its fields that have paths of their own, but for those of tokens. */
#define APPROLE_BIND_SECRET_ID(...)                                            \
	FIELD_BOOL(struct approle_role, bind_secret_id, .initial = "true",     \
		.doc = "Whether logins need a secret id.", __VA_ARGS__)
#define APPROLE_NUM_USES(...)                                                           \
	FIELD_INT(struct approle_role, secret_id_num_uses, .max = INT32_MAX,            \
		.doc = "How many logins a new secret id is good for; 0 is any number.", \
		__VA_ARGS__)
#define APPROLE_TTL(...)                                                       \
	FIELD_DURATION(struct approle_role, secret_id_ttl,                     \
		.doc = "Lifetime of a new secret id; 0 is for ever.",          \
		__VA_ARGS__)
#define APPROLE_BOUND_CIDRS(text, ...)                                         \
	FIELD_AS(LIST, struct approle_role, secret_id_bound_cidrs, text,       \
		.len_max = 16384,                                              \
		.doc = "Blocks of addresses that may log in; none is any.",    \
		__VA_ARGS__)
#define APPROLE_ROLE_ID(...)                                                   \
	FIELD_STR(struct approle_role, role_id, .len_max = 1024,               \
		.doc = "What logins name the role by; a UUID if left out.",    \
		__VA_ARGS__)

/* The role's name that a role id leads to, into req's arena. ERR_ABSENT. */
int approle_role_by_id(struct req *req, const char *role_id,
	const char **ret_name, struct err *err);

#endif
