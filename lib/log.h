/*
 * The levelled log. A message is a fixed text and typed fields; there is no
 * printf form and no field macro that takes a secret. Text or JSON lines to
 * standard error (or the descriptor set), one write each, control bytes
 * escaped.
 */
#ifndef SALLYPORT_LIB_LOG_H
#define SALLYPORT_LIB_LOG_H

#include "lib/err.h"

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

enum log_field_type { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_BOOL };

struct log_field {
	const char *key;
	enum log_field_type type;

	union {
		const char *str; /* NULL prints as "" */
		int64_t integer;
		bool boolean;
	};
};

/* "err" names the field of a struct err's message and detail. */
#define LOG_STR(k, v)                                                          \
	((struct log_field){ .key = (k), .type = LOG_FIELD_STR, .str = (v) })
#define LOG_INT(k, v)                                                          \
	((struct log_field){                                                   \
		.key = (k), .type = LOG_FIELD_INT, .integer = (v) })
#define LOG_BOOL(k, v)                                                         \
	((struct log_field){                                                   \
		.key = (k), .type = LOG_FIELD_BOOL, .boolean = (v) })
#define LOG_ERR(e)                                                             \
	LOG_STR("error", (e)->message), LOG_STR("detail", (e)->detail)

/* Names: off, error, warn, info, debug, trace ("err" and "warning" too). */
int log_level_parse(const char *name, enum log_level *ret_level);

/* Lines below level are dropped. Any thread, any time. */
void log_set_level(enum log_level level);

/* JSON lines instead of text. */
void log_set_json(bool on);

/* Where lines go; 2 at first. The descriptor stays its owner's. */
void log_set_fd(int fd);

/* fields end with LOG_END. */
void log_write(enum log_level level, const char *message,
	const struct log_field *fields);

#define LOG_END ((struct log_field){ .key = NULL })
#define LOG_AT(level, message, ...)                                            \
	log_write((level), (message), (const struct log_field[]){ __VA_ARGS__ })
#define log_trace(...) LOG_AT(LOG_TRACE, __VA_ARGS__, LOG_END)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__, LOG_END)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__, LOG_END)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__, LOG_END)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__, LOG_END)

/*
 * For work that is done again and again: one line when it begins to fail, with
 * err, and one when it works again. *failing is the caller's, false at first;
 * err NULL: it worked.
 */
void log_failing(bool *failing, const struct err *err, const char *fails,
	const char *works);

#endif
