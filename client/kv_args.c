/* Words in order: JSON replaces, K=V adds to what is there. */
#include "client/kv_args.h"

#include <string.h>

#include "lib/fsutil.h"
#include "lib/json.h"

#define FILE_MAX (16 * 1024 * 1024)

struct words {
	struct cli *cli;
	struct value *data;
	bool stdin_used;
};

static int
read_stdin(struct words *words, struct span *ret_text, struct err *err)
{
	if (words->stdin_used)
		return err_set(err, ERR_INPUT, 400, "stdin already consumed");
	words->stdin_used = true;
	return cli_read_stdin(words->cli, ret_text, err);
}

static int
read_file(struct words *words, const char *path, struct span *ret_text,
	struct err *err)
{
	struct err cause = { 0 };
	struct buf text;
	int rc = 0;

	buf_init(&text, FILE_MAX);
	rc = file_read(path, &text, &cause);
	if (rc == ERR_ABSENT)
		rc = err_set(err, ERR_INPUT, 400,
			"error reading file: open %s: no such file or directory",
			path);
	else if (rc != 0)
		rc = err_set(err, ERR_INPUT, 400, "error reading file: %s",
			err_reason(&cause));
	else
		*ret_text = arena_dup(words->cli->arena, buf_span(&text));
	buf_clear(&text);
	return rc;
}

/* A second value of a key makes a list of both. */
static int
add_pair(
	struct words *words, const char *key, struct span text, struct err *err)
{
	struct arena *arena = words->cli->arena;
	const struct value *old = value_find(words->data, key);
	struct value *fresh = value_span(arena, text);
	struct value *list;

	if (old == NULL)
		return value_set(arena, words->data, key, fresh)
			? 0
			: err_set_memory(err);
	list = old->type == VALUE_LIST ? value_copy(arena, old)
				       : value_list(arena);
	if (old->type != VALUE_LIST && !value_add(list, value_copy(arena, old)))
		return err_set_memory(err);
	return value_add(list, fresh) &&
			value_set(arena, words->data, key, list)
		? 0
		: err_set_memory(err);
}

static int
merge_json(struct words *words, struct span text, struct err *err)
{
	struct value *object = NULL;
	struct err cause = { 0 };

	if (json_parse(text, &json_limits_trusted, words->cli->arena, &object,
		    &cause) != 0 ||
		object->type != VALUE_OBJECT)
		return err_set(err, ERR_INPUT, 400,
			"invalid JSON: must be one object: %.300s",
			cause.detail);
	VALUE_EACH (member, object) {
		if (!value_set(words->cli->arena, words->data, member->key,
			    value_copy(words->cli->arena, member)))
			return err_set_memory(err);
	}
	return 0;
}

/* Anything else would arrive as U+FFFD, and nobody would be told. */
static int
check_text(const char *key, struct span text, struct err *err)
{
	while (text.len > 0) {
		const size_t len = span_utf8_len(text);

		if (len == 0)
			return err_set(err, ERR_INPUT, 400,
				"the value of \"%.256s\" is not UTF-8, and JSON carries nothing else: encode it, as with base64",
				key);
		text = span_skip(text, len);
	}
	return 0;
}

static int
parse_pair(struct words *words, const char *word, struct err *err)
{
	const char *equals = strchr(word, '=');
	const char *value;
	struct span text;
	char *key;
	int rc = 0;

	if (equals == NULL || equals == word)
		return err_set(err, ERR_INPUT, 400,
			"invalid key/value pair \"%.256s\": format must be key=value",
			word);
	key = arena_strndup(words->cli->arena, word, (size_t)(equals - word));
	if (key == NULL)
		return err_set_memory(err);
	value = equals + 1;
	if (strcmp(value, "-") == 0)
		rc = read_stdin(words, &text, err);
	else if (value[0] == '@')
		rc = read_file(words, value + 1, &text, err);
	else
		text = span_str(
			strncmp(value, "\\@", 2) == 0 ? value + 1 : value);
	if (rc == 0)
		rc = check_text(key, text, err);
	return rc != 0 ? rc : add_pair(words, key, text, err);
}

static int
parse_word(struct words *words, const char *word, struct err *err)
{
	struct span text;
	int rc;

	if (word[0] == '\0')
		return 0;
	if (strcmp(word, "-") == 0)
		rc = read_stdin(words, &text, err);
	else if (word[0] == '@')
		rc = read_file(words, word + 1, &text, err);
	else
		return parse_pair(words, word, err);
	return rc != 0 ? rc : merge_json(words, text, err);
}

int
kv_args_read(struct cli *cli, int argc, char **argv, struct value **ret_data,
	struct err *err)
{
	struct words words = { .cli = cli, .data = value_object(cli->arena) };

	if (words.data == NULL)
		return err_set_memory(err);
	for (int i = 0; i < argc; i++) {
		struct err cause = { 0 };

		if (parse_word(&words, argv[i], &cause) == 0)
			continue;
		if (strncmp(cause.message, "error reading", 13) == 0)
			return err_set(err, ERR_INPUT, 400,
				"invalid key/value pair \"%.256s\": %.512s",
				argv[i], cause.message);
		return err_set(err, ERR_INPUT, 400, "%.900s", cause.message);
	}
	*ret_data = words.data;
	return 0;
}

int
kv_args_parse(struct cli *cli, int argc, char **argv, struct value **ret_data,
	struct err *err)
{
	struct err cause = { 0 };

	if (kv_args_read(cli, argc, argv, ret_data, &cause) == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400, "Failed to parse K=V data: %.980s",
		cause.message);
}
