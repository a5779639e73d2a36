/* The bytes and labels of principals. */
#include "server/engines/ssh/records/principal.h"

#include <string.h>

#include "lib/netaddr.h"

#define USER_MAX 255
#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63

bool
principal_is_user(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > USER_MAX)
		return false;
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text > '~' ||
			strchr(",\"'\\*?!", *text) != NULL)
			return false;
	}
	return true;
}

static bool
is_label(const char *text, size_t len)
{
	if (len == 0 || len > DNS_LABEL_MAX || text[0] == '-' ||
		text[len - 1] == '-')
		return false;
	return strspn(text,
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") >=
		len;
}

static bool
is_dns_name(const char *text)
{
	if (strlen(text) > DNS_NAME_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(text, ".");

		if (!is_label(text, len))
			return false;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

static bool
is_address(const char *text)
{
	struct netaddr addr;

	return netaddr_parse(span_str(text), &addr) == 0;
}

bool
principal_is_pattern(const char *text)
{
	return text[0] == '*' && text[1] == '.' && is_dns_name(text + 2);
}

bool
principal_is_host(const char *text)
{
	return is_dns_name(text) || is_address(text) ||
		principal_is_pattern(text);
}

bool
principal_is_below(const char *text, const char *domain)
{
	size_t len = strlen(text), tail = strlen(domain);

	return tail > 0 && len > tail + 1 && text[len - tail - 1] == '.' &&
		strcmp(text + len - tail, domain) == 0 && !is_address(text);
}
