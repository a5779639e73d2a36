/* Answers and pins among the last lines of a file. */
#include "audit/file_end.h"

#include <stdlib.h>
#include <string.h>

#define SEARCH_MAX ((off_t)64 << 20)
#define PIN_SEARCH_MAX ((off_t)4 << 20)

/* ---- answers ------------------------------------------------------------ */

/* The end of the part of a line that says which type it is. */
#define TYPE_END 80

/* What follows in a line where pattern is; none where it is not. */
static struct span
span_behind(struct span line, const char *pattern)
{
	const size_t len = strlen(pattern);
	const uint8_t *at = line.len == 0
		? NULL
		: memmem(line.data, line.len, pattern, len);

	return at == NULL ? SPAN_NONE
			  : span_skip(line, (size_t)(at - line.data) + len);
}

/* The request id of a response line, which needs no unescaping. */
static struct span
response_id(struct span line)
{
	const size_t head_len = line.len < TYPE_END ? line.len : TYPE_END;
	struct span id = SPAN_NONE;
	const uint8_t *end = NULL;

	if (span_behind(span_of(line.data, head_len), ",\"type\":\"response\",")
			.len > 0)
		id = span_behind(line, "\"request\":{\"id\":\"");
	if (id.len > 0)
		end = memchr(id.data, '"', id.len);
	return end == NULL ? SPAN_NONE
			   : span_of(id.data, (size_t)(end - id.data));
}

static int
compare_wanted(const void *key, const void *element)
{
	const struct span *id = key;
	const struct audit_wanted *wanted = element;

	return span_compare(*id, span_str(wanted->request_id));
}

struct finding {
	struct audit_wanted *wanted;
	size_t n, n_left;
	struct auditline_head
		next; /* the line of the chain before those seen */
};

/* Whether line is the next one of the chain, which is walked backwards. */
static bool
is_of_chain(struct finding *finding, struct span line)
{
	struct auditline_head before, head;

	if (!auditline_heads_of(line, &before, &head) ||
		!auditline_head_equal(&head, &finding->next))
		return false;
	finding->next = before;
	return true;
}

static bool
note_response(void *ctx, struct span line, bool whole)
{
	struct finding *finding = ctx;
	/* A half-lost line may look whole, but tells nobody anything. */
	struct span id = whole && is_of_chain(finding, line) ? response_id(line)
							     : SPAN_NONE;
	struct audit_wanted *wanted = NULL;

	if (id.len > 0)
		wanted = bsearch(&id, finding->wanted, finding->n,
			sizeof(*finding->wanted), compare_wanted);
	if (wanted != NULL && !wanted->found) {
		wanted->found = true;
		finding->n_left--;
	}
	return finding->n_left == 0;
}

void
file_end_find_responses(const struct sink_file *sink,
	const struct auditline_head *head, struct audit_wanted *wanted,
	size_t n)
{
	struct finding finding = { .wanted = wanted, .n = n, .next = *head };
	size_t i;

	for (i = 0; i < n; i++)
		finding.n_left += !wanted[i].found;
	/* Unreadable counts as not found: the line is then written again. */
	if (finding.n_left > 0)
		(void)sink_file_path_lines_back(
			sink, SEARCH_MAX, note_response, &finding, NULL);
}

/* ---- pins --------------------------------------------------------------- */

struct pin_search {
	const uint8_t *public_key;
	struct audit_pin pin;
};

static bool
note_pin(void *ctx, struct span line, bool whole)
{
	struct pin_search *search = ctx;

	return whole && audit_pin_of(line, search->public_key, &search->pin);
}

void
file_end_find_pin(const struct sink_file *sink,
	const uint8_t public_key[AUDITLINE_PUBLIC], struct audit_pin *pin)
{
	struct pin_search search = { .public_key = public_key };

	(void)sink_file_path_lines_back(
		sink, PIN_SEARCH_MAX, note_pin, &search, NULL);
	if (audit_pin_is_before(*pin, search.pin))
		*pin = search.pin;
}
