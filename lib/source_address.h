/*
 * The value of the critical option source-address: a comma list of addresses
 * and CIDR blocks. Narrowing is all that a caller may do to one that is fixed.
 */
#ifndef SALLYPORT_LIB_SOURCE_ADDRESS_H
#define SALLYPORT_LIB_SOURCE_ADDRESS_H

#include "lib/arena.h"
#include "lib/netaddr.h"

#define SOURCE_ADDRESS "source-address"

/* At least one block, and all of them parse. */
bool source_address_is_good(const char *list);

/* addr lies in a block of a good list. */
bool source_address_has(const char *list, const struct netaddr *addr);

/* Both are good, and every block of inner lies wholly inside one of outer. */
bool source_address_covers(const char *outer, const char *inner);

/*
 * A good list as sshd wants it, without host bits or blanks, in arena. NULL:
 * no memory.
 */
const char *source_address_format(const char *list, struct arena *arena);

#endif
