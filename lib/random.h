/* Random bytes and ids, from getrandom(2) alone. */
#ifndef SALLYPORT_LIB_RANDOM_H
#define SALLYPORT_LIB_RANDOM_H

#include "lib/err.h"

#define RANDOM_UUID_MAX 37

/* Fill with random bytes. Ends the process if the kernel has none to give. */
void random_bytes(void *out, size_t len);

/* n characters of [0-9A-Za-z] without bias, and a NUL: out has n + 1 bytes. */
void random_base62(char *out, size_t n);

/* A version 4 UUID in lower case. */
void random_uuid(char out[RANDOM_UUID_MAX]);

/* A number below limit without bias; limit > 0. */
uint64_t random_below(uint64_t limit);

#endif
