/*
 * The chain of audit lines. A tail has one form of fixed width but for its
 * number, so it is read from the line's end without parsing the JSON before
 * it: quotes inside strings are escaped there, so no text can look like one.
 */
#include "lib/auditline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "lib/codec.h"
#include "lib/number.h"
#include "lib/sha256.h"

#define SIGNATURE 64
#define SIGNATURE_TEXT 88
#define HASH_TEXT ((size_t)2 * AUDITLINE_HASH)
#define START "{\"type\":\"start\","
#define TORN ",\"torn\":true"

struct tail {
	uint64_t seq;
	uint8_t link[AUDITLINE_HASH];
	bool has_sig;
	uint8_t sig[SIGNATURE];
	struct span covered; /* what sig signs */
	struct span body;    /* what stands before the tail */
};

static void
add_signature(struct buf *out, size_t start, const struct secret *key)
{
	struct secret_view bytes = secret_open(key);
	uint8_t sig[SIGNATURE];

	if (out->rc != 0)
		return;
	crypto_sign_detached(
		sig, NULL, out->data + start, out->len - start, bytes.data);
	buf_add_str(out, ",\"sig\":\"");
	base64_encode(span_of(sig, sizeof(sig)), out);
	buf_add_char(out, '"');
}

static bool
is_object(struct span body)
{
	return body.len >= 2 && body.data[0] == '{' &&
		body.data[body.len - 1] == '}';
}

int
auditline_append(struct buf *out, struct span body, struct auditline_head *head,
	const struct secret *key, struct err *err)
{
	struct auditline_head next = { .seq = head->seq + 1 };
	char link[HASH_TEXT + 1];
	size_t start = out->len;
	int rc;

	if (!is_object(body) ||
		(key != NULL && secret_open(key).len != AUDITLINE_SECRET))
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	hex_encode(head->link, sizeof(head->link), link);
	buf_add(out, body.data, body.len - 1);
	buf_add_str(out, body.len > 2 ? ",\"seq\":" : "\"seq\":");
	buf_add_uint(out, next.seq);
	buf_add_str(out, ",\"link\":\"");
	buf_add(out, link, HASH_TEXT);
	buf_add_char(out, '"');
	if (key != NULL)
		add_signature(out, start, key);
	buf_add_str(out, "}\n");
	rc = buf_check(out, err);
	if (rc != 0) {
		out->len = start;
		return rc;
	}
	sha256(span_of(out->data + start, out->len - start - 1), next.link);
	*head = next;
	return 0;
}

/* Cut suffix off line's end; false, with line untouched, if it differs. */
static bool
cut(struct span *line, const char *suffix)
{
	size_t len = strlen(suffix);

	if (line->len < len ||
		memcmp(line->data + line->len - len, suffix, len) != 0)
		return false;
	line->len -= len;
	return true;
}

/* Cut prefix, len bytes and a quote off line's end; the bytes are the text. */
static bool
cut_text(struct span *line, const char *prefix, size_t len,
	struct span *ret_text)
{
	struct span rest = *line;

	if (!cut(&rest, "\"") || rest.len < len)
		return false;
	rest.len -= len;
	*ret_text = span_of(rest.data + rest.len, len);
	if (!cut(&rest, prefix))
		return false;
	*line = rest;
	return true;
}

/* Cut "seq":N and what must stand before it off line's end. */
static bool
cut_seq(struct span *line, uint64_t *ret_seq)
{
	struct span digits = { line->data + line->len, 0 };

	while (line->len > 0 && line->data[line->len - 1] >= '0' &&
		line->data[line->len - 1] <= '9') {
		line->len--;
		digits.data--;
		digits.len++;
	}
	if (digits.len == 0 || digits.data[0] == '0' ||
		number_parse_u64(digits, UINT64_MAX, ret_seq) != 0)
		return false;
	return cut(line, "\"seq\":") && (cut(line, ",") || cut(line, "{"));
}

static bool
decode_signature(struct span text, uint8_t out[SIGNATURE])
{
	struct buf buf;
	bool good;

	buf_init(&buf, SIGNATURE);
	good = base64_decode(text, &buf) == 0 && buf.len == SIGNATURE;
	if (good)
		memcpy(out, buf.data, SIGNATURE);
	buf_clear(&buf);
	return good;
}

/*
 * A power cut may leave zeros in the middle of a line that was never synced,
 * and its ends whole; JSON has no such byte.
 */
static bool
has_hole(struct span line)
{
	return memchr(line.data, '\0', line.len) != NULL;
}

static bool
parse_tail(struct span line, struct tail *ret_tail)
{
	struct tail tail = { 0 };
	struct span rest = line, text;
	size_t len;

	if (line.len == 0 || line.data[0] != '{' || !cut(&rest, "}") ||
		has_hole(line))
		return false;
	if (cut_text(&rest, ",\"sig\":\"", SIGNATURE_TEXT, &text)) {
		if (!decode_signature(text, tail.sig))
			return false;
		tail.has_sig = true;
	}
	tail.covered = rest;
	if (!cut_text(&rest, ",\"link\":\"", HASH_TEXT, &text) ||
		hex_decode(text, tail.link, sizeof(tail.link), &len) != 0 ||
		!cut_seq(&rest, &tail.seq))
		return false;
	tail.body = rest;
	*ret_tail = tail;
	return true;
}

static bool
signature_is_good(
	const struct tail *tail, const uint8_t public_key[AUDITLINE_PUBLIC])
{
	return crypto_sign_verify_detached(tail->sig, tail->covered.data,
		       tail->covered.len, public_key) == 0;
}

bool
auditline_is_signed_by(struct span line,
	const uint8_t public_key[AUDITLINE_PUBLIC], struct span *ret_body)
{
	struct tail tail;

	if (!parse_tail(line, &tail) || !tail.has_sig ||
		!signature_is_good(&tail, public_key))
		return false;
	*ret_body = tail.body;
	return true;
}

bool
auditline_heads_of(struct span line, struct auditline_head *ret_before,
	struct auditline_head *ret_head)
{
	struct auditline_head head;
	struct tail tail;

	if (!parse_tail(line, &tail))
		return false;
	sha256(line, head.link);
	head.seq = tail.seq;
	ret_before->seq = tail.seq - 1;
	memcpy(ret_before->link, tail.link, AUDITLINE_HASH);
	*ret_head = head;
	return true;
}

bool
auditline_head_of(struct span line, struct auditline_head *ret_head)
{
	struct auditline_head before;

	return auditline_heads_of(line, &before, ret_head);
}

bool
auditline_head_equal(
	const struct auditline_head *a, const struct auditline_head *b)
{
	return a->seq == b->seq &&
		memcmp(a->link, b->link, AUDITLINE_HASH) == 0;
}

struct auditline_check {
	uint8_t public_key[AUDITLINE_PUBLIC];
	struct auditline_head head; /* of the last line of the chain */
	struct auditline_report report;
	uint64_t n_input;    /* lines seen, torn ones too */
	uint64_t first_torn; /* the first line outside the chain; 0: none */
	bool unterminated;   /* the input ended, or was cut, within a line */
};

struct auditline_check *
auditline_check_new(const uint8_t public_key[AUDITLINE_PUBLIC])
{
	struct auditline_check *check = NULL;

	if (sodium_init() < 0)
		return NULL;
	check = calloc(1, sizeof(*check));
	if (check != NULL)
		memcpy(check->public_key, public_key, AUDITLINE_PUBLIC);
	return check;
}

void
auditline_check_free(struct auditline_check **check)
{
	free(*check);
	*check = NULL;
}

static void
set_why(struct auditline_check *check, const char *why)
{
	(void)snprintf(check->report.why, sizeof(check->report.why), "%s", why);
}

/* The chain is broken at that line; why was set before. Always false. */
static bool
break_at(struct auditline_check *check, uint64_t line)
{
	check->report.bad_line = line;
	check->report.signed_to_end = false;
	return false;
}

/*
 * Why line does not continue the chain; NULL: it does. Where earlier lines
 * were rotated away the first one may have any number, but number 1 has
 * nothing before it.
 */
static const char *
why_not_next(const struct auditline_check *check, struct span line,
	struct tail *ret_tail)
{
	bool first = check->head.seq == 0;

	if (!parse_tail(line, ret_tail))
		return "it has no whole end";
	if (first && ret_tail->seq > 1)
		return NULL;
	if (ret_tail->seq != check->head.seq + 1)
		return "its number does not follow the line before";
	if (memcmp(ret_tail->link, check->head.link, AUDITLINE_HASH) != 0)
		return "its link is not the hash of the line before";
	return NULL;
}

/*
 * Lines outside the chain are taken only before a start line that tells of
 * them, and such a start line only behind them: else somebody put a line in
 * or took one out.
 */
static bool
torn_lines_are_told(struct auditline_check *check, struct span line)
{
	bool start = span_has_prefix(line, span_str(START));
	bool told = start &&
		memmem(line.data, line.len, TORN, strlen(TORN)) != NULL;

	if (check->first_torn != 0 && !told)
		return break_at(check, check->first_torn);
	if (check->unterminated && !start) {
		set_why(check, "the line before it has no end");
		return break_at(check, check->n_input);
	}
	/* As the first line of the input it may tell of an older file. */
	if (told && check->first_torn == 0 && !check->unterminated &&
		check->head.seq != 0) {
		set_why(check, "the torn line that it tells of is missing");
		return break_at(check, check->n_input);
	}
	return true;
}

static bool
take_line(struct auditline_check *check, struct span line,
	const struct tail *tail)
{
	struct auditline_report *report = &check->report;

	if (tail->has_sig && !signature_is_good(tail, check->public_key)) {
		set_why(check, "its signature is wrong");
		return break_at(check, check->n_input);
	}
	sha256(line, check->head.link);
	check->head.seq = tail->seq;
	check->first_torn = 0;
	check->unterminated = false;
	report->lines++;
	report->signatures += tail->has_sig;
	if (report->first_seq == 0)
		report->first_seq = tail->seq;
	report->last_seq = tail->seq;
	report->signed_to_end = tail->has_sig;
	report->why[0] = '\0';
	return true;
}

bool
auditline_check_line(struct auditline_check *check, struct span line)
{
	const char *why = NULL;
	struct tail tail;

	check->n_input++;
	if (check->report.bad_line != 0)
		return false;
	why = why_not_next(check, line, &tail);
	if (why == NULL)
		return torn_lines_are_told(check, line) &&
			take_line(check, line, &tail);
	check->report.torn_lines++;
	check->report.signed_to_end = false;
	if (check->first_torn == 0) {
		check->first_torn = check->n_input;
		set_why(check, why);
	}
	return true;
}

void
auditline_check_end(struct auditline_check *check, struct span torn)
{
	struct tail tail;

	if (check->report.bad_line != 0)
		return;
	/* A whole line that lacks nothing but its newline is a line. */
	if (torn.len > 0 && why_not_next(check, torn, &tail) == NULL) {
		(void)auditline_check_line(check, torn);
	} else if (torn.len > 0) {
		check->n_input++;
		check->report.torn_lines++;
		check->report.signed_to_end = false;
		check->unterminated = true;
	}
	if (check->report.bad_line == 0 && check->first_torn != 0)
		(void)break_at(check, check->first_torn);
}

struct auditline_head
auditline_check_head(const struct auditline_check *check)
{
	return check->head;
}

const struct auditline_report *
auditline_check_report(const struct auditline_check *check)
{
	return &check->report;
}
