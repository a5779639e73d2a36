/* Reading and, at the first init, making the unseal file. */
#include "server/core/unseal_file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/codec.h"
#include "lib/fsutil.h"
#include "lib/log.h"
#include "lib/random.h"

#define TEXT_MAX 256

/* Text without the blanks around it. */
static struct span
trimmed(struct span text)
{
	while (text.len > 0 && strchr(" \t\r\n", text.data[0]) != NULL)
		text = span_skip(text, 1);
	while (text.len > 0 &&
		strchr(" \t\r\n", text.data[text.len - 1]) != NULL)
		text.len--;
	return text;
}

static int
parse_key(struct span text, struct secret *key)
{
	uint8_t *bytes = secret_bytes(key);
	struct buf buf;
	size_t len = 0;
	int rc;

	if (text.len == 2 * UNSEAL_KEY)
		return hex_decode(text, bytes, UNSEAL_KEY, &len);
	buf_init(&buf, TEXT_MAX);
	rc = base64_decode(text, &buf);
	if (rc == 0 && buf.len == UNSEAL_KEY)
		memcpy(bytes, buf.data, UNSEAL_KEY);
	else
		rc = ERR_INPUT;
	buf_clear(&buf);
	return rc;
}

/* Only the owner may read it; file_open_trusted looked at the rest. */
static int
check_mode(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_set_errno(err, path);
	if ((st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"unseal file %s must not be readable by others: chmod 0400",
		path);
}

int
unseal_file_read(const char *path, struct secret **ret_key, struct err *err)
{
	struct secret *key = NULL;
	struct buf buf;
	int fd = -1, rc;

	buf_init(&buf, TEXT_MAX);
	rc = file_open_trusted(path, &fd, err);
	if (rc == 0)
		rc = check_mode(fd, path, err);
	if (rc == 0)
		rc = fd_read_all(fd, &buf, err);
	if (rc != 0)
		goto out;
	key = secret_new(UNSEAL_KEY);
	if (key == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	rc = parse_key(trimmed(buf_span(&buf)), key);
	if (rc != 0) {
		rc = err_set(err, ERR_INPUT, 400,
			"unseal file %s must hold 32 bytes as hex or base64",
			path);
		goto out;
	}
	*ret_key = key;
	key = NULL;
out:
	secret_free(&key);
	if (fd >= 0)
		(void)close(fd);
	buf_clear(&buf);
	return rc;
}

static int
write_new(const char *path, struct err *err)
{
	uint8_t bytes[UNSEAL_KEY];
	char text[2 * UNSEAL_KEY + 2];
	int rc;

	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), text);
	text[2 * UNSEAL_KEY] = '\n';
	rc = file_write_atomic(
		path, span_of(text, 2 * UNSEAL_KEY + 1), 0400, err);
	secret_wipe(bytes, sizeof(bytes));
	secret_wipe(text, sizeof(text));
	if (rc == 0)
		log_warn(
			"made the unseal file; without it the store cannot be opened: keep a copy in another place",
			LOG_STR("path", path));
	return rc;
}

/* Whoever carries the store away should not get its key with it. */
static void
warn_of_neighbour(const struct server_settings *settings)
{
	struct stat key, store;

	if (stat(settings->seal_path, &key) == 0 &&
		stat(settings->storage_path, &store) == 0 &&
		key.st_dev == store.st_dev)
		log_warn("the unseal file is on the file system of the store",
			LOG_STR("path", settings->seal_path));
}

int
unseal_file_make(const struct server_settings *settings,
	struct secret **ret_key, struct err *err)
{
	const char *path = settings->seal_path;
	uint64_t dev, ino;
	struct err why = { 0 };
	int rc = file_identity(path, &dev, &ino, &why);

	if (rc == ERR_ABSENT)
		rc = write_new(path, err);
	else if (rc != 0)
		*err = why;
	if (rc == 0)
		rc = unseal_file_read(path, ret_key, err);
	if (rc == 0)
		warn_of_neighbour(settings);
	return rc;
}
