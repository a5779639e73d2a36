/* Options of a key, read as sshd's auth-options.c does, and no more loosely. */
#include "server/engines/ssh/dynamic/key_options.h"

#include <strings.h>

#define IN_NAME                                                                \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-@._"

/* auth-options.c of OpenSSH 10; values are not looked into. */
static const char *const known[] = { "agent-forwarding", "cert-authority",
	"command", "environment", "expiry-time", "from", "no-agent-forwarding",
	"no-port-forwarding", "no-pty", "no-touch-required", "no-user-rc",
	"no-x11-forwarding", "permitlisten", "permitopen", "port-forwarding",
	"principals", "pty", "restrict", "touch-required", "tunnel", "user-rc",
	"verify-required", "x11-forwarding" };

static int
refuse(struct err *err, const char *why)
{
	return err_set(
		err, ERR_INPUT, 400, "invalid key_option_specs: %s", why);
}

/* Behind the quote that ends a value; NULL: there is none. */
static const char *
skip_value(const char *at)
{
	for (; *at != '\0' && *at != '"'; at++) {
		if (at[0] == '\\' && at[1] == '"')
			at++;
	}
	return *at == '"' ? at + 1 : NULL;
}

static int
check_option(const char **at, struct err *err)
{
	const size_t len = strspn(*at, IN_NAME);

	if (len == 0)
		return refuse(err, "an option's name is missing");
	*at += len;
	if (**at == '=') {
		if ((*at)[1] != '"')
			return refuse(err, "a value needs double quotes");
		*at = skip_value(*at + 2);
		if (*at == NULL)
			return refuse(err, "a quote is not closed");
	}
	return 0;
}

int
key_options_check(const char *text, struct err *err)
{
	const char *at = text;
	int rc = 0;

	for (; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' || *at == '\x7f')
			return refuse(err, "it has a control character");
	}
	at = text;
	if (*at == '\0')
		return 0;
	for (rc = check_option(&at, err); rc == 0 && *at == ',';
		rc = check_option(&at, err))
		at++;
	if (rc == 0 && *at != '\0')
		rc = refuse(err,
			"a blank or another mark stands outside of quotes");
	return rc;
}

/*
 * Walk checked options: start with *pos = 0; true while there was one. The
 * value is as written between its quotes; data NULL: none.
 */
static bool
next_option(const char *text, size_t *pos, struct span *ret_name,
	struct span *ret_value)
{
	const char *at = text + *pos;
	const size_t len = strspn(at, IN_NAME);
	const char *end;

	if (len == 0)
		return false;
	*ret_name = span_of(at, len);
	*ret_value = SPAN_NONE;
	at += len;
	if (at[0] == '=' && at[1] == '"' &&
		(end = skip_value(at + 2)) != NULL) {
		*ret_value = span_of(at + 2, (size_t)(end - 1 - (at + 2)));
		at = end;
	}
	*pos = (size_t)(at - text) + (*at == ',');
	return true;
}

static bool
is_name(struct span span, const char *name)
{
	return span.len == strlen(name) &&
		strncasecmp((const char *)span.data, name, span.len) == 0;
}

bool
key_options_have(const char *text, const char *name)
{
	struct span found, value;
	size_t pos = 0;

	while (next_option(text, &pos, &found, &value)) {
		if (is_name(found, name))
			return true;
	}
	return false;
}

static bool
is_known(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (is_name(name, known[i]))
			return true;
	}
	return false;
}

struct span
key_options_find_unknown(const char *text)
{
	struct span name, value;
	size_t pos = 0;

	while (next_option(text, &pos, &name, &value)) {
		if (!is_known(name))
			return name;
	}
	return SPAN_NONE;
}
