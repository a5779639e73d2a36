/* One look at OpenSSL's errors. */
#include "lib/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

bool
pem_is_over(void)
{
	const unsigned long last = ERR_peek_last_error();

	return ERR_GET_LIB(last) == ERR_LIB_PEM &&
		ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}
