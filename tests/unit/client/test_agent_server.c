/* The private agent: what it answers, over its socket and off it. */
#include "client/agent_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/agent_bind.h"
#include "lib/sshcert.h"

#define CERTIFICATE identity.blob
#define DATA span_str("what ssh wants signed")
#define FAILURE 5
#define SUCCESS 6
#define IDENTITIES 11
#define IDENTITIES_ANSWER 12
#define SIGN 13
#define SIGNATURE 14
#define EXTENSION 27
#define SESSION "the session's id"

static struct private_dir dir;
static struct sshkeypair *pair;
static struct buf certificate;
static struct agent_identity identity;
static struct agent_server *agent;
static struct agent_talk talk;
static char path[PRIVATE_PATH_MAX];
static struct err err;

/* What the agent asked last, and how often. */
static struct agent_destination asked;
static size_t n_asked;

static const struct agent_identity *
choose(void *ctx, const struct agent_destination *destination)
{
	n_asked++;
	asked = *destination;
	return ctx;
}

/* A certificate of a key, signed by the key itself. */
static void
make_certificate(const struct sshkeypair *of, struct buf *out)
{
	static const uint8_t nonce[32];
	const struct span name = span_str("ubuntu");
	const struct sshcert_parts parts = { .nonce = span_of(nonce, 32),
		.key = sshkeypair_public(of),
		.serial = 1,
		.type = SSHCERT_USER,
		.key_id = name,
		.principals = &name,
		.n_principals = 1,
		.before_s = 1,
		.ca = sshkeypair_public(of) };
	struct buf signature;

	buf_init(&signature, 65536);
	assert_int_equal(sshcert_build(&parts, out), 0);
	assert_int_equal(sshkeypair_sign(of, NULL, false, buf_span(out),
				 &signature, &err),
		0);
	assert_int_equal(sshcert_add_signature(out, buf_span(&signature)), 0);
	buf_clear(&signature);
}

static int
start_with(const char *type, unsigned bits)
{
	int fd;

	if (sshkeypair_generate(type, bits, &pair, &err) != 0)
		return -1;
	if (private_dir_open(&dir, &err) != 0 ||
		private_dir_listen(&dir, "agent", path, &fd, &err) != 0 ||
		agent_server_new(fd, choose, &identity, &agent, &err) != 0)
		return -1;
	buf_init(&certificate, 65536);
	make_certificate(pair, &certificate);
	identity = (struct agent_identity){ pair, buf_span(&certificate) };
	agent_talk_init(&talk);
	n_asked = 0;
	return 0;
}

static int
start(void **state)
{
	(void)state;
	return start_with("ed25519", 0);
}

static int
start_rsa(void **state)
{
	(void)state;
	return start_with("rsa", 2048);
}

static int
stop(void **state)
{
	(void)state;
	buf_clear(&certificate);
	agent_talk_clear(&talk);
	agent_server_free(&agent);
	private_dir_close(&dir);
	sshkeypair_free(&pair);
	return 0;
}

static void
make_sign_request(struct span key, uint32_t flags, struct buf *out)
{
	buf_init(out, 65536);
	(void)buf_add_char(out, SIGN);
	(void)sshwire_add_string(out, key);
	(void)sshwire_add_string(out, DATA);
	(void)buf_add_u32be(out, flags);
}

/* The type of the answer to a request; the rest of it into answer. */
static uint8_t
ask(struct span request, struct buf *answer, struct sshwire *ret_rest)
{
	buf_init(answer, 65536);
	assert_int_equal(
		agent_server_answer(agent, &talk, request, answer, &err), 0);
	*ret_rest = sshwire_of(buf_span(answer));
	return sshwire_u8(ret_rest);
}

static void
its_one_identity_is_the_certificate(void **state)
{
	const uint8_t request = IDENTITIES;
	struct sshwire in;
	struct buf answer;

	(void)state;
	assert_int_equal(
		ask(span_of(&request, 1), &answer, &in), IDENTITIES_ANSWER);
	assert_int_equal(sshwire_u32(&in), 1);
	assert_true(span_equal(sshwire_string(&in), CERTIFICATE));
	(void)sshwire_string(&in);
	assert_true(sshwire_end(&in));
	buf_clear(&answer);
}

/* So many identities. */
static uint32_t
count_identities(void)
{
	const uint8_t request = IDENTITIES;
	struct sshwire in;
	struct buf answer;
	uint32_t n;

	assert_int_equal(
		ask(span_of(&request, 1), &answer, &in), IDENTITIES_ANSWER);
	n = sshwire_u32(&in);
	buf_clear(&answer);
	return n;
}

static void
each_list_asks_for_the_identity(void **state)
{
	(void)state;
	assert_int_equal(count_identities(), 1);
	assert_true(n_asked == 1 && asked.host_key.len == 0);
	assert_false(asked.forwarded);
	identity.blob = SPAN_NONE;
	assert_int_equal(count_identities(), 0);
	assert_true(n_asked == 2);
}

static void
signs_and_is_verified(struct span as, uint32_t flags, const char *algorithm)
{
	struct sshwire in, signature;
	struct sshkey key;
	struct buf request, answer;
	struct span blob;
	uint8_t ret_flags = 0;

	make_sign_request(as, flags, &request);
	assert_int_equal(ask(buf_span(&request), &answer, &in), SIGNATURE);
	blob = sshwire_string(&in);
	assert_true(sshwire_end(&in));
	assert_int_equal(sshkey_parse(sshkeypair_public(pair), &key), 0);
	assert_int_equal(sshkey_verify(&key, blob, DATA, &ret_flags), 0);
	signature = sshwire_of(blob);
	assert_true(
		span_equal(sshwire_string(&signature), span_str(algorithm)));
	buf_clear(&request);
	buf_clear(&answer);
}

static void
it_signs_by_certificate_and_by_key(void **state)
{
	(void)state;
	signs_and_is_verified(CERTIFICATE, 0, "ssh-ed25519");
	signs_and_is_verified(sshkeypair_public(pair), 0, "ssh-ed25519");
}

/* Somebody may have been shown it before the one that is listed now. */
static void
it_signs_by_an_earlier_certificate_of_its_key(void **state)
{
	const struct span earlier = identity.blob;
	struct buf later;

	(void)state;
	buf_init(&later, 65536);
	(void)buf_add_span(&later, earlier);
	later.data[later.len - 1] ^= 1;
	identity.blob = buf_span(&later);
	signs_and_is_verified(earlier, 0, "ssh-ed25519");
	buf_clear(&later);
}

static void
an_rsa_key_signs_as_ssh_asks(void **state)
{
	(void)state;
	signs_and_is_verified(sshkeypair_public(pair), 4, "rsa-sha2-512");
	signs_and_is_verified(sshkeypair_public(pair), 2, "rsa-sha2-256");
}

static void
other_keys_and_requests_are_refused(void **state)
{
	struct sshkeypair *other = NULL;
	struct sshwire in;
	struct buf request, answer, theirs;

	(void)state;
	assert_int_equal(sshkeypair_generate("ed25519", 0, &other, &err), 0);
	buf_init(&theirs, 65536);
	make_certificate(other, &theirs);
	const struct span keys[] = { sshkeypair_public(other),
		buf_span(&theirs), span_str("another key"), SPAN_NONE };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		make_sign_request(keys[i], 0, &request);
		assert_int_equal(
			ask(buf_span(&request), &answer, &in), FAILURE);
		buf_clear(&request);
		buf_clear(&answer);
	}
	buf_clear(&theirs);
	sshkeypair_free(&other);
	for (int type = 0; type < 256; type++) {
		const uint8_t byte = (uint8_t)type;
		const uint8_t got = ask(span_of(&byte, 1), &answer, &in);

		assert_int_equal(
			got, type == IDENTITIES ? IDENTITIES_ANSWER : FAILURE);
		buf_clear(&answer);
	}
}

static void
a_request_cut_short_or_too_long_is_refused(void **state)
{
	struct sshwire in;
	struct buf request, answer;

	(void)state;
	make_sign_request(CERTIFICATE, 0, &request);
	for (size_t len = 0; len < request.len; len++) {
		assert_int_equal(
			ask(span_of(request.data, len), &answer, &in), FAILURE);
		buf_clear(&answer);
	}
	(void)buf_add_char(&request, 0);
	assert_int_equal(ask(buf_span(&request), &answer, &in), FAILURE);
	buf_clear(&request);
	buf_clear(&answer);
}

/* ---- bound to a destination --------------------------------------------- */

static struct sshkeypair *host;

static int
start_bound(void **state)
{
	return sshkeypair_generate("ed25519", 0, &host, &err) != 0 ||
		start(state) != 0;
}

static int
stop_bound(void **state)
{
	sshkeypair_free(&host);
	return stop(state);
}

/* The contents of a session-bind, signed by signer over another's session. */
static void
make_binding(const struct sshkeypair *key, const struct sshkeypair *signer,
	const char *session, bool forwarding, struct buf *out)
{
	struct buf signature;

	buf_init(out, 65536);
	buf_init(&signature, 65536);
	assert_int_equal(sshkeypair_sign(signer, NULL, false, span_str(SESSION),
				 &signature, &err),
		0);
	(void)sshwire_add_string(out, sshkeypair_public(key));
	(void)sshwire_add_string(out, span_str(session));
	(void)sshwire_add_string(out, buf_span(&signature));
	(void)buf_add_char(out, forwarding ? 1 : 0);
	buf_clear(&signature);
}

static uint8_t
extend(const char *name, struct span contents)
{
	struct buf request, answer;
	struct sshwire in;
	uint8_t type;

	buf_init(&request, 65536);
	(void)buf_add_char(&request, EXTENSION);
	(void)sshwire_add_string(&request, span_str(name));
	(void)buf_add_span(&request, contents);
	type = ask(buf_span(&request), &answer, &in);
	buf_clear(&request);
	buf_clear(&answer);
	return type;
}

static uint8_t
bind_to(const struct sshkeypair *key, const struct sshkeypair *signer,
	const char *session, bool forwarding)
{
	struct buf contents;
	uint8_t type;

	make_binding(key, signer, session, forwarding, &contents);
	type = extend(AGENT_BIND_NAME, buf_span(&contents));
	buf_clear(&contents);
	return type;
}

/* What ssh signs to log in; host_key empty: without it. */
struct login {
	const char *session;
	uint8_t type;
	const char *service, *method;
	struct span key, host_key;
};

static const struct login plain = { SESSION, 50, "ssh-connection", "publickey",
	{ NULL, 0 }, { NULL, 0 } };
#define HOSTBOUND "publickey-hostbound-v00@openssh.com"

static uint8_t
sign_login(const struct login *login)
{
	const struct span key =
		login->key.len > 0 ? login->key : sshkeypair_public(pair);
	struct buf data, request, answer;
	struct sshwire in;
	uint8_t type;

	buf_init(&data, 65536);
	(void)sshwire_add_string(&data, span_str(login->session));
	(void)buf_add_char(&data, (char)login->type);
	(void)sshwire_add_string(&data, span_str("ubuntu"));
	(void)sshwire_add_string(&data, span_str(login->service));
	(void)sshwire_add_string(&data, span_str(login->method));
	(void)buf_add_char(&data, 1);
	(void)sshwire_add_string(&data, span_str("ssh-ed25519"));
	(void)sshwire_add_string(&data, key);
	if (login->host_key.len > 0)
		(void)sshwire_add_string(&data, login->host_key);
	buf_init(&request, 65536);
	(void)buf_add_char(&request, SIGN);
	(void)sshwire_add_string(&request, sshkeypair_public(pair));
	(void)sshwire_add_string(&request, buf_span(&data));
	(void)buf_add_u32be(&request, 0);
	type = ask(buf_span(&request), &answer, &in);
	buf_clear(&data);
	buf_clear(&request);
	buf_clear(&answer);
	return type;
}

static void
a_binding_names_the_destination(void **state)
{
	(void)state;
	assert_int_equal(bind_to(host, host, SESSION, false), SUCCESS);
	assert_int_equal(count_identities(), 1);
	assert_true(span_equal(asked.host_key, sshkeypair_public(host)));
	assert_false(asked.forwarded);
}

/* On a connection of its own, since a refusal ends it. */
static uint8_t
extend_anew(struct span contents)
{
	agent_talk_clear(&talk);
	return extend(AGENT_BIND_NAME, contents);
}

static void
a_binding_that_the_host_did_not_sign_is_refused(void **state)
{
	const struct {
		const struct sshkeypair *signer;
		const char *session;
		uint8_t answer;
	} cases[] = {
		{ host, SESSION, SUCCESS },
		{ pair, SESSION, FAILURE },
		{ host, "another session", FAILURE },
		{ host, "", FAILURE },
	};
	struct buf contents;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		make_binding(host, cases[i].signer, cases[i].session, false,
			&contents);
		assert_int_equal(
			extend_anew(buf_span(&contents)), cases[i].answer);
		buf_clear(&contents);
	}
	make_binding(host, host, SESSION, false, &contents);
	for (size_t len = 0; len < contents.len; len++)
		assert_int_equal(
			extend_anew(span_of(contents.data, len)), FAILURE);
	(void)buf_add_char(&contents, 0);
	assert_int_equal(extend_anew(buf_span(&contents)), FAILURE);
	buf_clear(&contents);
}

/* Who forwards it to others cannot make it look as if nobody did. */
static void
a_refused_binding_is_the_end(void **state)
{
	(void)state;
	assert_int_equal(extend("query", SPAN_NONE), FAILURE);
	assert_int_equal(count_identities(), 1);
	assert_int_equal(bind_to(host, pair, SESSION, true), FAILURE);
	assert_int_equal(count_identities(), 0);
	assert_int_equal(sign_login(&plain), FAILURE);
	assert_int_equal(bind_to(host, host, SESSION, false), FAILURE);
	assert_int_equal(count_identities(), 0);
	assert_int_equal(sign_login(&plain), FAILURE);
	assert_true(n_asked == 1);
}

static void
a_bound_client_gets_signatures_for_its_session_alone(void **state)
{
	const struct login logins[] = {
		{ "another session", 50, plain.service, plain.method, SPAN_NONE,
			SPAN_NONE },
		{ SESSION, 51, plain.service, plain.method, SPAN_NONE,
			SPAN_NONE },
		{ SESSION, 50, "ssh-userauth", plain.method, SPAN_NONE,
			SPAN_NONE },
		{ SESSION, 50, plain.service, "hostbased", SPAN_NONE,
			SPAN_NONE },
		{ SESSION, 50, plain.service, plain.method,
			span_str("another key"), SPAN_NONE },
		{ SESSION, 50, plain.service, plain.method, SPAN_NONE,
			sshkeypair_public(host) },
		{ SESSION, 50, plain.service, HOSTBOUND, SPAN_NONE, SPAN_NONE },
		{ SESSION, 50, plain.service, HOSTBOUND, SPAN_NONE,
			sshkeypair_public(pair) },
	};
	const struct login bound = { SESSION, 50, plain.service, HOSTBOUND,
		SPAN_NONE, sshkeypair_public(host) };
	struct buf request, answer;
	struct sshwire in;

	(void)state;
	assert_int_equal(bind_to(host, host, SESSION, false), SUCCESS);
	assert_int_equal(sign_login(&plain), SIGNATURE);
	assert_int_equal(sign_login(&bound), SIGNATURE);
	for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
		if (sign_login(&logins[i]) != FAILURE)
			fail_msg("login %zu was signed", i);
	}
	/* And nothing that is no login at all. */
	make_sign_request(sshkeypair_public(pair), 0, &request);
	assert_int_equal(ask(buf_span(&request), &answer, &in), FAILURE);
	buf_clear(&request);
	buf_clear(&answer);
}

static void
a_connection_is_bound_once(void **state)
{
	(void)state;
	assert_int_equal(bind_to(host, host, SESSION, false), SUCCESS);
	assert_int_equal(bind_to(host, host, SESSION, false), SUCCESS);
	assert_int_equal(sign_login(&plain), SIGNATURE);
	assert_int_equal(bind_to(pair, pair, SESSION, false), FAILURE);
	assert_int_equal(sign_login(&plain), FAILURE);
}

static void
hosts_that_forward_are_told_and_are_no_destination(void **state)
{
	const struct login other = { "another session", 50, plain.service,
		plain.method, SPAN_NONE, SPAN_NONE };

	(void)state;
	assert_int_equal(bind_to(pair, pair, SESSION, true), SUCCESS);
	assert_int_equal(count_identities(), 1);
	assert_true(asked.forwarded && asked.host_key.len == 0);
	assert_int_equal(sign_login(&other), SIGNATURE);
	assert_int_equal(bind_to(host, host, SESSION, false), SUCCESS);
	assert_int_equal(count_identities(), 1);
	assert_true(asked.forwarded);
	assert_true(span_equal(asked.host_key, sshkeypair_public(host)));
	assert_int_equal(sign_login(&other), FAILURE);
	assert_int_equal(sign_login(&plain), SIGNATURE);
}

/* ---- over the socket -------------------------------------------------- */

static int
connect_to_it(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&address, sizeof(address)),
		0);
	return fd;
}

/* What a poll loop does, until nothing is left to do. */
static void
serve_all(void)
{
	const struct child_service service = agent_server_service(agent);
	struct pollfd fds[AGENT_SERVER_POLLS];

	for (;;) {
		const size_t n = service.polls(service.ctx, fds);

		assert_true(n <= AGENT_SERVER_POLLS);
		if (poll(fds, n, 0) <= 0)
			return;
		service.serve(service.ctx, fds, n);
	}
}

static const uint8_t list_request[] = { 0, 0, 0, 1, IDENTITIES };

static void
requests_in_pieces_and_in_heaps_are_answered(void **state)
{
	const int fd = connect_to_it();
	uint8_t answer[4096];
	ssize_t one, two;

	(void)state;
	for (size_t i = 0; i < sizeof(list_request); i++) {
		assert_int_equal(send(fd, list_request + i, 1, 0), 1);
		serve_all();
	}
	one = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	assert_true(one > 5);
	assert_int_equal(answer[4], IDENTITIES_ANSWER);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
			send(fd, list_request, sizeof(list_request), 0),
			sizeof(list_request));
	serve_all();
	two = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	assert_int_equal(two, 2 * one);
	(void)close(fd);
}

static void
a_request_that_is_too_large_ends_its_connection(void **state)
{
	static const uint8_t huge[65536 + 4096] = { 0x7f, 0xff };
	const int fd = connect_to_it();
	size_t sent = 0;
	char byte;

	(void)state;
	while (sent < sizeof(huge)) {
		const ssize_t n = send(fd, huge + sent, sizeof(huge) - sent,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		serve_all();
		if (n < 0)
			break;
	}
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
	(void)close(fd);
}

static void
one_connection_too_many_is_turned_away(void **state)
{
	int fds[AGENT_SERVER_POLLS];
	char byte;

	(void)state;
	for (size_t i = 0; i < AGENT_SERVER_POLLS; i++) {
		fds[i] = connect_to_it();
		serve_all();
	}
	assert_int_equal(
		recv(fds[AGENT_SERVER_POLLS - 1], &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
	(void)close(fds[0]);
	serve_all();
	fds[0] = connect_to_it();
	assert_int_equal(send(fds[0], list_request, sizeof(list_request), 0),
		sizeof(list_request));
	serve_all();
	assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), 1);
	for (size_t i = 0; i < AGENT_SERVER_POLLS; i++)
		(void)close(fds[i]);
}

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, stop)
#define BOUND(test)                                                            \
	cmocka_unit_test_setup_teardown(test, start_bound, stop_bound)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(its_one_identity_is_the_certificate, start),
		WITH(each_list_asks_for_the_identity, start),
		WITH(it_signs_by_certificate_and_by_key, start),
		WITH(it_signs_by_an_earlier_certificate_of_its_key, start),
		WITH(an_rsa_key_signs_as_ssh_asks, start_rsa),
		WITH(other_keys_and_requests_are_refused, start),
		WITH(a_request_cut_short_or_too_long_is_refused, start),
		WITH(requests_in_pieces_and_in_heaps_are_answered, start),
		WITH(a_request_that_is_too_large_ends_its_connection, start),
		WITH(one_connection_too_many_is_turned_away, start),
		BOUND(a_binding_names_the_destination),
		BOUND(a_binding_that_the_host_did_not_sign_is_refused),
		BOUND(a_refused_binding_is_the_end),
		BOUND(a_bound_client_gets_signatures_for_its_session_alone),
		BOUND(a_connection_is_bound_once),
		BOUND(hosts_that_forward_are_told_and_are_no_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
