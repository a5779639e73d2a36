/* Wrapping tokens and what they stand for; see storage/wrapping.h. */
#include "storage/wrapping.h"

#include <string.h>

#include "storage/cubbyhole.h"
#include "storage/lease_row.h"
#include "storage/pack.h"
#include "storage/token_record.h"

#define ANSWER_VERSION 1

bool
token_is_wrapping(const struct token *token)
{
	return token->policies.n == 1 &&
		strcmp(token->policies.items[0], WRAPPING_POLICY) == 0;
}

/* ---- the answer --------------------------------------------------------- */

static int
put_answer(struct store_tx *tx, struct rowref ref,
	const struct wrapped_answer *answer, struct err *err)
{
	char key[CUBBYHOLE_KEY];
	struct buf bytes;
	int rc;

	cubbyhole_answer_key(ref, key);
	buf_init(&bytes, STORE_VALUE_MAX);
	pack_u8(&bytes, ANSWER_VERSION);
	pack_u32(&bytes, (uint32_t)answer->status);
	pack_str(&bytes, answer->content_type);
	(void)buf_add_span(&bytes, answer->body);
	rc = buf_check(&bytes, NULL);
	if (rc == ERR_LIMIT)
		(void)err_set(
			err, rc, 400, "the answer is too large to be wrapped");
	else if (rc != 0)
		(void)err_set_memory(err);
	else
		rc = tx_put(tx, span_str(key), buf_span(&bytes), err);
	buf_clear(&bytes);
	return rc;
}

static int
get_answer(struct store_tx *tx, struct rowref ref, struct arena *arena,
	struct wrapped_answer *ret_answer, struct err *err)
{
	struct wrapped_answer answer;
	char key[CUBBYHOLE_KEY];
	struct unpack in;
	struct span bytes;
	int rc;

	cubbyhole_answer_key(ref, key);
	rc = tx_get(tx, span_str(key), arena, &bytes, err);
	if (rc != 0)
		return rc;
	in = unpack_of(bytes);
	if (unpack_u8(&in) != ANSWER_VERSION)
		in.bad = true;
	answer.status = (int)unpack_u32(&in);
	answer.content_type = unpack_str(&in, arena);
	answer.body = in.rest;
	in.rest.len = 0;
	rc = unpack_end(&in, "a wrapped answer", err);
	if (rc == 0)
		*ret_answer = answer;
	return rc;
}

/* ---- the token ---------------------------------------------------------- */

int
wrapping_insert(struct store_tx *tx, const struct token_draft *draft,
	struct token *token, const struct wrapped_answer *answer,
	struct err *err)
{
	static const char *policies[] = { WRAPPING_POLICY };
	int rc;

	token->policies = (struct str_list){ policies, ARRAY_LEN(policies) };
	token->num_uses = 1;
	token->lease.counted = true; /* no restore brings it back */
	token->no_default_policy = true;
	rc = token_insert(tx, draft, token, err);
	return rc != 0 ? rc : put_answer(tx, draft->ref, answer, err);
}

int
wrapping_parse(const struct barrier *barrier, const char *tokens,
	struct secret_view text, struct wrapping_name *ret_name)
{
	const struct span whole = span_of(text.data, text.len);
	struct wrapping_name name;
	int rc;

	if (!span_has_prefix(whole, span_str(TOKEN_PREFIX)))
		return ERR_ABSENT;
	rc = rowid_parse(barrier, ROWID_TOKEN, tokens,
		span_skip(whole, sizeof(TOKEN_PREFIX) - 1), &name.ref);
	if (rc != 0)
		return rc;
	rowid_mac(barrier, ROWID_TOKEN, tokens, whole, name.mac);
	*ret_name = name;
	return 0;
}

/* The wrapping token of a row, in whatever state it is. */
static int
get_any(struct store_tx *tx, struct rowref ref, struct arena *arena,
	struct token *ret_token, struct err *err)
{
	struct lease lease;
	int rc = lease_get(tx, ref, arena, &lease, err);

	if (rc == 0 && lease.kind != LEASE_TOKEN)
		rc = lease_absent(err);
	if (rc == 0)
		rc = token_decode(&lease, arena, ret_token, err);
	if (rc == 0 && !token_is_wrapping(ret_token))
		rc = lease_absent(err);
	return rc;
}

int
wrapping_get(struct store_tx *tx, const struct wrapping_name *name,
	struct arena *arena, struct token *ret_token, bool *ret_used,
	struct err *err)
{
	struct token token;
	int rc;

	*ret_used = false;
	rc = get_any(tx, name->ref, arena, &token, err);
	if (rc != 0)
		return rc;
	if (!secret_equal(secret_view_of(name->mac, ROWID_MAC),
		    secret_view_of(token.lease.mac, ROWID_MAC)))
		return lease_absent(err);
	*ret_used = token.lease.state == LEASE_USED;
	if (!lease_is_live(tx, &token.lease))
		return lease_absent(err);
	*ret_token = token;
	return 0;
}

int
wrapping_take(struct store_tx *tx, const struct wrapping_name *name,
	struct arena *arena, struct token *ret_token,
	struct wrapped_answer *ret_answer, bool *ret_used, struct err *err)
{
	struct token old, used;
	int rc = wrapping_get(tx, name, arena, &old, ret_used, err);

	if (rc == 0)
		rc = get_answer(tx, name->ref, arena, ret_answer, err);
	if (rc != 0)
		return rc;
	used = old;
	used.lease.state = LEASE_USED;
	rc = token_update(tx, &old, &used, err);
	if (rc == 0)
		*ret_token = used;
	return rc;
}

int
wrapping_give_back(struct store_tx *tx, struct rowref ref, struct arena *arena,
	struct err *err)
{
	char key[CUBBYHOLE_KEY];
	struct token used, live;
	int rc = get_any(tx, ref, arena, &used, err);

	if (rc != 0)
		return rc;
	cubbyhole_answer_key(ref, key);
	if (used.lease.state != LEASE_USED || !tx_exists(tx, span_str(key)))
		return lease_absent(err);
	live = used;
	live.lease.state = LEASE_LIVE;
	return token_update(tx, &used, &live, err);
}

void
wrapping_forget(struct store *store, struct rowref ref)
{
	char key[CUBBYHOLE_KEY];

	cubbyhole_answer_key(ref, key);
	store_delete_later(store, span_str(key));
}
