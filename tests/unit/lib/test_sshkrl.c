/*
 * Revocation lists: what was revoked is, what stands beside it is not, and a
 * list that sshd would refuse is refused. interop/test_krl.py asks ssh-keygen.
 */
#include "lib/sshkrl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/sha256.h"
#include "tests/support/revocable.h"

#define LIST_MAX ((size_t)64 * 1024 * 1024)
#define OTHER_CA REVOCABLE_KEY("the key of another CA, of 32 ...")

/* ---- writing ---------------------------------------------------------- */

static struct sshkrl_writer writer;
static struct buf list;

static int
begin(void **state)
{
	(void)state;
	buf_init(&list, LIST_MAX);
	sshkrl_begin(&writer, &list, 3, 1700000000, "a list");
	return 0;
}

static int
clear(void **state)
{
	(void)state;
	buf_clear(&list);
	return 0;
}

static struct sshkrl
finished(void)
{
	struct sshkrl krl;

	assert_int_equal(sshkrl_end(&writer), 0);
	assert_int_equal(sshkrl_parse(buf_span(&list), &krl), 0);
	return krl;
}

static bool
is_revoked(const struct sshkrl *krl, struct span blob)
{
	bool revoked;

	assert_int_equal(sshkrl_check(krl, blob, &revoked), 0);
	return revoked;
}

static bool
has_serial(const struct sshkrl *krl, uint64_t serial)
{
	struct buf cert;
	bool revoked = is_revoked(
		krl, revocable_cert(REVOCABLE_CA, serial, "id", &cert));

	buf_clear(&cert);
	return revoked;
}

/* ---- tests ------------------------------------------------------------ */

static void
an_empty_list_revokes_nothing(void **state)
{
	struct sshkrl krl;

	(void)state;
	sshkrl_begin_ca(&writer, REVOCABLE_CA);
	krl = finished();
	assert_int_equal(krl.version, 3);
	assert_int_equal(krl.date_s, 1700000000);
	assert_true(span_equal(krl.comment, span_str("a list")));
	assert_int_equal(krl.sections.len, 0);
	assert_false(has_serial(&krl, 1));
	assert_false(is_revoked(&krl, REVOCABLE_USER));
}

/* Runs and gaps of all lengths, and each serial around them. */
static void
serials_and_none_beside_them(void **state)
{
	static const uint64_t edges[][2] = {
		{ 1, 1 },
		{ 3, 3 },
		{ 70, 90 },
		{ 155, 155 },
		{ 1000, 1511 },
		{ 1513, 2023 },
		{ 100000, 165535 },
		{ 165537, 165537 },
		{ UINT64_MAX - 40, UINT64_MAX - 37 },
		{ UINT64_MAX - 2, UINT64_MAX },
	};
	struct sshkrl krl;

	(void)state;
	sshkrl_begin_ca(&writer, REVOCABLE_CA);
	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		for (uint64_t n = 0; n <= edges[i][1] - edges[i][0]; n++)
			sshkrl_add_serial(&writer, edges[i][0] + n);
	}
	krl = finished();
	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		const uint64_t lo = edges[i][0], hi = edges[i][1];

		assert_false(has_serial(&krl, lo - 1));
		assert_true(has_serial(&krl, lo));
		assert_true(has_serial(&krl, lo + (hi - lo) / 2));
		assert_true(has_serial(&krl, hi));
		assert_false(has_serial(&krl, hi + 1));
	}
}

static void
another_ca_is_not_meant(void **state)
{
	struct buf cert;
	struct sshkrl krl;

	(void)state;
	sshkrl_begin_ca(&writer, OTHER_CA);
	sshkrl_add_serial(&writer, 5);
	sshkrl_begin_ca(&writer, REVOCABLE_CA);
	sshkrl_add_serial(&writer, 4);
	sshkrl_add_key_id(&writer, span_str("lost"));
	krl = finished();
	assert_true(has_serial(&krl, 4));
	assert_false(has_serial(&krl, 5));
	assert_true(is_revoked(
		&krl, revocable_cert(REVOCABLE_CA, 9, "lost", &cert)));
	buf_clear(&cert);
	assert_false(
		is_revoked(&krl, revocable_cert(OTHER_CA, 9, "lost", &cert)));
	buf_clear(&cert);
}

static void
any_ca_is_meant_where_none_is_named(void **state)
{
	struct sshkrl krl;

	(void)state;
	sshkrl_begin_ca(&writer, SPAN_NONE);
	sshkrl_add_serial(&writer, 5);
	krl = finished();
	assert_true(has_serial(&krl, 5));
	assert_false(has_serial(&krl, 0));
}

static void
a_key_is_revoked_wherever_it_appears(void **state)
{
	uint8_t hash[SHA256_BYTES];
	struct sshkrl krl;

	(void)state;
	sha256(REVOCABLE_USER, hash);
	sshkrl_add_key(&writer, OTHER_CA);
	sshkrl_add_hash(&writer, hash);
	krl = finished();
	assert_true(is_revoked(&krl, REVOCABLE_USER));
	assert_true(is_revoked(&krl, OTHER_CA));
	assert_false(is_revoked(&krl, REVOCABLE_CA));
	assert_true(has_serial(&krl, 1));
}

static void
a_revoked_ca_takes_its_certificates_along(void **state)
{
	struct sshkrl krl;
	struct buf cert;

	(void)state;
	sshkrl_add_key(&writer, REVOCABLE_CA);
	krl = finished();
	assert_true(has_serial(&krl, 0));
	assert_true(has_serial(&krl, 1));
	assert_false(
		is_revoked(&krl, revocable_cert(OTHER_CA, 1, "id", &cert)));
	buf_clear(&cert);
}

/* Past the end of a cluster, wherever it falls. */
static void
every_second_serial_of_many(void **state)
{
	const uint64_t last = 3 * SSHKRL_CLUSTER_BITS + 1;
	struct sshkrl krl;

	(void)state;
	sshkrl_begin_ca(&writer, REVOCABLE_CA);
	for (uint64_t serial = 1; serial <= last; serial += 2)
		sshkrl_add_serial(&writer, serial);
	krl = finished();
	assert_true(list.len < last / 8 + 300);
	for (uint64_t at = SSHKRL_CLUSTER_BITS; at <= last;
		at += SSHKRL_CLUSTER_BITS) {
		for (uint64_t serial = at - 20; serial <= at + 20; serial++)
			assert_int_equal(has_serial(&krl, serial),
				serial % 2 == 1 && serial <= last);
	}
}

static void
a_gap_is_not_written_out(void **state)
{
	(void)state;
	sshkrl_begin_ca(&writer, REVOCABLE_CA);
	for (uint64_t serial = 1; serial < 100; serial += 2)
		sshkrl_add_serial(&writer, serial);
	for (uint64_t serial = 60001; serial < 60100; serial += 2)
		sshkrl_add_serial(&writer, serial);
	(void)finished();
	assert_true(list.len < 250);
}

static void
what_is_no_key_cannot_be_asked(void **state)
{
	struct sshkrl krl = finished();
	bool revoked;

	(void)state;
	assert_int_equal(
		sshkrl_check(&krl, span_str("no key"), &revoked), ERR_INPUT);
}

static void
mistakes_are_told_at_the_end(void **state)
{
	static const uint64_t serials[][2] = { { 0, 1 }, { 5, 4 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(serials); i++) {
		buf_reset(&list);
		sshkrl_begin(&writer, &list, 1, 1, "");
		sshkrl_begin_ca(&writer, REVOCABLE_CA);
		sshkrl_add_serial(&writer, serials[i][0]);
		sshkrl_add_serial(&writer, serials[i][1]);
		assert_int_equal(sshkrl_end(&writer), ERR_INPUT);
	}
	buf_reset(&list);
	sshkrl_begin(&writer, &list, 1, 1, "");
	sshkrl_add_serial(&writer, 1);
	assert_int_equal(sshkrl_end(&writer), ERR_INPUT);
	sshkrl_begin(&writer, &list, 1, 1, "");
	sshkrl_begin_ca(&writer, span_str("no key"));
	assert_int_equal(sshkrl_end(&writer), ERR_INPUT);
	sshkrl_begin(&writer, &list, 1, 1, "");
	sshkrl_begin_ca(&writer, REVOCABLE_CA);
	sshkrl_add_key_id(&writer, span_of("a\0b", 3));
	assert_int_equal(sshkrl_end(&writer), ERR_INPUT);
}

static void
a_full_buffer_is_told(void **state)
{
	struct buf small;

	(void)state;
	buf_init(&small, 200);
	sshkrl_begin(&writer, &small, 1, 1, "");
	sshkrl_begin_ca(&writer, REVOCABLE_CA);
	for (uint64_t serial = 1; serial < 100000; serial += 100)
		sshkrl_add_serial(&writer, serial);
	assert_int_equal(sshkrl_end(&writer), ERR_LIMIT);
	buf_clear(&small);
}

static void
a_cut_list_is_refused(void **state)
{
	struct sshkrl krl;
	size_t header;

	(void)state;
	sshkrl_begin_ca(&writer, REVOCABLE_CA);
	for (uint64_t serial = 1; serial < 400; serial += 1 + serial % 3)
		sshkrl_add_serial(&writer, serial);
	sshkrl_add_key_id(&writer, span_str("lost"));
	sshkrl_add_key(&writer, REVOCABLE_USER);
	krl = finished();
	header = list.len - krl.sections.len;
	for (size_t len = 0; len < list.len; len++) {
		/* Between two sections it is a list of fewer. */
		const bool whole =
			sshkrl_parse(span_of(list.data, len), &krl) == 0;
		const size_t first = header + 5 +
			((size_t)list.data[header + 3] << 8 |
				list.data[header + 4]);

		assert_int_equal(whole, len == header || len == first);
	}
}

/* One subsection of serials by hand, behind the CA's key. */
static int
parse_subsection(uint8_t type, struct span bytes)
{
	struct sshkrl krl;
	struct buf part;
	int rc;

	buf_reset(&list);
	sshkrl_begin(&writer, &list, 1, 1, "");
	buf_init(&part, 4096);
	(void)sshwire_add_string(&part, REVOCABLE_CA);
	(void)sshwire_add_string(&part, SPAN_NONE);
	(void)buf_add_char(&part, (char)type);
	(void)sshwire_add_string(&part, bytes);
	(void)buf_add_char(&list, 1);
	(void)sshwire_add_string(&list, buf_span(&part));
	buf_clear(&part);
	rc = sshkrl_parse(buf_span(&list), &krl);
	return rc;
}

#define BYTES(text) span_of(text, sizeof(text) - 1)

static void
what_sshd_refuses_is_refused(void **state)
{
	(void)state;
	assert_int_equal(parse_subsection(0x20, BYTES("\0\0\0\0\0\0\0\1")), 0);
	assert_int_equal(
		parse_subsection(0x20, BYTES("\0\0\0\0\0\0\0\0")), ERR_INPUT);
	assert_int_equal(parse_subsection(0x20, BYTES("\0\0\0\0")), ERR_INPUT);
	assert_int_equal(parse_subsection(0x21,
				 BYTES("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1")),
		0);
	assert_int_equal(parse_subsection(0x21,
				 BYTES("\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1")),
		ERR_INPUT);
	assert_int_equal(parse_subsection(0x21,
				 BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")),
		ERR_INPUT);
	assert_int_equal(
		parse_subsection(0x22, BYTES("\0\0\0\0\0\0\0\1\0\0\0\1\1")), 0);
	assert_int_equal(
		parse_subsection(0x22, BYTES("\0\0\0\0\0\0\0\0\0\0\0\1\1")),
		ERR_INPUT);
	assert_int_equal(
		parse_subsection(0x22,
			BYTES("\377\377\377\377\377\377\377\377\0\0\0\1\1")),
		0);
	assert_int_equal(
		parse_subsection(0x22,
			BYTES("\377\377\377\377\377\377\377\377\0\0\0\1\2")),
		ERR_INPUT);
	assert_int_equal(parse_subsection(0x24, BYTES("")), ERR_INPUT);
}

int
main(void)
{
#define WITH_LIST(test) cmocka_unit_test_setup_teardown(test, begin, clear)
	const struct CMUnitTest tests[] = {
		WITH_LIST(an_empty_list_revokes_nothing),
		WITH_LIST(serials_and_none_beside_them),
		WITH_LIST(another_ca_is_not_meant),
		WITH_LIST(any_ca_is_meant_where_none_is_named),
		WITH_LIST(a_key_is_revoked_wherever_it_appears),
		WITH_LIST(a_revoked_ca_takes_its_certificates_along),
		WITH_LIST(every_second_serial_of_many),
		WITH_LIST(a_gap_is_not_written_out),
		WITH_LIST(what_is_no_key_cannot_be_asked),
		WITH_LIST(mistakes_are_told_at_the_end),
		WITH_LIST(a_full_buffer_is_told),
		WITH_LIST(a_cut_list_is_refused),
		WITH_LIST(what_sshd_refuses_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
