/* The temporary store, the first unseal and the notice of development mode. */
#include "server/main/dev.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/codec.h"
#include "lib/fsutil.h"
#include "lib/log.h"
#include "server/core/seal_init.h"
#include "server/core/seal_open.h"

#define TOKEN_FILE ".vault-token"

int
dev_prepare(const char *storage, struct dev *ret_dev, struct err *err)
{
	struct dev dev = { .directory = "" };
	const char *base = getenv("TMPDIR");
	int n;

	if (storage[0] != '\0') {
		n = snprintf(
			dev.store_path, sizeof(dev.store_path), "%s", storage);
	} else {
		n = snprintf(dev.directory, sizeof(dev.directory),
			"%s/sallyport-dev-XXXXXX",
			base != NULL && base[0] == '/' ? base : "/tmp");
		if (n > 0 && (size_t)n < sizeof(dev.directory) &&
			mkdtemp(dev.directory) == NULL)
			return err_set_errno(err, dev.directory);
		(void)snprintf(dev.store_path, sizeof(dev.store_path),
			"%s/store.db", dev.directory);
	}
	if (n < 0 || (size_t)n >= sizeof(dev.directory))
		return err_set(err, ERR_INPUT, 400,
			"the path of the development store is longer than %d bytes",
			DEV_PATH_MAX - 1);
	*ret_dev = dev;
	return 0;
}

void
dev_remove(const struct dev *dev)
{
	DIR *dir;
	const struct dirent *entry;

	if (dev->directory[0] == '\0')
		return;
	dir = opendir(dev->directory);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	if (rmdir(dev->directory) != 0)
		log_warn("the development store was not removed",
			LOG_STR("path", dev->directory));
}

/* A missing home is no reason not to start. */
static void
write_token_file(const char *token)
{
	const char *home = getenv("HOME");
	char path[512];
	struct err err = { 0 };
	int n;

	if (home == NULL || home[0] != '/')
		return;
	n = snprintf(path, sizeof(path), "%s/%s", home, TOKEN_FILE);
	if (n < 0 || (size_t)n >= sizeof(path))
		return;
	if (file_write_atomic(path, span_str(token), 0600, &err) != 0)
		log_warn("the root token was not stored", LOG_STR("path", path),
			LOG_ERR(&err));
}

static void
print_notice(const char *address, const char *unseal_key, const char *token)
{
	printf("WARNING! dev mode is enabled! The server keeps everything in a temporary\n"
	       "store, is unsealed already, and speaks plain HTTP.\n\n"
	       "You may need to set the following environment variable:\n\n"
	       "    $ export VAULT_ADDR='http://%s'\n\n"
	       "The unseal key and the root token, should you want to seal and unseal the\n"
	       "server or log in again:\n\n"
	       "Unseal Key: %s\n"
	       "Root Token: %s\n\n"
	       "Development mode should NOT be used in production installations!\n\n",
		address, unseal_key, token);
	(void)fflush(stdout);
}

/* The only share opens the store; its text is for the notice. */
static int
unseal_with_share(struct server *server, const struct seal_init_result *made,
	struct buf *ret_key, struct err *err)
{
	const struct keeper_share *share = &made->shares[0];
	int rc = base64_encode(span_of(share->bytes, share->len), ret_key);

	if (rc != 0)
		return err_set_memory(err);
	return seal_unseal(
		server->seal, secret_view_of(share->bytes, share->len), err);
}

static int
initialize(struct server *server, const char *root_token_id,
	const char *address, bool store_token, struct arena *arena,
	struct err *err)
{
	struct seal_init_result *made =
		ARENA_NEW(arena, struct seal_init_result);
	struct buf key;
	int rc;

	if (made == NULL)
		return err_set_memory(err);
	buf_init(&key, 128);
	rc = seal_init(server->seal, 1, 1, root_token_id, arena, made, err);
	if (rc == 0 && made->n == 1)
		rc = unseal_with_share(server, made, &key, err);
	if (rc == 0) {
		print_notice(address,
			made->n == 1 ? buf_str(&key) : "kept beside the store",
			made->root_token);
		if (store_token)
			write_token_file(made->root_token);
	}
	buf_clear(&key);
	return rc;
}

int
dev_unseal(struct server *server, const char *root_token_id,
	const char *listen_address, bool store_token, struct arena *arena,
	struct err *err)
{
	struct seal_status status;
	int rc;

	seal_get_status(server->seal, &status);
	if (!status.initialized)
		return initialize(server, root_token_id, listen_address,
			store_token, arena, err);
	rc = seal_unseal_file(server->seal, err);
	if (rc == 0)
		print_notice(listen_address, "kept beside the store",
			"the one of its first start");
	return rc;
}
