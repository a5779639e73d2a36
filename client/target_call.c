/* Paths, progress, host keys to be looked at and confirmed. */
#include "client/target_call.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/output.h"

const char *
target_path(struct cli *cli, const char *mount_point, const char *name,
	const char *tail)
{
	const char *mount = cli_clean_path(cli, mount_point);
	const char *clean = cli_clean_path(cli, name);
	const char *path = mount == NULL || clean == NULL
		? NULL
		: arena_printf(
			  cli->arena, "%s/targets/%s%s", mount, clean, tail);

	return path != NULL ? path : "";
}

bool
target_post(struct cli *cli, const char *path, const struct value *body,
	const char *doing, const char *name, struct err *err)
{
	bool good;

	cli->doing = arena_printf(cli->arena, "%s %s", doing, name);
	good = cli_call(cli, "POST", path, body, err);
	cli->doing = NULL;
	return good;
}

void
target_print_keys(struct cli *cli, const struct value *scan)
{
	struct table table = { .arena = cli->arena, .n_columns = 3 };

	TABLE_ADD(&table, "Host key", "Fingerprint", "State");
	VALUE_EACH (key, value_find(scan, "host_keys"))
		TABLE_ADD(&table, value_find_str(key, "type", ""),
			value_find_str(key, "fingerprint", ""),
			value_find_str(key, "state", ""));
	VALUE_EACH (pin, value_find(scan, "missing"))
		TABLE_ADD(&table, "", value_str(pin, ""), "missing");
	table_print(&table);
}

struct value *
target_fingerprints(
	struct cli *cli, const struct value *scan, const char *state)
{
	struct value *list = value_list(cli->arena);

	VALUE_EACH (key, value_find(scan, "host_keys")) {
		if (state == NULL ||
			strcmp(value_find_str(key, "state", ""), state) == 0)
			(void)value_add(list,
				value_string(cli->arena,
					value_find_str(
						key, "fingerprint", "")));
	}
	return list;
}

bool
target_confirm(struct cli *cli, const struct value *fingerprints)
{
	const char *typed = "";
	struct err err = { 0 };

	if (isatty(STDIN_FILENO) != 1)
		return false;
	fprintf(stderr,
		"Are these the machine's own? Compare with ssh-keygen -lf there (yes/no/fingerprint): ");
	if (cli_read_line(cli, &typed, &err) != 0)
		return false;
	VALUE_EACH (one, fingerprints) {
		if (strcmp(one->str, typed) == 0)
			return true;
	}
	return strcasecmp(typed, "yes") == 0;
}
