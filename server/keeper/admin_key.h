/*
 * Admin keys: what the server logs in to targets with. Unlike a CA's, the
 * private half comes out again, for the call that logs in; it is sealed under a
 * key of its own, so that neither kind passes for the other. R is the caller's,
 * who holds it while these run.
 */
#ifndef SALLYPORT_SERVER_KEEPER_ADMIN_KEY_H
#define SALLYPORT_SERVER_KEEPER_ADMIN_KEY_H

#include "lib/secret.h"
#include "server/keeper/ipc.h"

struct sshkeypair;

/* Messages of keeper_op.h; an empty root: ERR_SEALED behind bad fields. */
int admin_key_import(struct secret_view root, struct ipc_message *in,
	struct buf *out, struct err *err);
int admin_key_open(struct secret_view root, struct ipc_message *in,
	struct buf *out, struct err *err);

/* KEEPER_ADMIN_GENERATE: its fields, and the end, which alone needs R. */
struct admin_key_wish {
	char type[IPC_NAME_MAX];
	uint32_t bits;
};

int admin_key_read_wish(struct ipc_message *in, struct admin_key_wish *ret_wish,
	struct err *err);
int admin_key_give_out(struct secret_view root, const struct sshkeypair *pair,
	struct buf *out, struct err *err);

#endif
