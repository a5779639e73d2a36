/*
 * Names are looked up, addresses tried one after the other, sockets bound and
 * deadlines kept by libcurl, whose connection is taken as it stands.
 */
#include "server/outbound/tcp.h"

#include <string.h>

#include <curl/curl.h>

#include "lib/apiclient.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/netaddr.h"

#define HOST_MAX 255
#define KEEPALIVE_IDLE_S 10L
#define KEEPALIVE_INTERVAL_S 5L

int64_t
tcp_deadline(int64_t left_ms)
{
	return clock_boot_ns(clock_system()) + left_ms * CLOCK_NS_PER_MS;
}

int
tcp_left_ms(int64_t deadline_ns)
{
	const int64_t left_ns = deadline_ns - clock_boot_ns(clock_system());

	if (left_ns <= 0)
		return 0;
	return left_ns / CLOCK_NS_PER_MS >= INT_MAX
		? INT_MAX
		: (int)(left_ns / CLOCK_NS_PER_MS) + 1;
}

static bool
is_made_of(const char *text, const char *more)
{
	for (; *text != '\0'; text++)
		if (!((*text >= '0' && *text <= '9') ||
			    ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'z') ||
			    strchr(more, *text) != NULL))
			return false;
	return true;
}

/* The address before a zone ("fe80::1%eth0"), or all of it. */
static struct span
address_part(const char *host)
{
	return span_of(host, strcspn(host, "%"));
}

/* "http://host:port/", an IPv6 address in brackets with its zone escaped. */
static int
write_url(const char *host, int64_t port, struct buf *url)
{
	const struct span address = address_part(host);
	const char *zone = host + address.len;
	struct netaddr addr;
	bool is_literal = netaddr_parse(address, &addr) == 0;

	if (port < 1 || port > UINT16_MAX || host[0] == '\0')
		return ERR_INPUT;
	(void)buf_add_str(url, "http://");
	if (strchr(host, ':') == NULL) {
		if (!is_made_of(host, ".-_"))
			return ERR_INPUT;
		(void)buf_add_str(url, host);
	} else {
		if (!is_literal || !is_made_of(zone, "%.-_"))
			return ERR_INPUT;
		(void)buf_addf(url, "[%.*s", (int)address.len, host);
		if (*zone != '\0')
			(void)buf_addf(url, "%%25%s", zone + 1);
		(void)buf_add_char(url, ']');
	}
	return buf_addf(url, ":%d/", (int)port);
}

int
tcp_check_source(const char *source, struct err *err)
{
	struct netaddr addr;

	if (source[0] == '\0' || netaddr_parse(span_str(source), &addr) == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"\"%.64s\" is no address to connect from", source);
}

static void
set_options(CURL *curl, const char *url, const char *source, int left_ms,
	char *words)
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)left_ms);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
	if (source[0] != '\0')
		curl_easy_setopt(curl, CURLOPT_INTERFACE, source);
}

static int
perform(CURL *curl, const char *words, int *ret_fd, struct err *err)
{
	const CURLcode code = curl_easy_perform(curl);
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (code == CURLE_ABORTED_BY_CALLBACK)
		return err_set(err, ERR_PEER, 502, HALT_WHY);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, ERR_TIMEOUT, 502,
			"no connection was made in time");
	if (code == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
	if (fd == CURL_SOCKET_BAD)
		return err_set(err, ERR_PEER, 502, "%s",
			words[0] != '\0' ? words : curl_easy_strerror(code));
	*ret_fd = fd;
	return 0;
}

int
tcp_connect(const char *host, int64_t port, const char *source,
	int64_t deadline_ns, const struct halt *halt, struct tcp *ret_tcp,
	struct err *err)
{
	char words[CURL_ERROR_SIZE] = "";
	struct tcp tcp = { .fd = -1 };
	const int left_ms = tcp_left_ms(deadline_ns);
	struct buf url;
	int rc = tcp_check_source(source, err);

	if (rc != 0)
		return rc;
	buf_init(&url, 2 * HOST_MAX);
	if (write_url(host, port, &url) != 0) {
		rc = err_set(err, ERR_INPUT, 400,
			"\"%.64s\" port %lld is no place to connect to", host,
			(long long)port);
		goto out;
	}
	if (left_ms == 0) {
		rc = err_set(err, ERR_TIMEOUT, 502,
			"no connection was made in time");
		goto out;
	}
	apiclient_setup();
	tcp.curl = curl_easy_init();
	if (tcp.curl == NULL) {
		rc = err_set_memory(err);
		goto out;
	}
	set_options(tcp.curl, buf_str(&url), source, left_ms, words);
	halt_watch_curl(halt, tcp.curl);
	rc = perform(tcp.curl, words, &tcp.fd, err);
	if (rc == 0)
		*ret_tcp = tcp;
	else
		tcp_close(&tcp);
out:
	buf_clear(&url);
	return rc;
}

void
tcp_close(struct tcp *tcp)
{
	curl_easy_cleanup(tcp->curl);
	*tcp = (struct tcp){ .fd = -1 };
}
