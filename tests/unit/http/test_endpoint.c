/* What the log says of a listener that others can reach (threat T2, L24). */
#include "server/http/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "tests/support/testcert.h"

#define PLAIN "plain HTTP"
#define REKEY "cancel a rekey"

static char directory[] = "/tmp/sallyport-endpoint-XXXXXX";
static char cert[64], key[64];

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(cert, sizeof(cert), "%s/cert", directory);
	(void)snprintf(key, sizeof(key), "%s/key", directory);
	return testcert_write(cert, key, "localhost") ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(cert);
	(void)unlink(key);
	return rmdir(directory);
}

/* What is logged while a listener opens; until the next call. */
static const char *
log_of(const struct listener_settings *settings)
{
	static char text[4096];
	struct endpoint endpoint;
	struct err err = { 0 };
	int fd = memfd_create("log", MFD_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	log_set_fd(fd);
	assert_int_equal(endpoint_open(&endpoint, settings, 0, &err), 0);
	log_set_fd(STDERR_FILENO);
	endpoint_close(&endpoint);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static void
what_the_network_reaches_is_warned_of(void **state)
{
	static const struct {
		const char *address;
		bool plain, rekey, warns_plain, warns_rekey;
	} rows[] = {
		{ "0.0.0.0:0", true, false, true, false },
		{ ":0", true, false, true, false },
		{ "0.0.0.0:0", true, true, true, true },
		{ "0.0.0.0:0", false, true, false, true },
		{ "0.0.0.0:0", false, false, false, false },
		{ "127.0.0.1:0", true, true, false, false },
		{ "127.0.0.9:0", true, true, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct listener_settings settings = {
			.type = "tcp",
			.address = rows[i].address,
			.tls_disable = rows[i].plain,
			.tls_cert_file = rows[i].plain ? NULL : cert,
			.tls_key_file = rows[i].plain ? NULL : key,
			.unauthenticated_rekey = rows[i].rekey,
		};
		const char *text = log_of(&settings);

		assert_int_equal(
			strstr(text, PLAIN) != NULL, rows[i].warns_plain);
		assert_int_equal(
			strstr(text, REKEY) != NULL, rows[i].warns_rekey);
		if (text[0] != '\0')
			assert_non_null(strstr(text, rows[i].address));
	}
}

static void
a_unix_socket_is_not(void **state)
{
	char path[80];
	const struct listener_settings settings = {
		.type = "unix", .path = path, .unauthenticated_rekey = true
	};

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/socket", directory);
	assert_string_equal(log_of(&settings), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_network_reaches_is_warned_of),
		cmocka_unit_test(a_unix_socket_is_not),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
