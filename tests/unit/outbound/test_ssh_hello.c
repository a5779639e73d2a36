/* The first bytes of an SSH server: read strictly, however they arrive. */
#include "server/outbound/ssh_hello.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/sshwire.h"

#define STREAM_MAX ((size_t)1 << 17)

/* What a packet may get wrong; all of it 0: nothing. */
struct fault {
	uint8_t type;       /* else KEXINIT */
	const char *kex;    /* else a good list */
	const char *behind; /* more bytes in the payload */
	int lists;          /* how many fewer */
	int len, padding;   /* added to what is right */
};

static void
add_packet(struct buf *out, const struct fault *fault)
{
	static const char *const names[] = { "curve25519-sha256,ecdh",
		"ssh-ed25519", "a-ctr", "b-ctr", "c-mac", "d-mac", "none",
		"none", "", "" };
	struct buf payload;

	buf_init(&payload, STREAM_MAX);
	(void)buf_add_char(&payload, fault->type == 0 ? 20 : (char)fault->type);
	(void)buf_add(&payload, "0123456789abcdef", 16);
	for (int i = 0; i < SSH_HELLO_LISTS - fault->lists; i++)
		(void)sshwire_add_string(&payload,
			span_str(i == 0 && fault->kex != NULL ? fault->kex
							      : names[i]));
	(void)buf_add(&payload, "\0\0\0\0\0", 5);
	if (fault->behind != NULL)
		(void)buf_add_str(&payload, fault->behind);
	(void)buf_add_u32be(
		out, (uint32_t)((int)payload.len + 1 + 5 + fault->len));
	(void)buf_add_char(out, (char)(5 + fault->padding));
	(void)buf_add_span(out, buf_span(&payload));
	(void)buf_add(out, "\0\0\0\0\0", 5);
	buf_clear(&payload);
}

static int
parse(const char *lines, const struct fault *fault, struct ssh_hello *hello)
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, STREAM_MAX);
	(void)buf_add_str(&bytes, lines);
	add_packet(&bytes, fault);
	rc = ssh_hello_parse(buf_span(&bytes), hello);
	buf_clear(&bytes);
	return rc;
}

static void
what_it_offers_is_read_in_whatever_pieces_it_comes(void **state)
{
	static const struct fault none;
	struct ssh_hello hello;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, STREAM_MAX);
	(void)buf_add_str(&bytes, "hello\nSSH-2.0-x y\r\n");
	add_packet(&bytes, &none);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(
			ssh_hello_parse(span_of(bytes.data, len), &hello),
			ERR_ABSENT);
	assert_int_equal(ssh_hello_parse(buf_span(&bytes), &hello), 0);
	assert_true(span_equal(hello.banner, span_str("SSH-2.0-x y")));
	assert_true(span_equal(hello.lists[SSH_HELLO_KEX],
		span_str("curve25519-sha256,ecdh")));
	assert_true(span_equal(hello.lists[SSH_HELLO_HOST_KEY_TYPES],
		span_str("ssh-ed25519")));
	assert_true(
		span_equal(hello.lists[SSH_HELLO_CIPHERS], span_str("b-ctr")));
	assert_true(span_equal(hello.lists[SSH_HELLO_MACS], span_str("d-mac")));
	buf_clear(&bytes);
}

static void
other_banners_are_no_ssh_2(void **state)
{
	static const char *const good[] = { "SSH-2.0-a\n", "SSH-1.99-a\r\n",
		"\n\r\nfoo\r\nSSH-2.0-\r\n" };
	static const char *const bad[] = { "SSH-1.5-a\n", "SSH-2.1-a\r\n",
		"SSH-2.0-\x1b[0m\n", "SSH-2.0-\xc3\xa4\n", "SSH-\n" };
	static const struct fault none;
	struct ssh_hello hello;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(parse(good[i], &none, &hello), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse(bad[i], &none, &hello), ERR_PEER);
}

static void
lines_are_short_and_few(void **state)
{
	static const struct fault none;
	struct ssh_hello hello;
	char line[300], lines[200];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "SSH-2.0-", 8);
	line[254] = '\n';
	line[255] = '\0';
	assert_int_equal(parse(line, &none, &hello), 0);
	line[254] = 'x';
	line[255] = '\n';
	line[256] = '\0';
	assert_int_equal(parse(line, &none, &hello), ERR_PEER);
	memset(lines, '\n', sizeof(lines));
	lines[199] = '\0';
	assert_int_equal(parse(lines, &none, &hello), ERR_PEER);
	lines[63] = '\0';
	(void)memcpy(line, "SSH-2.0-a\n", 11);
	assert_int_equal(ssh_hello_parse(span_str(lines), &hello), ERR_ABSENT);
}

static void
a_packet_that_is_not_as_it_should_be_is_refused(void **state)
{
	static const struct fault bad[] = { { .type = 21 }, { .kex = ",a" },
		{ .kex = "a," }, { .kex = "a,,b" }, { .kex = "," },
		{ .kex = "a\nb" }, { .kex = "\xff" }, { .behind = "x" },
		{ .lists = 1 }, { .padding = -2 }, { .padding = 100 },
		{ .len = 40000 }, { .len = -1 }, { .len = -150 } };
	struct ssh_hello hello;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			parse("SSH-2.0-a\r\n", &bad[i], &hello), ERR_PEER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_it_offers_is_read_in_whatever_pieces_it_comes),
		cmocka_unit_test(other_banners_are_no_ssh_2),
		cmocka_unit_test(lines_are_short_and_few),
		cmocka_unit_test(
			a_packet_that_is_not_as_it_should_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
