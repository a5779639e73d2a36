/* PUT <mount>/sign/<role> (spec/cli.md 4.5). */
#include "client/sign_key.h"

#define FAILURE "failed to sign public key"

static int
refuse(const char *why)
{
	struct err err = { 0 };

	(void)err_set(&err, ERR_PEER, 0, "%s", why);
	return cli_fail(FAILURE, &err);
}

bool
sign_key_ask(struct cli *cli, const struct sign_wish *wish, struct err *err)
{
	struct value *body = value_object(cli->arena);

	(void)value_set_str(cli->arena, body, "public_key", wish->public_line);
	(void)value_set_str(
		cli->arena, body, "valid_principals", wish->principals);
	(void)value_set_str(cli->arena, body, "cert_type", "user");
	if (wish->explain)
		(void)value_set_bool(cli->arena, body, "explain", true);
	return cli_call(cli, "PUT",
		arena_printf(cli->arena, "%s/sign/%s", wish->mount, wish->role),
		body, err);
}

int
sign_key(struct cli *cli, const struct sign_wish *wish,
	const char **ret_signed_key)
{
	const char *signed_key;
	struct err err = { 0 };

	if (!sign_key_ask(cli, wish, &err))
		return cli_fail(wish->path == NULL
				? FAILURE
				: arena_printf(cli->arena, FAILURE " %s",
					  wish->path),
			&err);
	signed_key = value_find_str(
		value_find(cli->answer.json, "data"), "signed_key", NULL);
	if (signed_key == NULL)
		return refuse("missing signed key");
	if (signed_key[0] == '\0')
		return refuse("signed key is empty");
	*ret_signed_key = arena_strdup(cli->arena, signed_key);
	return *ret_signed_key != NULL ? EXIT_DONE : EXIT_SERVER;
}
