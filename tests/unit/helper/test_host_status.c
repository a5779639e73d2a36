/* What status prints, to the letter, and when it is good (M-11). */
#include "helper/host_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fsutil.h"
#include "lib/jsonw.h"
#include "lib/sshcert.h"
#include "lib/sshkeypair.h"
#include "lib/sshkrl.h"

#define NOW_S 1800000000 /* 2027-01-15T08:00:00Z */
#define PATH_LEN 128

static struct {
	char dir[PATH_LEN], key[PATH_LEN], cert[PATH_LEN], krl[PATH_LEN];
	struct host host;
} place;

static void
write_cert(const struct sshkeypair *pair)
{
	static const uint8_t nonce[32] = { 1 };
	const struct span principal = span_str("web1.example.com");
	const struct span key = sshkeypair_public(pair);
	const struct sshcert_parts parts = { .nonce = span_of(nonce, 32),
		.key = key,
		.serial = 0xfeed,
		.type = SSHCERT_HOST,
		.key_id = span_str("id"),
		.principals = &principal,
		.n_principals = 1,
		.after_s = NOW_S - 100,
		.before_s = NOW_S + 3600,
		.ca = key };
	struct buf blob, signature;

	buf_init(&blob, SSHCERT_BLOB_MAX);
	buf_init(&signature, SSHKEY_BLOB_MAX);
	assert_int_equal(sshcert_build(&parts, &blob), 0);
	assert_int_equal(sshkeypair_sign(pair, NULL, false, buf_span(&blob),
				 &signature, NULL),
		0);
	assert_int_equal(sshcert_add_signature(&blob, buf_span(&signature)), 0);
	assert_int_equal(file_write_atomic(place.cert,
				 span_str(sshkey_line(
					 place.host.arena, buf_span(&blob))),
				 0644, NULL),
		0);
	buf_clear(&blob);
	buf_clear(&signature);
}

static void
write_krl(void)
{
	struct sshkrl_writer *writer = calloc(1, sizeof(*writer));
	struct buf bytes;

	assert_non_null(writer);
	buf_init(&bytes, 4096);
	sshkrl_begin(writer, &bytes, 17, NOW_S, "");
	assert_int_equal(sshkrl_end(writer), 0);
	assert_int_equal(
		file_write_atomic(place.krl, buf_span(&bytes), 0644, NULL), 0);
	buf_clear(&bytes);
	free(writer);
}

static int
make_place(void **state)
{
	struct sshkeypair *pair = NULL;

	(void)state;
	(void)snprintf(place.dir, PATH_LEN, "/tmp/host_status.XXXXXX");
	assert_non_null(mkdtemp(place.dir));
	(void)snprintf(place.key, PATH_LEN, "%.64s/key", place.dir);
	(void)snprintf(place.cert, PATH_LEN, "%.64s/key-cert.pub", place.dir);
	(void)snprintf(place.krl, PATH_LEN, "%.64s/krl", place.dir);
	place.host = (struct host){ .arena = arena_new(1024 * 1024),
		.now_s = NOW_S,
		.paths.krl = place.krl };
	assert_non_null(place.host.arena);
	assert_int_equal(sshkeypair_generate("ed25519", 0, &pair, NULL), 0);
	write_cert(pair);
	write_krl();
	sshkeypair_free(&pair);
	return 0;
}

static int
remove_place(void **state)
{
	(void)state;
	arena_free(&place.host.arena);
	(void)unlink(place.cert);
	(void)unlink(place.krl);
	return rmdir(place.dir);
}

static struct host_record
good_record(void)
{
	return (struct host_record){ .host = "web1.example.com",
		.key = place.key,
		.renew_at_s = NOW_S + 2400,
		.last_run_s = NOW_S - 60,
		.last_success_s = NOW_S - 60,
		.last_error = "" };
}

/* Text or JSON of a record, with the directory's name as DIR. */
static const char *
describe(const struct host_record *record, bool json, bool *ret_good)
{
	struct value *object = NULL;
	struct buf out, named;
	const char *at;
	char *copy;

	place.host.record = *record;
	assert_int_equal(
		host_status_describe(&place.host, &object, ret_good, NULL), 0);
	buf_init(&out, 8192);
	buf_init(&named, 8192);
	if (json)
		jsonw_value(&out, object, 2);
	else
		host_status_print(object, &out);
	for (at = buf_str(&out); *at != '\0';) {
		if (strncmp(at, place.dir, strlen(place.dir)) == 0) {
			(void)buf_add_str(&named, "DIR");
			at += strlen(place.dir);
		} else {
			(void)buf_add_char(&named, *at++);
		}
	}
	copy = arena_strdup(place.host.arena, buf_str(&named));
	buf_clear(&out);
	buf_clear(&named);
	assert_non_null(copy);
	return copy;
}

static void
a_good_host_prints_this(void **state)
{
	const struct host_record record = good_record();
	bool good = false;

	(void)state;
	assert_string_equal(describe(&record, false, &good),
		"host:           web1.example.com\n"
		"certificate:    DIR/key-cert.pub\n"
		"serial number:  feed\n"
		"valid before:   2027-01-15T09:00:00Z\n"
		"renew at:       2027-01-15T08:40:00Z\n"
		"krl version:    17\n"
		"last run:       2027-01-15T07:59:00Z\n"
		"last success:   2027-01-15T07:59:00Z\n"
		"last error:     -\n"
		"retry count:    0\n"
		"next run:       2027-01-15T08:04:00Z\n"
		"state:          good\n");
	assert_true(good);
}

static void
a_failed_run_is_shown_in_both_forms(void **state)
{
	struct host_record record = good_record();
	bool good = true;

	(void)state;
	record.last_error = "certificate: no";
	record.retry_count = 3;
	record.last_success_s = 0;
	assert_non_null(strstr(describe(&record, false, &good),
		"last success:   -\n"
		"last error:     certificate: no\n"
		"retry count:    3\n"));
	assert_false(good);
	assert_string_equal(describe(&record, true, &good),
		"{\n"
		"  \"host\": \"web1.example.com\",\n"
		"  \"certificate\": \"DIR/key-cert.pub\",\n"
		"  \"serial_number\": \"feed\",\n"
		"  \"valid_before\": \"2027-01-15T09:00:00Z\",\n"
		"  \"renew_at\": \"2027-01-15T08:40:00Z\",\n"
		"  \"krl_version\": 17,\n"
		"  \"last_run\": \"2027-01-15T07:59:00Z\",\n"
		"  \"last_success\": \"\",\n"
		"  \"last_error\": \"certificate: no\",\n"
		"  \"retry_count\": 3,\n"
		"  \"next_run\": \"2027-01-15T08:04:00Z\",\n"
		"  \"state\": \"the last run failed\"\n"
		"}");
}

/* Nanoseconds since 1970 end in 2262; a certificate may live longer. */
static void
a_far_time_is_shown(void **state)
{
	struct host_record record = good_record();
	bool good = false;

	(void)state;
	record.renew_at_s = INT64_C(11018620036);
	assert_non_null(strstr(describe(&record, false, &good),
		"renew at:       2319-03-03T07:47:16Z\n"));
	assert_true(good);
}

static const char *
state_of(const struct host_record *record)
{
	const char *text;
	bool good = true;

	text = strstr(describe(record, false, &good), "state:          ") + 16;
	assert_int_equal(good, strcmp(text, "good\n") == 0);
	return text;
}

static void
each_fault_has_its_words(void **state)
{
	struct host_record record = good_record();

	(void)state;
	record.host = "";
	assert_string_equal(state_of(&record), "not enrolled\n");
	record = good_record();
	record.key = "/nonexistent";
	assert_string_equal(state_of(&record), "no certificate\n");
	record = good_record();
	record.last_run_s = NOW_S - 1000;
	assert_non_null(strstr(state_of(&record), "no run for a while"));
	record = good_record();
	place.host.now_s = NOW_S + 3600;
	assert_string_equal(state_of(&record), "the certificate has ended\n");
	place.host.now_s = NOW_S;
	place.host.paths.krl = "/nonexistent";
	assert_string_equal(state_of(&record), "no revocation list\n");
	place.host.paths.krl = place.krl;
	assert_string_equal(state_of(&record), "good\n");
}

static void
a_record_is_read_as_it_was_written(void **state)
{
	struct host_record record = good_record();
	struct host_record again;
	struct buf text, twice;

	(void)state;
	record.principals = true;
	record.last_error = "a \"b\"\n\xff";
	buf_init(&text, 8192);
	buf_init(&twice, 8192);
	assert_int_equal(host_record_write(&record, &text, NULL), 0);
	assert_int_equal(host_record_read(buf_span(&text), place.host.arena,
				 &again, NULL),
		0);
	assert_int_equal(host_record_write(&again, &twice, NULL), 0);
	assert_string_equal(buf_str(&text), buf_str(&twice));
	assert_true(again.principals);
	assert_int_equal(again.renew_at_s, NOW_S + 2400);
	assert_int_equal(host_record_read(span_str("{\"later\": 1}"),
				 place.host.arena, &again, NULL),
		0);
	assert_string_equal(again.host, "");
	assert_int_not_equal(host_record_read(span_str("[]"), place.host.arena,
				     &again, NULL),
		0);
	buf_clear(&text);
	buf_clear(&twice);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_host_prints_this),
		cmocka_unit_test(a_failed_run_is_shown_in_both_forms),
		cmocka_unit_test(a_far_time_is_shown),
		cmocka_unit_test(each_fault_has_its_words),
		cmocka_unit_test(a_record_is_read_as_it_was_written),
	};

	return cmocka_run_group_tests(tests, make_place, remove_place);
}
