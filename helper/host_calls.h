/*
 * What an enrolled host says to the server (docs/host-enrolment.md). Answers
 * are held against their form, and nothing is kept of a bad one.
 */
#ifndef SALLYPORT_HELPER_HOST_CALLS_H
#define SALLYPORT_HELPER_HOST_CALLS_H

#include "helper/host.h"
#include "lib/sshkeypair.h"

/* What enrol and enrol/renew give; in the host's arena. */
struct host_issue {
	const char *host, *secret;
	struct span cert_line; /* as it goes into its file */
	struct span cert;      /* its blob */
	struct span user_ca;   /* lines of public keys; may be empty */
	int64_t renew_at_s;
};

/* A one-time token for a certificate of this key (a blob). */
int host_calls_enrol(const struct host *host, const char *token,
	struct span key, struct host_issue *ret_issue, struct err *err);

/*
 * The same by a signature of pair, whose certificate is the current one. key
 * is what to certify. err->status is 400 where the server refuses the proof.
 */
int host_calls_renew(const struct host *host, const struct sshkeypair *pair,
	struct span key, struct host_issue *ret_issue, struct err *err);

/*
 * Fetch a file that needs no secret ("krl"), if it is not the one of this
 * etag: *ret_body is SPAN_NONE then. *ret_etag is for the next time.
 */
int host_calls_fetch(const struct host *host, const char *path, size_t max,
	const char *etag, struct span *ret_body, const char **ret_etag,
	struct err *err);

/* Say how the record says it went; krl_version: what sshd has. */
int host_calls_report(
	const struct host *host, uint64_t krl_version, struct err *err);

/* The pair in a private key's file. */
int host_calls_load_key(
	const char *path, struct sshkeypair **ret_pair, struct err *err);

#endif
