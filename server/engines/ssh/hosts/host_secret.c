/* Secrets of hosts: made, and shown by a caller. */
#include "server/engines/ssh/hosts/host_secret.h"

#include <string.h>

#include "lib/codec.h"
#include "lib/log.h"
#include "lib/random.h"
#include "server/api/guess.h"
#include "server/core/seal.h"

#define SECRET_BYTES 32
#define MAC_LABEL "ssh host secret"
#define MAC_TEXT (2 * SHA256_BYTES + 1)

static struct miss_limit misses = MISS_LIMIT_INIT;

int
host_refuse(struct req *req, const char *text, const char *why, struct err *err)
{
	log_info("host refused", LOG_STR("request", req->id),
		LOG_STR("why", why));
	return guess_refuse(req, &misses, text, err);
}

/* ---- hashes ------------------------------------------------------------- */

/* In hex, over name and secret: a host's secret is none of another's. */
static int
hash(const struct barrier *barrier, struct req *req, const char *name,
	struct secret_view secret, char out[MAC_TEXT])
{
	const size_t name_len = strlen(name) + 1;
	uint8_t *whole = arena_alloc(req->arena, name_len + secret.len, 1);
	uint8_t mac[SHA256_BYTES];

	if (whole == NULL)
		return ERR_MEMORY;
	memcpy(whole, name, name_len);
	if (secret.len > 0)
		memcpy(whole + name_len, secret.data, secret.len);
	barrier_mac(barrier, MAC_LABEL, span_str(req->mount->uuid),
		span_of(whole, name_len + secret.len), mac);
	hex_encode(mac, sizeof(mac), out);
	return 0;
}

static bool
is_mac(const char *stored, const char *mac)
{
	return secret_equal(secret_view_of(stored, strlen(stored)),
		secret_view_of(mac, strlen(mac)));
}

/* ---- new ones ----------------------------------------------------------- */

int
host_secret_new(struct req *req, const char *name, const char **ret_secret,
	const char **ret_mac, struct err *err)
{
	char *text = arena_alloc(req->arena, 2 * SECRET_BYTES + 1, 1);
	char *mac = arena_alloc(req->arena, MAC_TEXT, 1);
	struct barrier *barrier = NULL;
	uint8_t bytes[SECRET_BYTES];
	int rc;

	if (text == NULL || mac == NULL)
		return err_set_memory(err);
	random_bytes(bytes, sizeof(bytes));
	hex_encode(bytes, sizeof(bytes), text);
	secret_wipe(bytes, sizeof(bytes));
	barrier = seal_hold_barrier(req->server->seal);
	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = hash(barrier, req, name, secret_view_of(text, strlen(text)), mac);
	seal_release_barrier(req->server->seal);
	if (rc != 0)
		return err_set_memory(err);
	*ret_secret = text;
	*ret_mac = mac;
	return 0;
}

void
host_secret_take(struct ssh_host *host, const char *mac)
{
	if (host->former_mac[0] == '\0')
		host->former_mac = host->secret_mac;
	host->secret_mac = mac;
}

/* ---- shown -------------------------------------------------------------- */

bool
host_secret_fits(const struct barrier *barrier, struct req *req,
	const char *name, const struct ssh_host *host,
	struct secret_view secret, bool *ret_is_current)
{
	char mac[MAC_TEXT];

	if (hash(barrier, req, name, secret, mac) != 0)
		return false;
	*ret_is_current = is_mac(host->secret_mac, mac);
	return *ret_is_current || is_mac(host->former_mac, mac);
}

static bool
is_of_caller(struct req *req, const char *name, const struct ssh_host *host,
	struct secret_view secret)
{
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	bool is_current, fits;

	if (barrier == NULL)
		return false;
	fits = host_secret_fits(barrier, req, name, host, secret, &is_current);
	seal_release_barrier(req->server->seal);
	return fits;
}

int
host_secret_find(struct req *req, const char *sent, struct secret_view secret,
	const char **ret_name, struct compiled **ret_ref,
	const struct ssh_host **ret_host, struct err *err)
{
	const char *name = arena_strlower(req->arena, sent);
	struct compiled *ref = NULL;
	const void *record = NULL;
	int rc = name == NULL
		? err_set_memory(err)
		: record_find(req->server->store, &req->mount->kv,
			  &ssh_host_record, name, &ref, &record, err);

	if (rc == ERR_ABSENT)
		return host_refuse(
			req, HOST_SECRET_REFUSED, "no such host", err);
	if (rc != 0)
		return rc;
	if (!is_of_caller(req, name, record, secret)) {
		compiled_unref(&ref);
		return host_refuse(
			req, HOST_SECRET_REFUSED, "not the host's secret", err);
	}
	*ret_name = name;
	*ret_ref = ref;
	*ret_host = record;
	return 0;
}
