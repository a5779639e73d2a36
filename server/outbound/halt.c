/* An eventfd for those that poll, a flag for those that are asked. */
#include "server/outbound/halt.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <curl/curl.h>

int
halt_open(struct halt *halt, struct err *err)
{
	atomic_init(&halt->is_on, false);
	halt->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return halt->fd >= 0 ? 0 : err_set_errno(err, "an eventfd");
}

void
halt_close(struct halt *halt)
{
	if (halt->fd >= 0)
		(void)close(halt->fd);
	halt->fd = -1;
}

void
halt_set(struct halt *halt, bool is_on)
{
	eventfd_t n;

	if (atomic_exchange(&halt->is_on, is_on) == is_on)
		return;
	if (is_on)
		(void)eventfd_write(halt->fd, 1);
	else
		(void)eventfd_read(halt->fd, &n);
}

bool
halt_is_on(const struct halt *halt)
{
	return atomic_load(&halt->is_on);
}

static int
ask(void *ctx, UNUSED curl_off_t to_get, UNUSED curl_off_t got,
	UNUSED curl_off_t to_send, UNUSED curl_off_t sent)
{
	return halt_is_on(ctx) ? 1 : 0;
}

void
halt_watch_curl(const struct halt *halt, void *curl)
{
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, halt);
}
