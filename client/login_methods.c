/*
 * One row for each method. Most of them write their settings to one path;
 * a token is looked up, so that it answers as a login would.
 */
#include "client/login_methods.h"

#include <ctype.h>
#include <string.h>

#include "client/login_ssh.h"
#include "client/output.h"
#include "lib/fsutil.h"

#define FILE_MAX (1024 * 1024)
#define SERVICE_ACCOUNT_TOKEN                                                  \
	"/var/run/secrets/kubernetes.io/serviceaccount/token"

static int log_in_by_token(struct cli *cli, const struct login_method *method,
	const char *mount, const struct value *settings, struct err *err);

/* ---- the rows ----------------------------------------------------------- */

#define SETTINGS_END                                                           \
	{                                                                      \
		.name = NULL                                                   \
	}

static const struct login_setting token_settings[] = {
	{ .name = "token",
		.required = true,
		.trimmed = true,
		.prompt = "Token (will be hidden): ",
		.help = "The token; asked for if left out." },
	{ .name = "lookup",
		.help = "false: store it without asking the server." },
	SETTINGS_END,
};

static const struct login_setting ssh_settings[] = {
	{ .name = "role", .required = true, .help = "The role." },
	{ .name = "key",
		.trimmed = true,
		.help = "A .pub file or a fingerprint; each key of the agent if left out." },
	SETTINGS_END,
};

static const struct login_setting userpass_settings[] = {
	{ .name = "username", .required = true, .help = "The user's name." },
	{ .name = "password",
		.required = true,
		.prompt = "Password (will be hidden): ",
		.help = "The password; asked for if left out." },
	SETTINGS_END,
};

static const struct login_setting approle_settings[] = {
	{ .name = "role_id",
		.required = true,
		.trimmed = true,
		.help = "The role's id." },
	{ .name = "secret_id",
		.trimmed = true,
		.help = "The secret id, unless the role needs none." },
	SETTINGS_END,
};

static const struct login_setting cert_settings[] = {
	{ .name = "name",
		.help = "The one role to try; every role if left out." },
	SETTINGS_END,
};

static const struct login_setting jwt_settings[] = {
	{ .name = "role",
		.help = "The role; the method's default role if left out." },
	{ .name = "jwt",
		.required = true,
		.trimmed = true,
		.prompt = "JWT (will be hidden): ",
		.help = "The signed token; asked for if left out." },
	SETTINGS_END,
};

static const struct login_setting kubernetes_settings[] = {
	{ .name = "role", .required = true, .help = "The role." },
	{ .name = "jwt",
		.required = true,
		.trimmed = true,
		.file = SERVICE_ACCOUNT_TOKEN,
		.help = "The service account's token; the pod's own if left out." },
	SETTINGS_END,
};

static const struct login_method methods[] = {
	{
		.name = "approle",
		.summary = "Machines log in with a role id and a secret id.",
		.example = "-method=approle role_id=ID secret_id=@FILE",
		.settings = approle_settings,
	},
	{
		.name = "cert",
		.summary =
			"Log in with the TLS client certificate of -client-cert and -client-key.",
		.example =
			"-method=cert -client-cert=me.crt -client-key=me.key",
		.settings = cert_settings,
	},
	{
		.name = "jwt",
		.summary =
			"Pipelines log in with a token that an issuer signed.",
		.example = "-method=jwt role=ci jwt=-",
		.settings = jwt_settings,
	},
	{
		.name = "kubernetes",
		.summary = "Pods log in with their service account's token.",
		.example = "-method=kubernetes role=web",
		.settings = kubernetes_settings,
	},
	{
		.name = "ssh",
		.summary =
			"Log in with a key or a certificate that the ssh-agent holds.",
		.example = "-method=ssh role=ops",
		.settings = ssh_settings,
		.log_in = login_ssh,
	},
	{
		.name = "token",
		.summary = "Log in with a token that is there already.",
		.example = "-",
		.settings = token_settings,
		.log_in = log_in_by_token,
	},
	{
		.name = "userpass",
		.summary = "People log in with a name and a password.",
		.example = "-method=userpass username=ann",
		.settings = userpass_settings,
		.name_in_path = "username",
	},
};

const struct login_method *
login_method_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	}
	return NULL;
}

void
login_method_help(const struct login_method *method)
{
	printf("Usage: sallyport login -method=%s [options] [K=V ...]\n\n"
	       "  %s\n\n    $ sallyport login %s\n\nSettings:\n\n",
		method->name, method->summary, method->example);
	for (const struct login_setting *setting = method->settings;
		setting->name != NULL; setting++)
		printf("  %-12s %s\n", setting->name, setting->help);
	printf("  %-12s Where the method is mounted; -path is the same.\n",
		"mount");
}

/* ---- settings ----------------------------------------------------------- */

static int
refuse_unknown(const struct login_method *method, const struct value *words,
	struct err *err)
{
	VALUE_EACH (word, words) {
		const struct login_setting *known = method->settings;

		while (known->name != NULL &&
			strcmp(known->name, word->key) != 0)
			known++;
		if (known->name == NULL && strcmp(word->key, "mount") != 0)
			return err_set(err, ERR_INPUT, 400,
				"method %s has no setting '%.128s'",
				method->name, word->key);
		if (word->type == VALUE_LIST || word->type == VALUE_OBJECT)
			return err_set(err, ERR_INPUT, 400,
				"'%.128s' must be one value", word->key);
	}
	return 0;
}

static const char *
trim(struct cli *cli, const char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	return arena_strndup(cli->arena, text, len);
}

static int
read_default(struct cli *cli, const char *path, const char **ret_text,
	struct err *err)
{
	struct err cause = { 0 };
	struct buf text;
	int rc;

	buf_init(&text, FILE_MAX);
	rc = file_read(path, &text, &cause);
	if (rc != 0)
		rc = err_set(err, ERR_INPUT, 400, "%s cannot be read: %s", path,
			err_reason(&cause));
	else
		*ret_text = arena_strdup(cli->arena, buf_str(&text));
	buf_clear(&text);
	return rc;
}

/* The setting's text by word, file or prompt; NULL: left out. */
static int
choose_text(struct cli *cli, const struct login_setting *setting,
	const struct value *words, const char **ret_text, struct err *err)
{
	const struct value *word = value_find(words, setting->name);
	const char *text = word != NULL ? output_cell(cli, word) : "";
	int rc = 0;

	if (text[0] == '\0' && setting->file != NULL)
		rc = read_default(cli, setting->file, &text, err);
	else if (text[0] == '\0' && setting->prompt != NULL)
		rc = cli_read_hidden(cli, stderr, setting->prompt, &text, err);
	if (rc == 0 && setting->trimmed)
		text = trim(cli, text);
	if (rc == 0 && text == NULL)
		rc = err_set_memory(err);
	if (rc == 0 && text[0] == '\0' && setting->required)
		rc = err_set(err, ERR_INPUT, 400, "'%s' must be specified",
			setting->name);
	if (rc == 0)
		*ret_text = text[0] != '\0' ? text : NULL;
	return rc;
}

static int
choose_settings(struct cli *cli, const struct login_method *method,
	const struct value *words, struct value *settings, struct err *err)
{
	int rc = refuse_unknown(method, words, err);

	for (const struct login_setting *setting = method->settings;
		rc == 0 && setting->name != NULL; setting++) {
		const char *text = NULL;

		rc = choose_text(cli, setting, words, &text, err);
		if (rc == 0 && text != NULL &&
			!value_set_str(
				cli->arena, settings, setting->name, text))
			rc = err_set_memory(err);
	}
	return rc;
}

/* ---- logging in --------------------------------------------------------- */

static int
log_in_by_write(struct cli *cli, const struct login_method *method,
	const char *mount, const struct value *settings, struct err *err)
{
	struct value *body = value_object(cli->arena);
	const char *path = arena_printf(cli->arena, "auth/%s/login", mount);

	VALUE_EACH (setting, settings) {
		if (method->name_in_path != NULL &&
			strcmp(setting->key, method->name_in_path) == 0)
			path = arena_printf(cli->arena, "auth/%s/login/%s",
				mount, setting->str);
		else
			(void)value_set(cli->arena, body, setting->key,
				value_copy(cli->arena, setting));
	}
	if (path == NULL || body == NULL)
		return err_set_memory(err);
	return cli_call(cli, "PUT", path, body, err) ? 0 : ERR_PEER;
}

static struct value *
strings_of(struct cli *cli, const struct value *list)
{
	return list != NULL ? value_copy(cli->arena, list)
			    : value_null(cli->arena);
}

/* What lookup-self told, if it was asked, as the answer of a login. */
static struct value *
auth_of_lookup(struct cli *cli, const char *token)
{
	const struct value *data = value_find(cli->answer.json, "data");
	struct arena *arena = cli->arena;
	struct value *auth = value_object(arena);
	struct value *answer = value_object(arena);

	(void)value_set_str(arena, auth, "client_token", token);
	(void)value_set_str(
		arena, auth, "accessor", value_find_str(data, "accessor", ""));
	(void)value_set(arena, auth, "policies",
		strings_of(cli, value_find(data, "policies")));
	(void)value_set(arena, auth, "token_policies",
		strings_of(cli, value_find(data, "policies")));
	(void)value_set(arena, auth, "identity_policies", value_null(arena));
	(void)value_set(arena, auth, "metadata",
		strings_of(cli, value_find(data, "meta")));
	(void)value_set_bool(
		arena, auth, "orphan", value_find_bool(data, "orphan", false));
	(void)value_set_str(arena, auth, "entity_id",
		value_find_str(data, "entity_id", ""));
	(void)value_set_int(
		arena, auth, "lease_duration", value_find_int(data, "ttl", 0));
	(void)value_set_bool(arena, auth, "renewable",
		value_find_bool(data, "renewable", false));
	(void)value_set_str(arena, answer, "request_id",
		value_find_str(cli->answer.json, "request_id", ""));
	(void)value_set_str(arena, answer, "lease_id", "");
	(void)value_set_int(arena, answer, "lease_duration", 0);
	(void)value_set_bool(arena, answer, "renewable", false);
	(void)value_set(arena, answer, "auth", auth);
	return answer;
}

/* The token is good where the server tells of one; it is never wrapped. */
static int
look_up_self(struct cli *cli, struct err *err)
{
	const int64_t wrap_ttl = cli->options.wrap_ttl;
	bool good;

	cli->options.wrap_ttl = 0;
	good = cli_call(cli, "GET", "auth/token/lookup-self", NULL, err);
	cli->options.wrap_ttl = wrap_ttl;
	if (!good)
		return ERR_PEER;
	if (value_find(value_find(cli->answer.json, "data"), "policies") !=
		NULL)
		return 0;
	return err_set(err, ERR_PEER, 0,
		"the server's answer tells of no token; is it the right server?");
}

static int
log_in_by_token(struct cli *cli, const struct login_method *method,
	const char *mount, const struct value *settings, struct err *err)
{
	const char *token = value_find_str(settings, "token", "");
	const char *lookup = value_find_str(settings, "lookup", "true");
	int rc = 0;

	(void)method;
	(void)mount;
	cli_use_token(cli, token);
	if (strcmp(lookup, "true") == 0)
		rc = look_up_self(cli, err);
	else if (strcmp(lookup, "false") != 0)
		rc = err_set(
			err, ERR_INPUT, 400, "'lookup' must be true or false");
	if (rc == 0)
		cli->answer.json = auth_of_lookup(cli, token);
	return rc;
}

int
login_method_run(struct cli *cli, const struct login_method *method,
	const char *path, const struct value *words, struct err *err)
{
	const char *mount = value_find_str(words, "mount", path);
	struct value *settings = value_object(cli->arena);
	int rc;

	if (mount[0] == '\0')
		mount = method->name;
	mount = cli_clean_path(cli, mount);
	if (mount == NULL || settings == NULL)
		return err_set_memory(err);
	rc = choose_settings(cli, method, words, settings, err);
	if (rc != 0)
		return rc;
	cli->no_token = true;
	rc = method->log_in != NULL
		? method->log_in(cli, method, mount, settings, err)
		: log_in_by_write(cli, method, mount, settings, err);
	cli->no_token = false;
	return rc;
}
