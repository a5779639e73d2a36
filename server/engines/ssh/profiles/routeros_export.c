/*
 * The script is the same twice over: a user, a group or a key that is there is
 * left alone. It works on version 6 too, which has no /file add.
 */
#include "server/engines/ssh/profiles/routeros_export.h"

#include <string.h>

#include "server/engines/ssh/profiles/profile_template.h"

/* What it waits for first: at a first start nothing is there yet. */
#define DELAY_RSC "30s"
#define DELAY_ALTER "2s"

static const char script[] =
	"# Sallyport: admin user {user} of target {target}\n"
	"# Nobody needs the password: log in by the key. Errors are in /log.\n"
	":delay {delay}\n"
	":if ([:len [/user group find where name={user}]] = 0) do={"
	"/user group add name={user} policy=ssh,ftp,read,write,policy,test}\n"
	":if ([:len [/user find where name={user}]] = 0) do={"
	"/user add name={user} group={user} password={password}}\n"
	":if ([:len [/user ssh-keys find where user={user}]] = 0) do={\n"
	"/file print file=\"sallyport-admin\"\n"
	":delay 2s\n"
	"/file set \"sallyport-admin.txt\" contents={public_key}\n"
	":delay 2s\n"
	"/user ssh-keys import public-key-file=\"sallyport-admin.txt\" "
	"user={user}\n"
	"}\n"
	"/ip ssh set strong-crypto=yes\n"
	":log info \"Sallyport: the user and its key are there\"\n";

int
routeros_export_format(const struct routeros_export *export,
	struct arena *arena, const char **ret_text, struct err *err)
{
	const char *const values[][2] = {
		{ "target", export->target },
		{ "user", export->user },
		{ "password", export->password },
		{ "public_key", export->public_key },
		{ "delay", export->is_alter ? DELAY_ALTER : DELAY_RSC },
	};
	struct str_map map = { 0 };
	const char *text = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(values); i++)
		rc = profile_template_set(
			&map, values[i][0], values[i][1], arena, err);
	if (rc == 0)
		rc = profile_template_fill(
			script, PROFILE_IN_ROUTEROS, &map, arena, &text, err);
	if (rc != 0)
		return rc;
	if (strlen(text) > ROUTEROS_EXPORT_MAX)
		return err_set(err, ERR_INPUT, 400,
			"the script is longer than the %d bytes that a device takes: give the target a smaller key",
			ROUTEROS_EXPORT_MAX);
	*ret_text = text;
	return 0;
}
