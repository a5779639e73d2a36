/* Tokens: drawn, found, refused, used up, chosen ids. */
#include <pthread.h>
#include <string.h>

#include "storage/lease_row.h"
#include "storage/token_record.h"
#include "tests/unit/storage/rows.h"

#define N_RACERS 64

static const struct rowref no_owner = { 0, 0 };

/* The row that a text finds, 0 where it finds none. */
static uint64_t
find_in(struct rows *rows, const char *mount, const char *text, size_t len)
{
	struct compiled *ref = NULL;
	const struct token *token = NULL;
	uint64_t row = 0;
	int rc = token_find(rows->store, rows->barrier, mount,
		secret_view_of(text, len), rows->arena, &ref, &token,
		rows_err(rows));

	if (rc == 0)
		row = token->lease.ref.row;
	else
		assert_int_equal(rc, ERR_ABSENT);
	compiled_unref(&ref);
	return row;
}

static uint64_t
find(struct rows *rows, const char *text)
{
	return find_in(rows, MOUNT_TOKENS, text, strlen(text));
}

static uint64_t
find_accessor(struct rows *rows, const char *accessor)
{
	struct compiled *ref = NULL;
	const struct token *token = NULL;
	uint64_t row = 0;

	if (token_find_accessor(rows->store, rows->barrier, MOUNT_TOKENS,
		    span_str(accessor), &ref, &token, rows_err(rows)) == 0)
		row = token->lease.ref.row;
	compiled_unref(&ref);
	return row;
}

static void
a_token_is_found_with_all_that_it_says(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft;
	struct compiled *ref = NULL;
	const struct token *token = NULL;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 7, "", &draft), 0);
	assert_int_equal(strncmp(draft.text, "hvs.", 4), 0);
	assert_int_equal(strlen(draft.text), 28);
	assert_int_equal(strlen(draft.accessor), 24);
	assert_int_equal(token_find(rows->store, rows->barrier, MOUNT_TOKENS,
				 secret_view_of(draft.text, strlen(draft.text)),
				 rows->arena, &ref, &token, NULL),
		0);
	assert_true(token->lease.ref.row == draft.ref.row);
	assert_string_equal(token->accessor, draft.accessor);
	assert_int_equal(token->policies.n, 2);
	assert_string_equal(token->policies.items[0], "default");
	assert_string_equal(token->policies.items[1], "web");
	assert_string_equal(token->display_name, "token-ci");
	assert_string_equal(token->path, "auth/token/create");
	assert_string_equal(token->entity_id, "");
	assert_int_equal(token->meta.n, 1);
	assert_string_equal(token->meta.keys[0], "team");
	assert_string_equal(token->meta.values[0], "blue");
	assert_int_equal(token->num_uses, 7);
	assert_int_equal(token->creation_ttl_s, 3600);
	assert_true(token->orphan);
	assert_true(token->lease.renewable);
	compiled_unref(&ref);
}

static void
no_text_of_a_token_is_stored(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft;
	struct lease lease;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "my-id", &draft), 0);
	assert_int_equal(rows_get(rows, draft.ref, &lease), 0);
	assert_null(memmem(lease.data.data, lease.data.len, draft.text, 5));
	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "", &draft), 0);
	assert_int_equal(rows_get(rows, draft.ref, &lease), 0);
	assert_null(
		memmem(lease.data.data, lease.data.len, draft.text + 4, 24));
}

static void
an_accessor_finds_and_is_printed_again(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft;
	char again[ROWID_TEXT_MAX];
	struct lease lease;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "", &draft), 0);
	assert_true(find_accessor(rows, draft.accessor) == draft.ref.row);
	assert_true(find_accessor(rows, draft.text + 4) == 0);
	assert_true(find(rows, draft.accessor) == 0);
	assert_int_equal(rows_get(rows, draft.ref, &lease), 0);
	assert_int_equal(
		rowid_format(rows->barrier, ROWID_ACCESSOR, MOUNT_TOKENS,
			lease.ref, lease.salt, again, NULL),
		0);
	assert_string_equal(again, draft.accessor);
}

static void
no_changed_character_finds_a_token(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft, chosen;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "", &draft), 0);
	assert_int_equal(rows_insert_token(
				 rows, no_owner, 3600, 0, "chosen-id", &chosen),
		0);
	for (size_t at = 0; draft.text[at] != '\0'; at++) {
		char good = draft.text[at];

		for (int c = 0; c < 256; c++) {
			draft.text[at] = (char)c;
			assert_int_equal(find_in(rows, MOUNT_TOKENS, draft.text,
						 28) != 0,
				(char)c == good);
		}
		draft.text[at] = good;
	}
	assert_true(find(rows, "chosen-iD") == 0);
	assert_true(find(rows, "chosen-id ") == 0);
	assert_true(find(rows, "") == 0);
	assert_true(find(rows, "hvs.") == 0);
	assert_true(find_in(rows, MOUNT_TOKENS, draft.text, 27) == 0);
	assert_true(find_in(rows, MOUNT_TOKENS, draft.text, 29) == 0);
}

static void
a_token_of_another_mount_or_keyring_is_unknown(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "", &draft), 0);
	assert_true(find_in(rows, MOUNT, draft.text, 28) == 0);
	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "chosen-id", &draft),
		0);
	assert_true(find_in(rows, MOUNT, "chosen-id", 9) == 0);
}

/* A name may be right in form and row, and still not be the token's. */
static void
another_salt_does_not_find_the_token(void **state)
{
	const uint8_t salt[ROWID_SALT] = { 9 };
	struct rows *rows = *state;
	struct token_draft draft;
	char text[4 + ROWID_TEXT_MAX] = "hvs.";

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "", &draft), 0);
	assert_int_equal(rowid_format(rows->barrier, ROWID_TOKEN, MOUNT_TOKENS,
				 draft.ref, salt, text + 4, NULL),
		0);
	assert_true(find(rows, text) == 0);
	assert_int_equal(rowid_format(rows->barrier, ROWID_ACCESSOR,
				 MOUNT_TOKENS, draft.ref, salt, text, NULL),
		0);
	assert_true(find_accessor(rows, text) == 0);
}

static void
a_lease_of_another_kind_is_no_token(void **state)
{
	struct rows *rows = *state;
	struct rowref otp = rows_add_otp(rows, "creds/web", no_owner, 600);
	struct compiled *ref = NULL;
	const struct token *token;

	assert_int_equal(token_find_row(rows->store, otp, &ref, &token, NULL),
		ERR_ABSENT);
	assert_null(ref);
}

/* ---- the end of a token ------------------------------------------------- */

static void
a_cached_token_dies_at_its_time(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 60, 0, "", &draft), 0);
	rows_wait(rows, 59);
	assert_true(find(rows, draft.text) != 0);
	rows_wait(rows, 1);
	assert_true(find(rows, draft.text) == 0);
	assert_true(find_accessor(rows, draft.accessor) == 0);
}

static void
a_cached_token_dies_with_its_revoke(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "", &draft), 0);
	assert_true(find(rows, draft.text) != 0);
	assert_int_equal(lease_revoke_tree(rows->store, draft.ref, NULL), 0);
	assert_true(find(rows, draft.text) == 0);
}

struct marking {
	struct rows *rows;
	struct rowref ref;
};

static int
mark_revoking(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct marking *marking = ctx;
	struct token old, token;
	int rc = token_get(tx, marking->ref, marking->rows->arena, &old, err);

	token = old;
	token.lease.state = LEASE_REVOKING;
	return rc != 0 ? rc : token_update(tx, &old, &token, err);
}

static void
a_token_being_revoked_is_dead(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft;
	struct marking marking = { .rows = rows };

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "", &draft), 0);
	marking.ref = draft.ref;
	assert_true(find(rows, draft.text) != 0);
	assert_int_equal(
		store_write(rows->store, mark_revoking, &marking, NULL), 0);
	assert_true(find(rows, draft.text) == 0);
	assert_int_equal(store_write(rows->store, mark_revoking, &marking,
				 rows_err(rows)),
		ERR_ABSENT);
}

struct inserting {
	struct token_draft draft;
	struct token token;
};

static int
insert(struct store_tx *tx, void *ctx, struct err *err)
{
	struct inserting *inserting = ctx;

	return token_insert(tx, &inserting->draft, &inserting->token, err);
}

static void
only_root_has_no_end(void **state)
{
	struct rows *rows = *state;
	const char *root[] = { "root", "web" }, *web[] = { "web" };
	struct inserting inserting = { .token = { .policies = { web, 1 },
					       .display_name = "",
					       .path = "",
					       .entity_id = "",
					       .role = "" } };

	assert_int_equal(token_draft(rows->store, rows->barrier,
				 &(struct token_place){ MOUNT_TOKENS,
					 MOUNT_TOKENS, "auth/token/root" },
				 SPAN_NONE, &inserting.draft, NULL),
		0);
	assert_int_equal(
		store_write(rows->store, insert, &inserting, rows_err(rows)),
		ERR_INTERNAL);
	inserting.token.policies = (struct str_list){ root, 2 };
	assert_int_equal(
		store_write(rows->store, insert, &inserting, rows_err(rows)),
		ERR_INTERNAL);
	inserting.token.policies.n = 1;
	assert_int_equal(
		store_write(rows->store, insert, &inserting, rows_err(rows)),
		0);
	assert_int_equal(rows_count_due(rows), 0);
	rows_wait(rows, INT64_C(1000000000));
	assert_true(find(rows, inserting.draft.text) != 0);
	assert_int_equal(
		lease_revoke_tree(rows->store, inserting.draft.ref, NULL), 0);
	assert_true(find(rows, inserting.draft.text) == 0);
}

/* ---- uses --------------------------------------------------------------- */

struct spending {
	struct rows *rows;
	struct rowref ref;
	struct arena *arena;
	bool last;
	int rc;
};

static int
spend(struct store_tx *tx, void *ctx, struct err *err)
{
	struct spending *spending = ctx;

	return token_spend_use(
		tx, spending->ref, spending->arena, &spending->last, err);
}

static void *
race(void *ctx)
{
	struct spending *spending = ctx;

	spending->arena = arena_new(4 * ARENA_CHUNK);
	spending->rc =
		store_write(spending->rows->store, spend, spending, NULL);
	arena_free(&spending->arena);
	return NULL;
}

static void
uses_are_counted_among_racers(void **state)
{
	struct rows *rows = *state;
	struct spending racers[N_RACERS];
	pthread_t threads[N_RACERS];
	struct token_draft draft;
	int spent = 0, last = 0;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 10, "", &draft), 0);
	for (size_t i = 0; i < N_RACERS; i++) {
		racers[i] =
			(struct spending){ rows, draft.ref, NULL, false, 1 };
		assert_int_equal(
			pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < N_RACERS; i++) {
		pthread_join(threads[i], NULL);
		assert_true(racers[i].rc == 0 || racers[i].rc == ERR_DENIED);
		spent += racers[i].rc == 0;
		last += racers[i].rc == 0 && racers[i].last;
	}
	assert_int_equal(spent, 10);
	assert_int_equal(last, 1);
	assert_int_equal(rows_state(rows, draft.ref), LEASE_REVOKING);
	assert_true(find(rows, draft.text) == 0);
}

static void
a_token_without_a_limit_is_not_used_up(void **state)
{
	struct rows *rows = *state;
	struct spending spending = { .rows = rows, .arena = rows->arena };

	spending.ref = rows_add_token(rows, no_owner, 3600);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_write(rows->store, spend, &spending,
					 rows_err(rows)),
			0);
	assert_false(spending.last);
	assert_int_equal(rows_state(rows, spending.ref), LEASE_LIVE);
	rows_wait(rows, 3600);
	assert_int_equal(
		store_write(rows->store, spend, &spending, rows_err(rows)),
		ERR_DENIED);
	assert_string_equal(rows->err.message, "permission denied");
	assert_int_equal(rows->err.status, 403);
}

static void
what_a_used_up_token_owns_goes_by_expiry(void **state)
{
	struct rows *rows = *state;
	struct spending spending = { .rows = rows, .arena = rows->arena };
	struct token_draft draft;
	int64_t next_s;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 1, "", &draft), 0);
	rows_add_otp(rows, "creds/web", draft.ref, 600);
	spending.ref = draft.ref;
	assert_int_equal(
		store_write(rows->store, spend, &spending, rows_err(rows)), 0);
	assert_true(spending.last);
	assert_int_equal(rows_expire_all(rows, 10, &next_s), 0);
	assert_int_equal(rows_count_keys(rows, "row/"), 0);
}

/* ---- chosen ids --------------------------------------------------------- */

static void
a_chosen_id_is_found_and_taken_only_once(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "root", &draft), 0);
	assert_string_equal(draft.text, "root");
	assert_true(find(rows, "root") == draft.ref.row);
	assert_true(find_accessor(rows, draft.accessor) == draft.ref.row);
	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "root", NULL),
		ERR_EXISTS);
	assert_string_equal(
		rows->err.message, "cannot create a token with a duplicate ID");
	assert_int_equal(rows->err.status, 400);
	assert_int_equal(rows_count_keys(rows, "row/"), 1);
}

static void
a_chosen_id_goes_with_its_token(void **state)
{
	struct rows *rows = *state;
	struct token_draft draft;

	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "my-id", &draft), 0);
	assert_int_equal(rows_count_keys(rows, "alias/"), 1);
	assert_true(find(rows, "my-id") != 0);
	assert_int_equal(lease_revoke_tree(rows->store, draft.ref, NULL), 0);
	assert_int_equal(rows_count_keys(rows, "alias/"), 0);
	assert_true(find(rows, "my-id") == 0);
	assert_int_equal(
		rows_insert_token(rows, no_owner, 3600, 0, "my-id", &draft), 0);
	assert_true(find(rows, "my-id") == draft.ref.row);
}

static void
chosen_ids_that_could_not_be_found_are_refused(void **state)
{
	struct rows *rows = *state;
	char id[200];

	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	assert_int_equal(
		rows_insert_token(rows, no_owner, 60, 0, id, NULL), ERR_INPUT);
	assert_int_equal(rows_insert_token(rows, no_owner, 60, 0,
				 "hvs.000000000000000000000000", NULL),
		ERR_INPUT);
	assert_int_equal(rows->err.status, 400);
	id[127] = '\0';
	assert_int_equal(rows_insert_token(rows, no_owner, 60, 0, id, NULL), 0);
	assert_true(find(rows, id) != 0);
}

/* ---- records ------------------------------------------------------------ */

static void
cut_records_are_refused(void **state)
{
	struct rows *rows = *state;
	struct rowref ref = rows_add_token(rows, no_owner, 60);
	struct lease lease;
	struct token token;
	struct span whole;

	assert_int_equal(rows_get(rows, ref, &lease), 0);
	whole = lease.data;
	assert_int_equal(token_decode(&lease, rows->arena, &token, NULL), 0);
	for (lease.data.len = 0; lease.data.len < whole.len; lease.data.len++)
		assert_int_equal(
			token_decode(&lease, rows->arena, &token, NULL),
			ERR_INTERNAL);
}

#define ROWS_TEST(test)                                                        \
	cmocka_unit_test_setup_teardown(test, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROWS_TEST(a_token_is_found_with_all_that_it_says),
		ROWS_TEST(no_text_of_a_token_is_stored),
		ROWS_TEST(an_accessor_finds_and_is_printed_again),
		ROWS_TEST(no_changed_character_finds_a_token),
		ROWS_TEST(a_token_of_another_mount_or_keyring_is_unknown),
		ROWS_TEST(another_salt_does_not_find_the_token),
		ROWS_TEST(a_lease_of_another_kind_is_no_token),
		ROWS_TEST(a_cached_token_dies_at_its_time),
		ROWS_TEST(a_cached_token_dies_with_its_revoke),
		ROWS_TEST(a_token_being_revoked_is_dead),
		ROWS_TEST(only_root_has_no_end),
		ROWS_TEST(uses_are_counted_among_racers),
		ROWS_TEST(a_token_without_a_limit_is_not_used_up),
		ROWS_TEST(what_a_used_up_token_owns_goes_by_expiry),
		ROWS_TEST(a_chosen_id_is_found_and_taken_only_once),
		ROWS_TEST(a_chosen_id_goes_with_its_token),
		ROWS_TEST(chosen_ids_that_could_not_be_found_are_refused),
		ROWS_TEST(cut_records_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
