/* Lines of authorized_keys: what they hold, putting one, taking it out. */
#include "lib/authorized_keys.h"

#include "lib/codec.h"
#include "lib/sshkey.h"

/* The base64 text is a blob that begins with the name of this type. */
static bool
is_blob_of(struct span type, struct span base64)
{
	struct sshwire in;
	struct buf blob;
	bool is_blob = false;

	buf_init(&blob, SSHKEY_BLOB_MAX);
	if (type.len > 0 && base64_decode(base64, &blob) == 0) {
		in = sshwire_of(buf_span(&blob));
		is_blob = span_equal(sshwire_string(&in), type);
	}
	buf_clear(&blob);
	return is_blob;
}

/* Reads "type base64 comment". */
static bool
read_key(struct span text, struct authorized_line *line)
{
	struct span rest = text;
	const struct span type = span_take_word(&rest);
	const struct span base64 = span_take_word(&rest);

	if (!is_blob_of(type, base64))
		return false;
	line->key = span_of(
		type.data, (size_t)(base64.data + base64.len - type.data));
	line->comment = span_trim(rest);
	return true;
}

/* How many bytes are options: up to a blank outside quotes, as sshd does. */
static size_t
options_len(struct span text)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < text.len; i++) {
		const uint8_t c = text.data[i];

		if (!quoted && (c == ' ' || c == '\t'))
			break;
		if (c == '\\' && i + 1 < text.len && text.data[i + 1] == '"')
			i++;
		else if (c == '"')
			quoted = !quoted;
	}
	return i;
}

bool
authorized_keys_next(struct span *rest, struct authorized_line *ret_line)
{
	struct authorized_line line = { .text = SPAN_NONE };
	struct span text;
	size_t len;

	if (!span_take_line(rest, &line.text))
		return false;
	text = span_trim(line.text);
	if (text.len > 0 && text.data[0] != '#' && !read_key(text, &line)) {
		len = options_len(text);
		if (read_key(span_skip(text, len), &line))
			line.options = span_of(text.data, len);
	}
	*ret_line = line;
	return true;
}

bool
authorized_line_has(const struct authorized_line *line, const char *key)
{
	struct span ours = span_str(key), theirs = line->key;
	struct span word;

	if (theirs.len == 0)
		return false;
	word = span_take_word(&ours);
	if (!span_equal(word, span_take_word(&theirs)))
		return false;
	word = span_take_word(&ours);
	return span_equal(word, span_take_word(&theirs));
}

/* Whether text is one line with a key, which *ret_line then tells. */
static bool
is_one_line(const char *text, struct authorized_line *ret_line)
{
	struct span rest = span_str(text);

	return strchr(text, '\r') == NULL &&
		authorized_keys_next(&rest, ret_line) && rest.len == 0 &&
		ret_line->key.len > 0 && ret_line->text.len == strlen(text);
}

/* Ends the line before, where there is one, and begins the next. */
static void
add_line(struct buf *out, bool *is_first, struct span line)
{
	if (!*is_first)
		(void)buf_add_char(out, '\n');
	*is_first = false;
	(void)buf_add_span(out, line);
}

static bool
is_at_line_start(const struct buf *buf)
{
	return buf->len == 0 || buf->data[buf->len - 1] == '\n';
}

/* text without the lines that have key; the first becomes new_line. */
static size_t
replace(struct span text, const char *key, struct span new_line,
	struct buf *out)
{
	const bool ends = text.len == 0 || text.data[text.len - 1] == '\n';
	struct authorized_line line;
	bool is_first = true;
	size_t n = 0;

	while (authorized_keys_next(&text, &line)) {
		if (!authorized_line_has(&line, key))
			add_line(out, &is_first, line.text);
		else if (n++ == 0 && new_line.len > 0)
			add_line(out, &is_first, new_line);
	}
	if (n == 0 && new_line.len > 0)
		add_line(out, &is_first, new_line);
	/* An empty line that is now the last one is there by its end alone. */
	if (!is_first && (ends || is_at_line_start(out)))
		(void)buf_add_char(out, '\n');
	return n;
}

int
authorized_keys_put(struct span text, const char *new_line, struct buf *out,
	struct err *err)
{
	struct authorized_line line;

	if (!is_one_line(new_line, &line))
		return err_set(err, ERR_INPUT, 400, "not a line with a key");
	/* Its key to the end of the line: the comment is not looked at. */
	(void)replace(text, (const char *)line.key.data, line.text, out);
	return buf_check(out, err);
}

int
authorized_keys_drop(struct span text, const char *key, struct buf *out,
	size_t *ret_n, struct err *err)
{
	const size_t n = replace(text, key, SPAN_NONE, out);
	const int rc = buf_check(out, err);

	if (rc == 0)
		*ret_n = n;
	return rc;
}
