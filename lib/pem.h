/* What OpenSSL's readers of PEM text leave unsaid. */
#ifndef SALLYPORT_LIB_PEM_H
#define SALLYPORT_LIB_PEM_H

#include <stdbool.h>

/*
 * Whether the PEM_read_bio… that gave nothing just now found no further block.
 * False: it found one that is cut off or broken, behind which more may stand.
 */
bool pem_is_over(void);

#endif
