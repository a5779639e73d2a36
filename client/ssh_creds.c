/* PUT <mount>/creds/<role>, and the end of what it made (spec/cli.md 4.4). */
#include "client/ssh_creds.h"

#include <string.h>

#include "client/child.h"
#include "client/interrupt.h"
#include "client/output.h"

static bool
ask(struct ssh_call *call, bool explain, struct err *err)
{
	struct cli *cli = call->cli;
	struct value *body = value_object(cli->arena);

	(void)value_set_str(cli->arena, body, "username", call->args.user);
	(void)value_set_str(cli->arena, body, "ip", call->ip);
	if (explain)
		(void)value_set_bool(cli->arena, body, "explain", true);
	return cli_call(cli, "PUT",
		arena_printf(
			cli->arena, "%s/creds/%s", call->mount, call->role),
		body, err);
}

int
ssh_creds_explain(struct ssh_call *call, struct err *err)
{
	return ask(call, true, err) ? EXIT_DONE : EXIT_SERVER;
}

bool
ssh_creds_make(struct ssh_call *call)
{
	struct err err = { 0 };

	if (ask(call, false, &err) && call->cli->answer.json != NULL)
		return true;
	(void)cli_fail(
		"failed to generate credential: failed to get credentials",
		&err);
	return false;
}

int
ssh_revoke_lease(struct ssh_call *call, const char *lease_id, int status)
{
	struct value *body = value_object(call->cli->arena);
	struct err err = { 0 };
	sigset_t ignored;
	bool good;

	(void)value_set_str(call->cli->arena, body, "lease_id", lease_id);
	child_hold_signals(&ignored);
	interrupt_wait();
	good = cli_call(call->cli, "PUT", "sys/leases/revoke", body, &err);
	(void)interrupt_end();
	if (good)
		return status;
	(void)cli_fail("failed to revoke key", &err);
	return status != 0 ? status : EXIT_SERVER;
}

int
ssh_creds_read(struct ssh_call *call, const char *key_type,
	struct ssh_creds *ret_creds)
{
	const struct value *answer = call->cli->answer.json;
	const struct value *data = value_find(answer, "data");
	const struct value *port = value_find(data, "port");
	const char *type = value_find_str(data, "key_type", key_type);

	ret_creds->lease_id = value_find_str(answer, "lease_id", "");
	ret_creds->key = value_find_str(data, "key", "");
	ret_creds->port = call->args.port[0] == '\0' && port != NULL
		? output_cell(call->cli, port)
		: "";
	if (ret_creds->key[0] == '\0') {
		(void)cli_usage(
			"failed to generate credential: vault returned an invalid key");
		return EXIT_SERVER;
	}
	if (strcmp(type, key_type) == 0)
		return EXIT_DONE;
	return ssh_revoke_lease(call, ret_creds->lease_id,
		cli_usage("the role %s is of type %s: say -mode=%s", call->role,
			type, type));
}
