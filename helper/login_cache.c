/* A file's name is the beginning of its key's hash; all of it stands inside. */
#include "helper/login_cache.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/codec.h"
#include "lib/fsutil.h"
#include "lib/json.h"
#include "lib/jsonw.h"
#include "lib/sha256.h"

#define NAME_DIGITS 3 /* 4096 files */
#define ENTRY_MAX (64 * 1024)
#define ENTRY_MODE 0600
#define VALID_MOST_S (7 * 86400)

int
login_cache_key(const char *const *words, size_t n,
	char out[LOGIN_CACHE_KEY_MAX], struct err *err)
{
	uint8_t hash[SHA256_BYTES];
	struct buf all;
	int rc;

	/* With the NUL of each, so that no two lists run together the same. */
	buf_init(&all, ENTRY_MAX);
	for (size_t i = 0; i < n; i++)
		(void)buf_add(&all, words[i], strlen(words[i]) + 1);
	rc = buf_check(&all, err);
	if (rc == 0) {
		sha256(buf_span(&all), hash);
		hex_encode(hash, sizeof(hash), out);
	}
	buf_clear(&all);
	return rc;
}

static bool
file_of(const char *directory, const char *key, char out[PATH_MAX])
{
	const int n =
		snprintf(out, PATH_MAX, "%s/%.*s", directory, NAME_DIGITS, key);

	return n > 0 && n < PATH_MAX;
}

/* Whoever could write there could let anybody in. */
static bool
is_private(const char *directory)
{
	struct stat st;

	return lstat(directory, &st) == 0 && S_ISDIR(st.st_mode) &&
		st.st_uid == geteuid() && (st.st_mode & 077) == 0;
}

static struct value *
entry_value(struct arena *arena, const char *key,
	const struct str_list *principals, int64_t asked_s, int64_t valid_for_s)
{
	struct value *entry = value_object(arena);

	if (!value_set_str(arena, entry, "key", key) ||
		!value_set_int(arena, entry, "asked_s", asked_s) ||
		!value_set_int(arena, entry, "valid_for_s", valid_for_s) ||
		!value_set(arena, entry, "principals",
			value_of_list(arena, principals)))
		return NULL;
	return entry;
}

void
login_cache_put(const char *directory, const char *key,
	const struct str_list *principals, int64_t asked_s, int64_t valid_for_s)
{
	struct arena *arena = arena_new(2 * ENTRY_MAX);
	const struct value *entry = arena == NULL
		? NULL
		: entry_value(arena, key, principals, asked_s, valid_for_s);
	char path[PATH_MAX];
	struct buf text;

	buf_init(&text, ENTRY_MAX);
	if (entry != NULL && file_of(directory, key, path) &&
		is_private(directory)) {
		jsonw_value(&text, entry, 0);
		if (text.rc != 0 ||
			file_write_atomic(
				path, buf_span(&text), ENTRY_MODE, NULL) != 0)
			login_cache_drop(directory, key);
	}
	buf_clear(&text);
	arena_free(&arena);
}

void
login_cache_drop(const char *directory, const char *key)
{
	char path[PATH_MAX];

	/* Another's answer may go with it: the server is asked again. */
	if (file_of(directory, key, path))
		(void)unlink(path);
}

static bool
is_usable(const struct value *entry, const char *key, int64_t now_s)
{
	const int64_t asked_s = value_find_int(entry, "asked_s", -1);
	const int64_t valid_for_s = value_find_int(entry, "valid_for_s", 0);

	return strcmp(value_find_str(entry, "key", ""), key) == 0 &&
		asked_s >= 0 && asked_s <= now_s && valid_for_s > 0 &&
		valid_for_s <= VALID_MOST_S && now_s - asked_s < valid_for_s;
}

int
login_cache_find(const char *directory, const char *key, int64_t now_s,
	struct arena *arena, struct str_list *ret_principals)
{
	struct value *entry = NULL;
	char path[PATH_MAX];
	struct buf text;
	int fd = -1;
	int rc = ERR_ABSENT;

	if (!file_of(directory, key, path) || !is_private(directory) ||
		file_open_trusted(path, &fd, NULL) != 0)
		return ERR_ABSENT;
	buf_init(&text, ENTRY_MAX);
	if (fd_read_all(fd, &text, NULL) == 0 &&
		json_parse(buf_span(&text), &json_limits_request, arena, &entry,
			NULL) == 0 &&
		is_usable(entry, key, now_s) &&
		value_to_list(
			arena, value_find(entry, "principals"), ret_principals))
		rc = 0;
	buf_clear(&text);
	(void)close(fd);
	return rc;
}
