/* The keeper through its calls, and its messages by hand. */
#include "server/keeper/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/keeper/ipc.h"
#include "server/keeper/keeper_op.h"

#define KEYRING "the keyring's bytes"

struct fixture {
	struct keeper *keeper;
	struct arena *arena;
	struct keeper_share shares[KEEPER_SHARES_MAX];
	struct keeper_blobs blobs;
	struct keeper_progress progress;
	struct err err;
};

static int
setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	fixture.arena = arena_new(1 << 20);
	*state = &fixture;
	return keeper_new(&fixture.keeper, &fixture.err);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	keeper_free(&f->keeper);
	arena_free(&f->arena);
	return 0;
}

static struct secret_view
keyring(void)
{
	return secret_view_of(KEYRING, strlen(KEYRING));
}

static int
init(struct fixture *f, unsigned n, unsigned t)
{
	err_clear(&f->err);
	return keeper_init(f->keeper, n, t, keyring(), f->arena, f->shares,
		&f->blobs, &f->err);
}

static int
give_bytes(struct fixture *f, unsigned t, const void *bytes, size_t len)
{
	err_clear(&f->err);
	return keeper_unseal(f->keeper, t, secret_view_of(bytes, len),
		&f->blobs, f->arena, &f->progress, &f->err);
}

static int
give(struct fixture *f, unsigned t, unsigned i)
{
	return give_bytes(f, t, f->shares[i].bytes, f->shares[i].len);
}

static unsigned
progress_now(struct fixture *f)
{
	struct keeper_progress progress;

	assert_int_equal(keeper_unseal_progress(f->keeper, &progress, NULL), 0);
	assert_false(progress.opened);
	assert_int_equal(progress.progress == 0, progress.nonce[0] == '\0');
	return progress.progress;
}

static void
assert_opened(const struct fixture *f)
{
	assert_true(f->progress.opened);
	assert_int_equal(f->progress.progress, 0);
	assert_string_equal(f->progress.nonce, "");
	assert_true(span_equal(f->progress.keyring, span_str(KEYRING)));
}

static void
any_three_of_five_shares_open_the_keyring(void **state)
{
	struct fixture *f = *state;
	char nonce[37];

	assert_int_equal(init(f, 5, 3), 0);
	assert_int_equal(f->shares[0].len, 33);
	assert_int_equal(give(f, 3, 4), 0);
	assert_int_equal(f->progress.progress, 1);
	assert_int_equal(strlen(f->progress.nonce), 36);
	memcpy(nonce, f->progress.nonce, sizeof(nonce));
	assert_int_equal(give(f, 3, 1), 0);
	assert_int_equal(f->progress.progress, 2);
	assert_string_equal(f->progress.nonce, nonce);
	assert_false(f->progress.opened);
	assert_int_equal(give(f, 3, 2), 0);
	assert_opened(f);
	assert_int_equal(progress_now(f), 0);
}

static void
one_share_is_the_key_itself(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(init(f, 1, 1), 0);
	assert_int_equal(f->shares[0].len, 32);
	assert_int_equal(give(f, 1, 0), 0);
	assert_opened(f);
}

static void
init_uses_the_peers_texts(void **state)
{
	static const struct {
		unsigned n, t;
		const char *text;
	} cases[] = {
		{ 0, 0, "shares must be at least one" },
		{ 1, 0, "threshold must be at least one" },
		{ 2, 1, "threshold must be greater than one for multiple shares" },
		{ 256, 2, "shares must be less than 256" },
		{ 2, 3, "threshold cannot be larger than shares" },
	};
	struct fixture *f = *state;
	char text[128];
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(init(f, cases[i].n, cases[i].t), ERR_INPUT);
		(void)snprintf(text, sizeof(text),
			"invalid seal configuration: %s", cases[i].text);
		assert_string_equal(f->err.message, text);
		assert_int_equal(f->err.status, 400);
	}
}

static void
init_leaves_the_keeper_closed(void **state)
{
	struct fixture *f = *state;
	struct span blob;

	assert_int_equal(init(f, 1, 1), 0);
	assert_int_equal(keeper_wrap_keyring(f->keeper, keyring(), f->arena,
				 &blob, &f->err),
		ERR_SEALED);
	assert_int_equal(f->err.status, 503);
}

static void
the_same_share_twice_makes_no_progress(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(init(f, 3, 2), 0);
	assert_int_equal(give(f, 2, 0), 0);
	assert_int_equal(give(f, 2, 0), 0);
	assert_int_equal(f->progress.progress, 1);
	assert_int_equal(give(f, 2, 1), 0);
	assert_opened(f);
}

static void
wrong_shares_end_the_round_and_the_next_has_a_new_nonce(void **state)
{
	struct fixture *f = *state;
	char nonce[37];
	uint8_t wrong[33];

	assert_int_equal(init(f, 3, 2), 0);
	assert_int_equal(give(f, 2, 0), 0);
	memcpy(nonce, f->progress.nonce, sizeof(nonce));
	memcpy(wrong, f->shares[1].bytes, sizeof(wrong));
	wrong[7] ^= 1;
	assert_int_equal(give_bytes(f, 2, wrong, 33), ERR_INPUT);
	assert_int_equal(f->err.status, 400);
	assert_string_equal(f->err.message, "Unseal failed, invalid key");
	assert_int_equal(progress_now(f), 0);
	assert_int_equal(give(f, 2, 0), 0);
	assert_string_not_equal(f->progress.nonce, nonce);
	assert_int_equal(give(f, 2, 2), 0);
	assert_opened(f);
}

static void
another_share_with_the_same_index_ends_the_round(void **state)
{
	struct fixture *f = *state;
	uint8_t twin[33];

	assert_int_equal(init(f, 3, 2), 0);
	memcpy(twin, f->shares[0].bytes, sizeof(twin));
	twin[0] ^= 1;
	assert_int_equal(give(f, 2, 0), 0);
	assert_int_equal(give_bytes(f, 2, twin, 33), ERR_INPUT);
	assert_string_equal(f->err.message, "Unseal failed, invalid key");
	assert_int_equal(progress_now(f), 0);
}

static void
what_can_be_no_share_is_refused_and_the_round_goes_on(void **state)
{
	struct fixture *f = *state;
	uint8_t zero[64] = { 0 };
	size_t len;

	assert_int_equal(init(f, 3, 2), 0);
	assert_int_equal(give(f, 2, 0), 0);
	for (len = 0; len <= sizeof(zero); len++)
		assert_int_equal(give_bytes(f, 2, zero, len), ERR_INPUT);
	assert_int_equal(progress_now(f), 1);
	assert_int_equal(give(f, 2, 1), 0);
	assert_opened(f);
}

static void
reset_drops_the_round(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(init(f, 3, 2), 0);
	assert_int_equal(give(f, 2, 0), 0);
	assert_int_equal(keeper_unseal_reset(f->keeper, NULL), 0);
	assert_int_equal(progress_now(f), 0);
	assert_int_equal(give(f, 2, 1), 0);
	assert_int_equal(f->progress.progress, 1);
}

static void
a_changed_keyring_opens_after_sealing(void **state)
{
	struct fixture *f = *state;
	struct secret_view changed = secret_view_of("changed", 7);

	assert_int_equal(init(f, 1, 1), 0);
	assert_int_equal(give(f, 1, 0), 0);
	assert_int_equal(keeper_wrap_keyring(f->keeper, changed, f->arena,
				 &f->blobs.keyring, NULL),
		0);
	assert_int_equal(keeper_seal(f->keeper, NULL), 0);
	assert_int_equal(keeper_wrap_keyring(f->keeper, changed, f->arena,
				 &f->blobs.keyring, NULL),
		ERR_SEALED);
	assert_int_equal(give(f, 1, 0), 0);
	assert_true(span_equal(f->progress.keyring, span_str("changed")));
}

static void
the_unseal_file_opens_what_it_made(void **state)
{
	struct fixture *f = *state;
	uint8_t key[32];

	memset(key, 7, sizeof(key));
	assert_int_equal(keeper_init_file(f->keeper, secret_view_of(key, 32),
				 keyring(), f->arena, &f->blobs, NULL),
		0);
	assert_int_equal(keeper_unseal_file(f->keeper, secret_view_of(key, 32),
				 &f->blobs, f->arena, &f->progress, NULL),
		0);
	assert_opened(f);
	key[31] ^= 1;
	assert_int_equal(keeper_unseal_file(f->keeper, secret_view_of(key, 32),
				 &f->blobs, f->arena, &f->progress, &f->err),
		ERR_INPUT);
	assert_string_equal(f->err.message, "Unseal failed, invalid key");
}

/* Each bit of each blob: never opened, never a wrong keyring. */
static void
no_flipped_bit_of_a_blob_is_taken(void **state)
{
	struct fixture *f = *state;
	struct span *blobs[] = { &f->blobs.root, &f->blobs.keyring };
	size_t b, i;

	assert_int_equal(init(f, 1, 1), 0);
	for (b = 0; b < ARRAY_LEN(blobs); b++) {
		struct span good = *blobs[b];

		for (i = 0; i < good.len * 8; i++) {
			struct span copy = arena_dup(f->arena, good);
			uint8_t *bytes = NULL;

			memcpy(&bytes, &copy.data, sizeof(bytes));
			bytes[i / 8] ^= (uint8_t)(1U << (i % 8));
			*blobs[b] = copy;
			assert_int_not_equal(give(f, 1, 0), 0);
		}
		*blobs[b] = good;
	}
	assert_int_equal(give(f, 1, 0), 0);
}

static void
a_blob_of_one_kind_does_not_pass_for_the_other(void **state)
{
	struct fixture *f = *state;
	struct span root;
	uint8_t key[32] = { 1 };

	/* A keyring of 32 bytes, so that the lengths agree. */
	assert_int_equal(
		keeper_init_file(f->keeper, secret_view_of(key, 32),
			secret_view_of(key, 32), f->arena, &f->blobs, NULL),
		0);
	root = f->blobs.root;
	f->blobs.root = f->blobs.keyring;
	assert_int_not_equal(
		keeper_unseal_file(f->keeper, secret_view_of(key, 32),
			&f->blobs, f->arena, &f->progress, NULL),
		0);
	f->blobs.keyring = f->blobs.root = root;
	assert_int_not_equal(
		keeper_unseal_file(f->keeper, secret_view_of(key, 32),
			&f->blobs, f->arena, &f->progress, NULL),
		0);
}

/* The code byte of the answer to a message given as bytes. */
static int
code_of(struct fixture *f, struct span message)
{
	struct buf out;
	int code;

	buf_init(&out, KEEPER_MESSAGE_MAX);
	assert_int_equal(keeper_call(f->keeper, message, &out, NULL), 0);
	assert_true(out.len > 0);
	code = -(int)out.data[0];
	buf_clear(&out);
	return code;
}

static void
messages_cut_anywhere_are_refused(void **state)
{
	struct fixture *f = *state;
	struct buf message;
	size_t len;

	buf_init(&message, KEEPER_MESSAGE_MAX);
	buf_add_char(&message, KEEPER_INIT);
	ipc_add_u32(&message, 3);
	ipc_add_u32(&message, 2);
	ipc_add_field(&message, span_str(KEYRING));
	assert_int_equal(code_of(f, buf_span(&message)), 0);
	for (len = 0; len < message.len; len++)
		assert_int_equal(
			code_of(f, span_of(message.data, len)), ERR_PEER);
	buf_add_char(&message, 0);
	assert_int_equal(code_of(f, buf_span(&message)), ERR_PEER);
	buf_clear(&message);
}

static void
unknown_ops_and_overlong_fields_are_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t lie[] = { KEEPER_WRAP, 0xff, 0xff, 0xff, 0xff, 1 };
	unsigned op;

	for (op = 0; op < 256; op++) {
		uint8_t byte = (uint8_t)op;
		bool empty_is_fine = op == KEEPER_RESET ||
			op == KEEPER_PROGRESS || op == KEEPER_SEAL ||
			op == KEEPER_PING || op == KEEPER_TALLY;

		assert_int_equal(code_of(f, span_of(&byte, 1)),
			empty_is_fine ? 0 : ERR_PEER);
	}
	assert_int_equal(code_of(f, span_of(lie, sizeof(lie))), ERR_PEER);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_three_of_five_shares_open_the_keyring),
		TEST(one_share_is_the_key_itself),
		TEST(init_uses_the_peers_texts),
		TEST(init_leaves_the_keeper_closed),
		TEST(the_same_share_twice_makes_no_progress),
		TEST(wrong_shares_end_the_round_and_the_next_has_a_new_nonce),
		TEST(another_share_with_the_same_index_ends_the_round),
		TEST(what_can_be_no_share_is_refused_and_the_round_goes_on),
		TEST(reset_drops_the_round),
		TEST(a_changed_keyring_opens_after_sealing),
		TEST(the_unseal_file_opens_what_it_made),
		TEST(no_flipped_bit_of_a_blob_is_taken),
		TEST(a_blob_of_one_kind_does_not_pass_for_the_other),
		TEST(messages_cut_anywhere_are_refused),
		TEST(unknown_ops_and_overlong_fields_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
