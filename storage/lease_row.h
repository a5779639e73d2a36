/*
 * How rows lie in the store: their keys and their bytes. Only the files of
 * leases and tokens include this. After each prefix keys are binary and
 * big-endian, so that their order is that of time:
 *
 *     row/<u32 path><u64 row>                     the row
 *     own/<u64 owner row><u8 kind><u32 path><u64 row>   what a token owns
 *     queue/<u64 next try s><u32 path><u64 row>   a dynamic one to take back
 *     alias/<HMAC of a chosen id>                 the row it names
 *     path/<mount>/<lease path>                   its number
 *     pathno/<u32 path>                           mount and lease path
 *     pathnext                                    the last number given
 */
#ifndef SALLYPORT_STORAGE_LEASE_ROW_H
#define SALLYPORT_STORAGE_LEASE_ROW_H

#include "lib/buf.h"
#include "storage/lease.h"

#define ROW_KEY 16
#define OWN_KEY 25

/* A key on the stack. */
struct row_key {
	uint8_t data[40];
	size_t len;
};

struct row_key row_key(struct rowref ref);
struct row_key row_path_key(uint32_t path); /* what a path's rows begin with */
struct row_key own_key(const struct lease *lease);
struct row_key own_prefix(uint64_t owner_row);
struct row_key own_kind_prefix(uint64_t owner_row, enum lease_kind kind);
struct row_key queue_key(int64_t next_try_s, struct rowref ref);
struct row_key alias_key(const uint8_t mac[ROWID_MAC]);
struct span row_key_span(const struct row_key *key);

/* The row that a row/ or own/ key ends with; false: too short. */
bool row_key_parse(struct span key, struct rowref *ret_ref);

/*
 * The bytes of a row. Refused as ERR_INTERNAL: a row without a number, without
 * an end where root tokens and secret ids alone have none, with a kind or state
 * not known.
 */
int lease_encode(const struct lease *lease, struct buf *out, struct err *err);

/* data becomes a view into bytes. */
int lease_decode(struct rowref ref, struct span bytes, struct lease *ret_lease,
	struct err *err);

/* When the due index holds the row; -1: never. */
int64_t lease_due_s(const struct lease *lease);

/* The end of a row that owns nothing: it is deleted, or queued if dynamic. */
int lease_end(struct store_tx *tx, const struct lease *lease, struct err *err);

/* Live at now_s and not past its time. */
bool lease_is_live_at(const struct lease *lease, int64_t now_s);

/* ERR_ABSENT, 404, empty message. */
int lease_absent(struct err *err);

/* lease_get where absence is an answer and no failure. */
int lease_probe(struct store_tx *tx, struct rowref ref, struct arena *arena,
	bool *ret_found, struct lease *ret_lease, struct err *err);

/* Bytes that do not open or make no sense: of no use to anybody. */
bool lease_is_unreadable(int rc);

/* lease_probe that leaves err alone where the row is unreadable. */
int lease_probe_readable(struct store_tx *tx, struct rowref ref,
	struct arena *arena, bool *ret_found, struct lease *ret_lease,
	struct err *err);

/* lease_revoke_step that takes what it used off its budget. */
int lease_revoke_some(struct store_tx *tx, struct rowref ref, size_t *budget,
	struct arena *arena, bool *ret_done, struct err *err);

/* Rows named by the keys below prefix, in order, at most cap of them. */
struct row_list {
	struct rowref *refs;
	size_t n, cap;
};

/* Room for cap rows in arena. */
int row_list_init(struct row_list *list, struct arena *arena, size_t cap,
	struct err *err);
int row_list_fill(struct row_list *list, struct store_tx *tx,
	struct span prefix, struct span after, struct err *err);

#endif
