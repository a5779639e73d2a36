/* The mount table: routes, names, tuning, moving, removal. */
#include "server/core/mount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/records.h"
#include "storage/lease.h"
#include "tests/unit/core/server_fixture.h"

static int
add(struct server_fixture *fixture, const char *path, struct err *err)
{
	struct mount_wanted wanted = { .path = path, .type = "ssh" };

	return mounts_add(fixture->server->mounts, &wanted, err);
}

static void
must_add(struct server_fixture *fixture, const char *path)
{
	struct err err = { 0 };

	if (add(fixture, path, &err) != 0)
		fail_msg("%s: %s", path, err.message);
}

static void
assert_refused(int rc, const struct err *err, const char *message)
{
	assert_true(rc < 0);
	assert_int_equal(err->status, 400);
	assert_string_equal(err->message, message);
}

static void
assert_route(struct server_fixture *fixture, const char *path, const char *want)
{
	struct mounts *mounts = fixture->server->mounts;
	struct mount *mount = mounts_find(mounts, path);

	if (want == NULL) {
		assert_null(mount);
		return;
	}
	if (mount == NULL)
		fail_msg("%s leads nowhere", path);
	assert_string_equal(mount->path, want);
	mount_unref(mounts, &mount);
	assert_null(mount);
}

static void
builtins_are_always_there(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct mounts *mounts = fixture->server->mounts;
	struct mount *sys = mounts_find(mounts, "sys/health");
	struct mount *token = mounts_find(mounts, "auth/token/create");

	(void)state;
	assert_non_null(sys);
	assert_non_null(token);
	assert_string_equal(sys->path, "sys/");
	assert_string_equal(sys->description,
		"system endpoints used for control, policy and debugging");
	assert_memory_equal(sys->accessor, "system_", 7);
	assert_null(sys->options);
	assert_string_equal(
		sys->passthrough_request_headers->first->str, "Accept");
	assert_memory_equal(token->accessor, "auth_token_", 11);
	assert_int_equal(strlen(token->accessor), 19);
	mount_unref(mounts, &sys);
	mount_unref(mounts, &token);
	server_fixture_free(fixture);
}

static void
paths_lead_to_the_mount_they_lie_in(void **state)
{
	struct server_fixture *fixture = server_fixture_open();

	(void)state;
	must_add(fixture, "ssh");
	must_add(fixture, "/ssh-b/");
	must_add(fixture, "team/a/ssh/");
	must_add(fixture, "team/b");
	assert_route(fixture, "ssh/creds/x", "ssh/");
	assert_route(fixture, "ssh/", "ssh/");
	assert_route(fixture, "ssh", "ssh/");
	assert_route(fixture, "ssh-b/roles", "ssh-b/");
	assert_route(fixture, "ssh-c/roles", NULL);
	assert_route(fixture, "sshx", NULL);
	assert_route(fixture, "ss", NULL);
	assert_route(fixture, "team/a/ssh/x", "team/a/ssh/");
	assert_route(fixture, "team/a/x", NULL);
	assert_route(fixture, "team/b/x", "team/b/");
	assert_route(fixture, "team", NULL);
	assert_route(fixture, "auth/token", "auth/token/");
	assert_route(fixture, "auth/x", NULL);
	assert_route(fixture, "", NULL);
	assert_route(fixture, "zzz", NULL);
	server_fixture_free(fixture);
}

static void
bad_names_are_refused(void **state)
{
	static const char *const names[] = { "", "/", "//", "a//b", ".", "..",
		"a/../b", "a/./b", "a*", "+/a", "a b", "a\tb", "a\\b", "a%2fb",
		"a\x01", "\xc3\xa4", "a?b", "a#b", "{{a}}", "a\"b" };
	static const char *const reserved[] = { "sys", "sys/", "/sys/x", "Sys",
		"SYS/x", "auth", "auth/x", "identity", "audit/x", "cubbyhole",
		"Cubbyhole/x" };
	struct server_fixture *fixture = server_fixture_open();
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		struct err err = { 0 };

		assert_int_equal(add(fixture, names[i], &err), ERR_INPUT);
		assert_memory_equal(err.message, "invalid mount path", 18);
	}
	for (i = 0; i < ARRAY_LEN(reserved); i++) {
		struct err err = { 0 };

		assert_int_equal(add(fixture, reserved[i], &err), ERR_INPUT);
		assert_memory_equal(err.message, "cannot mount \"", 14);
	}
	server_fixture_free(fixture);
}

static void
paths_do_not_nest(void **state)
{
	static const char *const taken[] = { "a/ssh", "a", "a/ssh/b" };
	struct server_fixture *fixture = server_fixture_open();
	size_t i;

	(void)state;
	must_add(fixture, "a/ssh");
	for (i = 0; i < ARRAY_LEN(taken); i++) {
		struct err err = { 0 };
		int rc = add(fixture, taken[i], &err);

		assert_refused(rc, &err, "path is already in use at a/ssh/");
	}
	must_add(fixture, "a/ssh2");
	must_add(fixture, "a/s");
	server_fixture_free(fixture);
}

static void
settings_are_checked_with_the_peers_texts(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct value *version = value_object(fixture->arena);

	const struct {
		struct mount_wanted wanted;
		const char *message;
	} cases[] = {
		{ { .path = "a" },
			"backend type must be specified as a string" },
		{ { .path = "a", .type = "foo" },
			"plugin not found in the catalog: foo" },
		{ { .path = "a", .type = "userpass" },
			"plugin not found in the catalog: userpass" },
		{ { .path = "a", .type = "ssh", .is_auth = true },
			"plugin not found in the catalog: ssh" },
		{ { .path = "a", .type = "system" },
			"mount type of \"system\" is not mountable" },
		{ { .path = "sys", .type = "ssh" }, "cannot mount \"sys/\"" },
		{ { .path = "token", .type = "userpass", .is_auth = true },
			"path is already in use at token/" },
		{ { .path = "a",
			  .type = "ssh",
			  .default_lease_ttl_s = 20,
			  .max_lease_ttl_s = 10 },
			"given default lease TTL greater than given max lease "
			"TTL" },
		{ { .path = "a",
			  .type = "ssh",
			  .default_lease_ttl_s = 2764801 },
			"given default lease TTL greater than system max lease "
			"TTL of 2764800" },
		{ { .path = "a", .type = "ssh", .options = version },
			"secrets engine \"ssh\" does not allow setting a "
			"version" },
		{ { .path = "a", .type = "ssh", .listing_visibility = "x" },
			"invalid listing_visibility x" },
	};

	size_t i;

	(void)state;
	assert_true(value_set_str(fixture->arena, version, "version", "2"));
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };
		int rc = mounts_add(
			fixture->server->mounts, &cases[i].wanted, &err);

		assert_refused(rc, &err, cases[i].message);
	}
	server_fixture_free(fixture);
}

static void
mounts_survive_seal_and_unseal(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct mounts *mounts = fixture->server->mounts;
	struct mount_wanted wanted = {
		.path = "a",
		.type = "ssh",
		.description = "hosts",
		.default_lease_ttl_s = 60,
		.max_lease_ttl_s = 9999999,
		.local = true,
	};
	struct err err = { 0 };
	struct mount *before = NULL, *after = NULL;

	(void)state;
	assert_int_equal(mounts_add(mounts, &wanted, &err), 0);
	before = mounts_find(mounts, "a/");
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	after = mounts_find(mounts, "a/");
	assert_non_null(after);
	assert_ptr_not_equal(before, after);
	assert_string_equal(before->uuid, after->uuid);
	assert_string_equal(before->accessor, after->accessor);
	assert_string_equal(after->description, "hosts");
	assert_int_equal(after->options->n, 0);
	assert_true(after->local);
	assert_int_equal(mount_default_ttl_s(fixture->server, after), 60);
	assert_int_equal(mount_max_ttl_s(fixture->server, after), 9999999);
	mount_unref(mounts, &before);
	mount_unref(mounts, &after);
	before = mounts_find(mounts, "sys/");
	assert_int_equal(mount_default_ttl_s(fixture->server, before), 2764800);
	mount_unref(mounts, &before);
	server_fixture_free(fixture);
}

static void
tuning_makes_a_new_mount(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct mounts *mounts = fixture->server->mounts;
	struct mount_wanted changes = {
		.default_lease_ttl_s = 60,
		.max_lease_ttl_s = -1,
		.description = "new",
	};
	struct mount *before = NULL, *after = NULL;
	struct err err = { 0 };

	(void)state;
	must_add(fixture, "a");
	before = mounts_find(mounts, "a/");
	assert_int_equal(mounts_tune(mounts, "a", &changes, &err), 0);
	after = mounts_find(mounts, "a/");
	assert_string_equal(before->description, "");
	assert_string_equal(after->description, "new");
	assert_int_equal(after->default_lease_ttl_s, 60);
	assert_int_equal(after->max_lease_ttl_s, 0);
	mount_unref(mounts, &before);
	mount_unref(mounts, &after);
	changes.max_lease_ttl_s = 30;
	assert_refused(mounts_tune(mounts, "a/", &changes, &err), &err,
		"backend max lease TTL of 30 would be less than backend "
		"default lease TTL of 60");
	err_clear(&err);
	assert_refused(mounts_tune(mounts, "x", &changes, &err), &err,
		"tune of path \"x/\" failed: no mount entry found");
	err_clear(&err);
	assert_refused(mounts_tune(mounts, "sys/", &changes, &err), &err,
		"cannot tune \"sys/\"");
	err_clear(&err);
	changes = (struct mount_wanted){ .token_type = "batch" };
	assert_refused(mounts_tune(mounts, "a", &changes, &err), &err,
		"'token_type' can only be modified on auth mounts");
	server_fixture_free(fixture);
}

struct lease_put {
	struct lease lease;
};

static int
insert_lease(struct store_tx *tx, void *ctx, struct err *err)
{
	struct lease_put *put = ctx;

	put->lease.issue_ns = tx_now_ns(tx);
	put->lease.expire_s = tx_now_s(tx) + 1000;
	return lease_insert(tx, &put->lease, err);
}

/* A live lease "creds/x" of a mount. */
static void
put_lease_in(struct server *server, const char *uuid)
{
	struct lease_put put = {
		.lease = { .kind = LEASE_OTP, .state = LEASE_LIVE },
	};
	struct err err = { 0 };

	assert_int_equal(lease_path_number(server->store, uuid, "creds/x",
				 &put.lease.ref.path, &err),
		0);
	assert_int_equal(
		store_row_number(server->store, &put.lease.ref.row, &err), 0);
	if (store_write(server->store, insert_lease, &put, &err) != 0)
		fail_msg("%s %s", err.message, err.detail);
}

static uint64_t
count_leases(struct server *server)
{
	struct err err = { 0 };
	uint64_t n = 0;

	assert_int_equal(lease_count(server->store, &n, &err), 0);
	return n;
}

static int
count_record(
	void *ctx, const char *name, const struct value *value, struct err *err)
{
	size_t *n = ctx;

	(void)name;
	(void)value;
	(void)err;
	++*n;
	return 0;
}

static size_t
count_records(struct server *server, const struct kv *kv, const char *prefix)
{
	struct err err = { 0 };
	size_t n = 0;

	assert_int_equal(
		records_each(server->store, kv, prefix, count_record, &n, &err),
		0);
	return n;
}

/* A mount with 1,200 records and a lease, held. */
static struct mount *
fill_mount(struct server_fixture *fixture, const char *path)
{
	struct server *server = fixture->server;
	struct mount *mount = NULL;
	struct err err = { 0 };
	char name[32];
	size_t i;

	must_add(fixture, path);
	mount = mounts_find(server->mounts, path);
	assert_non_null(mount);
	for (i = 0; i < 1200; i++) {
		(void)snprintf(name, sizeof(name), "roles/%zu", i);
		assert_int_equal(kv_write(server->store, &mount->kv, name,
					 value_object(fixture->arena), &err),
			0);
	}
	put_lease_in(server, mount->uuid);
	return mount;
}

static void
removal_takes_everything(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct server *server = fixture->server;
	struct mount *mount = fill_mount(fixture, "a");
	struct err err = { 0 };

	(void)state;
	assert_int_equal(count_records(server, &mount->kv, ""), 1200);
	assert_int_equal(count_leases(server), 1);
	assert_int_equal(mounts_remove(server->mounts, "a", &err), 0);
	assert_route(fixture, "a/x", NULL);
	assert_int_equal(count_records(server, &mount->kv, ""), 0);
	assert_int_equal(count_leases(server), 0);
	assert_int_equal(count_records(server, &server->system, "mounts/"), 2);
	/* Who held it may still look at it. */
	assert_string_equal(mount->path, "a/");
	mount_unref(server->mounts, &mount);
	must_add(fixture, "a/b");
	assert_int_equal(mounts_remove(server->mounts, "nothing", &err), 0);
	assert_refused(mounts_remove(server->mounts, "sys", &err), &err,
		"cannot unmount \"sys/\"");
	err_clear(&err);
	assert_refused(mounts_remove(server->mounts, "auth/token", &err), &err,
		"cannot unmount \"auth/token/\"");
	server_fixture_free(fixture);
}

static void
removal_cut_off_is_finished_at_load(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct server *server = fixture->server;
	struct mount *mount = fill_mount(fixture, "a");
	struct kv kv = mount->kv;
	struct value *record = NULL;
	struct err err = { 0 };
	char name[64];

	(void)state;
	(void)snprintf(name, sizeof(name), "mounts/%s", mount->uuid);
	assert_int_equal(kv_read(server->store, &server->system, name,
				 fixture->arena, &record, &err),
		0);
	assert_true(value_set_str(fixture->arena, record, "state", "removing"));
	assert_int_equal(
		kv_write(server->store, &server->system, name, record, &err),
		0);
	mount_unref(server->mounts, &mount);
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	assert_route(fixture, "a/x", NULL);
	assert_int_equal(count_records(server, &kv, ""), 0);
	assert_int_equal(count_leases(server), 0);
	assert_int_equal(count_records(server, &server->system, "mounts/"), 2);
	server_fixture_free(fixture);
}

struct junk {
	char key[128];
	bool put;
};

static int
toggle_junk(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct junk *junk = ctx;

	if (!junk->put)
		return tx_delete(tx, span_str(junk->key), err);
	return tx_put(tx, span_str(junk->key), span_str("x"), err);
}

static void
a_removal_that_fails_hides_the_mount_and_can_be_repeated(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct server *server = fixture->server;
	struct mount *mount = fill_mount(fixture, "a");
	struct junk junk = { .put = true };
	struct err err = { 0 };

	(void)state;
	/* A damaged record of a lease path stops it half way. */
	(void)snprintf(
		junk.key, sizeof(junk.key), "path/%s/creds/y", mount->uuid);
	assert_int_equal(
		store_write(server->store, toggle_junk, &junk, &err), 0);
	assert_true(mounts_remove(server->mounts, "a", &err) < 0);
	assert_route(fixture, "a/x", NULL);
	err_clear(&err);
	assert_refused(
		add(fixture, "a", &err), &err, "path is already in use at a/");
	junk.put = false;
	err_clear(&err);
	assert_int_equal(
		store_write(server->store, toggle_junk, &junk, &err), 0);
	assert_int_equal(mounts_remove(server->mounts, "a", &err), 0);
	assert_int_equal(count_leases(server), 0);
	assert_int_equal(count_records(server, &mount->kv, ""), 0);
	must_add(fixture, "a");
	mount_unref(server->mounts, &mount);
	server_fixture_free(fixture);
}

static void
moving_revokes_leases_and_keeps_records(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct server *server = fixture->server;
	struct mounts *mounts = server->mounts;
	struct mount *mount = fill_mount(fixture, "a");
	struct err err = { 0 };

	(void)state;
	must_add(fixture, "c");
	assert_refused(mounts_move(mounts, "a", "c", &err), &err,
		"existing mount at \"c/\"");
	err_clear(&err);
	assert_refused(mounts_move(mounts, "x", "b", &err), &err,
		"no matching mount at \"x/\"");
	err_clear(&err);
	assert_refused(mounts_move(mounts, "sys", "b", &err), &err,
		"cannot remount \"sys/\"");
	err_clear(&err);
	assert_true(mounts_move(mounts, "a", "auth/b", &err) < 0);
	err_clear(&err);
	assert_route(fixture, "a/x", "a/");
	assert_int_equal(mounts_move(mounts, "a", "b", &err), 0);
	assert_route(fixture, "a/x", NULL);
	assert_route(fixture, "b/x", "b/");
	assert_int_equal(count_leases(server), 0);
	assert_int_equal(count_records(server, &mount->kv, ""), 1200);
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	assert_route(fixture, "b/x", "b/");
	mount_unref(mounts, &mount);
	server_fixture_free(fixture);
}

static int
note_path(void *ctx, const struct mount *mount, struct err *err)
{
	struct buf *buf = ctx;

	(void)err;
	return buf_addf(buf, "%s ", mount->path);
}

static void
each_goes_in_order(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct err err = { 0 };
	struct buf buf;

	(void)state;
	buf_init(&buf, 1000);
	must_add(fixture, "z");
	must_add(fixture, "b");
	must_add(fixture, "a");
	assert_int_equal(
		mounts_each(fixture->server->mounts, note_path, &buf, &err), 0);
	assert_string_equal(buf_str(&buf), "a/ auth/token/ b/ sys/ z/ ");
	buf_clear(&buf);
	server_fixture_free(fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(builtins_are_always_there),
		cmocka_unit_test(paths_lead_to_the_mount_they_lie_in),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(paths_do_not_nest),
		cmocka_unit_test(settings_are_checked_with_the_peers_texts),
		cmocka_unit_test(mounts_survive_seal_and_unseal),
		cmocka_unit_test(tuning_makes_a_new_mount),
		cmocka_unit_test(removal_takes_everything),
		cmocka_unit_test(removal_cut_off_is_finished_at_load),
		cmocka_unit_test(
			a_removal_that_fails_hides_the_mount_and_can_be_repeated),
		cmocka_unit_test(moving_revokes_leases_and_keeps_records),
		cmocka_unit_test(each_goes_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
