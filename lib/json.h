/*
 * JSON text (RFC 8259) into a value tree, by jansson behind a pre-scan that
 * bounds depth, strings, keys and nodes before anything is allocated
 * (reliability.md L35, section 6).
 */
#ifndef SALLYPORT_LIB_JSON_H
#define SALLYPORT_LIB_JSON_H

#include "lib/value.h"

struct json_limits {
	size_t depth;   /* of nested lists and objects */
	size_t strings; /* string values, in all */
	size_t keys;    /* object members, in all */
	size_t nodes;   /* values of any type, in all */
};

/* Bounds for request bodies: 16, 1,000, 1,000, 4,000. */
extern const struct json_limits json_limits_request;

/* Bounds for what we wrote ourselves, or a server of ours answered. */
extern const struct json_limits json_limits_trusted;

/* Make jansson allocate from memory that is wiped when freed. Call once. */
void json_setup(void);

/*
 * Check the limits alone, without building anything. ERR_LIMIT past a bound;
 * text that is not JSON may pass (json_parse finds it) but is never read past
 * its end.
 */
int json_scan(
	struct span text, const struct json_limits *limits, struct err *err);

/*
 * One JSON value of any type, nothing but blanks around it. Refused: duplicate
 * keys, trailing bytes, bad UTF-8, lone surrogates, integers beyond 64 bits.
 * ERR_INPUT or ERR_LIMIT, both 400 "error parsing JSON" with "line:column:
 * reason" as detail, which never quotes the text; ERR_MEMORY.
 */
int json_parse(struct span text, const struct json_limits *limits,
	struct arena *arena, struct value **ret_value, struct err *err);

#endif
