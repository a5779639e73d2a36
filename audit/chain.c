/* Start lines, and the chain's place after an open or a failed write. */
#include "audit/chain.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/jsonw.h"

/* How far back the last line of a file is looked for. */
#define RESUME_MAX ((off_t)1 << 26)

struct resume {
	struct auditline_head head; /* seq 0: the file has no line of ours */
	bool newline, torn;
};

static bool
find_last(void *ctx, struct span line, bool whole)
{
	struct resume *resume = ctx;

	if (!whole)
		resume->newline = true;
	if (auditline_head_of(line, &resume->head))
		return true;
	resume->torn = true;
	return false;
}

int
chain_resume(struct chain *chain, const struct sink_file *sink,
	const char *reason, struct err *err)
{
	struct resume resume = { 0 };
	int rc;

	if (sink_file_is_regular(sink)) {
		rc = sink_file_lines_back(
			sink, RESUME_MAX, find_last, &resume, err);
		if (rc != 0)
			return rc;
		chain->newline = resume.newline;
		chain->torn = resume.torn;
	}
	if (resume.head.seq > chain->head.seq)
		chain->head = resume.head;
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
