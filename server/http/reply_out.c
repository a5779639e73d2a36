/* Answers to bytes, each in one buffer, so that one write carries it. */
#include "server/http/reply_out.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/api/req.h"

struct status_row {
	int status;
	const char *phrase;
};

static const struct status_row statuses[] = {
	{ 200, "OK" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 301, "Moved Permanently" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 400, "Bad Request" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 412, "Precondition Failed" },
	{ 413, "Request Entity Too Large" },
	{ 414, "Request URI Too Long" },
	{ 417, "Expectation Failed" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 472, "" },
	{ 473, "" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

static const char json_type[] = "application/json";

static const char *
phrase_of(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].phrase;
	return "";
}

void
reply_out_format_date(int64_t now_s, char out[REPLY_DATE_MAX])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = (time_t)now_s;
	struct tm tm = { .tm_year = 0 };

	(void)gmtime_r(&now, &tm);
	(void)snprintf(out, REPLY_DATE_MAX,
		"%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
		tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900,
		tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
add_field(struct buf *buf, const char *name, const char *value)
{
	(void)buf_add_str(buf, name);
	(void)buf_add(buf, ": ", 2);
	(void)buf_add_str(buf, value);
	(void)buf_add(buf, "\r\n", 2);
}

static void
add_number_field(struct buf *buf, const char *name, uint64_t n)
{
	char text[24];
	char *at = text + sizeof(text) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	add_field(buf, name, at);
}

static void
add_status(struct buf *buf, int status, const struct reply_frame *frame)
{
	char code[4] = { (char)('0' + status / 100 % 10),
		(char)('0' + status / 10 % 10), (char)('0' + status % 10), 0 };

	(void)buf_add_str(buf, "HTTP/1.1 ");
	(void)buf_add_str(buf, code);
	(void)buf_add_char(buf, ' ');
	(void)buf_add_str(buf, phrase_of(status));
	(void)buf_add(buf, "\r\n", 2);
	if (frame->date != NULL)
		add_field(buf, "Date", frame->date);
	if (frame->close)
		add_field(buf, "Connection", "close");
}

/* RFC 9110: neither length nor body. */
static bool
is_bodiless(int status)
{
	return status == 204 || status == 304;
}

/* The length, the empty line, the body. */
static int
add_body(struct buf *buf, int status, struct span body, bool add_newline,
	const struct reply_frame *frame)
{
	if (!is_bodiless(status))
		add_number_field(buf, "Content-Length",
			body.len + (add_newline ? 1 : 0));
	(void)buf_add(buf, "\r\n", 2);
	if (is_bodiless(status) || frame->is_head)
		return buf->rc;
	(void)buf_add_span(buf, body);
	if (add_newline)
		(void)buf_add_char(buf, '\n');
	return buf->rc;
}

/* JSON bodies end in one newline (spec/core-api.md 1.6); others are as is. */
static bool
wants_newline(const struct req_out *out)
{
	return out->content_type == NULL && out->body.len > 0 &&
		out->body.data[out->body.len - 1] != '\n';
}

int
reply_out_add(struct buf *buf, const struct req_out *out,
	const struct reply_frame *frame)
{
	add_status(buf, out->status, frame);
	add_field(buf, "Cache-Control", "no-store");
	add_field(buf, "Content-Type",
		out->content_type != NULL ? out->content_type : json_type);
	if (out->location != NULL)
		add_field(buf, "Location", out->location);
	if (out->etag != NULL)
		add_field(buf, "ETag", out->etag);
	if (out->allow != NULL)
		add_field(buf, "Allow", out->allow);
	if (out->retry_after_s > 0)
		add_number_field(
			buf, "Retry-After", (uint64_t)out->retry_after_s);
	return add_body(buf, out->status, buf_span(&out->body),
		wants_newline(out), frame);
}

int
reply_out_add_error(struct buf *buf, int status, const char *text,
	const char *location, const struct reply_frame *frame)
{
	char body[128];
	const char *quote = text[0] != '\0' ? "\"" : "";

	(void)snprintf(body, sizeof(body), "{\"errors\":[%s%s%s]}\n", quote,
		text, quote);
	add_status(buf, status, frame);
	add_field(buf, "Cache-Control", "no-store");
	add_field(buf, "Content-Type", json_type);
	if (location != NULL)
		add_field(buf, "Location", location);
	if (status == 503)
		add_field(buf, "Retry-After", "1");
	return add_body(buf, status, span_str(body), false, frame);
}

int
reply_out_add_fault(
	struct buf *buf, enum http_fault fault, const struct reply_frame *frame)
{
	return reply_out_add_error(buf, http_fault_status(fault),
		http_fault_text(fault), NULL, frame);
}

int
reply_out_add_bare(struct buf *buf, int status, const struct reply_frame *frame)
{
	add_status(buf, status, frame);
	return add_body(buf, status, SPAN_NONE, false, frame);
}
