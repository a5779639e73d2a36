/*
 * The one way to a certificate, for sign and issue alike (reliability.md L52):
 * rules, issuer, signature by the keeper, and the gate.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_CERT_ISSUE_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_CERT_ISSUE_H

#include "server/api/reply.h"
#include "server/engines/ssh/ca/cert_rules.h"
#include "server/engines/ssh/ca/issuer.h"

/* What both operations take, bound into their own structs. */
struct cert_wish {
	struct cert_asked asked;
	bool explain; /* say what the rules say, and sign nothing */
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
		FIELD_AS(MAP, record, member.asked.extension, "extension",                           \
			.flags = FIELD_HIDDEN, .len_max = CERT_OPTIONS_MAX,                          \
			.doc = "Another name of extensions."),                                       \
		FIELD_AS(BOOL, record, member.explain, "explain",                                    \
			.doc = "Answer which rules hold and which was the first that does not; nothing is signed.")

/* What is made of a wish, or was before a rule did not hold. */
struct cert_decision {
	struct span key; /* blob */
	struct cert_caller caller;
	struct cert_answer answer;
	struct ssh_issuer issuer;
	size_t n_true; /* of the rules as explain_cert lists them */
};

/* In whose name it is asked for, under which role. */
struct cert_asker {
	const char *role_name;
	const char *display_name;
	const struct identity *identity; /* NULL: nobody */
};

/* A certificate that may leave; all of it in the request's arena. */
struct cert_issued {
	const char *role_name, *display_name; /* of who asked */
	struct sshcert_parts parts;
	const char *issuer_id;
	const char *serial;     /* hex as clients know it */
	const char *signed_key; /* a line, with its newline */
};

/*
 * Run fn with the role in the request's path, which the request then holds.
 * ERR_INPUT (400) with unknown ("Unknown role: ") and its name.
 */
typedef int cert_role_fn(struct req *req, const struct ssh_role *role,
	struct reply *reply, struct err *err);
int cert_under_role(struct req *req, const char *unknown, cert_role_fn *fn,
	struct reply *reply, struct err *err);

/*
 * What role makes of a wish for the key of this blob, whose own rule holds:
 * all but the signature. ERR_INPUT (400) with the texts of spec/ssh-engine.md
 * 8.4 to 8.7 and 10.3; *decision is what was found until then.
 */
int cert_decide(struct req *req, const struct ssh_role *role, struct span key,
	const struct cert_wish *wish, struct cert_decision *decision,
	struct err *err);

/* The same where it is not the request's token and path that say who asks. */
int cert_decide_as(struct req *req, const struct cert_asker *asker,
	const struct ssh_role *role, struct span key,
	const struct cert_wish *wish, struct cert_decision *decision,
	struct err *err);

/*
 * Sign what was decided. ERR_INPUT (400) with the texts of 8.9; ERR_INTERNAL
 * where the gate does not let it pass.
 */
int cert_issue(struct req *req, const struct ssh_role *role,
	const struct cert_decision *decision, struct cert_issued *ret_issued,
	struct err *err);

/*
 * The same for sign, whose thread does other work while the keeper signs: a
 * handler's last act (req_wait_then). `then` gets ctx when *issued may leave,
 * or rc says why there is none.
 */
int cert_issue_then(struct req *req, const struct ssh_role *role,
	const struct cert_decision *decision, struct cert_issued *issued,
	req_then_fn *then, void *ctx, struct err *err);

/* The members that both answers have. */
void cert_reply(struct reply *reply, const struct cert_issued *issued);

#endif
