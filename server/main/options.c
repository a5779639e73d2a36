/* One table of flags drives parsing and help. */
#include "server/main/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/number.h"

#define DEV_ADDRESS "127.0.0.1:8200"

enum flag_type { FLAG_TEXT, FLAG_BOOL, FLAG_CONFIG };

struct flag {
	const char *name;
	enum flag_type type;
	size_t offset;
	const char *help;
};

static const struct flag flags[] = {
	{ "config", FLAG_CONFIG, 0,
		"Configuration file, or directory of them; may be repeated." },
	{ "dev", FLAG_BOOL, offsetof(struct options, dev),
		"Development mode: plain HTTP, unsealed, nothing kept." },
	{ "dev-root-token-id", FLAG_TEXT,
		offsetof(struct options, dev_root_token_id),
		"Id of the root token in development mode." },
	{ "dev-listen-address", FLAG_TEXT,
		offsetof(struct options, dev_listen_address),
		"Address to listen on in development mode." },
	{ "dev-storage", FLAG_TEXT, offsetof(struct options, dev_storage),
		"Store file to use, and keep, in development mode." },
	{ "dev-no-store-token", FLAG_BOOL,
		offsetof(struct options, dev_no_store_token),
		"Do not write the root token to the token file." },
	{ "accept-rollback", FLAG_BOOL,
		offsetof(struct options, accept_rollback),
		"Go on, this once, with a store older than the audit log says." },
	{ "log-level", FLAG_TEXT, offsetof(struct options, log_level),
		"trace, debug, info, warn, error or off." },
	{ "log-format", FLAG_TEXT, offsetof(struct options, log_format),
		"standard or json." },
	{ "version", FLAG_BOOL, offsetof(struct options, version),
		"Print the version and end." },
	{ "help", FLAG_BOOL, offsetof(struct options, help),
		"Print this and end." },
	{ "h", FLAG_BOOL, offsetof(struct options, help), NULL },
};

static const struct flag *
find_flag(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (strlen(flags[i].name) == len &&
			strncmp(flags[i].name, name, len) == 0)
			return &flags[i];
	}
	return NULL;
}

/* The member that a flag fills; untyped, since the table says its type. */
static void *
member_of(struct options *options, const struct flag *flag)
{
	return (char *)options + flag->offset;
}

static int
set_bool(struct options *options, const struct flag *flag, const char *value,
	struct err *err)
{
	bool *on = member_of(options, flag);

	if (number_parse_bool(span_str(value == NULL ? "true" : value), on) ==
		0)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"invalid value \"%s\" for flag -%s: must be true or false",
		value, flag->name);
}

static int
set_text(struct options *options, const struct flag *flag, const char *value,
	struct err *err)
{
	if (flag->type == FLAG_TEXT) {
		const char **text = member_of(options, flag);

		*text = value;
		return 0;
	}
	if (options->n_configs == OPTIONS_CONFIGS_MAX)
		return err_set(err, ERR_LIMIT, 400,
			"more than %d -config flags", OPTIONS_CONFIGS_MAX);
	options->configs[options->n_configs++] = value;
	return 0;
}

/* One word, and the next one where it is this flag's value. */
static int
parse_word(int argc, char *const *argv, int *i, struct options *options,
	struct err *err)
{
	const char *word = argv[*i];
	const char *name;
	const char *equals;
	const struct flag *flag;

	if (word[0] != '-')
		return err_set(err, ERR_INPUT, 400,
			"unexpected argument \"%s\": every option begins with -",
			word);
	name = word + (word[1] == '-' ? 2 : 1);
	equals = strchr(name, '=');
	flag = find_flag(
		name, equals != NULL ? (size_t)(equals - name) : strlen(name));
	if (flag == NULL)
		return err_set(err, ERR_INPUT, 400,
			"flag provided but not defined: %s", word);
	if (flag->type == FLAG_BOOL)
		return set_bool(
			options, flag, equals != NULL ? equals + 1 : NULL, err);
	if (equals != NULL)
		return set_text(options, flag, equals + 1, err);
	if (*i + 1 >= argc)
		return err_set(err, ERR_INPUT, 400,
			"flag needs an argument: -%s", flag->name);
	return set_text(options, flag, argv[++*i], err);
}

/* SALLYPORT_<name>, else VAULT_<name>, else fallback. */
static const char *
from_environment(const char *ours, const char *vaults, const char *fallback)
{
	const char *value = getenv(ours);

	if (value == NULL || value[0] == '\0')
		value = getenv(vaults);
	return value != NULL && value[0] != '\0' ? value : fallback;
}

int
options_parse(int argc, char *const *argv, struct options *ret_options,
	struct err *err)
{
	struct options options = { .dev_storage = "" };

	options.dev_root_token_id = from_environment(
		"SALLYPORT_DEV_ROOT_TOKEN_ID", "VAULT_DEV_ROOT_TOKEN_ID", "");
	options.dev_listen_address =
		from_environment("SALLYPORT_DEV_LISTEN_ADDRESS",
			"VAULT_DEV_LISTEN_ADDRESS", DEV_ADDRESS);
	for (int i = 1; i < argc; i++) {
		int rc = parse_word(argc, argv, &i, &options, err);

		if (rc != 0)
			return rc;
	}
	*ret_options = options;
	return 0;
}

void
options_print_help(void)
{
	printf("Usage: sallyportd -config=FILE [options]\n"
	       "       sallyportd -dev [options]\n\n"
	       "Runs the Sallyport server.\n\n");
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (flags[i].help != NULL)
			printf("  -%-20s %s\n", flags[i].name, flags[i].help);
	}
}
