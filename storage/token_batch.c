/* Batch tokens to text and back; see storage/token_batch.h. */
#include "storage/token_batch.h"

#include <string.h>

#include "lib/codec.h"
#include "storage/lease_row.h"
#include "storage/pack.h"
#include "storage/token_record.h"

#define BATCH_VERSION 1
#define PREFIX_LEN (sizeof(TOKEN_BATCH_PREFIX) - 1)
#define KEY_MAX 64

/* What a sealed token is bound to: no record of the store has such a key. */
static struct span
seal_key(const char *tokens, char key[KEY_MAX])
{
	const char *const parts[] = { "batch token/", tokens };

	return str_join(key, KEY_MAX, parts, ARRAY_LEN(parts)) ? span_str(key)
							       : SPAN_NONE;
}

bool
token_is_batch_text(struct secret_view text)
{
	return span_has_prefix(
		span_of(text.data, text.len), span_str(TOKEN_BATCH_PREFIX));
}

/* ---- to text ------------------------------------------------------------ */

static int
encode(const struct token *token, struct buf *out, struct err *err)
{
	const struct lease *lease = &token->lease;

	pack_u8(out, BATCH_VERSION);
	pack_i64(out, lease->issue_ns);
	pack_i64(out, lease->expire_s);
	pack_i64(out, lease->ttl_s);
	pack_u32(out, lease->owner.path);
	pack_u64(out, lease->owner.row);
	return token_encode(token, out, err);
}

static int
refuse_size(struct err *err)
{
	err_clear(err);
	return err_set(err, ERR_INPUT, 400,
		"the policies and metadata are too large for a batch token");
}

int
token_batch_seal(struct barrier *barrier, const char *tokens,
	const struct token *token, struct arena *arena, const char **ret_text,
	struct err *err)
{
	struct buf plain, sealed, text;
	char key[KEY_MAX];
	int rc;

	buf_init(&plain, TOKEN_BATCH_TEXT_MAX);
	buf_init(&sealed, 2 * TOKEN_BATCH_TEXT_MAX);
	buf_init(&text, 4 * TOKEN_BATCH_TEXT_MAX);
	rc = encode(token, &plain, err);
	if (rc == ERR_LIMIT)
		rc = refuse_size(err);
	if (rc == 0)
		rc = barrier_seal(barrier, seal_key(tokens, key),
			buf_span(&plain), &sealed, err);
	if (rc == 0) {
		(void)buf_add_str(&text, TOKEN_BATCH_PREFIX);
		(void)base64url_encode(buf_span(&sealed), &text);
		rc = buf_check(&text, err);
	}
	if (rc == 0 && text.len > TOKEN_BATCH_TEXT_MAX)
		rc = refuse_size(err);
	if (rc == 0) {
		*ret_text =
			arena_strndup(arena, (const char *)text.data, text.len);
		rc = *ret_text != NULL ? 0 : err_set_memory(err);
	}
	buf_clear(&plain);
	buf_clear(&sealed);
	buf_clear(&text);
	return rc;
}

/* ---- from text ---------------------------------------------------------- */

static int
decode(struct span bytes, struct arena *arena, struct token *ret_token,
	struct err *err)
{
	struct unpack in = unpack_of(bytes);
	struct lease lease = { .kind = LEASE_TOKEN, .state = LEASE_LIVE };
	int rc;

	if (unpack_u8(&in) != BATCH_VERSION)
		in.bad = true;
	lease.issue_ns = unpack_i64(&in);
	lease.expire_s = unpack_i64(&in);
	lease.ttl_s = unpack_i64(&in);
	lease.owner.path = unpack_u32(&in);
	lease.owner.row = unpack_u64(&in);
	if (in.bad || lease.expire_s <= 0)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	lease.data = in.rest;
	rc = token_decode(&lease, arena, ret_token, err);
	if (rc == 0)
		ret_token->batch = true;
	return rc;
}

/* The bytes in a text; ERR_ABSENT where it is none of ours. */
static int
unseal(struct barrier *barrier, const char *tokens, struct secret_view text,
	struct arena *arena, struct span *ret_bytes, struct err *err)
{
	const struct span body =
		span_skip(span_of(text.data, text.len), PREFIX_LEN);
	struct err ignored = { 0 };
	char key[KEY_MAX];
	struct buf sealed;
	int rc = ERR_ABSENT;

	buf_init(&sealed, TOKEN_BATCH_TEXT_MAX);
	if (text.len <= TOKEN_BATCH_TEXT_MAX &&
		base64url_decode(body, &sealed) == 0)
		rc = barrier_open(barrier, seal_key(tokens, key),
			buf_span(&sealed), arena, ret_bytes, &ignored);
	buf_clear(&sealed);
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	return rc == 0 ? 0 : lease_absent(err);
}

/* A child goes with its parent, whatever its own time. */
static int
check_parent(struct store *store, struct rowref parent, struct err *err)
{
	struct compiled *ref = NULL;
	const struct token *token = NULL;
	int rc = 0;

	if (parent.row != 0)
		rc = token_find_row(store, parent, &ref, &token, err);
	compiled_unref(&ref);
	return rc;
}

int
token_batch_open(struct store *store, struct barrier *barrier,
	const char *tokens, struct secret_view text, struct arena *arena,
	const struct token **ret_token, struct err *err)
{
	struct token *token = ARENA_NEW(arena, struct token);
	struct span bytes = SPAN_NONE;
	int rc;

	if (token == NULL)
		return err_set_memory(err);
	rc = unseal(barrier, tokens, text, arena, &bytes, err);
	if (rc == 0)
		rc = decode(bytes, arena, token, err);
	if (rc == 0 && !lease_is_live_at(&token->lease, store_now_s(store)))
		rc = lease_absent(err);
	if (rc == 0)
		rc = check_parent(store, token->lease.owner, err);
	if (rc == 0)
		*ret_token = token;
	return rc;
}
