/*
 * The few calls of TrueNAS's REST API (/api/v2.0) that setting up a target
 * makes; docs/truenas.md says which documents they follow. The credential is
 * an administrator's, given for this once.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_TRUENAS_API_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_TRUENAS_API_H

#include "lib/str_list.h"
#include "lib/value.h"
#include "server/outbound/outbound.h"

struct truenas {
	struct outbound *outbound;
	struct arena *arena;
	const char *url; /* https://…, without a path */
	const char *ca_cert, *tls_pin;
	const char *user;          /* "": secret is an API key */
	struct secret_view secret; /* password or API key */
	int64_t deadline_ms;       /* of one call */
};

/*
 * All of these: ERR_PEER (500) with what it said where it refuses, "it does
 * not take the credential" among that; else as outbound_https.
 */

/* "TrueNAS-13.0-U6.1" */
int truenas_version(
	const struct truenas *nas, const char **ret_version, struct err *err);

struct truenas_user {
	int64_t id;
	const char *sshpubkey; /* lines of authorized_keys; "" */
};

int truenas_find_user(const struct truenas *nas, const char *username,
	struct truenas_user *ret_user, struct err *err);
int truenas_set_keys(const struct truenas *nas, int64_t user_id,
	const char *sshpubkey, struct err *err);

/* What its own sshd on this port proves itself by: "type base64", each. */
int truenas_host_keys(const struct truenas *nas, int64_t port,
	struct str_list *ret_keys, struct err *err);

/* An API key of this name, which must be new. */
int truenas_make_api_key(const struct truenas *nas, const char *name,
	int64_t *ret_id, struct secret_view *ret_key, struct err *err);
int truenas_drop_api_key(
	const struct truenas *nas, int64_t id, struct err *err);

/*
 * The first of the messages in the body of a refusal; "" where there is none,
 * or it is more than a short line.
 */
const char *truenas_message(const struct value *body);

#endif
