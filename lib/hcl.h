/*
 * HCL version 1 (and JSON, chosen by the first character "{") into a value
 * tree: configuration files, policies, helper configurations.
 */
#ifndef SALLYPORT_LIB_HCL_H
#define SALLYPORT_LIB_HCL_H

#include "lib/value.h"

/* Nesting and size caps: deeper or larger text is an error. */
#define HCL_DEPTH_MAX 32
#define HCL_NODES_MAX 20000

/*
 * The document as an object in source order. "k = v" gives a member; a block
 * "k "a" "b" { … }" gives a member k holding an object { a: { b: { … } } }.
 * Unlike value_set, members of the same name are NOT merged or replaced: each
 * stays as its own member in order (VALUE_EACH sees all, value_find the
 * first), each with its line. Numbers are VALUE_NUMBER, true/false VALUE_BOOL,
 * heredocs strings. JSON text gives the same shape (a list of objects under a
 * key counts as several blocks for the reader of the tree).
 * ERR_INPUT, 400: message "At L:C: what was wrong".
 */
int hcl_parse(struct span text, struct arena *arena,
	struct value **ret_document, struct err *err);

#endif
