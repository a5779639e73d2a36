/*
 * Texts with {{identity…}} directives (spec/core-api.md 4.4). What is put in
 * for a directive is of [A-Za-z0-9_.@-] alone, so that no name, alias or
 * metadata of a caller can widen what an operator wrote (reliability.md L05).
 */
#ifndef SALLYPORT_SERVER_CORE_TEMPLATE_H
#define SALLYPORT_SERVER_CORE_TEMPLATE_H

#include "server/core/identity.h"

/*
 * text with the values of identity (NULL: nobody) for its directives, in
 * arena. ERR_ABSENT, err untouched: a directive has no value, or its braces do
 * not pair up. ERR_DENIED (403 "permission denied"): a value has other bytes,
 * or two aliases of one mount could be meant (L06).
 */
int template_render(struct span text, const struct identity *identity,
	struct arena *arena, struct span *ret_text, struct err *err);

/* What a text of an engine may ask for, and how its values may look. */
struct template_scope {
	const struct identity *identity; /* NULL, or without entity: nobody */
	int64_t now_s;                   /* for {{time.now}} */
	bool commas;                     /* values may have commas in them */
};

/*
 * The same with {{time.now}}, {{time.now.plus.1h}} and {{time.now.minus.1h}},
 * which stand for unix seconds. ERR_ABSENT, err untouched: it asks for an
 * identity and there is nobody. ERR_INPUT (400) "template 'T' could not be
 * rendered -> …" for whatever else cannot be.
 */
int template_fill(struct span text, const struct template_scope *scope,
	struct arena *arena, struct span *ret_text, struct err *err);

#endif
