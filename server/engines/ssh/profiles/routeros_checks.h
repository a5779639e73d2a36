/*
 * What the doctor says of a device by what it printed. REST's answers are
 * turned into the same lines (routeros_doctor.c).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_ROUTEROS_CHECKS_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_ROUTEROS_CHECKS_H

#include "server/engines/ssh/profiles/doctor.h"

/* As :put [/system resource get version] has it. */
void routeros_check_version(struct doctor *doctor, struct span version);

/* As /ip ssh print does: algorithms, forwarding, host key, passwords. */
void routeros_check_ssh(struct doctor *doctor, struct span printed);

/* As /ip service print terse. */
void routeros_check_services(struct doctor *doctor, struct span printed);

/*
 * As /user group print terse has the group's line; needed: the policies
 * without which keys do not come on or off, in a list ended by NULL.
 */
void routeros_check_policies(
	struct doctor *doctor, struct span printed, const char *const *needed);

#endif
