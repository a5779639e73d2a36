/*
 * How a principal may look (spec/README.md): nothing in it can be taken for
 * two names, for a pattern, or for text of another kind (reliability.md L51).
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_RECORDS_PRINCIPAL_H
#define SALLYPORT_SERVER_ENGINES_SSH_RECORDS_PRINCIPAL_H

#include "lib/base.h"

/* 1 to 255 bytes of printable ASCII without blank , " ' \ * ? ! */
bool principal_is_user(const char *text);

/* A DNS name, maybe "*." and one, or the literal of an address. */
bool principal_is_host(const char *text);

/* "*." and a DNS name: every host right below it. */
bool principal_is_pattern(const char *text);

/* text is a name below domain, at any depth: never an address. */
bool principal_is_below(const char *text, const char *domain);

#endif
