/* Lines as single links: they are appended, taken from the front, freed. */
#include "audit/line.h"

#include <stdlib.h>

#define BODY_USUAL 2000

struct line *
line_new(void)
{
	struct line *line = calloc(1, sizeof(*line));

	if (line == NULL)
		return NULL;
	atomic_init(&line->ticket, NULL);
	buf_init(&line->body, LINE_BODY_MAX);
	(void)buf_reserve(&line->body, BODY_USUAL);
	return line;
}

void
line_finish(struct line *line, bool ok)
{
	struct audit_ticket *ticket = atomic_exchange(&line->ticket, NULL);

	if (ticket != NULL)
		ticket_finish(ticket, ok);
}

void
line_free_all(struct line *line)
{
	while (line != NULL) {
		struct line *next = line->next;

		buf_clear(&line->body);
		free(line);
		line = next;
	}
}

int64_t
line_waiting_since_ns(const struct line *line)
{
	while (line != NULL && atomic_load(&line->ticket) == NULL)
		line = line->next;
	return line == NULL ? INT64_MAX : line->queued_ns;
}

void
lines_join(struct lines *lines, struct lines *more)
{
	if (more->first == NULL)
		return;
	if (lines->first == NULL)
		lines->first = more->first;
	else
		lines->last->next = more->first;
	lines->last = more->last;
	lines->n += more->n;
	*more = (struct lines){ .first = NULL };
}

static size_t
sum_bytes(const struct lines *lines)
{
	const struct line *line = NULL;
	size_t bytes = 0;

	for (line = lines->first; line != NULL; line = line->next)
		bytes += line->body.len;
	return bytes;
}

void
lines_take(struct lines *lines, struct lines *from, size_t bytes_max)
{
	struct lines front = { .first = from->first };
	struct line *line = from->first;
	size_t bytes = sum_bytes(lines);
	bool joined = false;

	while (line != NULL && (joined || bytes < bytes_max)) {
		joined = line->joined;
		bytes += line->body.len;
		front.last = line;
		front.n++;
		line = line->next;
	}
	if (front.n == 0)
		return;
	front.last->next = NULL;
	from->first = line;
	from->n -= front.n;
	if (line == NULL)
		from->last = NULL;
	lines_join(lines, &front);
}
