/* Tokens found by text and by accessor. */
#include "server/auth/token/subject.h"

#include "server/core/seal.h"

/* Accessor refusals come as the peer's error list (spec/core-api.md 6.1). */
#define LISTED(text) "1 error occurred:\n\t* " text "\n\n"

int
subject_find(struct req *req, struct secret_view text,
	struct subject *ret_subject, struct err *err)
{
	struct barrier *barrier = seal_hold_barrier(req->server->seal);
	int rc;

	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	ret_subject->text = text;
	rc = token_find(req->server->store, barrier, req->mount->uuid, text,
		req->arena, &ret_subject->ref, &ret_subject->token, err);
	seal_release_barrier(req->server->seal);
	return rc;
}

int
subject_find_accessor(
	struct req *req, struct subject *ret_subject, struct err *err)
{
	const struct token_in *in = req->in;
	struct barrier *barrier;
	int rc;

	if (in->accessor[0] == '\0')
		return err_set(err, ERR_INPUT, 400, LISTED("missing accessor"));
	barrier = seal_hold_barrier(req->server->seal);
	if (barrier == NULL)
		return err_set(err, ERR_SEALED, 503, "Vault is sealed");
	rc = token_find_accessor(req->server->store, barrier, req->mount->uuid,
		span_str(in->accessor), &ret_subject->ref, &ret_subject->token,
		err);
	seal_release_barrier(req->server->seal);
	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, LISTED("invalid accessor"));
}

void
subject_release(struct subject *subject)
{
	compiled_unref(&subject->ref);
}
