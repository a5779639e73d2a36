/* One line of JSON: {"cluster_id":"…","epoch":1,"batch":4711} */
#include "server/core/epoch_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fsutil.h"
#include "lib/json.h"

#define FILE_MAX 1024

static int
format_path(const char *directory, const char *cluster_id, char path[PATH_MAX],
	struct err *err)
{
	int len = snprintf(
		path, PATH_MAX, "%s/sallyport-%s.epoch", directory, cluster_id);

	if (len > 0 && len < PATH_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, 500,
		"the path of the audit directory is too long");
}

static int
parse(const char *path, struct span text, const char *cluster_id,
	struct arena *arena, struct audit_pin *ret_pin, struct err *err)
{
	struct value *record = NULL;
	int64_t epoch = 0, batch = 0;

	if (json_parse(text, &json_limits_trusted, arena, &record, NULL) == 0) {
		epoch = value_find_int(record, "epoch", 0);
		batch = value_find_int(record, "batch", 0);
	}
	if (epoch <= 0 || batch <= 0 ||
		strcmp(value_find_str(record, "cluster_id", ""), cluster_id) !=
			0)
		return err_set(err, ERR_INPUT, 500,
			"%s is no epoch file of this cluster", path);
	*ret_pin = (struct audit_pin){ (uint64_t)epoch, (uint64_t)batch };
	return 0;
}

/* ERR_ABSENT where there is none. */
static int
read_one(const char *directory, const char *cluster_id,
	struct audit_pin *ret_pin, struct err *err)
{
	struct arena *arena = arena_new(ARENA_CHUNK);
	char path[PATH_MAX];
	struct buf text;
	int fd = -1, rc;

	buf_init(&text, FILE_MAX);
	rc = arena == NULL ? err_set_memory(err)
			   : format_path(directory, cluster_id, path, err);
	if (rc == 0)
		rc = file_open_trusted(path, &fd, err);
	if (rc == 0)
		rc = fd_read_all(fd, &text, err);
	if (rc == 0)
		rc = parse(
			path, buf_span(&text), cluster_id, arena, ret_pin, err);
	if (fd >= 0)
		(void)close(fd);
	buf_clear(&text);
	arena_free(&arena);
	return rc;
}

int
epoch_file_read(const struct server_settings *settings, const char *cluster_id,
	struct audit_pin *ret_pin, struct err *err)
{
	const struct setting_list *directories = &settings->audit_directories;
	struct audit_pin furthest = { 0 }, pin;

	for (size_t i = 0; i < directories->n; i++) {
		struct err why = { 0 };
		int rc =
			read_one(directories->items[i], cluster_id, &pin, &why);

		if (rc == 0 && audit_pin_is_before(furthest, pin))
			furthest = pin;
		if (rc != 0 && rc != ERR_ABSENT) {
			err_set(err, rc, 500, "the epoch file cannot be read");
			return err_wrap(err, "%s", why.message);
		}
	}
	*ret_pin = furthest;
	return 0;
}

int
epoch_file_write(const struct server_settings *settings, const char *cluster_id,
	const struct audit_pin *pin, struct err *err)
{
	char path[PATH_MAX], text[FILE_MAX];
	int len, rc;

	if (settings->audit_directories.n == 0)
		return err_set(err, ERR_ABSENT, 404,
			"the configuration names no audit directory");
	rc = format_path(
		settings->audit_directories.items[0], cluster_id, path, err);
	if (rc != 0)
		return rc;
	len = snprintf(text, sizeof(text),
		"{\"cluster_id\":\"%s\",\"epoch\":%llu,\"batch\":%llu}\n",
		cluster_id, (unsigned long long)pin->epoch,
		(unsigned long long)pin->batch);
	if (len < 0 || (size_t)len >= sizeof(text))
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	return file_write_atomic(path, span_of(text, (size_t)len), 0640, err);
}
