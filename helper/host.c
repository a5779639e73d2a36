/* Paths from settings, and the record as a JSON object by a table of rows. */
#include "helper/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fsutil.h"
#include "lib/json.h"
#include "lib/jsonw.h"

#define RECORD_MAX 16384
#define RECORD_MODE 0644
#define STATE_DIR_MODE 0755
#define KEY_DEFAULT "/ssh_host_ed25519_key"
#define PUBLIC_END ".pub"
#define RECORD_ROW(kind, member)                                               \
	SETTING_ROW_##kind(struct host_record, member, .initial = NULL)

static const struct setting record_rows[] = {
	RECORD_ROW(STR, host),
	RECORD_ROW(STR, key),
	RECORD_ROW(STR, next_key),
	RECORD_ROW(BOOL, principals),
	RECORD_ROW(INT, renew_at_s),
	RECORD_ROW(INT, retry_at_s),
	RECORD_ROW(STR, krl_etag),
	RECORD_ROW(STR, user_ca_etag),
	RECORD_ROW(INT, last_run_s),
	RECORD_ROW(INT, last_success_s),
	RECORD_ROW(STR, last_error),
	RECORD_ROW(INT, retry_count),
	SETTING_END,
};

/* ---- the record -------------------------------------------------------- */

static struct value *
row_value(struct arena *arena, const struct setting *row,
	const struct host_record *record)
{
	const void *member = (const char *)record + row->offset;
	const char *const *text = member;
	const int64_t *number = member;
	const bool *on = member;

	switch (row->type) {
	case SETTING_STR:
		return value_string(arena, *text);
	case SETTING_BOOL:
		return value_bool(arena, *on);
	default:
		return value_int(arena, *number);
	}
}

int
host_record_write(
	const struct host_record *record, struct buf *out, struct err *err)
{
	struct arena *arena = arena_new(4 * RECORD_MAX);
	struct value *object = arena != NULL ? value_object(arena) : NULL;
	bool good = object != NULL;

	for (const struct setting *row = record_rows; good && row->name != NULL;
		row++)
		good = value_set(arena, object, row->name,
			row_value(arena, row, record));
	if (good) {
		jsonw_value(out, object, 2);
		(void)buf_add_char(out, '\n');
	}
	arena_free(&arena);
	return good ? buf_check(out, err) : err_set_memory(err);
}

int
host_record_read(struct span text, struct arena *arena,
	struct host_record *ret_record, struct err *err)
{
	struct host_record record;
	struct value *object = NULL;
	int rc = json_parse(text, &json_limits_request, arena, &object, err);

	if (rc == 0 && object->type != VALUE_OBJECT)
		rc = err_set(err, ERR_INPUT, 400, "the record is no object");
	if (rc == 0)
		rc = settings_read(record_rows, object, arena,
			setting_pass_unknown, NULL, &record, err);
	if (rc == 0)
		*ret_record = record;
	return rc;
}

/* The server's words are among it: nothing that a terminal would obey. */
static const char *
plain_text(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);

	for (char *at = copy; at != NULL && *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
	return copy != NULL ? copy : "out of memory";
}

void
host_record_result(struct host *host, const struct err *err)
{
	struct host_record *record = &host->record;

	record->last_run_s = host->now_s;
	if (err->code == 0) {
		record->last_success_s = host->now_s;
		record->last_error = "";
		record->retry_count = 0;
		return;
	}
	record->last_error = plain_text(host->arena, err->message);
	record->retry_count++;
}

int
host_save(const struct host *host, struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, RECORD_MAX);
	rc = host_record_write(&host->record, &text, err);
	if (rc == 0)
		rc = file_write_atomic(
			host->paths.record, buf_span(&text), RECORD_MODE, err);
	buf_clear(&text);
	return rc;
}

/* ---- files ------------------------------------------------------------- */

int
host_read_file(const struct host *host, const char *path, size_t max,
	struct span *ret_text, struct err *err)
{
	struct span copy;
	struct buf text;
	int rc;

	buf_init(&text, max);
	rc = file_read(path, &text, err);
	if (rc == 0) {
		copy = arena_dup(host->arena, buf_span(&text));
		if (copy.data == NULL && text.len > 0)
			rc = err_set_memory(err);
		else
			*ret_text = copy;
	}
	buf_clear(&text);
	return rc;
}

int
host_read_secret(
	const struct host *host, const char **ret_secret, struct err *err)
{
	struct span text;
	const char *secret;
	int rc = host_read_file(
		host, host->paths.secret, HOST_SECRET_MAX, &text, err);

	if (rc != 0)
		return rc;
	while (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (text.len == 0)
		return err_set(
			err, ERR_INPUT, 400, "%s is empty", host->paths.secret);
	secret = arena_strndup(host->arena, text.data, text.len);
	if (secret == NULL)
		return err_set_memory(err);
	*ret_secret = secret;
	return 0;
}

const char *
host_cert_path(const struct host *host)
{
	return arena_printf(host->arena, "%s-cert.pub", host->record.key);
}

static int
set_paths(struct host *host, const char *config, struct err *err)
{
	const struct {
		const char **path;
		const char *directory, *name;
	} rows[] = {
		{ &host->paths.user_ca, host->settings->ssh_directory,
			"sallyport_user_ca.pub" },
		{ &host->paths.krl, host->settings->ssh_directory,
			"sallyport_krl" },
		{ &host->paths.conf_dir, host->settings->ssh_directory,
			"sshd_config.d" },
		{ &host->paths.conf, host->settings->ssh_directory,
			"sshd_config.d/50-sallyport.conf" },
		{ &host->paths.record, host->settings->state_directory,
			"host.json" },
		{ &host->paths.journal, host->settings->state_directory,
			"journal" },
		{ &host->paths.lock, host->settings->state_directory, "lock" },
		{ &host->paths.cache, host->settings->state_directory,
			"cache" },
	};

	host->paths.config = config;
	host->paths.secret = host->settings->host_secret_file;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		*rows[i].path = arena_printf(
			host->arena, "%s/%s", rows[i].directory, rows[i].name);
		if (*rows[i].path == NULL)
			return err_set_memory(err);
	}
	return 0;
}

const char *
host_key_path(const struct host *host, const char *named)
{
	const size_t end = strlen(PUBLIC_END);
	size_t len;

	if (named == NULL && host->record.key[0] != '\0')
		return host->record.key;
	if (named == NULL)
		return arena_printf(host->arena, "%s%s",
			host->settings->ssh_directory, KEY_DEFAULT);
	len = strlen(named);
	if (len > end && strcmp(named + len - end, PUBLIC_END) == 0)
		len -= end;
	return arena_strndup(host->arena, named, len);
}

int
host_load(struct host *host, struct err *err)
{
	struct span text = span_str("{}");
	struct err why = { 0 };
	int rc = host_read_file(
		host, host->paths.record, RECORD_MAX, &text, &why);

	if (rc == 0 || rc == ERR_ABSENT) {
		err_clear(&why);
		rc = host_record_read(text, host->arena, &host->record, &why);
	}
	return rc == 0 ? 0
		       : err_set(err, rc, 500, "%s cannot be read: %s",
				 host->paths.record, why.message);
}

int
host_open(const struct helper_settings *settings, const char *config, bool dev,
	struct arena *arena, struct host *ret_host, struct err *err)
{
	struct host host = { .settings = settings,
		.arena = arena,
		.dev = dev,
		.now_s = clock_wall_ns(clock_system()) / CLOCK_NS_PER_S };
	int rc = set_paths(&host, config, err);

	if (rc == 0)
		rc = host_load(&host, err);
	if (rc == 0)
		*ret_host = host;
	return rc;
}

int
host_lock(const struct host *host, struct err *err)
{
	int fd;

	if (mkdir(host->settings->state_directory, STATE_DIR_MODE) != 0 &&
		errno != EEXIST)
		return err_set(err, ERR_SYSTEM, 500, "cannot make %s: %s",
			host->settings->state_directory, strerror(errno));
	fd = open(host->paths.lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		0600);
	if (fd < 0 || flock(fd, LOCK_EX) != 0)
		return err_set(err, ERR_SYSTEM, 500, "cannot lock %s: %s",
			host->paths.lock, strerror(errno));
	return 0;
}
