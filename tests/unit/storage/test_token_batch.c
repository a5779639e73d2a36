/* Batch tokens: all in a text that nobody can make, change or move. */
#include <stdlib.h>
#include <string.h>

#include "storage/token_batch.h"
#include "tests/unit/storage/rows.h"

#define TTL_S 60

static const struct rowref nobody = { 0, 0 };

static int
seal(struct rows *rows, const char *mount, struct rowref owner,
	const char *name, const char **ret_text)
{
	const char *policies[] = { "default", "web" };
	const char *keys[] = { "team" }, *values[] = { "blue" };
	const int64_t now_s = rows_now_s(rows);
	const struct token token = {
		.lease = { .issue_ns = now_s * CLOCK_NS_PER_S,
			.expire_s = now_s + TTL_S,
			.ttl_s = TTL_S,
			.owner = owner },
		.policies = { policies, 2 },
		.display_name = name,
		.path = "auth/token/create",
		.meta = { keys, values, 1 },
		.entity_id = "entity",
		.role = "role",
		.creation_ttl_s = TTL_S,
		.batch = true,
	};

	return token_batch_seal(rows->barrier, mount, &token, rows->arena,
		ret_text, rows_err(rows));
}

static int
open_in(struct rows *rows, const char *mount, const char *text,
	const struct token **ret_token)
{
	return token_batch_open(rows->store, rows->barrier, mount,
		secret_view_of(text, strlen(text)), rows->arena, ret_token,
		rows_err(rows));
}

static bool
opens(struct rows *rows, const char *text)
{
	const struct token *token = NULL;
	int rc = open_in(rows, MOUNT_TOKENS, text, &token);

	assert_true(rc == 0 || rc == ERR_ABSENT);
	return rc == 0;
}

static void
it_says_all_that_it_was_made_with(void **state)
{
	struct rows *rows = *state;
	const struct token *token = NULL;
	const char *text = NULL;

	assert_int_equal(seal(rows, MOUNT_TOKENS, nobody, "ci", &text), 0);
	assert_true(token_is_batch_text(secret_view_of(text, strlen(text))));
	assert_null(strstr(text, "web"));
	assert_int_equal(open_in(rows, MOUNT_TOKENS, text, &token), 0);
	assert_true(token->batch);
	assert_string_equal(token_type_name(token), "batch");
	assert_int_equal(token->policies.n, 2);
	assert_string_equal(token->policies.items[1], "web");
	assert_string_equal(token->display_name, "ci");
	assert_string_equal(token->entity_id, "entity");
	assert_string_equal(token->meta.values[0], "blue");
	assert_int_equal(token->creation_ttl_s, TTL_S);
	assert_true(token->lease.expire_s == rows_now_s(rows) + TTL_S);
	assert_true(token->lease.ref.row == 0);
}

static void
it_leaves_nothing_in_the_store(void **state)
{
	struct rows *rows = *state;
	const size_t before = rows_count_keys(rows, "");
	const char *text = NULL;

	assert_int_equal(seal(rows, MOUNT_TOKENS, nobody, "ci", &text), 0);
	assert_true(opens(rows, text));
	assert_int_equal(rows_count_keys(rows, ""), before);
}

static void
no_changed_or_cut_text_opens(void **state)
{
	struct rows *rows = *state;
	const char *text = NULL;
	char *copy;

	assert_int_equal(seal(rows, MOUNT_TOKENS, nobody, "ci", &text), 0);
	copy = strdup(text);
	assert_non_null(copy);
	for (size_t i = sizeof(TOKEN_BATCH_PREFIX) - 1; text[i] != '\0'; i++) {
		copy[i] = text[i] == 'A' ? 'B' : 'A';
		assert_false(opens(rows, copy));
		copy[i] = '\0';
		assert_false(opens(rows, copy));
		copy[i] = text[i];
	}
	assert_true(opens(rows, copy));
	free(copy);
	assert_false(opens(rows, TOKEN_BATCH_PREFIX));
	assert_false(opens(rows, TOKEN_BATCH_PREFIX "not base64!"));
}

static void
it_is_good_in_its_own_token_store_alone(void **state)
{
	struct rows *rows = *state;
	const struct token *token = NULL;
	const char *text = NULL;

	assert_int_equal(seal(rows, MOUNT, nobody, "ci", &text), 0);
	assert_int_equal(open_in(rows, MOUNT_TOKENS, text, &token), ERR_ABSENT);
	assert_int_equal(open_in(rows, MOUNT, text, &token), 0);
}

static void
it_ends_with_its_time(void **state)
{
	struct rows *rows = *state;
	const char *text = NULL;

	assert_int_equal(seal(rows, MOUNT_TOKENS, nobody, "ci", &text), 0);
	rows_wait(rows, TTL_S - 1);
	assert_true(opens(rows, text));
	rows_wait(rows, 1);
	assert_false(opens(rows, text));
}

static void
it_ends_with_its_parent(void **state)
{
	struct rows *rows = *state;
	const struct rowref parent = rows_add_token(rows, nobody, 3600);
	const char *child = NULL, *orphan = NULL;

	assert_int_equal(seal(rows, MOUNT_TOKENS, parent, "ci", &child), 0);
	assert_int_equal(seal(rows, MOUNT_TOKENS, nobody, "ci", &orphan), 0);
	assert_true(opens(rows, child));
	assert_int_equal(
		lease_revoke_tree(rows->store, parent, rows_err(rows)), 0);
	assert_false(opens(rows, child));
	assert_true(opens(rows, orphan));
}

static void
more_than_a_header_holds_is_refused(void **state)
{
	struct rows *rows = *state;
	char name[TOKEN_BATCH_TEXT_MAX + 1];
	const char *text = NULL;
	size_t longest = 0;

	memset(name, 'n', sizeof(name));
	for (size_t len = TOKEN_BATCH_TEXT_MAX; len > 0 && longest == 0;
		len -= 8) {
		int rc;

		name[len] = '\0';
		rc = seal(rows, MOUNT_TOKENS, nobody, name, &text);
		if (rc == 0) {
			longest = len;
			break;
		}
		assert_int_equal(rows->err.status, 400);
		assert_string_equal(rows->err.message,
			"the policies and metadata are too large for a batch token");
	}
	assert_true(longest > 1000);
	assert_true(strlen(text) <= TOKEN_BATCH_TEXT_MAX);
	assert_true(opens(rows, text));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rows_setup, rows_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_says_all_that_it_was_made_with),
		TEST(it_leaves_nothing_in_the_store),
		TEST(no_changed_or_cut_text_opens),
		TEST(it_is_good_in_its_own_token_store_alone),
		TEST(it_ends_with_its_time),
		TEST(it_ends_with_its_parent),
		TEST(more_than_a_header_holds_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
