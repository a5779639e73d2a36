/* The configuration file: blocks, defaults, files together, errors. */
#include "server/core/settings_table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"

#define STORAGE "storage \"sqlite\" { path = \"/s\" }\n"
#define LISTENER "listener \"unix\" { path = \"/l\" }\n"

static char directory[] = "/tmp/test_settings_XXXXXX";
static char log_path[80];

struct files {
	struct arena *arena;
	struct server_settings settings;
	struct err err;
	char *paths[4];
	size_t n;
};

static struct files
new_files(void)
{
	return (struct files){ .arena = arena_new(1024 * 1024) };
}

static void
add_file(struct files *files, const char *name, const char *text)
{
	char *path = arena_printf(files->arena, "%s/%s", directory, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
	files->paths[files->n++] = path;
}

static int
load(struct files *files)
{
	const char *paths[4];
	size_t i;

	for (i = 0; i < files->n; i++)
		paths[i] = files->paths[i];
	err_clear(&files->err);
	return server_settings_load(
		paths, files->n, files->arena, &files->settings, &files->err);
}

static void
clear_files(struct files *files)
{
	while (files->n > 0)
		(void)unlink(files->paths[--files->n]);
	arena_free(&files->arena);
}

static void
a_whole_file_is_read(void **state)
{
	struct files files = new_files();
	const struct server_settings *s = &files.settings;

	(void)state;
	add_file(&files, "a.hcl",
		"storage \"sqlite\" {\n  path = \"/var/lib/x/store.db\"\n}\n"
		"seal \"file\" { path = \"/etc/x/unseal.key\" }\n"
		"listener \"tcp\" {\n"
		"  address = \"0.0.0.0:8200\"\n"
		"  tls_cert_file = \"/c\"\n"
		"  tls_key_file = \"/k\"\n"
		"  tls_min_version = \"tls13\"\n}\n"
		"listener \"unix\" {\n  path = \"/run/x.sock\"\n"
		"  socket_mode = \"0600\"\n}\n"
		"audit_directories = [\"/a\", \"/b\"]\n"
		"max_lease_ttl = \"1000h\"\n"
		"otp_default_ttl = 0\n"
		"log_format = \"json\"\n");
	if (load(&files) != 0)
		fail_msg("%s", files.err.message);
	assert_string_equal(s->storage_type, "sqlite");
	assert_string_equal(s->storage_path, "/var/lib/x/store.db");
	assert_string_equal(s->seal_type, "file");
	assert_string_equal(s->seal_path, "/etc/x/unseal.key");
	assert_int_equal(s->n_listeners, 2);
	assert_string_equal(s->listeners[0].type, "tcp");
	assert_string_equal(s->listeners[0].address, "0.0.0.0:8200");
	assert_string_equal(s->listeners[0].tls_min_version, "tls13");
	assert_string_equal(s->listeners[1].type, "unix");
	assert_string_equal(s->listeners[1].path, "/run/x.sock");
	assert_int_equal(s->listeners[1].socket_mode, 0600);
	assert_int_equal(s->audit_directories.n, 2);
	assert_int_equal(s->max_lease_ttl, 3600000);
	assert_int_equal(s->otp_default_ttl, 0);
	assert_string_equal(s->log_format, "json");
	clear_files(&files);
}

static void
absent_keys_have_their_defaults(void **state)
{
	struct files files = new_files();
	const struct server_settings *s = &files.settings;

	(void)state;
	add_file(&files, "a.hcl", STORAGE LISTENER);
	if (load(&files) != 0)
		fail_msg("%s", files.err.message);
	assert_string_equal(s->seal_type, "shamir");
	assert_int_equal(s->default_lease_ttl, 2764800);
	assert_int_equal(s->max_lease_ttl, 2764800);
	assert_int_equal(s->otp_default_ttl, 600);
	assert_int_equal(s->max_request_size, 33554432);
	assert_int_equal(s->workers_max, 256);
	assert_int_equal(s->queue_max, 4096);
	assert_int_equal(s->listeners[0].socket_mode, 0660);
	assert_int_equal(s->audit_directories.n, 1);
	assert_string_equal(s->log_level, "info");
	assert_false(s->dev);
	clear_files(&files);
}

static void
json_and_hcl_files_go_together_later_wins(void **state)
{
	struct files files = new_files();
	const struct server_settings *s = &files.settings;

	(void)state;
	add_file(&files, "a.hcl",
		STORAGE LISTENER "log_level = \"warn\"\n"
				 "pid_file = \"/p\"\n");
	add_file(&files, "b.json",
		"{\"log_level\":\"debug\",\"storage\":{\"sqlite\":{\"path\":"
		"\"/t\"}},\"listener\":[{\"tcp\":{\"tls_disable\":1}},"
		"{\"unix\":[{\"path\":\"/m\"}]}]}");
	if (load(&files) != 0)
		fail_msg("%s", files.err.message);
	assert_string_equal(s->log_level, "debug");
	assert_string_equal(s->pid_file, "/p");
	assert_string_equal(s->storage_path, "/t");
	assert_int_equal(s->n_listeners, 3);
	assert_string_equal(s->listeners[1].address, "127.0.0.1:8200");
	assert_true(s->listeners[1].tls_disable);
	assert_string_equal(s->listeners[2].path, "/m");
	clear_files(&files);
}

static void
a_directory_is_read_in_order_of_names(void **state)
{
	struct files files = new_files();
	const char *paths[] = { directory };

	(void)state;
	add_file(&files, "b.hcl", "log_level = \"debug\"\n");
	add_file(&files, "a.json", "{\"log_level\":\"warn\"}");
	add_file(&files, "c.txt", "this is no configuration");
	add_file(&files, "0.hcl", STORAGE LISTENER);
	if (server_settings_load(
		    paths, 1, files.arena, &files.settings, &files.err) != 0)
		fail_msg("%s", files.err.message);
	assert_string_equal(files.settings.log_level, "debug");
	assert_int_equal(chmod(directory, 0777), 0);
	assert_true(server_settings_load(paths, 1, files.arena, &files.settings,
			    &files.err) < 0);
	assert_non_null(strstr(files.err.message, "writable by nobody else"));
	assert_int_equal(chmod(directory, 0755), 0);
	clear_files(&files);
}

static void
errors_name_file_line_and_what_would_be_right(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ LISTENER, "a storage block is needed" },
		{ STORAGE, "a listener block is needed" },
		{ STORAGE "listener \"tcp\" { addres = \"x\" }",
			"a.hcl: invalid key \"addres\" in listener on line 2, "
			"did you mean \"address\"?" },
		{ "storage \"sqlite\" {\n pth = \"x\"\n}",
			"a.hcl: invalid key \"pth\" on line 2, did you mean "
			"\"path\"?" },
		{ "seal \"file\" { path = \"x\"\n key = \"y\" }",
			"invalid key \"key\" on line 2" },
		{ "storage \"raft\" { }",
			"storage \"raft\" on line 1 is not supported: use "
			"\"sqlite\"" },
		{ "seal \"awskms\" { }",
			"seal \"awskms\" on line 1 is not supported" },
		{ "listener \"udp\" { }",
			"listener \"udp\" on line 1: is not supported" },
		{ "listener \"tcp\" { }",
			"listener \"tcp\" on line 1: needs tls_cert_file and "
			"tls_key_file" },
		{ "listener \"unix\" { path = \"relative\" }",
			"needs an absolute path" },
		{ "storage \"sqlite\" { }", "needs a path" },
		{ "storage = \"x\"", "\"storage\" on line 1 must be a block" },
		{ STORAGE LISTENER "max_lease_ttl = \"1h\"",
			"default_lease_ttl must not be larger" },
		{ STORAGE LISTENER "log_level = \"loud\"",
			"log_level must be" },
		{ STORAGE LISTENER "workers_max = 0",
			"a.hcl: invalid value for \"workers_max\" on line 3" },
		{ "x = ", "a.hcl: At " },
	};

	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct files files = new_files();

		add_file(&files, "a.hcl", cases[i].text);
		assert_true(load(&files) < 0);
		if (strstr(files.err.message, cases[i].part) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", cases[i].part,
				files.err.message);
		clear_files(&files);
	}
}

static void
a_file_that_others_may_write_is_refused(void **state)
{
	struct files files = new_files();

	(void)state;
	add_file(&files, "a.hcl", STORAGE LISTENER);
	assert_int_equal(chmod(files.paths[0], 0666), 0);
	assert_true(load(&files) < 0);
	assert_non_null(strstr(files.err.message, files.paths[0]));
	clear_files(&files);
}

/* What was logged while the file was loaded. */
static const char *
load_logged(struct files *files, char *out, size_t cap)
{
	int fd = open(log_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t len;

	assert_true(fd >= 0);
	log_set_level(LOG_INFO);
	log_set_fd(fd);
	if (load(files) != 0)
		fail_msg("%s", files->err.message);
	log_set_fd(2);
	len = pread(fd, out, cap - 1, 0);
	assert_true(len >= 0);
	out[len] = '\0';
	(void)close(fd);
	return out;
}

static void
unknown_keys_are_warned_of(void **state)
{
	struct files files = new_files();
	char log[4096];

	(void)state;
	add_file(&files, "a.hcl",
		STORAGE "listener \"tcp\" { tls_disable = true\n"
			"cluster_address = \"x\" }\n"
			"max_leese_ttl = 1\n"
			"ui = true\n"
			"telemetry { x = 1 }\n");
	(void)load_logged(&files, log, sizeof(log));
	assert_non_null(strstr(log, "unknown configuration key"));
	assert_non_null(strstr(log, "max_leese_ttl"));
	assert_non_null(strstr(log, "max_lease_ttl"));
	assert_non_null(strstr(log, "configuration key is not used here"));
	assert_non_null(strstr(log, "cluster_address"));
	assert_non_null(strstr(log, "telemetry"));
	clear_files(&files);
}

static void
dev_mode_is_plain_http_on_loopback(void **state)
{
	struct arena *arena = arena_new(65536);
	struct server_settings settings;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		server_settings_dev(NULL, "root", "/s", arena, &settings, &err),
		0);
	assert_true(settings.dev);
	assert_string_equal(settings.dev_root_token_id, "root");
	assert_string_equal(settings.storage_path, "/s");
	assert_int_equal(settings.n_listeners, 1);
	assert_string_equal(settings.listeners[0].address, "127.0.0.1:8200");
	assert_true(settings.listeners[0].tls_disable);
	assert_int_equal(settings.default_lease_ttl, 2764800);
	arena_free(&arena);
}

static int
make_directory(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL || chmod(directory, 0755) != 0)
		return -1;
	(void)snprintf(log_path, sizeof(log_path), "%s.log", directory);
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
		cmocka_unit_test(a_whole_file_is_read),
		cmocka_unit_test(absent_keys_have_their_defaults),
		cmocka_unit_test(json_and_hcl_files_go_together_later_wins),
		cmocka_unit_test(a_directory_is_read_in_order_of_names),
		cmocka_unit_test(errors_name_file_line_and_what_would_be_right),
		cmocka_unit_test(a_file_that_others_may_write_is_refused),
		cmocka_unit_test(unknown_keys_are_warned_of),
		cmocka_unit_test(dev_mode_is_plain_http_on_loopback),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
