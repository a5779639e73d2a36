/*
 * What a role asks of a token's claims, once its signature is good. Pure:
 * knows neither keys nor requests.
 */
#ifndef SALLYPORT_SERVER_AUTH_JWT_CLAIMS_H
#define SALLYPORT_SERVER_AUTH_JWT_CLAIMS_H

#include "server/auth/jwt/jwt.h"

/* s: how long a token is good that says only when it was made; clock skew. */
#define JWT_LEEWAY_DEFAULT 150
#define JWT_SKEW_DEFAULT 60

/*
 * A token's payload: one JSON object, strict. 400 with the text of refusal
 * where it is none; ERR_MEMORY.
 */
int claims_parse(struct span payload, struct arena *arena, const char *refusal,
	const struct value **ret_claims, struct err *err);

/*
 * Times, issuer ("": any), subject, audience and bound claims. 400 "error
 * validating token: …" or "error validating claims: …".
 */
int claims_check(const struct jwt_role *role, const char *issuer,
	const struct value *claims, int64_t now_s, struct err *err);

/*
 * Times, where there are any, with the usual leeways, issuer and audience ("":
 * any) without a role: 400 as above.
 */
int claims_check_plain(const struct value *claims, const char *issuer,
	const char *audience, int64_t now_s, struct err *err);

struct claims_identity {
	const char *user;
	struct str_map meta; /* of claim_mappings */
	struct str_list groups;
};

/* Who the token is about, into arena; 400 with what is missing. */
int claims_identity(const struct jwt_role *role, const struct value *claims,
	struct arena *arena, struct claims_identity *ret_identity,
	struct err *err);

#endif
