/* Passwords through libsodium's argon2id. */
#include "server/auth/password.h"

#include <sodium.h>

#define PASSES 2
#define MEMORY ((size_t)19 * 1024 * 1024)

/* A hash of the same cost that no password is known to have. */
static const char nobody[] =
	"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

int
password_hash(struct secret_view password, struct arena *arena,
	const char **ret_hash, struct err *err)
{
	char *hash = arena_alloc(arena, crypto_pwhash_STRBYTES, 1);

	/* It fails for want of memory alone. */
	if (hash == NULL ||
		crypto_pwhash_str(hash, (const char *)password.data,
			password.len, PASSES, MEMORY) != 0)
		return err_set_memory(err);
	*ret_hash = hash;
	return 0;
}

bool
password_is(const char *hash, struct secret_view password)
{
	const bool fits =
		crypto_pwhash_str_verify(hash != NULL ? hash : nobody,
			(const char *)password.data, password.len) == 0;

	return fits && hash != NULL;
}
