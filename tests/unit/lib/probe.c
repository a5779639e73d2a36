/*
 * Reads one input a line, "what hex", and answers with one line each: "ok" and
 * what was read, or "no" and why not. The suites beside this file drive it:
 *
 *	json, hcl	the value as JSON
 *	scan		the verdict of the limits for request bodies
 *	addr, cidr	the canonical text
 *	in		block and address with a blank between: yes or no
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/hcl.h"
#include "lib/json.h"
#include "lib/jsonw.h"
#include "lib/netaddr.h"

/* Every answerer: 0 with the answer added to out, or an error. */
typedef int answer_fn(struct span input, struct arena *arena, struct buf *out,
	struct err *err);

static int
answer_json(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct value *value = NULL;
	int rc;

	rc = json_parse(input, &json_limits_trusted, arena, &value, err);
	if (rc == 0)
		jsonw_value(out, value, 0);
	return rc;
}

static int
answer_scan(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	(void)arena;
	(void)out;
	return json_scan(input, &json_limits_request, err);
}

static int
answer_hcl(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct value *value = NULL;
	int rc = hcl_parse(input, arena, &value, err);

	if (rc == 0)
		jsonw_value(out, value, 0);
	return rc;
}

static int
answer_addr(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct netaddr addr;
	char text[NETADDR_TEXT_MAX];
	int rc = netaddr_parse(input, &addr);

	(void)arena;
	(void)err;
	if (rc != 0)
		return rc;
	netaddr_format(&addr, text);
	return buf_add_str(out, text);
}

static int
answer_cidr(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	struct cidr cidr;
	char text[NETADDR_TEXT_MAX];
	int rc = cidr_parse(input, &cidr);

	(void)arena;
	(void)err;
	if (rc != 0)
		return rc;
	netaddr_format(&cidr.base, text);
	return buf_addf(out, "%s/%u", text, (unsigned)cidr.prefix);
}

static int
answer_in(struct span input, struct arena *arena, struct buf *out,
	struct err *err)
{
	const uint8_t *blank = memchr(input.data, ' ', input.len);
	struct netaddr addr;
	struct cidr cidr;
	size_t len;

	(void)arena;
	(void)err;
	if (blank == NULL)
		return ERR_INPUT;
	len = (size_t)(blank - input.data);
	if (cidr_parse(span_of(input.data, len), &cidr) != 0 ||
		netaddr_parse(span_skip(input, len + 1), &addr) != 0)
		return ERR_INPUT;
	return buf_add_str(out, cidr_contains(&cidr, &addr) ? "yes" : "no");
}

static const struct {
	const char *what;
	answer_fn *answer;
} answerers[] = {
	{ "json", answer_json },
	{ "scan", answer_scan },
	{ "hcl", answer_hcl },
	{ "addr", answer_addr },
	{ "cidr", answer_cidr },
	{ "in", answer_in },
};

static void
answer_line(char *what, const char *hex)
{
	struct span text = span_str(hex);
	struct arena *arena = arena_new(64 << 20);
	struct err err = { 0 };
	struct buf out, input;
	size_t len = 0, i;
	int rc = ERR_INTERNAL;

	buf_init(&out, 16 << 20);
	buf_init(&input, 16 << 20);
	if (arena == NULL || buf_reserve(&input, text.len / 2) == NULL ||
		hex_decode(text, input.data, text.len / 2, &len) != 0)
		abort();
	input.len = len;
	for (i = 0; i < ARRAY_LEN(answerers); i++) {
		if (strcmp(what, answerers[i].what) == 0)
			rc = answerers[i].answer(
				buf_span(&input), arena, &out, &err);
	}
	printf("%s %s\n", rc == 0 ? "ok" : "no",
		rc == 0 ? buf_str(&out) : err.message);
	buf_clear(&input);
	buf_clear(&out);
	arena_free(&arena);
}

int
main(void)
{
	char *line = NULL;
	size_t cap = 0;

	json_setup();
	while (getline(&line, &cap, stdin) > 0) {
		char *blank = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (blank == NULL)
			abort();
		*blank = '\0';
		answer_line(line, blank + 1);
	}
	free(line);
	return 0;
}
