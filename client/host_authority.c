/* Asks public_key, which needs no policy and has both keys of a rotation. */
#include "client/host_authority.h"

#include <string.h>

#define FAILURE "failed to get host signing key"

static const char *
mark_lines(struct arena *arena, const char *patterns, const char *keys,
	const char *comment)
{
	const char *lines = "";

	while (*keys != '\0' && lines != NULL) {
		const size_t len = strcspn(keys, "\n");

		if (len > 0)
			lines = arena_printf(arena,
				"%s@cert-authority %s %.*s%s%s\n", lines,
				patterns, (int)len, keys,
				comment[0] != '\0' ? " " : "", comment);
		keys += len + (keys[len] == '\n');
	}
	return lines;
}

int
host_authority_lines(struct cli *cli, const char *mount_point,
	const char *patterns, const char *comment, const char **ret_lines)
{
	const char *mount = cli_clean_path(cli, mount_point);
	const char *keys;
	struct err err = { 0 };
	bool good;

	cli->takes_text = true;
	good = cli_call(cli, "GET",
		arena_printf(cli->arena, "%s/public_key", mount), NULL, &err);
	cli->takes_text = false;
	if (!good)
		return cli_fail(FAILURE, &err);
	keys = arena_strndup(
		cli->arena, cli->answer.body.data, cli->answer.body.len);
	if (keys == NULL)
		return EXIT_SERVER;
	*ret_lines = mark_lines(cli->arena, patterns, keys, comment);
	if (*ret_lines == NULL)
		return EXIT_SERVER;
	if ((*ret_lines)[0] != '\0')
		return EXIT_DONE;
	(void)err_set(&err, ERR_PEER, 0, "host signing key is empty");
	return cli_fail(FAILURE, &err);
}
