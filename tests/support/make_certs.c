/*
 * make_certs SEED N: as many random certificates, each with what was meant by
 * it, as lines of JSON. Byte strings are in hex. The keys are new at each run,
 * the rest follows from the seed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/codec.h"
#include "lib/number.h"
#include "lib/random.h"
#include "lib/sshcert.h"
#include "lib/sshkeypair.h"

#define OPTIONS_MAX 8
#define TEXT_MAX ((size_t)256 * 1024)
#define BLOBS_MAX 7

/* Cheap CAs sign more often, so that many certificates take little time. */
static const char *const ca_types[] = { "ed25519", "ec", "ed25519",
	"ecdsa-sha2-nistp384", "ec", "ed25519", "ecdsa-sha2-nistp521",
	"ssh-rsa", "ssh-rsa" };
static const char *const rsa_algorithms[] = { "rsa-sha2-256", "rsa-sha2-512" };
static const char *const key_types[] = { "ed25519", "ec", "ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521", "rsa" };

static struct sshkeypair *cas[ARRAY_LEN(ca_types)];
static struct buf blobs[BLOBS_MAX]; /* of all types, security tokens too */

/* ---- chance (splitmix64) ---------------------------------------------- */

static uint64_t chance;

static uint64_t
draw(void)
{
	uint64_t z = chance += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static size_t
draw_below(size_t limit)
{
	return (size_t)(draw() % limit);
}

/* Often at an edge. */
static uint64_t
draw_number(void)
{
	static const uint64_t edges[] = { 0, 1, 0x7fffffff, 0x80000000,
		0xffffffff, 0x100000000, INT64_MAX, 0x8000000000000000,
		UINT64_MAX - 1, UINT64_MAX };
	const uint64_t any = draw();

	return any % 3 == 0 ? edges[draw_below(ARRAY_LEN(edges))]
			    : any >> draw_below(64);
}

/* ---- texts ------------------------------------------------------------ */

static char room[TEXT_MAX];
static size_t used;

/* len characters of these, in the room of this certificate. */
static struct span
draw_text(const char *alphabet, size_t len)
{
	const size_t n = strlen(alphabet), from = used;

	if (len > sizeof(room) - used)
		abort();
	while (used < from + len)
		room[used++] = alphabet[draw_below(n)];
	return span_of(room + from, len);
}

static const char name_chars[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%";
static const char user_chars[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%"
	"#$&()+/;<=>@[]^`{|}~";
static const char text_chars[] =
	"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ,0123456789"
	"\\\"*?!\t\x01\x7f\x80\xff\xc3\xa9";

static size_t
draw_principals(enum sshcert_type type, struct span *names)
{
	static const size_t counts[] = { 0, 1, 1, 2, 3, 10, 20 };
	const size_t n = draw_below(40) == 0
		? SSHCERT_PRINCIPALS_MAX
		: counts[draw_below(ARRAY_LEN(counts))];
	const char *alphabet = type == SSHCERT_HOST ? name_chars : user_chars;

	for (size_t i = 0; i < n; i++)
		names[i] = draw_text(alphabet,
			1 + draw_below(draw_below(8) == 0 ? 255 : 20));
	return n;
}

/* Names do not repeat, as each ends in a number of its own. */
static size_t
draw_options(struct sshcert_option *options)
{
	const size_t n = draw_below(OPTIONS_MAX + 1);

	for (size_t i = 0; i < n; i++) {
		options[i].name = draw_text(name_chars, 1 + draw_below(30));
		room[used - 1] = (char)('0' + i);
		options[i].value = draw_text(text_chars,
			draw_below(3) == 0 ? 0 : 1 + draw_below(200));
	}
	return n;
}

/* ---- keys ------------------------------------------------------------- */

static struct sshkeypair *
make_pair(const char *type)
{
	struct sshkeypair *pair = NULL;
	const bool is_rsa = strstr(type, "rsa") != NULL &&
		strstr(type, "ecdsa") == NULL && strstr(type, "nist") == NULL;

	if (sshkeypair_generate(type, is_rsa ? 2048 : 0, &pair, NULL) != 0)
		abort();
	return pair;
}

/* The same parts under the name of a security token's key. */
static void
make_sk(struct span blob, const char *name, struct buf *out)
{
	struct sshwire in = sshwire_of(blob);

	(void)sshwire_string(&in);
	(void)sshwire_add_string(out, span_str(name));
	(void)buf_add_span(out, in.rest);
	(void)sshwire_add_string(out, span_str("ssh:"));
}

static void
make_keys(void)
{
	for (size_t i = 0; i < BLOBS_MAX; i++)
		buf_init(&blobs[i], SSHKEY_BLOB_MAX);
	for (size_t i = 0; i < ARRAY_LEN(key_types); i++) {
		struct sshkeypair *pair = make_pair(key_types[i]);

		(void)buf_add_span(&blobs[i], sshkeypair_public(pair));
		sshkeypair_free(&pair);
	}
	make_sk(buf_span(&blobs[0]), "sk-ssh-ed25519@openssh.com", &blobs[5]);
	make_sk(buf_span(&blobs[1]), "sk-ecdsa-sha2-nistp256@openssh.com",
		&blobs[6]);
	for (size_t i = 0; i < ARRAY_LEN(ca_types); i++)
		cas[i] = make_pair(ca_types[i]);
}

static void
free_keys(void)
{
	for (size_t i = 0; i < BLOBS_MAX; i++)
		buf_clear(&blobs[i]);
	for (size_t i = 0; i < ARRAY_LEN(ca_types); i++)
		sshkeypair_free(&cas[i]);
}

/* ---- what was meant --------------------------------------------------- */

static void
print_hex(struct span bytes)
{
	char digits[3];

	putchar('"');
	for (size_t i = 0; i < bytes.len; i++) {
		hex_encode(bytes.data + i, 1, digits);
		(void)fputs(digits, stdout);
	}
	putchar('"');
}

static void
print_field(const char *name, struct span bytes)
{
	printf(", \"%s\": ", name);
	print_hex(bytes);
}

static void
print_options(const char *name, const struct sshcert_option *options, size_t n)
{
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < n; i++) {
		printf("%s[", i > 0 ? ", " : "");
		print_hex(options[i].name);
		printf(", ");
		print_hex(options[i].value);
		printf("]");
	}
	printf("]");
}

static void
print_cert(const struct sshcert_parts *parts, struct span cert)
{
	printf("{\"type\": %d, \"serial\": %llu, \"after\": %llu, \"before\": %llu",
		(int)parts->type, (unsigned long long)parts->serial,
		(unsigned long long)parts->after_s,
		(unsigned long long)parts->before_s);
	print_field("cert", cert);
	print_field("nonce", parts->nonce);
	print_field("key", parts->key);
	print_field("ca", parts->ca);
	print_field("key_id", parts->key_id);
	printf(", \"principals\": [");
	for (size_t i = 0; i < parts->n_principals; i++) {
		printf("%s", i > 0 ? ", " : "");
		print_hex(parts->principals[i]);
	}
	printf("]");
	print_options("critical", parts->critical, parts->n_critical);
	print_options("extensions", parts->extensions, parts->n_extensions);
	printf("}\n");
}

/* ---- certificates ----------------------------------------------------- */

static void
make_cert(const struct sshkeypair *ca, const char *algorithm)
{
	static struct span principals[SSHCERT_PRINCIPALS_MAX];
	struct sshcert_option critical[OPTIONS_MAX], extensions[OPTIONS_MAX];
	uint8_t nonce[32];
	struct sshcert_parts parts = {
		.nonce = span_of(nonce, sizeof(nonce)),
		.key = buf_span(&blobs[draw_below(BLOBS_MAX)]),
		.serial = draw_number(),
		.type = draw_below(2) == 0 ? SSHCERT_USER : SSHCERT_HOST,
		.principals = principals,
		.after_s = draw_number(),
		.before_s = draw_number(),
		.critical = critical,
		.extensions = extensions,
		.ca = sshkeypair_public(ca),
	};
	struct buf cert, signature;

	used = 0;
	random_bytes(nonce, sizeof(nonce));
	parts.key_id = draw_text(text_chars, draw_below(1025));
	parts.n_principals = draw_principals(parts.type, principals);
	parts.n_critical = draw_options(critical);
	parts.n_extensions = draw_options(extensions);
	buf_init(&cert, SSHCERT_BLOB_MAX);
	buf_init(&signature, 8192);
	if (sshcert_build(&parts, &cert) != 0 ||
		sshkeypair_sign(ca, algorithm, false, buf_span(&cert),
			&signature, NULL) != 0 ||
		sshcert_add_signature(&cert, buf_span(&signature)) != 0)
		abort();
	print_cert(&parts, buf_span(&cert));
	buf_clear(&signature);
	buf_clear(&cert);
}

int
main(int argc, char **argv)
{
	uint64_t n = 0;

	if (argc != 3 ||
		number_parse_u64(span_str(argv[1]), UINT64_MAX, &chance) != 0 ||
		number_parse_u64(span_str(argv[2]), UINT64_MAX, &n) != 0)
		return 2;
	make_keys();
	for (; n > 0; n--) {
		const size_t at = draw_below(ARRAY_LEN(cas));
		const bool is_rsa = strcmp(ca_types[at], "ssh-rsa") == 0;

		make_cert(cas[at], is_rsa ? rsa_algorithms[at % 2] : NULL);
	}
	free_keys();
	return 0;
}
