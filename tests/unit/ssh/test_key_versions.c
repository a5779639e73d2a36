/* Which former versions of a key are forgotten, whatever happens meanwhile. */
#include "server/engines/ssh/dynamic/key_users.h"
#include "tests/unit/ssh/ssh_fixture.h"

/* In the place of key_users.c: a lease with version 2, once it is made. */
static bool lease_is_made;
static bool lease_is_coming; /* behind the next count */

static void write_key(const char *path);

int
key_leases_count(UNUSED struct server *server, UNUSED const struct mount *mount,
	UNUSED struct arena *arena, struct key_leases **ret_leases,
	UNUSED struct err *err)
{
	static struct key_leases leases = {
		.key = "admin", .version = 2, .n = 1
	};

	*ret_leases = lease_is_made ? &leases : NULL;
	if (lease_is_coming) {
		lease_is_coming = false;
		lease_is_made = true;
		write_key("ssh/keys/admin");
	}
	return 0;
}

int64_t
key_leases_of(const struct key_leases *leases, const char *key, int64_t version)
{
	return leases != NULL && strcmp(leases->key, key) == 0 &&
			(version == 0 || leases->version == version)
		? leases->n
		: 0;
}

int
key_users_each(UNUSED struct store_tx *tx, UNUSED const struct kv *kv,
	UNUSED key_user_fn *fn, UNUSED void *ctx, UNUSED struct err *err)
{
	return 0;
}

/* A new version, which forgets what nobody needs. */
static void
write_key(const char *path)
{
	struct api_reply written;

	api_call(fixture, OP_UPDATE, path, "{\"generate\":true}", &written);
	assert_int_equal(written.status, 200);
}

static size_t
count_versions(const char *path)
{
	api_call(fixture, OP_READ, path, NULL, &reply);
	assert_int_equal(reply.status, 200);
	return value_find(reply.data, "versions")->n;
}

static void
former_version_without_leases_is_forgotten(void **state)
{
	(void)state;
	lease_is_made = lease_is_coming = false;
	write_key("ssh/keys/admin");
	write_key("ssh/keys/admin");
	assert_int_equal(count_versions("ssh/keys/admin"), 1);
}

static void
former_version_with_leases_is_kept(void **state)
{
	(void)state;
	former_version_without_leases_is_forgotten(state);
	lease_is_made = true;
	write_key("ssh/keys/admin");
	assert_int_equal(count_versions("ssh/keys/admin"), 2);
}

/* Behind the count the current version gets a lease, and then a successor. */
static void
version_that_became_a_former_one_behind_the_count_is_kept(void **state)
{
	(void)state;
	former_version_without_leases_is_forgotten(state);
	write_key("ssh/keys/other");
	lease_is_coming = true;
	write_key("ssh/keys/other");
	assert_true(lease_is_made);
	assert_int_equal(count_versions("ssh/keys/other"), 1);
	assert_int_equal(count_versions("ssh/keys/admin"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(former_version_without_leases_is_forgotten),
		MOUNTED(former_version_with_leases_is_kept),
		MOUNTED(version_that_became_a_former_one_behind_the_count_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
