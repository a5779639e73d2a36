/*
 * A host as the mount knows it: what operators say of it, what it was given
 * when it enrolled, what it reported last. A record of its own, "default",
 * speaks for hosts without accounts.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_HOSTS_HOST_H
#define SALLYPORT_SERVER_ENGINES_SSH_HOSTS_HOST_H

#include "server/api/record_ops.h"

#define HOST_DEFAULT "default"
#define HOST_CERTS_MAX 32 /* live ones of a host */

struct ssh_host {
	/* of operators */
	const char *accounts_text;    /* as sent */
	const struct value *accounts; /* accounts.h; or NULL */
	bool require_registered;

	/* of enrolment and renewals; empty before */
	const char *role;
	struct str_list principals;
	const char *public_key;      /* "name base64" */
	const char *serial;          /* of the current certificate */
	struct str_map certificates; /* serial to end, in seconds */
	const char *secret_mac;      /* host_secret.h */
	const char *former_mac;
	int64_t enrolled_s, renewed_s, valid_before_s;

	/* of reports */
	int64_t krl_version, retry_count, reported_s;
	const char *last_error;
};

extern const struct record_type ssh_host_record; /* struct ssh_host */

/*
 * A host's name in lower case, in arena: a DNS name or an IPv4 address, and
 * not the default's. ERR_INPUT (400).
 */
int host_name_check(struct arena *arena, const char *name,
	const char **ret_name, struct err *err);

bool host_is_enrolled(const struct ssh_host *host);

/*
 * A record in a transaction, into the request's arena. ERR_ABSENT (404, empty
 * message); host_get_or_new gives an empty one then.
 */
int host_get(struct store_tx *tx, struct req *req, const char *name,
	struct ssh_host *ret_host, struct err *err);
int host_get_or_new(struct store_tx *tx, struct req *req, const char *name,
	struct ssh_host *ret_host, struct err *err);
int host_put(struct store_tx *tx, struct req *req, const char *name,
	const struct ssh_host *host, struct err *err);

/*
 * One more certificate is the host's current one; those that have ended by
 * now_s go. ERR_LIMIT (400): too many are live.
 */
int host_add_cert(struct ssh_host *host, const char *serial, int64_t end_s,
	int64_t now_s, struct arena *arena, struct err *err);

/* When the i-th of its certificates ends. */
int64_t host_cert_end_s(const struct ssh_host *host, size_t i);

#endif
