/*
 * Who stands behind a token: an entity, the names (aliases) under which auth
 * methods know it, and the groups that it is in (spec/core-api.md 6.7).
 *
 * Records lie in the server's own space:
 *   identity/entity/<id>, identity/group/<id>
 *   identity/entity-name/<name>, identity/group-name/<name>: lower case, to id
 *   identity/alias/<id>: to its entity
 *   identity/login/<accessor>/<SHA-256 of name>: to entity and alias
 *   identity/group-alias/<id>, identity/group-login/<accessor>/<SHA-256>:
 *   likewise to the external group of that alias
 * The logins make (mount accessor, name) unique: a second record of that name
 * cannot be, and no write joins two entities (reliability.md L07).
 *
 * An external group stands for a group that an auth method tells of, under the
 * name of its alias. Logins alone put entities into it and take them out.
 */
#ifndef SALLYPORT_SERVER_CORE_IDENTITY_H
#define SALLYPORT_SERVER_CORE_IDENTITY_H

#include "lib/random.h"
#include "lib/value.h"
#include "storage/cache.h"
#include "storage/kv.h"

struct server;

#define MOUNT_IDENTITY "identity/"

#define IDENTITY_ENTITY "identity/entity/"
#define IDENTITY_ENTITY_NAME "identity/entity-name/"
#define IDENTITY_ALIAS "identity/alias/"
#define IDENTITY_GROUP "identity/group/"
#define IDENTITY_GROUP_NAME "identity/group-name/"
#define IDENTITY_GROUP_ALIAS "identity/group-alias/"

#define IDENTITY_ALIASES_MAX 256  /* of an entity */
#define IDENTITY_MEMBERS_MAX 1000 /* of a group */
#define IDENTITY_LOGINS_MAX 10000 /* of an external group */
/*
 * Groups that one request looks at, those of groups too: with more it is
 * denied. So many may a member be in, too.
 */
#define IDENTITY_WALK_MAX 512
#define IDENTITY_ALIAS_NAME_MAX 1024

/*
 * Memory for one record that is read, changed and written. Many of them in one
 * request take an arena each: a full group is larger than it looks.
 */
#define IDENTITY_RECORD_MEMORY (32 * (size_t)1024 * 1024)

struct alias {
	const char *id, *name;
	const char *accessor; /* of the auth mount */
	struct str_map metadata;
	int64_t created_ns, updated_ns;
};

struct entity {
	const char *id, *name;
	bool disabled;
	struct str_list policies; /* sorted, lower case, no repeats */
	struct str_map metadata;
	struct alias *aliases;
	size_t n_aliases;
	struct str_list groups; /* ids of those that it is a member of */
	int64_t created_ns, updated_ns;
};

struct group {
	const char *id, *name;
	bool external;
	struct str_list policies;
	struct str_map metadata;
	struct str_list entities, members; /* ids: entities, groups in it */
	struct str_list parents;           /* ids of groups that it is in */
	const struct alias *alias;         /* of an external one; NULL: none */
	int64_t created_ns, updated_ns;
};

/* ---- records, inside a transaction ------------------------------------ */

/* Everything lies in arena. ERR_ABSENT (404, empty message) for no such id. */
int entity_get(struct store_tx *tx, const struct kv *kv, const char *id,
	struct arena *arena, struct entity *ret_entity, struct err *err);
int entity_put(struct store_tx *tx, const struct kv *kv,
	const struct entity *entity, struct arena *arena, struct err *err);
int group_get(struct store_tx *tx, const struct kv *kv, const char *id,
	struct arena *arena, struct group *ret_group, struct err *err);
int group_put(struct store_tx *tx, const struct kv *kv,
	const struct group *group, struct arena *arena, struct err *err);

/* Stored bytes as a struct, for the cache. ERR_INTERNAL, ERR_MEMORY. */
int entity_decode(const struct value *record, struct arena *arena,
	struct entity *ret_entity, struct err *err);
int group_decode(const struct value *record, struct arena *arena,
	struct group *ret_group, struct err *err);

/*
 * The id that a name leads to; prefix is IDENTITY_ENTITY_NAME or the like.
 * Names of either case are one. ERR_ABSENT.
 */
int identity_find_name(struct store_tx *tx, const struct kv *kv,
	const char *prefix, const char *name, struct arena *arena,
	const char **ret_id, struct err *err);
int identity_put_name(struct store_tx *tx, const struct kv *kv,
	const char *prefix, const char *name, const char *id,
	struct arena *arena, struct err *err);
int identity_drop_name(struct store_tx *tx, const struct kv *kv,
	const char *prefix, const char *name, struct arena *arena,
	struct err *err);

/* The entity that an alias belongs to. ERR_ABSENT. */
int identity_find_alias(struct store_tx *tx, const struct kv *kv,
	const char *alias_id, struct arena *arena, const char **ret_entity,
	struct err *err);

/* The entity whose login this is: exact bytes. ERR_ABSENT. */
int identity_find_login(struct store_tx *tx, const struct kv *kv,
	const char *accessor, const char *name, struct arena *arena,
	const char **ret_entity, struct err *err);

/*
 * Give entity one more alias (times and id in place) with its two index
 * records; the caller puts the entity. ERR_LIMIT, 400.
 */
int identity_add_alias(struct store_tx *tx, const struct kv *kv,
	struct entity *entity, const struct alias *alias, struct arena *arena,
	struct err *err);

/* Take the index records of an alias away; the caller changes the entity. */
int identity_drop_alias(struct store_tx *tx, const struct kv *kv,
	const struct alias *alias, struct arena *arena, struct err *err);

/*
 * The external group that an alias belongs to, by the alias's id or by what a
 * login tells of: exact bytes. ERR_ABSENT.
 */
int identity_find_group_alias(struct store_tx *tx, const struct kv *kv,
	const char *alias_id, struct arena *arena, const char **ret_group,
	struct err *err);
int identity_find_group_login(struct store_tx *tx, const struct kv *kv,
	const char *accessor, const char *name, struct arena *arena,
	const char **ret_group, struct err *err);

/* The index records of a group's alias; the caller changes the group. */
int identity_put_group_alias(struct store_tx *tx, const struct kv *kv,
	const struct group *group, struct arena *arena, struct err *err);
int identity_drop_group_alias(struct store_tx *tx, const struct kv *kv,
	const struct group *group, struct arena *arena, struct err *err);

/* ---- membership ------------------------------------------------------- */

/*
 * Note in a member's record that it is in a group, or no more; the caller puts
 * the group. ERR_ABSENT; ERR_LIMIT, 400.
 */
int identity_link_entity(struct store_tx *tx, const struct kv *kv,
	const char *entity_id, const char *group_id, bool joins,
	struct err *err);
int identity_link_group(struct store_tx *tx, const struct kv *kv,
	const char *member_id, const char *group_id, bool joins,
	struct err *err);

/* Take an entity or a group out of a group's record. ERR_ABSENT. */
int identity_drop_member(struct store_tx *tx, const struct kv *kv,
	const char *group_id, const char *member_id, struct err *err);

/* ---- logins ----------------------------------------------------------- */

/* A login's way to its entity; what is random is drawn before the closure. */
struct identity_login {
	const char *accessor, *name;
	struct str_map metadata; /* n 0: what is known stays */
	struct str_list groups;  /* what the method calls the caller's groups */
	char entity_id[RANDOM_UUID_MAX], alias_id[RANDOM_UUID_MAX];
};

void identity_login_draw(struct identity_login *login);

/*
 * Find or make the entity. Of the external groups with an alias in this mount
 * it is then in those that the login names, and in no other. ERR_DENIED (403
 * "permission denied") where it is disabled; ERR_LIMIT (400) where a group is
 * full. *ret_entity_id lies in arena.
 */
int identity_login(struct store_tx *tx, const struct kv *kv,
	const struct identity_login *login, struct arena *arena,
	const char **ret_entity_id, struct err *err);

/*
 * That part of identity_login which is about groups: theirs are the records
 * that it writes, the entity's is the caller's to put where *ret_moved.
 */
int identity_join_groups(struct store_tx *tx, const struct kv *kv,
	const struct identity_login *login, struct entity *entity,
	struct arena *arena, bool *ret_moved, struct err *err);

/* ---- requests --------------------------------------------------------- */

/* An entity and all of its groups, held by reference: direct ones first. */
struct identity {
	const struct entity *entity; /* NULL: none */
	const struct group **groups;
	size_t n_groups, n_direct;
	struct str_list policies; /* of all of them: sorted, no repeats */
	struct compiled **refs;
	size_t n_refs;
};

/*
 * Who stands behind entity_id now. ERR_DENIED (403 "permission denied") where
 * there is no such entity or it is disabled. Memory from arena; release with
 * identity_clear.
 */
int identity_load(struct server *server, const char *entity_id,
	struct arena *arena, struct identity *ret_identity, struct err *err);
void identity_clear(struct identity *identity);

#endif
