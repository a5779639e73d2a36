/* Damage is found, named and alone; the newest rows are found among all. */
#include "storage/scrub.h"

#include <stdio.h>
#include <string.h>

#include "storage/lease_row.h"
#include "tests/unit/storage/rows.h"

#define LIFE_S 3600
#define MANY 5200 /* more than the numbers of one block */

struct found {
	size_t n;
	char last[400];
};

static void
note(void *ctx, const char *record)
{
	struct found *found = ctx;

	found->n++;
	(void)snprintf(found->last, sizeof(found->last), "%s", record);
}

static struct scrub
pass(struct rows *rows, struct found *found)
{
	struct scrub scrub = { 0 };

	*found = (struct found){ 0 };
	while (!scrub.done)
		assert_int_equal(scrub_step(rows->store, &scrub, note, found,
					 rows_err(rows)),
			0);
	assert_int_equal(found->n, scrub.n_damaged);
	return scrub;
}

static void
damage_row(struct rows *rows, struct rowref ref)
{
	struct row_key key = row_key(ref);

	assert_int_equal(0,
		rows_put_raw(rows, row_key_span(&key), span_str("\1nonsense")));
}

static void
a_whole_store_has_no_damage(void **state)
{
	struct rows *rows = *state;
	struct found found;

	assert_true(pass(rows, &found).done);
	(void)rows_add_token(rows, (struct rowref){ 0 }, LIFE_S);
	(void)rows_add_otp(rows, "creds/web", (struct rowref){ 0 }, LIFE_S);
	assert_int_equal(
		pass(rows, &found).n_records, rows_count_keys(rows, "") - 2);
	assert_int_equal(found.n, 0);
	assert_int_equal(scrub_newest(rows->store, 1000, rows_err(rows)), 0);
}

static void
a_damaged_row_is_found_and_named(void **state)
{
	struct rows *rows = *state;
	struct rowref otp =
		rows_add_otp(rows, "creds/web", (struct rowref){ 0 }, LIFE_S);
	struct found found;
	char text[100];

	damage_row(rows, otp);
	(void)pass(rows, &found);
	assert_int_equal(found.n, 1);
	(void)snprintf(text, sizeof(text), "lease row %llu of creds/web",
		(unsigned long long)otp.row);
	assert_non_null(strstr(found.last, text));
}

static void
a_row_under_the_wrong_key_is_damage(void **state)
{
	struct rows *rows = *state;
	struct found found;
	const uint8_t key[] = "row/\0\0\0\1\0\0";

	(void)rows_add_otp(rows, "creds/web", (struct rowref){ 0 }, LIFE_S);
	assert_int_equal(0,
		rows_put_raw(
			rows, span_of(key, sizeof(key) - 1), span_str("\1")));
	(void)pass(rows, &found);
	assert_int_equal(found.n, 1);
}

static void
a_configuration_without_damage_passes_whatever_the_rows_are(void **state)
{
	struct rows *rows = *state;
	struct rowref token =
		rows_add_token(rows, (struct rowref){ 0 }, LIFE_S);

	for (int i = 0; i < 1100; i++)
		damage_row(
			rows, rows_add_otp(rows, "creds/web", token, LIFE_S));
	assert_int_equal(scrub_configuration(rows->store, rows_err(rows)), 0);
}

static void
many_steps_miss_nothing(void **state)
{
	struct rows *rows = *state;
	struct rowref refs[3] = { 0 };
	struct found found;

	for (int i = 0; i < 1700; i++) {
		struct rowref ref = rows_add_otp(
			rows, "creds/web", (struct rowref){ 0 }, LIFE_S);

		if (i % 700 == 100)
			refs[i / 700] = ref;
	}
	for (size_t i = 0; i < ARRAY_LEN(refs); i++)
		damage_row(rows, refs[i]);
	assert_true(pass(rows, &found).n_records >= 1700);
	assert_int_equal(found.n, 3);
}

static void
the_newest_rows_are_looked_at_wherever_they_lie(void **state)
{
	struct rows *rows = *state;
	struct rowref old = { 0 }, middle = { 0 };

	for (int i = 0; i < MANY; i++) {
		struct rowref ref = rows_add_otp(rows,
			i % 2 == 0 ? "creds/web" : "creds/db",
			(struct rowref){ 0 }, LIFE_S);

		if (i == 0)
			old = ref;
		if (i == MANY - 900)
			middle = ref;
	}
	damage_row(rows, old);
	assert_int_equal(scrub_newest(rows->store, 1000, rows_err(rows)), 0);
	assert_int_equal(
		scrub_newest(rows->store, MANY, rows_err(rows)), ERR_CRYPTO);
	damage_row(rows, middle);
	assert_int_equal(
		scrub_newest(rows->store, 1000, rows_err(rows)), ERR_CRYPTO);
	assert_non_null(strstr(rows->err.detail, "lease row"));
}

/* Rows may be large: a token's policies and metadata are. */
static void
the_newest_rows_may_all_be_large(void **state)
{
	struct rows *rows = *state;

	rows_add_large(rows, 400, LIFE_S);
	assert_int_equal(scrub_newest(rows->store, 1000, rows_err(rows)), 0);
}

int
main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, rows_setup, rows_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_whole_store_has_no_damage),
		TEST(a_damaged_row_is_found_and_named),
		TEST(a_row_under_the_wrong_key_is_damage),
		TEST(a_configuration_without_damage_passes_whatever_the_rows_are),
		TEST(many_steps_miss_nothing),
		TEST(the_newest_rows_are_looked_at_wherever_they_lie),
		TEST(the_newest_rows_may_all_be_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
