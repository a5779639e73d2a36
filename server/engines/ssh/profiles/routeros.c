/* Lines, settings and columns of what RouterOS prints. */
#include "server/engines/ssh/profiles/routeros.h"

#define MINOR_MAX 999

static struct span
trim(struct span text)
{
	while (text.len > 0 && text.data[0] <= ' ')
		text = span_skip(text, 1);
	while (text.len > 0 && text.data[text.len - 1] <= ' ')
		text.len--;
	return text;
}

/* text up to the first of the byte, and what is behind it; whole: none. */
static struct span
cut(struct span *rest, uint8_t at)
{
	const uint8_t *end =
		rest->len > 0 ? memchr(rest->data, at, rest->len) : NULL;
	const struct span front = span_of(rest->data,
		end != NULL ? (size_t)(end - rest->data) : rest->len);

	*rest = span_skip(*rest, front.len + (end != NULL));
	return front;
}

bool
routeros_next_line(struct span *rest, struct span *ret_line)
{
	if (rest->len == 0)
		return false;
	*ret_line = cut(rest, '\n');
	while (ret_line->len > 0 && ret_line->data[ret_line->len - 1] == '\r')
		ret_line->len--;
	return true;
}

struct span
routeros_setting(struct span printed, const char *name)
{
	struct span line;

	while (routeros_next_line(&printed, &line)) {
		const struct span found = trim(cut(&line, ':'));

		if (span_equal(found, span_str(name)))
			return trim(line);
	}
	return SPAN_NONE;
}

/* A value that holds a blank stands in quotes. */
static struct span
take_value(struct span *rest)
{
	if (rest->len == 0 || rest->data[0] != '"')
		return cut(rest, ' ');
	*rest = span_skip(*rest, 1);
	return cut(rest, '"');
}

struct span
routeros_column(struct span line, const char *name)
{
	while (line.len > 0) {
		const size_t len = strlen(name);

		if (span_has_prefix(line, span_str(name)) && line.len > len &&
			line.data[len] == '=') {
			line = span_skip(line, len + 1);
			return take_value(&line);
		}
		/* Past this word, its value's quotes and all. */
		while (line.len > 0 && line.data[0] != ' ' &&
			line.data[0] != '=')
			line = span_skip(line, 1);
		if (line.len > 0 && line.data[0] == '=') {
			line = span_skip(line, 1);
			(void)take_value(&line);
		}
		while (line.len > 0 && line.data[0] == ' ')
			line = span_skip(line, 1);
	}
	return SPAN_NONE;
}

bool
routeros_is_yes(struct span value)
{
	return span_equal(value, span_str("yes")) ||
		span_equal(value, span_str("true"));
}

bool
routeros_key_ends_password(struct span always_allow, struct span authentication)
{
	if (authentication.data != NULL)
		return span_equal(authentication, span_str("yes-if-no-key"));
	return !routeros_is_yes(always_allow);
}

/* The number that text begins with, at most MINOR_MAX; -1: none. */
static int
take_number(struct span *text)
{
	int number = -1;

	while (text->len > 0 && text->data[0] >= '0' && text->data[0] <= '9') {
		number = (number < 0 ? 0 : number) * 10 + text->data[0] - '0';
		if (number > MINOR_MAX)
			return -1;
		*text = span_skip(*text, 1);
	}
	return number;
}

int
routeros_version(struct span text)
{
	int major, minor;

	text = trim(text);
	major = take_number(&text);
	if (major < 1 || text.len == 0 || text.data[0] != '.')
		return 0;
	text = span_skip(text, 1);
	minor = take_number(&text);
	return minor >= 0 ? major * 1000 + minor : 0;
}
