/* As ssh's destination, and host:port besides, which ssh takes for a host. */
#include "client/target_dest.h"

#include <string.h>

#include "client/sshargs.h"
#include "lib/number.h"

/* The one colon of host:port; NULL: there is none, or it is of an address. */
static const char *
find_port(const char *host)
{
	const char *colon = strchr(host, ':');

	return colon != NULL && strchr(colon + 1, ':') == NULL ? colon : NULL;
}

static int
read_port(
	const char *text, const char *port, int64_t *ret_port, struct err *err)
{
	if (number_parse_i64(span_str(port), 1, UINT16_MAX, ret_port) == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400, "invalid port in \"%.256s\"", text);
}

int
target_dest_parse(struct arena *arena, const char *text,
	struct target_dest *ret_dest, struct err *err)
{
	char *word = arena_strdup(arena, text);
	struct target_dest dest = { .port = 0 };
	struct sshargs args;
	const char *colon;
	int rc;

	if (word == NULL)
		return err_set_memory(err);
	if (text[0] == '-' || text[0] == '\0' ||
		sshargs_parse(arena, 1, &word, &args, NULL) != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid target \"%.256s\": it is [user@]host[:port]",
			text);
	dest.user = args.user;
	dest.host = args.host;
	if (args.port[0] != '\0') {
		rc = read_port(text, args.port, &dest.port, err);
		if (rc != 0)
			return rc;
	} else if ((colon = find_port(dest.host)) != NULL) {
		rc = read_port(text, colon + 1, &dest.port, err);
		if (rc != 0)
			return rc;
		dest.host = arena_strndup(
			arena, dest.host, (size_t)(colon - dest.host));
	}
	if (dest.host == NULL)
		return err_set_memory(err);
	if (dest.host[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"invalid target \"%.256s\": it is [user@]host[:port]",
			text);
	*ret_dest = dest;
	return 0;
}
