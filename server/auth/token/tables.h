/* The tables of auth/token, each in the file that it is named after. */
#ifndef SALLYPORT_SERVER_AUTH_TOKEN_TABLES_H
#define SALLYPORT_SERVER_AUTH_TOKEN_TABLES_H

#include "server/api/op.h"

/* A row of an operation on an existing token. */
#define TOKEN_OP(op_path, op_verb, op_fields, op_handler, op_summary, ...)     \
	{                                                                      \
		.path = op_path, .verb = op_verb,                              \
		.in_size = sizeof(struct token_in), .fields = op_fields,       \
		.handler = op_handler, .summary = op_summary, __VA_ARGS__      \
	}

extern const struct op token_accessor_ops[];
extern const struct op token_create_ops[];
extern const struct op token_lookup_ops[];
extern const struct op token_renew_ops[];
extern const struct op token_revoke_ops[];
extern const struct op token_role_ops[];

#endif
