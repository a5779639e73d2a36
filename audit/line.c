/*
 * Lines as single links: they are appended, taken from the front, freed. One
 * thread makes them and another frees them, which malloc is slow at: those of
 * the usual size are kept, wiped.
 */
#include "audit/line.h"

#include <stdlib.h>

#include "lib/lock.h"

#define BODY_USUAL 2000
#define BODY_KEPT 4096
#define KEPT_MAX 512

static struct guard kept_guard;

static struct {
	pthread_mutex_t mutex;
	struct line *first GUARDED_BY(kept_guard);
	size_t n GUARDED_BY(kept_guard);
} kept = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static struct line *
take_kept(void)
{
	struct line *line = NULL;

	lock_take(&kept.mutex, &kept_guard);
	line = kept.first;
	if (line != NULL) {
		kept.first = line->next;
		kept.n--;
	}
	lock_give(&kept.mutex, &kept_guard);
	return line;
}

struct line *
line_new(void)
{
	struct line *line = take_kept();

	if (line == NULL) {
		line = calloc(1, sizeof(*line));
		if (line == NULL)
			return NULL;
		buf_init(&line->body, LINE_BODY_MAX);
		(void)buf_reserve(&line->body, BODY_USUAL);
	}
	*line = (struct line){ .body = line->body };
	return line;
}

void
line_finish(struct line *line, bool ok)
{
	struct audit_ticket *ticket = atomic_exchange(&line->ticket, NULL);

	if (ticket != NULL)
		ticket_finish(ticket, ok);
}

static void
free_lines(struct line *line)
{
	while (line != NULL) {
		struct line *next = line->next;

		buf_clear(&line->body);
		free(line);
		line = next;
	}
}

/* Move lines to those that are kept, while there is room. */
static struct line *
keep_lines(struct line *line)
{
	lock_take(&kept.mutex, &kept_guard);
	while (line != NULL && kept.n < KEPT_MAX) {
		struct line *next = line->next;

		line->next = kept.first;
		kept.first = line;
		kept.n++;
		line = next;
	}
	lock_give(&kept.mutex, &kept_guard);
	return line;
}

void
line_free_all(struct line *line)
{
	struct line *usual = NULL, *large = NULL;

	while (line != NULL) {
		struct line *next = line->next;
		struct line **to =
			line->body.cap <= BODY_KEPT ? &usual : &large;

		buf_reset(&line->body);
		line->next = *to;
		*to = line;
		line = next;
	}
	free_lines(large);
	free_lines(keep_lines(usual));
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
