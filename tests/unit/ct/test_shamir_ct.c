/* No branch and no address in shamir.c depends on a secret (L25). */
#include "server/keeper/shamir.h"

#include <unistd.h>

#include "tests/unit/ct/marked.h"

/* Split and combine; "leak" branches on the result too. */
static int
split_and_combine(bool leak)
{
	uint8_t secret[32], shares[3 * 33], back[32];
	int rc;

	memset(secret, 0x5a, sizeof(secret));
	VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof(secret));
	rc = shamir_split(
		secret_view_of(secret, sizeof(secret)), 3, 3, shares, NULL);
	if (rc == 0)
		rc = shamir_combine(shares, 3, 33, back, NULL);
	if (leak && back[0] == 0x5a)
		rc += (int)write(STDERR_FILENO, "", 0);
	VALGRIND_MAKE_MEM_DEFINED(secret, sizeof(secret));
	VALGRIND_MAKE_MEM_DEFINED(back, sizeof(back));
	if (rc != 0 || memcmp(secret, back, sizeof(secret)) != 0)
		return 1;
	return 0;
}

static int
run_clean(void)
{
	return split_and_combine(false);
}

static int
run_leak(void)
{
	return split_and_combine(true);
}

int
main(int argc, char **argv)
{
	static struct marked cases[] = {
		{ "shares_do_not_depend_on_the_secret", run_clean, false },
		{ "a_branch_on_a_secret_is_reported", run_leak, true },
	};

	return marked_main(argc, argv, cases, ARRAY_LEN(cases));
}
