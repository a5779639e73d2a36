/* The backend in memory, for tests: nothing survives its closing. */
#ifndef SALLYPORT_STORAGE_MEMORY_H
#define SALLYPORT_STORAGE_MEMORY_H

#include "storage/backend.h"

/* An empty backend; NULL: no memory. Its close function frees it. */
struct backend *memory_backend_new(void);

#endif
