/* Which profiles there are, and whose names every one of them takes. */
#include "server/engines/ssh/profiles/profile.h"

#include <string.h>

#include "server/engines/ssh/profiles/profile_step.h"

#define NAME_MAX_LEN 32
#define FIRST "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define OTHER FIRST "0123456789.-"

const struct profile *const profiles[] = {
	&profile_linux,
	&profile_routeros,
	&profile_routeros_rest,
	&profile_truenas,
	&profile_console_server,
	&profile_script,
	&profile_generic,
	NULL,
};

const struct profile *
profile_find(const char *name)
{
	for (size_t i = 0; profiles[i] != NULL; i++) {
		if (strcmp(profiles[i]->name, name) == 0)
			return profiles[i];
	}
	return NULL;
}

int
profile_check_user(const char *username, struct err *err)
{
	size_t len = strspn(username, FIRST) > 0 ? strspn(username, OTHER) : 0;

	if (len > 0 && len <= NAME_MAX_LEN &&
		strcmp(username + len, username[len] == '$' ? "$" : "") == 0)
		return 0;
	return err_set(
		err, ERR_INPUT, 400, "Username is not valid for dynamic type");
}

static bool
is_digit(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		(c >= 'A' && c <= 'Z');
}

/* How many digits of base62 text begins with. */
static size_t
count_digits(struct span text)
{
	size_t n = 0;

	while (n < text.len && is_digit(text.data[n]))
		n++;
	return n;
}

/* A tag that begins at text; len 0: none does. */
static struct span
tag_at(struct span text)
{
	const size_t server = strlen(PROFILE_TAG);
	const size_t lease = server + PROFILE_TAG_SERVER_DIGITS + 1;
	const size_t len = lease + PROFILE_TAG_LEASE_DIGITS;

	if (!span_has_prefix(text, span_str(PROFILE_TAG)) || text.len < len ||
		count_digits(span_skip(text, server)) !=
			PROFILE_TAG_SERVER_DIGITS ||
		text.data[lease - 1] != ':' ||
		count_digits(span_skip(text, lease)) !=
			PROFILE_TAG_LEASE_DIGITS ||
		(len < text.len && strchr(" \t\r\n\"", text.data[len]) == NULL))
		return SPAN_NONE;
	return span_of(text.data, len);
}

struct span
profile_find_tag(struct span text)
{
	struct span found = SPAN_NONE;

	for (size_t i = 0; i < text.len; i++) {
		const struct span tag = tag_at(span_skip(text, i));

		if (tag.len > 0)
			found = tag;
	}
	return found;
}
