/* One table of words. */
#include "helper/pam_options.h"

#include <string.h>

#include "lib/number.h"

#define CONFIG_DEFAULT SYSCONFDIR "/sallyport/helper.hcl"
#define HELPER_DEFAULT LIBEXECDIR "/sallyport-helper"

enum word_type { WORD_BOOL, WORD_TEXT, WORD_NUMBER };

static const struct word {
	const char *name;
	enum word_type type;
	size_t offset;
	int64_t min, max;
} word_rows[] = {
	{ "config", WORD_TEXT, offsetof(struct pam_options, config), 0, 0 },
	{ "helper", WORD_TEXT, offsetof(struct pam_options, helper), 0, 0 },
	{ "prompt", WORD_TEXT, offsetof(struct pam_options, prompt), 0, 0 },
	{ "timeout", WORD_NUMBER, offsetof(struct pam_options, timeout_s), 1,
		100 },
	{ "fail_delay", WORD_NUMBER,
		offsetof(struct pam_options, fail_delay_ms), 0, 60000 },
	{ "use_first_pass", WORD_BOOL,
		offsetof(struct pam_options, use_first_pass), 0, 0 },
	{ "try_first_pass", WORD_BOOL,
		offsetof(struct pam_options, try_first_pass), 0, 0 },
	{ "dev", WORD_BOOL, offsetof(struct pam_options, dev), 0, 0 },
	{ "debug", WORD_BOOL, offsetof(struct pam_options, debug), 0, 0 },
};

static const struct word *
find_word(const char *text, const char **ret_value)
{
	const size_t len = strcspn(text, "=");

	*ret_value = text[len] == '=' ? text + len + 1 : NULL;
	for (size_t i = 0; i < ARRAY_LEN(word_rows); i++) {
		if (strlen(word_rows[i].name) == len &&
			strncmp(word_rows[i].name, text, len) == 0)
			return &word_rows[i];
	}
	return NULL;
}

static int
set_word(
	struct pam_options *options, const struct word *word, const char *value)
{
	void *member = (char *)options + word->offset;
	const char **text = member;
	int64_t *number = member;
	bool *on = member;

	if (word->type == WORD_BOOL) {
		*on = true;
		return value == NULL ? 0 : ERR_INPUT;
	}
	if (value == NULL || value[0] == '\0')
		return ERR_INPUT;
	if (word->type == WORD_NUMBER)
		return number_parse_i64(
			span_str(value), word->min, word->max, number);
	*text = value;
	return 0;
}

int
pam_options_parse(int argc, const char **argv, struct pam_options *ret_options,
	struct err *err)
{
	struct pam_options options = { .config = CONFIG_DEFAULT,
		.helper = HELPER_DEFAULT,
		.prompt = "Password: ",
		.timeout_s = 10,
		.fail_delay_ms = 1000 };

	for (int i = 0; i < argc; i++) {
		const char *value;
		const struct word *word = find_word(argv[i], &value);

		if (word == NULL || set_word(&options, word, value) != 0)
			return err_set(err, ERR_INPUT, 400,
				"bad option \"%.64s\"", argv[i]);
	}
	*ret_options = options;
	return 0;
}
