/*
 * What a certificate will say, or why there is none: the role, the request and
 * who asks, in the order of spec/ssh-engine.md 8.2. Pure: no store, no key, no
 * clock.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_CA_CERT_RULES_H
#define SALLYPORT_SERVER_ENGINES_SSH_CA_CERT_RULES_H

#include "lib/netaddr.h"
#include "lib/sshcert.h"
#include "server/core/identity.h"
#include "server/engines/ssh/records/role.h"

#define CERT_KEY_ID_MAX 1024

/* What sign and issue may be asked alike; "" and 0: not given. */
struct cert_asked {
	const char *valid_principals; /* comma list */
	const char *cert_type;        /* "user" (default) or "host" */
	const char *key_id;
	int64_t ttl; /* s */
	struct str_map critical_options, extensions;
	struct str_map extension; /* another name of extensions */
};

/* Who asks, where, and when. */
struct cert_caller {
	const char *role_name;
	const char *display_name;        /* of the token */
	const struct identity *identity; /* NULL, or without entity: nobody */
	struct netaddr address;          /* family 0: over a Unix socket */
	int64_t now_s;
	int64_t default_ttl_s, max_ttl_s; /* the mount's */
	bool strict_extensions;           /* of the mount's options */
	bool allow_commas;                /* in values of templates */
};

/* A question of a certificate for a key (its blob; checked before). */
struct cert_question {
	const struct ssh_role *role;
	const struct cert_asked *asked;
	const struct cert_caller *caller;
	struct span key;
	struct arena *arena; /* of the answer */
};

struct cert_answer {
	/* All but nonce, serial and CA; options sorted by name. */
	struct sshcert_parts parts;
	bool skipped_extensions; /* some ask for an identity; there is none */
	size_t n_true;           /* of cert_rules, from the first on */
};

/* Whether an option may be called so: printable, and not long. */
bool cert_rules_is_option_name(const char *name);

/* A rule: what it is about, what holds where it is true, and who asks it. */
struct cert_rule {
	const char *name, *text;
	int (*apply)(const struct cert_question *question,
		struct cert_answer *answer, struct err *err);
};

/* In the order in which they are asked; ends with a NULL name. */
extern const struct cert_rule cert_rules[];

/*
 * Ask them up to the first that is not true: ERR_INPUT (400) with the texts of
 * spec/ssh-engine.md 8.4 to 8.7. *answer holds what the rules before it gave.
 */
int cert_rules_apply(const struct cert_question *question,
	struct cert_answer *answer, struct err *err);

#endif
