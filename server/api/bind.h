/*
 * Values as they were sent (JSON body, form, query, path) into the typed
 * struct of an operation, by its fields; spec/core-api.md 1.3 and
 * spec/ssh-engine.md 1.3 say what each type accepts.
 */
#ifndef SALLYPORT_SERVER_API_BIND_H
#define SALLYPORT_SERVER_API_BIND_H

#include "server/api/req.h"

enum bind_mode {
	BIND_WEAK,   /* requests: coerced, bounds checked */
	BIND_STRICT, /* bare endpoints: JSON types as they are, bounds too */
	BIND_STORED  /* our own records: no bounds, "" is a value */
};

/* The fields that bind a row's input, and the size of its struct. */
const struct field *bind_fields(const struct op *op, size_t *ret_size);

/* Every member's default. The record is zeroed memory of the right size. */
int bind_defaults(const struct field *fields, void *record, struct arena *arena,
	struct err *err);

/*
 * One value into its member. Text is not copied: value lives as long as the
 * record. 400 "Field validation failed: …" (strict: "failed to parse JSON
 * input: …"; stored: 500); a secret's value never stands in it.
 */
int bind_value(const struct field *field, const struct value *value,
	enum bind_mode mode, struct arena *arena, void *record,
	struct err *err);

/*
 * req->in and req->given from req->data and the captures of req->op. Every
 * given field is converted before a missing one is named.
 */
int bind_input(struct req *req, struct err *err);

/*
 * For rows that are ours alone, where a misspelt name would leave a check out:
 * 400 with the names that there are, where a member is none of the row's. What
 * a read shows besides (a list that NULL ends) may be sent back.
 */
int bind_refuse_unknown(
	const struct req *req, const char *const *shown, struct err *err);

/* Add the warnings about members that were ignored or replaced. */
void bind_warn(struct req *req);

#endif
