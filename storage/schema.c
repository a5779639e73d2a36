/*
 * The schema number stands unsealed, since it is looked at before anybody has
 * unsealed. Step n of the table leads from number n to n + 1.
 */
#include "storage/schema.h"

#include <endian.h>
#include <string.h>

#define SCHEMA_KEY "core/schema"
#define EPOCH_KEY "core/epoch"

/* A number under core/, big endian in 8 bytes; 0 where it is absent. */
static int
get_number(struct store_tx *tx, const char *key, uint64_t *ret_number,
	struct err *err)
{
	struct arena *arena = arena_new(ARENA_CHUNK);
	uint64_t number = 0;
	struct span value;
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	rc = tx_get_clear(tx, span_str(key), arena, &value, NULL);
	if (rc == 0 && value.len != sizeof(number))
		rc = ERR_CRYPTO;
	else if (rc == 0)
		memcpy(&number, value.data, sizeof(number));
	arena_free(&arena);
	if (rc != 0 && rc != ERR_ABSENT)
		return err_set(err, rc, 500, "the record %s is damaged", key);
	*ret_number = be64toh(number);
	return 0;
}

static int
put_number(
	struct store_tx *tx, const char *key, uint64_t number, struct err *err)
{
	number = htobe64(number);
	return tx_put_clear(
		tx, span_str(key), span_of(&number, sizeof(number)), err);
}

/* ---- the steps ------------------------------------------------------- */

static int
make_first(struct store_tx *tx, struct err *err)
{
	return put_number(tx, EPOCH_KEY, 1, err);
}

static int (*const steps[SCHEMA_CURRENT])(
	struct store_tx *tx, struct err *err) = {
	make_first,
};

/* ---- checking -------------------------------------------------------- */

static int
refuse_other_keys(
	void *ctx, struct span key, struct span value, struct err *err)
{
	(void)ctx;
	(void)value;
	if (span_has_prefix(key, span_str("core/state")))
		return 0; /* each commit writes it */
	return err_set(err, ERR_CRYPTO, 500,
		"the store has records but no schema number");
}

static int
read_schema(struct store_tx *tx, void *ctx, struct err *err)
{
	uint64_t *number = ctx;
	int rc = get_number(tx, SCHEMA_KEY, number, err);

	if (rc != 0 || *number != 0)
		return rc;
	return tx_scan(tx, SPAN_NONE, SPAN_NONE, 2, true, refuse_other_keys,
		NULL, err);
}

/* One step and the new number, in one transaction. */
static int
run_step(struct store_tx *tx, void *ctx, struct err *err)
{
	uint64_t *number = ctx, stored;
	int rc = get_number(tx, SCHEMA_KEY, &stored, err);

	if (rc == 0 && stored == *number)
		rc = steps[stored](tx, err);
	if (rc == 0 && stored == *number)
		rc = put_number(tx, SCHEMA_KEY, stored + 1, err);
	return rc;
}

int
schema_check(struct store *store, struct err *err)
{
	uint64_t number;
	int rc = store_read(store, read_schema, &number, err);

	if (rc == 0 && number > SCHEMA_CURRENT)
		rc = err_set(err, ERR_INPUT, 500,
			"the store has schema %llu, this server knows %d: use a newer server",
			(unsigned long long)number, SCHEMA_CURRENT);
	for (; rc == 0 && number < SCHEMA_CURRENT; number++)
		rc = store_write(store, run_step, &number, err);
	return rc;
}

/* ---- the epoch ------------------------------------------------------- */

static int
read_epoch(struct store_tx *tx, void *ctx, struct err *err)
{
	return get_number(tx, EPOCH_KEY, ctx, err);
}

int
schema_epoch(struct store *store, uint64_t *ret_epoch, struct err *err)
{
	return store_read(store, read_epoch, ret_epoch, err);
}

int
schema_raise_epoch(struct store_tx *tx, uint64_t past, uint64_t *ret_epoch,
	struct err *err)
{
	uint64_t epoch;
	int rc = get_number(tx, EPOCH_KEY, &epoch, err);

	if (rc != 0)
		return rc;
	*ret_epoch = (epoch > past ? epoch : past) + 1;
	return put_number(tx, EPOCH_KEY, *ret_epoch, err);
}
