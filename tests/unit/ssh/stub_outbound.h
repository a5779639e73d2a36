/* In the place of server/outbound/calls.c: a test says what machines answer. */
#ifndef SALLYPORT_TESTS_UNIT_SSH_STUB_OUTBOUND_H
#define SALLYPORT_TESTS_UNIT_SSH_STUB_OUTBOUND_H

#include "server/outbound/outbound.h"

static int (*stub_ssh)(const struct outbound_ssh *call,
	struct outbound_ssh_answer *ret_answer);

int
outbound_ssh(UNUSED struct outbound *outbound, const struct outbound_ssh *call,
	UNUSED struct arena *in, struct outbound_ssh_answer *ret_answer,
	struct err *err)
{
	int rc = stub_ssh(call, ret_answer);

	return rc != 0 ? err_set(err, rc, 500, "no call") : 0;
}

int
outbound_https(UNUSED struct outbound *outbound,
	UNUSED const struct outbound_request *request, UNUSED struct arena *in,
	UNUSED struct outbound_answer *ret_answer, struct err *err)
{
	return err_set(err, ERR_PEER, 502, "no call");
}

int
outbound_ssh_scan(UNUSED struct outbound *outbound, UNUSED const char *host,
	UNUSED int64_t port, UNUSED const char *source,
	UNUSED int64_t deadline_ms, UNUSED struct arena *in,
	UNUSED struct outbound_ssh_offer *ret_offer, struct err *err)
{
	return err_set(err, ERR_PEER, 502, "no call");
}

#endif
