/*
 * The forms in which calls over SSH and their answers cross the seam: what one
 * side adds the other one reads, here beside each other. What was read lies in
 * the message and in the arena.
 */
#ifndef SALLYPORT_SERVER_OUTBOUND_SSH_MESSAGE_H
#define SALLYPORT_SERVER_OUTBOUND_SSH_MESSAGE_H

#include "server/keeper/ipc.h"
#include "server/outbound/outbound.h"

struct outbound_scan {
	const char *host;
	int64_t port;
	const char *source;
	int64_t deadline_ms;
};

void ssh_message_add_call(struct buf *out, const struct outbound_ssh *call);
int ssh_message_read_call(struct ipc_message *in, struct arena *arena,
	struct outbound_ssh *ret_call, struct err *err);

void ssh_message_add_answer(
	struct buf *out, const struct outbound_ssh_answer *answer);
int ssh_message_read_answer(struct ipc_message *in, struct arena *arena,
	struct outbound_ssh_answer *ret_answer, struct err *err);

void ssh_message_add_scan(struct buf *out, const struct outbound_scan *scan);
int ssh_message_read_scan(struct ipc_message *in, struct arena *arena,
	struct outbound_scan *ret_scan, struct err *err);

void ssh_message_add_offer(
	struct buf *out, const struct outbound_ssh_offer *offer);
int ssh_message_read_offer(struct ipc_message *in, struct arena *arena,
	struct outbound_ssh_offer *ret_offer, struct err *err);

#endif
