/* Switches of one mount: <mount>/config/options (spec/README.md). */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_RECORDS_OPTIONS_H
#define SALLYPORT_SERVER_ENGINES_SSH_RECORDS_OPTIONS_H

#include "server/api/record_ops.h"

struct ssh_options {
	bool lookup_filter_by_policy;
	bool zeroaddress_requires_sudo;
	/* of ca roles; a role may say the last two for itself */
	bool strict_extensions;
	bool allow_commas_in_identity_templates;
	bool issue_requires_wrapping;
	int64_t cert_retention; /* s that a certificate is known past its end */
	int64_t renewal_grace;  /* s past its end that a host may renew it */
	int64_t principals_cache_ttl; /* s that hosts may keep an answer */
};

extern const struct field ssh_options_fields[];

/* The mount's switches; defaults where none were stored. */
int ssh_options_get(const struct req *req, struct ssh_options *ret_options,
	struct err *err);

int ssh_options_put(struct store_tx *tx, const struct kv *kv,
	const struct ssh_options *options, struct arena *arena,
	struct err *err);

#endif
