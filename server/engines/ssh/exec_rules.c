/* Commands, times and addresses of exec. */
#include "server/engines/ssh/exec_rules.h"

#include <string.h>

#include "lib/glob.h"

static size_t
count_special(const char *text)
{
	size_t n = 0;

	while (*(text += strcspn(text, EXEC_SPECIAL)) != '\0') {
		n++;
		text++;
	}
	return n;
}

/*
 * All bytes of a pattern but '*' stand in whatever it matches: where both have
 * as many special ones, none is what a '*' stands for.
 */
static bool
allows(const char *pattern, const char *command)
{
	if (strcmp(pattern, "*") != 0 &&
		count_special(pattern) != count_special(command))
		return false;
	return glob_matches(span_str(pattern), span_str(command));
}

int
exec_rules_check_command(const struct str_list *allowed, const char *command,
	const char **ret_pattern, struct err *err)
{
	if (command[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing command");
	if (strpbrk(command, "\r\n") != NULL)
		return err_set(err, ERR_INPUT, 400,
			"command must be one line, without CR and LF");
	if (allowed->n == 0)
		return err_set(err, ERR_INPUT, 400,
			"role is not configured to allow any commands");
	for (size_t i = 0; i < allowed->n; i++) {
		if (allows(allowed->items[i], command)) {
			*ret_pattern = allowed->items[i];
			return 0;
		}
	}
	return err_set(err, ERR_INPUT, 400, "command is not allowed by role");
}

int
exec_rules_timeout_s(
	int64_t asked_s, int64_t role_s, int64_t *ret_s, struct err *err)
{
	if (asked_s > role_s)
		return err_set(err, ERR_INPUT, 400,
			"timeout is larger than maximum allowed %lld",
			(long long)role_s);
	*ret_s = asked_s != 0 ? asked_s : role_s;
	return 0;
}

int
exec_rules_source(
	const char *text, char ret_source[NETADDR_TEXT_MAX], struct err *err)
{
	struct netaddr addr;

	if (text[0] == '\0') {
		ret_source[0] = '\0';
		return 0;
	}
	if (netaddr_parse(span_str(text), &addr) != 0)
		return err_set(err, ERR_INPUT, 400,
			"Invalid source_address \"%.64s\"", text);
	netaddr_format(&addr, ret_source);
	return 0;
}
