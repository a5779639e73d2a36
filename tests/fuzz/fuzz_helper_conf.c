/*
 * Any bytes as the helper's configuration: what is taken has an address with
 * the scheme that its mode asks for, a mount, and bounds that hold.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "helper/helper_settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct span text, bool dev)
{
	const char *scheme = dev ? "http://" : "https://";
	struct arena *arena = arena_new(8 * 1024 * 1024);
	struct helper_settings got;
	struct err err = { 0 };

	if (arena == NULL)
		abort();
	if (helper_settings_parse(text, dev, arena, &got, &err) == 0) {
		const char *at =
			got.vault_addr + strspn(got.vault_addr, " ,\t\r\n");

		if (strncasecmp(at, scheme, strlen(scheme)) != 0 ||
			got.ssh_mount_point[0] == '\0' ||
			got.timeout_seconds < 1 || got.timeout_seconds > 100)
			abort();
	} else if (err.message[0] == '\0') {
		abort();
	}
	arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(span_of(data, size), false);
	check(span_of(data, size), true);
	return 0;
}
