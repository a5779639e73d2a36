/* Word to the service manager arrives, or nothing happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/main/notify.h"

/* An abstract name: nothing is left behind. */
static void
a_listening_manager_gets_the_word(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char name[64], text[64] = "";
	socklen_t len;

	(void)state;
	(void)snprintf(
		name, sizeof(name), "@sallyport-notify-%ld", (long)getpid());
	memcpy(addr.sun_path, name, strlen(name));
	addr.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		strlen(name));
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("READY=1");
	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), 7);
	assert_string_equal(text, "READY=1");
	(void)close(fd);
}

static void
no_manager_is_no_fault(void **state)
{
	char name[200];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	notify_send("READY=1");
	memset(name, 'x', sizeof(name) - 1);
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	notify_send("READY=1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listening_manager_gets_the_word),
		cmocka_unit_test(no_manager_is_no_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
