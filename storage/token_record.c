/* A token's record to bytes, from bytes, and into one block for the cache. */
#include "storage/token_record.h"

#include <stdlib.h>
#include <string.h>

#include "lib/secret.h"
#include "storage/pack.h"

/* Version 1 knew neither role nor bound_cidrs, version 2 no proof. */
#define TOKEN_VERSION 3

enum token_flag { FLAG_NO_DEFAULT_POLICY = 1 };

static void
pack_list(struct buf *out, const struct str_list *list)
{
	pack_u32(out, (uint32_t)list->n);
	for (size_t i = 0; i < list->n; i++)
		pack_str(out, list->items[i]);
}

int
token_encode(const struct token *token, struct buf *out, struct err *err)
{
	pack_u8(out, TOKEN_VERSION);
	pack_u8(out, token->no_default_policy ? FLAG_NO_DEFAULT_POLICY : 0);
	pack_i64(out, token->num_uses);
	pack_i64(out, token->period_s);
	pack_i64(out, token->explicit_max_s);
	pack_i64(out, token->creation_ttl_s);
	pack_str(out, token->accessor);
	pack_str(out, token->display_name);
	pack_str(out, token->path);
	pack_str(out, token->entity_id);
	pack_list(out, &token->policies);
	pack_u32(out, (uint32_t)token->meta.n);
	for (size_t i = 0; i < token->meta.n; i++) {
		pack_str(out, token->meta.keys[i]);
		pack_str(out, token->meta.values[i]);
	}
	pack_str(out, token->role);
	pack_list(out, &token->bound_cidrs);
	pack_str(out, token->proof);
	return buf_check(out, err);
}

/* n strings, each of at least two bytes; a false n cannot ask for much. */
static const char **
unpack_strs(struct unpack *in, struct arena *arena, size_t n, size_t stride)
{
	const char **list = NULL;

	if (n > in->rest.len / 2)
		in->bad = true;
	else
		list = ARENA_ARRAY(arena, const char *, n *stride + 1);
	if (list == NULL)
		in->bad = true;
	for (size_t i = 0; !in->bad && i < n * stride; i++)
		list[i] = unpack_str(in, arena);
	return list;
}

static struct str_list
unpack_list(struct unpack *in, struct arena *arena)
{
	struct str_list list = { .n = unpack_u32(in) };

	list.items = unpack_strs(in, arena, list.n, 1);
	return list;
}

/* Keys and values stand in turn; they are parted into two lists. */
static struct str_map
unpack_meta(struct unpack *in, struct arena *arena)
{
	struct str_map meta = { .n = unpack_u32(in) };
	const char **pairs = unpack_strs(in, arena, meta.n, 2);

	if (in->bad || meta.n == 0)
		return (struct str_map){ .n = 0 };
	meta.keys = ARENA_ARRAY(arena, const char *, meta.n);
	meta.values = ARENA_ARRAY(arena, const char *, meta.n);
	if (meta.keys == NULL || meta.values == NULL) {
		in->bad = true;
		return (struct str_map){ .n = 0 };
	}
	for (size_t i = 0; i < meta.n; i++) {
		meta.keys[i] = pairs[2 * i];
		meta.values[i] = pairs[2 * i + 1];
	}
	return meta;
}

static void
unpack_accessor(
	struct unpack *in, struct arena *arena, char out[ROWID_TEXT_MAX])
{
	const char *text = unpack_str(in, arena);
	size_t len = strlen(text);

	if (len >= ROWID_TEXT_MAX)
		in->bad = true;
	else
		memcpy(out, text, len + 1);
}

int
token_decode(const struct lease *lease, struct arena *arena,
	struct token *ret_token, struct err *err)
{
	struct unpack in = unpack_of(lease->data);
	struct token token = { .lease = *lease, .role = "", .proof = "" };
	const uint8_t version = unpack_u8(&in);
	int rc;

	if (version == 0 || version > TOKEN_VERSION)
		in.bad = true;
	token.no_default_policy =
		(unpack_u8(&in) & FLAG_NO_DEFAULT_POLICY) != 0;
	token.num_uses = unpack_i64(&in);
	token.period_s = unpack_i64(&in);
	token.explicit_max_s = unpack_i64(&in);
	token.creation_ttl_s = unpack_i64(&in);
	unpack_accessor(&in, arena, token.accessor);
	token.display_name = unpack_str(&in, arena);
	token.path = unpack_str(&in, arena);
	token.entity_id = unpack_str(&in, arena);
	token.policies = unpack_list(&in, arena);
	token.meta = unpack_meta(&in, arena);
	if (version >= 2) {
		token.role = unpack_str(&in, arena);
		token.bound_cidrs = unpack_list(&in, arena);
	}
	if (version >= 3)
		token.proof = unpack_str(&in, arena);
	token.orphan = lease->owner.row == 0;
	rc = unpack_end(&in, "a token record", err);
	if (rc == 0)
		*ret_token = token;
	return rc;
}

/* ---- one block ---------------------------------------------------------- */

/* Pointers first, then strings; with a NULL base it only counts. */
struct packer {
	const char **pointers;
	char *strings;
	size_t n_pointers, n_bytes;
};

static const char *
keep_str(struct packer *packer, const char *str)
{
	size_t len = str != NULL ? strlen(str) + 1 : 1;
	char *copy = NULL;

	if (packer->strings != NULL) {
		copy = packer->strings + packer->n_bytes;
		memcpy(copy, str != NULL ? str : "", len);
	}
	packer->n_bytes += len;
	return copy;
}

static const char **
keep_strs(struct packer *packer, const char *const *list, size_t n)
{
	const char **copy = NULL;

	if (packer->pointers != NULL)
		copy = packer->pointers + packer->n_pointers;
	packer->n_pointers += n;
	for (size_t i = 0; i < n; i++) {
		const char *str = keep_str(packer, list[i]);

		if (copy != NULL)
			copy[i] = str;
	}
	return copy;
}

static void
keep_all(struct packer *packer, struct token *copy, const struct token *token)
{
	copy->display_name = keep_str(packer, token->display_name);
	copy->path = keep_str(packer, token->path);
	copy->entity_id = keep_str(packer, token->entity_id);
	copy->policies.items =
		keep_strs(packer, token->policies.items, token->policies.n);
	copy->meta.keys = keep_strs(packer, token->meta.keys, token->meta.n);
	copy->meta.values =
		keep_strs(packer, token->meta.values, token->meta.n);
	copy->role = keep_str(packer, token->role);
	copy->bound_cidrs.items = keep_strs(
		packer, token->bound_cidrs.items, token->bound_cidrs.n);
	copy->proof = keep_str(packer, token->proof);
}

/* The block's size stands before the token, for wiping. */
struct token_block {
	size_t size;
	struct token token;
	const char *pointers[];
};

struct token *
token_dup(const struct token *token, size_t *ret_size)
{
	struct packer packer = { .pointers = NULL };
	struct token ignored = *token;
	struct token_block *block;
	size_t size;

	keep_all(&packer, &ignored, token);
	size = sizeof(*block) + packer.n_pointers * sizeof(const char *) +
		packer.n_bytes;
	block = malloc(size);
	if (block == NULL)
		return NULL;
	block->size = size;
	block->token = *token;
	block->token.lease.data = SPAN_NONE;
	packer = (struct packer){
		.pointers = block->pointers,
		.strings = (char *)(block->pointers + packer.n_pointers),
	};
	keep_all(&packer, &block->token, token);
	*ret_size = size;
	return &block->token;
}

void
token_free(void *token)
{
	struct token_block *block;

	if (token == NULL)
		return;
	block = (struct token_block *)(void *)((char *)token -
		offsetof(struct token_block, token));
	secret_wipe(block, block->size);
	free(block);
}
