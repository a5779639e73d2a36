/*
 * Any bytes as an audit log: checking ends, reports a line that exists, and
 * takes no line that the key did not sign for signed. Behind it all stands a
 * line of our own, which must be read back.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/auditline.h"
#include "lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feed the text line by line; returns how many there were. */
static uint64_t
feed(struct auditline_check *check, struct span text)
{
	const uint8_t *end = NULL;
	uint64_t n = 0;

	while (text.len > 0 &&
		(end = memchr(text.data, '\n', text.len)) != NULL) {
		size_t len = (size_t)(end - text.data);

		(void)auditline_check_line(check, span_of(text.data, len));
		text = span_skip(text, len + 1);
		n++;
	}
	auditline_check_end(check, text);
	return n + (text.len > 0);
}

static void
check_log(struct span text)
{
	static const uint8_t nobodys_key[AUDITLINE_PUBLIC] = { 0x58 };
	struct auditline_check *check = auditline_check_new(nobodys_key);
	const struct auditline_report *report = NULL;
	uint64_t n;

	if (check == NULL)
		return;
	n = feed(check, text);
	report = auditline_check_report(check);
	if (report->bad_line > n || report->lines + report->torn_lines > n ||
		(report->bad_line != 0) != (report->why[0] != '\0'))
		abort();
	auditline_check_free(&check);
}

/* Only for bodies that are JSON: a quote left open could imitate a tail. */
static void
check_append(struct span body)
{
	struct auditline_head head = { .seq = 6 }, again = { 0 };
	struct arena *arena = arena_new(16 << 20);
	struct value *value = NULL;
	struct buf line;
	int rc;

	if (arena == NULL)
		return;
	rc = json_parse(body, &json_limits_trusted, arena, &value, NULL);
	arena_free(&arena);
	if (rc != 0)
		return;
	buf_init(&line, 1 << 20);
	if (auditline_append(&line, body, &head, NULL, NULL) == 0 &&
		(!auditline_head_of(span_of(line.data, line.len - 1), &again) ||
			again.seq != 7 ||
			memcmp(again.link, head.link, AUDITLINE_HASH) != 0))
		abort();
	buf_clear(&line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_log(span_of(data, size));
	check_append(span_of(data, size));
	return 0;
}
