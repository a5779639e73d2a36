/* RouterOS: what it prints, read; and what its two profiles share. */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_ROUTEROS_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_ROUTEROS_H

#include "lib/span.h"

/* The next line of rest, without its end; false: there is none. */
bool routeros_next_line(struct span *rest, struct span *ret_line);

/*
 * The value of "  name: value" in what print says of a menu that holds one
 * thing (/ip ssh); data NULL: it has no such setting.
 */
struct span routeros_setting(struct span printed, const char *name);

/* That of name=value in a line of print terse; data NULL: it has none. */
struct span routeros_column(struct span line, const char *name);

/* "yes" on the command line, "true" in REST and in scripts. */
bool routeros_is_yes(struct span value);

/* Of "7.16.2 (stable)" 7016; 0: it is no version. */
int routeros_version(struct span text);

/* The first with Ed25519 keys of users. */
#define ROUTEROS_ED25519 7012

/*
 * The trap: once a user has a key, passwords are refused to that user over SSH
 * (requirements.md R-3). What was always-allow-password-login (yes, no) is
 * password-authentication (yes, no, yes-if-no-key) from 7.23 on.
 */
#define ROUTEROS_PASSWORDS "always-allow-password-login"
#define ROUTEROS_PASSWORDS_723 "password-authentication"

/* By the values of both, of which a device has one. */
bool routeros_key_ends_password(
	struct span always_allow, struct span authentication);

/* With a user's name. */
#define ROUTEROS_LOCKOUT                                                                                                                                         \
	"%s has no key yet, and with one RouterOS refuses this user's password: set accept_password_lockout if that is fine, or /ip ssh set " ROUTEROS_PASSWORDS \
	"=yes (from 7.23 on " ROUTEROS_PASSWORDS_723 "=yes)"

#define ROUTEROS_NO_ED25519                                                    \
	"RouterOS takes no such key: Ed25519 needs version 7.12, before it dynamic_key_type must be rsa"

struct doctor;

/* Rows of both profiles (doctor.h). */
void routeros_doctor(struct doctor *doctor);
void routeros_rest_doctor(struct doctor *doctor);

#endif
