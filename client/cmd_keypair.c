/*
 * keypair: the keys that the server logs in to targets with (keys/:name). A
 * private half that is sent was made or read here, and is written nowhere but
 * where -out says.
 */
#include <string.h>

#include "client/commands.h"
#include "client/keyfile.h"
#include "client/output.h"
#include "client/say.h"
#include "lib/fsutil.h"
#include "lib/sshkey.h"

struct keypair_options {
	const char *mount;
	const char *type, *form, *device, *out;
	int64_t bits, max_age, passphrase_fd;
	bool passphrase, replace, force;
};

#define MOUNT_FLAG                                                             \
	TEXT_FLAG(struct keypair_options, mount, "mount-point",                \
		.initial = "ssh/", .help = "Where the ssh engine is mounted.")
#define MAX_AGE_FLAG                                                           \
	TTL_FLAG(struct keypair_options, max_age, "max-age",                   \
		.help = "Age from which reads warn that the key is old.")
#define REPLACE_FLAG                                                           \
	BOOL_FLAG(struct keypair_options, replace, "replace",                  \
		.help = "Replace the key of this name; without it that is "    \
			"refused. Leases that it made keep the former version.")
#define PASSPHRASE_FD_FLAG                                                     \
	INT_FLAG(struct keypair_options, passphrase_fd, "passphrase-fd",       \
		.initial = "-1",                                               \
		.help = "Descriptor to read the passphrase from; without it "  \
			"it is asked for on the terminal.")

static char *
key_path(
	struct cli *cli, const struct keypair_options *wanted, const char *name)
{
	const char *prefix = arena_printf(cli->arena, "%skeys/",
		cli_with_slash(cli, cli_clean_path(cli, wanted->mount)));

	return prefix == NULL ? NULL : cli_path(cli, prefix, name);
}

/* ---- generate ----------------------------------------------------------- */

static const struct flag generate_flags[] = {
	TEXT_FLAG(struct keypair_options, type, "type",
		.help = "ed25519 (default), rsa, or ec."),
	INT_FLAG(struct keypair_options, bits, "bits",
		.help = "Bits of an RSA or EC key; 0: 4096, or 256."),
	TEXT_FLAG(struct keypair_options, out, "out",
		.help = "Make the key here, and write it to this file (0600) and its public half to FILE.pub (0644); \"-\": both as JSON on standard output."),
	TEXT_FLAG(struct keypair_options, form, "form",
		.help = "Form of the file: openssh (default), pkcs1, pkcs8."),
	TEXT_FLAG(struct keypair_options, device, "for",
		.help = "The device that takes the file: truenas (RSA, PKCS#1, no passphrase)."),
	BOOL_FLAG(struct keypair_options, passphrase, "passphrase",
		.help = "Seal the file with a passphrase (PKCS#8)."),
	PASSPHRASE_FD_FLAG,
	MAX_AGE_FLAG,
	REPLACE_FLAG,
	MOUNT_FLAG,
	FLAG_END,
};

static const struct {
	const char *name;
	enum sshkeypair_form form;
} forms[] = {
	{ "openssh", SSHKEYPAIR_OPENSSH },
	{ "pkcs1", SSHKEYPAIR_TRADITIONAL },
	{ "pkcs8", SSHKEYPAIR_PKCS8 },
};

static bool
has_passphrase(const struct keypair_options *wanted)
{
	return wanted->passphrase || wanted->passphrase_fd != KEYFILE_NO_FD;
}

/* What TrueNAS takes: RSA, and no passphrase. */
static int
settle_truenas(struct keypair_options *wanted)
{
	if (has_passphrase(wanted))
		return cli_usage("TrueNAS takes no key with a passphrase");
	if (wanted->type[0] == '\0')
		wanted->type = "rsa";
	if (strcmp(wanted->type, "rsa") != 0)
		return cli_usage("TrueNAS takes RSA keys: -type=rsa");
	if (wanted->form[0] == '\0')
		wanted->form = "pkcs1";
	return EXIT_DONE;
}

static int
settle_form(const struct keypair_options *wanted, struct keyfile_form *form)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (strcmp(wanted->form, forms[i].name) != 0)
			continue;
		form->form = forms[i].form;
		if (has_passphrase(wanted) && form->form != SSHKEYPAIR_PKCS8)
			return cli_usage("A passphrase needs -form=pkcs8");
		return EXIT_DONE;
	}
	return cli_usage(
		"Unknown form: %s (openssh, pkcs1 or pkcs8)", wanted->form);
}

/* Fill in what was left out, and refuse what does not fit together. */
static int
settle(struct keypair_options *wanted, struct keyfile_form *form)
{
	const bool is_written = wanted->out[0] != '\0';
	int rc = EXIT_DONE;

	if (!is_written &&
		(wanted->form[0] != '\0' || wanted->device[0] != '\0' ||
			has_passphrase(wanted)))
		return cli_usage(
			"-form, -for and -passphrase are about the file of -out: without it the private half never leaves the server");
	if (wanted->device[0] != '\0' && strcmp(wanted->device, "truenas") != 0)
		return cli_usage(
			"Unknown device: %s (truenas)", wanted->device);
	if (wanted->device[0] != '\0')
		rc = settle_truenas(wanted);
	if (wanted->type[0] == '\0')
		wanted->type = "ed25519";
	if (wanted->form[0] == '\0')
		wanted->form = has_passphrase(wanted) ? "pkcs8" : "openssh";
	return rc == EXIT_DONE ? settle_form(wanted, form) : rc;
}

static struct value *
begin_body(struct cli *cli, const struct keypair_options *wanted)
{
	struct value *body = value_object(cli->arena);

	(void)value_set_bool(cli->arena, body, "replace", wanted->replace);
	(void)value_set_int(cli->arena, body, "max_age", wanted->max_age);
	return body;
}

/* Send the private half of a pair as a key of this name. */
static bool
send_pair(struct cli *cli, const struct keypair_options *wanted,
	const char *name, const struct sshkeypair *pair, struct err *err)
{
	struct value *body = begin_body(cli, wanted);
	struct buf text;
	bool sent = false;

	buf_init(&text, 2 * (size_t)SSHKEYPAIR_TEXT_MAX);
	if (sshkeypair_write(pair, SSHKEYPAIR_OPENSSH, "", &text, err) == 0 &&
		value_set(cli->arena, body, "key",
			value_span(cli->arena, buf_span(&text))))
		sent = cli_call(
			cli, "PUT", key_path(cli, wanted, name), body, err);
	buf_clear(&text);
	return sent;
}

/* What is said of a pair that was made or read here. */
static struct value *
describe(struct cli *cli, const char *name, const struct sshkeypair *pair)
{
	const char *line = sshkey_line(cli->arena, sshkeypair_public(pair));
	struct value *data = value_object(cli->arena);
	char fingerprint[SSHKEY_FINGERPRINT_MAX];

	sshkey_fingerprint(sshkeypair_public(pair), fingerprint);
	(void)value_set_str(cli->arena, data, "name", name);
	(void)value_set(cli->arena, data, "type",
		value_span(cli->arena, span_of(line, strcspn(line, " "))));
	(void)value_set_str(cli->arena, data, "fingerprint", fingerprint);
	(void)value_set_str(cli->arena, data, "public_key", line);
	return data;
}

static int
print_data(struct cli *cli, struct value *data)
{
	struct value *answer = value_object(cli->arena);

	(void)value_set(cli->arena, answer, "data", data);
	return output_secret(cli, answer);
}

/* JSON with both halves, whatever -format says. */
static int
print_pair(struct cli *cli, const char *name, const struct sshkeypair *pair,
	const struct keyfile_form *form, struct err *err)
{
	struct value *data = describe(cli, name, pair);
	struct buf text;
	int rc;

	buf_init(&text, 2 * (size_t)SSHKEYPAIR_TEXT_MAX);
	rc = keyfile_text(pair, form, name, &text, err);
	if (rc == 0) {
		(void)value_set(cli->arena, data, "private_key",
			value_span(cli->arena, buf_span(&text)));
		output_value(cli, data);
	}
	buf_clear(&text);
	return rc;
}

/* The files come first: a key that is on the server alone helps nobody here. */
static int
make_here(struct cli *cli, const struct keypair_options *wanted,
	const char *name, struct keyfile_form *form, struct err *err)
{
	const bool is_shown = strcmp(wanted->out, "-") == 0;
	struct sshkeypair *pair = NULL;
	int rc = 0;

	if (has_passphrase(wanted))
		rc = keyfile_passphrase(cli, wanted->passphrase_fd, true,
			&form->passphrase, err);
	say_progress("Making the key");
	if (rc == 0)
		rc = sshkeypair_generate(
			wanted->type, (unsigned)wanted->bits, &pair, err);
	say_progress(NULL);
	if (rc == 0 && !is_shown)
		rc = keyfile_write(cli, wanted->out, pair, form, name, err);
	if (rc != 0)
		goto out;
	if (!send_pair(cli, wanted, name, pair, err)) {
		rc = err->code;
		if (!is_shown)
			keyfile_remove(cli, wanted->out);
	} else if (is_shown) {
		rc = print_pair(cli, name, pair, form, err);
	} else {
		rc = print_data(cli, describe(cli, name, pair));
	}
out:
	sshkeypair_free(&pair);
	return rc;
}

static int
make_there(struct cli *cli, const struct keypair_options *wanted,
	const char *name, struct err *err)
{
	struct value *body = begin_body(cli, wanted);

	(void)value_set_bool(cli->arena, body, "generate", true);
	(void)value_set_str(cli->arena, body, "key_type", wanted->type);
	(void)value_set_int(cli->arena, body, "key_bits", wanted->bits);
	cli->doing = "Making the key";
	if (!cli_call(cli, "PUT", key_path(cli, wanted, name), body, err))
		return err->code;
	return output_secret(cli, cli->answer.json);
}

static int
run_generate(struct cli *cli, void *options, int argc, char **argv)
{
	struct keypair_options *wanted = options;
	struct keyfile_form form = { .form = SSHKEYPAIR_OPENSSH };
	struct err err = { 0 };
	int rc;

	(void)argc;
	if (wanted->bits < 0 || wanted->bits > SSHKEY_RSA_BITS_MAX)
		return cli_usage(
			"-bits must be between 0 and %d", SSHKEY_RSA_BITS_MAX);
	rc = settle(wanted, &form);
	if (rc != EXIT_DONE)
		return rc;
	rc = wanted->out[0] != '\0'
		? make_here(cli, wanted, argv[0], &form, &err)
		: make_there(cli, wanted, argv[0], &err);
	if (err.code == 0)
		return rc;
	(void)cli_fail("Error generating the key", &err);
	/* What fails before the first call is of this side: a file, a flag. */
	return cli->client != NULL ? EXIT_SERVER : EXIT_USAGE;
}

const struct command cmd_keypair_generate = {
	.name = "keypair generate",
	.summary = "Make a key that the server logs in to targets with.",
	.usage = "[options] NAME",
	.text = "  Without -out the server makes it, and its private half never leaves the\n"
		"  server. With -out it is made here for a device that needs it too.\n\n"
		"    $ sallyport keypair generate lab-admin\n"
		"    $ sallyport keypair generate -for=truenas -out=nas_rsa nas-admin",
	.flags = COMMAND_FORMAT | COMMAND_FIELD,
	.args_min = 1,
	.args_max = 1,
	.rows = generate_flags,
	.options_size = sizeof(struct keypair_options),
	.run = run_generate,
};

/* ---- import ------------------------------------------------------------- */

static const struct flag import_flags[] = {
	PASSPHRASE_FD_FLAG,
	MAX_AGE_FLAG,
	REPLACE_FLAG,
	MOUNT_FLAG,
	FLAG_END,
};

static int
run_import(struct cli *cli, void *options, int argc, char **argv)
{
	const struct keypair_options *wanted = options;
	struct sshkeypair *pair = NULL;
	struct err err = { 0 };
	int rc = EXIT_DONE;

	(void)argc;
	if (keyfile_read(cli, argv[1], wanted->passphrase_fd, &pair, &err) !=
		0) {
		say_error("Error reading the key: %s", err.message);
		return EXIT_USAGE;
	}
	if (send_pair(cli, wanted, argv[0], pair, &err))
		rc = print_data(cli, describe(cli, argv[0], pair));
	else
		rc = cli_fail("Error importing the key", &err);
	sshkeypair_free(&pair);
	return rc;
}

const struct command cmd_keypair_import = {
	.name = "keypair import",
	.summary = "Register a private key that there is already.",
	.usage = "[options] NAME FILE",
	.text = "  FILE (\"-\": standard input) is in OpenSSH's form, PKCS#1, SEC1 or PKCS#8.\n"
		"  A passphrase is asked for where PEM says that there is one, as in a key that\n"
		"  RouterOS exports; the file is opened here. A key that OpenSSH encrypted is\n"
		"  converted first, a copy of it: ssh-keygen -p -m PKCS8 -f COPY, or for\n"
		"  Ed25519, which keeps OpenSSH's form: ssh-keygen -p -N '' -f COPY\n\n"
		"    $ sallyport keypair import router-admin my_rsa",
	.flags = COMMAND_FORMAT | COMMAND_FIELD,
	.args_min = 2,
	.args_max = 2,
	.rows = import_flags,
	.options_size = sizeof(struct keypair_options),
	.run = run_import,
};

/* ---- list, read, delete, export ----------------------------------------- */

static const struct flag mount_flags[] = {
	MOUNT_FLAG,
	FLAG_END,
};

static int
print_list(struct cli *cli, const struct value *keys)
{
	struct table table = { .arena = cli->arena, .n_columns = 5 };

	if (cli->format != FORMAT_TABLE) {
		output_value(cli, keys);
		return EXIT_DONE;
	}
	TABLE_ADD(&table, "Name", "Type", "Fingerprint", "Version", "Created");
	VALUE_EACH (key, keys) {
		TABLE_ADD(&table, key->key, value_find_str(key, "type", ""),
			value_find_str(key, "fingerprint", ""),
			output_cell(cli, value_find(key, "version")),
			value_find_str(key, "created_time", ""));
	}
	table_print(&table);
	return EXIT_DONE;
}

static int
run_list(struct cli *cli, void *options, int argc, char **argv)
{
	struct value *query = value_object(cli->arena);
	const char *path = cli_clean_path(cli, key_path(cli, options, ""));
	struct err err = { 0 };

	(void)argc;
	(void)argv;
	(void)value_set_str(cli->arena, query, "list", "true");
	if (cli_call_query(cli, "GET", path, query, &err))
		return print_list(cli,
			value_find(value_find(cli->answer.json, "data"),
				"key_info"));
	if (err.status != 404)
		return cli_fail("Error listing keys", &err);
	return output_no_list(cli, "No value found at", path);
}

const struct command cmd_keypair_list = {
	.name = "keypair list",
	.summary = "List the keys that the server logs in with.",
	.usage = "[options]",
	.text = "    $ sallyport keypair list",
	.flags = COMMAND_FORMAT,
	.rows = mount_flags,
	.options_size = sizeof(struct keypair_options),
	.run = run_list,
};

/* The answer of a read is in cli->answer; else the exit code. */
static int
fetch(struct cli *cli, const struct keypair_options *wanted, const char *name)
{
	struct err err = { 0 };

	if (cli_call(cli, "GET", key_path(cli, wanted, name), NULL, &err))
		return EXIT_DONE;
	if (err.status != 404)
		return cli_fail("Error reading the key", &err);
	(void)cli_usage("No key named %s", name);
	return EXIT_SERVER;
}

static int
run_read(struct cli *cli, void *options, int argc, char **argv)
{
	const int rc = fetch(cli, options, argv[0]);

	(void)argc;
	return rc != EXIT_DONE ? rc : output_secret(cli, cli->answer.json);
}

const struct command cmd_keypair_read = {
	.name = "keypair read",
	.summary = "Show the public half of a key, and who needs it.",
	.usage = "[options] NAME",
	.text = "    $ sallyport keypair read lab-admin",
	.flags = COMMAND_FORMAT | COMMAND_FIELD,
	.args_min = 1,
	.args_max = 1,
	.rows = mount_flags,
	.options_size = sizeof(struct keypair_options),
	.run = run_read,
};

static const struct flag delete_flags[] = {
	BOOL_FLAG(struct keypair_options, force, "force",
		.help = "Also where a role, a target or a lease needs it."),
	MOUNT_FLAG,
	FLAG_END,
};

static int
run_delete(struct cli *cli, void *options, int argc, char **argv)
{
	const struct keypair_options *wanted = options;
	struct value *query = value_object(cli->arena);
	struct err err = { 0 };

	(void)argc;
	if (wanted->force)
		(void)value_set_str(cli->arena, query, "force", "true");
	if (!cli_call_query(
		    cli, "DELETE", key_path(cli, wanted, argv[0]), query, &err))
		return cli_fail("Error deleting the key", &err);
	printf("Success! Deleted key (if it existed): %s\n", argv[0]);
	return EXIT_DONE;
}

const struct command cmd_keypair_delete = {
	.name = "keypair delete",
	.summary = "Delete a key that nobody needs.",
	.usage = "[options] NAME",
	.text = "    $ sallyport keypair delete old-admin",
	.args_min = 1,
	.args_max = 1,
	.rows = delete_flags,
	.options_size = sizeof(struct keypair_options),
	.run = run_delete,
};

static const struct flag export_flags[] = {
	TEXT_FLAG(struct keypair_options, out, "out",
		.help = "Write it to this new file (0644)."),
	MOUNT_FLAG,
	FLAG_END,
};

static int
run_export(struct cli *cli, void *options, int argc, char **argv)
{
	const struct keypair_options *wanted = options;
	const char *line, *text;
	struct err err = { 0 };
	int rc = fetch(cli, wanted, argv[0]);

	(void)argc;
	if (rc != EXIT_DONE)
		return rc;
	line = value_find_str(
		value_find(cli->answer.json, "data"), "public_key", "");
	text = arena_printf(cli->arena, "%s %s\n", line, argv[0]);
	if (text == NULL)
		return cli_usage("out of memory");
	if (wanted->out[0] == '\0') {
		printf("%s", text);
		return EXIT_DONE;
	}
	if (file_write_new(wanted->out, 0644, span_str(text), &err) == 0)
		return EXIT_DONE;
	say_error("Error writing the key: %s", err.message);
	return EXIT_USAGE;
}

const struct command cmd_keypair_export = {
	.name = "keypair export",
	.summary = "Print the public half of a key, for authorized_keys.",
	.usage = "[options] NAME",
	.text = "  The private half of a key is shown by nothing.\n\n"
		"    $ sallyport keypair export -out=lab-admin.pub lab-admin",
	.args_min = 1,
	.args_max = 1,
	.rows = export_flags,
	.options_size = sizeof(struct keypair_options),
	.run = run_export,
};
