/*
 * Any text as a private key. One that is read writes texts that read back as
 * the same pair, whose private half signs what the public one verifies; one
 * that is refused says why.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sshkey.h"
#include "lib/sshkeypair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sshkeypair *
parse(struct span text)
{
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };
	int rc = sshkeypair_parse(
		secret_view_of(text.data, text.len), &pair, &err);

	if ((rc == 0) != (pair != NULL) ||
		(rc != 0 && (err.status == 0 || err.message[0] == '\0')))
		abort();
	return pair;
}

static void
check_signs(const struct sshkeypair *pair, struct span data)
{
	struct sshkey key;
	struct buf out;
	uint8_t flags;

	buf_init(&out, SSHKEY_BLOB_MAX);
	if (sshkeypair_sign(pair, NULL, false, data, &out, NULL) != 0 ||
		sshkey_parse(sshkeypair_public(pair), &key) != 0 ||
		sshkey_verify(&key, buf_span(&out), data, &flags) != 0)
		abort();
	buf_clear(&out);
}

static void
check_writes(const struct sshkeypair *pair, enum sshkeypair_form form)
{
	struct sshkeypair *again = NULL;
	struct buf out;

	buf_init(&out, 2 * SSHKEYPAIR_TEXT_MAX);
	if (sshkeypair_write(pair, form, "a comment", &out, NULL) != 0)
		abort();
	again = parse(buf_span(&out));
	if (again == NULL ||
		!span_equal(sshkeypair_public(pair), sshkeypair_public(again)))
		abort();
	sshkeypair_free(&again);
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sshkeypair *pair = parse(span_of(data, size));

	if (pair == NULL)
		return 0;
	check_signs(pair, span_of(data, size));
	check_writes(pair, SSHKEYPAIR_OPENSSH);
	check_writes(pair, SSHKEYPAIR_TRADITIONAL);
	sshkeypair_free(&pair);
	return 0;
}
