/* Colour and width of what people read. */
#include "client/say.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/command.h"
#include "client/flags.h"

#define TEXT_MAX ((size_t)64 * 1024 * 1024)
#define RED "\033[91m"
#define YELLOW "\033[93m"
#define PLAIN "\033[0m"
#define ITEM_INDENT 2

static enum { UNKNOWN, TABLE, NO_TABLE } form;

void
say_table(bool table)
{
	form = table ? TABLE : NO_TABLE;
}

static bool
is_table(void)
{
	const char *format = flags_env("FORMAT");

	if (form != UNKNOWN)
		return form == TABLE;
	return format == NULL || strcasecmp(format, "table") == 0;
}

static bool
has_colour(void)
{
	const char *none = getenv("NO_COLOR");

	return is_table() && (none == NULL || none[0] == '\0') &&
		flags_env("CLI_NO_COLOR") == NULL && isatty(STDERR_FILENO) == 1;
}

/* ---- lines -------------------------------------------------------------- */

/* Columns of a text: each UTF-8 character has one. */
static size_t
width(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		/* Where there is no data there are no columns.
		 * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		n += (text.data[i] & 0xc0) != 0x80;
	return n;
}

static size_t
count_blanks(struct span text)
{
	size_t n = 0;

	while (n < text.len && text.data[n] == ' ')
		n++;
	return n;
}

static size_t
count_word(struct span text)
{
	size_t n = 0;

	while (n < text.len && text.data[n] != ' ' && text.data[n] != '\n')
		n++;
	return n;
}

static size_t
new_line(struct buf *out, size_t indent)
{
	(void)buf_addf(out, "\n%*s", (int)indent, "");
	return indent;
}

void
say_wrap(struct buf *out, struct span text, size_t used, size_t indent)
{
	bool begins = true; /* a line: nothing to break before */

	while (text.len > 0) {
		const size_t blanks = count_blanks(text);
		const struct span rest = span_skip(text, blanks);
		const struct span word = span_of(rest.data, count_word(rest));
		const size_t wide = blanks + width(word);

		if (rest.len > 0 && rest.data[0] == '\n') {
			used = new_line(out, rest.len > 1 ? indent : 0);
			begins = true;
			text = span_skip(rest, 1);
			continue;
		}
		if (!begins && used + wide > SAY_COLUMNS) {
			used = new_line(out, indent) + width(word);
		} else {
			(void)buf_addf(out, "%*s", (int)blanks, "");
			used += wide;
		}
		(void)buf_add_span(out, word);
		begins = false;
		text = span_skip(rest, word.len);
	}
}

/*
 * The second byte of a character of C1, which some terminals obey as they do
 * ESC and the byte 0x40 below it.
 */
static bool
is_c1(const char *text)
{
	return (unsigned char)text[0] == 0xc2 &&
		(unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;
}

/* Text as out may have it. */
static void
add_shown(struct buf *shown, FILE *out, const char *text)
{
	if (isatty(fileno(out)) != 1) {
		(void)buf_add_str(shown, text);
		return;
	}
	for (; *text != '\0'; text++) {
		if (is_c1(text))
			(void)buf_addf(
				shown, "^[%c", (unsigned char)*++text - 0x40);
		else if (iscntrl((unsigned char)*text) && *text != '\n' &&
			*text != '\t')
			(void)buf_addf(shown, "^%c", *text ^ 0x40);
		else
			(void)buf_add_char(shown, *text);
	}
}

void
say_put(FILE *out, const char *text)
{
	struct buf shown;

	buf_init(&shown, TEXT_MAX);
	add_shown(&shown, out, text);
	(void)fputs(buf_str(&shown), out);
	buf_clear(&shown);
}

int
say_finish(int code)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return code;
	say_error("Error writing the output: %s", strerror(errno));
	return code != EXIT_DONE ? code : EXIT_USAGE;
}

void
say_beside(FILE *out, const char *text, size_t used)
{
	struct buf lines;

	buf_init(&lines, TEXT_MAX);
	say_wrap(&lines, span_str(text), used, used);
	say_put(out, buf_str(&lines));
	(void)fputc('\n', out);
	buf_clear(&lines);
}

void
say_text(FILE *out, const char *text)
{
	say_beside(out, text, 0);
}

/* ---- errors, warnings ---------------------------------------------------- */

enum layout { AS_IT_IS, WRAPPED, ITEM };

static void say(const char *colour, enum layout layout, const char *fmt,
	va_list args) PRINTF_LIKE(3, 0);

static void
say(const char *colour, enum layout layout, const char *fmt, va_list args)
{
	const bool with_colour = has_colour();
	struct buf lines, shown;
	char *text = NULL;

	buf_init(&lines, TEXT_MAX);
	buf_init(&shown, TEXT_MAX);
	if (vasprintf(&text, fmt, args) < 0)
		return;
	if (layout == ITEM)
		(void)buf_addf(&lines, "%*s", ITEM_INDENT, "");
	if (layout == AS_IT_IS)
		(void)buf_add_str(&lines, text);
	else
		say_wrap(&lines, span_str(text), lines.len, lines.len);
	/* In one piece, whoever else writes there. */
	(void)buf_add_str(&shown, with_colour ? colour : "");
	add_shown(&shown, stderr, buf_str(&lines));
	(void)buf_add_str(&shown, with_colour ? PLAIN "\n" : "\n");
	(void)fputs(buf_str(&shown), stderr);
	buf_clear(&shown);
	free(text);
	buf_clear(&lines);
}

void
say_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(RED, AS_IT_IS, fmt, args);
	va_end(args);
}

void
say_error_args(const char *fmt, va_list args)
{
	say(RED, AS_IT_IS, fmt, args);
}

void
say_long_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(RED, WRAPPED, fmt, args);
	va_end(args);
}

void
say_warning(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(YELLOW, WRAPPED, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void
say_warning_item(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(YELLOW, ITEM, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

/* ---- long work ----------------------------------------------------------- */

void
say_progress(const char *doing)
{
	static bool shown;

	if (doing != NULL && isatty(STDERR_FILENO) == 1) {
		fprintf(stderr, "%s …", doing);
		shown = true;
	} else if (shown) {
		fprintf(stderr, "\r\033[K");
		shown = false;
	}
	(void)fflush(stderr);
}
