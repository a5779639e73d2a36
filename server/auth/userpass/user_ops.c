/* users/:username: the record, and its password and policies by themselves. */
#include "server/api/lockout.h"
#include "server/auth/password.h"
#include "server/auth/userpass/userpass.h"

#define PASSWORD_FIELD(...)                                                    \
	FIELD_SECRET(                                                          \
		struct userpass_user, password, .len_max = 1024, __VA_ARGS__)

static const struct field user_fields[] = {
	PASSWORD_FIELD(.flags = FIELD_SENT,
		.doc = "Password; required for a new user."),
	FIELD_AS(STR, struct userpass_user, hash, "password_hash",
		.flags = FIELD_STORED, .doc = "Argon2id hash of the password."),
	TOKEN_PARAMS_FIELDS(struct userpass_user, token),
	FIELD_END,
};

static const struct field password_fields[] = {
	PASSWORD_FIELD(.flags = FIELD_SENT | FIELD_REQUIRED,
		.doc = "New password."),
	FIELD_END,
};

static const struct field policies_fields[] = {
	TOKEN_PARAMS_POLICIES(struct userpass_user, token),
	FIELD_END,
};

/* Before the closure, which may not take so long. */
static int
hash_sent(struct req *req, struct err *err)
{
	struct userpass_user *sent = req->in;

	return sent->password.len == 0
		? 0
		: password_hash(sent->password, req->arena, &sent->hash, err);
}

static int
check_user(struct store_tx *tx, struct req *req, const char *name, void *record,
	struct err *err)
{
	const struct userpass_user *sent = req->in;
	struct userpass_user *user = record;

	(void)tx;
	(void)name;
	if (sent->password.len > 0)
		user->hash = sent->hash;
	if (user->hash[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing password");
	return token_params_check(req, &user->token, err);
}

static void
show_user(struct req *req, const char *name, const void *record,
	struct reply *reply)
{
	const struct userpass_user *user = record;

	(void)req;
	(void)name;
	token_params_show(&user->token, reply);
}

const struct record_type userpass_user_record = {
	.prefix = "users/",
	.capture = "username",
	.lower_case_names = true,
	.merges = true,
	.fields = user_fields,
	.size = sizeof(struct userpass_user),
	.check_tx = check_user,
	.show = show_user,
};

/* Whoever sets a password opens the name's logins again. */
static void
unlock(struct req *req)
{
	const struct userpass_user *sent = req->in;
	const char *name =
		arena_strlower(req->arena, req_capture(req, "username"));

	if (sent->password.len > 0 && name != NULL)
		lockout_passed(req, name);
}

static int
write_user(struct req *req, struct reply *reply, struct err *err)
{
	int rc = hash_sent(req, err);

	if (rc == 0)
		rc = record_write(req, reply, err);
	if (rc == 0)
		unlock(req);
	return rc;
}

static int
write_part(struct req *req, struct reply *reply, struct err *err)
{
	int rc = record_part_write(req, reply, err);

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, "username does not exist");
}

static int
write_password(struct req *req, struct reply *reply, struct err *err)
{
	int rc = hash_sent(req, err);

	if (rc == 0)
		rc = write_part(req, reply, err);
	if (rc == 0)
		unlock(req);
	return rc;
}

const struct op userpass_user_ops[] = {
	{
		.path = "users",
		.verb = OP_LIST,
		.handler = record_list,
		.record = &userpass_user_record,
		.summary = "List users.",
	},
	{
		.path = "users/:username",
		.verb = OP_READ,
		.handler = record_read,
		.record = &userpass_user_record,
		.summary = "Read a user.",
		.text = "The password is not shown, in no form.",
	},
	{
		.path = "users/:username",
		.verb = OP_UPDATE,
		.flags = OP_EXISTENCE | OP_SLOW,
		.handler = write_user,
		.exists = record_exists,
		.record = &userpass_user_record,
		.summary = "Create a user, or change what is sent of one.",
		.text = "A new password ends the refusal of logins that failed too often.",
		.errors = { { 400, "a new user without a password" } },
	},
	{
		.path = "users/:username",
		.verb = OP_DELETE,
		.handler = record_delete,
		.record = &userpass_user_record,
		.summary = "Delete a user.",
		.text = "Its tokens live until their time, and are not renewed.",
	},
	{
		.path = "users/:username/password",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct userpass_user),
		.fields = password_fields,
		.handler = write_password,
		.record = &userpass_user_record,
		.summary = "Change a user's password.",
		.errors = { { 400, "no such user, or no password" } },
	},
	{
		.path = "users/:username/policies",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct userpass_user),
		.fields = policies_fields,
		.handler = write_part,
		.record = &userpass_user_record,
		.summary = "Change a user's policies.",
		.errors = { { 400, "no such user" } },
	},
	OP_END,
};
