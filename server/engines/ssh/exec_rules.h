/*
 * What exec may run on a target: a command that is one line and that the role
 * allows, for so long, from an address of ours. Pure: no store, no request.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_EXEC_RULES_H
#define SALLYPORT_SERVER_ENGINES_SSH_EXEC_RULES_H

#include "lib/err.h"
#include "lib/netaddr.h"
#include "lib/str_list.h"

#define EXEC_COMMAND_MAX 8192

/*
 * One line, and matched as a whole by one of the role's allowed_commands. A
 * '*' of theirs stands for any text but what a command line is taken apart by
 * (EXEC_SPECIAL), so that "systemctl restart *" allows no second command; the
 * pattern "*" alone allows everything. *ret_pattern: the first that has it, of
 * the list. ERR_INPUT, 400.
 */
#define EXEC_SPECIAL ";&|<>()$`\\\"'#[]{}"
int exec_rules_check_command(const struct str_list *allowed,
	const char *command, const char **ret_pattern, struct err *err);

/*
 * How long it may take: what was asked, which the role's time bounds; 0: the
 * role's. ERR_INPUT, 400.
 */
int exec_rules_timeout_s(
	int64_t asked_s, int64_t role_s, int64_t *ret_s, struct err *err);

/* The canonical text of the address to come from; "" stays. ERR_INPUT, 400. */
int exec_rules_source(
	const char *text, char ret_source[NETADDR_TEXT_MAX], struct err *err);

#endif
