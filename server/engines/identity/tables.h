/* What the files of the identity store share. */
#ifndef SALLYPORT_SERVER_ENGINES_IDENTITY_TABLES_H
#define SALLYPORT_SERVER_ENGINES_IDENTITY_TABLES_H

#include "server/api/reply.h"
#include "server/api/req.h"
#include "server/core/identity.h"

extern const struct op identity_entity_ops[];
extern const struct op identity_alias_ops[];
extern const struct op identity_group_ops[];
extern const struct op identity_group_alias_ops[];

/* What aliases of entities and of groups are written with. */
struct identity_alias_in {
	const char *id, *name, *mount_accessor, *canonical_id;
};

#define IDENTITY_ALIAS_ID(...)                                                 \
	FIELD_STR(struct identity_alias_in, id, .len_max = 256,                \
		.doc = "The alias's id.", __VA_ARGS__)
#define IDENTITY_ALIAS_REST(name_doc, owner_doc)                               \
	FIELD_STR(struct identity_alias_in, name,                              \
		.len_max = IDENTITY_ALIAS_NAME_MAX, .doc = name_doc),          \
		FIELD_STR(struct identity_alias_in, mount_accessor,            \
			.len_max = 256,                                        \
			.doc = "The accessor of the auth method's mount."),    \
		FIELD_STR(struct identity_alias_in, canonical_id,              \
			.len_max = 256, .doc = owner_doc)

/* Where the records are. */
const struct kv *identity_space(const struct req *req);

/* Whether a field stands in the body, empty or not: it is to be changed. */
bool identity_sent(const struct req *req, const char *field);

/*
 * The id that a request is about: id, else what name leads to below names
 * (IDENTITY_ENTITY_NAME or the like); NULL and "" are not given. ERR_ABSENT.
 */
int identity_find_id(struct store_tx *tx, struct req *req, const char *names,
	const char *id, const char *name, const char **ret_id, struct err *err);

/* Delete the record prefix<id>, and the name below names that leads to it. */
int identity_drop_named(struct store_tx *tx, struct req *req,
	const char *prefix, const char *id, const char *names, const char *name,
	struct err *err);

/*
 * Checks of what was sent; 400. Names are such as paths can carry, so that the
 * default policy's templates always render. Policies come back trimmed, lower
 * case, sorted, once each.
 */
int identity_check_name(const char *name, struct err *err);
int identity_check_metadata(const struct str_map *metadata, struct err *err);
int identity_check_alias(struct req *req, const char *name,
	const char *accessor, struct err *err);
int identity_clean_policies(
	struct req *req, struct str_list *policies, struct err *err);

/* What of an alias is fixed once made: 400 naming `what`. */
int identity_check_same(
	const char *sent, const char *there, const char *what, struct err *err);

/*
 * That nobody else has a new name, and whose it then is: the old name, where
 * there is one, leads nowhere. 400 naming `what`.
 */
int identity_rename(struct store_tx *tx, struct req *req, const char *prefix,
	const char *old, const char *wanted, const char *id, const char *what,
	struct err *err);

/* Every group above the listed ones, nearest first, without those. */
int identity_ancestors(struct store_tx *tx, struct req *req,
	const struct str_list *ids, struct str_list *ret_above,
	struct err *err);

/* An alias as reads and lists show it; NULL: no memory. */
struct value *identity_alias_value(
	struct req *req, const struct alias *alias, const char *entity_id);

/*
 * A list of the records below prefix. info, where not NULL, adds the members
 * of a record's entry in key_info.
 */
typedef int identity_info_fn(struct store_tx *tx, struct req *req,
	const char *name, const struct value *record, struct value *info,
	struct err *err);
int identity_list(struct req *req, struct reply *reply, const char *prefix,
	identity_info_fn *info, struct err *err);

#endif
