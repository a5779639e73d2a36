/*
 * Response wrapping (spec/core-api.md 5.1): an answer is kept under a token of
 * one use, and the caller gets that token in its place. Whoever hands it in
 * gets the answer, once.
 */
#ifndef SALLYPORT_SERVER_API_WRAP_H
#define SALLYPORT_SERVER_API_WRAP_H

#include "server/api/reply.h"
#include "storage/wrapping.h"

#define WRAP_INVALID "wrapping token is not valid or does not exist"

/*
 * For the pipeline, behind the handler: keep what req->out holds, in a write
 * that takes the caller's use where none has yet; reply is the wrap_info then.
 */
int wrap_answer(struct req *req, struct reply *reply, struct err *err);

/* The row that a text names; 400 WRAP_INVALID where it cannot name one. */
int wrap_parse(struct req *req, struct secret_view text,
	struct wrapping_name *ret_name, struct err *err);

/*
 * Hand in a wrapping token for its answer, in one write that leaves it used;
 * the answer's memory is the request's. Should no answer leave, it is given
 * back. 400 WRAP_INVALID, which the response line then says in clear.
 */
int wrap_take(struct req *req, struct secret_view text,
	struct wrapped_answer *ret_answer, struct err *err);

/* The same, and in that write the answer goes under a new token: rewrap. */
int wrap_take_over(struct req *req, struct secret_view text,
	struct reply *reply, struct err *err);

/* 400 WRAP_INVALID; the response line says in clear which it was. */
int wrap_refuse(struct req *req, bool used, struct err *err);

#endif
