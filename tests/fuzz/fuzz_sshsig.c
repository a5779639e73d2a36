/*
 * Any bytes as a signature in its armour, as its bytes, and as the line of a
 * public key or certificate. What is read builds the same bytes again, lies in
 * what was read, and is no good signature of ours by chance.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sshcert.h"
#include "lib/sshsig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(struct span part, struct span whole)
{
	if (part.len > 0 &&
		(part.data < whole.data ||
			part.data + part.len > whole.data + whole.len))
		abort();
}

/* A key's parts are the whole of its blob. */
static void
check_key(struct span blob)
{
	struct sshkey key;
	struct buf again;

	if (sshkey_parse(blob, &key) != 0)
		return;
	buf_init(&again, SSHKEY_BLOB_MAX);
	if (sshkey_build(&key, &again) != 0 ||
		!span_equal(buf_span(&again), blob))
		abort();
	buf_clear(&again);
}

static void
check_cert(struct span blob)
{
	struct sshcert cert;
	struct span rest, name, value;

	if (sshcert_parse(blob, &cert) != 0)
		return;
	check_inside(cert.signed_bytes, blob);
	check_inside(cert.signature, blob);
	if (cert.signed_bytes.len + 4 + cert.signature.len != blob.len)
		abort();
	for (rest = cert.principals; sshcert_next_principal(&rest, &value);)
		check_inside(value, blob);
	for (rest = cert.critical; sshcert_next_option(&rest, &name, &value);)
		check_inside(name, blob);
	(void)sshcert_verify(&cert);
}

static void
check_signature(struct span bytes)
{
	struct sshsig sig;
	struct sshkey key;
	struct buf again;
	uint8_t flags;

	if (sshsig_parse(bytes, &sig) != 0)
		return;
	buf_init(&again, SSHSIG_MAX);
	if (sshsig_build(&sig, &again) != 0 ||
		!span_equal(buf_span(&again), bytes))
		abort();
	buf_clear(&again);
	check_key(sig.key);
	check_cert(sig.key);
	if (sshkey_parse(sig.key, &key) == 0 &&
		sshsig_verify(&sig, &key, "none@example.com",
			span_str("never signed"), &flags) == 0)
		abort();
}

static void
check_line(struct span line)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct span blob;

	if (arena != NULL && sshkey_parse_line(line, arena, &blob) == 0) {
		check_key(blob);
		check_cert(blob);
	}
	arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size);
	struct buf bytes;

	if (size == 0)
		return 0;
	rest = span_skip(rest, 1);
	switch (data[0] % 3) {
	case 0:
		buf_init(&bytes, SSHSIG_MAX);
		if (sshsig_dearmor(rest, &bytes) == 0)
			check_signature(buf_span(&bytes));
		buf_clear(&bytes);
		break;
	case 1:
		check_signature(rest);
		break;
	default:
		check_line(rest);
		break;
	}
	return 0;
}
