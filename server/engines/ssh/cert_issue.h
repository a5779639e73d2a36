/*
 * The one way to a certificate, for sign and issue alike (reliability.md L52):
 * rules, issuer, signature by the keeper, and the gate.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CERT_ISSUE_H
#define SALLYPORT_SERVER_ENGINES_SSH_CERT_ISSUE_H

#include "server/api/reply.h"
#include "server/engines/ssh/cert_rules.h"

/* What both operations take, bound into their own structs. */
struct cert_wish {
	struct cert_asked asked;
	struct str_map extension; /* another name of extensions */
};

#define CERT_OPTIONS_MAX 16384 /* bytes of names and values */
#define CERT_NAMES_MAX 65536

#define CERT_WISH_FIELDS(record, member)                                                             \
	FIELD_AS(STR, record, member.asked.valid_principals,                                         \
		"valid_principals", .len_max = CERT_NAMES_MAX,                                       \
		.doc = "Comma list of users, or of hosts; the role's default_user if left out."),    \
		FIELD_AS(STR, record, member.asked.cert_type, "cert_type",                           \
			.len_max = 16,                                                               \
			.doc = "\"user\" (default) or \"host\"."),                                   \
		FIELD_AS(STR, record, member.asked.key_id, "key_id",                                 \
			.doc = "Key id of the certificate, where the role lets the caller choose."), \
		FIELD_AS(DURATION, record, member.asked.ttl, "ttl",                                  \
			.doc = "Lifetime; the role's if left out."),                                 \
		FIELD_AS(MAP, record, member.asked.critical_options,                                 \
			"critical_options", .len_max = CERT_OPTIONS_MAX,                             \
			.doc = "Critical options in the place of the role's defaults."),             \
		FIELD_AS(MAP, record, member.asked.extensions, "extensions",                         \
			.len_max = CERT_OPTIONS_MAX,                                                 \
			.doc = "Extensions in the place of the role's defaults."),                   \
		FIELD_AS(MAP, record, member.extension, "extension",                                 \
			.flags = FIELD_HIDDEN, .len_max = CERT_OPTIONS_MAX,                          \
			.doc = "Another name of extensions.")

/* A certificate that may leave; all of it in the request's arena. */
struct cert_issued {
	struct sshcert_parts parts;
	const char *issuer_id;
	const char *serial;     /* hex as clients know it */
	const char *signed_key; /* a line, with its newline */
};

/*
 * Run fn with the role in the request's path, held meanwhile. ERR_INPUT (400)
 * with unknown ("Unknown role: ") and its name.
 */
typedef int cert_role_fn(
	struct req *req, const struct ssh_role *role, struct err *err);
int cert_under_role(struct req *req, const char *unknown, cert_role_fn *fn,
	struct err *err);

/*
 * Sign for the key of this blob what role allows of the wish. ERR_INPUT (400)
 * with the texts of spec/ssh-engine.md 8.4 to 8.9; ERR_INTERNAL where the gate
 * does not let it pass.
 */
int cert_issue(struct req *req, const struct ssh_role *role, struct span key,
	const struct cert_wish *wish, struct cert_issued *ret_issued,
	struct err *err);

/* The members that both answers have. */
void cert_reply(struct reply *reply, const struct cert_issued *issued);

#endif
