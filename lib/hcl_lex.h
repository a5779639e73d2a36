/*
 * The tokens of HCL version 1, one at a time. For lib/hcl.c alone.
 */
#ifndef SALLYPORT_LIB_HCL_LEX_H
#define SALLYPORT_LIB_HCL_LEX_H

#include "lib/arena.h"

enum hcl_token_type {
	HCL_END,
	HCL_NAME,
	HCL_STRING,
	HCL_HEREDOC,
	HCL_NUMBER,
	HCL_BOOL,
	HCL_ASSIGN, /* = or : */
	HCL_COMMA,
	HCL_OBJECT, /* { */
	HCL_OBJECT_END,
	HCL_LIST, /* [ */
	HCL_LIST_END
};

struct hcl_token {
	enum hcl_token_type type;
	struct span text; /* decoded; of names, strings, numbers, bools */
	int line, column;
};

struct hcl_lexer {
	struct span text;
	size_t at;         /* behind the current token */
	size_t line_start; /* offset of the line that at is on */
	int line;
	struct hcl_token token; /* the current one */
	struct arena *arena;
	struct err *err;
};

/*
 * Start on a text, a byte order mark in front of it left out. ERR_INPUT where
 * it holds bytes that stand for no character, or NUL. No token is current yet.
 */
int hcl_lex_start(struct hcl_lexer *lexer, struct span text,
	struct arena *arena, struct err *err);

/* Make the next token the current one. ERR_INPUT, ERR_MEMORY. */
int hcl_lex_next(struct hcl_lexer *lexer);

/* Refuse the text at the current token: "At L:C: why". ERR_INPUT. */
int hcl_lex_fail(struct hcl_lexer *lexer, const char *why);

/* Refuse the text at another token. ERR_INPUT. */
int hcl_lex_fail_at(struct hcl_lexer *lexer, const struct hcl_token *token,
	const char *why);

#endif
