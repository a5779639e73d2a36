/*
 * Views of secrets, comparing and wiping: the part that needs no library and
 * that the PAM module links. Guarded keys stand in secret_key.c.
 */
#include "lib/secret.h"

#include <string.h>

struct secret_view
secret_view_of(const void *data, size_t len)
{
	return (struct secret_view){ data, len };
}

bool
secret_equal(struct secret_view a, struct secret_view b)
{
	volatile uint8_t differ = 0;
	size_t i;

	if (a.len != b.len)
		return false;
	for (i = 0; i < a.len; i++)
		differ = (uint8_t)(differ | (a.data[i] ^ b.data[i]));
	return differ == 0;
}

void
secret_wipe(void *data, size_t len)
{
	if (data != NULL)
		explicit_bzero(data, len);
}
