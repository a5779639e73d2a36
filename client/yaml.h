/* A value tree as YAML, keys sorted: enough for what the API answers. */
#ifndef SALLYPORT_CLIENT_YAML_H
#define SALLYPORT_CLIENT_YAML_H

#include "lib/buf.h"
#include "lib/value.h"

/* Block style, two blanks a level, strings quoted where they must be. */
void yaml_write(struct buf *out, const struct value *value);

#endif
