/* audit: enable, list, disable, verify. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/commands.h"
#include "client/kv_args.h"
#include "client/output.h"
#include "lib/auditline.h"
#include "lib/codec.h"

#define EXIT_BROKEN 2

struct audit_options {
	const char *path, *description, *public_key;
	bool local, detailed;
};

static const struct flag enable_flags[] = {
	TEXT_FLAG(struct audit_options, path, "path",
		.help = "Its name; its type's if left out."),
	TEXT_FLAG(struct audit_options, description, "description",
		.help = "A text for people."),
	BOOL_FLAG(struct audit_options, local, "local",
		.help = "Kept and shown."),
	FLAG_END,
};

static int
run_enable(struct cli *cli, void *options, int argc, char **argv)
{
	const struct audit_options *wanted = options;
	const char *path;
	struct value *body = value_object(cli->arena);
	struct value *device = NULL;
	struct err err = { 0 };

	if (argc == 0)
		return cli_usage("Missing TYPE!");
	path = wanted->path[0] != '\0' ? wanted->path : argv[0];
	if (kv_args_parse(cli, argc - 1, argv + 1, &device, &err) != 0)
		return cli_usage("%s", err.message);
	(void)value_set_str(cli->arena, body, "type", argv[0]);
	(void)value_set_str(
		cli->arena, body, "description", wanted->description);
	(void)value_set(cli->arena, body, "options", device);
	(void)value_set_bool(cli->arena, body, "local", wanted->local);
	if (!cli_call(
		    cli, "PUT", cli_path(cli, "sys/audit/", path), body, &err))
		return cli_fail("Error enabling audit device", &err);
	printf("Success! Enabled the %s audit device at: %s\n", argv[0],
		cli_with_slash(cli, path));
	return EXIT_DONE;
}

const struct command cmd_audit_enable = {
	.name = "audit enable",
	.summary = "Enable an audit device.",
	.usage = "[options] TYPE [K=V ...]",
	.text = "    $ sallyport audit enable file file_path=/var/log/sallyport/audit.log",
	.args_max = -1,
	.rows = enable_flags,
	.options_size = sizeof(struct audit_options),
	.run = run_enable,
};

static int
run_disable(struct cli *cli, void *options, int argc, char **argv)
{
	struct err err = { 0 };

	(void)options;
	(void)argc;
	if (!cli_call(cli, "DELETE", cli_path(cli, "sys/audit/", argv[0]), NULL,
		    &err))
		return cli_fail("Error disabling audit device", &err);
	printf("Success! Disabled audit device (if it was enabled) at: %s\n",
		cli_with_slash(cli, argv[0]));
	return EXIT_DONE;
}

const struct command cmd_audit_disable = {
	.name = "audit disable",
	.summary = "Disable an audit device.",
	.usage = "[options] PATH",
	.text = "    $ sallyport audit disable file",
	.args_min = 1,
	.args_max = 1,
	.run = run_disable,
};

static const struct flag list_flags[] = {
	BOOL_FLAG(struct audit_options, detailed, "detailed",
		.help = "Options and public key too."),
	FLAG_END,
};

/* "k=v k=v" of an object of strings. */
static const char *
pairs_cell(struct cli *cli, const struct value *object)
{
	const char *text;
	struct buf out;

	buf_init(&out, 65536);
	VALUE_EACH (member, object)
		(void)buf_addf(&out, "%s%s=%s",
			member != object->first ? " " : "", member->key,
			output_cell(cli, member));
	text = arena_strdup(cli->arena, buf_str(&out));
	buf_clear(&out);
	return text != NULL ? text : "";
}

static void
print_devices(struct cli *cli, const struct value *devices, bool detailed)
{
	struct table table = { .arena = cli->arena };

	if (detailed)
		TABLE_ADD(&table, "Path", "Type", "Description", "Replication",
			"Options", "Public Key");
	else
		TABLE_ADD(&table, "Path", "Type", "Description");
	VALUE_EACH (device, devices) {
		const char *type = value_find_str(device, "type", "");
		const char *text = value_find_str(device, "description", "");

		if (detailed)
			TABLE_ADD(&table, device->key, type, text,
				value_find_bool(device, "local", false)
					? "local"
					: "replicated",
				pairs_cell(cli, value_find(device, "options")),
				value_find_str(device, "public_key", ""));
		else
			TABLE_ADD(&table, device->key, type, text);
	}
	table_print(&table);
}

static int
run_list(struct cli *cli, void *options, int argc, char **argv)
{
	const struct audit_options *wanted = options;
	const struct value *devices;
	struct err err = { 0 };

	(void)argc;
	(void)argv;
	if (!cli_call(cli, "GET", "sys/audit", NULL, &err))
		return cli_fail("Error listing audits", &err);
	devices = value_find(cli->answer.json, "data");
	if (cli->format != FORMAT_TABLE) {
		output_value(cli, devices);
		return EXIT_DONE;
	}
	if (value_first(devices) == NULL) {
		printf("No audit devices are enabled.\n");
		return EXIT_SERVER;
	}
	print_devices(cli, devices, wanted->detailed);
	return EXIT_DONE;
}

const struct command cmd_audit_list = {
	.name = "audit list",
	.summary = "List the audit devices.",
	.usage = "[options]",
	.text = "    $ sallyport audit list -detailed",
	.flags = COMMAND_FORMAT,
	.rows = list_flags,
	.options_size = sizeof(struct audit_options),
	.run = run_list,
};

/* ---- verify: needs no server -------------------------------------------- */

static const struct flag verify_flags[] = {
	TEXT_FLAG(struct audit_options, public_key, "public-key",
		.help = "The device's public key, base64 (audit list -detailed)."),
	FLAG_END,
};

static int
read_public_key(const char *text, uint8_t key[AUDITLINE_PUBLIC])
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, 64);
	rc = base64_decode(span_str(text), &bytes);
	if (rc == 0 && bytes.len != AUDITLINE_PUBLIC)
		rc = ERR_INPUT;
	if (rc == 0)
		memcpy(key, bytes.data, AUDITLINE_PUBLIC);
	buf_clear(&bytes);
	return rc;
}

/*
 * All lines of one file and its end, where what is out of the chain shows;
 * false where it cannot be read to its end: errno says why.
 */
static bool
check_file(struct auditline_check *check, const char *path)
{
	FILE *file = fopen(path, "re");
	struct span torn = SPAN_NONE;
	char *line = NULL;
	size_t cap = 0;
	bool is_whole;
	int number;
	ssize_t len;

	if (file == NULL)
		return false;
	while ((len = getline(&line, &cap, file)) > 0) {
		if (line[len - 1] != '\n') {
			torn = span_of(line, (size_t)len);
			break;
		}
		(void)auditline_check_line(
			check, span_of(line, (size_t)len - 1));
	}
	/* What cannot be read, or kept in memory, is not the file's end. */
	number = errno;
	is_whole = ferror(file) == 0 && (torn.len > 0 || feof(file) != 0);
	auditline_check_end(check, torn);
	free(line);
	(void)fclose(file);
	errno = number;
	return is_whole;
}

/* As the head of sys/audit says it: what was cut off the end shows there. */
static void
print_head(const struct auditline_check *check)
{
	const struct auditline_head head = auditline_check_head(check);
	char hash[2 * AUDITLINE_HASH + 1];

	hex_encode(head.link, sizeof(head.link), hash);
	printf("last line: seq %llu, hash %s\n", (unsigned long long)head.seq,
		hash);
}

static int
print_report(const struct auditline_check *check)
{
	const struct auditline_report *report = auditline_check_report(check);

	printf("%llu lines, %llu signatures, seq %llu to %llu\n",
		(unsigned long long)report->lines,
		(unsigned long long)report->signatures,
		(unsigned long long)report->first_seq,
		(unsigned long long)report->last_seq);
	if (report->bad_line != 0) {
		printf("BROKEN at line %llu: %s\n",
			(unsigned long long)report->bad_line, report->why);
		return EXIT_BROKEN;
	}
	print_head(check);
	printf("Good: no line is missing, changed or out of order%s\n",
		report->signed_to_end
			? "."
			: "; the lines behind the last signature are not signed.");
	return EXIT_DONE;
}

static int
run_verify(struct cli *cli, void *options, int argc, char **argv)
{
	const struct audit_options *wanted = options;
	uint8_t key[AUDITLINE_PUBLIC];
	struct auditline_check *check;
	int rc = EXIT_DONE;

	(void)cli;
	if (read_public_key(wanted->public_key, key) != 0)
		return cli_usage(
			"-public-key must be the base64 of 32 bytes: see audit list -detailed");
	check = auditline_check_new(key);
	if (check == NULL)
		return cli_usage("out of memory");
	for (int i = 0; i < argc && rc == EXIT_DONE; i++) {
		if (!check_file(check, argv[i]))
			rc = cli_usage("%s cannot be read: %s", argv[i],
				strerror(errno));
	}
	if (rc == EXIT_DONE)
		rc = print_report(check);
	auditline_check_free(&check);
	return rc;
}

const struct command cmd_audit_verify = {
	.name = "audit verify",
	.summary = "Check that audit files are whole, unchanged and in order.",
	.usage = "-public-key=KEY FILE...",
	.text = "  Several files of one device are given in order, oldest first. Needs no\n"
		"  server. Exit status: 0 good, 2 broken, 1 usage.\n\n"
		"    $ sallyport audit verify -public-key=KEY audit.log.1 audit.log",
	.flags = COMMAND_AT_LEAST,
	.args_min = 1,
	.args_max = -1,
	.rows = verify_flags,
	.options_size = sizeof(struct audit_options),
	.run = run_verify,
};
