/* Keys as callers write them, and the sizes that a role takes. */
#include "server/engines/ssh/ca/cert_key.h"

#include <inttypes.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/number.h"
#include "lib/sshkey.h"

#define RSA_BITS_NEW 4096
#define EC_BITS_NEW 256

/*
 * A kind of key, and the names under which allowed_user_key_lengths may have
 * it. Under a sized name the key's bits must be among the numbers; under
 * another one any number will do, since the name says it all. Keys on security
 * tokens count as what they are on disk too.
 */
struct cert_key_kind {
	const char *ssh_name;
	const char *family; /* in texts */
	int64_t bits;       /* 0: it depends on the key */

	struct {
		const char *name;
		bool sized;
	} names[4];
};

#define ECDSA(ssh_name, bits, ...)                                             \
	{                                                                      \
		ssh_name, "ecdsa", bits,                                       \
		{                                                              \
			{ "ecdsa", true }, { "ec", true },                     \
				{ "ecdsa-sha2-nistp" #bits, false },           \
				__VA_ARGS__                                    \
		}                                                              \
	}
#define SK_ED25519 "sk-ssh-ed25519@openssh.com"
#define SK_ECDSA "sk-ecdsa-sha2-nistp256@openssh.com"

static const struct cert_key_kind kinds[] = {
	{ "ssh-rsa", "rsa", 0, { { "rsa", true }, { "ssh-rsa", true } } },
	ECDSA("ecdsa-sha2-nistp256", 256, { NULL, false }),
	ECDSA("ecdsa-sha2-nistp384", 384, { NULL, false }),
	ECDSA("ecdsa-sha2-nistp521", 521, { NULL, false }),
	{ "ssh-ed25519", "ed25519", 0,
		{ { "ed25519", false }, { "ssh-ed25519", false } } },
	{ SK_ED25519, "ed25519", 0,
		{ { "ed25519", false }, { "ssh-ed25519", false },
			{ SK_ED25519, false } } },
	ECDSA(SK_ECDSA, 256, { SK_ECDSA, false }),
};

static const struct cert_key_kind *
find_kind(struct span ssh_name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (span_equal(ssh_name, span_str(kinds[i].ssh_name)))
			return &kinds[i];
	}
	return NULL;
}

static bool
is_rsa(const struct cert_key_kind *kind)
{
	return strcmp(kind->family, "rsa") == 0;
}

/* ---- parsing ------------------------------------------------------------ */

static int
refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_INPUT, 400,
		"failed to parse public_key as SSH key: %s", why);
}

/* The next word between blanks of *text, which is moved behind it. */
static struct span
next_word(const char **text)
{
	static const char blanks[] = " \t\r\n";
	struct span word;

	*text += strspn(*text, blanks);
	word = span_of(*text, strcspn(*text, " \t"));
	*text += word.len;
	while (word.len > 0 &&
		strchr(blanks, (char)word.data[word.len - 1]) != NULL)
		word.len--;
	return word;
}

/* A comment may follow the key, another line not: it may be another key. */
static bool
has_line_behind(const char *comment)
{
	const char *end = comment + strcspn(comment, "\r\n");

	return end[strspn(end, " \t\r\n")] != '\0';
}

/* The bytes of base64 that may be broken into lines, in arena. */
static int
decode(struct span text, struct arena *arena, struct span *ret_blob,
	struct err *err)
{
	struct buf joined, blob;
	struct span copy;
	int rc;

	buf_init(&joined, SSHKEY_LINE_MAX);
	buf_init(&blob, SSHKEY_BLOB_MAX);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '\r' && text.data[i] != '\n')
			(void)buf_add_char(&joined, (char)text.data[i]);
	}
	rc = joined.rc != 0 ? joined.rc
			    : base64_decode(buf_span(&joined), &blob);
	if (rc == 0) {
		copy = arena_dup(arena, buf_span(&blob));
		rc = copy.data == NULL ? ERR_MEMORY : 0;
	}
	buf_clear(&joined);
	buf_clear(&blob);
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	if (rc != 0)
		return refuse(err,
			rc == ERR_LIMIT ? "too long" : "illegal base64 data");
	*ret_blob = copy;
	return 0;
}

/* The bits of an RSA key that may be too small to be of use; 0: no key. */
static int64_t
rsa_bits(struct span blob)
{
	struct sshwire in = sshwire_of(blob);
	struct span n;
	int64_t bits;

	(void)sshwire_string(&in);
	(void)sshwire_mpint(&in);
	n = sshwire_mpint(&in);
	if (!sshwire_end(&in) || n.len == 0)
		return 0;
	bits = 8 * (int64_t)n.len;
	for (unsigned top = n.data[0]; (top & 0x80) == 0; top <<= 1)
		bits--;
	return bits;
}

/* Which key the blob is. */
static int
read_blob(struct span blob, struct cert_key *ret_key, struct err *err)
{
	struct sshwire in = sshwire_of(blob);
	struct span name = sshwire_string(&in);
	struct cert_key key = { .blob = blob, .kind = find_kind(name) };
	struct sshkey parsed;
	bool is_cert = false;

	if (in.bad)
		return refuse(err, "ssh: short read");
	if (sshkey_kind(name, &is_cert) != NULL && is_cert)
		return refuse(err, "key is a certificate");
	if (key.kind == NULL)
		return err_set(err, ERR_INPUT, 400,
			"failed to parse public_key as SSH key: ssh: unknown key algorithm: %.*s",
			(int)(name.len < 64 ? name.len : 64),
			(const char *)name.data);
	key.bits = is_rsa(key.kind) ? rsa_bits(blob) : key.kind->bits;
	/* What is wrong with a small one, its size, is told by the check. */
	if (!is_rsa(key.kind) || key.bits == 0 ||
		key.bits >= SSHKEY_RSA_BITS_MIN) {
		if (sshkey_parse(blob, &parsed) != 0)
			return refuse(
				err, "ssh: not a key of the type that it says");
	}
	*ret_key = key;
	return 0;
}

int
cert_key_parse(const char *text, struct arena *arena, struct cert_key *ret_key,
	struct err *err)
{
	struct span first = next_word(&text);
	struct span second = next_word(&text);
	struct cert_key key = { .kind = NULL };
	struct span blob = SPAN_NONE;
	int rc = has_line_behind(text)
		? refuse(err, "more than one line")
		: decode(second.len > 0 ? second : first, arena, &blob, err);

	if (rc == 0)
		rc = read_blob(blob, &key, err);
	if (rc == 0 && second.len > 0 &&
		!span_equal(first, span_str(key.kind->ssh_name)))
		rc = refuse(
			err, "the word in front is not the type of the key");
	if (rc == 0)
		*ret_key = key;
	return rc;
}

/* ---- sizes -------------------------------------------------------------- */

static bool
sizes_have(const struct value *sizes, int64_t bits)
{
	VALUE_EACH (size, sizes) {
		int64_t n = size->type == VALUE_INT ? size->integer : 0;

		/* As the store gives them back. */
		if (size->type == VALUE_NUMBER &&
			number_parse_api(value_text(size), &n) != 0)
			continue;
		if (n == bits)
			return true;
	}
	return false;
}

enum verdict { TAKEN, NO_SUCH_TYPE, NO_SUCH_SIZE };

/* What the role's lengths say of a key of this kind and size. */
static enum verdict
look_up(const struct ssh_role *role, const struct cert_key_kind *kind,
	int64_t bits)
{
	const struct value *lengths = role->allowed_user_key_lengths;
	enum verdict verdict = NO_SUCH_TYPE;

	if (lengths == NULL || lengths->n == 0)
		return TAKEN;
	for (size_t i = 0; i < ARRAY_LEN(kind->names); i++) {
		const char *name = kind->names[i].name;
		const struct value *sizes =
			name != NULL ? value_find(lengths, name) : NULL;

		if (sizes == NULL)
			continue;
		verdict = NO_SUCH_SIZE;
		if (kind->names[i].sized ? sizes_have(sizes, bits)
					 : sizes->n > 0)
			return TAKEN;
	}
	return verdict;
}

#define NOT_MET "public_key failed to meet the key requirements: "

int
cert_key_check(const struct ssh_role *role, const struct cert_key *key,
	struct err *err)
{
	enum verdict verdict = look_up(role, key->kind, key->bits);

	if (verdict == NO_SUCH_TYPE)
		return err_set(err, ERR_INPUT, 400,
			NOT_MET "key of type %s is not allowed",
			key->kind->family);
	if (verdict == NO_SUCH_SIZE ||
		(is_rsa(key->kind) && key->bits < SSHKEY_RSA_BITS_MIN))
		return err_set(err, ERR_INPUT, 400,
			NOT_MET "key is of an invalid size: %" PRId64,
			key->bits);
	return 0;
}

int
cert_key_check_new(const struct ssh_role *role, const char *type, int64_t bits,
	struct err *err)
{
	const struct cert_key_kind *kind =
		find_kind(span_of(type, strlen(type)));

	if (strcmp(type, "rsa") == 0)
		kind = find_kind(span_str("ssh-rsa"));
	if (strcmp(type, "ed25519") == 0)
		kind = find_kind(span_str("ssh-ed25519"));
	if (strcmp(type, "ec") == 0) {
		bits = bits != 0 ? bits : EC_BITS_NEW;
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
			if (kinds[i].bits == bits && kind == NULL)
				kind = &kinds[i];
		}
	}
	if (kind == NULL)
		return 0;
	if (bits == 0)
		bits = is_rsa(kind) ? RSA_BITS_NEW : kind->bits;
	switch (look_up(role, kind, bits)) {
	case NO_SUCH_TYPE:
		return err_set(err, ERR_INPUT, 400,
			"provided key_type value not in allowed_user_key_types");
	case NO_SUCH_SIZE:
		return err_set(err, ERR_INPUT, 400,
			"provided key_bits value not in list of role's allowed_user_key_types");
	case TAKEN:
		break;
	}
	return 0;
}
