/* Init, unseal with progress, reset, seal, the unseal file, bad records. */
#include "server/core/seal_init.h"
#include "server/core/seal_open.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/codec.h"
#include "server/core/policy.h"
#include "storage/token.h"
#include "tests/unit/core/server_fixture.h"

static int
give_share(struct server_fixture *fixture, unsigned i, struct err *err)
{
	const struct keeper_share *share = &fixture->made.shares[i];

	return seal_unseal(fixture->server->seal,
		secret_view_of(share->bytes, share->len), err);
}

static struct server_fixture *
initialized(unsigned n, unsigned t)
{
	struct server_fixture *fixture = server_fixture_new();
	struct err err = { 0 };

	server_fixture_start(fixture);
	if (seal_init(fixture->server->seal, n, t, "", fixture->arena,
		    &fixture->made, &err) != 0)
		fail_msg("%s (%s)", err.message, err.detail);
	return fixture;
}

static struct seal_status
status_of(struct server_fixture *fixture)
{
	struct seal_status status;

	seal_get_status(fixture->server->seal, &status);
	assert_int_equal(status.sealed, seal_is_sealed(fixture->server->seal));
	return status;
}

static void
a_new_store_is_sealed_and_empty(void **state)
{
	struct server_fixture *fixture = server_fixture_new();
	struct seal_status status;
	struct err err = { 0 };
	uint8_t share[33] = { 0 };

	(void)state;
	server_fixture_start(fixture);
	status = status_of(fixture);
	assert_false(status.initialized);
	assert_true(status.sealed);
	assert_int_equal(status.t, 0);
	assert_int_equal(status.n, 0);
	assert_string_equal(status.type, "shamir");
	assert_int_equal(seal_unseal(fixture->server->seal,
				 secret_view_of(share, sizeof(share)), &err),
		ERR_INPUT);
	assert_string_equal(err.message, "Vault is not initialized");
	err_clear(&err);
	assert_int_equal(seal_unseal_reset(fixture->server->seal, &err), 0);
	server_fixture_free(fixture);
}

static void
bad_numbers_are_named_before_already_initialized(void **state)
{
	static const struct {
		unsigned n, t;
		const char *message;
	} cases[] = {
		{ 0, 1, "shares must be at least one" },
		{ 1, 0, "threshold must be at least one" },
		{ 3, 1,
			"threshold must be greater than one for multiple "
			"shares" },
		{ 256, 2, "shares must be less than 256" },
		{ 2, 3, "threshold cannot be larger than shares" },
	};
	struct server_fixture *fixture = initialized(3, 2);
	struct seal_init_result result;
	struct err err = { 0 };
	char want[128];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		err_clear(&err);
		assert_int_equal(
			seal_init(fixture->server->seal, cases[i].n, cases[i].t,
				"", fixture->arena, &result, &err),
			ERR_INPUT);
		(void)snprintf(want, sizeof(want),
			"invalid seal configuration: %s", cases[i].message);
		assert_string_equal(err.message, want);
	}
	err_clear(&err);
	assert_int_equal(seal_init(fixture->server->seal, 1, 1, "",
				 fixture->arena, &result, &err),
		ERR_INPUT);
	assert_string_equal(err.message, "Vault is already initialized");
	server_fixture_free(fixture);
}

static void
shares_open_at_the_threshold(void **state)
{
	struct server_fixture *fixture = initialized(5, 3);
	struct seal_status status = status_of(fixture);
	struct err err = { 0 };
	char nonce[37];

	(void)state;
	assert_int_equal(fixture->made.n, 5);
	assert_true(status.initialized && status.sealed);
	assert_string_equal(status.nonce, "");
	assert_int_equal(give_share(fixture, 4, &err), 0);
	status = status_of(fixture);
	assert_int_equal(status.progress, 1);
	assert_int_equal(strlen(status.nonce), 36);
	memcpy(nonce, status.nonce, sizeof(nonce));
	/* the same again is no progress */
	assert_int_equal(give_share(fixture, 4, &err), 0);
	assert_int_equal(status_of(fixture).progress, 1);
	assert_int_equal(give_share(fixture, 1, &err), 0);
	assert_int_equal(status_of(fixture).progress, 2);
	assert_null(seal_hold_barrier(fixture->server->seal));
	assert_int_equal(give_share(fixture, 2, &err), 0);
	status = status_of(fixture);
	assert_false(status.sealed);
	assert_int_equal(status.progress, 0);
	assert_string_equal(status.nonce, "");
	assert_int_equal(strlen(status.cluster_id), 36);
	assert_memory_equal(status.cluster_name, "sallyport-", 10);
	assert_non_null(seal_hold_barrier(fixture->server->seal));
	seal_release_barrier(fixture->server->seal);
	/* unsealed already: fine; reset is not */
	assert_int_equal(give_share(fixture, 0, &err), 0);
	assert_int_equal(
		seal_unseal_reset(fixture->server->seal, &err), ERR_INPUT);
	assert_string_equal(err.message, "vault is unsealed");
	server_fixture_free(fixture);
}

static void
wrong_shares_start_over(void **state)
{
	struct server_fixture *fixture = initialized(3, 2);
	struct err err = { 0 };
	uint8_t wrong[33] = { 1, 2, 3 };
	struct seal *seal = fixture->server->seal;

	(void)state;
	wrong[32] = 200;
	assert_int_equal(give_share(fixture, 0, &err), 0);
	assert_int_equal(
		seal_unseal(seal, secret_view_of(wrong, 33), &err), ERR_INPUT);
	assert_int_equal(err.status, 400);
	assert_string_equal(err.message, "Unseal failed, invalid key");
	assert_int_equal(status_of(fixture).progress, 0);
	err_clear(&err);
	assert_int_equal(
		seal_unseal(seal, secret_view_of(wrong, 15), &err), ERR_INPUT);
	assert_string_equal(err.message,
		"invalid key: key is shorter than minimum 16 bytes");
	err_clear(&err);
	assert_int_equal(give_share(fixture, 0, &err), 0);
	assert_int_equal(seal_unseal_reset(seal, &err), 0);
	assert_int_equal(status_of(fixture).progress, 0);
	assert_int_equal(give_share(fixture, 0, &err), 0);
	assert_int_equal(give_share(fixture, 1, &err), 0);
	assert_false(status_of(fixture).sealed);
	server_fixture_free(fixture);
}

static void
the_root_token_works(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct server *server = fixture->server;
	struct mount *mount = mounts_find(server->mounts, "auth/token/");
	struct barrier *barrier = seal_hold_barrier(server->seal);
	const char *text = fixture->made.root_token;
	const struct token *token = NULL;
	struct compiled *ref = NULL;
	struct err err = { 0 };

	(void)state;
	assert_memory_equal(text, "hvs.", 4);
	if (token_find(server->store, barrier, mount->uuid,
		    secret_view_of(text, strlen(text)), NULL, &ref, &token,
		    &err) != 0)
		fail_msg("%s %s", err.message, err.detail);
	assert_int_equal(token->policies.n, 1);
	assert_string_equal(token->policies.items[0], "root");
	assert_string_equal(token->display_name, "root");
	assert_string_equal(token->path, "auth/token/root");
	assert_int_equal(token->lease.expire_s, 0);
	assert_true(token->orphan);
	compiled_unref(&ref);
	seal_release_barrier(server->seal);
	mount_unref(server->mounts, &mount);
	server_fixture_free(fixture);
}

static void
a_chosen_root_token_is_taken(void **state)
{
	struct server_fixture *fixture = server_fixture_new();
	struct err err = { 0 };

	(void)state;
	server_fixture_start(fixture);
	assert_int_equal(seal_init(fixture->server->seal, 1, 1, "devroot",
				 fixture->arena, &fixture->made, &err),
		0);
	assert_string_equal(fixture->made.root_token, "devroot");
	server_fixture_free(fixture);
}

static void
sealed_answers_nothing(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct server *server = fixture->server;
	struct value *record = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(kv_read(server->store, &server->system, "cluster",
				 fixture->arena, &record, &err),
		0);
	assert_int_equal(seal_seal(server->seal, &err), 0);
	assert_true(status_of(fixture).sealed);
	assert_string_equal(status_of(fixture).cluster_id, "");
	assert_null(seal_hold_barrier(server->seal));
	assert_null(mounts_find(server->mounts, "sys/"));
	assert_int_equal(kv_read(server->store, &server->system, "cluster",
				 fixture->arena, &record, &err),
		ERR_SEALED);
	err_clear(&err);
	assert_int_equal(seal_seal(server->seal, &err), 0);
	assert_int_equal(give_share(fixture, 0, &err), 0);
	assert_false(status_of(fixture).sealed);
	server_fixture_free(fixture);
}

struct holder {
	struct seal *seal;
	_Atomic bool let_go;
	_Atomic bool sealed;
};

static void *
seal_in_thread(void *arg)
{
	struct holder *holder = arg;
	struct err err = { 0 };

	assert_int_equal(seal_seal(holder->seal, &err), 0);
	/* It may not return before the barrier was let go. */
	atomic_store(&holder->sealed, atomic_load(&holder->let_go));
	return NULL;
}

static void
sealing_waits_for_who_holds_the_barrier(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct holder holder = { .seal = fixture->server->seal };
	pthread_t thread;

	(void)state;
	assert_non_null(seal_hold_barrier(holder.seal));
	assert_int_equal(
		pthread_create(&thread, NULL, seal_in_thread, &holder), 0);
	while (seal_hold_barrier(holder.seal) != NULL) {
		seal_release_barrier(holder.seal);
		(void)usleep(1000);
	}
	atomic_store(&holder.let_go, true);
	seal_release_barrier(holder.seal);
	pthread_join(thread, NULL);
	assert_true(atomic_load(&holder.sealed));
	server_fixture_free(fixture);
}

static void
a_record_that_does_not_load_keeps_it_sealed(void **state)
{
	static const struct {
		const char *name, *member, *text;
	} cases[] = {
		{ "policies/broken", "policy", "path \"a\" { frob = 1 }" },
		{ "mounts/11111111-2222-3333-4444-555555555555", "type",
			"nothing" },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct server_fixture *fixture = server_fixture_open();
		struct server *server = fixture->server;
		struct value *record = value_object(fixture->arena);
		struct err err = { 0 };

		assert_true(value_set_str(fixture->arena, record,
			cases[i].member, cases[i].text));
		assert_int_equal(kv_write(server->store, &server->system,
					 cases[i].name, record, &err),
			0);
		assert_true(server_fixture_reload(fixture, &err) < 0);
		assert_int_equal(err.status, 500);
		assert_non_null(
			strstr(err.detail, strchr(cases[i].name, '/') + 1));
		assert_true(status_of(fixture).sealed);
		assert_null(mounts_find(server->mounts, "sys/"));
		assert_null(seal_hold_barrier(server->seal));
		server_fixture_free(fixture);
	}
}

#define LARGE 200 /* policies of the largest size */

static int
put_large_policies(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct server_fixture *fixture = ctx;
	struct arena *arena = arena_new(4 * POLICY_TEXT_MAX);
	struct value *policy = value_object(arena);
	char *text = arena_alloc(arena, POLICY_TEXT_MAX, 1);
	char name[32];
	int rc = 0;

	memset(text, '#', POLICY_TEXT_MAX - 1);
	assert_true(value_set_str(arena, policy, "policy", text));
	for (int i = 0; rc == 0 && i < LARGE; i++) {
		(void)snprintf(name, sizeof(name), "policies/n%03d", i);
		rc = kv_put(tx, &fixture->server->system, name, policy, err);
	}
	arena_free(&arena);
	return rc;
}

/* What may be written is no reason to stay sealed, however much it is. */
static void
large_records_open_again(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct err err = { 0 };

	(void)state;
	assert_int_equal(store_write(fixture->server->store, put_large_policies,
				 fixture, &err),
		0);
	if (server_fixture_reload(fixture, &err) != 0)
		fail_msg("%s (%s)", err.message, err.detail);
	assert_false(status_of(fixture).sealed);
	server_fixture_free(fixture);
}

static int
put_junk(struct store_tx *tx, void *ctx, struct err *err)
{
	(void)ctx;
	return tx_put(tx, span_str("pathnext"), span_str("junk"), err);
}

static void
an_init_that_was_cut_off_leaves_nothing_in_the_way(void **state)
{
	struct server_fixture *fixture = server_fixture_new();
	struct barrier *lost = barrier_new_keyring(0);
	struct server *server = NULL;
	struct err err = { 0 };

	(void)state;
	server_fixture_start(fixture);
	server = fixture->server;
	store_set_barrier(server->store, lost);
	assert_int_equal(store_write(server->store, put_junk, NULL, &err), 0);
	assert_int_equal(kv_write(server->store, &server->system, "policies/x",
				 value_object(fixture->arena), &err),
		0);
	store_set_barrier(server->store, NULL);
	barrier_free(&lost);
	if (seal_init(server->seal, 1, 1, "", fixture->arena, &fixture->made,
		    &err) != 0)
		fail_msg("%s %s", err.message, err.detail);
	assert_int_equal(give_share(fixture, 0, &err), 0);
	assert_false(status_of(fixture).sealed);
	server_fixture_free(fixture);
}

/* ---- the unseal file --------------------------------------------------- */

static char directory[] = "/tmp/test_seal_XXXXXX";
static char key_path[64];

static struct server_fixture *
with_unseal_file(void)
{
	struct server_fixture *fixture = server_fixture_new();

	fixture->settings.seal_type = "file";
	fixture->settings.seal_path = key_path;
	fixture->settings.storage_path = directory;
	server_fixture_start(fixture);
	return fixture;
}

static void
write_key(const char *text, mode_t mode)
{
	FILE *file = NULL;

	(void)unlink(key_path);
	file = fopen(key_path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(key_path, mode), 0);
}

static int
init_with_file(struct server_fixture *fixture, struct err *err)
{
	return seal_init(fixture->server->seal, 5, 3, "", fixture->arena,
		&fixture->made, err);
}

static void
the_unseal_file_is_made_and_opens(void **state)
{
	struct server_fixture *fixture = with_unseal_file();
	struct err err = { 0 };
	struct stat st;

	(void)state;
	(void)unlink(key_path);
	if (init_with_file(fixture, &err) != 0)
		fail_msg("%s %s", err.message, err.detail);
	assert_int_equal(fixture->made.n, 0);
	assert_false(status_of(fixture).sealed);
	assert_string_equal(status_of(fixture).type, "file");
	assert_int_equal(stat(key_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(st.st_size, 65);
	assert_int_equal(seal_seal(fixture->server->seal, &err), 0);
	assert_int_equal(seal_unseal_file(fixture->server->seal, &err), 0);
	assert_false(status_of(fixture).sealed);
	assert_int_equal(seal_seal(fixture->server->seal, &err), 0);
	write_key("00000000000000000000000000000000"
		  "00000000000000000000000000000000\n",
		0400);
	assert_int_equal(
		seal_unseal_file(fixture->server->seal, &err), ERR_INPUT);
	assert_true(status_of(fixture).sealed);
	server_fixture_free(fixture);
}

/* sys/init needs no token: it must leave nothing behind where it is refused. */
static void
a_refused_init_makes_no_unseal_file(void **state)
{
	struct server_fixture *fixture = with_unseal_file();
	struct err err = { 0 };

	(void)state;
	(void)unlink(key_path);
	assert_int_equal(init_with_file(fixture, &err), 0);
	assert_int_equal(unlink(key_path), 0);
	assert_int_equal(init_with_file(fixture, &err), ERR_INPUT);
	assert_string_equal(err.message, "Vault is already initialized");
	assert_int_equal(access(key_path, F_OK), -1);
	server_fixture_free(fixture);
}

static void
an_unseal_file_may_be_hex_or_base64(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		bool taken;
	} cases[] = {
		{ "00112233445566778899aabbccddeeff"
		  "00112233445566778899aabbccddeeff\n",
			0400, true },
		{ "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=\n", 0600,
			true },
		{ "00112233445566778899aabbccddeeff", 0400, false },
		{ "nonsense", 0400, false },
		{ "", 0400, false },
		{ "00112233445566778899aabbccddeeff"
		  "00112233445566778899aabbccddeeff\n",
			0440, false },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct server_fixture *fixture = with_unseal_file();
		struct err err = { 0 };
		int rc;

		write_key(cases[i].text, cases[i].mode);
		rc = init_with_file(fixture, &err);
		assert_int_equal(rc == 0, cases[i].taken);
		if (rc != 0)
			assert_non_null(strstr(err.message, key_path));
		assert_int_equal(
			status_of(fixture).initialized, cases[i].taken);
		server_fixture_free(fixture);
	}
}

static int
make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(key_path, sizeof(key_path), "%s/unseal.key", directory);
	return 0;
}

static int
remove_directory(void **state)
{
	(void)state;
	(void)unlink(key_path);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_store_is_sealed_and_empty),
		cmocka_unit_test(
			bad_numbers_are_named_before_already_initialized),
		cmocka_unit_test(shares_open_at_the_threshold),
		cmocka_unit_test(wrong_shares_start_over),
		cmocka_unit_test(the_root_token_works),
		cmocka_unit_test(a_chosen_root_token_is_taken),
		cmocka_unit_test(sealed_answers_nothing),
		cmocka_unit_test(sealing_waits_for_who_holds_the_barrier),
		cmocka_unit_test(a_record_that_does_not_load_keeps_it_sealed),
		cmocka_unit_test(large_records_open_again),
		cmocka_unit_test(
			an_init_that_was_cut_off_leaves_nothing_in_the_way),
		cmocka_unit_test(the_unseal_file_is_made_and_opens),
		cmocka_unit_test(a_refused_init_makes_no_unseal_file),
		cmocka_unit_test(an_unseal_file_may_be_hex_or_base64),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
