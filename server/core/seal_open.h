/*
 * Unseal, by shares or by the unseal file, and seal; what happens right after
 * (load mounts, policies, audit devices; start expiry) and before (stop, wipe).
 */
#ifndef SALLYPORT_SERVER_CORE_SEAL_OPEN_H
#define SALLYPORT_SERVER_CORE_SEAL_OPEN_H

#include "lib/secret.h"
#include "server/core/seal.h"

/* One share; opens at the threshold. Texts of spec/core-api.md 2.2. */
int seal_unseal(struct seal *seal, struct secret_view share, struct err *err);
int seal_unseal_reset(struct seal *seal, struct err *err);

/* With the unseal file of the settings, at start. */
int seal_unseal_file(struct seal *seal, struct err *err);

/*
 * Seal: no request is answered with old keys once this returns. The caller may
 * not hold the barrier.
 */
int seal_seal(struct seal *seal, struct err *err);

#endif
