/* Pins of host keys, and what is asked of a server because of them. */
#include "server/outbound/host_key.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/sshkey.h"
#include "tests/support/in_arena.h"

#define ED25519                                                                \
	"ssh-ed25519 "                                                         \
	"AAAAC3NzaC1lZDI1NTE5AAAAIF0ONB/L/NqTssABuZP3ZxshWTRlBsylXY5a7RsgR3C2"
#define ED25519_PRINT "SHA256:KdXfZPqgJMV7jHIZIjxavVP9U4Q1bEWLM2HtmpmPUTY"
#define ECDSA                                                                  \
	"ecdsa-sha2-nistp256 "                                                 \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPOgYqPpP+bK"     \
	"yZe4acPmEAyYWtZQz5MX0gJygKsB69Ba6bS+JSsTbMbT2QItHaDerWvaC9apeKLg"     \
	"hTIfQ6o4nrA="
#define ECDSA_PRINT "SHA256:0sZ8V/1Zp39WClt5HOQy0o43i+KHPXWlEL+Lc7TBVI0"
#define ALL_BUT_RSA                                                            \
	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"                 \
	"ecdsa-sha2-nistp521"

static struct host_key_pins
pins_of(const char *const *texts, size_t n)
{
	struct host_key_pins pins;

	assert_int_equal(host_key_read_pins(texts, n, arena, &pins, NULL), 0);
	return pins;
}

static struct span
blob_of(const char *line)
{
	struct span blob;

	assert_int_equal(sshkey_parse_line(span_str(line), arena, &blob), 0);
	return blob;
}

static void
a_key_is_pinned_by_its_line_or_its_fingerprint(void **state)
{
	static const char *const line[] = { ED25519 " root@host" };
	static const char *const print[] = { ECDSA_PRINT, ED25519_PRINT };
	struct host_key_pins pins = pins_of(line, 1);

	(void)state;
	assert_true(host_key_is_pinned(&pins, blob_of(ED25519)));
	assert_false(host_key_is_pinned(&pins, blob_of(ECDSA)));
	assert_false(host_key_has_fingerprint(&pins));
	pins = pins_of(print, 1);
	assert_false(host_key_is_pinned(&pins, blob_of(ED25519)));
	assert_true(host_key_is_pinned(&pins, blob_of(ECDSA)));
	assert_true(host_key_has_fingerprint(&pins));
	pins = pins_of(print, 2);
	assert_true(host_key_is_pinned(&pins, blob_of(ED25519)));
	pins = pins_of(NULL, 0);
	assert_false(host_key_is_pinned(&pins, blob_of(ED25519)));
}

static void
what_is_no_pin_is_refused(void **state)
{
	static const char *const bad[] = { "", "SHA256:", "ssh-ed25519",
		"MD5:00:11", ED25519_PRINT "=", ED25519_PRINT "A",
		"sha256:KdXfZPqgJMV7jHIZIjxavVP9U4Q1bEWLM2HtmpmPUTY",
		"SHA256:KdXfZPqgJMV7jHIZIjxavVP9U4Q1bEWLM2HtmpmPUT!",
		"host " ED25519, ED25519 "\n" ED25519 };
	struct host_key_pins pins;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err_clear(&err);
		assert_int_equal(
			host_key_read_pins(&bad[i], 1, arena, &pins, &err),
			ERR_INPUT);
		assert_int_equal(err.status, 400);
	}
}

static void
types_of_pinned_lines_are_asked_for_first(void **state)
{
	static const char *const texts[] = { ECDSA, ED25519_PRINT };
	const struct host_key_pins none = pins_of(NULL, 0);
	const struct host_key_pins one = pins_of(texts, 2);

	(void)state;
	assert_string_equal(
		host_key_algorithms(&none, HOST_KEY_ANY_TYPE, false, arena),
		ALL_BUT_RSA ",rsa-sha2-512,rsa-sha2-256");
	assert_string_equal(
		host_key_algorithms(&none, HOST_KEY_ANY_TYPE, true, arena),
		ALL_BUT_RSA ",rsa-sha2-512,rsa-sha2-256,ssh-rsa");
	assert_string_equal(
		host_key_algorithms(&one, HOST_KEY_ANY_TYPE, false, arena),
		"ecdsa-sha2-nistp256,ssh-ed25519,ecdsa-sha2-nistp384,"
		"ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256");
	assert_string_equal(
		host_key_algorithms(
			&one, host_key_type(blob_of(ED25519)), false, arena),
		"ssh-ed25519");
	assert_string_equal(host_key_algorithms(&one, 0, true, arena), "");
}

static void
types_are_known_by_any_of_their_algorithms(void **state)
{
	static const char *const rsa[] = { "ssh-rsa", "rsa-sha2-256",
		"x,rsa-sha2-512" };
	const unsigned ed25519 = host_key_type(blob_of(ED25519));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rsa); i++)
		assert_int_equal(host_key_types_of(rsa[i]),
			HOST_KEY_ANY_TYPE & ~host_key_types_of(ALL_BUT_RSA));
	assert_int_equal(host_key_types_of("ssh-ed25519"), ed25519);
	assert_int_equal(host_key_types_of("ssh-dss,ssh-ed25519-cert-v01"), 0);
	assert_int_equal(host_key_types_of(""), 0);
	assert_int_equal(host_key_type(SPAN_NONE), 0);
}

static void
a_refusal_names_both_sides(void **state)
{
	static const char *const texts[] = { ECDSA,
		"SHA256:AAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAAAAA" };
	static const char *many[64];
	struct host_key_pins pins = pins_of(texts, 2);

	(void)state;
	assert_string_equal(host_key_refusal(&pins, blob_of(ED25519), arena),
		"the host key " ED25519_PRINT " (ssh-ed25519) is not pinned; "
		"pinned: " ECDSA_PRINT ", SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAA");
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = ECDSA;
	pins = pins_of(many, ARRAY_LEN(many));
	assert_in_range(
		strlen(host_key_refusal(&pins, blob_of(ED25519), arena)), 100,
		ERR_MESSAGE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_key_is_pinned_by_its_line_or_its_fingerprint),
		cmocka_unit_test(what_is_no_pin_is_refused),
		cmocka_unit_test(types_of_pinned_lines_are_asked_for_first),
		cmocka_unit_test(types_are_known_by_any_of_their_algorithms),
		cmocka_unit_test(a_refusal_names_both_sides),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
