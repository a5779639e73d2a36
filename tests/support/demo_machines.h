/*
 * Machines that leases of tests lie on: what is installed there, whether they
 * can be reached, and the lease_hooks that take it off again. A lease's data is
 * "<machine>/<key>", the machine being "m0" to "m31".
 */
#ifndef SALLYPORT_TESTS_SUPPORT_DEMO_MACHINES_H
#define SALLYPORT_TESTS_SUPPORT_DEMO_MACHINES_H

#include "server/core/mount.h"

#define DEMO_MACHINES 32

struct demo_machine {
	_Atomic int n_keys; /* installed; the hooks take off */
	_Atomic int rc;     /* what each call to it ends with; 0: well */
	_Atomic int n_calls;
	_Atomic int at_once, at_once_max; /* calls under way */
	_Atomic int64_t told_end_s;       /* by the last renewal */
};

extern struct demo_machine demo_machines[DEMO_MACHINES];
extern const struct lease_hooks demo_lease_hooks;

/* Called in the middle of each call to a machine; NULL: nothing. */
extern void (*demo_in_call)(struct demo_machine *machine);

/* That of a lease, by its data. */
struct demo_machine *demo_machine_of(struct span data);

/* All of them up and empty. */
void demo_machines_reset(void);

/* The text of what goes wrong with code rc. */
#define DEMO_WHY "no route to machine"

#endif
