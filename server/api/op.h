/*
 * The one table of API operations. A row says everything that the outside sees
 * of an operation; from it come routing, binding and its errors, what the
 * audit log hashes, ?help=1, OpenAPI and docs/api (style.md 5).
 */
#ifndef SALLYPORT_SERVER_API_OP_H
#define SALLYPORT_SERVER_API_OP_H

#include "lib/secret.h"
#include "lib/str_list.h"
#include "lib/value.h"

struct record_type;
struct reply;
struct req;

/* What HTTP can ask for. Internal work has no verb and no way in (L12). */
enum op_verb { OP_READ, OP_LIST, OP_UPDATE, OP_DELETE, OP_VERB_COUNT };

enum op_flag {
	OP_UNAUTHENTICATED = 1 << 0, /* no token; policies not consulted */
	OP_SUDO = 1 << 1,            /* sudo on top of the verb's capability */
	OP_UNAUDITED = 1 << 2,    /* health, seal-status, leader: I/O thread */
	OP_SLOW = 1 << 3,         /* runs on the slow pool */
	OP_WHILE_SEALED = 1 << 4, /* runs while sealed too */
	OP_BARE = 1 << 5,         /* bare object, no envelope; strict JSON */
	OP_DOUBLED = 1 << 6,      /* data repeated beside the envelope keys */
	OP_REST = 1 << 7,         /* the last capture takes all that follows */
	OP_EXISTENCE = 1 << 8,    /* update of what is not there is create */
	OP_SMALL_BODY = 1 << 9,   /* body at most 4 KiB (verify) */
	OP_NO_AUDIT_BEFORE_OPEN = 1 << 10, /* init, unseal: no device is open */
	OP_HEAD = 1 << 11, /* a read that HEAD may ask for too */
	/*
	 * All that the handler does is one req_write or req_write_then, which
	 * comes behind the request line by itself. Any other handler begins
	 * when that line is out.
	 */
	OP_ONE_WRITE = 1 << 12,
	OP_ANY_DATA = 1 << 13, /* takes whatever is sent: nothing is unknown */
	OP_WRAPPING = 1 << 14, /* about a wrapping token, maybe the caller's */
	OP_RAW = 1 << 15 /* answers raw bytes: never wrapped, with an ETag */
};

enum field_type {
	FIELD_TYPE_STR,      /* const char *, never NULL; "" not given */
	FIELD_TYPE_INT,      /* int64_t */
	FIELD_TYPE_BOOL,     /* bool */
	FIELD_TYPE_DURATION, /* int64_t, seconds */
	FIELD_TYPE_LIST,     /* struct str_list: list, or comma string */
	FIELD_TYPE_NAMES,    /* struct str_list: a list; a string is one item */
	FIELD_TYPE_MAP,      /* struct str_map: object of scalars, or "k=v" */
	FIELD_TYPE_OBJECT,   /* const struct value *: object as sent, or NULL */
	FIELD_TYPE_SECRET    /* struct secret_view; always sensitive */
};

enum field_flag {
	FIELD_REQUIRED = 1 << 0, /* absent: 400 "missing <name>" */
	FIELD_PATH = 1 << 1,     /* captured from the path */
	FIELD_QUERY = 1 << 2,    /* for documentation: usual as a query */
	FIELD_HIDDEN = 1 << 3,   /* accepted, in no documentation (old names) */
	FIELD_SENT = 1 << 4,     /* of a record: taken, never stored or shown */
	FIELD_STORED = 1 << 5,   /* of a record: stored, never taken or shown */
	FIELD_JSON = 1 << 6      /* STR: an object too, as its JSON text */
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	unsigned flags;
	int64_t min, max;    /* INT, DURATION; both 0: type's own range */
	size_t len_max;      /* text: bytes at most; 0: 4,096 */
	const char *initial; /* default as text, or NULL: zero, "", empty */
	const char *doc;     /* one line */
	const char *alias;   /* another accepted name, or NULL */
};

/* The offset of a member, compiled only where it has the type ctype. */
#define FIELD_OFFSET(ctype, record, member)                                    \
	(offsetof(record, member) +                                            \
		0 * sizeof((ctype *)NULL == &((record *)NULL)->member))

/*
 * Rows of a table of fields: FIELD_STR(struct in, member, .doc = "…"). The
 * field's name is the member's; FIELD_AS(STR, struct in, member, "name", …)
 * gives another one.
 */
#define FIELD_ROW(kind, ctype, record, member, text, ...)                      \
	{                                                                      \
		.name = (text), .type = kind,                                  \
		.offset = FIELD_OFFSET(ctype, record, member), __VA_ARGS__     \
	}
#define FIELD_CTYPE_STR const char *
#define FIELD_CTYPE_INT int64_t
#define FIELD_CTYPE_BOOL bool
#define FIELD_CTYPE_DURATION int64_t
#define FIELD_CTYPE_LIST struct str_list
#define FIELD_CTYPE_NAMES struct str_list
#define FIELD_CTYPE_MAP struct str_map
#define FIELD_CTYPE_OBJECT const struct value *
#define FIELD_CTYPE_SECRET struct secret_view
#define FIELD_AS(kind, record, member, text, ...)                              \
	FIELD_ROW(FIELD_TYPE_##kind, FIELD_CTYPE_##kind, record, member, text, \
		__VA_ARGS__)
#define FIELD_STR(record, member, ...)                                         \
	FIELD_AS(STR, record, member, #member, __VA_ARGS__)
#define FIELD_INT(record, member, ...)                                         \
	FIELD_AS(INT, record, member, #member, __VA_ARGS__)
#define FIELD_BOOL(record, member, ...)                                        \
	FIELD_AS(BOOL, record, member, #member, __VA_ARGS__)
#define FIELD_DURATION(record, member, ...)                                    \
	FIELD_AS(DURATION, record, member, #member, __VA_ARGS__)
#define FIELD_LIST(record, member, ...)                                        \
	FIELD_AS(LIST, record, member, #member, __VA_ARGS__)
#define FIELD_NAMES(record, member, ...)                                       \
	FIELD_AS(NAMES, record, member, #member, __VA_ARGS__)
#define FIELD_MAP(record, member, ...)                                         \
	FIELD_AS(MAP, record, member, #member, __VA_ARGS__)
#define FIELD_OBJECT(record, member, ...)                                      \
	FIELD_AS(OBJECT, record, member, #member, __VA_ARGS__)
#define FIELD_SECRET(record, member, ...)                                      \
	FIELD_AS(SECRET, record, member, #member, __VA_ARGS__)
#define FIELD_END                                                              \
	{                                                                      \
		.name = NULL                                                   \
	}

/* A refusal worth documenting. */
struct op_error {
	int status;
	const char *when;
};

#define OP_ERRORS_MAX 8
#define OP_FIELDS_MAX 64

/* What a list takes where its row names no fields: a page of names. */
struct op_list_in {
	const char *after; /* strictly behind this name; need not exist */
	int64_t limit;     /* names at most; 0 or less: all */
};

/* What an answer's data holds, for documentation. */
struct op_out {
	const char *name;
	enum field_type type;
	const char *doc;
};

struct op {
	/*
	 * Below the mount: literals and captures. ":name" matches a name
	 * ([0-9A-Za-z_] first and last, '-' '.' '@' between); the last one of
	 * an OP_REST row matches everything up to the literals behind it or
	 * the end, slashes included, at least one byte ("mounts/:path/tune").
	 * "roles" with OP_LIST serves "roles/" too.
	 */
	const char *path;
	enum op_verb verb;
	unsigned flags;
	size_t in_size;
	/*
	 * Ends with FIELD_END; at most OP_FIELDS_MAX. NULL: none; a list's are
	 * then those of struct op_list_in, a record write's its record's.
	 */
	const struct field *fields;
	int (*handler)(struct req *req, struct reply *reply, struct err *err);
	/* OP_EXISTENCE: does what the path names exist? */
	int (*exists)(struct req *req, bool *ret_exists, struct err *err);
	const struct record_type *record; /* set by record_ops rows */
	const char *summary;              /* one line, a sentence */
	const char *text;                 /* more, or NULL */
	const struct op_out *out;         /* ends with a NULL name; or NULL */
	struct op_error errors[OP_ERRORS_MAX];
	const char *alias_of; /* path of the row that this is an old name of */
};

#define OP_END                                                                 \
	{                                                                      \
		.path = NULL                                                   \
	}

#endif
