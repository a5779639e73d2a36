/* Keys and bytes of rows; see storage/lease_row.h. */
#include "storage/lease_row.h"

#include <string.h>

#include "storage/pack.h"

/* The second one has a struct lease_takeback; dynamic rows are so. */
#define LEASE_VERSION 1
#define LEASE_VERSION_DYNAMIC 2

enum lease_flag { FLAG_RENEWABLE = 1, FLAG_CHOSEN = 2, FLAG_COUNTED = 4 };

enum takeback_flag { TAKEBACK_INSTALLING = 1, TAKEBACK_CLAIMED = 2 };

/* ---- keys --------------------------------------------------------------- */

static void
add_bytes(struct row_key *key, const void *data, size_t len)
{
	memcpy(key->data + key->len, data, len);
	key->len += len;
}

static void
add_number(struct row_key *key, uint64_t n, size_t len)
{
	for (size_t i = 0; i < len; i++)
		key->data[key->len + i] = (uint8_t)(n >> (8 * (len - 1 - i)));
	key->len += len;
}

struct row_key
row_path_key(uint32_t path)
{
	struct row_key key = { .len = 0 };

	add_bytes(&key, "row/", 4);
	add_number(&key, path, 4);
	return key;
}

struct row_key
row_key(struct rowref ref)
{
	struct row_key key = row_path_key(ref.path);

	add_number(&key, ref.row, 8);
	return key;
}

struct row_key
own_prefix(uint64_t owner_row)
{
	struct row_key key = { .len = 0 };

	add_bytes(&key, "own/", 4);
	add_number(&key, owner_row, 8);
	return key;
}

struct row_key
own_kind_prefix(uint64_t owner_row, enum lease_kind kind)
{
	struct row_key key = own_prefix(owner_row);

	add_number(&key, kind, 1);
	return key;
}

struct row_key
own_key(const struct lease *lease)
{
	struct row_key key = own_kind_prefix(lease->owner.row, lease->kind);

	add_number(&key, lease->ref.path, 4);
	add_number(&key, lease->ref.row, 8);
	return key;
}

struct row_key
queue_key(int64_t next_try_s, struct rowref ref)
{
	struct row_key key = { .len = 0 };

	add_bytes(&key, "queue/", 6);
	add_number(&key, (uint64_t)next_try_s, 8);
	add_number(&key, ref.path, 4);
	add_number(&key, ref.row, 8);
	return key;
}

struct row_key
alias_key(const uint8_t mac[ROWID_MAC])
{
	struct row_key key = { .len = 0 };

	add_bytes(&key, "alias/", 6);
	add_bytes(&key, mac, ROWID_MAC);
	return key;
}

struct span
row_key_span(const struct row_key *key)
{
	return span_of(key->data, key->len);
}

bool
row_key_parse(struct span key, struct rowref *ret_ref)
{
	struct unpack in;

	if (key.len < ROW_KEY)
		return false;
	in = unpack_of(span_skip(key, key.len - 12));
	ret_ref->path = unpack_u32(&in);
	ret_ref->row = unpack_u64(&in);
	return true;
}

/* ---- bytes -------------------------------------------------------------- */

static int
check_row(const struct lease *lease, struct err *err)
{
	bool known =
		lease->kind >= LEASE_TOKEN && lease->kind <= LEASE_ENROLMENT;
	bool state = lease->state == LEASE_LIVE || lease->state == LEASE_USED ||
		lease->state == LEASE_REVOKING ||
		(lease->state == LEASE_INSTALLING &&
			lease->kind == LEASE_DYNAMIC);
	bool ends = lease->expire_s > 0 ||
		(lease->expire_s == 0 && lease->kind != LEASE_OTP &&
			lease->kind != LEASE_DYNAMIC);
	bool queues = lease->takeback.next_try_s >= 0;

	if (known && state && ends && queues && lease->ref.row != 0)
		return 0;
	(void)err_set(err, ERR_INTERNAL, 500, "internal error");
	(void)err_wrap(err, "a lease row breaks the rules of its kind");
	return ERR_INTERNAL;
}

static void
pack_takeback(struct buf *out, const struct lease_takeback *takeback)
{
	size_t len = takeback->why.len < LEASE_ERROR_MAX ? takeback->why.len
							 : LEASE_ERROR_MAX;
	int flags = (takeback->is_installing ? TAKEBACK_INSTALLING : 0) |
		(takeback->is_claimed ? TAKEBACK_CLAIMED : 0);

	pack_i64(out, takeback->next_try_s);
	pack_u8(out, (uint8_t)flags);
	pack_u32(out, takeback->attempts);
	pack_u32(out, (uint32_t)len);
	(void)buf_add(out, takeback->why.data, len);
}

static void
unpack_takeback(struct unpack *in, struct lease_takeback *takeback)
{
	uint8_t flags;
	size_t len;

	takeback->next_try_s = unpack_i64(in);
	flags = unpack_u8(in);
	takeback->is_installing = (flags & TAKEBACK_INSTALLING) != 0;
	takeback->is_claimed = (flags & TAKEBACK_CLAIMED) != 0;
	takeback->attempts = unpack_u32(in);
	len = unpack_u32(in);
	if (len > in->rest.len)
		in->bad = true;
	if (in->bad)
		return;
	takeback->why = span_of(in->rest.data, len);
	in->rest = span_skip(in->rest, len);
}

int
lease_encode(const struct lease *lease, struct buf *out, struct err *err)
{
	const bool dynamic = lease->kind == LEASE_DYNAMIC;
	int flags = (lease->renewable ? FLAG_RENEWABLE : 0) |
		(lease->chosen ? FLAG_CHOSEN : 0) |
		(lease->counted ? FLAG_COUNTED : 0);
	int rc = check_row(lease, err);

	if (rc != 0)
		return rc;
	pack_u8(out, dynamic ? LEASE_VERSION_DYNAMIC : LEASE_VERSION);
	pack_u8(out, (uint8_t)lease->kind);
	pack_u8(out, (uint8_t)lease->state);
	pack_u8(out, (uint8_t)flags);
	pack_i64(out, lease->issue_ns);
	pack_i64(out, lease->expire_s);
	pack_i64(out, lease->max_s);
	pack_i64(out, lease->ttl_s);
	pack_i64(out, lease->last_renewal_ns);
	pack_u32(out, lease->owner.path);
	pack_u64(out, lease->owner.row);
	(void)buf_add(out, lease->salt, ROWID_SALT);
	(void)buf_add(out, lease->mac, ROWID_MAC);
	pack_u32(out, lease->misses);
	pack_str(out, lease->request_id);
	if (dynamic)
		pack_takeback(out, &lease->takeback);
	(void)buf_add_span(out, lease->data);
	return buf_check(out, err);
}

/* A string of at most cap - 1 bytes into an array. */
static void
unpack_array(struct unpack *in, char *out, size_t cap)
{
	size_t len = (size_t)unpack_u8(in) << 8;

	len |= unpack_u8(in);
	if (len >= cap)
		in->bad = true;
	else
		unpack_bytes(in, out, len);
}

int
lease_decode(struct rowref ref, struct span bytes, struct lease *ret_lease,
	struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct lease lease = { .ref = ref };
	uint8_t version = unpack_u8(&in), flags;
	int rc;

	lease.kind = unpack_u8(&in);
	if (version !=
		(lease.kind == LEASE_DYNAMIC ? LEASE_VERSION_DYNAMIC
					     : LEASE_VERSION))
		in.bad = true;
	lease.state = unpack_u8(&in);
	flags = unpack_u8(&in);
	lease.renewable = (flags & FLAG_RENEWABLE) != 0;
	lease.chosen = (flags & FLAG_CHOSEN) != 0;
	lease.counted = (flags & FLAG_COUNTED) != 0;
	lease.issue_ns = unpack_i64(&in);
	lease.expire_s = unpack_i64(&in);
	lease.max_s = unpack_i64(&in);
	lease.ttl_s = unpack_i64(&in);
	lease.last_renewal_ns = unpack_i64(&in);
	lease.owner.path = unpack_u32(&in);
	lease.owner.row = unpack_u64(&in);
	unpack_bytes(&in, lease.salt, ROWID_SALT);
	unpack_bytes(&in, lease.mac, ROWID_MAC);
	lease.misses = unpack_u32(&in);
	unpack_array(&in, lease.request_id, sizeof(lease.request_id));
	if (lease.kind == LEASE_DYNAMIC)
		unpack_takeback(&in, &lease.takeback);
	lease.data = in.rest;
	in.rest.len = 0;
	rc = unpack_end(&in, "a lease row", err);
	if (rc == 0)
		rc = check_row(&lease, err);
	if (rc == 0)
		*ret_lease = lease;
	return rc;
}

/* ---- what a row says ---------------------------------------------------- */

int64_t
lease_due_s(const struct lease *lease)
{
	if (lease_is_queued(lease))
		return -1;
	if (lease->state == LEASE_REVOKING)
		return 0;
	if (lease->state == LEASE_INSTALLING)
		return lease->takeback.next_try_s;
	return lease->expire_s > 0 ? lease->expire_s : -1;
}

bool
lease_is_queued(const struct lease *lease)
{
	return lease->kind == LEASE_DYNAMIC && lease->state == LEASE_REVOKING;
}

bool
lease_is_live_at(const struct lease *lease, int64_t now_s)
{
	return lease->state == LEASE_LIVE &&
		(lease->expire_s == 0 || now_s < lease->expire_s);
}

int
lease_absent(struct err *err)
{
	return err_set(err, ERR_ABSENT, 404, "%s", "");
}

/* ---- lists of rows ------------------------------------------------------ */

int
row_list_init(
	struct row_list *list, struct arena *arena, size_t cap, struct err *err)
{
	*list = (struct row_list){ .cap = cap };
	list->refs = ARENA_ARRAY(arena, struct rowref, cap);
	return list->refs != NULL ? 0 : err_set_memory(err);
}

static int
add_row(void *ctx, struct span key, UNUSED struct span value,
	UNUSED struct err *err)
{
	struct row_list *list = ctx;

	if (list->n < list->cap && row_key_parse(key, &list->refs[list->n]))
		list->n++;
	return 0;
}

int
row_list_fill(struct row_list *list, struct store_tx *tx, struct span prefix,
	struct span after, struct err *err)
{
	list->n = 0;
	return tx_scan(tx, prefix, after, list->cap, true, add_row, list, err);
}
