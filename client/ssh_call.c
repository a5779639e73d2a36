/* What the ways of "sallyport ssh", and exec, have in common. */
#include "client/ssh_call.h"

#include <strings.h>

#include "client/home.h"
#include "client/say.h"
#include "client/ssh_creds.h"

#define GETS_ONE "gets a credential. Nothing was granted now."
#define GETS_ONE_THERE                                                         \
	"gets a credential where the machine lets the server in: it was not asked. Nothing was granted now."
#define GETS_NONE "gets none."

struct sshrun
ssh_call_sshrun(const struct ssh_call *call)
{
	const struct ssh_options *options = call->options;
	struct sshrun run = { .executable = options->executable,
		.strict = options->strict,
		.known_hosts =
			home_expand(call->cli->arena, options->known_hosts),
		.port = "",
		.words = call->args.words,
		.n_words = call->args.n_words };

	(void)sigemptyset(&run.old_mask);
	return run;
}

/* ---- which role --------------------------------------------------------- */

const char *
ssh_join_names(struct ssh_call *call, const struct value *list)
{
	const char *names = "";

	VALUE_EACH (item, list) {
		const struct span name = value_text(item);

		if (names != NULL)
			names = arena_printf(call->cli->arena, "%s%s%.*s",
				names, item != value_first(list) ? ", " : "",
				(int)name.len, (const char *)name.data);
	}
	return names != NULL ? names : "";
}

bool
ssh_lookup(
	struct ssh_call *call, const struct value **ret_roles, struct err *err)
{
	struct cli *cli = call->cli;
	struct value *body = value_object(cli->arena);
	const struct value *roles;

	(void)value_set_str(cli->arena, body, "ip", call->ip);
	if (!cli_call(cli, "PUT",
		    arena_printf(cli->arena, "%s/lookup", call->mount), body,
		    err))
		return false;
	roles = value_find(value_find(cli->answer.json, "data"), "roles");
	*ret_roles = roles != NULL && roles->type == VALUE_LIST && roles->n > 0
		? roles
		: NULL;
	return true;
}

int
ssh_find_role(struct ssh_call *call)
{
	const struct value *roles = NULL;
	struct err err = { 0 };

	if (!ssh_lookup(call, &roles, &err)) {
		(void)cli_fail("Error choosing role", &err);
		return EXIT_USAGE;
	}
	if (roles == NULL)
		return cli_usage(
			"Error choosing role: no matching roles found for IP \"%s\"",
			call->ip);
	if (roles->n > 1)
		return cli_usage(
			"Error choosing role: Roles: \"%s\". Several roles match this address.\n"
			"Select one of them with -role.",
			ssh_join_names(call, roles));
	call->role = value_str(roles->first, "");
	return EXIT_DONE;
}

bool
ssh_read_role(struct ssh_call *call, struct err *err)
{
	struct cli *cli = call->cli;

	return cli_call(cli, "GET",
		arena_printf(
			cli->arena, "%s/roles/%s", call->mount, call->role),
		NULL, err);
}

/* ---- which mode --------------------------------------------------------- */

const struct ssh_mode *
ssh_mode_find(const char *name)
{
	static const struct ssh_mode modes[] = {
		{ "otp", "creds", ssh_otp_run, ssh_creds_explain, GETS_ONE,
			GETS_NONE },
		{ "ca", "sign", ssh_ca_run, ssh_ca_ask, GETS_ONE, GETS_NONE },
		{ "dynamic", "creds", ssh_dynamic_run, ssh_creds_explain,
			GETS_ONE_THERE, GETS_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		if (strcasecmp(name, modes[i].name) == 0)
			return &modes[i];
	}
	return NULL;
}
