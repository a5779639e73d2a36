/* login/:username: a password for a token. */
#include "server/api/lockout.h"
#include "server/auth/login.h"
#include "server/auth/password.h"
#include "server/auth/userpass/userpass.h"

struct login_in {
	struct secret_view password;
};

static const struct field login_fields[] = {
	FIELD_SECRET(struct login_in, password, .flags = FIELD_REQUIRED,
		.len_max = 1024, .doc = "The user's password."),
	FIELD_END,
};

static int
grant(struct req *req, const char *name, const struct login_record *by,
	struct err *err)
{
	static const char *keys[] = { "username" };
	const struct userpass_user *user = by->record;
	const char **values = ARENA_ARRAY(req->arena, const char *, 1);
	struct login login = {
		.by = by,
		.params = &user->token,
		.display_name = login_display_name(req, name),
		.path = arena_printf(req->arena, "login/%s", name),
		.meta = { .keys = keys, .values = values, .n = 1 },
		.alias = name,
	};

	if (values == NULL || login.display_name == NULL || login.path == NULL)
		return err_set_memory(err);
	values[0] = name;
	return login_grant(req, &login, err);
}

/*
 * A name that does not exist costs the same work, gets the same text and is
 * locked the same way; the address is asked after the password alone.
 */
static int
log_in(struct req *req, UNUSED struct reply *reply, struct err *err)
{
	const struct login_in *in = req->in;
	const char *name =
		arena_strlower(req->arena, req_capture(req, "username"));
	struct login_record *by = ARENA_NEW(req->arena, struct login_record);
	const struct userpass_user *user = NULL;
	int rc;

	if (name == NULL || by == NULL)
		return err_set_memory(err);
	rc = lockout_check(req, name, err);
	if (rc != 0)
		return rc;
	rc = login_record_find(req, &userpass_user_record, name, by, err);
	if (rc != 0 && rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	user = by->record;
	if (!password_is(user != NULL ? user->hash : NULL, in->password)) {
		lockout_failed(req, name);
		return err_set(
			err, ERR_INPUT, 400, "invalid username or password");
	}
	lockout_passed(req, name);
	return grant(req, name, by, err);
}

const struct op userpass_login_ops[] = {
	{
		.path = "login/:username",
		.verb = OP_UPDATE,
		.flags = LOGIN_FLAGS | OP_SLOW | OP_SMALL_BODY,
		.in_size = sizeof(struct login_in),
		.fields = login_fields,
		.handler = log_in,
		.summary = "Log in with a password.",
		.text = "Unknown names and wrong passwords are answered alike. Five failures in a row\n"
			"refuse a name for fifteen minutes.",
		.errors = { { 400, "unknown user or wrong password" },
			{ 403, "refused for a while, or not from this address" } },
	},
	OP_END,
};
