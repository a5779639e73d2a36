/*
 * Policies: path rules in HCL1 or JSON, compiled once for each version of a
 * record, and the decision over all policies of a caller (spec/core-api.md
 * 4.2). One function matches for every operation.
 */
#ifndef SALLYPORT_SERVER_CORE_POLICY_H
#define SALLYPORT_SERVER_CORE_POLICY_H

#include "lib/value.h"
#include "storage/cache.h"

struct identity;
struct policy; /* compiled; immutable */
struct server;

enum capability {
	CAP_DENY = 1 << 0,
	CAP_CREATE = 1 << 1,
	CAP_READ = 1 << 2,
	CAP_UPDATE = 1 << 3,
	CAP_DELETE = 1 << 4,
	CAP_LIST = 1 << 5,
	CAP_SUDO = 1 << 6,
	CAP_ROOT = 1 << 7
};

#define POLICY_TEXT_MAX (256 * 1024)

/* Compile; 400 "failed to parse policy: …" with line and column. */
int policy_parse(struct span text, struct policy **ret_policy, size_t *ret_size,
	struct err *err);
void policy_free(struct policy **policy);

/* How policy records ("policies/<name>" of server->system) are compiled. */
extern const struct compiled_type policy_type;

/* The text of the default policy made at init (spec/core-api.md 4.5). */
extern const char policy_default_text[];

struct acl_request {
	const char *path;         /* canonical, without /v1/; list with '/' */
	unsigned wants;           /* one enum capability: the operation's */
	bool wants_sudo;          /* the operation also needs sudo */
	bool checks_parameters;   /* read, create, update */
	const struct value *data; /* object of the request's data, or NULL */
	int64_t wrap_ttl_s;       /* 0: no wrapping asked */
};

/* What one caller may do: the policies of its token, held by reference. */
struct acl {
	bool root;
	size_t n;
	const struct policy **policies;
	struct compiled **refs; /* NULL for one that lies in the arena */
};

/*
 * Load the policies called names, and those of identity (NULL: nobody), with
 * templates rendered for it; policies that do not exist grant nothing.
 * ERR_DENIED (403 "permission denied") where a template may not be rendered
 * (server/core/template.h). Memory from arena; release with acl_clear.
 */
int acl_load(struct server *server, const struct str_list *names,
	const struct identity *identity, struct arena *arena,
	struct acl *ret_acl, struct err *err);
void acl_clear(struct acl *acl);

/*
 * The decision. 0, or ERR_DENIED (403 "permission denied"). *ret_sudo: the
 * caller also holds sudo on this path.
 */
int acl_check(const struct acl *acl, const struct acl_request *request,
	bool *ret_sudo, struct err *err);

/* Bits of enum capability on a path, written as acl_check takes it. */
unsigned acl_capabilities(const struct acl *acl, const char *path);

/* Sorted names of bits ("deny" alone, "root" alone) as a list value. */
struct value *capabilities_value(struct arena *arena, unsigned bits);

/* Any right on path or below prefix (for sys/internal/ui/mounts). */
bool acl_has_any_below(const struct acl *acl, const char *prefix);

#endif
