/*
 * Tokens: drawn, inserted, found by text, row and accessor, and used up. A
 * token that was found is compiled once for each version of its row; whether
 * it is still alive is asked of the clock each time.
 */
#include "storage/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/random.h"
#include "storage/lease_row.h"
#include "storage/pack.h"
#include "storage/token_batch.h"
#include "storage/token_record.h"

#define RECORD_MAX 60000
#define SCRATCH_MAX ((size_t)256 * 1024)
#define SEALED_LEN (sizeof(TOKEN_PREFIX) - 1 + 24)

/* Whether a text has the form of a sealed id, valid or not. */
static bool
has_sealed_form(struct span text)
{
	return text.len == SEALED_LEN &&
		span_has_prefix(text, span_str(TOKEN_PREFIX));
}

/* ---- new tokens --------------------------------------------------------- */

static int
check_chosen_id(struct span id, struct err *err)
{
	if (id.len >= sizeof(((struct token_draft *)NULL)->text))
		return err_set(
			err, ERR_INPUT, 400, "custom token ID is too long");
	if (memchr(id.data, '\0', id.len) != NULL || has_sealed_form(id))
		return err_set(err, ERR_INPUT, 400,
			"custom token ID cannot have the form of a token");
	return 0;
}

/* The text: a chosen id, or a name sealed with random bits of its own. */
static int
draw_text(const struct barrier *barrier, const char *mount,
	struct span custom_id, struct token_draft *draft, struct err *err)
{
	char tail[ROWID_TEXT_MAX];
	uint8_t salt[ROWID_SALT];
	int rc;

	if (draft->custom) {
		memcpy(draft->text, custom_id.data, custom_id.len);
		draft->text[custom_id.len] = '\0';
		return 0;
	}
	random_bytes(salt, sizeof(salt));
	rc = rowid_format(
		barrier, ROWID_TOKEN, mount, draft->ref, salt, tail, err);
	if (rc == 0)
		(void)snprintf(draft->text, sizeof(draft->text), "%s%s",
			TOKEN_PREFIX, tail);
	secret_wipe(tail, sizeof(tail));
	return rc;
}

int
token_draft(struct store *store, const struct barrier *barrier,
	const struct token_place *place, struct span custom_id,
	struct token_draft *ret_draft, struct err *err)
{
	const char *mount = place->tokens;
	struct token_draft draft = { .custom = custom_id.len > 0 };
	int rc = 0;

	if (draft.custom)
		rc = check_chosen_id(custom_id, err);
	if (rc == 0)
		rc = lease_path_number(
			store, place->mount, place->path, &draft.ref.path, err);
	if (rc == 0)
		rc = store_row_number(store, &draft.ref.row, err);
	if (rc != 0)
		return rc;
	random_bytes(draft.salt, sizeof(draft.salt));
	rc = rowid_format(barrier, ROWID_ACCESSOR, mount, draft.ref, draft.salt,
		draft.accessor, err);
	if (rc == 0)
		rc = draw_text(barrier, mount, custom_id, &draft, err);
	if (rc == 0) {
		rowid_mac(barrier, ROWID_TOKEN, mount, span_str(draft.text),
			draft.mac);
		*ret_draft = draft;
	}
	secret_wipe(&draft, sizeof(draft));
	return rc;
}

/* Only root has no end: design.md 5, reliability.md L13. */
static int
check_end(const struct token *token, struct err *err)
{
	bool root = token->policies.n == 1 &&
		strcmp(token->policies.items[0], "root") == 0;

	if (token->lease.expire_s > 0 || root)
		return 0;
	return err_set(err, ERR_INTERNAL, 500, "internal error");
}

static int
put_alias(struct store_tx *tx, const struct lease *lease, struct err *err)
{
	int rc = lease_alias_put(tx, lease, err);

	if (rc != ERR_EXISTS)
		return rc;
	err_clear(err);
	return err_set(err, ERR_EXISTS, 400,
		"cannot create a token with a duplicate ID");
}

/* Run change on the token's lease with its record as data. */
static int
with_record(struct store_tx *tx, const struct token *old,
	const struct token *token, struct err *err)
{
	struct lease lease = token->lease;
	struct buf record;
	int rc;

	buf_init(&record, RECORD_MAX);
	rc = check_end(token, err);
	if (rc == 0)
		rc = token_encode(token, &record, err);
	lease.data = buf_span(&record);
	if (rc == 0 && old == NULL)
		rc = lease_insert(tx, &lease, err);
	else if (rc == 0)
		rc = lease_update(tx, &old->lease, &lease, err);
	buf_clear(&record);
	return rc;
}

int
token_insert(struct store_tx *tx, const struct token_draft *draft,
	struct token *token, struct err *err)
{
	int rc;

	token->lease.kind = LEASE_TOKEN;
	token->lease.state = LEASE_LIVE;
	token->lease.ref = draft->ref;
	token->lease.chosen = draft->custom;
	memcpy(token->lease.salt, draft->salt, ROWID_SALT);
	memcpy(token->lease.mac, draft->mac, ROWID_MAC);
	memcpy(token->accessor, draft->accessor, sizeof(token->accessor));
	token->orphan = token->lease.owner.row == 0;
	rc = with_record(tx, NULL, token, err);
	if (rc == 0 && draft->custom)
		rc = put_alias(tx, &token->lease, err);
	return rc;
}

/* ---- found, from the cache where it can be ----------------------------- */

static int
compile_token(UNUSED const void *ctx, struct span key, struct span value,
	void **ret_object, size_t *ret_size, struct err *err)
{
	struct arena *arena = NULL;
	struct token token, *copy;
	struct lease lease;
	struct rowref ref;
	int rc;

	if (!row_key_parse(key, &ref))
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	rc = lease_decode(ref, value, &lease, err);
	if (rc == 0 && lease.kind != LEASE_TOKEN)
		rc = lease_absent(err);
	if (rc != 0)
		return rc;
	arena = arena_new(SCRATCH_MAX);
	if (arena == NULL)
		return err_set_memory(err);
	rc = token_decode(&lease, arena, &token, err);
	if (rc == 0) {
		copy = token_dup(&token, ret_size);
		*ret_object = copy;
		rc = copy != NULL ? 0 : err_set_memory(err);
	}
	arena_free(&arena);
	return rc;
}

static const struct compiled_type token_type = {
	.name = "token",
	.compile = compile_token,
	.free = token_free,
};

static int
compile_alias(UNUSED const void *ctx, UNUSED struct span key, struct span value,
	void **ret_object, size_t *ret_size, struct err *err)
{
	struct rowref ref, *copy;

	if (!row_key_parse(value, &ref))
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	copy = malloc(sizeof(*copy));
	if (copy == NULL)
		return err_set_memory(err);
	*copy = ref;
	*ret_object = copy;
	*ret_size = sizeof(*copy);
	return 0;
}

static const struct compiled_type alias_type = {
	.name = "token alias",
	.compile = compile_alias,
	.free = free,
};

static int
find_alias(struct store *store, const uint8_t mac[ROWID_MAC],
	struct rowref *ret_ref, struct err *err)
{
	struct row_key key = alias_key(mac);
	struct compiled *ref = NULL;
	int rc = store_compiled(
		store, row_key_span(&key), &alias_type, &ref, err);

	if (rc == 0)
		*ret_ref = *(const struct rowref *)compiled_object(ref);
	compiled_unref(&ref);
	return rc;
}

int
token_find_row(struct store *store, struct rowref ref,
	struct compiled **ret_ref, const struct token **ret_token,
	struct err *err)
{
	struct row_key key = row_key(ref);
	struct compiled *found = NULL;
	const struct token *token;
	int rc = store_compiled(
		store, row_key_span(&key), &token_type, &found, err);

	if (rc != 0)
		return rc;
	token = compiled_object(found);
	if (!lease_is_live_at(&token->lease, store_now_s(store))) {
		compiled_unref(&found);
		return lease_absent(err);
	}
	*ret_ref = found;
	*ret_token = token;
	return 0;
}

/* The live token of row if same says that it is the one asked for. */
static int
find_same(struct store *store, struct rowref row, struct secret_view asked,
	struct secret_view (*same)(const struct token *token),
	struct compiled **ret_ref, const struct token **ret_token,
	struct err *err)
{
	struct compiled *ref = NULL;
	const struct token *token = NULL;
	int rc = token_find_row(store, row, &ref, &token, err);

	if (rc != 0)
		return rc;
	if (!secret_equal(asked, same(token))) {
		compiled_unref(&ref);
		return lease_absent(err);
	}
	*ret_ref = ref;
	*ret_token = token;
	return 0;
}

static struct secret_view
mac_of(const struct token *token)
{
	return secret_view_of(token->lease.mac, ROWID_MAC);
}

static struct secret_view
accessor_of(const struct token *token)
{
	/* Each token of a row has one.
	 * NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
	return secret_view_of(token->accessor, strlen(token->accessor));
}

int
token_find(struct store *store, struct barrier *barrier, const char *mount,
	struct secret_view text, struct arena *arena, struct compiled **ret_ref,
	const struct token **ret_token, struct err *err)
{
	struct span whole = span_of(text.data, text.len);
	struct span tail = span_skip(whole, sizeof(TOKEN_PREFIX) - 1);
	uint8_t mac[ROWID_MAC];
	struct rowref row;
	int rc;

	if (token_is_batch_text(text))
		return token_batch_open(
			store, barrier, mount, text, arena, ret_token, err);
	rowid_mac(barrier, ROWID_TOKEN, mount, whole, mac);
	if (!has_sealed_form(whole))
		rc = find_alias(store, mac, &row, err);
	else
		rc = rowid_parse(barrier, ROWID_TOKEN, mount, tail, &row);
	if (rc == 0)
		rc = find_same(store, row, secret_view_of(mac, sizeof(mac)),
			mac_of, ret_ref, ret_token, err);
	else if (rc == ERR_ABSENT)
		rc = lease_absent(err);
	return rc;
}

int
token_find_accessor(struct store *store, const struct barrier *barrier,
	const char *mount, struct span accessor, struct compiled **ret_ref,
	const struct token **ret_token, struct err *err)
{
	struct rowref row;
	int rc = rowid_parse(barrier, ROWID_ACCESSOR, mount, accessor, &row);

	if (rc != 0)
		return rc == ERR_ABSENT ? lease_absent(err) : rc;
	return find_same(store, row,
		secret_view_of(accessor.data, accessor.len), accessor_of,
		ret_ref, ret_token, err);
}

struct rowref
token_owner(const struct token *token)
{
	return token->batch ? token->lease.owner : token->lease.ref;
}

const char *
token_type_name(const struct token *token)
{
	return token->batch ? "batch" : "service";
}

/* ---- inside a transaction ---------------------------------------------- */

int
token_get(struct store_tx *tx, struct rowref ref, struct arena *arena,
	struct token *ret_token, struct err *err)
{
	struct lease lease;
	int rc = lease_get(tx, ref, arena, &lease, err);

	if (rc != 0)
		return rc;
	if (lease.kind != LEASE_TOKEN || !lease_is_live(tx, &lease))
		return lease_absent(err);
	return token_decode(&lease, arena, ret_token, err);
}

int
token_update(struct store_tx *tx, const struct token *old,
	const struct token *token, struct err *err)
{
	return with_record(tx, old, token, err);
}

int
token_spend_use(struct store_tx *tx, struct rowref ref, struct arena *arena,
	bool *ret_last, struct err *err)
{
	struct err failure = { 0 };
	struct token old = { .num_uses = 0 }, token;
	bool last;
	int rc = token_get(tx, ref, arena, &old, &failure);

	if (rc == ERR_ABSENT)
		return err_set(err, ERR_DENIED, 403, "permission denied");
	if (rc != 0 && err != NULL)
		*err = failure;
	if (rc != 0)
		return rc;
	last = old.num_uses == 1;
	token = old;
	if (last)
		token.lease.state = LEASE_REVOKING;
	else
		token.num_uses--; /* never to 0, which is no limit */
	if (old.num_uses != 0)
		rc = token_update(tx, &old, &token, err);
	if (rc == 0)
		*ret_last = last;
	return rc;
}
