/* A directory of its own for each test, removed at its end. */
#include "tests/unit/audit/scratch.h"

#include <dirent.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"

int
scratch_setup(void **state)
{
	static struct scratch s;

	s = (struct scratch){ .dir = "/tmp/sallyport-audit-XXXXXX" };
	log_set_level(LOG_OFF);
	if (mkdtemp(s.dir) == NULL)
		return -1;
	s.dirs[0] = s.dir;
	s.arena = arena_new(1 << 26);
	s.settings = (struct audit_settings){ .clock = clock_system(),
		.directories = s.dirs,
		.n_directories = 1,
		.device_deadline_ms = SCRATCH_PATIENT_MS };
	*state = &s;
	return audit_new(&s.settings, &s.audit, NULL);
}

static void
remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry = NULL;
	char name[4096];

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(
			name, sizeof(name), "%s/%s", path, entry->d_name);
		if (unlink(name) != 0)
			remove_tree(name);
	}
	if (dir != NULL)
		(void)closedir(dir);
	(void)rmdir(path);
}

int
scratch_teardown(void **state)
{
	struct scratch *s = *state;

	audit_free(&s->audit);
	arena_free(&s->arena);
	remove_tree(s->dir);
	return 0;
}

void
scratch_restart(struct scratch *s, int64_t deadline_ms)
{
	audit_free(&s->audit);
	s->settings.device_deadline_ms = deadline_ms;
	assert_int_equal(audit_new(&s->settings, &s->audit, NULL), 0);
}

const char *
scratch_path(struct scratch *s, const char *name)
{
	return arena_printf(s->arena, "%s/%s", s->dir, name);
}

struct audit_device_config
scratch_config(struct scratch *s, const char *name, const char *file_path,
	const char *option, const char *text)
{
	struct value *options = value_object(s->arena);
	struct audit_device_config config = {
		.type = "file", .description = "", .options = options
	};

	config.path = arena_printf(s->arena, "%s/", name);
	if (file_path != NULL)
		assert_true(value_set_str(
			s->arena, options, "file_path", file_path));
	if (option != NULL)
		assert_true(value_set_str(s->arena, options, option, text));
	memset(config.hmac_key, name[0], sizeof(config.hmac_key));
	memset(config.sign_seed, name[0], sizeof(config.sign_seed));
	return config;
}

int
scratch_enable(struct scratch *s, const char *name, const char *file_path,
	bool skip_test)
{
	struct audit_device_config config =
		scratch_config(s, name, file_path, NULL, NULL);

	err_clear(&s->err);
	return audit_enable(s->audit, &config, skip_test, &s->err);
}

static const char *clear_keys[] = { "marker" };

static struct audit_entry
entry_of(const char *id)
{
	return (struct audit_entry){
		.time_ns = INT64_C(1795248841000000001),
		.request_id = id,
		.operation = "update",
		.mount_type = "ssh",
		.client_token = secret_view_of("CANARY-token", 12),
		.client_token_accessor = "CANARY-accessor",
		.path = "ssh/creds/web",
		.remote_address = "192.0.2.7",
		.clear_request_keys = { clear_keys, 1 },
	};
}

static struct value *
canary(struct arena *arena, const char *text)
{
	struct value *data = value_object(arena);

	assert_true(value_set_str(arena, data, "key", text));
	return data;
}

int
scratch_request(struct scratch *s, const char *id)
{
	struct audit_entry entry = entry_of(id);
	struct arena *arena = arena_new(1 << 16);
	struct audit_ticket *ticket = NULL;
	int rc;

	entry.request_data = canary(arena, "CANARY-request");
	rc = audit_request_begin(s->audit, &entry, &ticket, NULL);
	if (rc == 0)
		rc = audit_wait(s->audit, &ticket, NULL);
	arena_free(&arena);
	return rc;
}

static struct audit_ticket *
begin(struct scratch *s, const char *id, bool more)
{
	struct audit_entry entry = entry_of(id);
	struct audit_ticket *ticket = NULL;

	entry.more = more;
	assert_int_equal(
		audit_request_begin(s->audit, &entry, &ticket, NULL), 0);
	return ticket;
}

struct audit_ticket *
scratch_begin(struct scratch *s, const char *id)
{
	return begin(s, id, false);
}

struct audit_ticket *
scratch_lay(struct scratch *s, const char *id)
{
	return begin(s, id, true);
}

struct waiter {
	sem_t woken;
	int rc;
	int n;
};

static void
wake(void *ctx, int rc)
{
	struct waiter *waiter = ctx;

	waiter->rc = rc;
	waiter->n++;
	(void)sem_post(&waiter->woken);
}

int
scratch_response(struct scratch *s, const char *id)
{
	struct audit_entry entry = entry_of(id);
	struct arena *arena = arena_new(1 << 16);
	struct waiter waiter = { .rc = 1 };

	entry.is_response = true;
	entry.response_data = canary(arena, "CANARY-response");
	(void)sem_init(&waiter.woken, 0, 0);
	audit_response(s->audit, &entry, wake, &waiter);
	/* The entry was rendered before the call returned. */
	arena_free(&arena);
	(void)sem_wait(&waiter.woken);
	assert_int_equal(waiter.n, 1);
	(void)sem_destroy(&waiter.woken);
	return waiter.rc;
}

int
scratch_both(struct scratch *s, const char *id)
{
	const struct audit_entry request = entry_of(id);
	struct audit_entry response = request;
	struct waiter waiter = { .rc = 1 };

	response.is_response = true;
	(void)sem_init(&waiter.woken, 0, 0);
	audit_both(s->audit, &request, &response, wake, &waiter);
	(void)sem_wait(&waiter.woken);
	assert_int_equal(waiter.n, 1);
	(void)sem_destroy(&waiter.woken);
	return waiter.rc;
}

const char *
scratch_read(struct scratch *s, const char *path)
{
	FILE *file = fopen(path, "re");
	struct buf buf;
	const char *text = NULL;
	int c;

	assert_non_null(file);
	buf_init(&buf, 1 << 26);
	while ((c = getc(file)) != EOF)
		assert_int_equal(buf_add_char(&buf, (char)c), 0);
	(void)fclose(file);
	text = arena_strndup(s->arena, buf.data, buf.len);
	assert_non_null(text);
	buf_clear(&buf);
	return text;
}

void
scratch_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

bool
scratch_check(struct auditline_check *check, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	bool good = true;

	assert_non_null(file);
	while (good && (len = getline(&line, &cap, file)) > 0) {
		if (line[len - 1] == '\n')
			good = auditline_check_line(
				check, span_of(line, (size_t)len - 1));
		else
			auditline_check_end(check, span_of(line, (size_t)len));
	}
	free(line);
	(void)fclose(file);
	return good;
}

struct wanted {
	const char *path;
	struct audit_device_status status;
	bool found;
};

static int
pick(void *ctx, const struct audit_device_status *status, struct err *err)
{
	struct wanted *wanted = ctx;

	(void)err;
	if (strcmp(status->path, wanted->path) == 0) {
		wanted->status = *status;
		wanted->found = true;
	}
	return 0;
}

struct audit_device_status
scratch_status(struct scratch *s, const char *name)
{
	struct wanted wanted = { 0 };

	wanted.path = arena_printf(s->arena, "%s/", name);
	assert_int_equal(audit_each(s->audit, pick, &wanted, NULL), 0);
	assert_true(wanted.found);
	return wanted.status;
}
