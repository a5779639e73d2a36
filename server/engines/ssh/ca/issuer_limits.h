/*
 * What an issuer grants in no certificate, whatever a role says: a longest
 * validity, critical options that users' certificates must have, a number of
 * signatures a second. They are sealed with its key and held by the keeper
 * (server/keeper/cert_check.h); here they are read, and told in time.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_ISSUER_LIMITS_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_ISSUER_LIMITS_H

#include "server/api/reply.h"
#include "server/engines/ssh/ca/cert_rules.h"
#include "server/keeper/keeper.h"

struct ssh_issuer_limits {
	int64_t max_validity_s; /* from valid_after to valid_before; 0: none */
	int64_t max_per_s;      /* signatures; 0: as many as come */
	struct str_map forced;  /* critical options */
};

#define SSH_ISSUER_VALIDITY_MAX_S (100 * 365 * INT64_C(86400))
#define SSH_ISSUER_PER_S_MAX 1000000
#define SSH_ISSUER_FORCED_MAX 8192 /* bytes of names and values */

/* Rows of fields of member, which is a struct ssh_issuer_limits. */
#define SSH_ISSUER_MAX_VALIDITY "max_validity"
#define SSH_ISSUER_MAX_PER_S "max_signatures_per_second"
#define SSH_ISSUER_FORCED "forced_critical_options"
#define SSH_ISSUER_LIMITS_FIELDS(record, member)                                                                         \
	FIELD_AS(DURATION, record, member.max_validity_s,                                                                \
		SSH_ISSUER_MAX_VALIDITY, .max = SSH_ISSUER_VALIDITY_MAX_S,                                               \
		.doc = "No certificate of it is valid for longer, from valid_after to valid_before; 0: no limit here."), \
		FIELD_AS(INT, record, member.max_per_s, SSH_ISSUER_MAX_PER_S,                                            \
			.max = SSH_ISSUER_PER_S_MAX,                                                                     \
			.doc = "It signs no more than that; 0: no limit."),                                              \
		FIELD_AS(MAP, record, member.forced, SSH_ISSUER_FORCED,                                                  \
			.len_max = SSH_ISSUER_FORCED_MAX,                                                                \
			.doc = "Critical options that every user certificate of it has; source-address may be narrower.")

/* What an answer says of them, for documentation. */
#define SSH_ISSUER_LIMITS_OUT                                                          \
	{                                                                              \
		SSH_ISSUER_MAX_VALIDITY, FIELD_TYPE_DURATION,                          \
		"Seconds that a certificate of it is valid at most; 0: no limit here." \
	},                                                                             \
		{ SSH_ISSUER_MAX_PER_S, FIELD_TYPE_INT,                                \
			"Certificates that it signs a second at most; 0: no limit." }, \
	{                                                                              \
		SSH_ISSUER_FORCED, FIELD_TYPE_MAP,                                     \
			"Critical options that every user certificate of it has."      \
	}

/*
 * Which of them the request gives; the others are as in *present. ERR_INPUT
 * (400) for options that sshd could not read. Addresses are put in sshd's form.
 */
int ssh_issuer_limits_settle(struct req *req,
	const struct ssh_issuer_limits *present,
	struct ssh_issuer_limits *limits, struct err *err);

/* Whether the request gives any. */
bool ssh_issuer_limits_are_given(const struct req *req);

/* As the keeper wants them, in arena. */
int ssh_issuer_limits_encode(const struct ssh_issuer_limits *limits,
	struct arena *arena, struct keeper_ca_limits *ret_limits,
	struct err *err);

/* A copy in arena. False: no memory. */
bool ssh_issuer_limits_dup(struct arena *arena,
	const struct ssh_issuer_limits *limits,
	struct ssh_issuer_limits *ret_copy);

/*
 * Tighten an answer of cert_rules_apply to what the issuer signs. ERR_INPUT
 * (400) where what was asked for, or the role fixes, is beyond that.
 */
int ssh_issuer_limits_apply(const struct ssh_issuer_limits *limits,
	const struct cert_question *question, struct cert_answer *answer,
	struct err *err);

/* Members of an answer about the issuer. */
void ssh_issuer_limits_show(
	struct reply *reply, const struct ssh_issuer_limits *limits);

#endif
