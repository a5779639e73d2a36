/* Calls over SSH and their answers cross the seam as they are. */
#include "server/outbound/ssh_message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "server/outbound/outbound_op.h"
#include "tests/support/in_arena.h"

static const char *const pins[] = { "ssh-ed25519 AAAA", "SHA256:x" };

static const struct outbound_ssh_step steps[] = {
	{ .kind = OUTBOUND_SSH_EXEC,
		.command = "sh -c 'cat'",
		.input = { (const uint8_t *)"a\0b", 3 },
		.await = "READY",
		.more = { (const uint8_t *)"go\n", 3 },
		.is_list = true },
	{ .kind = OUTBOUND_SSH_UPLOAD, .command = "file", .may_fail = true },
};

static const struct outbound_ssh call = {
	.host = "fe80::1%eth0",
	.port = 65535,
	.source = "10.0.0.1",
	.user = "admin",
	.key = { (const uint8_t *)"key\n", 4 },
	.host_keys = pins,
	.n_host_keys = ARRAY_LEN(pins),
	.policy = OUTBOUND_HOST_KEY_TOFU,
	.legacy_crypto = true,
	.deadline_ms = INT64_C(5000000000),
	.steps = steps,
	.n_steps = ARRAY_LEN(steps),
};

static const struct outbound_ssh_result results[] = {
	{ .exit_status = -1, .signal = "KILL", .is_cut = true },
	{ .exit_status = INT32_MAX - 1,
		.signal = "",
		.output = { (const uint8_t *)"o\0u", 3 },
		.error = { (const uint8_t *)"e", 1 } },
};

static const struct outbound_ssh_answer answer = {
	.end = OUTBOUND_SSH_LATE,
	.why = "no answer in time",
	.host_key = "ssh-ed25519 AAAA",
	.fingerprint = "SHA256:x",
	.banner = "SSH-2.0-a",
	.results = results,
	.n_results = ARRAY_LEN(results),
};

static void
expect_step(const struct outbound_ssh_step *read,
	const struct outbound_ssh_step *step)
{
	assert_int_equal(read->kind, step->kind);
	assert_string_equal(read->command, step->command);
	assert_true(span_equal(read->input, step->input));
	if (step->await == NULL)
		assert_null(read->await);
	else
		assert_string_equal(read->await, step->await);
	assert_true(span_equal(read->more, step->more));
	assert_int_equal(read->may_fail, step->may_fail);
	assert_int_equal(read->is_list, step->is_list);
}

static void
a_call_arrives_as_it_was_sent(void **state)
{
	struct outbound_ssh read;
	struct ipc_message in;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, OUTBOUND_MESSAGE_MAX);
	ssh_message_add_call(&bytes, &call);
	in = ipc_read(buf_span(&bytes));
	assert_int_equal(ipc_take_byte(&in), OUTBOUND_SSH);
	assert_int_equal(ssh_message_read_call(&in, arena, &read, NULL), 0);
	assert_string_equal(read.host, call.host);
	assert_int_equal(read.port, call.port);
	assert_string_equal(read.source, call.source);
	assert_string_equal(read.user, call.user);
	assert_true(secret_equal(read.key, call.key));
	assert_int_equal(read.n_host_keys, 2);
	assert_string_equal(read.host_keys[1], pins[1]);
	assert_int_equal(read.policy, call.policy);
	assert_true(read.legacy_crypto);
	assert_int_equal(read.deadline_ms, call.deadline_ms);
	assert_int_equal(read.n_steps, 2);
	expect_step(&read.steps[0], &steps[0]);
	expect_step(&read.steps[1], &steps[1]);
	buf_clear(&bytes);
}

static void
expect_result(const struct outbound_ssh_result *read,
	const struct outbound_ssh_result *result)
{
	assert_int_equal(read->exit_status, result->exit_status);
	assert_string_equal(read->signal, result->signal);
	assert_true(span_equal(read->output, result->output));
	assert_true(span_equal(read->error, result->error));
	assert_int_equal(read->is_cut, result->is_cut);
}

static void
an_answer_arrives_as_it_was_sent(void **state)
{
	struct outbound_ssh_answer read;
	struct ipc_message in;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, OUTBOUND_MESSAGE_MAX);
	ssh_message_add_answer(&bytes, &answer);
	in = ipc_read(buf_span(&bytes));
	assert_int_equal(ssh_message_read_answer(&in, arena, &read, NULL), 0);
	assert_int_equal(read.end, answer.end);
	assert_string_equal(read.why, answer.why);
	assert_string_equal(read.host_key, answer.host_key);
	assert_string_equal(read.fingerprint, answer.fingerprint);
	assert_string_equal(read.banner, answer.banner);
	assert_int_equal(read.n_results, 2);
	expect_result(&read.results[0], &results[0]);
	expect_result(&read.results[1], &results[1]);
	buf_clear(&bytes);
}

static void
the_largest_answer_there_is_has_room(void **state)
{
	static uint8_t output[OUTBOUND_SSH_LIST_MAX];
	struct outbound_ssh_result all[OUTBOUND_SSH_STEPS_MAX];
	const struct outbound_ssh_answer largest = { .why = "",
		.host_key = "",
		.fingerprint = "",
		.banner = "",
		.results = all,
		.n_results = ARRAY_LEN(all) };
	struct buf bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		all[i] = (struct outbound_ssh_result){ .signal = "",
			.output = span_of(output,
				i == 0 ? OUTBOUND_SSH_LIST_MAX
				       : OUTBOUND_SSH_OUTPUT_MAX),
			.error = span_of(output, OUTBOUND_SSH_OUTPUT_MAX) };
	buf_init(&bytes, OUTBOUND_MESSAGE_MAX);
	ssh_message_add_answer(&bytes, &largest);
	assert_int_equal(buf_check(&bytes, NULL), 0);
	buf_clear(&bytes);
}

/* Each field's length, too large or too small, and each cut of the whole. */
static void
a_message_that_was_changed_is_never_read_past_its_end(void **state)
{
	struct outbound_ssh_answer read_answer;
	struct outbound_ssh read_call;
	struct ipc_message in;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, OUTBOUND_MESSAGE_MAX);
	ssh_message_add_call(&bytes, &call);
	for (size_t i = 1; i < bytes.len; i++) {
		in = ipc_read(span_of(bytes.data + 1, i - 1));
		assert_int_equal(
			ssh_message_read_call(&in, arena, &read_call, NULL),
			ERR_PEER);
		bytes.data[i] ^= 0x80;
		in = ipc_read(span_skip(buf_span(&bytes), 1));
		(void)ssh_message_read_call(&in, arena, &read_call, NULL);
		bytes.data[i] ^= 0x80;
	}
	buf_reset(&bytes);
	ssh_message_add_answer(&bytes, &answer);
	for (size_t i = 0; i < bytes.len; i++) {
		in = ipc_read(span_of(bytes.data, i));
		assert_int_equal(
			ssh_message_read_answer(&in, arena, &read_answer, NULL),
			ERR_PEER);
	}
	buf_clear(&bytes);
}

static void
a_scan_and_what_it_found_arrive_as_they_were_sent(void **state)
{
	const struct outbound_scan scan = { "host", 22, "::1", 1000 };
	const struct outbound_ssh_offer offer = { "SSH-2.0-a", "k", "t,u", "c",
		"m", pins, ARRAY_LEN(pins) };
	struct outbound_ssh_offer read_offer;
	struct outbound_scan read_scan;
	struct ipc_message in;
	struct buf bytes;

	(void)state;
	buf_init(&bytes, OUTBOUND_MESSAGE_MAX);
	ssh_message_add_scan(&bytes, &scan);
	in = ipc_read(buf_span(&bytes));
	assert_int_equal(ipc_take_byte(&in), OUTBOUND_SSH_SCAN);
	assert_int_equal(
		ssh_message_read_scan(&in, arena, &read_scan, NULL), 0);
	assert_string_equal(read_scan.host, scan.host);
	assert_int_equal(read_scan.port, scan.port);
	assert_string_equal(read_scan.source, scan.source);
	assert_int_equal(read_scan.deadline_ms, scan.deadline_ms);
	buf_reset(&bytes);
	ssh_message_add_offer(&bytes, &offer);
	in = ipc_read(buf_span(&bytes));
	assert_int_equal(
		ssh_message_read_offer(&in, arena, &read_offer, NULL), 0);
	assert_string_equal(read_offer.host_key_types, offer.host_key_types);
	assert_string_equal(read_offer.macs, offer.macs);
	assert_int_equal(read_offer.n_host_keys, 2);
	assert_string_equal(read_offer.host_keys[0], pins[0]);
	buf_clear(&bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_arrives_as_it_was_sent),
		cmocka_unit_test(an_answer_arrives_as_it_was_sent),
		cmocka_unit_test(the_largest_answer_there_is_has_room),
		cmocka_unit_test(
			a_message_that_was_changed_is_never_read_past_its_end),
		cmocka_unit_test(
			a_scan_and_what_it_found_arrive_as_they_were_sent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
