/* A reader of ssh's words that changes as little of them as it can. */
#include "client/sshargs.h"

#include <ctype.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

/* Options of ssh without a value; every other one has one. */
#define NO_VALUE "1246AaCfGgKkMNnqsTtVvXxYy"

/* Characters of a shell, which ssh may hand names to (L67). */
#define NOT_IN_USER "'`\"$;&<>|(){}"
#define NOT_IN_HOST NOT_IN_USER "\\ "

struct reader {
	struct arena *arena;
	struct sshargs args;
	const char *option_port; /* by -o Port: -p wins */
	const char *word_user;   /* as the destination itself has it; "" */
	bool has_p;
};

/* "Name=value" or "Name value", blanks around both; the value, or NULL. */
static const char *
option_value(const char *text, const char *name)
{
	const size_t len = strlen(name);

	text += strspn(text, " \t");
	if (strncasecmp(text, name, len) != 0 ||
		strchr("= \t", text[len]) == NULL || text[len] == '\0')
		return NULL;
	return text + len + strspn(text + len, "= \t");
}

static void
note_option(struct reader *reader, const char *text)
{
	const char *port = option_value(text, "Port");
	const char *user = option_value(text, "User");

	if (port != NULL && reader->option_port == NULL)
		reader->option_port = port;
	if (user != NULL && reader->args.user[0] == '\0')
		reader->args.user = user;
}

static void
note_value(struct reader *reader, char letter, const char *value)
{
	if (letter == 'p' && !reader->has_p) {
		reader->args.port = value;
		reader->has_p = true;
	} else if (letter == 'l' && reader->args.user[0] == '\0') {
		reader->args.user = value;
	} else if (letter == 'o') {
		note_option(reader, value);
	}
}

/* A dash word: letters without value, then perhaps one with. */
static void
read_dash_word(struct reader *reader, int argc, char **argv, int *i)
{
	for (const char *at = argv[*i] + 1; *at != '\0'; at++) {
		if (strchr(NO_VALUE, *at) != NULL)
			continue;
		if (at[1] != '\0')
			note_value(reader, *at, at + 1);
		else if (*i + 1 < argc)
			note_value(reader, *at, argv[++*i]);
		return;
	}
}

/*
 * [literal]:port or a plain host; a bracketed one has to be rewritten for
 * ssh, which knows brackets only in URIs.
 */
static int
split_host(struct reader *reader, const char *text, bool *ret_rewritten)
{
	const char *end;

	*ret_rewritten = text[0] == '[';
	if (text[0] != '[') {
		reader->args.host = text;
		return text[0] != '\0' ? 0 : ERR_INPUT;
	}
	end = strchr(text, ']');
	if (end == NULL || end == text + 1 || (end[1] != '\0' && end[1] != ':'))
		return ERR_INPUT;
	reader->args.host = arena_strndup(
		reader->arena, text + 1, (size_t)(end - text - 1));
	if (end[1] == ':' && !reader->has_p) {
		if (end[2] == '\0')
			return ERR_INPUT;
		reader->args.port = end + 2;
		reader->has_p = true;
	}
	return reader->args.host != NULL ? 0 : ERR_INPUT;
}

/* "-p", port, "user@host" in place of "user@[host]:port". */
static int
rewrite_destination(struct reader *reader, int at)
{
	static char flag[] = "-p";
	struct sshargs *args = &reader->args;
	char **words =
		ARENA_ARRAY(reader->arena, char *, (size_t)args->n_words + 3);
	int n = 0;

	if (words == NULL)
		return ERR_MEMORY;
	if (args->port[0] != '\0') {
		words[n++] = flag;
		words[n++] = arena_strdup(reader->arena, args->port);
	}
	for (int i = 0; i < at; i++)
		words[n++] = args->words[i];
	words[n++] = reader->word_user[0] == '\0'
		? arena_strdup(reader->arena, args->host)
		: arena_printf(reader->arena, "%s@%s", reader->word_user,
			  args->host);
	for (int i = at + 1; i < args->n_words; i++)
		words[n++] = args->words[i];
	args->words = words;
	args->n_words = n;
	return 0;
}

/* user@host. */
static int
read_destination(struct reader *reader, const char *word, bool *ret_rewritten)
{
	const char *sign = strrchr(word, '@');

	if (sign == word)
		return ERR_INPUT;
	if (sign != NULL) {
		reader->word_user = arena_strndup(
			reader->arena, word, (size_t)(sign - word));
		if (reader->word_user == NULL)
			return ERR_MEMORY;
		/* ssh too takes the first that it is told. */
		if (reader->args.user[0] == '\0')
			reader->args.user = reader->word_user;
		word = sign + 1;
	}
	return split_host(reader, word, ret_rewritten);
}

/* Neither an option nor anything to a shell; as OpenSSH 9.6, less '$'. */
static bool
is_good_user(const char *text)
{
	for (const char *at = text; *at != '\0'; at++) {
		if (iscntrl((unsigned char)*at) ||
			strchr(NOT_IN_USER, *at) != NULL ||
			(*at == ' ' && at[1] == '-') ||
			(*at == '\\' && at[1] == '\0'))
			return false;
	}
	return text[0] != '-';
}

static bool
is_good_host(const char *text)
{
	for (const char *at = text; *at != '\0'; at++) {
		if (iscntrl((unsigned char)*at) ||
			strchr(NOT_IN_HOST, *at) != NULL)
			return false;
	}
	return text[0] != '-';
}

/* The place of the destination word, or -1; values noted on the way. */
static int
find_destination(struct reader *reader, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			return i + 1 < argc ? i + 1 : -1;
		if (argv[i][0] != '-' || argv[i][1] == '\0')
			return i;
		read_dash_word(reader, argc, argv, &i);
	}
	return -1;
}

/* Options may follow the destination, up to the command's first word. */
static void
read_later_options(struct reader *reader, int argc, char **argv, int from)
{
	for (int i = from; i < argc; i++) {
		if (argv[i][0] != '-' || strcmp(argv[i], "--") == 0)
			return;
		read_dash_word(reader, argc, argv, &i);
	}
}

int
sshargs_parse(struct arena *arena, int argc, char **argv,
	struct sshargs *ret_args, struct err *err)
{
	struct reader reader = { .arena = arena,
		.word_user = "",
		.args = { .user = "",
			.host = "",
			.port = "",
			.words = argv,
			.n_words = argc } };
	const int at = find_destination(&reader, argc, argv);
	bool rewritten = false;

	if (at < 0 || read_destination(&reader, argv[at], &rewritten) != 0)
		return err_set(err, ERR_INPUT, 400,
			"failed to find a hostname in ssh command \"%.256s\"",
			argc > 0 ? argv[0] : "");
	if (!is_good_host(reader.args.host))
		return err_set(err, ERR_INPUT, 400,
			"hostname contains invalid characters");
	read_later_options(&reader, argc, argv, at + 1);
	if (!is_good_user(reader.args.user) || !is_good_user(reader.word_user))
		return err_set(err, ERR_INPUT, 400,
			"remote username contains invalid characters");
	if (!reader.has_p && reader.option_port != NULL)
		reader.args.port = reader.option_port;
	if (rewritten && rewrite_destination(&reader, at) != 0)
		return err_set_memory(err);
	*ret_args = reader.args;
	return 0;
}

int
sshargs_resolve(
	const char *host, char ret_ip[NETADDR_TEXT_MAX], struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	struct netaddr addr;
	const int code = getaddrinfo(host, NULL, &hints, &list);
	int rc = 0;

	if (code != 0)
		return err_set(err, ERR_INPUT, 400, "lookup %.200s: %s", host,
			gai_strerror(code));
	if (netaddr_from_sockaddr(list->ai_addr, &addr) != 0)
		rc = err_set(err, ERR_INPUT, 400,
			"lookup %.200s: no IP address", host);
	else
		netaddr_format(&addr, ret_ip);
	freeaddrinfo(list);
	return rc;
}
