/* The strict reading of a server's first bytes. */
#include "server/outbound/ssh_hello.h"

#include "lib/sshwire.h"

#define LINE_MAX 255 /* RFC 4253 4.2, with CR LF */
#define LINES_BEFORE_MAX 64
#define PACKET_LEN_MAX 35000 /* 6.1 */
#define PADDING_MIN 4
#define KEXINIT 20
#define COOKIE_LEN 16

static bool
is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < ' ' || text.data[i] > '~')
			return false;
	return true;
}

/* A line without its end, taken off the front. */
static int
take_line(struct span *rest, struct span *ret_line)
{
	const uint8_t *end = rest->len == 0
		? NULL
		: memchr(rest->data, '\n',
			  rest->len < LINE_MAX ? rest->len : LINE_MAX);
	struct span line;

	if (end == NULL)
		return rest->len < LINE_MAX ? ERR_ABSENT : ERR_PEER;
	line = span_of(rest->data, (size_t)(end - rest->data));
	*rest = span_skip(*rest, line.len + 1);
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	*ret_line = line;
	return 0;
}

/* Other lines may come before it. */
static int
take_banner(struct span *rest, struct span *ret_banner)
{
	struct span line = SPAN_NONE;
	int rc;

	for (int i = 0; i < LINES_BEFORE_MAX; i++) {
		rc = take_line(rest, &line);
		if (rc != 0)
			return rc;
		if (!span_has_prefix(line, span_str("SSH-")))
			continue;
		if (!is_printable(line) ||
			(!span_has_prefix(line, span_str("SSH-2.0-")) &&
				!span_has_prefix(line, span_str("SSH-1.99-"))))
			return ERR_PEER;
		*ret_banner = line;
		return 0;
	}
	return ERR_PEER;
}

/* The payload of an unencrypted packet (RFC 4253 6), the last there may be. */
static int
take_packet(struct span rest, struct span *ret_payload)
{
	struct sshwire in = sshwire_of(rest);
	const uint32_t len = sshwire_u32(&in);
	const uint8_t padding = sshwire_u8(&in);

	if (in.bad)
		return ERR_ABSENT;
	if (len > PACKET_LEN_MAX || padding < PADDING_MIN ||
		len <= (uint32_t)padding + 1)
		return ERR_PEER;
	if (in.rest.len < len - 1)
		return ERR_ABSENT;
	*ret_payload = span_of(in.rest.data, len - 1 - padding);
	return 0;
}

/* Names by comma, none of them empty; or none at all (RFC 4251 5). */
static bool
is_name_list(struct span list)
{
	bool in_name = false;

	if (list.len == 0)
		return true;
	for (size_t i = 0; i < list.len; i++) {
		if (list.data[i] == ',' && !in_name)
			return false;
		in_name = list.data[i] != ',';
	}
	return in_name && is_printable(list);
}

static int
parse_kexinit(struct span payload, struct ssh_hello *hello)
{
	struct sshwire in = sshwire_of(payload);

	if (sshwire_u8(&in) != KEXINIT)
		return ERR_PEER;
	for (int i = 0; i < COOKIE_LEN; i++)
		(void)sshwire_u8(&in);
	for (int i = 0; i < SSH_HELLO_LISTS; i++) {
		hello->lists[i] = sshwire_string(&in);
		if (!is_name_list(hello->lists[i]))
			return ERR_PEER;
	}
	(void)sshwire_u8(&in);  /* whether a guess follows */
	(void)sshwire_u32(&in); /* reserved */
	return sshwire_end(&in) ? 0 : ERR_PEER;
}

int
ssh_hello_parse(struct span bytes, struct ssh_hello *ret_hello)
{
	struct span payload = SPAN_NONE;
	struct ssh_hello hello;
	int rc = take_banner(&bytes, &hello.banner);

	if (rc == 0)
		rc = take_packet(bytes, &payload);
	if (rc == 0)
		rc = parse_kexinit(payload, &hello);
	if (rc == 0)
		*ret_hello = hello;
	return rc;
}
