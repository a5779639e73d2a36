/*
 * Texts with {{identity…}} directives (spec/core-api.md 4.4). What is put in
 * for a directive is of [A-Za-z0-9_.@-] alone, so that no name, alias or
 * metadata of a caller can widen what an operator wrote (reliability.md L05).
 */
#ifndef SALLYPORT_SERVER_CORE_TEMPLATE_H
#define SALLYPORT_SERVER_CORE_TEMPLATE_H

#include "server/core/identity.h"

/* Whether there is a directive in text. */
bool template_has_directive(struct span text);

/*
 * text with the values of identity (NULL: nobody) for its directives, in
 * arena. ERR_ABSENT, err untouched: a directive has no value, or its braces do
 * not pair up. ERR_DENIED (403 "permission denied"): a value has other bytes,
 * or two aliases of one mount could be meant (L06).
 */
int template_render(struct span text, const struct identity *identity,
	struct arena *arena, struct span *ret_text, struct err *err);

#endif
