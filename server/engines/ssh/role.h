/*
 * A role of the ssh engine: which user on which addresses, for how long
 * (spec/ssh-engine.md 2). Pure: no store, no request.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_ROLE_H
#define SALLYPORT_SERVER_ENGINES_SSH_ROLE_H

#include "lib/err.h"
#include "lib/netaddr.h"

struct ssh_role {
	const char *key_type; /* "otp" */
	const char *default_user;
	const char *cidr_list, *exclude_cidr_list; /* as typed; comma lists */
	const char *allowed_users;                 /* comma list, or "*" */
	const char *admin_user;                    /* must be empty for otp */
	int64_t port;
	int64_t ttl, max_ttl; /* s; 0: the mount's */
};

/*
 * Check and normalise what a caller wants to store, in the order and with the
 * texts of spec/ssh-engine.md 2.2. ERR_INPUT, 400.
 */
int ssh_role_check(struct ssh_role *role, struct err *err);

/*
 * May an OTP of this role be made for user? user is not empty. Texts of
 * spec/ssh-engine.md 5.1, step 5. ERR_INPUT, 400.
 */
int ssh_role_check_user(
	const struct ssh_role *role, const char *user, struct err *err);

struct ssh_role_ip_rule {
	bool zero_address; /* the role stands on the zero-address list */
	bool dev;          /* dev mode: loopback needs no block of its own */
};

/*
 * May an OTP of this role be made for addr? Exclusions always apply; loopback,
 * link-local, multicast and unspecified addresses need a block of their own
 * (spec/README.md). Text of spec/ssh-engine.md 5.1, step 7. ERR_INPUT, 400.
 */
int ssh_role_check_ip(const struct ssh_role *role, const struct netaddr *addr,
	struct ssh_role_ip_rule rule, struct err *err);

/* The lifetime of an OTP in seconds: role, else fallback_s; within max_s. */
int64_t ssh_role_otp_ttl_s(
	const struct ssh_role *role, int64_t fallback_s, int64_t max_s);

#endif
