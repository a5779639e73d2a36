/* Roles of type otp: which user on which addresses (spec/ssh-engine.md 5.1). */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_OTP_ROLE_H
#define SALLYPORT_SERVER_ENGINES_SSH_OTP_ROLE_H

#include "lib/netaddr.h"
#include "server/engines/ssh/records/role.h"

/* Both lists of addresses and the port; port 0 becomes 22. ERR_INPUT, 400. */
int otp_role_check_addresses(struct ssh_role *role, struct err *err);

/* The rest of a role of type otp; what is of a ca role is dropped. */
int otp_role_check(struct ssh_role *role, struct arena *arena, struct err *err);

/*
 * May an OTP of this role be made for user? user is not empty. Texts of
 * spec/ssh-engine.md 5.1, step 5. ERR_INPUT, 400.
 */
int otp_role_check_user(
	const struct ssh_role *role, const char *user, struct err *err);

struct otp_role_ip_rule {
	bool zero_address; /* the role stands on the zero-address list */
	bool dev;          /* dev mode: loopback needs no block of its own */
};

/*
 * May an OTP of this role be made for addr? Exclusions always apply; loopback,
 * link-local, multicast and unspecified addresses need a block of their own
 * (spec/README.md). Text of spec/ssh-engine.md 5.1, step 7. ERR_INPUT, 400.
 */
int otp_role_check_ip(const struct ssh_role *role, const struct netaddr *addr,
	struct otp_role_ip_rule rule, struct err *err);

/* The lifetime of an OTP in seconds: role, else fallback_s; within max_s. */
int64_t otp_role_ttl_s(
	const struct ssh_role *role, int64_t fallback_s, int64_t max_s);

#endif
