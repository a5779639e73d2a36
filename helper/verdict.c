/* Frame and line: length-prefixed fields in, words out. */
#include "helper/verdict.h"

#include <string.h>

#define MAGIC "SPH1"
#define LINE_WORD "sallyport"
#define FLAG_DEV 1U
#define FLAG_DEBUG 2U

static const struct {
	uint32_t verdict;
	const char *word;
} words[] = {
	{ VERDICT_ALLOW, "allow" },
	{ VERDICT_DENY, "deny" },
	{ VERDICT_UNAVAILABLE, "unavailable" },
	{ VERDICT_CONFIG, "config" },
};

bool
verdict_is_allow(uint32_t verdict)
{
	return verdict == VERDICT_ALLOW;
}

/* ---- the frame --------------------------------------------------------- */

static void
add_field(struct buf *out, struct span field)
{
	(void)buf_add_u32be(out, (uint32_t)field.len);
	(void)buf_add_span(out, field);
}

int
verdict_frame_write(
	const struct verdict_frame *frame, struct buf *out, struct err *err)
{
	(void)buf_add_str(out, MAGIC);
	(void)buf_add(out, frame->nonce, VERDICT_NONCE_LEN);
	(void)buf_add_u32be(out, frame->timeout_ms);
	(void)buf_add_u32be(out,
		(frame->dev ? FLAG_DEV : 0) | (frame->debug ? FLAG_DEBUG : 0));
	add_field(out, frame->user);
	add_field(out, frame->rhost);
	add_field(out, span_of(frame->otp.data, frame->otp.len));
	if (buf_check(out, err) != 0 || out->len > VERDICT_FRAME_MAX)
		return err_set(
			err, ERR_LIMIT, 400, "user or remote host is too long");
	return 0;
}

static bool
take_u32(struct span *rest, uint32_t *ret_n)
{
	if (rest->len < 4)
		return false;
	*ret_n = (uint32_t)rest->data[0] << 24 | (uint32_t)rest->data[1] << 16 |
		(uint32_t)rest->data[2] << 8 | rest->data[3];
	*rest = span_skip(*rest, 4);
	return true;
}

static bool
take_field(struct span *rest, struct span *ret_field)
{
	uint32_t len;

	if (!take_u32(rest, &len) || len > rest->len)
		return false;
	*ret_field = span_of(rest->data, len);
	*rest = span_skip(*rest, len);
	return true;
}

int
verdict_frame_read(
	struct span bytes, struct verdict_frame *ret_frame, struct err *err)
{
	const size_t fixed = strlen(MAGIC) + VERDICT_NONCE_LEN;
	struct verdict_frame frame = { .timeout_ms = 0 };
	struct span rest = span_skip(bytes, fixed);
	struct span otp;
	uint32_t flags;

	if (bytes.len < fixed || !span_has_prefix(bytes, span_str(MAGIC)) ||
		!take_u32(&rest, &frame.timeout_ms) ||
		!take_u32(&rest, &flags) || !take_field(&rest, &frame.user) ||
		!take_field(&rest, &frame.rhost) || !take_field(&rest, &otp) ||
		rest.len != 0)
		return err_set(err, ERR_INPUT, 400, "malformed frame");
	memcpy(frame.nonce, bytes.data + strlen(MAGIC), VERDICT_NONCE_LEN);
	frame.otp = secret_view_of(otp.data, otp.len);
	frame.dev = (flags & FLAG_DEV) != 0;
	frame.debug = (flags & FLAG_DEBUG) != 0;
	*ret_frame = frame;
	return 0;
}

/* ---- the line ---------------------------------------------------------- */

/*
 * Words may not hold blanks, the text at the end may (its line ends become
 * blanks); control bytes show as '?'.
 */
static void
add_clean(struct buf *out, const char *text, bool word)
{
	if (text[0] == '\0')
		text = "-";
	for (; *text != '\0'; text++) {
		const bool good = (*text > ' ' && *text < 0x7f) ||
			(*text == ' ' && !word);

		if (*text == '\n' && !word)
			(void)buf_add_char(out, ' ');
		else
			(void)buf_add_char(out, good ? *text : '?');
	}
}

int
verdict_line_write(const char *nonce, const struct verdict_line *line,
	struct buf *out, struct err *err)
{
	const char *word = NULL;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].verdict == line->verdict)
			word = words[i].word;
	}
	if (word == NULL)
		return err_set(err, ERR_INTERNAL, 500, "no such verdict");
	(void)buf_addf(out, "%s %s %s ", LINE_WORD, nonce, word);
	add_clean(out, line->role, true);
	(void)buf_add_char(out, ' ');
	add_clean(out, line->ip, true);
	(void)buf_add_char(out, ' ');
	add_clean(out, line->request_id, true);
	(void)buf_add_char(out, ' ');
	add_clean(out, line->why, false);
	(void)buf_add_char(out, '\n');
	return buf_check(out, err);
}

static bool
is_printable(const uint8_t *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return true;
}

/* Up to the next blank; false where there is none or it does not fit. */
static bool
take_word(struct span *rest, char *out, size_t cap)
{
	const uint8_t *blank =
		rest->len == 0 ? NULL : memchr(rest->data, ' ', rest->len);
	const size_t len = blank == NULL ? 0 : (size_t)(blank - rest->data);

	if (len == 0 || len >= cap || !is_printable(rest->data, len))
		return false;
	memcpy(out, rest->data, len);
	out[len] = '\0';
	if (strcmp(out, "-") == 0)
		out[0] = '\0';
	*rest = span_skip(*rest, len + 1);
	return true;
}

static bool
read_verdict(const char *word, uint32_t *ret_verdict)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].word, word) == 0) {
			*ret_verdict = words[i].verdict;
			return true;
		}
	}
	return false;
}

/* It is a secret between module and helper. */
static bool
is_nonce(const char *text, const char *nonce)
{
	return strlen(text) == VERDICT_NONCE_LEN &&
		secret_equal(secret_view_of(text, VERDICT_NONCE_LEN),
			secret_view_of(nonce, VERDICT_NONCE_LEN));
}

static bool
parse_line(const char *nonce, struct span text, struct verdict_line *line)
{
	char word[32], its_nonce[VERDICT_NONCE_LEN + 1];
	uint32_t verdict;
	size_t len;

	if (!take_word(&text, word, sizeof(word)) ||
		strcmp(word, LINE_WORD) != 0 ||
		!take_word(&text, its_nonce, sizeof(its_nonce)) ||
		!is_nonce(its_nonce, nonce) ||
		!take_word(&text, word, sizeof(word)) ||
		!read_verdict(word, &verdict) ||
		!take_word(&text, line->role, sizeof(line->role)) ||
		!take_word(&text, line->ip, sizeof(line->ip)) ||
		!take_word(&text, line->request_id, sizeof(line->request_id)))
		return false;
	len = text.len < sizeof(line->why) ? text.len : sizeof(line->why) - 1;
	if (len > 0)
		memcpy(line->why, text.data, len);
	line->why[len] = '\0';
	if (strcmp(line->why, "-") == 0)
		line->why[0] = '\0';
	line->verdict = verdict;
	return true;
}

void
verdict_line_read(
	const char *nonce, struct span bytes, struct verdict_line *ret_line)
{
	const bool one_line = bytes.len > 0 &&
		memchr(bytes.data, '\n', bytes.len) ==
			bytes.data + bytes.len - 1;
	struct verdict_line line = { .verdict = VERDICT_UNAVAILABLE };

	if (!one_line ||
		!parse_line(nonce, span_of(bytes.data, bytes.len - 1), &line))
		line = (struct verdict_line){ .verdict = VERDICT_UNAVAILABLE,
			.why = "the helper gave no verdict" };
	*ret_line = line;
}
