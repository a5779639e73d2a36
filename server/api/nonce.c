/* "<sealed row name>.<end>.<MAC of both and of the subject>". */
#include "server/api/nonce.h"

#include <stdio.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/number.h"
#include "lib/random.h"
#include "server/core/seal.h"

#define MAC_LABEL "ssh login nonce"
/* Of rows that are no leases. */
#define LEASE_PATH "/challenge"
#define ID_LEN 24
#define MAC_LEN (2 * (size_t)SHA256_BYTES)
/* A row stays a little longer than its nonce could be used. */
#define SLACK_S 60

/* The MAC, in hex, over what stands before it and the subject's hash. */
static void
mac_of(const struct req *req, const struct barrier *barrier, const char *id,
	int64_t end_s, struct span subject, char out[MAC_LEN + 1])
{
	uint8_t hash[SHA256_BYTES], mac[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1], text[256];

	sha256(subject, hash);
	hex_encode(hash, sizeof(hash), hex);
	(void)snprintf(text, sizeof(text), "%s.%lld.%llu.%s", id,
		(long long)end_s,
		(unsigned long long)atomic_load(&req->server->epoch), hex);
	barrier_mac(barrier, MAC_LABEL, span_str(req->mount->uuid),
		span_str(text), mac);
	hex_encode(mac, sizeof(mac), out);
}

static int
make(struct req *req, const struct barrier *barrier, struct span subject,
	char out[NONCE_TEXT_MAX], struct err *err)
{
	struct store *store = req->server->store;
	const int64_t end_s = req_now_s(req) + NONCE_S;
	char id[ROWID_TEXT_MAX], mac[MAC_LEN + 1];
	uint8_t salt[ROWID_SALT];
	struct rowref ref;
	int rc = lease_path_number(
		store, req->mount->uuid, LEASE_PATH, &ref.path, err);

	if (rc == 0)
		rc = store_row_number(store, &ref.row, err);
	random_bytes(salt, sizeof(salt));
	if (rc == 0)
		rc = rowid_format(barrier, ROWID_LEASE, req->mount->uuid, ref,
			salt, id, err);
	if (rc != 0)
		return rc;
	mac_of(req, barrier, id, end_s, subject, mac);
	(void)snprintf(
		out, NONCE_TEXT_MAX, "%s.%lld.%s", id, (long long)end_s, mac);
	return 0;
}

static int
make_nonce(struct req *req, struct span subject, char out[NONCE_TEXT_MAX],
	struct err *err)
{
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	int rc;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = make(req, barrier, subject, out, err);
	seal_release_barrier(req->server->seal);
	return rc;
}

const char *
nonce_namespace(struct req *req, const char *purpose)
{
	struct seal_status status;

	seal_get_status(req->server->seal, &status);
	return arena_printf(
		req->arena, "sallyport-%s@%s", purpose, status.cluster_id);
}

const char *
nonce_message(struct req *req, const char *nonce)
{
	return arena_printf(req->arena, "%s%s", nonce, req->mount->accessor);
}

int
nonce_reply(struct req *req, struct span subject, const char *purpose,
	struct reply *reply, struct err *err)
{
	char nonce[NONCE_TEXT_MAX];
	int rc = make_nonce(req, subject, nonce, err);

	if (rc != 0)
		return rc;
	reply_str(reply, "nonce", nonce);
	reply_str(reply, "message", nonce_message(req, nonce));
	reply_str(reply, "namespace", nonce_namespace(req, purpose));
	reply_str(reply, "mount_accessor", req->mount->accessor);
	reply_int(reply, "ttl", NONCE_S);
	return 0;
}

/* The three parts of text. */
static bool
split(struct span text, char id[ID_LEN + 1], int64_t *ret_end_s,
	struct span *ret_mac)
{
	struct span end = span_skip(text, ID_LEN + 1);

	if (text.len < ID_LEN + 1 + 1 + MAC_LEN || text.data[ID_LEN] != '.' ||
		text.data[text.len - MAC_LEN - 1] != '.')
		return false;
	memcpy(id, text.data, ID_LEN);
	id[ID_LEN] = '\0';
	*ret_mac = span_skip(text, text.len - MAC_LEN);
	if (end.len < MAC_LEN + 1)
		return false;
	end.len -= MAC_LEN + 1;
	return number_parse_i64(end, 1, INT64_MAX, ret_end_s) == 0;
}

static int
check(struct req *req, const struct barrier *barrier, struct span text,
	struct span subject, struct nonce *nonce)
{
	char id[ID_LEN + 1], mac[MAC_LEN + 1];
	struct span sent;

	if (!split(text, id, &nonce->end_s, &sent))
		return ERR_ABSENT;
	mac_of(req, barrier, id, nonce->end_s, subject, mac);
	if (!secret_equal(secret_view_of(mac, MAC_LEN),
		    secret_view_of(sent.data, sent.len)))
		return ERR_ABSENT;
	return rowid_parse(barrier, ROWID_LEASE, req->mount->uuid,
		span_of(id, ID_LEN), &nonce->lease.ref);
}

int
nonce_check(struct req *req, struct span text, struct span subject,
	struct nonce *ret_nonce, struct err *err)
{
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	struct nonce nonce = { .lease = { .kind = LEASE_NONCE,
				       .state = LEASE_USED } };
	int rc;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = check(req, barrier, text, subject, &nonce);
	seal_release_barrier(req->server->seal);
	if (rc != 0)
		return ERR_ABSENT;
	random_bytes(nonce.lease.salt, sizeof(nonce.lease.salt));
	memcpy(nonce.lease.request_id, req->id, sizeof(req->id));
	*ret_nonce = nonce;
	return 0;
}

int
nonce_use(struct store_tx *tx, struct nonce *nonce, struct err *err)
{
	struct lease *lease = &nonce->lease;
	int rc;

	if (tx_now_s(tx) >= nonce->end_s)
		return ERR_ABSENT;
	lease->issue_ns = tx_now_ns(tx);
	lease->expire_s = nonce->end_s + SLACK_S;
	lease->max_s = lease->expire_s;
	lease->ttl_s = lease->expire_s - tx_now_s(tx);
	rc = lease_insert(tx, lease, err);
	if (rc != ERR_EXISTS)
		return rc;
	err_clear(err);
	return ERR_ABSENT;
}
