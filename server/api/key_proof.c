/* From a caller's text to the key that signed. */
#include "server/api/key_proof.h"

#include "lib/sshsig.h"
#include "server/api/nonce.h"

static int
refuse_form(struct err *err)
{
	return err_set(err, ERR_INPUT, 400,
		"'signature' is no SSH signature of a known type");
}

/* The signature's bytes. */
static int
dearmor(struct arena *arena, const char *text, struct span *ret_bytes,
	struct err *err)
{
	struct span copy = SPAN_NONE;
	struct buf bytes;
	int rc;

	buf_init(&bytes, SSHSIG_MAX);
	rc = sshsig_dearmor(span_str(text), &bytes);
	if (rc == 0)
		copy = arena_dup(arena, buf_span(&bytes));
	buf_clear(&bytes);
	if (rc == ERR_MEMORY || (rc == 0 && copy.data == NULL))
		return err_set_memory(err);
	if (rc != 0)
		return refuse_form(err);
	*ret_bytes = copy;
	return 0;
}

static int
read_signer(struct span blob, struct key_proof *proof)
{
	int rc;

	proof->blob = blob;
	proof->is_cert = sshcert_is(blob);
	if (!proof->is_cert)
		return sshkey_parse(blob, &proof->key);
	rc = sshcert_parse(blob, &proof->cert);
	proof->key = proof->cert.key;
	return rc;
}

static int
check(struct span signature, const char *name, struct span message,
	struct key_proof *proof)
{
	struct sshsig sig;
	int rc = sshsig_parse(signature, &sig);

	if (rc == 0)
		rc = read_signer(sig.key, proof);
	return rc != 0 ? rc
		       : sshsig_verify(&sig, &proof->key, name, message,
				 &proof->flags);
}

int
key_proof_read(struct req *req, const char *signature, const char *nonce,
	const char *purpose, struct key_proof *ret_proof, struct err *err)
{
	const char *name = nonce_namespace(req, purpose);
	const char *message = nonce_message(req, nonce);
	struct key_proof proof = { .flags = 0 };
	struct span bytes;
	int rc;

	if (name == NULL || message == NULL)
		return err_set_memory(err);
	rc = dearmor(req->arena, signature, &bytes, err);
	if (rc != 0)
		return rc;
	rc = check(bytes, name, span_str(message), &proof);
	if (rc == ERR_INPUT)
		return refuse_form(err);
	if (rc == 0)
		*ret_proof = proof;
	return rc;
}

int
key_proof_key(struct req *req, const struct key_proof *proof,
	struct span *ret_blob, struct err *err)
{
	struct buf blob;
	int rc;

	buf_init(&blob, SSHKEY_BLOB_MAX);
	(void)sshkey_build(&proof->key, &blob);
	rc = buf_check(&blob, err);
	if (rc == 0)
		*ret_blob = arena_dup(req->arena, buf_span(&blob));
	if (rc == 0 && ret_blob->data == NULL)
		rc = err_set_memory(err);
	buf_clear(&blob);
	return rc;
}
