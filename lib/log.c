/*
 * The log. A line is built whole and leaves in one write, so that lines of
 * several threads and processes never mix. What cannot be written is lost:
 * the log must not stop the service.
 */
#include "lib/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/jsonw.h"

#define LINE_MAX_BYTES 65536
#define VALUE_MAX_BYTES 4096

static atomic_int minimum = LOG_INFO;
static atomic_bool as_json;
static atomic_int target = STDERR_FILENO;

static const struct {
	const char *name;
	const char *tag; /* as in a line of text */
} levels[] = {
	[LOG_TRACE] = { "trace", "[TRACE]" },
	[LOG_DEBUG] = { "debug", "[DEBUG]" },
	[LOG_INFO] = { "info", "[INFO] " },
	[LOG_WARN] = { "warn", "[WARN] " },
	[LOG_ERROR] = { "error", "[ERROR]" },
	[LOG_OFF] = { "off", "[OFF]  " },
};

int
log_level_parse(const char *name, enum log_level *ret_level)
{
	size_t i;

	if (strcasecmp(name, "err") == 0)
		name = levels[LOG_ERROR].name;
	else if (strcasecmp(name, "warning") == 0)
		name = levels[LOG_WARN].name;
	for (i = 0; i < ARRAY_LEN(levels); i++) {
		if (strcasecmp(name, levels[i].name) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return ERR_INPUT;
}

void
log_set_level(enum log_level level)
{
	atomic_store(&minimum, (int)level);
}

void
log_set_json(bool on)
{
	atomic_store(&as_json, on);
}

void
log_set_fd(int fd)
{
	atomic_store(&target, fd);
}

/* UTC with milliseconds, always three digits of them. */
static void
add_time(struct buf *line)
{
	int64_t now_ns = clock_wall_ns(clock_system());
	int64_t ms = now_ns / (CLOCK_NS_PER_S / 1000) % 1000;
	char text[CLOCK_TEXT_MAX];

	clock_format_ns(now_ns - now_ns % CLOCK_NS_PER_S, text);
	buf_addf(line, "%.*s.%03lldZ", (int)strlen(text) - 1, text,
		(long long)ms);
}

/* A value's bytes, the tail of an overlong one cut off. */
static struct span
bounded(const char *str)
{
	struct span text = span_str(str);

	if (text.len > VALUE_MAX_BYTES)
		text.len = VALUE_MAX_BYTES;
	return text;
}

/* Text that needs no quotes in a line of key=value pairs. */
static bool
is_bare(struct span text)
{
	size_t i;

	for (i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return text.len > 0;
}

static void
add_value(struct buf *line, const struct log_field *field, bool quote)
{
	struct span text;

	switch (field->type) {
	case LOG_FIELD_INT:
		buf_addf(line, "%lld", (long long)field->integer);
		break;
	case LOG_FIELD_BOOL:
		buf_add_str(line, field->boolean ? "true" : "false");
		break;
	case LOG_FIELD_STR:
		text = bounded(field->str);
		if (quote || !is_bare(text))
			jsonw_string(line, text);
		else
			buf_add_span(line, text);
		break;
	}
}

/* The message is a fixed text of ours; still no control byte gets through. */
static void
add_message(struct buf *line, const char *message)
{
	for (; *message != '\0'; message++) {
		bool control = (uint8_t)*message < ' ' || *message == 0x7f;

		buf_add(line, control ? " " : message, 1);
	}
}

static void
format_text(struct buf *line, enum log_level level, const char *message,
	const struct log_field *fields)
{
	size_t i;

	add_time(line);
	buf_addf(line, " %s ", levels[level].tag);
	add_message(line, message);
	for (i = 0; fields[i].key != NULL; i++) {
		buf_addf(line, "%s %s=", i == 0 ? ":" : "", fields[i].key);
		add_value(line, &fields[i], false);
	}
	buf_add_char(line, '\n');
}

static void
format_json(struct buf *line, enum log_level level, const char *message,
	const struct log_field *fields)
{
	size_t i;

	buf_addf(line, "{\"@level\":\"%s\",\"@message\":", levels[level].name);
	jsonw_string(line, bounded(message));
	buf_add_str(line, ",\"@timestamp\":\"");
	add_time(line);
	buf_add_char(line, '"');
	for (i = 0; fields[i].key != NULL; i++) {
		buf_add_char(line, ',');
		jsonw_string(line, span_str(fields[i].key));
		buf_add_char(line, ':');
		add_value(line, &fields[i], true);
	}
	buf_add_str(line, "}\n");
}

static void
format_line(struct buf *line, enum log_level level, const char *message,
	const struct log_field *fields)
{
	if (atomic_load(&as_json))
		format_json(line, level, message, fields);
	else
		format_text(line, level, message, fields);
}

void
log_write(enum log_level level, const char *message,
	const struct log_field *fields)
{
	int saved_errno = errno;
	struct buf line;
	ssize_t n;

	if (level >= LOG_OFF || (int)level < atomic_load(&minimum))
		return;
	buf_init(&line, LINE_MAX_BYTES);
	format_line(&line, level, message, fields);
	if (line.rc != 0) {
		/* Too long with its fields: the message alone still fits. */
		buf_reset(&line);
		format_line(&line, level, message, &LOG_END);
	}
	do {
		n = write(atomic_load(&target), line.data, line.len);
	} while (n < 0 && errno == EINTR);
	buf_clear(&line);
	errno = saved_errno;
}

void
log_failing(bool *failing, const struct err *err, const char *fails,
	const char *works)
{
	if (err != NULL && !*failing)
		log_error(fails, LOG_ERR(err));
	else if (err == NULL && *failing)
		log_info(works);
	*failing = err != NULL;
}
