/* A file put by SFTP: what is asked, and what any answer leads to. */
#include "server/outbound/sftp_put.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "lib/sshwire.h"

#define FILE_MAX ((size_t)1 << 20)

enum { INIT = 1, VERSION_IS, OPEN, CLOSE, WRITE = 6, STATUS = 101, HANDLE };

/* A server of one file. */
struct server {
	struct buf file;
	int closed;
};

static void
answer(struct buf *out, uint8_t type, uint32_t number, const char *more,
	size_t more_len)
{
	struct buf body;

	buf_init(&body, FILE_MAX);
	(void)buf_add_char(&body, (char)type);
	(void)buf_add_u32be(&body, number);
	(void)buf_add(&body, more, more_len);
	(void)sshwire_add_string(out, buf_span(&body));
	buf_clear(&body);
}

static void
serve_write(struct server *server, struct sshwire *in)
{
	assert_true(span_equal(sshwire_string(in), span_str("h\1")));
	assert_int_equal(sshwire_u64(in), server->file.len);
	assert_int_equal(buf_add_span(&server->file, sshwire_string(in)), 0);
}

/* One request, taken apart. */
static void
serve(struct server *server, struct span request, struct buf *out)
{
	struct sshwire in = sshwire_of(request);
	struct sshwire body = sshwire_of(sshwire_string(&in));
	const uint8_t type = sshwire_u8(&body);
	const uint32_t number = sshwire_u32(&body);

	assert_true(sshwire_end(&in));
	if (type == INIT) {
		assert_int_equal(number, 3);
		answer(out, VERSION_IS, 3, "\0\0\0\1a\0\0\0\1b", 10);
	} else if (type == OPEN) {
		assert_true(span_equal(
			sshwire_string(&body), span_str("/tmp/a file")));
		assert_int_equal(sshwire_u32(&body), 0x1a);
		assert_int_equal(sshwire_u32(&body), 4);
		assert_int_equal(sshwire_u32(&body), 0600);
		answer(out, HANDLE, number, "\0\0\0\2h\1", 6);
	} else if (type == WRITE) {
		serve_write(server, &body);
		answer(out, STATUS, number, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	} else {
		assert_int_equal(type, CLOSE);
		assert_true(span_equal(sshwire_string(&body), span_str("h\1")));
		server->closed++;
		answer(out, STATUS, number, "\0\0\0\0", 4);
	}
	assert_true(sshwire_end(&body));
}

static void
put_in_pieces(struct span content, size_t piece)
{
	struct server server = { 0 };
	struct sftp_put put;
	struct span rest;
	struct buf out;
	bool is_new;

	buf_init(&server.file, FILE_MAX);
	buf_init(&out, FILE_MAX);
	sftp_put_init(&put, "/tmp/a file", content);
	while (put.state == SFTP_PUT_BUSY) {
		buf_reset(&out);
		serve(&server, buf_span(&put.request), &out);
		is_new = false;
		for (rest = buf_span(&out); rest.len > 0;
			rest = span_skip(rest, piece)) {
			assert_false(is_new);
			is_new = sftp_put_take(&put,
				span_of(rest.data,
					rest.len < piece ? rest.len : piece));
		}
		assert_true(is_new);
	}
	assert_int_equal(put.state, SFTP_PUT_DONE);
	assert_int_equal(server.closed, 1);
	assert_true(span_equal(buf_span(&server.file), content));
	assert_false(sftp_put_take(&put, buf_span(&out)));
	sftp_put_clear(&put);
	buf_clear(&out);
	buf_clear(&server.file);
}

static void
a_file_of_any_size_is_put_whatever_pieces_answers_come_in(void **state)
{
	static uint8_t content[100000];

	(void)state;
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7 + i / 256);
	put_in_pieces(SPAN_NONE, 1);
	put_in_pieces(span_of(content, 1), 3);
	put_in_pieces(span_of(content, 31999), 1000);
	put_in_pieces(span_of(content, 32000), 1);
	put_in_pieces(span_of(content, 32001), 2);
	put_in_pieces(span_of(content, sizeof(content)), 1000);
}

/* Answers that cannot be: to the request behind n good ones. */
static const struct {
	int good;
	uint8_t type;
	uint32_t number;
	const char *more;
	size_t len;
	const char *why;
} bad_answers[] = {
	{ 0, VERSION_IS, 2, "", 0, "it does not speak SFTP 3" },
	{ 0, STATUS, 3, "\0\0\0\0", 4, "it does not speak SFTP 3" },
	{ 1, STATUS, 1, "\0\0\0\3\0\0\0\2no", 10, "status 3, no" },
	{ 1, STATUS, 1, "\0\0\0\0", 4, "status 0" },
	{ 1, HANDLE, 2, "\0\0\0\1h", 5, "it answered what was not asked" },
	{ 1, HANDLE, 1, "\0\0\0\5h", 5, "it gave no good handle" },
	{ 1, HANDLE, 1, "\0\0\0\1hx", 6, "it gave no good handle" },
	{ 1, HANDLE, 1, "", 0, "it gave no good handle" },
	{ 1, 105, 1, "", 0, "it answered what was not asked" },
	{ 2, HANDLE, 2, "\0\0\0\1h", 5, "it gave no good handle" },
	{ 2, STATUS, 2, "\0\0\0\4", 4, "status 4" },
	{ 2, STATUS, 1, "\0\0\0\0", 4, "it answered what was not asked" },
	{ 3, STATUS, 3, "\0\0\0\4\0\0\0\4full", 12, "status 4, full" },
};

static void
an_answer_that_cannot_be_ends_it(void **state)
{
	struct server server = { 0 };
	struct sftp_put put;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_answers); i++) {
		buf_init(&server.file, FILE_MAX);
		buf_init(&out, FILE_MAX);
		sftp_put_init(&put, "/tmp/a file", span_str("text"));
		for (int j = 0; j < bad_answers[i].good; j++) {
			serve(&server, buf_span(&put.request), &out);
			assert_true(sftp_put_take(&put, buf_span(&out)));
			buf_reset(&out);
		}
		answer(&out, bad_answers[i].type, bad_answers[i].number,
			bad_answers[i].more, bad_answers[i].len);
		assert_true(sftp_put_take(&put, buf_span(&out)));
		assert_int_equal(put.state, SFTP_PUT_FAILED);
		assert_string_equal(put.why, bad_answers[i].why);
		sftp_put_clear(&put);
		buf_clear(&out);
		buf_clear(&server.file);
	}
}

static void
a_server_that_says_too_much_has_failed(void **state)
{
	static const uint8_t junk[20000] = { 0, 0, 0xff, 0xff };
	struct sftp_put put;
	struct buf out;

	(void)state;
	sftp_put_init(&put, "a", SPAN_NONE);
	assert_false(sftp_put_take(&put, span_of(junk, 16384)));
	assert_true(sftp_put_take(&put, span_of(junk, 1)));
	assert_int_equal(put.state, SFTP_PUT_FAILED);
	sftp_put_clear(&put);
	buf_init(&out, FILE_MAX);
	answer(&out, VERSION_IS, 3, "", 0);
	(void)buf_add_char(&out, '\0');
	sftp_put_init(&put, "a", SPAN_NONE);
	assert_true(sftp_put_take(&put, buf_span(&out)));
	assert_string_equal(put.why, "it answered what was not asked");
	sftp_put_clear(&put);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_file_of_any_size_is_put_whatever_pieces_answers_come_in),
		cmocka_unit_test(an_answer_that_cannot_be_ends_it),
		cmocka_unit_test(a_server_that_says_too_much_has_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
