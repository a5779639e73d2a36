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
#define LOG_STR(k, v) \
	((struct log_field){ .key = (k), .type = LOG_FIELD_STR, .str = (v) })
#define LOG_INT(k, v) \
	((struct log_field){ \
		.key = (k), .type = LOG_FIELD_INT, .integer = (v) })
#define LOG_BOOL(k, v) \
	((struct log_field){ \
		.key = (k), .type = LOG_FIELD_BOOL, .boolean = (v) })
#define LOG_ERR(e) \
	LOG_STR("error", (e)->message), LOG_STR("detail", (e)->detail)

/* Names: off, error, warn, info, debug, trace ("err" and "warning" too). */
int log_level_parse(const char *name, enum log_level *ret_level);

/* Lines below level are dropped. Any thread, any time. */
void log_set_level(enum log_level level);

/* JSON lines instead of text. */
void log_set_json(bool on);

/* Where lines go; 2 at first. The descriptor stays its owner's. */
void log_set_fd(int fd);

void log_write(enum log_level level, const char *message,
	const struct log_field *fields, size_t n_fields);

#define LOG_AT(level, message, ...) \
	log_write((level), (message), \
		(const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ NULL, LOG_FIELD_STR, { NULL } } }, \
		ARRAY_LEN(((const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ NULL, LOG_FIELD_STR, { NULL } } })) - 1)
#define log_trace(message, ...) \
	LOG_AT(LOG_TRACE, message __VA_OPT__(, ) __VA_ARGS__)
#define log_debug(message, ...) \
	LOG_AT(LOG_DEBUG, message __VA_OPT__(, ) __VA_ARGS__)
#define log_info(message, ...) \
	LOG_AT(LOG_INFO, message __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(message, ...) \
	LOG_AT(LOG_WARN, message __VA_OPT__(, ) __VA_ARGS__)
#define log_error(message, ...) \
	LOG_AT(LOG_ERROR, message __VA_OPT__(, ) __VA_ARGS__)

#endif
