/*
 * make_sig KEY NAMESPACE [ALGORITHM]: a signature of standard input with a
 * private key's file, as ssh-keygen -Y sign makes it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/codec.h"
#include "lib/sshkeypair.h"
#include "lib/sshsig.h"

static void
read_all(FILE *file, struct buf *out)
{
	char part[4096];
	size_t len;

	if (file == NULL)
		abort();
	while ((len = fread(part, 1, sizeof(part), file)) > 0)
		(void)buf_add(out, part, len);
}

static struct sshkeypair *
read_pair(const char *path)
{
	struct sshkeypair *pair = NULL;
	FILE *file = fopen(path, "re");
	struct err err = { 0 };
	struct buf text;

	buf_init(&text, SSHKEYPAIR_TEXT_MAX);
	read_all(file, &text);
	(void)fclose(file);
	if (sshkeypair_parse(
		    secret_view_of(text.data, text.len), &pair, &err) != 0)
		(void)fprintf(stderr, "%s\n", err.message);
	buf_clear(&text);
	return pair;
}

static int
sign(const struct sshkeypair *pair, const char *name, const char *algorithm,
	struct span message, struct buf *out)
{
	struct sshsig sig = { .key = sshkeypair_public(pair),
		.name = span_str(name),
		.hash_name = span_str("sha512") };
	struct buf data, signature;
	int rc;

	buf_init(&data, SSHSIG_MAX);
	buf_init(&signature, SSHSIG_MAX);
	rc = sshsig_signed_data(sig.name, sig.hash_name, message, &data);
	if (rc == 0)
		rc = sshkeypair_sign(pair, algorithm, false, buf_span(&data),
			&signature, NULL);
	sig.signature = buf_span(&signature);
	if (rc == 0)
		rc = sshsig_build(&sig, out);
	buf_clear(&signature);
	buf_clear(&data);
	return rc;
}

int
main(int argc, char **argv)
{
	struct sshkeypair *pair = argc < 3 ? NULL : read_pair(argv[1]);
	struct buf message, bytes, text;
	int rc = ERR_INPUT;

	buf_init(&message, 1 << 20);
	buf_init(&bytes, SSHSIG_MAX);
	buf_init(&text, 2 * SSHSIG_MAX);
	read_all(stdin, &message);
	if (pair != NULL)
		rc = sign(pair, argv[2], argc > 3 ? argv[3] : NULL,
			buf_span(&message), &bytes);
	if (rc == 0)
		rc = base64_encode(buf_span(&bytes), &text);
	if (rc == 0)
		printf("-----BEGIN SSH SIGNATURE-----\n%s\n"
		       "-----END SSH SIGNATURE-----\n",
			buf_str(&text));
	buf_clear(&text);
	buf_clear(&bytes);
	buf_clear(&message);
	sshkeypair_free(&pair);
	return rc == 0 ? 0 : 1;
}
