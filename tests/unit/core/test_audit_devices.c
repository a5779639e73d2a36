/* Audit devices as records, their heads, and the outbox at start. */
#include "server/core/audit_devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fsutil.h"
#include "storage/outbox.h"
#include "tests/unit/core/server_fixture.h"

static char directory[] = "/tmp/test_audit_devices_XXXXXX";
static char log_path[80];

static int
add(struct server_fixture *fixture, const char *path, const char *file,
	struct err *err)
{
	struct value *options = value_object(fixture->arena);

	assert_true(value_set_str(fixture->arena, options, "file_path", file));
	assert_true(value_set_bool(fixture->arena, options, "log_raw", false));
	assert_true(
		value_set_str(fixture->arena, options, "write_timeout", "10m"));
	return audit_devices_add(fixture->server, path, "file", "lines",
		options, false, false, err);
}

static void
must_add(struct server_fixture *fixture)
{
	struct err err = { 0 };

	(void)unlink(log_path);
	if (add(fixture, "file", log_path, &err) != 0)
		fail_msg("%s (%s)", err.message, err.detail);
}

static struct value *
list(struct server_fixture *fixture)
{
	struct value *devices = NULL;
	struct err err = { 0 };

	assert_int_equal(audit_devices_list(fixture->server, fixture->arena,
				 &devices, &err),
		0);
	return devices;
}

static const char *
read_log(struct server_fixture *fixture)
{
	struct err err = { 0 };
	struct buf buf;
	char *text = NULL;

	buf_init(&buf, 1024 * 1024);
	assert_int_equal(file_read(log_path, &buf, &err), 0);
	text = arena_strdup(fixture->arena, buf_str(&buf));
	buf_clear(&buf);
	return text;
}

static void
a_device_is_listed_with_its_public_key(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	const struct value *device = NULL, *options = NULL;

	(void)state;
	assert_int_equal(list(fixture)->n, 0);
	must_add(fixture);
	device = value_find(list(fixture), "file/");
	assert_non_null(device);
	assert_string_equal(value_find_str(device, "path", ""), "file/");
	assert_string_equal(value_find_str(device, "type", ""), "file");
	assert_string_equal(value_find_str(device, "description", ""), "lines");
	options = value_find(device, "options");
	assert_string_equal(value_find_str(options, "log_raw", ""), "0");
	assert_string_equal(value_find_str(options, "file_path", ""), log_path);
	assert_int_equal(strlen(value_find_str(device, "public_key", "")), 44);
	server_fixture_free(fixture);
}

static void
devices_come_back_with_their_keys(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct err err = { 0 };
	const char *before = NULL;
	char hash[2][80];

	(void)state;
	must_add(fixture);
	before = value_find_str(
		value_find(list(fixture), "file/"), "public_key", "");
	assert_int_equal(audit_hash(fixture->server->audit, "file/",
				 span_str("x"), hash[0], &err),
		0);
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	assert_true(audit_is_enabled(fixture->server->audit));
	assert_int_equal(audit_hash(fixture->server->audit, "file/",
				 span_str("x"), hash[1], &err),
		0);
	assert_string_equal(hash[0], hash[1]);
	assert_string_equal(before,
		value_find_str(
			value_find(list(fixture), "file/"), "public_key", ""));
	server_fixture_free(fixture);
}

static void
paths_may_not_nest_or_be_strange(void **state)
{
	static const char *const strange[] = { "", "/", "a/", "a//b", "a/../b",
		"a b", "a*" };
	static const char *const taken[] = { "file", "file/x" };
	struct server_fixture *fixture = server_fixture_open();
	size_t i;

	(void)state;
	must_add(fixture);
	for (i = 0; i < ARRAY_LEN(strange); i++) {
		struct err err = { 0 };

		assert_int_equal(
			add(fixture, strange[i], log_path, &err), ERR_INPUT);
		assert_int_equal(err.status, 400);
	}
	for (i = 0; i < ARRAY_LEN(taken); i++) {
		struct err err = { 0 };

		assert_int_equal(
			add(fixture, taken[i], log_path, &err), ERR_EXISTS);
		assert_string_equal(err.message, "path already in use");
	}
	server_fixture_free(fixture);
}

static void
files_stand_below_the_named_directories_only(void **state)
{
	struct server_fixture *fixture = server_fixture_new();
	const char *allowed[] = { directory };
	struct err err = { 0 };

	(void)state;
	fixture->settings.dev = false;
	fixture->settings.audit_directories.items = allowed;
	fixture->settings.audit_directories.n = 1;
	server_fixture_start(fixture);
	assert_int_equal(seal_init(fixture->server->seal, 1, 1, "",
				 fixture->arena, &fixture->made, &err),
		0);
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	assert_true(add(fixture, "bad", "/etc/audit.log", &err) < 0);
	assert_int_equal(err.status, 400);
	assert_int_equal(list(fixture)->n, 0);
	must_add(fixture);
	server_fixture_free(fixture);
}

static void
a_removed_device_is_gone(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct err err = { 0 };

	(void)state;
	must_add(fixture);
	assert_int_equal(
		audit_devices_remove(fixture->server, "file", &err), 0);
	assert_false(audit_is_enabled(fixture->server->audit));
	assert_int_equal(list(fixture)->n, 0);
	assert_int_equal(
		audit_devices_remove(fixture->server, "file", &err), 0);
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	assert_false(audit_is_enabled(fixture->server->audit));
	server_fixture_free(fixture);
}

static void
heads_are_stored_when_they_moved(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct server *server = fixture->server;
	struct value *head = NULL;
	struct err err = { 0 };

	(void)state;
	must_add(fixture);
	/* The test line is synced soon; expiry's thread saves its head. */
	while (kv_read(server->store, &server->system, "audit-heads/file",
		       fixture->arena, &head, &err) == ERR_ABSENT) {
		err_clear(&err);
		audit_devices_save_heads(server);
		(void)usleep(2000);
	}
	assert_non_null(head);
	assert_true(value_find_int(head, "seq", 0) >= 1);
	assert_int_equal(strlen(value_find_str(head, "link", "")), 64);
	server_fixture_free(fixture);
}

static void
without_any_device_it_stays_sealed(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct err err = { 0 };

	(void)state;
	must_add(fixture);
	assert_int_equal(seal_seal(fixture->server->seal, &err), 0);
	(void)unlink(log_path);
	assert_int_equal(symlink("/nonexistent/x", log_path), 0);
	assert_true(server_fixture_reload(fixture, &err) < 0);
	assert_non_null(strstr(err.detail, "no audit device opens"));
	assert_true(seal_is_sealed(fixture->server->seal));
	(void)unlink(log_path);
	err_clear(&err);
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	server_fixture_free(fixture);
}

static int
put_fact(struct store_tx *tx, void *ctx, struct err *err)
{
	struct outbox_fact fact = {
		.request_id = "01234567-89ab-cdef-0123-456789abcdef",
		.time_ns = tx_now_ns(tx),
		.operation = "update",
		.path = "ssh/creds/web",
		.accessor = "the-accessor",
		.lease_id = "ssh/creds/web/x",
		.status = 200,
	};

	(void)ctx;
	return outbox_put(tx, &fact, NULL, err);
}

static void
a_lost_answer_line_is_recovered_once(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	const char *at = NULL;
	struct err err = { 0 };

	(void)state;
	must_add(fixture);
	assert_int_equal(
		store_write(fixture->server->store, put_fact, NULL, &err), 0);
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	assert_int_equal(server_fixture_reload(fixture, &err), 0);
	assert_int_equal(seal_seal(fixture->server->seal, &err), 0);
	at = strstr(read_log(fixture), "\"recovered\":true");
	assert_non_null(at);
	assert_null(strstr(at + 1, "\"recovered\":true"));
	assert_null(strstr(read_log(fixture), "the-accessor"));
	assert_non_null(strstr(
		read_log(fixture), "\"client_token_accessor\":\"hmac-sha256:"));
	assert_non_null(strstr(
		read_log(fixture), "01234567-89ab-cdef-0123-456789abcdef"));
	server_fixture_free(fixture);
}

#define FACTS 12000

/* As many as a busy server leaves behind when it is killed. */
static int
put_facts(struct store_tx *tx, void *ctx, struct err *err)
{
	char id[37], path[600];
	struct outbox_fact fact = {
		.operation = "update",
		.path = path,
		.accessor = "",
		.lease_id = "",
		.status = 204,
	};
	int rc = 0;

	(void)ctx;
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	for (int i = 0; i < FACTS && rc == 0; i++) {
		(void)snprintf(id, sizeof(id), "%036d", i);
		memcpy(fact.request_id, id, sizeof(id));
		rc = outbox_put(tx, &fact, NULL, err);
	}
	return rc;
}

static void
a_large_outbox_does_not_keep_it_sealed(void **state)
{
	struct server_fixture *fixture = server_fixture_open();
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		store_write(fixture->server->store, put_facts, NULL, &err), 0);
	if (server_fixture_reload(fixture, &err) != 0)
		fail_msg("%s (%s)", err.message, err.detail);
	server_fixture_free(fixture);
}

static int
make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(log_path, sizeof(log_path), "%s/audit.log", directory);
	return 0;
}

static int
remove_directory(void **state)
{
	(void)state;
	(void)unlink(log_path);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_listed_with_its_public_key),
		cmocka_unit_test(devices_come_back_with_their_keys),
		cmocka_unit_test(paths_may_not_nest_or_be_strange),
		cmocka_unit_test(files_stand_below_the_named_directories_only),
		cmocka_unit_test(a_removed_device_is_gone),
		cmocka_unit_test(heads_are_stored_when_they_moved),
		cmocka_unit_test(without_any_device_it_stays_sealed),
		cmocka_unit_test(a_lost_answer_line_is_recovered_once),
		cmocka_unit_test(a_large_outbox_does_not_keep_it_sealed),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
