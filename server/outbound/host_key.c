/* Pins of host keys, and the algorithms that ask for keys of their types. */
#include "server/outbound/host_key.h"

#include "lib/codec.h"
#include "lib/netaddr.h"
#include "lib/sshkey.h"

#define PREFIX "SHA256:"
#define ALGORITHMS_MAX 512
#define REFUSAL_MAX 900 /* of ERR_MESSAGE_MAX */

/* In the order of preference. */
static const struct {
	const char *name;
	const char *algorithms;
	const char *legacy; /* with legacy_crypto, behind the others */
} types_known[HOST_KEY_TYPES] = {
	{ "ssh-ed25519", "ssh-ed25519", NULL },
	{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", NULL },
	{ "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", NULL },
	{ "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", NULL },
	{ "ssh-rsa", "rsa-sha2-512,rsa-sha2-256", "ssh-rsa" },
};

/* ---- pins ---------------------------------------------------------------- */

static bool
is_fingerprint(const char *text)
{
	struct buf padded, hash;
	bool good = strlen(text) == SSHKEY_FINGERPRINT_MAX - 1 &&
		span_has_prefix(span_str(text), span_str(PREFIX));

	if (!good)
		return false;
	/* ssh-keygen leaves the padding out. */
	buf_init(&padded, SSHKEY_FINGERPRINT_MAX);
	buf_init(&hash, SSHKEY_FINGERPRINT_MAX);
	(void)buf_addf(&padded, "%s=", text + strlen(PREFIX));
	good = base64_decode(buf_span(&padded), &hash) == 0;
	buf_clear(&hash);
	buf_clear(&padded);
	return good;
}

static int
read_pin(const char *text, struct arena *arena, struct span *ret_blob,
	struct err *err)
{
	int rc;

	if (is_fingerprint(text))
		return 0;
	rc = sshkey_parse_line(span_str(text), arena, ret_blob);
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	if (rc != 0)
		return err_set(err, ERR_INPUT, 400,
			"\"%.64s\" is no host key: give \"type base64\" or \"SHA256:…\"",
			text);
	return 0;
}

int
host_key_read_pins(const char *const *texts, size_t n, struct arena *arena,
	struct host_key_pins *ret_pins, struct err *err)
{
	struct span *blobs = ARENA_ARRAY(arena, struct span, n + 1);
	int rc = blobs == NULL ? err_set_memory(err) : 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = read_pin(texts[i], arena, &blobs[i], err);
	if (rc == 0)
		*ret_pins = (struct host_key_pins){ texts, blobs, n };
	return rc;
}

bool
host_key_has_fingerprint(const struct host_key_pins *pins)
{
	for (size_t i = 0; i < pins->n; i++)
		if (pins->blobs[i].len == 0)
			return true;
	return false;
}

/* ---- types --------------------------------------------------------------- */

unsigned
host_key_type(struct span blob)
{
	struct sshwire in = sshwire_of(blob);
	const struct span name = sshwire_string(&in);

	for (unsigned i = 0; i < HOST_KEY_TYPES; i++)
		if (span_equal(name, span_str(types_known[i].name)))
			return 1U << i;
	return 0;
}

/* Two lists by comma have a name in common. */
static bool
meets(const char *one, const char *other)
{
	struct span name, other_name;
	size_t pos = 0, other_pos;

	while (comma_next(one, &pos, &name)) {
		other_pos = 0;
		while (comma_next(other, &other_pos, &other_name))
			if (span_equal(name, other_name))
				return true;
	}
	return false;
}

unsigned
host_key_types_of(const char *algorithms)
{
	unsigned types = 0;

	for (unsigned i = 0; i < HOST_KEY_TYPES; i++)
		if (meets(types_known[i].algorithms, algorithms) ||
			(types_known[i].legacy != NULL &&
				meets(types_known[i].legacy, algorithms)))
			types |= 1U << i;
	return types;
}

static void
add_name(struct buf *list, const char *name)
{
	if (list->len > 0)
		(void)buf_add_char(list, ',');
	(void)buf_add_str(list, name);
}

static void
add_types(struct buf *list, unsigned types)
{
	for (unsigned i = 0; i < HOST_KEY_TYPES; i++)
		if ((types & 1U << i) != 0)
			add_name(list, types_known[i].algorithms);
}

static void
add_legacy(struct buf *list, unsigned types)
{
	for (unsigned i = 0; i < HOST_KEY_TYPES; i++)
		if ((types & 1U << i) != 0 && types_known[i].legacy != NULL)
			add_name(list, types_known[i].legacy);
}

const char *
host_key_algorithms(const struct host_key_pins *pins, unsigned types,
	bool legacy_crypto, struct arena *arena)
{
	const char *names = NULL;
	unsigned pinned = 0;
	struct buf list;

	buf_init(&list, ALGORITHMS_MAX);
	for (size_t i = 0; i < pins->n; i++)
		pinned |= host_key_type(pins->blobs[i]) & types;
	add_types(&list, pinned);
	if (legacy_crypto)
		add_legacy(&list, pinned);
	add_types(&list, types & ~pinned);
	if (legacy_crypto)
		add_legacy(&list, types & ~pinned);
	if (list.rc == 0)
		names = arena_strdup(arena, buf_str(&list));
	buf_clear(&list);
	return names;
}

/* ---- the key that was shown ---------------------------------------------- */

bool
host_key_is_pinned(const struct host_key_pins *pins, struct span blob)
{
	char fingerprint[SSHKEY_FINGERPRINT_MAX];

	sshkey_fingerprint(blob, fingerprint);
	for (size_t i = 0; i < pins->n; i++)
		if (pins->blobs[i].len == 0
				? strcmp(pins->texts[i], fingerprint) == 0
				: span_equal(pins->blobs[i], blob))
			return true;
	return false;
}

static void
add_pinned(struct buf *text, const struct host_key_pins *pins)
{
	char fingerprint[SSHKEY_FINGERPRINT_MAX];

	for (size_t i = 0; i < pins->n; i++) {
		sshkey_fingerprint(pins->blobs[i], fingerprint);
		(void)buf_addf(text, "%s%s", i == 0 ? "" : ", ",
			pins->blobs[i].len == 0 ? pins->texts[i] : fingerprint);
	}
}

const char *
host_key_refusal(
	const struct host_key_pins *pins, struct span blob, struct arena *arena)
{
	char fingerprint[SSHKEY_FINGERPRINT_MAX];
	struct sshwire in = sshwire_of(blob);
	const struct span name = sshwire_string(&in);
	const char *refusal = NULL;
	struct buf text;

	sshkey_fingerprint(blob, fingerprint);
	buf_init(&text, REFUSAL_MAX);
	(void)buf_addf(&text, "the host key %s (%.*s) is not pinned",
		fingerprint, (int)name.len, (const char *)name.data);
	if (pins->n > 0) {
		(void)buf_add_str(&text, "; pinned: ");
		add_pinned(&text, pins);
	}
	/* Sixteen pins are a long text: what there is room for will do. */
	refusal = arena_strdup(arena, buf_str(&text));
	buf_clear(&text);
	return refusal;
}
