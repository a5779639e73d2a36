/* Start lines, and the chain's place after an open or a failed write. */
#include "audit/chain.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "audit/lines_back.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/jsonw.h"

/* How far back the last line of a file is looked for. */
#define RESUME_MAX ((off_t)1 << 26)

/* How many rotated files are looked at, the newest first. */
#define ROTATED_MAX 8

/* A line: what it continues and what it leaves; seq 0: it is torn. */
struct place {
	struct auditline_head before, head;
};

struct resume {
	const struct auditline_head *known;
	struct buf places; /* of the lines behind known, the last one first */
	bool newline;
	bool found; /* the lines reach back to what is known */
};

static bool
note_place(void *ctx, struct span line, bool whole)
{
	struct resume *resume = ctx;
	struct place place = { 0 };

	if (!whole && resume->places.len == 0)
		resume->newline = true;
	if (auditline_heads_of(line, &place.before, &place.head) &&
		auditline_head_equal(&place.head, resume->known)) {
		resume->found = true;
		return true;
	}
	/* Full: of what is no log of ours, many short lines. */
	if (resume->places.len + sizeof(place) > resume->places.size_max)
		return true;
	resume->found = place.head.seq != 0 &&
		auditline_head_equal(&place.before, resume->known);
	return buf_add(&resume->places, &place, sizeof(place)) != 0 ||
		resume->found;
}

/*
 * Follow the chain from what is known through the lines behind it. A power cut
 * may have kept a line and lost one before it: whatever stands behind the gap
 * is no part of the chain, whole or not. Where the lines do not reach back to
 * what is known, the first whole one is believed.
 */
static void
follow(struct chain *chain, const struct resume *resume)
{
	const struct place *places = (const void *)resume->places.data;
	struct auditline_head at = chain->head;
	bool believe = !resume->found, torn = false;
	size_t i = resume->places.len / sizeof(*places);

	while (i-- > 0) {
		const struct place *place = &places[i];

		torn = place->head.seq == 0 ||
			(!believe &&
				!auditline_head_equal(&place->before, &at));
		if (torn)
			continue;
		at = place->head;
		believe = false;
	}
	if (at.seq > chain->head.seq)
		chain->head = at;
	chain->torn = torn;
}

/* What stands before the file's own lines; those are put before it. */
static void
read_rotated(struct resume *resume, const struct sink_file *sink)
{
	struct timespec when = { .tv_sec = INT64_MAX };
	int fd, i;

	for (i = 0; i < ROTATED_MAX && !resume->found; i++) {
		if (sink_file_open_rotated(sink, &when, &fd) != 0)
			return;
		(void)lines_back(fd, RESUME_MAX, note_place, resume, NULL);
		(void)close(fd);
	}
}

static int
read_places(struct resume *resume, const struct sink_file *sink, bool rotated,
	struct err *err)
{
	size_t own;
	int rc =
		sink_file_lines_back(sink, RESUME_MAX, note_place, resume, err);

	if (rc != 0 || resume->found || !rotated)
		return rc != 0 ? rc : buf_check(&resume->places, err);
	own = resume->places.len;
	read_rotated(resume, sink);
	/* Without what is known they are of no use. */
	if (!resume->found)
		resume->places.len = own;
	return buf_check(&resume->places, err);
}

int
chain_resume(struct chain *chain, const struct sink_file *sink, bool rotated,
	const char *reason, struct err *err)
{
	struct resume resume = { .known = &chain->head };
	int rc;

	if (sink_file_is_regular(sink)) {
		buf_init(&resume.places, RESUME_MAX);
		rc = read_places(&resume, sink, rotated, err);
		if (rc == 0)
			follow(chain, &resume);
		buf_clear(&resume.places);
		if (rc != 0)
			return rc;
		chain->newline = resume.newline;
	}
	if (chain->reason == NULL && (chain->head.seq > 0 || chain->torn))
		chain->reason = reason;
	return 0;
}

/* The body of a start line. */
static void
render_start(const struct chain *chain, const char *device, int64_t time_ns,
	uint64_t missed, struct buf *body)
{
	char time[CLOCK_TEXT_MAX];

	clock_format_ns(time_ns, time);
	buf_addf(body, "{\"type\":\"start\",\"time\":\"%s\",\"device\":", time);
	jsonw_string(body, span_str(device));
	buf_addf(body, ",\"reason\":\"%s\",\"missed\":%llu", chain->reason,
		(unsigned long long)missed);
	buf_add_str(body, chain->torn ? ",\"torn\":true}" : "}");
}

void
chain_render_end(const char *device, int64_t time_ns, struct buf *body)
{
	char time[CLOCK_TEXT_MAX];

	clock_format_ns(time_ns, time);
	buf_addf(body, "{\"type\":\"end\",\"time\":\"%s\",\"device\":", time);
	jsonw_string(body, span_str(device));
	buf_add_str(body, ",\"reason\":\"device closed\"}");
}

int
chain_begin(struct chain *chain, const char *device, int64_t time_ns,
	uint64_t missed, struct buf *out, bool *ret_added, struct err *err)
{
	struct buf body;
	int rc;

	*ret_added = false;
	if (chain->newline)
		buf_add_char(out, '\n');
	chain->newline = false;
	if (chain->reason == NULL)
		return buf_check(out, err);
	buf_init(&body, 4096);
	render_start(chain, device, time_ns, missed, &body);
	rc = buf_check(&body, err);
	if (rc == 0)
		rc = auditline_append(
			out, buf_span(&body), &chain->head, NULL, err);
	buf_clear(&body);
	if (rc != 0)
		return rc;
	chain->reason = NULL;
	chain->torn = false;
	*ret_added = true;
	return 0;
}

/* One line that went out: a line of the chain, or bytes that are none. */
static void
step_over(struct chain *chain, struct span line)
{
	/* The newline that closes what was torn before. */
	if (line.len == 0)
		return;
	if (auditline_head_of(line, &chain->head)) {
		chain->torn = false;
		chain->reason = NULL;
	} else {
		chain->torn = true;
	}
}

void
chain_rewind(
	struct chain *chain, const struct chain *before, struct span written)
{
	*chain = *before;
	while (written.len > 0) {
		const uint8_t *newline =
			memchr(written.data, '\n', written.len);
		size_t len = newline == NULL ? written.len
					     : (size_t)(newline - written.data);

		step_over(chain, span_of(written.data, len));
		chain->newline = newline == NULL;
		written = span_skip(written, len + 1);
	}
}
