/* Tokens, nonces and certificates of hosts in time. */
#include "tests/unit/ssh/ssh_fixture.h"

#include "lib/codec.h"
#include "lib/sshkeypair.h"
#include "lib/sshsig.h"

#define HOSTS                                                                  \
	"{\"key_type\":\"ca\",\"allow_host_certificates\":true,"               \
	"\"allowed_domains\":\"example.com\",\"allow_subdomains\":true,"       \
	"\"ttl\":3600}"
#define HOST "web1.example.com"
#define HOUR_S INT64_C(3600)
#define DAY_S (24 * HOUR_S)
#define LARGE 500 /* tokens of 16 KiB */

static struct sshkeypair *pair; /* the host's */

/* A mount that signs hosts, and a host with a key. */
static int
setup_hosts(void **state)
{
	struct err err = { 0 };

	if (setup(state) != 0 ||
		sshkeypair_generate("ed25519", 0, &pair, &err) != 0)
		return 1;
	api_call(fixture, OP_UPDATE, "ssh/config/ca",
		"{\"key_type\":\"ed25519\"}", &reply);
	if (reply.status != 200)
		return 1;
	api_call(fixture, OP_UPDATE, "ssh/roles/host", HOSTS, &reply);
	return reply.status != 204;
}

static int
teardown_hosts(void **state)
{
	sshkeypair_free(&pair);
	return teardown(state);
}

#define WITH_HOST(name)                                                        \
	cmocka_unit_test_setup_teardown(name, setup_hosts, teardown_hosts)

static void
go_to(int64_t ahead_s)
{
	fixture->clock_ahead_ns = ahead_s * CLOCK_NS_PER_S;
}

/* As the host itself, without a token; the status. */
static int
ask(const char *path, const char *body)
{
	api_call_as(fixture, NULL, "POST", path, body, &reply);
	return reply.status;
}

static const char *
told(const char *name)
{
	const char *text = value_find_str(reply.data, name, NULL);

	assert_non_null(text);
	return text;
}

/* A token for the host that lives so long; 0: as long as by default. */
static const char *
new_token(int64_t ttl_s)
{
	api_call(fixture, OP_UPDATE, "ssh/enrol/tokens",
		arena_printf(fixture->arena,
			"{\"host\":\"" HOST
			"\",\"role\":\"host\",\"ttl\":%lld}",
			(long long)ttl_s),
		&reply);
	assert_int_equal(reply.status, 200);
	return told("enrolment_token");
}

static int
enrol(const char *token)
{
	const char *line = sshkey_line(fixture->arena, sshkeypair_public(pair));

	return ask("ssh/enrol",
		arena_printf(fixture->arena,
			"{\"enrolment_token\":\"%s\",\"public_key\":\"%s\"}",
			token, line));
}

static void
ask_challenge(void)
{
	assert_int_equal(
		ask("ssh/enrol/challenge", "{\"host\":\"" HOST "\"}"), 200);
}

/* The signature of what the last answer told to sign, as base64. */
static const char *
sign_told(void)
{
	struct sshsig sig = { .key = sshkeypair_public(pair),
		.name = span_str(told("namespace")),
		.hash_name = span_str("sha512") };
	struct buf data, signature, whole, text;
	const char *copy;
	struct err err = { 0 };

	buf_init(&data, SSHSIG_MAX);
	buf_init(&signature, SSHSIG_MAX);
	buf_init(&whole, SSHSIG_MAX);
	buf_init(&text, 2 * SSHSIG_MAX);
	assert_int_equal(sshsig_signed_data(sig.name, sig.hash_name,
				 span_str(told("message")), &data),
		0);
	assert_int_equal(sshkeypair_sign(pair, NULL, false, buf_span(&data),
				 &signature, &err),
		0);
	sig.signature = buf_span(&signature);
	assert_int_equal(sshsig_build(&sig, &whole), 0);
	assert_int_equal(base64_encode(buf_span(&whole), &text), 0);
	copy = arena_strdup(fixture->arena, buf_str(&text));
	buf_clear(&data);
	buf_clear(&signature);
	buf_clear(&whole);
	buf_clear(&text);
	return copy;
}

/* The body of a renewal by a new nonce. */
static const char *
renewal(void)
{
	const char *signature;

	ask_challenge();
	signature = sign_told();
	return arena_printf(fixture->arena,
		"{\"host\":\"" HOST "\",\"nonce\":\"%s\",\"signature\":\"%s\"}",
		told("nonce"), signature);
}

static void
assert_refused(int status, const char *text)
{
	assert_int_equal(status, 400);
	assert_string_equal(api_error(&reply), text);
}

static void
a_token_waits_an_hour_unless_told_and_a_day_at_most(void **state)
{
	static const struct {
		int64_t ttl_s, lives_s;
	} rows[] = { { 0, HOUR_S }, { 60, 60 }, { DAY_S, DAY_S } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *one = new_token(rows[i].ttl_s);
		const char *other = new_token(rows[i].ttl_s);
		int64_t ahead_s = fixture->clock_ahead_ns / CLOCK_NS_PER_S;

		go_to(ahead_s + rows[i].lives_s - 5);
		assert_int_equal(enrol(one), 200);
		go_to(ahead_s + rows[i].lives_s + 5);
		assert_refused(enrol(other), "invalid enrolment token");
	}
}

static void
a_nonce_is_good_for_a_minute(void **state)
{
	const char *first, *second;

	(void)state;
	assert_int_equal(enrol(new_token(0)), 200);
	first = renewal();
	second = renewal();
	go_to(50);
	assert_int_equal(ask("ssh/enrol/renew", first), 200);
	go_to(65);
	assert_refused(ask("ssh/enrol/renew", second),
		"invalid host, nonce or signature");
	assert_int_equal(ask("ssh/enrol/renew", renewal()), 200);
}

static void
a_certificate_is_renewed_for_a_week_past_its_end(void **state)
{
	const int64_t last_s = HOUR_S + 7 * DAY_S;

	(void)state;
	assert_int_equal(enrol(new_token(0)), 200);
	go_to(last_s - 20);
	assert_int_equal(ask("ssh/enrol/renew", renewal()), 200);
	go_to(2 * last_s + 20);
	assert_refused(ask("ssh/enrol/renew", renewal()),
		"the current certificate ended too long ago: enrol the host again");
	assert_int_equal(enrol(new_token(0)), 200);
	assert_int_equal(ask("ssh/enrol/renew", renewal()), 200);
}

static void
what_was_used_is_not_listed(void **state)
{
	const char *token = new_token(0);

	(void)state;
	(void)new_token(60);
	api_call(fixture, OP_LIST, "ssh/enrol/tokens", NULL, &reply);
	assert_int_equal(value_find(reply.data, "keys")->n, 2);
	assert_int_equal(enrol(token), 200);
	api_call(fixture, OP_LIST, "ssh/enrol/tokens", NULL, &reply);
	assert_int_equal(value_find(reply.data, "keys")->n, 1);
}

/* Tokens with as many blocks of addresses as there may be. */
static void
tokens_with_many_blocks_are_listed(void **state)
{
	struct buf body;

	(void)state;
	buf_init(&body, 32768);
	(void)buf_add_str(&body,
		"{\"host\":\"" HOST
		"\",\"role\":\"host\",\"cidr_list\":\"10.0.0.0/24");
	for (int i = 1; i < 1024; i++)
		(void)buf_addf(&body, ",10.%d.%d.0/24", i / 256, i % 256);
	(void)buf_add_str(&body, "\"}");
	for (int i = 0; i < LARGE; i++) {
		api_call(fixture, OP_UPDATE, "ssh/enrol/tokens", buf_str(&body),
			&reply);
		assert_int_equal(reply.status, 200);
	}
	buf_clear(&body);
	api_call(fixture, OP_LIST, "ssh/enrol/tokens", NULL, &reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(value_find(reply.data, "keys")->n, LARGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HOST(a_token_waits_an_hour_unless_told_and_a_day_at_most),
		WITH_HOST(a_nonce_is_good_for_a_minute),
		WITH_HOST(a_certificate_is_renewed_for_a_week_past_its_end),
		WITH_HOST(what_was_used_is_not_listed),
		WITH_HOST(tokens_with_many_blocks_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
