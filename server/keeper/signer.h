/*
 * CA keys: made or taken in, sealed under a key derived from R with their
 * limits inside, and used for what cert_check allows. Keys that were used of
 * late stay open, to the seal at most. Any thread; signatures do not wait for
 * each other.
 */
#ifndef SALLYPORT_SERVER_KEEPER_SIGNER_H
#define SALLYPORT_SERVER_KEEPER_SIGNER_H

#include "lib/secret.h"
#include "server/keeper/ipc.h"

struct signer;

int signer_new(struct signer **ret_signer, struct err *err);
void signer_free(struct signer **signer);

/* Work with keys sealed under R. */
int signer_open(
	struct signer *signer, struct secret_view root, struct err *err);

/* Forget all keys; one that signs now is gone when it has. */
void signer_close(struct signer *signer);

/* Messages of keeper_op.h. ERR_SEALED while closed. */
int signer_generate(struct signer *signer, struct ipc_message *in,
	struct buf *out, struct err *err);
int signer_import(struct signer *signer, struct ipc_message *in,
	struct buf *out, struct err *err);
int signer_sign(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err);
int signer_narrow(struct signer *signer, struct ipc_message *in,
	struct buf *out, struct err *err);

/* Whether it is closed or not. */
int signer_forget(struct signer *signer, struct ipc_message *in,
	struct buf *out, struct err *err);
int signer_tally(struct signer *signer, struct ipc_message *in, struct buf *out,
	struct err *err);

#endif
