/* Names of rows: their form, the way back, and what is refused. */
#include <string.h>

#include "storage/rowid.h"
#include "tests/unit/storage/rows.h"

static const enum rowid_kind kinds[] = { ROWID_LEASE, ROWID_OTP, ROWID_TOKEN,
	ROWID_ACCESSOR };
static const struct rowref ref = { 0x01020304, 0x0000a0b0c0d0e0f0 };
static const uint8_t salt[ROWID_SALT] = { 1, 2, 3, 4, 5, 6 };

static int
make_barrier(void **state)
{
	*state = barrier_new_keyring(1);
	return *state == NULL;
}

static int
free_barrier(void **state)
{
	struct barrier *barrier = *state;

	barrier_free(&barrier);
	return 0;
}

static void
format(const struct barrier *barrier, enum rowid_kind kind, char *out)
{
	assert_int_equal(
		rowid_format(barrier, kind, MOUNT, ref, salt, out, NULL), 0);
}

/* Whether text leads to the row that the tests use. */
static bool
leads_back(const struct barrier *barrier, enum rowid_kind kind,
	const char *mount, struct span text)
{
	struct rowref found = { 0, 0 };

	return rowid_parse(barrier, kind, mount, text, &found) == 0 &&
		found.path == ref.path && found.row == ref.row;
}

static void
a_name_leads_back_to_its_row(void **state)
{
	const struct rowref refs[] = { { 1, 1 }, ref,
		{ UINT32_MAX, (UINT64_C(1) << 48) - 1 } };
	char text[ROWID_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		for (size_t k = 0; k < ARRAY_LEN(refs); k++) {
			struct rowref found = { 0, 0 };

			assert_int_equal(rowid_format(*state, kinds[i], MOUNT,
						 refs[k], salt, text, NULL),
				0);
			assert_int_equal(rowid_parse(*state, kinds[i], MOUNT,
						 span_str(text), &found),
				0);
			assert_int_equal(found.path, refs[k].path);
			assert_true(found.row == refs[k].row);
		}
	}
}

static void
names_have_their_published_form(void **state)
{
	static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz";
	char text[ROWID_TEXT_MAX];

	format(*state, ROWID_OTP, text);
	assert_int_equal(strlen(text), 36);
	assert_int_equal(strspn(text, "0123456789abcdef-"), 36);
	for (size_t i = 0; i < 36; i++)
		assert_int_equal(text[i] == '-',
			i == 8 || i == 13 || i == 18 || i == 23);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (kinds[i] == ROWID_OTP)
			continue;
		format(*state, kinds[i], text);
		assert_int_equal(strlen(text), 24);
		assert_int_equal(strspn(text, base62), 24);
	}
}

static void
the_salt_changes_the_whole_name(void **state)
{
	const uint8_t other[ROWID_SALT] = { 1, 2, 3, 4, 5, 7 };
	char a[ROWID_TEXT_MAX], b[ROWID_TEXT_MAX];
	size_t same = 0;

	format(*state, ROWID_OTP, a);
	assert_int_equal(
		rowid_format(*state, ROWID_OTP, MOUNT, ref, other, b, NULL), 0);
	for (size_t i = 0; i < 36; i++)
		same += a[i] == b[i];
	assert_in_range(same, 4, 20);
	format(*state, ROWID_OTP, b);
	assert_string_equal(a, b);
}

static void
a_name_of_another_kind_or_mount_leads_elsewhere(void **state)
{
	char text[ROWID_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		format(*state, kinds[i], text);
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
			assert_int_equal(leads_back(*state, kinds[k], MOUNT,
						 span_str(text)),
				i == k);
		assert_false(
			leads_back(*state, kinds[i], MOUNT_2, span_str(text)));
	}
}

static void
no_changed_character_leads_back(void **state)
{
	char text[ROWID_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		format(*state, kinds[i], text);
		for (size_t at = 0; text[at] != '\0'; at++) {
			char good = text[at];

			for (int c = 1; c < 256; c++) {
				if ((char)c == good)
					continue;
				text[at] = (char)c;
				assert_false(leads_back(*state, kinds[i], MOUNT,
					span_str(text)));
			}
			text[at] = good;
		}
	}
}

static void
upper_case_is_no_one_time_password(void **state)
{
	char text[ROWID_TEXT_MAX];
	struct rowref found;
	size_t n = 0;

	format(*state, ROWID_OTP, text);
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] < 'a' || text[i] > 'f')
			continue;
		text[i] = (char)(text[i] - 'a' + 'A');
		n++;
	}
	if (n > 0)
		assert_int_equal(rowid_parse(*state, ROWID_OTP, MOUNT,
					 span_str(text), &found),
			ERR_ABSENT);
}

static struct barrier *
make_fixed_barrier(void)
{
	uint8_t keyring[1 + 2 * BARRIER_KEY + 24 + BARRIER_KEY] = { 1 };
	struct barrier *barrier = NULL;

	keyring[1 + 2 * BARRIER_KEY + 3] = 1; /* one term, */
	keyring[1 + 2 * BARRIER_KEY + 7] = 1; /* number one */
	assert_int_equal(
		barrier_from_keyring(secret_view_of(keyring, sizeof(keyring)),
			&barrier, NULL),
		0);
	return barrier;
}

/* Under one key in some thousand a text of zeros has the right check digits. */
static void
wrong_forms_are_absent(UNUSED void **state)
{
	static const char *const texts[] = { "", "0",
		"000000000000000000000000", "zzzzzzzzzzzzzzzzzzzzzz00",
		"zzzzzzzzzzzzzzzzzzzzzzzz", "0000000000000000000000000",
		"00000000000000000000000", "------------------------",
		"000000000000000000000000000000000000",
		"00000000-0000-0000-0000-00000000000g",
		"00000000-0000-0000-0000-0000000000000" };
	struct barrier *barrier = make_fixed_barrier();
	struct rowref found;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			assert_int_equal(rowid_parse(barrier, kinds[i], MOUNT,
						 span_str(texts[k]), &found),
				ERR_ABSENT);
	}
	barrier_free(&barrier);
}

static void
a_row_number_past_48_bits_has_no_name(void **state)
{
	const struct rowref large = { 1, UINT64_C(1) << 48 };
	char text[ROWID_TEXT_MAX];

	assert_int_equal(rowid_format(*state, ROWID_TOKEN, MOUNT, large, salt,
				 text, NULL),
		ERR_LIMIT);
}

static void
a_mac_is_of_one_text_kind_mount_and_key(void **state)
{
	struct barrier *other = barrier_new_keyring(1);
	uint8_t macs[6][ROWID_MAC];

	rowid_mac(*state, ROWID_OTP, MOUNT, span_str("a"), macs[0]);
	rowid_mac(*state, ROWID_OTP, MOUNT, span_str("b"), macs[1]);
	rowid_mac(*state, ROWID_TOKEN, MOUNT, span_str("a"), macs[2]);
	rowid_mac(*state, ROWID_OTP, MOUNT_2, span_str("a"), macs[3]);
	rowid_mac(other, ROWID_OTP, MOUNT, span_str("a"), macs[4]);
	rowid_mac(*state, ROWID_OTP, MOUNT, span_str("a"), macs[5]);
	for (size_t i = 1; i < 5; i++)
		assert_memory_not_equal(macs[0], macs[i], ROWID_MAC);
	assert_memory_equal(macs[0], macs[5], ROWID_MAC);
	barrier_free(&other);
}

/* Names that were given out must go on leading to their rows. */
static void
names_of_a_fixed_keyring_are_what_they_were(UNUSED void **state)
{
	static const char *const names[] = {
		[ROWID_LEASE] = "1EN5KdkiA8WWeQy9IlqPxRbR",
		[ROWID_OTP] = "428ca2bf-7116-5524-d11f-4da53b7766ea",
		[ROWID_TOKEN] = "1t7Ozm6qSdDhFgM2WQBcygGF",
		[ROWID_ACCESSOR] = "1XuDu10m37a19HXiMFAah9zx",
	};
	const struct rowref given = { 7, 4097 };
	struct barrier *barrier = make_fixed_barrier();
	char text[ROWID_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		assert_int_equal(rowid_format(barrier, kinds[i], MOUNT, given,
					 salt, text, NULL),
			0);
		assert_string_equal(text, names[kinds[i]]);
	}
	barrier_free(&barrier);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_leads_back_to_its_row),
		cmocka_unit_test(names_have_their_published_form),
		cmocka_unit_test(the_salt_changes_the_whole_name),
		cmocka_unit_test(
			a_name_of_another_kind_or_mount_leads_elsewhere),
		cmocka_unit_test(no_changed_character_leads_back),
		cmocka_unit_test(upper_case_is_no_one_time_password),
		cmocka_unit_test(wrong_forms_are_absent),
		cmocka_unit_test(a_row_number_past_48_bits_has_no_name),
		cmocka_unit_test(a_mac_is_of_one_text_kind_mount_and_key),
		cmocka_unit_test(names_of_a_fixed_keyring_are_what_they_were),
	};

	return cmocka_run_group_tests(tests, make_barrier, free_barrier);
}
