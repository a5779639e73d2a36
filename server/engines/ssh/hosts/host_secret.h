/*
 * What a host shows to report and to ask for principals: 32 random bytes in
 * hex, new with each certificate, of which the record keeps a keyed hash. The
 * one that it reported with goes on to be good until a newer one comes with a
 * report, so that an answer that got lost shuts nobody out.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_HOSTS_HOST_SECRET_H
#define SALLYPORT_SERVER_ENGINES_SSH_HOSTS_HOST_SECRET_H

#include "server/engines/ssh/hosts/host.h"

#define HOST_SECRET_MAX 128 /* of what a caller sends */
#define HOST_SECRET_REFUSED "invalid host or host secret"

/* A new secret, and its hash as it is stored; in the request's arena. */
int host_secret_new(struct req *req, const char *name, const char **ret_secret,
	const char **ret_mac, struct err *err);

/* The hash becomes the current one. */
void host_secret_take(struct ssh_host *host, const char *mac);

/*
 * Whether secret is one of the host's. Where it is the current one, the former
 * is of no use any more: *ret_is_current.
 */
bool host_secret_fits(const struct barrier *barrier, struct req *req,
	const char *name, const struct ssh_host *host,
	struct secret_view secret, bool *ret_is_current);

/*
 * The enrolled host of this name, whose secret it is, held by *ret_ref: from
 * the cache. *ret_name: as it is stored. ERR_INPUT (400 HOST_SECRET_REFUSED),
 * or ERR_BUSY (429) where the source was wrong too often.
 */
int host_secret_find(struct req *req, const char *sent,
	struct secret_view secret, const char **ret_name,
	struct compiled **ret_ref, const struct ssh_host **ret_host,
	struct err *err);

/*
 * Refuse somebody who has shown nothing: 400 with text, or 429 where the source
 * was wrong too often. why is for the log.
 */
int host_refuse(
	struct req *req, const char *text, const char *why, struct err *err);

#endif
