/* Pins on signed lines: written, found again, and never taken from others. */
#include "audit/pin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/signing.h"

static uint8_t public_key[AUDITLINE_PUBLIC], other_key[AUDITLINE_PUBLIC];
static struct secret *key;

/* A line of that body without its newline; pinned and signed as asked. */
static void
make_line(struct buf *line, const char *text, struct audit_pin pin, bool sign)
{
	struct auditline_head head = { .seq = 6 };
	struct buf body;

	buf_init(&body, 2000);
	buf_init(line, 2000);
	buf_add_str(&body, text);
	assert_int_equal(audit_pin_add(&body, &pin, NULL), 0);
	assert_int_equal(auditline_append(line, buf_span(&body), &head,
				 sign ? key : NULL, NULL),
		0);
	line->len--;
	buf_clear(&body);
}

static bool
find(const char *text, struct audit_pin pin, bool sign, const uint8_t *signer,
	struct audit_pin *ret_pin)
{
	struct buf line;
	bool found;

	make_line(&line, text, pin, sign);
	found = audit_pin_of(buf_span(&line), signer, ret_pin);
	buf_clear(&line);
	return found;
}

static void
a_signed_line_gives_its_pin_back(void **state)
{
	const struct audit_pin pins[] = { { 1, 1 }, { 3, 4711 },
		{ UINT64_MAX, UINT64_MAX } };
	struct audit_pin got = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pins); i++) {
		assert_true(find(
			"{\"type\":\"x\"}", pins[i], true, public_key, &got));
		assert_memory_equal(&got, &pins[i], sizeof(got));
	}
}

static void
what_is_not_known_is_not_written(void **state)
{
	struct audit_pin none = { .epoch = 2 }, got;

	(void)state;
	assert_false(find("{\"a\":1}", none, true, public_key, &got));
	assert_false(find("{\"a\":{\"epoch\":1,\"batch\":2}}", none, true,
		public_key, &got));
	assert_false(find("{\"a\":\",\\\"epoch\\\":1,\\\"batch\\\":2\"}", none,
		true, public_key, &got));
	assert_false(find("{\"missed\":3}", none, true, public_key, &got));
}

static void
lines_without_a_good_signature_do_not_count(void **state)
{
	struct audit_pin pin = { 1, 2 }, got;
	struct buf line;

	(void)state;
	assert_false(find("{\"a\":1}", pin, false, public_key, &got));
	assert_false(find("{\"a\":1}", pin, true, other_key, &got));
	make_line(&line, "{\"a\":1}", pin, true);
	*(uint8_t *)memmem(line.data, line.len, ":2,", 3) = ';';
	assert_false(audit_pin_of(buf_span(&line), public_key, &got));
	buf_clear(&line);
	make_line(&line, "{\"a\":1}", pin, true);
	((uint8_t *)memmem(line.data, line.len, ":2,", 3))[1] = '3';
	assert_false(audit_pin_of(buf_span(&line), public_key, &got));
	buf_clear(&line);
}

static void
the_epoch_counts_before_the_commit(void **state)
{
	(void)state;
	assert_true(audit_pin_is_before(
		(struct audit_pin){ 1, 9 }, (struct audit_pin){ 2, 1 }));
	assert_true(audit_pin_is_before(
		(struct audit_pin){ 2, 1 }, (struct audit_pin){ 2, 2 }));
	assert_false(audit_pin_is_before(
		(struct audit_pin){ 2, 2 }, (struct audit_pin){ 2, 2 }));
	assert_false(audit_pin_is_before(
		(struct audit_pin){ 3, 1 }, (struct audit_pin){ 2, 2 }));
}

static int
setup(void **state)
{
	struct secret *other = signing_key_new(other_key);

	(void)state;
	secret_free(&other);
	key = signing_key_new(public_key);
	return key == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	secret_free(&key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signed_line_gives_its_pin_back),
		cmocka_unit_test(what_is_not_known_is_not_written),
		cmocka_unit_test(lines_without_a_good_signature_do_not_count),
		cmocka_unit_test(the_epoch_counts_before_the_commit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
