/* One file for each certificate, named by a hash of what it is for. */
#include "client/cert_store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/codec.h"
#include "lib/fsutil.h"
#include "lib/sha256.h"
#include "lib/sshcert.h"

#define FILE_MAX 65536

/* Ours, and nobody else's to write. */
static bool
is_private_directory(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
		st.st_uid == geteuid() && (st.st_mode & 077) == 0;
}

/* $XDG_RUNTIME_DIR/sallyport, made where it is missing. */
static const char *
directory(struct arena *arena)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *path;

	if (runtime == NULL || runtime[0] != '/')
		return NULL;
	path = arena_printf(arena, "%s/sallyport", runtime);
	if (path == NULL)
		return NULL;
	(void)mkdir(path, 0700);
	return is_private_directory(path) ? path : NULL;
}

/* Each part with its NUL, so that no two wishes give the same bytes. */
static int
name_of(const struct cert_wanted *wanted, char out[2 * SHA256_BYTES + 1])
{
	const char *const parts[] = { wanted->address, wanted->mount,
		wanted->role, wanted->principals };
	uint8_t hash[SHA256_BYTES];
	struct buf all;
	int rc;

	buf_init(&all, FILE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		(void)buf_add(&all, parts[i], strlen(parts[i]) + 1);
	(void)buf_add_span(&all, wanted->key);
	rc = buf_check(&all, NULL);
	sha256(buf_span(&all), hash);
	hex_encode(hash, sizeof(hash), out);
	buf_clear(&all);
	return rc;
}

const char *
cert_store_path(struct arena *arena, const struct cert_wanted *wanted)
{
	const char *in = directory(arena);
	char name[2 * SHA256_BYTES + 1];

	if (in == NULL || name_of(wanted, name) != 0)
		return NULL;
	return arena_printf(arena, "%s/%s-cert.pub", in, name);
}

/* The certificate's blob; false: no such file, or something else in it. */
static bool
read_certificate(
	const char *path, struct arena *arena, struct sshcert *ret_cert)
{
	struct span blob;
	struct buf text;
	bool good;

	buf_init(&text, FILE_MAX);
	good = file_read(path, &text, NULL) == 0 &&
		sshkey_parse_line(buf_span(&text), arena, &blob) == 0 &&
		sshcert_parse(blob, ret_cert) == 0;
	buf_clear(&text);
	return good;
}

bool
cert_store_is_good(
	const char *path, struct span key, int64_t now_s, struct arena *arena)
{
	struct sshcert cert;

	return read_certificate(path, arena, &cert) &&
		sshcert_is_of(&cert, key) && cert.after_s <= (uint64_t)now_s &&
		cert.before_s > (uint64_t)now_s + CERT_LEFT_S;
}

void
cert_store_keep(const char *path, const char *text)
{
	(void)file_write_atomic(path, span_str(text), 0600, NULL);
}
