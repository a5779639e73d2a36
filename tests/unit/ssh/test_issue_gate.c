/*
 * The gate of reliability.md L52: a certificate that fits passes, and each
 * thing that it could grant beyond the role is seen by the check that is there
 * for it, whoever let it in.
 */
#include "tests/unit/ssh/cert_fixture.h"

#include <sodium.h>

#include "lib/sshkeypair.h"
#include "server/engines/ssh/ca/cert_gate.h"
#include "tests/support/figures.h"

#define ROLE                                                                   \
	USER_ROLE ",\"allowed_users\":\"ops,deploy\",\"max_ttl\":600,"         \
		  "\"allowed_critical_options\":\"mine\","                     \
		  "\"allowed_extensions\":\"permit-pty,login@x\","             \
		  "\"denied_extensions\":\"login@x\","                         \
		  "\"default_extensions\":{\"permit-user-rc\":\"\"},"          \
		  "\"default_critical_options\":{\"force-command\":\"date\"}," \
		  "\"forced_critical_options\":{\"source-address\":"           \
		  "\"10.0.0.0/8\"}"
#define HOSTS                                                                  \
	HOST_ROLE ",\"allowed_domains\":\"example.com\","                      \
		  "\"allow_subdomains\":true"
#define SERIAL 0xf65ed2fd21443d5c
#define OPTIONS_MAX 4

static struct identity_fixture somebody;
static struct sshkeypair *subject, *ca, *other;
static const uint8_t nonce[32] = { 1 };

static int
setup(void **state)
{
	(void)state;
	identity_fixture_init(&somebody);
	return sodium_init() < 0 ||
		sshkeypair_generate("ed25519", 0, &subject, NULL) != 0 ||
		sshkeypair_generate("ec", 256, &ca, NULL) != 0 ||
		sshkeypair_generate("ec", 256, &other, NULL) != 0;
}

static int
teardown(void **state)
{
	(void)state;
	sshkeypair_free(&subject);
	sshkeypair_free(&ca);
	sshkeypair_free(&other);
	arena_free(&somebody.arena);
	return 0;
}

/* A certificate under way, and what it will be held against. */
struct made {
	struct sshcert_parts parts;
	struct span principals[2];
	struct sshcert_option critical[OPTIONS_MAX], extensions[OPTIONS_MAX];
	const struct sshkeypair *signer;
	const char *from, *to; /* bytes changed before it is signed */
	struct ssh_role *role;
	struct cert_caller caller;
	struct cert_gate gate;
	struct ssh_issuer_limits limits;
	const char *forced[2]; /* of the limits: a name and its value */
	size_t cut;            /* bytes off its end */
};

static void
set_option(struct sshcert_option *option, const char *name, const char *value)
{
	*option = (struct sshcert_option){ span_str(name), span_str(value) };
}

static void
one_principal(struct made *made, const char *name)
{
	made->principals[0] = span_str(name);
	made->parts.n_principals = 1;
}

/* One that fits, with as much in it as the role allows. */
static void
make(struct made *made, const char *role)
{
	*made = (struct made){ .signer = ca,
		.role = role_of(role, somebody.arena),
		.caller = caller_of(&somebody.identity) };
	made->parts = (struct sshcert_parts){
		.nonce = span_of(nonce, sizeof(nonce)),
		.key = sshkeypair_public(subject),
		.serial = SERIAL,
		.type = SSHCERT_USER,
		.key_id = span_str("an id"),
		.principals = made->principals,
		.n_principals = 2,
		.after_s = NOW_S - 30,
		.before_s = NOW_S + 600,
		.critical = made->critical,
		.n_critical = 3,
		.extensions = made->extensions,
		.n_extensions = 2,
		.ca = sshkeypair_public(ca),
	};
	made->principals[0] = span_str("deploy");
	made->principals[1] = span_str("ops");
	set_option(&made->critical[0], "force-command", "date");
	set_option(&made->critical[1], "source-address", "10.1.0.0/16");
	set_option(&made->critical[2], "mine", "");
	set_option(&made->extensions[0], "permit-pty", "");
	set_option(&made->extensions[1], "permit-user-rc", "");
	made->gate = (struct cert_gate){ .role = made->role,
		.caller = &made->caller,
		.key = made->parts.key,
		.ca = made->parts.ca,
		.serial = SERIAL,
		.limits = &made->limits,
		.arena = somebody.arena };
}

static void
issuer_forces(struct made *made, const char *name, const char *value)
{
	made->forced[0] = name;
	made->forced[1] = value;
	made->limits.forced =
		(struct str_map){ &made->forced[0], &made->forced[1], 1 };
}

static void
make_host(struct made *made, const char *role)
{
	make(made, role);
	made->parts.type = SSHCERT_HOST;
	made->parts.n_critical = made->parts.n_extensions = 0;
	one_principal(made, "a.example.com");
}

/* Put other bytes of the same length into what is to be signed. */
static void
patch(struct buf *cert, const char *from, const char *to)
{
	uint8_t *at = memmem(cert->data, cert->len, from, strlen(from));

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
}

/* The gate's word: NULL, or the detail of its refusal. */
static const char *
judge(struct made *made)
{
	static char detail[ERR_DETAIL_MAX];
	struct err err = { 0 };
	struct buf cert, signature;
	int rc;

	buf_init(&cert, SSHCERT_BLOB_MAX);
	buf_init(&signature, 4096);
	assert_int_equal(sshcert_build(&made->parts, &cert), 0);
	if (made->from != NULL)
		patch(&cert, made->from, made->to);
	assert_int_equal(sshkeypair_sign(made->signer, "", false,
				 buf_span(&cert), &signature, &err),
		0);
	assert_int_equal(sshcert_add_signature(&cert, buf_span(&signature)), 0);
	rc = cert_gate_check(
		&made->gate, span_of(cert.data, cert.len - made->cut), &err);
	buf_clear(&cert);
	buf_clear(&signature);
	if (rc == 0)
		return NULL;
	assert_int_equal(rc, ERR_INTERNAL);
	assert_int_equal(err.status, 500);
	memcpy(detail, err.detail, sizeof(detail));
	return detail;
}

/* ---- what could be wrong ------------------------------------------------- */

#define WRONG(name) static void name(struct made *made)

WRONG(cut_short)
{
	made->cut = 1;
}

WRONG(another_issuer)
{
	made->parts.ca = sshkeypair_public(other);
	made->signer = other;
}

WRONG(another_signer)
{
	made->signer = other;
}

WRONG(another_key)
{
	made->parts.key = sshkeypair_public(other);
}

WRONG(another_serial)
{
	made->parts.serial++;
}

WRONG(no_serial)
{
	made->parts.serial = made->gate.serial = 0;
}

WRONG(host_type)
{
	made->parts.type = SSHCERT_HOST;
	one_principal(made, "ops");
}

WRONG(user_type)
{
	made->parts.type = SSHCERT_USER;
}

WRONG(role_of_another_type)
{
	made->role->key_type = "otp";
}

WRONG(longer_than_the_role)
{
	made->parts.before_s++;
}

WRONG(longer_than_the_mount)
{
	made->caller.max_ttl_s = 599;
}

WRONG(longer_than_the_issuer)
{
	made->limits.max_validity_s = 629;
}

WRONG(for_ever)
{
	made->role->max_ttl = 0;
	made->parts.before_s = UINT64_MAX;
}

WRONG(over_already)
{
	made->parts.before_s = NOW_S;
}

WRONG(from_later_on)
{
	made->parts.after_s = NOW_S + 1;
}

WRONG(from_too_far_back)
{
	made->parts.after_s--;
}

WRONG(from_the_beginning)
{
	made->role->not_before_duration = NOW_S;
	made->parts.after_s = 0;
}

WRONG(no_key_id)
{
	made->parts.key_id = span_str("");
}

WRONG(long_key_id)
{
	static char text[CERT_KEY_ID_MAX + 2];

	memset(text, 'x', CERT_KEY_ID_MAX + 1);
	made->parts.key_id = span_str(text);
}

WRONG(control_in_key_id)
{
	made->parts.key_id = span_str("a\nb");
}

WRONG(no_principals)
{
	made->parts.n_principals = 0;
}

WRONG(another_principal)
{
	made->principals[1] = span_str("root");
}

WRONG(star_in_a_list)
{
	made->role->allowed_users = "ops,deploy,*";
	made->principals[1] = span_str("root");
}

WRONG(bad_principal)
{
	made->role->allowed_users = "*";
	made->from = "deploy";
	made->to = "dep oy";
}

WRONG(two_in_one_principal)
{
	made->role->allowed_users = "*";
	made->from = "deploy";
	made->to = "dep,oy";
}

WRONG(template_of_nobody)
{
	made->role->allowed_users = "{{identity.entity.name}}";
	made->role->allowed_users_template = true;
	made->caller.identity = NULL;
	one_principal(made, "Bob");
}

WRONG(bare_domain)
{
	one_principal(made, "example.com");
}

WRONG(half_a_label)
{
	one_principal(made, "evilexample.com");
}

WRONG(pattern)
{
	one_principal(made, "*.example.com");
}

WRONG(address_below_a_domain)
{
	made->role->allowed_domains = "0.1";
	one_principal(made, "10.0.0.1");
}

WRONG(no_forced_command)
{
	made->critical[0] = made->critical[2];
	made->parts.n_critical = 2;
}

WRONG(another_command)
{
	set_option(&made->critical[0], "force-command", "sh");
}

WRONG(no_forced_option)
{
	made->critical[1] = made->critical[2];
	made->parts.n_critical = 2;
}

WRONG(wider_addresses)
{
	set_option(&made->critical[1], "source-address", "0.0.0.0/0");
}

WRONG(one_block_too_many)
{
	set_option(
		&made->critical[1], "source-address", "10.1.0.0/16,11.0.0.0/8");
}

WRONG(no_option_of_the_issuer)
{
	issuer_forces(made, "theirs", "");
}

WRONG(another_value_than_the_issuers)
{
	issuer_forces(made, "force-command", "id");
}

WRONG(wider_addresses_than_the_issuers)
{
	issuer_forces(made, "source-address", "10.1.0.0/17");
}

WRONG(another_option)
{
	set_option(&made->critical[2], "yours", "");
}

WRONG(no_address)
{
	made->role->bind_source_address = true;
	made->role->forced_critical_options.n = 0;
	made->critical[1] = made->critical[2];
	made->parts.n_critical = 2;
}

WRONG(more_than_the_address)
{
	made->role->bind_source_address = true;
}

WRONG(address_of_a_socket)
{
	static char text[NETADDR_TEXT_MAX];

	made->role->bind_source_address = true;
	made->role->forced_critical_options.n = 0;
	made->caller.address = (struct netaddr){ .family = 0 };
	netaddr_format(&made->caller.address, text);
	set_option(&made->critical[1], "source-address", text);
}

WRONG(another_extension)
{
	set_option(&made->extensions[0], "permit-port-forwarding", "");
}

WRONG(denied_extension)
{
	set_option(&made->extensions[0], "login@x", "");
}

WRONG(extension_of_a_strict_mount)
{
	made->role->allowed_extensions = "";
	made->caller.strict_extensions = true;
}

static const struct {
	void (*spoil)(struct made *made);
	const char *detail;
	bool host;
} wrongs[] = {
	{ cut_short, "gate: form", false },
	{ another_issuer, "gate: issuer", false },
	{ another_signer, "gate: signature", false },
	{ another_key, "gate: key", false },
	{ another_serial, "gate: serial", false },
	{ no_serial, "gate: serial", false },
	{ host_type, "gate: type", false },
	{ user_type, "gate: type", true },
	{ role_of_another_type, "gate: type", false },
	{ longer_than_the_role, "gate: validity", false },
	{ longer_than_the_mount, "gate: validity", false },
	{ longer_than_the_issuer, "gate: validity", false },
	{ for_ever, "gate: validity", false },
	{ over_already, "gate: validity", false },
	{ from_later_on, "gate: validity", false },
	{ from_too_far_back, "gate: validity", false },
	{ from_the_beginning, "gate: validity", false },
	{ no_key_id, "gate: key id", false },
	{ long_key_id, "gate: key id", false },
	{ control_in_key_id, "gate: key id", false },
	{ no_principals, "gate: principals", false },
	{ no_principals, "gate: principals", true },
	{ another_principal, "gate: principals", false },
	{ star_in_a_list, "gate: principals", false },
	{ bad_principal, "gate: principals", false },
	{ two_in_one_principal, "gate: principals", false },
	{ template_of_nobody, "gate: principals", false },
	{ bare_domain, "gate: principals", true },
	{ half_a_label, "gate: principals", true },
	{ pattern, "gate: principals", true },
	{ address_below_a_domain, "gate: principals", true },
	{ no_forced_command, "gate: sticky options", false },
	{ another_command, "gate: sticky options", false },
	{ no_forced_option, "gate: sticky options", false },
	{ wider_addresses, "gate: sticky options", false },
	{ one_block_too_many, "gate: sticky options", false },
	{ no_option_of_the_issuer, "gate: issuer's options", false },
	{ another_value_than_the_issuers, "gate: issuer's options", false },
	{ wider_addresses_than_the_issuers, "gate: issuer's options", false },
	{ another_option, "gate: critical options", false },
	{ no_address, "gate: bound address", false },
	{ more_than_the_address, "gate: bound address", false },
	{ address_of_a_socket, "gate: bound address", false },
	{ another_extension, "gate: extensions", false },
	{ denied_extension, "gate: extensions", false },
	{ extension_of_a_strict_mount, "gate: extensions", false },
};

static void
each_thing_too_much_is_seen(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		struct made made;
		const char *detail = NULL;

		if (wrongs[i].host)
			make_host(&made, HOSTS);
		else
			make(&made, ROLE);
		wrongs[i].spoil(&made);
		detail = judge(&made);
		if (detail != NULL && strcmp(detail, wrongs[i].detail) == 0)
			continue;
		print_message("case %zu: want %s, got %s\n", i,
			wrongs[i].detail, detail != NULL ? detail : "yes");
		failures++;
	}
	figures_report("L52", ARRAY_LEN(wrongs), failures, "spoiled");
	assert_int_equal(failures, 0);
}

static void
expect_pass(struct made *made)
{
	const char *detail = judge(made);

	if (detail != NULL)
		fail_msg("refused: %s", detail);
}

static void
what_fits_passes(void **state)
{
	struct made made;

	(void)state;
	make(&made, ROLE);
	expect_pass(&made);
	make(&made, ROLE);
	made.role->bind_source_address = true;
	set_option(&made.critical[1], "source-address", "10.1.2.3");
	expect_pass(&made);
	make(&made, ROLE);
	made.role->allow_empty_principals = true;
	no_principals(&made);
	expect_pass(&made);
	make(&made, ROLE);
	made.role->allowed_users = "ops,{{identity.entity.name}}";
	made.role->allowed_users_template = true;
	one_principal(&made, "Bob");
	expect_pass(&made);
	/* The issuer's word counts beside the role's. */
	make(&made, ROLE);
	another_option(&made);
	issuer_forces(&made, "yours", "");
	made.limits.max_validity_s = 630;
	expect_pass(&made);
	make(&made, ROLE);
	issuer_forces(&made, "source-address", "10.0.0.0/9");
	expect_pass(&made);
	make_host(&made, HOSTS);
	expect_pass(&made);
	make_host(&made, HOSTS);
	issuer_forces(&made, "force-command", "date");
	expect_pass(&made);
	make_host(&made, HOSTS);
	made.role->allowed_domains = "*";
	pattern(&made);
	expect_pass(&made);
	make_host(&made, HOSTS);
	made.role->allow_bare_domains = true;
	bare_domain(&made);
	expect_pass(&made);
}

/* No byte of a certificate can be changed behind its signature. */
static void
a_flipped_byte_is_seen(void **state)
{
	struct made made;
	struct buf cert, signature;
	unsigned failures = 0, n = 0;

	(void)state;
	make(&made, ROLE);
	buf_init(&cert, SSHCERT_BLOB_MAX);
	buf_init(&signature, 4096);
	assert_int_equal(sshcert_build(&made.parts, &cert), 0);
	assert_int_equal(sshkeypair_sign(ca, "", false, buf_span(&cert),
				 &signature, NULL),
		0);
	assert_int_equal(sshcert_add_signature(&cert, buf_span(&signature)), 0);
	for (size_t i = 0; i < cert.len; i++, n++) {
		struct err err = { 0 };

		cert.data[i] ^= 1;
		failures +=
			cert_gate_check(&made.gate, buf_span(&cert), &err) == 0;
		cert.data[i] ^= 1;
	}
	figures_report("L52", n, failures, "flipped bytes");
	assert_int_equal(failures, 0);
	buf_clear(&cert);
	buf_clear(&signature);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_passes),
		cmocka_unit_test(each_thing_too_much_is_seen),
		cmocka_unit_test(a_flipped_byte_is_seen),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
