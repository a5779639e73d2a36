/*
 * Who a service account's token says it is, and what the cluster answers when
 * asked. Pure: JSON in, JSON out.
 */
#ifndef SALLYPORT_SERVER_AUTH_KUBERNETES_ACCOUNT_H
#define SALLYPORT_SERVER_AUTH_KUBERNETES_ACCOUNT_H

#include "lib/buf.h"
#include "server/auth/kubernetes/kubernetes.h"

struct account {
	const char *name, *space, *uid, *secret; /* secret "": none */
};

/*
 * From a token's claims, of either form: of a secret, or bound to a pod.
 * ERR_INPUT, 400, where it is of no service account.
 */
int account_of_claims(const struct value *claims, struct account *ret_account,
	struct err *err);

/* 403 "namespace not authorized", "service account name not authorized". */
int account_check(const struct account *account,
	const struct kubernetes_role *role, struct err *err);

/* A TokenReview of jwt for an audience ("": none named), as JSON. */
int account_review(struct secret_view jwt, const char *audience,
	struct arena *arena, struct buf *out, struct err *err);

/*
 * Whether the answer to it confirms the token, its account and the audience.
 * ERR_DENIED, 403 "permission denied", with why as detail.
 */
int account_confirm(struct span answer, const struct account *account,
	const char *audience, struct arena *arena, struct err *err);

#endif
