/* Compare the configuration with the running one, row by row. */
#include "server/main/reload.h"

#include <string.h>

#include "lib/log.h"

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool
same_list(const struct setting_list *a, const struct setting_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!same_text(a->items[i], b->items[i]))
			return false;
	}
	return true;
}

static bool
same_setting(const struct setting *row, const void *a, const void *b)
{
	const void *left = (const char *)a + row->offset;
	const void *right = (const char *)b + row->offset;
	const char *const *left_text = left;
	const char *const *right_text = right;

	if (row->type == SETTING_STR)
		return same_text(*left_text, *right_text);
	if (row->type == SETTING_LIST)
		return same_list(left, right);
	return memcmp(left, right,
		       row->type == SETTING_BOOL ? sizeof(bool)
						 : sizeof(int64_t)) == 0;
}

static void
name_changed_rows(const struct setting *rows, const char *where, const void *a,
	const void *b)
{
	for (const struct setting *row = rows; row->name != NULL; row++) {
		if (strcmp(row->name, "log_level") == 0 ||
			strcmp(row->name, "log_format") == 0)
			continue;
		if (!same_setting(row, a, b))
			log_warn("a changed key needs a restart",
				LOG_STR("key", row->name),
				LOG_STR("in", where));
	}
}

static void
name_changes(const struct server_settings *running,
	const struct server_settings *read)
{
	const size_t n = running->n_listeners < read->n_listeners
		? running->n_listeners
		: read->n_listeners;

	name_changed_rows(server_settings_rows, "configuration", running, read);
	if (running->n_listeners != read->n_listeners)
		log_warn("a changed key needs a restart",
			LOG_STR("key", "listener"),
			LOG_STR("in", "configuration"));
	for (size_t i = 0; i < n; i++)
		name_changed_rows(listener_settings_rows, "listener",
			&running->listeners[i], &read->listeners[i]);
}

int
reload_log(const struct options *options,
	const struct server_settings *settings, struct err *err)
{
	const char *level = options->log_level != NULL ? options->log_level
						       : settings->log_level;
	const char *format = options->log_format != NULL ? options->log_format
							 : settings->log_format;
	enum log_level parsed = LOG_INFO;

	if (level != NULL && level[0] != '\0' &&
		log_level_parse(level, &parsed) != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid log level \"%s\": must be trace, debug, info, warn, error or off",
			level);
	log_set_level(parsed);
	log_set_json(format != NULL && strcmp(format, "json") == 0);
	return 0;
}

void
reload_all(struct server *server, struct listener *listener,
	const struct options *options)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct server_settings *read =
		arena == NULL ? NULL : ARENA_NEW(arena, struct server_settings);
	struct err err = { 0 };

	audit_reopen(server->audit);
	if (read != NULL && options->n_configs > 0) {
		if (server_settings_load(options->configs, options->n_configs,
			    arena, read, &err) == 0) {
			name_changes(server->settings, read);
			if (reload_log(options, read, &err) != 0)
				log_error("the log level stays", LOG_ERR(&err));
		} else {
			log_error("the configuration stays as it was",
				LOG_ERR(&err));
		}
	}
	err_clear(&err);
	if (listener_reload_tls(listener, &err) != 0)
		log_error("a certificate stays as it was", LOG_ERR(&err));
	arena_free(&arena);
}
